//! `warmfront demo`: a node with everything around it, in one process.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use warmfront_demo::Options;

/// Try it: a bucket with a small app, two app servers and a development certificate, embedded.
#[derive(Debug, Args)]
pub(crate) struct Demo {
    /// Where the demo keeps its files [default: ~/.cache/warmfront-demo].
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
    /// The port for HTTP; 0 is any free one.
    #[arg(long, value_name = "PORT", default_value_t = 8080)]
    http: u16,
    /// The port for HTTPS.
    #[arg(long, value_name = "PORT", default_value_t = 8443)]
    https: u16,
    /// The port for the control API.
    #[arg(long, value_name = "PORT", default_value_t = 9900)]
    admin: u16,
    /// The port for the embedded bucket.
    #[arg(long, value_name = "PORT", default_value_t = 9910)]
    bucket: u16,
    /// The ports for the two app servers.
    #[arg(long, value_names = ["PORT", "PORT"], num_args = 2, default_values_t = [9911, 9912])]
    apps: Vec<u16>,
    /// Keeps the one of all commands out of the help: it is refused here.
    #[arg(long, hide = true)]
    config: Option<PathBuf>,
}

impl Demo {
    pub(crate) fn run(self) -> ExitCode {
        let dir = self.dir.unwrap_or_else(default_dir);
        let mut options = Options::new(dir);
        (options.http, options.https, options.admin) = (self.http, self.https, self.admin);
        options.bucket = self.bucket;
        if let [first, second] = *self.apps {
            options.apps = [first, second];
        }
        // The demo's own servers run on threads of their own, as they would on other machines.
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("demo")
            .enable_all()
            .build();
        let runtime = match runtime {
            Ok(runtime) => runtime,
            Err(error) => return super::fail(&[error]),
        };
        let started = warmfront_demo::Demo::start(options, warmfront_proxy::now());
        let demo = match runtime.block_on(started) {
            Ok(demo) => demo,
            Err(error) => return super::fail(&[error]),
        };
        let exe = std::env::current_exe().unwrap_or_else(|_| PathBuf::from("warmfront"));
        let greeting = demo.greeting(&exe.to_string_lossy());
        super::run::serve(&demo.config_path(), || super::say(&greeting))
    }
}

/// Where the demo is, if nobody says.
fn default_dir() -> PathBuf {
    let home = std::env::var_os("HOME").filter(|home| !home.is_empty());
    warmfront_demo::Demo::default_dir(home.as_deref().map(Path::new), &std::env::temp_dir())
}
