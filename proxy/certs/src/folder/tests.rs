mod by_hand;

use std::collections::BTreeSet;
use std::os::unix::fs::{MetadataExt as _, symlink};

use super::site::{SiteFolder, Texts};
use super::step::Step;
use super::*;
use crate::Certificate;
use crate::fixtures::{Made, epoch, made};

fn record() -> Record {
    Record {
        authority: "https://acme.example/directory".to_owned(),
        account: "https://acme.example/account/7".to_owned(),
        ordered: epoch(),
    }
}

fn keep(storage: &CertificateFolder, site: &str, made: &Made) -> Stored {
    storage.keep(site, &made.chain, &made.key, &record()).unwrap()
}

/// The first name of what is current.
fn current(storage: &CertificateFolder, site: &str) -> Option<String> {
    let stored = storage.current(site).unwrap();
    stored.map(|stored| stored.certificate.names()[0].clone())
}

/// What stands in the folder of a site.
fn entries(storage: &CertificateFolder, site: &str) -> BTreeSet<String> {
    let entries = fs::read_dir(storage.root.join(site)).unwrap();
    entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

fn opened() -> (tempfile::TempDir, CertificateFolder) {
    let state = tempfile::tempdir().unwrap();
    let storage = CertificateFolder::open(state.path()).unwrap();
    (state, storage)
}

#[test]
fn what_is_kept_is_current_after_a_restart() {
    let (state, storage) = opened();
    assert!(storage.current("www").unwrap().is_none());
    let new = made(&["www.example.com"]);
    let stored = keep(&storage, "www", &new);
    drop(storage);
    let found = CertificateFolder::open(state.path()).unwrap().current("www").unwrap().unwrap();
    assert_eq!(found.record, Some(record()));
    assert_eq!(stored.record, Some(record()));
    assert_eq!(found.certificate.leaf(), stored.certificate.leaf());
    // The paths that do not change, for whoever else needs the pair.
    let live = state.path().join("certs/www/live");
    assert_eq!(fs::read_to_string(live.join("fullchain.pem")).unwrap(), new.chain);
    assert_eq!(fs::read_to_string(live.join("privkey.pem")).unwrap(), new.key);
    let meta = fs::read_to_string(live.join("meta.json")).unwrap();
    assert!(meta.contains(r#""ordered": "2026-05-28T"#), "{meta}");
}

#[test]
fn the_one_before_is_kept_and_what_is_older_goes() {
    let (_state, storage) = opened();
    let serials = ["a.example", "b.example", "c.example"].map(|name| {
        format!("serial-{}", keep(&storage, "www", &made(&[name])).certificate.serial())
    });
    fs::write(storage.root.join("www/notes.txt"), "somebody else's").unwrap();
    fs::create_dir(storage.root.join("www/2026-01-01")).unwrap();
    let again = made(&["d.example"]);
    let serial = format!("serial-{}", keep(&storage, "www", &again).certificate.serial());
    let others = ["live", "notes.txt", "2026-01-01"].map(str::to_owned);
    let expected = |names: &[&String]| -> BTreeSet<String> {
        others.iter().chain(names.iter().copied()).cloned().collect()
    };
    assert_eq!(entries(&storage, "www"), expected(&[&serials[2], &serial]));
    // The same certificate once more has a folder of its own.
    keep(&storage, "www", &again);
    let twice = format!("{serial}-2");
    assert_eq!(entries(&storage, "www"), expected(&[&serial, &twice]));
    assert_eq!(current(&storage, "www"), Some("d.example".to_owned()));
}

/// How the disk stands when a crash comes.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Before {
    Nothing,
    Kept,
    /// By a tool that follows links.
    Restored,
}

type Part<'p> = dyn Fn() -> Vec<Step<'p>> + 'p;

/// Does the first `count` of the steps that keep a certificate, and half of the next, if that writes
/// a file. Whether that was all.
fn crash(storage: &CertificateFolder, made: &Made, count: usize) -> bool {
    let site = SiteFolder::new(&storage.root, "www");
    let certificate = Certificate::from_pem(&made.chain, &made.key).unwrap();
    let name = format!("serial-{}", certificate.serial());
    let json = serde_json::to_string(&record()).unwrap();
    let texts = Texts { chain: &made.chain, key: &made.key, record: &json };
    let mut left = count;
    // Each part is decided on when those before it are done.
    let parts: [&Part<'_>; 5] = [
        &|| site.founding(),
        &|| site.settling(),
        &|| site.sweeping().unwrap(),
        &|| site.filling(&name, texts),
        &|| site.switching(&name),
    ];
    for part in parts {
        for step in part() {
            if left == 0 {
                if let Step::Write(path, content) = step {
                    fs::write(path, &content[..content.len() / 2]).unwrap();
                }
                return false;
            }
            step.run().unwrap();
            left -= 1;
        }
    }
    true
}

#[test]
fn a_crash_after_any_step_leaves_the_old_certificate_or_the_new() {
    let (old, new) = (made(&["old.example"]), made(&["new.example"]));
    let (older, next) = (made(&["older.example"]), made(&["next.example"]));
    for before in [Before::Nothing, Before::Kept, Before::Restored] {
        let was = (before != Before::Nothing).then(|| "old.example".to_owned());
        let mut seen = BTreeSet::new();
        for count in 0.. {
            let (state, storage) = opened();
            if before != Before::Nothing {
                keep(&storage, "www", &older);
                keep(&storage, "www", &old);
            }
            if before == Before::Restored {
                let live = storage.root.join("www/live");
                let target = storage.root.join("www").join(fs::read_link(&live).unwrap());
                fs::remove_file(&live).unwrap();
                fs::rename(target, &live).unwrap();
            }
            let is_whole = crash(&storage, &new, count);
            drop(storage);
            let storage = CertificateFolder::open(state.path()).unwrap();
            let found = current(&storage, "www");
            let is_new = found.as_deref() == Some("new.example");
            assert!(is_new || found == was, "{before:?}, {count} steps: {found:?}");
            assert!(is_new || !is_whole, "{before:?}, {count} steps");
            seen.insert(is_new);
            // And the next one is kept as if nothing had been.
            keep(&storage, "www", &next);
            assert_eq!(current(&storage, "www"), Some("next.example".to_owned()));
            keep(&storage, "www", &next);
            assert_eq!(entries(&storage, "www").len(), 3, "{before:?}, {count} steps");
            if is_whole {
                assert!(count > 7, "a folder, three files and a link take more steps");
                break;
            }
        }
        assert_eq!(seen.len(), 2, "{before:?}");
    }
}

#[test]
fn nothing_is_switched_that_cannot_be_presented() {
    let (_state, storage) = opened();
    let (old, new) = (made(&["old.example"]), made(&["new.example"]));
    keep(&storage, "www", &old);
    let error = storage.keep("www", &new.chain, &old.key, &record()).unwrap_err();
    assert!(error.to_string().starts_with("sites.www: the key cannot be used with"), "{error}");
    // A file stands where the site's folder should be.
    let blocked = storage.root.join("blocked");
    fs::write(&blocked, "").unwrap();
    let error = storage.keep("blocked", &new.chain, &new.key, &record()).unwrap_err();
    assert!(error.to_string().starts_with("sites.blocked: cannot "), "{error}");
    assert_eq!(current(&storage, "www"), Some("old.example".to_owned()));
    assert_eq!(entries(&storage, "www").len(), 2);
}

#[test]
fn a_damaged_certificate_is_named() {
    type Damage = fn(&Path);
    let damages: [(Damage, &str); 4] = [
        (|live| fs::write(live.join("fullchain.pem"), "").unwrap(), "fullchain.pem holds no cert"),
        (|live| fs::remove_file(live.join("privkey.pem")).unwrap(), "privkey.pem: No such file"),
        (
            |live| fs::write(live.join("privkey.pem"), made(&["b.example"]).key).unwrap(),
            "privkey.pem cannot be used with ",
        ),
        (|live| fs::remove_dir_all(fs::canonicalize(live).unwrap()).unwrap(), "fullchain.pem: No"),
    ];
    for (damage, expected) in damages {
        let (_state, storage) = opened();
        keep(&storage, "www", &made(&["a.example"]));
        damage(&storage.root.join("www/live"));
        let sentence = storage.current("www").unwrap_err().to_string();
        assert!(sentence.starts_with("sites.www: "), "{sentence}");
        assert!(sentence.contains(expected), "{sentence}");
        keep(&storage, "www", &made(&["c.example"]));
        assert_eq!(current(&storage, "www"), Some("c.example".to_owned()), "{expected}");
    }
}

#[test]
fn a_certificate_is_good_without_its_record() {
    type Damage = fn(&Path);
    let damages: [Damage; 3] = [
        |meta| fs::remove_file(meta).unwrap(),
        |meta| fs::write(meta, "{}").unwrap(),
        |meta| fs::write(meta, [0xff]).unwrap(),
    ];
    for damage in damages {
        let (_state, storage) = opened();
        let kept = keep(&storage, "www", &made(&["a.example"]));
        damage(&storage.root.join("www/live/meta.json"));
        let found = storage.current("www").unwrap().unwrap();
        assert_eq!(found.record, None);
        assert_eq!(found.certificate.leaf(), kept.certificate.leaf());
    }
}

#[test]
fn the_one_before_is_shown_where_the_last_one_is_damaged() {
    type Damage = fn(&Path);
    let damages: [Damage; 3] = [
        |live| fs::write(live.join("fullchain.pem"), "").unwrap(),
        |live| fs::remove_file(live.join("privkey.pem")).unwrap(),
        |live| fs::remove_dir_all(fs::canonicalize(live).unwrap()).unwrap(),
    ];
    for damage in damages {
        let (_state, storage) = opened();
        keep(&storage, "www", &made(&["older.example"]));
        keep(&storage, "www", &made(&["old.example"]));
        // As a crash leaves it.
        fs::create_dir(storage.root.join("www/serial-FF")).unwrap();
        keep(&storage, "www", &made(&["damaged.example"]));
        damage(&storage.root.join("www/live"));
        let found = storage.current("www").unwrap().unwrap();
        assert_eq!(found.certificate.names(), ["old.example"]);
        assert_eq!(found.record, Some(record()));

        // It is there until the next one is, whatever becomes of that.
        sweep(&storage);
        assert_eq!(current(&storage, "www"), Some("old.example".to_owned()));
        keep(&storage, "www", &made(&["new.example"]));
        assert_eq!(current(&storage, "www"), Some("new.example".to_owned()));
        keep(&storage, "www", &made(&["next.example"]));
        assert_eq!(entries(&storage, "www").len(), 3, "live, the last one and the one before");
    }
}

fn sweep(storage: &CertificateFolder) {
    let site = SiteFolder::new(&storage.root, "www");
    site.sweeping().unwrap().iter().for_each(|step| step.run().unwrap());
}

#[test]
fn nobody_else_can_read_a_key() {
    let state = tempfile::tempdir().unwrap();
    fs::create_dir(state.path().join("certs")).unwrap();
    let storage = CertificateFolder::open(state.path()).unwrap();
    keep(&storage, "www", &made(&["a.example"]));
    storage.keep_pending_key("www", &made(&["a.example"]).key).unwrap();
    let mut folders = vec![storage.root];
    let mut seen = 0;
    while let Some(folder) = folders.pop() {
        assert_eq!(fs::metadata(&folder).unwrap().mode() & 0o7777, 0o700, "{}", folder.display());
        for entry in fs::read_dir(folder).unwrap() {
            let (path, kind) = entry.map(|e| (e.path(), e.file_type().unwrap())).unwrap();
            if kind.is_dir() {
                folders.push(path);
            } else if kind.is_file() {
                seen += 1;
                let mode = fs::metadata(&path).unwrap().mode() & 0o7777;
                assert_eq!(mode, 0o600, "{}", path.display());
            }
        }
    }
    assert_eq!(seen, 5, "three of the certificate, the pending key, and the lock");
}

#[test]
fn one_process_at_a_time() {
    let (state, storage) = opened();
    let error = CertificateFolder::open(state.path()).unwrap_err();
    let expected = "certs is held by another warmfront: one at a time keeps certificates there";
    assert!(error.to_string().ends_with(expected), "{error}");
    drop(storage);
    CertificateFolder::open(state.path()).unwrap();
}

#[test]
fn no_name_of_a_site_leads_out_or_meets_another() {
    let (state, storage) = opened();
    let sites = ["..", ".", "lock", "~lock", "live", "pending.key", "%2E.", "a/b", "", "A.b-c_1"];
    for (n, site) in sites.iter().enumerate() {
        let name = format!("site-{n}.example");
        keep(&storage, site, &made(&[&name]));
        storage.keep_pending_key(site, &made(&[&name]).key).unwrap();
    }
    for (n, site) in sites.iter().enumerate() {
        assert_eq!(current(&storage, site), Some(format!("site-{n}.example")), "{site}");
    }
    // Below the one folder, and each in its own, beside the lock.
    let names: Vec<_> = fs::read_dir(state.path()).unwrap().collect();
    assert_eq!(names.len(), 1);
    assert_eq!(fs::read_dir(&storage.root).unwrap().count(), sites.len() + 1);
    assert!(storage.root.join("A.b-c_1/live").exists(), "a plain name is the folder's own");
}

#[test]
fn the_key_of_an_order_outlives_a_crash() {
    let (state, storage) = opened();
    let (first, second) = (made(&["a.example"]).key, made(&["a.example"]).key);
    assert_eq!(storage.pending_key("www").unwrap(), None);
    storage.drop_pending_key("www").unwrap();
    storage.keep_pending_key("www", &first).unwrap();
    // A crash while the next one was written.
    fs::write(storage.root.join("www/pending.key.new"), "-----BEGIN PRI").unwrap();
    drop(storage);
    let storage = CertificateFolder::open(state.path()).unwrap();
    assert_eq!(storage.pending_key("www").unwrap(), Some(first));
    storage.keep_pending_key("www", &second).unwrap();
    assert_eq!(storage.pending_key("www").unwrap().as_ref(), Some(&second));
    // Keeping a certificate is no reason to forget it: the order is over when its caller says so.
    keep(&storage, "www", &made(&["a.example"]));
    assert_eq!(storage.pending_key("www").unwrap(), Some(second));
    storage.drop_pending_key("www").unwrap();
    assert_eq!(storage.pending_key("www").unwrap(), None);
}

#[test]
fn a_damaged_pending_key_is_as_good_as_none() {
    let (_state, storage) = opened();
    let error = storage.keep_pending_key("www", "no key").unwrap_err();
    assert!(error.to_string().contains("pending.key was not kept as it was written"), "{error}");
    assert_eq!(storage.pending_key("www").unwrap(), None);
    fs::remove_file(storage.root.join("www/pending.key")).unwrap();
    symlink("/nowhere/at/all", storage.root.join("www/pending.key")).unwrap();
    assert_eq!(storage.pending_key("www").unwrap(), None);
}
