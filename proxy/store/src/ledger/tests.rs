use super::*;
use crate::invalidation::InvalidationPath;
use crate::stored::QueryInKey;
use std::time::Duration;
use warmfront_semantics::tags::Tag;

const NOW: SystemTime = SystemTime::UNIX_EPOCH;

/// Spared, and not softened.
const LIVE: Verdict = Verdict::Spared { softened: None };

fn at(position: u64) -> SystemTime {
    NOW + Duration::from_secs(position)
}

fn admission(path: &str, tags: &[&str], born: u64) -> Admission {
    let birth = Birth { position: Position(born), ..Birth::default() };
    let tags = tags.iter().map(|tag| Tag::parse(tag).unwrap()).collect();
    let plain = Admission::plain(Arc::default(), Arc::new(Place::plain(path)), birth);
    Admission { tags: Some(tags), ..plain }
}

/// What begins with `#` is a tag.
fn scope(written: &[&str]) -> Scope {
    let (tags, paths): (Vec<&str>, Vec<&str>) =
        written.iter().partition(|written| written.starts_with('#'));
    Scope::new(
        paths.iter().map(|path| InvalidationPath::parse(path).unwrap()).collect(),
        tags.iter().map(|tag| Tag::parse(tag.trim_start_matches('#')).unwrap()).collect(),
    )
}

fn record(site: &SiteLedger, position: u64, kind: Kind, written: &[&str]) {
    let mark = Mark { position: Position(position), at: at(position) };
    site.record(mark, kind, &scope(written));
}

fn judge(site: &SiteLedger, path: &str, born: u64) -> Verdict {
    site.judge(&admission(path, &[], born), Position(born))
}

#[test]
fn only_later_invalidations_kill() {
    let site = SiteLedger::default();
    record(&site, 1, Kind::Hard, &["/a", "/dir/*", "/q?x=1", "#News"]);
    assert_eq!(site.latest(), Position(1));
    for (path, tags, born, verdict) in [
        ("/a", &[][..], 0, Verdict::Dead),
        ("/a", &[], 1, LIVE),
        ("/b", &[], 0, LIVE),
        ("/dir/x", &[], 0, Verdict::Dead),
        ("/dir/x", &[], 1, LIVE),
        ("/q", &[], 0, LIVE),
        ("/b", &["news"], 0, Verdict::Dead),
        ("/b", &["news"], 1, LIVE),
        ("/b", &["other"], 0, LIVE),
    ] {
        let judged = site.judge(&admission(path, tags, born), Position(born));
        assert_eq!(judged, verdict, "{path} {tags:?} {born}");
    }
    record(&site, 3, Kind::Hard, &["/*"]);
    assert_eq!(judge(&site, "/b", 2), Verdict::Dead);
    assert_eq!(judge(&site, "/b", 3), LIVE);
}

#[test]
fn what_is_on_its_way_is_overtaken_by_whatever_hard_one_may_take_it() {
    for (kind, named, path, query, made_from, born, overtaken) in [
        (Kind::Hard, "/a", "/a", None, None, 0, true),
        (Kind::Hard, "/a", "/a", None, None, 5, false),
        (Kind::Hard, "/a", "/a", Some("x=1"), None, 0, true),
        (Kind::Hard, "/a", "/b", None, None, 0, false),
        (Kind::Hard, "/a?x=1", "/a", Some("x=1"), None, 0, true),
        (Kind::Hard, "/a?x=1", "/a", Some("x=2"), None, 0, false),
        (Kind::Hard, "/dir/*", "/dir/x", None, None, 0, true),
        (Kind::Hard, "/dir/*", "/dir/x", None, None, 5, false),
        (Kind::Hard, "/app/", "/deep", None, Some("/app/"), 0, true),
        (Kind::Hard, "/*", "/a", None, None, 0, true),
        (Kind::Hard, "/*", "/a", None, None, 5, false),
        (Kind::Hard, "#news", "/a", None, None, 0, false),
        (Kind::Soft, "/a", "/a", None, None, 0, false),
        (Kind::Soft, "/*", "/a", None, None, 0, false),
    ] {
        let site = SiteLedger::default();
        record(&site, 5, kind, &[named]);
        let place = Place {
            path: path.into(),
            query: query.map(Into::into),
            query_in_key: QueryInKey::Whole,
            made_from: made_from.map(Into::into),
        };
        let birth = Birth { position: Position(born), ..Birth::default() };
        let told = site.overtakes(&place, birth);
        assert_eq!(told, overtaken, "{kind:?} {named} {path}?{query:?} {made_from:?} {born}");
        site.fold(Position(5));
        assert_eq!(site.overtakes(&place, birth), born < 5, "{named}: nobody knows any more");
    }
}

#[test]
fn a_soft_one_marks_since_the_oldest_that_is_known_and_a_hard_one_wins() {
    let site = SiteLedger::default();
    let softened = |position| Verdict::Spared { softened: Some(at(position)) };
    record(&site, 1, Kind::Soft, &["/a*"]);
    record(&site, 2, Kind::Soft, &["/*"]);
    record(&site, 3, Kind::Soft, &["/a", "#t"]);
    assert_eq!(judge(&site, "/a", 0), softened(1));
    assert_eq!(judge(&site, "/a", 1), softened(2));
    assert_eq!(judge(&site, "/a", 2), softened(3));
    assert_eq!(judge(&site, "/a", 3), LIVE);
    assert_eq!(judge(&site, "/b", 0), softened(2));
    assert_eq!(site.judge(&admission("/b", &["t"], 2), Position(2)), softened(3));
    record(&site, 4, Kind::Hard, &["/a"]);
    assert_eq!(judge(&site, "/a", 0), Verdict::Dead);
    let kept = Admission { keep: Some(Keep::Deploys(9)), ..admission("/b", &[], 0) };
    assert_eq!(site.judge(&kept, Position(0)), softened(2), "a soft one is no deploy");
    record(&site, 5, Kind::Hard, &["/*"]);
    assert_eq!(site.judge(&kept, Position(4)), Verdict::Retired);
}

