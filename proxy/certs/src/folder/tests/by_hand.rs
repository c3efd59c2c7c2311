//! What others did to our folders.

use super::*;

#[test]
fn a_live_by_hand_costs_no_certificate() {
    type Hand = fn(&Path, &Path);
    let hands: [(&str, Hand, usize); 7] = [
        ("gone", |_, _| (), 2),
        ("dangling", |live, _| symlink("serial-0", live).unwrap(), 2),
        ("to itself", |live, _| symlink("live", live).unwrap(), 2),
        ("a file", |live, _| fs::write(live, "here").unwrap(), 2),
        ("an empty folder", |live, _| fs::create_dir(live).unwrap(), 2),
        ("by another way", |live, folder| symlink(folder, live).unwrap(), 1),
        (
            "a folder of links",
            |live, folder| {
                fs::create_dir(live).unwrap();
                for file in ["fullchain.pem", "privkey.pem"] {
                    symlink(folder.join(file), live.join(file)).unwrap();
                }
            },
            1,
        ),
    ];
    for (what, hand, kept) in hands {
        let (_state, storage) = opened();
        keep(&storage, "www", &made(&["older.example"]));
        let good = keep(&storage, "www", &made(&["good.example"]));
        let live = storage.root.join("www/live");
        fs::remove_file(&live).unwrap();
        let folder = format!("serial-{}", good.certificate.serial());
        hand(&live, &storage.root.join("www/../www").join(&folder));
        // Nothing but this is good.
        for name in entries(&storage, "www") {
            if name.starts_with("serial-") && name != folder {
                fs::write(storage.root.join("www").join(name).join("privkey.pem"), "").unwrap();
            }
        }
        assert_eq!(current(&storage, "www"), Some("good.example".to_owned()), "{what}");
        sweep(&storage);
        assert_eq!(current(&storage, "www"), Some("good.example".to_owned()), "{what}");
        assert!(entries(&storage, "www").len() <= kept + 1, "{what}");
        keep(&storage, "www", &made(&["new.example"]));
        assert_eq!(current(&storage, "www"), Some("new.example".to_owned()), "{what}");
    }
}

#[test]
fn a_folder_that_is_as_it_should_be_is_left_alone() {
    let state = tempfile::tempdir().unwrap();
    let root = state.path().join("certs");
    fs::create_dir(&root).unwrap();
    for mode in [0o755, 0o500, 0o700] {
        fs::set_permissions(&root, Permissions::from_mode(mode)).unwrap();
        drop(CertificateFolder::open(state.path()).unwrap());
        assert_eq!(fs::metadata(&root).unwrap().mode() & 0o777, 0o700, "{mode:o}");
    }
    // It may be somebody else's, and only the owner may set its mode.
    let changed = |path: &Path| fs::metadata(path).map(|it| (it.ctime(), it.ctime_nsec())).unwrap();
    let before = changed(&root);
    std::thread::sleep(std::time::Duration::from_millis(20));
    CertificateFolder::open(state.path()).unwrap();
    assert_eq!(changed(&root), before);
}
