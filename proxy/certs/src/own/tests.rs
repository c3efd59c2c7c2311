use std::fs::File;
use std::os::unix::fs::symlink;
use std::time::{Duration, SystemTime};

use warmfront_config::UnknownName;

use super::*;
use crate::Certificates;
use crate::fixtures::{LOCAL, Made, config, made};

/// What is expected of a look.
#[derive(Debug, Clone, Copy)]
enum Look {
    Silent,
    Taken(&'static str),
    Refused(&'static str),
}
use Look::{Refused, Silent, Taken};

struct Scene {
    folder: tempfile::TempDir,
    files: CertificateFiles,
    certificates: Arc<Certificates>,
    clock: u64,
}

impl Scene {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let files = made(&["old.example"]).write(folder.path(), "own");
        Self::of(folder, files)
    }

    fn of(folder: tempfile::TempDir, files: CertificateFiles) -> Self {
        let config = config(vec![files.clone()], UnknownName::Reject);
        let certificates = Certificates::load(&config).unwrap();
        Self { folder, files, certificates, clock: 0 }
    }

    /// Writes in place, at a moment of its own: what is written within a tick of the file system's
    /// clock looks alike.
    fn write(&mut self, path: &Path, content: &str) {
        fs::write(path, content).unwrap();
        self.touch(path);
    }

    fn touch(&mut self, path: &Path) {
        self.clock += 1;
        let moment = SystemTime::UNIX_EPOCH + Duration::from_secs(self.clock);
        File::options().append(true).open(path).unwrap().set_modified(moment).unwrap();
    }

    /// Looks twice: the second look has never anything to say.
    #[track_caller]
    fn look(&self, expected: Look) {
        let found = self.certificates.reload_changed(SystemTime::UNIX_EPOCH);
        match (expected, found.as_slice()) {
            (Silent, []) => {}
            (Taken(name), [Reload { outcome: Ok(presented), .. }]) => {
                assert_eq!(presented.certificate.names(), [name]);
                let shown = self.certificates.find(Some(name), LOCAL).unwrap();
                assert!(Arc::ptr_eq(&shown, presented));
                assert!(Arc::ptr_eq(&self.certificates.own()[0].presented, presented));
            }
            (Refused(sentence), [Reload { outcome: Err(error), files }]) => {
                assert!(error.to_string().starts_with("tls.certificates: "), "{error}");
                assert!(error.to_string().contains(sentence), "{error}");
                assert_eq!(*files, self.files);
            }
            (expected, found) => panic!("{expected:?}, found {found:?}"),
        }
        assert!(self.certificates.reload_changed(SystemTime::UNIX_EPOCH).is_empty());
    }

    #[track_caller]
    fn shows(&self, name: &str) {
        assert!(self.certificates.find(Some(name), LOCAL).is_some(), "{name}");
        assert_eq!(self.certificates.own()[0].presented.certificate.names(), [name]);
    }
}

#[test]
fn files_that_did_not_change_are_not_read_again() {
    let mut scene = Scene::new();
    scene.look(Silent);
    let before = scene.certificates.own()[0].presented.clone();
    let chain = scene.files.chain.clone();
    scene.touch(&chain);
    scene.look(Silent);
    assert!(Arc::ptr_eq(&before, &scene.certificates.own()[0].presented));
}

#[test]
fn files_renamed_over_the_old_ones_are_taken() {
    let scene = Scene::new();
    let new = made(&["new.example"]).write(scene.folder.path(), "new");
    fs::rename(new.chain, &scene.files.chain).unwrap();
    fs::rename(new.key, &scene.files.key).unwrap();
    scene.look(Taken("new.example"));
    assert!(scene.certificates.find(Some("old.example"), LOCAL).is_none());
}

#[test]
fn a_chain_whose_key_comes_later_is_taken_with_it() {
    let mut scene = Scene::new();
    let Made { chain, key } = made(&["new.example"]);
    let files = scene.files.clone();
    scene.write(&files.chain, &chain);
    scene.look(Refused("own.key cannot be used with"));
    scene.shows("old.example");
    scene.look(Silent);
    scene.write(&files.key, &key);
    scene.look(Taken("new.example"));
}

#[test]
fn a_file_written_in_two_halves_is_taken_whole() {
    let mut scene = Scene::new();
    let Made { chain, key } = made(&["new.example"]);
    let files = scene.files.clone();
    scene.write(&files.key, &key);
    scene.look(Refused("own.key cannot be used with"));
    let (half, _) = chain.split_at(chain.len() / 2);
    scene.write(&files.chain, half);
    scene.look(Refused("own.pem is not PEM: it ends before an END line"));
    scene.shows("old.example");
    scene.write(&files.chain, &chain);
    scene.look(Taken("new.example"));
}

#[test]
fn the_same_bad_state_is_told_once() {
    let mut scene = Scene::new();
    let files = scene.files.clone();
    scene.write(&files.chain, "nothing of the kind");
    scene.look(Refused("own.pem is not PEM: it has no BEGIN line"));
    scene.touch(&files.chain);
    scene.look(Silent);
    scene.write(&files.chain, "");
    scene.look(Refused("own.pem holds no certificate"));
    scene.shows("old.example");
}

#[test]
fn what_is_no_pair_at_all_is_told_apart() {
    let mut scene = Scene::new();
    let files = scene.files.clone();
    let old = fs::read_to_string(&files.key).unwrap();
    for (key, sentence) in [
        (
            "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAA==\n-----END ENCRYPTED PRIVATE KEY-----\n",
            "own.key is encrypted",
        ),
        (
            "-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n",
            "own.key holds no private key",
        ),
        (&"a".repeat((1 << 20) + 1), "it is larger than 1 MiB"),
    ] {
        scene.write(&files.key, key);
        scene.look(Refused(sentence));
        scene.shows("old.example");
    }
    // As a FIFO, which no child process makes here: it would hold the locks of the tests beside it.
    fs::remove_file(&files.key).unwrap();
    fs::create_dir(&files.key).unwrap();
    scene.look(Refused("it is no regular file"));
    fs::remove_dir(&files.key).unwrap();
    scene.write(&files.key, &old);
    scene.look(Taken("old.example"));
}

#[test]
fn a_file_that_is_gone_for_a_moment_is_missed_and_found() {
    let mut scene = Scene::new();
    let old = fs::read_to_string(&scene.files.chain).unwrap();
    fs::remove_file(&scene.files.chain).unwrap();
    scene.look(Refused("cannot read"));
    scene.shows("old.example");
    scene.look(Silent);
    let chain = scene.files.chain.clone();
    scene.write(&chain, &old);
    scene.look(Taken("old.example"));
}

#[test]
fn a_switched_link_is_followed() {
    // As Kubernetes mounts secrets: the files are links through `..data`, which is switched.
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    for (name, host) in [("..1", "old.example"), ("..2", "new.example")] {
        fs::create_dir(at(name)).unwrap();
        made(&[host]).write(&at(name), "tls");
    }
    symlink("..1", at("..data")).unwrap();
    symlink("..data/tls.pem", at("tls.pem")).unwrap();
    symlink("..data/tls.key", at("tls.key")).unwrap();
    let files = CertificateFiles { chain: at("tls.pem"), key: at("tls.key") };
    let (switch, data) = ((at("..tmp")), at("..data"));
    let scene = Scene::of(folder, files);
    scene.look(Silent);
    symlink("..2", &switch).unwrap();
    fs::rename(switch, data).unwrap();
    scene.look(Taken("new.example"));
}

#[test]
fn a_change_within_a_tick_of_the_clock_is_seen_at_the_next_look() {
    let scene = Scene::new();
    let (mut watched, _) = Watched::open(&scene.files);
    // Longer or shorter by nothing, and within the tick: the stamps say nothing.
    made(&["new.example"]).write(scene.folder.path(), "own");
    watched.stamps = stamps(&scene.files);
    let certificate = watched.look().unwrap().unwrap();
    assert_eq!(certificate.names(), ["new.example"]);
}
