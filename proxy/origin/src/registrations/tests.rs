use super::*;

fn database(dir: &tempfile::TempDir) -> Arc<Database> {
    Database::open(dir.path()).unwrap()
}

fn name(host: &str) -> TargetName {
    TargetName { host: host.to_owned(), port: 8080 }
}

fn entry(host: &str, weight: u16, tier: u8) -> TargetEntry {
    TargetEntry { name: name(host), weight, tier }
}

fn written() -> Vec<TargetEntry> {
    vec![entry("10.0.0.1", 1, 0), entry("10.0.0.2", 1, 0), entry("fd00::3", 5, 1)]
}

fn changes() -> Changes {
    Changes {
        registered: vec![entry("10.0.0.9", 7, 0), entry("10.0.0.1", 999, 255)],
        drained: vec![name("10.0.0.2"), name("10.0.0.9")],
        removed: vec![name("fd00::3")],
    }
}

#[test]
fn what_was_recorded_is_there_after_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let first = Registrations::open(database(&dir)).unwrap();
    assert_eq!(first.load("app", &written()).unwrap(), Changes::default());
    first.record("app", &written(), &Changes::default()).unwrap();
    first.record("app", &written(), &changes()).unwrap();
    drop(first);
    let again = Registrations::open(database(&dir)).unwrap();
    assert_eq!(again.load("app", &written()).unwrap(), changes());
    assert_eq!(again.load("other", &written()).unwrap(), Changes::default());
}

#[test]
fn the_newest_record_is_the_only_one_and_an_empty_one_is_none() {
    let dir = tempfile::tempdir().unwrap();
    let registrations = Registrations::open(database(&dir)).unwrap();
    let fewer = Changes { registered: vec![entry("10.0.0.9", 1, 0)], ..Changes::default() };
    for recorded in [changes(), fewer, Changes::default(), changes()] {
        registrations.record("app", &written(), &recorded).unwrap();
        assert_eq!(registrations.load("app", &written()).unwrap(), recorded);
    }
}

#[test]
fn the_files_targets_win_after_a_change_of_the_file() {
    let [a, b, c] = <[_; 3]>::try_from(written()).unwrap();
    let heavier = entry("10.0.0.1", 2, 0);
    let lower = entry("fd00::3", 5, 0);
    let mut elsewhere = b.clone();
    elsewhere.name.port = 8081;
    for (file, holds) in [
        (vec![a.clone(), b.clone(), c.clone()], true),
        (vec![c.clone(), a.clone(), b.clone()], true),
        (vec![a.clone(), b.clone()], false),
        (vec![a.clone(), b.clone(), c.clone(), entry("10.0.0.4", 1, 0)], false),
        (vec![a.clone(), b.clone(), c.clone(), c.clone()], false),
        (vec![heavier, b.clone(), c.clone()], false),
        (vec![a.clone(), b, lower], false),
        (vec![a, elsewhere, c], false),
        (vec![], false),
    ] {
        let dir = tempfile::tempdir().unwrap();
        let registrations = Registrations::open(database(&dir)).unwrap();
        registrations.record("app", &written(), &changes()).unwrap();
        let expected = if holds { changes() } else { Changes::default() };
        assert_eq!(registrations.load("app", &file).unwrap(), expected, "{file:?}");
        // Putting the file back does not bring back what has been dropped.
        assert_eq!(registrations.load("app", &written()).unwrap(), expected, "{file:?}");
    }
}

#[test]
fn what_came_in_the_meantime_is_not_dropped_with_the_old() {
    let dir = tempfile::tempdir().unwrap();
    let registrations = Registrations::open(database(&dir)).unwrap();
    registrations.record("app", &written(), &changes()).unwrap();
    registrations.forget("app", b"an older record").unwrap();
    assert_eq!(registrations.load("app", &written()).unwrap(), changes());
}

#[test]
fn origins_that_the_file_no_longer_has_are_forgotten() {
    let dir = tempfile::tempdir().unwrap();
    let registrations = Registrations::open(database(&dir)).unwrap();
    for origin in ["app", "api", "old"] {
        registrations.record(origin, &written(), &changes()).unwrap();
    }
    registrations.forget_all_but(&["app", "api", "new"]).unwrap();
    registrations.forget_all_but(&["api", "app"]).unwrap();
    for kept in ["app", "api"] {
        assert_eq!(registrations.load(kept, &written()).unwrap(), changes(), "{kept}");
    }
    assert_eq!(registrations.load("old", &written()).unwrap(), Changes::default());
}

#[test]
fn the_key_of_cookies_is_one_over_restarts_and_none_but_this_nodes() {
    let dir = tempfile::tempdir().unwrap();
    let first = Registrations::open(database(&dir)).unwrap();
    let key = first.sticky_key().unwrap();
    assert_eq!(first.sticky_key().unwrap(), key);
    drop(first);
    let again = Registrations::open(database(&dir)).unwrap();
    again.forget_all_but(&[]).unwrap();
    assert_eq!(again.sticky_key().unwrap(), key);
    let elsewhere = tempfile::tempdir().unwrap();
    let other = Registrations::open(database(&elsewhere)).unwrap();
    assert_ne!(other.sticky_key().unwrap(), key);
}

#[test]
fn a_record_that_cannot_be_read_names_its_origin() {
    for text in ["", "{", "[]", "{}", r#"{"written":"","registered":[{"name":"a:1"}]}"#] {
        let dir = tempfile::tempdir().unwrap();
        let registrations = Registrations::open(database(&dir)).unwrap();
        let planted = registrations.write(|tx| {
            tx.open_table(REGISTRATIONS)?.insert("app", text.as_bytes())?;
            Ok(())
        });
        planted.unwrap();
        let error = registrations.load("app", &written()).unwrap_err().to_string();
        let sentence = "the registered targets of app are in a form that cannot be read: ";
        assert!(error.starts_with(sentence), "{error}");
        assert_eq!(registrations.load("api", &written()).unwrap(), Changes::default());
    }
}

#[test]
fn a_log_line_says_what_was_changed() {
    assert_eq!(
        changes().to_string(),
        "registered 10.0.0.9:8080 (weight 7, tier 0), registered 10.0.0.1:8080 (weight 999, \
         tier 255), drained 10.0.0.2:8080, drained 10.0.0.9:8080, removed [fd00::3]:8080"
    );
}
