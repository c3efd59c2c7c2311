use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::{Hook, HookError};

const FQDN: &str = "_acme-challenge.example.com";

#[tokio::test]
async fn what_the_program_says_is_the_outcome() {
    let hook = Hook::new(program());
    hook.present(FQDN, "good").await.unwrap();
    hook.cleanup(FQDN, "good").await.unwrap();
    let shown = program().display().to_string();
    for (value, words) in [
        ("bad", "(exit status: 3): no such zone[1m".to_owned()),
        ("loud", format!("(exit status: 1): {} the end", "x".repeat(391))),
    ] {
        let error = hook.present(FQDN, value).await.unwrap_err();
        assert_eq!(error.to_string(), format!("{shown} present failed {words}"));
    }
}

#[tokio::test]
async fn one_that_hangs_is_killed_and_what_it_leaves_is_not_waited_for() {
    let hook = Hook { program: program(), limit: Duration::from_secs(2) };
    let error = hook.cleanup(FQDN, "late").await.unwrap_err();
    assert!(matches!(&error, HookError::Late { words, .. } if words == ": still at it"), "{error}");

    let began = Instant::now();
    Hook::new(program()).present(FQDN, "leaves").await.unwrap();
    assert!(began.elapsed() < Duration::from_secs(5));
}

#[tokio::test]
async fn one_that_is_not_there_is_named() {
    let hook = Hook::new(PathBuf::from("/nowhere/hook"));
    let error = hook.present(FQDN, "good").await.unwrap_err();
    assert_eq!(error.to_string(), "running /nowhere/hook present");
}

#[test]
fn the_key_of_the_api_is_withheld() {
    let hook = Hook::new(program());
    let command = hook.command("present", FQDN, "good");
    let changed: Vec<_> = command.as_std().get_envs().collect();
    assert_eq!(changed, [(OsStr::new("WARMFRONT_KEY"), None)]);
}

fn program() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src/exec/hook.sh")
}
