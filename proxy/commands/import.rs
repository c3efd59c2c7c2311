//! `warmfront import`: a CloudFront distribution as a configuration.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use warmfront_config::{IMPORT_BYTES_MAX, PolicyFile};

/// Turn what `aws cloudfront get-distribution` prints into a configuration.
///
/// What get-distribution-config prints is taken too; the distribution's id is not in it.
/// What has no counterpart is a comment in it; nothing is left out. Behind the distribution may
/// stand the policies that it names, as `aws cloudfront get-cache-policy`,
/// get-origin-request-policy and get-response-headers-policy print them.
#[derive(Debug, Args)]
pub(crate) struct Import {
    /// The distribution, as JSON [default: standard input, `-` too].
    #[arg(value_name = "DISTRIBUTION")]
    distribution: Option<PathBuf>,
    /// Policies that it names, as JSON.
    #[arg(value_name = "POLICY")]
    policies: Vec<PathBuf>,
    /// Keeps the one of all commands out of the help: it is refused here.
    #[arg(long, hide = true)]
    config: Option<PathBuf>,
}

impl Import {
    pub(crate) fn run(&self) -> ExitCode {
        match self.page() {
            Ok(page) => {
                super::say(page.trim_end());
                ExitCode::SUCCESS
            }
            Err(sentence) => super::fail(&[sentence]),
        }
    }

    fn page(&self) -> Result<String, String> {
        let distribution = self.distribution.as_deref().unwrap_or_else(|| Path::new("-"));
        let text = read(distribution)?;
        let policy = |path: &PathBuf| {
            PolicyFile::parse(&read(path)?).map_err(|error| format!("{}: {error}", name(path)))
        };
        let policies: Vec<_> = self.policies.iter().map(policy).collect::<Result<_, _>>()?;
        warmfront_config::import(&text, &policies)
            .map_err(|error| format!("{}: {error}", name(distribution)))
    }
}

/// A file's text, or standard input's; one byte more than is taken, so that it is told.
fn read(path: &Path) -> Result<String, String> {
    let told = |error: &dyn std::fmt::Display| format!("{}: {error}", name(path));
    let source: Box<dyn Read> = match path.to_str() {
        Some("-") => Box::new(io::stdin().lock()),
        _ => Box::new(File::open(path).map_err(|error| told(&error))?),
    };
    let mut bytes = Vec::new();
    let most = u64::try_from(IMPORT_BYTES_MAX).unwrap_or(u64::MAX);
    source.take(most.saturating_add(1)).read_to_end(&mut bytes).map_err(|error| told(&error))?;
    if bytes.len() > IMPORT_BYTES_MAX {
        return Err(told(&warmfront_config::ImportError::TooLarge));
    }
    let not_utf8 = "is not UTF-8, which JSON is written in (a shell may have redirected UTF-16)";
    String::from_utf8(bytes).map_err(|_| told(&not_utf8))
}

fn name(path: &Path) -> String {
    match path.to_str() {
        Some("-") => "standard input".to_owned(),
        _ => path.display().to_string(),
    }
}
