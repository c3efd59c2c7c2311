//! `warmfront run`.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

use super::{logging, node};

/// Serves by the configuration at `config`, or at a default place.
pub(crate) fn run(config: Option<PathBuf>) -> ExitCode {
    serve(&super::file(config), || tracing::info!("serving"))
}

/// Serves by the configuration in a file; `serving` is called when every socket is open.
pub(crate) fn serve(file: &Path, serving: impl FnOnce()) -> ExitCode {
    let config = match super::load(file) {
        Ok(config) => config,
        Err(problems) => return super::fail(&problems),
    };
    logging::start(&config.log);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(config.listen.workers.get())
        .thread_name("edge")
        .enable_all()
        .build();
    let runtime = match runtime {
        Ok(runtime) => runtime,
        Err(error) => return super::fail(&[error]),
    };
    let served = runtime.block_on(async {
        let stop = stop_signal().map_err(|error| vec![error.to_string()])?;
        let node = node::assemble(config)?;
        serving();
        node.serve(stop).await.map_err(|error| vec![error])
    });
    // What still runs was given its time.
    runtime.shutdown_background();
    match served {
        Ok(()) => ExitCode::SUCCESS,
        Err(problems) => super::fail(&problems),
    }
}

/// Turns true at SIGTERM or Ctrl-C. A second one ends the process at once.
fn stop_signal() -> std::io::Result<watch::Receiver<bool>> {
    let (mut terminate, mut interrupt) =
        (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let (stop, stopped) = watch::channel(false);
    tokio::spawn(async move {
        for last in [false, true] {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
            if last {
                exit_now();
            }
            tracing::info!("stopping: requests under way may finish");
            let _ = stop.send(true);
        }
    });
    Ok(stopped)
}

#[expect(clippy::exit, reason = "asked twice, the node does not wait for its clients")]
fn exit_now() -> ! {
    std::process::exit(1)
}
