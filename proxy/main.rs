//! warmfront: a CDN node in one binary.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::{CommandFactory as _, Parser, Subcommand};
use tikv_jemallocator::Jemalloc;
use warmfront_control::ENVIRONMENT;

mod commands;

/// A node's memory is its cache. jemalloc gives what was freed back to the system, after an
/// invalidation of everything too, where glibc and mimalloc keep most of it.
#[global_allocator]
static ALLOCATOR: Jemalloc = Jemalloc;

/// A self-hosted CDN node: what CloudFront, a load balancer and a certificate manager do, in one hop.
#[derive(Debug, Parser)]
#[command(version, propagate_version = true)]
struct CommandLine {
    /// The configuration file [default: ./warmfront.toml, else /etc/warmfront/warmfront.toml].
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve until SIGTERM or Ctrl-C, then finish what is under way.
    Run,
    /// Print every problem of the configuration; exit 1 if there is one.
    Check(commands::check::Check),
    /// Try it: a bucket with a small app, two app servers and a development certificate, embedded.
    Demo(commands::demo::Demo),
    /// Take stored responses out of service.
    #[command(after_help = ENVIRONMENT)]
    Invalidate(warmfront_control::Invalidate),
    /// Tell which invalidations there were, or what became of one.
    #[command(after_help = ENVIRONMENT)]
    Invalidations(warmfront_control::Invalidations),
    /// Tell what a request would meet now, and why it would be a hit or a miss.
    #[command(after_help = ENVIRONMENT)]
    Inspect(warmfront_control::Inspect),
    /// Make, show, rotate and revoke access keys.
    #[command(after_help = ENVIRONMENT)]
    Keys {
        #[command(subcommand)]
        order: warmfront_control::Keys,
    },
    /// Tell how a running node is: whether it is ready, its sites, its certificates, its targets.
    #[command(after_help = ENVIRONMENT)]
    Status(warmfront_control::Status),
    /// Turn what `aws cloudfront get-distribution` prints into a configuration.
    Import(commands::import::Import),
}

fn main() -> ExitCode {
    // Before anything asks rustls for a provider: Pingora would settle on another one.
    let provider = rustls::crypto::aws_lc_rs::default_provider();
    if provider.install_default().is_err() {
        return commands::fail(&["a TLS provider was installed before main"]);
    }
    let CommandLine { config, command } = CommandLine::parse();
    if config.is_some() && matches!(command, Command::Demo(_) | Command::Import(_)) {
        let message = "`demo` and `import` read no configuration: leave out --config";
        CommandLine::command().error(ErrorKind::ArgumentConflict, message).exit();
    }
    match command {
        Command::Run => commands::run::run(config),
        Command::Check(check) => check.run(config),
        Command::Demo(demo) => demo.run(),
        Command::Invalidate(order) => commands::invalidate(&order, config),
        Command::Invalidations(order) => commands::invalidations(&order, config),
        Command::Inspect(order) => commands::inspect(&order, config),
        Command::Keys { order } => commands::keys(&order, config),
        Command::Status(order) => commands::status(&order, config),
        Command::Import(import) => import.run(),
    }
}
