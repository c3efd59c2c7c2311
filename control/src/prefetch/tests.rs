//! Goal: what was asked for is fetched, at a bounded pace, and the ledger says how it went. Method: a
//! real ledger, a data plane that answers from a table, and tokio's own clock.

use std::sync::atomic::Ordering;
use std::time::Duration;

use http::StatusCode;
use tokio::time::{Instant, sleep};
use warmfront_semantics::coding::Coding;
use warmfront_semantics::errand::{Answer, Body, Cached, Fetched, Form, Scheme};

use super::*;
use ground::{Ground, answer, in_every_coding, kept, stored, urlset};

mod ground;

#[tokio::test(start_paused = true)]
async fn paths_are_fetched_in_every_form() {
    let compressed = Fetched::Answered(Answer {
        status: StatusCode::OK,
        cached: Cached::Hit,
        forms: vec![Form::Coded(Coding::Brotli), Form::Coded(Coding::Gzip)],
        body: Body::Dropped,
    });
    let failed = Fetched::Failed("had no target".to_owned());
    let ground = Ground::new([
        ("/app.js", compressed),
        ("/me", answer(200, Cached::NotStored)),
        ("/gone", answer(404, Cached::Stored)),
        ("/down", failed),
    ]);
    let paths = ["/app.js", "/me", "/gone", "/down", "/a b", "/a%20b"];
    let expected = "2 failed, the first: /gone was answered with 404; /me is not stored";
    assert_eq!(ground.fetch(&paths, None).await, (3, 2, expected.to_owned()));

    let asked = ground.table.asked.lock();
    let of_app: Vec<_> = asked.iter().filter(|(_, fetch)| fetch.target == "/app.js").collect();
    let forms: Vec<_> = of_app.iter().map(|(_, fetch)| fetch.form).collect();
    let coded = [Coding::Brotli, Coding::Gzip].map(Form::Coded);
    assert_eq!(forms, [Form::Identity, coded[0], coded[1]]);
    let (_, first) = of_app[0];
    assert_eq!((first.scheme, first.host.as_str()), (Scheme::Https, "www.example.com"));
    assert_eq!(asked.len(), 7, "one URL once, however it is spelled");
    for (outcome, count) in [("stored", "1"), ("hit", "3"), ("not_stored", "1"), ("failed", "2")] {
        assert_eq!(ground.counted(outcome), count, "{outcome}");
    }
}

#[tokio::test(start_paused = true)]
async fn it_keeps_to_the_rate_and_to_four_at_once() {
    let ground = Ground::new([]);
    let paths: Vec<String> = (0..200).map(|path| format!("/{path}")).collect();
    let paths: Vec<&str> = paths.iter().map(String::as_str).collect();
    assert_eq!(ground.fetch(&paths, None).await, (200, 0, String::new()));
    assert_eq!(ground.table.most.load(Ordering::Relaxed), 4);
    // Four at once, each for 200 ms: 20 a second, whatever the rate is.
    let asked = ground.table.asked.lock().clone();
    let (first, last) = (asked[0].0, asked[199].0);
    assert!((9..=11).contains(&(last - first).as_secs()), "{:?}", last - first);
    // The first four of them come at once, by the rate 20 ms apart.
    assert!(asked[3].0 - first >= Duration::from_millis(60), "{:?}", asked[3].0 - first);
}

#[tokio::test(start_paused = true)]
async fn a_sitemap_names_what_is_fetched() {
    let index = "<sitemapindex><sitemap><loc>https://www.example.com/one.xml</loc></sitemap>\
                 <sitemap><loc>https://www.example.com/two.xml</loc></sitemap>\
                 <sitemap><loc>https://elsewhere.example/x.xml</loc></sitemap></sitemapindex>";
    let ground = Ground::new([
        ("/sitemap.xml", kept(index)),
        ("/one.xml", urlset(&["https://www.example.com/a", "https://other.example/b"])),
        ("/two.xml", urlset(&["https://www.example.com/a", "https://www.example.com/c#top"])),
    ]);
    let expected = "2 of the sitemap's URLs are not of this site".to_owned();
    assert_eq!(ground.fetch(&["/"], Some("/sitemap.xml")).await, (3, 0, expected));
    let mut targets = ground.table.targets();
    targets.sort();
    assert_eq!(targets, ["/", "/a", "/c", "/one.xml", "/sitemap.xml", "/two.xml"]);
}