#[test]
fn a_scope_takes_what_one_of_its_names_takes() {
    let named = ["/b", "/a?x=1", "/dir/*", "/a?x=2", "/app/", "/z", "#news"];
    let scope = scope(&named);
    for (path, query, made_from, tags, taken) in [
        ("/b", None, None, &[][..], true),
        ("/b", Some("x=3"), None, &[], true),
        ("/a", None, None, &[], false),
        ("/a", Some("x=1"), None, &[], true),
        ("/a", Some("x=2"), None, &[], true),
        ("/a", Some("x=3"), None, &[], false),
        ("/c", Some("x=1"), Some("/a"), &[], false),
        ("/dir/x", None, None, &[], true),
        ("/c", None, Some("/dir/y"), &[], true),
        ("/deep", None, Some("/app/"), &[], true),
        ("/deep", None, Some("/apps/"), &[], false),
        ("/", None, None, &[], false),
        ("/zz", None, None, &["old", "news"], true),
        ("/zz", None, None, &["old"], false),
    ] {
        let admission = admission(path, tags, 0);
        let place = Place {
            query: query.map(Into::into),
            made_from: made_from.map(Into::into),
            ..Place::clone(&admission.place)
        };
        let admission = Admission { place: Arc::new(place), ..admission };
        assert_eq!(scope.takes(&admission), taken, "{path} {query:?} {made_from:?} {tags:?}");
    }
}

#[test]
fn the_newest_that_names_something_is_known_by_its_kind() {
    let site = SiteLedger::default();
    record(&site, 1, Kind::Hard, &["/*"]);
    record(&site, 2, Kind::Hard, &["/a", "/q?x=1"]);
    record(&site, 3, Kind::Soft, &["/a", "#t"]);
    let newest =
        |kind, path, tags| site.newest_naming(kind, &admission(path, tags, 0)).map(Position::get);
    assert_eq!(newest(Kind::Hard, "/a", &[]), Some(2));
    assert_eq!(newest(Kind::Soft, "/a", &[]), Some(3));
    assert_eq!(newest(Kind::Hard, "/b", &["t"]), Some(1));
    assert_eq!(newest(Kind::Soft, "/b", &["t"]), Some(3));
    assert_eq!(newest(Kind::Soft, "/b", &[]), None);
}

#[test]
fn what_is_folded_kills_what_was_not_judged_by_it_and_no_other() {
    let site = SiteLedger::default();
    record(&site, 1, Kind::Hard, &["/a", "/w/*", "/q?x=1", "#t"]);
    record(&site, 2, Kind::Hard, &["/b"]);
    site.fold(Position(1));
    assert_eq!(judge(&site, "/other", 0), Verdict::Dead);
    assert_eq!(judge(&site, "/other", 1), LIVE);
    assert_eq!(judge(&site, "/b", 1), Verdict::Dead);
    let admission = admission("/other", &[], 0);
    assert_eq!(site.judge(&admission, Position(1)), LIVE, "it was judged, and born before");
}

#[test]
fn so_many_deploys_are_told_apart() {
    let site = SiteLedger::default();
    record(&site, 1, Kind::Hard, &["/named"]);
    record(&site, 2, Kind::Hard, &["/*", "/*"]);
    let keep = Some(Keep::Deploys(u32::MAX));
    let is_kept = |born| site.is_kept(keep, Position(born), || NOW);
    let deploys = |born| site.deploys_after(Position(born)).map(|deploys| deploys.number);
    assert_eq!((deploys(0), deploys(2)), (Some(1), None));
    assert!(is_kept(0) && is_kept(2));
    for n in 3..30_000 {
        record(&site, n, Kind::Hard, &["/*"]);
        record(&site, n, Kind::Soft, &["/*"]);
    }
    assert!(deploys(0).is_some_and(|number| number <= 10_000));
    assert!(!is_kept(2), "how many came is forgotten");
    assert!(is_kept(29_998));
    assert_eq!(judge(&site, "/any", 29_998), Verdict::Dead);
    assert_eq!(judge(&site, "/any", 29_999), LIVE);
}

/// A million of every sort: what is held is bounded, and so is what a hit asks of it.
#[test]
fn a_million_invalidations_are_held_in_bounds() {
    let site = SiteLedger::default();
    for n in 1..=250_000_u64 {
        let [path, wildcard, query, tag] =
            [format!("/{n}"), format!("/{n}/*"), format!("/q?{n}"), format!("#{n}")];
        let kind = if n % 2 == 0 { Kind::Hard } else { Kind::Soft };
        record(&site, n, kind, &[&path, &wildcard, &query, &tag]);
        match site.crowding() {
            Crowding::None => {}
            Crowding::Full | Crowding::Overfull => site.fold(Position(n)),
        }
    }
    let held = site.index.read().held();
    assert!(held <= 11_001, "{held} are held");
    assert_eq!(judge(&site, "/1", 0), Verdict::Dead);
    assert_eq!(judge(&site, "/q", 250_000), LIVE);
}
