//! warmfront: a CDN node in one binary.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use tikv_jemallocator::Jemalloc;

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
    Invalidate(warmfront_control::Invalidate),
    /// Tell how a running node is: whether it is ready, its certificates, its targets.
    Status(warmfront_control::Status),
    /// Turn what `aws cloudfront get-distribution-config` prints into a configuration.
    Import(commands::import::Import),
}

fn main() -> ExitCode {
    // Before anything asks rustls for a provider: Pingora would settle on another one.
    let provider = rustls::crypto::aws_lc_rs::default_provider();
    if provider.install_default().is_err() {
        return commands::fail(&["a TLS provider was installed before main"]);
    }
    let CommandLine { config, command } = CommandLine::parse();
    match command {
        Command::Run => commands::run::run(config),
        Command::Check(check) => check.run(config),
        Command::Demo(demo) => demo.run(),
        Command::Invalidate(order) => commands::invalidate(&order, config),
        Command::Status(order) => commands::status(&order, config),
        Command::Import(import) => import.run(),
    }
}
