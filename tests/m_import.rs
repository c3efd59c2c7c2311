//! `warmfront import`: what `aws cloudfront` prints about a distribution becomes a configuration.

use std::path::PathBuf;

use crate::support::program::{Ended, told, warmfront};
use crate::support::run;

/// Goal: what comes out can be checked, and nothing is wrong with it but what only its owner has.
/// Method: each sample goes in by its name, and what is printed goes to `check` as a file.
#[test]
fn what_is_imported_passes_check_but_for_certificates_and_keys() {
    run(async {
        for name in ["spa", "api", "legacy", "media"] {
            let imported = import(&[sample(name).to_str().unwrap()], "").await;
            assert_eq!(imported.code, 0, "{name}: {imported:?}");
            let expected = std::fs::read_to_string(sample(name).with_extension("toml")).unwrap();
            assert_eq!(imported.stdout, expected, "{name}");

            let dir = tempfile::tempdir().unwrap();
            let file = dir.path().join("warmfront.toml");
            std::fs::write(&file, &imported.stdout).unwrap();
            let mut check = warmfront();
            let checked = told(check.arg("check").arg("--config").arg(&file), "").await;
            assert_eq!(checked.code, 1, "{name}: {checked:?}");
            for problem in checked.stderr.lines() {
                let only_yours = ["/etc/ssl/", "/etc/warmfront/"];
                assert!(only_yours.iter().any(|it| problem.contains(it)), "{name}: {problem}");
            }
        }
    });
}

#[test]
fn policies_stand_behind_the_distribution() {
    run(async {
        let files =
            ["policies", "policy-cache", "policy-origin-request", "policy-response-headers"];
        let files = files.map(|name| sample(name).display().to_string());
        let imported = import(&files.each_ref().map(String::as_str), "").await;
        assert_eq!(imported.code, 0, "{imported:?}");
        let expected = std::fs::read_to_string(sample("policies").with_extension("toml")).unwrap();
        assert_eq!(imported.stdout, expected);

        let alone = import(&[&files[0]], "").await;
        let command =
            "#   aws cloudfront get-cache-policy --id c0000000-0000-4000-8000-000000000001";
        assert!(alone.stdout.contains(command), "{alone:?}");
    });
}

#[test]
fn standard_input_is_a_distribution_too() {
    run(async {
        let json = std::fs::read_to_string(sample("spa")).unwrap();
        let expected = std::fs::read_to_string(sample("spa").with_extension("toml")).unwrap();
        for files in [&[][..], &["-"]] {
            let imported = import(files, &json).await;
            assert_eq!((imported.code, imported.stdout), (0, expected.clone()));
        }
    });
}

#[test]
fn what_is_no_distribution_fails_in_a_sentence() {
    run(async {
        let spa = sample("spa").display().to_string();
        let rows: [(&[&str], &str, &str); 5] = [
            (&[], "hosts = []", "warmfront: standard input: is not JSON: "),
            (&[], "{}", "warmfront: standard input: is not a distribution: "),
            (&["missing.json"], "", "warmfront: missing.json: "),
            (&[&spa, &spa], "", &format!("warmfront: {spa}: is not a policy: ")),
            (
                &[],
                r#"{"DefaultCacheBehavior": {"TargetOriginId": 5}}"#,
                "warmfront: standard input: DefaultCacheBehavior.TargetOriginId is not a string",
            ),
        ];
        for (files, input, sentence) in rows {
            let ended = import(files, input).await;
            assert_eq!(ended.code, 1, "{ended:?}");
            assert!(ended.stdout.is_empty(), "{ended:?}");
            assert!(ended.stderr.starts_with(sentence), "{sentence}: {ended:?}");
            assert_eq!(ended.stderr.lines().count(), 1, "{ended:?}");
        }
    });
}

async fn import(files: &[&str], input: &str) -> Ended {
    told(warmfront().arg("import").args(files), input).await
}

fn sample(name: &str) -> PathBuf {
    let samples = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("config/src/import/samples");
    samples.join(format!("{name}.json"))
}