#[tokio::test(start_paused = true)]
async fn what_is_wrong_with_a_sitemap_is_told() {
    let nested = "<sitemapindex><sitemap><loc>https://www.example.com/i.xml</loc></sitemap>\
                  </sitemapindex>";
    let long = Fetched::Answered(Answer {
        status: StatusCode::OK,
        cached: Cached::Stored,
        forms: Vec::new(),
        body: Body::TooLong,
    });
    let ground = Ground::new([
        ("/gone.xml", answer(404, Cached::Stored)),
        ("/s.xml.gz", kept(&b"\x1f\x8b\x08"[..])),
        ("/bomb.xml", kept("<!DOCTYPE x [<!ENTITY a \"b\">]><urlset/>")),
        ("/i.xml", kept(nested)),
        ("/long.xml", long),
        ("/down.xml", Fetched::Failed("had no target".to_owned())),
    ]);
    for (sitemap, sentence) in [
        ("/gone.xml", "/gone.xml was answered with 404"),
        ("/s.xml.gz", "/s.xml.gz is compressed with gzip: name a sitemap that is not"),
        ("/bomb.xml", "/bomb.xml has a document type, which no sitemap needs"),
        ("/i.xml", "/i.xml is an index within an index: not followed"),
        ("/long.xml", "/long.xml is longer than 10 MiB"),
        ("/down.xml", "/down.xml had no target"),
    ] {
        assert_eq!(ground.fetch(&[], Some(sitemap)).await, (0, 1, sentence.to_owned()));
    }
}

#[tokio::test(start_paused = true)]
async fn one_job_of_a_site_waits_for_the_other_and_no_more_than_a_hundred_wait() {
    let ground = Ground::new([]);
    let first = ground.begin(&["/1", "/2", "/3", "/4", "/5"], None);
    sleep(Duration::from_millis(250)).await;
    let progress = ground.prefetcher.progress(&first).unwrap();
    assert_eq!((progress.fetched, progress.total), (3, Some(5)));
    let second = ground.begin(&["/6"], None);
    let waiting = ground.prefetcher.progress(&second).unwrap();
    assert_eq!((waiting.total, waiting.detail.as_deref()), (None, Some(WAITS)));
    let seats: Vec<Seat> = std::iter::from_fn(|| ground.prefetcher.seat().ok()).collect();
    assert_eq!(seats.len(), 99);
    let full = ground.prefetcher.seat().err().unwrap().to_string();
    assert!(full.starts_with("100 prefetches are waiting already"), "{full}");
    drop(seats);
    assert_eq!(ground.done(&first).await, (5, 0, String::new()));
    assert_eq!(ground.done(&second).await, (1, 0, String::new()));
    assert_eq!(ground.table.targets().last().unwrap(), "/6");
    // What the ledger knows is not kept here.
    sleep(Duration::from_millis(100)).await;
    assert_eq!(ground.prefetcher.progress(&first), None);
}

#[tokio::test(start_paused = true)]
async fn a_job_that_ends_while_the_disk_is_full_is_done_once_there_is_room() {
    let is_full = Arc::default();
    let ground = Ground::on_disk(&is_full, []);
    let job = ground.begin(&["/1"], None);
    is_full.store(true, Ordering::Relaxed);
    sleep(Duration::from_mins(1)).await;
    assert_eq!(ground.prefetcher.progress(&job).unwrap().fetched, 1);
    is_full.store(false, Ordering::Relaxed);
    assert_eq!(ground.done(&job).await, (1, 0, String::new()));
    sleep(Duration::from_mins(1)).await;
    assert_eq!(ground.prefetcher.running("www"), 0);
}

