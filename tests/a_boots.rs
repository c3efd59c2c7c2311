//! Starting, stopping, and what the help says.

use std::net::TcpListener;
use std::process::Command;

use http::StatusCode;
use tokio::net::TcpStream;

use crate::support::edge::before;
use crate::support::process::{POLL, Process};
use crate::support::program::{WARMFRONT, output, warmfront};
use crate::support::{Edge, Gate, Origin, Over, Reply, Setup, WWW, run};

#[test]
fn it_serves_and_says_so() {
    run(async {
        let origin = Origin::start().await;
        origin.answer("/a", Reply::text("hello"));
        let edge = Edge::before(&[origin.address()]).await;

        assert_eq!(edge.get(WWW, "/a").await.text(), "hello");
        assert_eq!(edge.admin("/live").await.status, 200);
        assert_eq!(edge.admin("/ready").await.json()["ready"], true);
        let line = edge.logged("/a").await;
        assert_eq!(line["status"], 200);
        let metrics = edge.admin("/metrics").await;
        assert!(metrics.text().contains("warmfront_requests_total"));
        assert_eq!(line["target"], origin.to_string());
    });
}

#[test]
fn the_help_says_what_counts_and_nothing_else() {
    run(async {
        for words in [&["status"][..], &["invalidate"], &["inspect"], &["keys", "create"]] {
            let told = output(warmfront().args(words).arg("--help")).await;
            assert!(told.stdout.contains("WARMFRONT_KEY"), "{told:?}");
        }
        for command in ["demo", "import"] {
            let told = output(warmfront().args([command, "--help"])).await;
            assert!(!told.stdout.contains("--config"), "{told:?}");
            let told = output(warmfront().args([command, "--config", "/nowhere"])).await;
            assert!(told.code == 2 && told.stderr.contains("leave out --config"), "{told:?}");
        }
    });
}

#[test]
fn a_port_in_use_is_named_with_its_key() {
    run(async {
        for key in ["http", "https", "admin"] {
            let setup = nowhere();
            let address = match key {
                "http" => setup.place.http,
                "https" => setup.place.https,
                _ => setup.admin,
            };
            let _taken = TcpListener::bind(address).unwrap();
            let ended = setup.command(&["run"]).await;
            assert_eq!(ended.code, 1, "{key}: {ended:?}");
            let named = format!("warmfront: listen.{key} {address}: address already in use");
            let told = ended.stderr.to_lowercase();
            assert!(told.starts_with(&named), "{named}: {ended:?}");
            assert_eq!(told.lines().count(), 1, "{ended:?}");
        }
    });
}

#[test]
fn an_unreadable_certificate_is_named() {
    run(async {
        for broken in ["chain.pem", "key.pem"] {
            let setup = nowhere();
            std::fs::write(setup.dir().join(broken), "not a certificate").unwrap();
            for command in ["run", "check"] {
                let ended = setup.command(&[command]).await;
                assert_eq!(ended.code, 1, "{ended:?}");
                assert!(ended.stderr.contains(broken), "{command}: {ended:?}");
            }
            std::fs::remove_file(setup.dir().join(broken)).unwrap();
            let ended = setup.command(&["run"]).await;
            assert_eq!(ended.code, 1, "{ended:?}");
            assert!(ended.stderr.contains(broken), "gone: {ended:?}");
        }
    });
}

#[test]
fn a_second_edge_on_the_same_state_is_told() {
    run(async {
        let first = nowhere().start().await;
        let second = nowhere();
        let state = first.setup().dir().join("state").display().to_string();
        second.rewrite(r#""state""#, &format!("{state:?}"));
        let ended = second.command(&["run"]).await;
        assert_eq!(ended.code, 1, "{ended:?}");
        assert!(ended.stderr.contains(&state), "{ended:?}");
        assert_eq!(ended.stderr.lines().count(), 1, "{ended:?}");
    });
}

#[test]
fn every_problem_of_the_file_has_its_line_and_key() {
    run(async {
        let setup = nowhere();
        setup.rewrite("viewer", "viewr");
        setup.rewrite("workers = 2", "workers = \"many\"");
        let file = setup.config().display().to_string();
        for command in ["check", "run"] {
            let ended = setup.command(&[command]).await;
            assert_eq!(ended.code, 1, "{ended:?}");
            for problem in [
                format!("{file}:7: listen.workers: "),
                format!("{file}:19: sites.www.viewr: unknown key; did you mean `viewer`?"),
            ] {
                assert!(ended.stderr.contains(&problem), "{problem} in {ended:?}");
            }
        }
    });
}

#[test]
fn a_file_that_is_sound_passes_the_check() {
    run(async {
        let ended = nowhere().command(&["check"]).await;
        assert_eq!(ended.code, 0, "{ended:?}");
        assert!(ended.stdout.contains("sound (1 site, 1 origin)"), "{ended:?}");
        assert_eq!(ended.stderr, "");
    });
}

#[test]
fn a_missing_file_is_named() {
    run(async {
        let setup = nowhere();
        std::fs::remove_file(setup.config()).unwrap();
        for command in ["check", "run"] {
            let ended = setup.command(&[command]).await;
            assert_eq!(ended.code, 1, "{ended:?}");
            assert!(ended.stderr.contains("warmfront.toml"), "{ended:?}");
        }
    });
}

#[test]
fn a_download_under_way_is_finished_before_it_stops() {
    run(async {
        for over in [Over::Plain, Over::Http1, Over::Http2] {
            let origin = Origin::start().await;
            let gate = Gate::closed();
            let slow = Reply::stream().length(9).send("slow ").wait_for(&gate);
            origin.answer("/slow", slow.send("tail"));
            let mut edge = Edge::before(&[origin.address()]).await;
            let mut download = edge.ask("GET", WWW, "/slow").over(over).open().await.unwrap();
            assert_eq!(download.chunk().await.unwrap().unwrap(), "slow ");

            edge.process.terminate();
            while edge.admin("/ready").await.status != StatusCode::SERVICE_UNAVAILABLE {
                tokio::time::sleep(POLL).await;
            }
            while TcpStream::connect(edge.setup().place.https).await.is_ok() {
                tokio::time::sleep(POLL).await;
            }
            gate.open();
            assert_eq!(download.rest().await.unwrap().text(), "tail", "{over:?}");
            assert_eq!(edge.process.exit().await.code(), Some(0), "{over:?}");
        }
    });
}

#[test]
fn a_second_signal_stops_it_at_once() {
    run(async {
        let origin = Origin::start().await;
        let silence = Gate::closed();
        origin.answer("/never", Reply::text("").held_by(&silence));
        let mut edge = Edge::before(&[origin.address()]).await;
        let waiting = edge.ask("GET", WWW, "/never").open();
        tokio::pin!(waiting);
        tokio::select! {
            _ = &mut waiting => panic!("answered"),
            () = origin.reached("/never", 1) => {}
        }
        edge.process.terminate();
        edge.process.stderr.find(|line| line.contains("stopping")).await;
        edge.process.terminate();
        assert_eq!(edge.process.exit().await.code(), Some(1));
    });
}

#[test]
fn without_a_command_it_says_how_it_is_used() {
    run(async {
        let mut bare = Process::spawn(&mut Command::new(WARMFRONT));
        assert_eq!(bare.exit().await.code(), Some(2));
        let told = bare.stderr.text();
        for command in ["run", "check", "demo", "invalidate"] {
            assert!(told.contains(command), "{told}");
        }
    });
}

/// Before a target that is not there.
fn nowhere() -> Setup {
    Setup::new(&before(&["127.0.0.1:9".parse().unwrap()]))
}
