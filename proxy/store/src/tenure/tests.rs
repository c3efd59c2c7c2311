use super::*;
use crate::invalidation::{InvalidationPath, Kind, Scope};
use crate::ledger::Mark;
use crate::stored::{Birth, Place};

fn now() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(9)
}

/// Of what stands at `/a` and was born before the first invalidation.
fn tenure() -> Tenure {
    let place = Arc::new(Place::plain("/a"));
    Tenure::new(Admission::plain(Arc::default(), place, Birth::default()))
}

fn record(tenure: &Tenure, position: u64, kind: Kind, path: &str) {
    let mark = Mark { position: Position::new(position), at: now() };
    let scope = Scope::new(vec![InvalidationPath::parse(path).unwrap()], Vec::new());
    tenure.admission.ledger.record(mark, kind, &scope);
}

#[test]
fn who_judges_by_what_is_forgotten_meanwhile_judges_again() {
    let tenure = tenure();
    record(&tenure, 1, Kind::Hard, "/other");
    let read = tenure.checked();
    // The sweeper comes in between.
    assert_eq!(tenure.standing(now), Standing::Live);
    tenure.admission.ledger.fold(Position::new(1));
    assert_eq!(tenure.judged(read), Verdict::Spared { softened: None });
    record(&tenure, 2, Kind::Hard, "/a");
    assert_eq!(tenure.judged(read), Verdict::Dead);
}

#[test]
fn what_is_made_from_something_is_judged_by_what_came_since() {
    let tenure = tenure();
    record(&tenure, 1, Kind::Soft, "/a");
    assert_eq!(tenure.standing(now), Standing::Stale { since: now() });
    tenure.admission.ledger.fold(Position::new(1));
    let made = tenure.inherited();
    assert_eq!(made.standing(now), Standing::Stale { since: now() });
    assert_eq!(Tenure::new(tenure.admission.clone()).standing(now), Standing::Dead);
    record(&tenure, 2, Kind::Hard, "/a");
    assert_eq!(made.standing(now), Standing::Dead);
    assert_eq!(tenure.inherited().standing(now), Standing::Dead);
}