#[tokio::test(start_paused = true)]
async fn the_job_of_one_site_does_not_wait_for_that_of_another() {
    let ground = Ground::new([]);
    let paths: Vec<String> = (0..400).map(|path| format!("/{path}")).collect();
    let paths: Vec<&str> = paths.iter().map(String::as_str).collect();
    let long = ground.begin(&paths, None);
    let after_it = ground.begin(&["/last"], None);
    sleep(Duration::from_secs(1)).await;
    let short = ground.begin_of("shop", &["/"], None);
    let began = Instant::now();
    assert_eq!(ground.done(&short).await, (1, 0, String::new()));
    assert!(began.elapsed() < Duration::from_secs(1), "{:?}", began.elapsed());
    let shown = |id: &str| ground.prefetcher.progress(id).map(|progress| progress.fetched);
    assert!(shown(&long).unwrap() < 100, "it goes on beside");
    assert_eq!(shown(&after_it), Some(0), "of one site one follows the other");
    assert_eq!((ground.prefetcher.running("www"), ground.prefetcher.running("shop")), (2, 0));
    assert_eq!(ground.done(&after_it).await, (1, 0, String::new()));
    assert_eq!(ground.prefetcher.running("www"), 0);
}

#[tokio::test(start_paused = true)]
async fn what_the_edge_makes_from_what_it_holds_takes_nothing_from_the_pace() {
    let held = ["/0", "/1", "/2", "/3", "/4", "/5", "/6", "/7", "/8", "/9"];
    let evicted = held.map(|path| &*format!("{path}/evicted").leak());
    // Four at once, each for 200 ms; by the pace, its 40 requests take 800 ms.
    for (paths, is_paid_for) in [(held, false), (evicted, true)] {
        let ground = Ground::new(paths.map(|path| (path, in_every_coding())));
        let began = Instant::now();
        assert_eq!(ground.fetch(&paths, None).await, (10, 0, String::new()));
        let took = began.elapsed();
        assert_eq!(took > Duration::from_millis(750), is_paid_for, "{took:?}");
        assert_eq!(ground.table.asked.lock().len(), 40);
    }
}

#[tokio::test(start_paused = true)]
async fn a_job_that_breaks_inside_the_node_is_done() {
    let ground = Ground::new([]);
    let expected = "failed inside the node; its log says why".to_owned();
    assert_eq!(ground.fetch(&["/"], Some("/panic.xml")).await, (0, 1, expected.clone()));
    // One of its URLs that does leaves the others.
    let told = format!("a request {expected}");
    assert_eq!(ground.fetch(&["/", "/panic"], None).await, (1, 1, told));
    assert_eq!(ground.fetch(&["/"], None).await, (1, 0, String::new()));
    sleep(Duration::from_millis(100)).await;
    assert_eq!(ground.prefetcher.running("www"), 0);
}

#[tokio::test(start_paused = true)]
async fn what_browsers_get_counts_where_an_origin_chooses() {
    let Fetched::Answered(varied) = stored() else { unreachable!("it is an answer") };
    let varied = Fetched::Answered(Answer { forms: vec![Form::Browsers], ..varied });
    let ground = Ground::new([("/a", varied)]);
    assert_eq!(ground.fetch(&["/a"], None).await, (1, 0, String::new()));
    let asked = ground.table.asked.lock();
    let forms: Vec<_> = asked.iter().map(|(_, fetch)| fetch.form).collect();
    assert_eq!(forms, [Form::Identity, Form::Browsers]);
}

#[tokio::test(start_paused = true)]
async fn what_is_cut_off_begins_anew_at_the_next_start() {
    let ground = Ground::new([]);
    let paths: Vec<String> = (0..10).map(|path| format!("/{path}")).collect();
    let paths: Vec<&str> = paths.iter().map(String::as_str).collect();
    let id = ground.begin(&paths, None);
    let gone = ground.record("gone", &["/"], None);
    sleep(Duration::from_millis(250)).await;
    ground.stop.send(true).unwrap();
    ground.running.await.unwrap();
    let cut_off = ground.table.targets().len();
    assert!((1..10).contains(&cut_off), "{cut_off}");
    assert!(!ground.store.invalidation(&id).unwrap().unwrap().is_completed());

    let again = Ground::on(ground.store, []);
    assert_eq!(again.done(&id).await, (10, 0, String::new()));
    assert_eq!(again.table.targets().len(), 10);
    let expected = "there is no site gone any more".to_owned();
    assert_eq!(again.done(&gone.id).await, (0, 0, expected));
}
