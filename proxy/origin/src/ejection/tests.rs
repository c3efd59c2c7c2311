use proptest::collection::vec;
use proptest::prelude::proptest;
use proptest::sample::select;

use super::*;

const OUTLIERS: Outliers = Outliers { consecutive_errors: 3, eject_for: Duration::from_secs(30) };

/// One step of a story; its time is in seconds since the story began.
#[derive(Debug, Clone, Copy)]
enum Step {
    Answers,
    Fails,
    IsUnreachable,
    /// A failure, or no connection, while half of the group is out.
    FailsAmongMany,
    IsUnreachableAmongMany,
    BeginsTrial,
    TrialAnswers,
    TrialFails,
    TrialIsUnreachable,
    AbandonsTrial,
    PassesCheck,
}

use Step::*;

/// A target, and the request that is its trial.
#[derive(Default)]
struct Story {
    ejection: Ejection,
    trial: Option<Trial>,
}

impl Story {
    fn takes(&mut self, step: Step, now: Instant) -> Option<Change> {
        let (outcome, of_trial, may_eject) = match step {
            Answers => (Outcome::Answered, false, true),
            Fails => (Outcome::Failed, false, true),
            IsUnreachable => (Outcome::Unreachable, false, true),
            FailsAmongMany => (Outcome::Failed, false, false),
            IsUnreachableAmongMany => (Outcome::Unreachable, false, false),
            TrialAnswers => (Outcome::Answered, true, false),
            TrialFails => (Outcome::Failed, true, false),
            TrialIsUnreachable => (Outcome::Unreachable, true, false),
            BeginsTrial => {
                self.trial = self.ejection.begin_trial(now).or(self.trial);
                return None;
            }
            AbandonsTrial => {
                if let Some(trial) = self.trial.take() {
                    self.ejection.abandon_trial(trial);
                }
                return None;
            }
            PassesCheck => return self.ejection.pardon(now),
        };
        let trial = if of_trial { self.trial.take() } else { None };
        self.ejection.record(outcome, trial, &OUTLIERS, may_eject, now)
    }
}

/// Tells a story: at which second what happens, and what of it is seen just after.
fn tell(name: &str, steps: &[(u64, Step, Standing)]) {
    let start = Instant::now();
    let mut story = Story::default();
    for (index, (second, step, expected)) in steps.iter().enumerate() {
        let now = start + Duration::from_secs(*second);
        let change = story.takes(*step, now);
        let standing = story.ejection.standing(now);
        assert_eq!(standing, *expected, "{name}: {index}, {step:?} at {second} s, {change:?}");
    }
}

#[test]
fn a_target_is_out_as_long_as_it_deserves() {
    use Standing::{In, Out, Trial};
    tell(
        "failures in a row eject, others do not",
        &[
            (0, Fails, In),
            (1, Fails, In),
            (2, Answers, In),
            (3, Fails, In),
            (4, Fails, In),
            (5, Fails, Out),
            (34, Answers, Out),
            (35, Answers, Trial),
        ],
    );
    tell(
        "one request is let through, and brings the target back",
        &[
            (0, IsUnreachable, Out),
            (1, Answers, Trial),
            (1, BeginsTrial, Out),
            (2, BeginsTrial, Out),
            (3, TrialAnswers, In),
            (3, Fails, In),
        ],
    );
    tell(
        "what was sent before the ejection neither ends nor lengthens it",
        &[
            (0, IsUnreachable, Out),
            (0, Answers, Out),
            (0, Fails, Out),
            (0, IsUnreachable, Out),
            (1, BeginsTrial, Out),
            (2, Answers, Out),
            (2, IsUnreachable, Out),
            (3, TrialAnswers, In),
        ],
    );
}

#[test]
fn a_target_is_tried_kept_and_pardoned_as_the_rest_of_the_group_needs() {
    use Standing::{In, Out, Trial};
    tell(
        "a trial without an outcome makes room for another",
        &[
            (0, IsUnreachable, Out),
            (1, BeginsTrial, Out),
            (2, AbandonsTrial, Trial),
            (2, BeginsTrial, Out),
            (61, Answers, Out),
            (62, Answers, Trial),
            (62, BeginsTrial, Out),
            (63, TrialAnswers, In),
        ],
    );
    tell(
        "with half of the group out it stays, and its failures count",
        &[
            (0, IsUnreachableAmongMany, In),
            (1, FailsAmongMany, In),
            (2, FailsAmongMany, In),
            (3, FailsAmongMany, In),
            (4, Fails, Out),
        ],
    );
    tell(
        "a passed check pardons a target that is out, and not one that is in",
        &[
            (0, Fails, In),
            (0, Fails, In),
            (0, PassesCheck, In),
            (0, Fails, Out),
            (1, PassesCheck, In),
            (2, IsUnreachable, Out),
            (62, BeginsTrial, Out),
            (63, PassesCheck, In),
            (64, TrialFails, In),
        ],
    );
}

#[test]
fn ejections_double_up_to_ten_times_the_first() {
    let cases = [
        ("no connection", IsUnreachable, TrialIsUnreachable, [1, 2, 4, 8, 16, 32, 64, 128, 256]),
        ("failures", Fails, TrialFails, [30, 60, 120, 240, 300, 300, 300, 300, 300]),
        (
            "failures after none",
            IsUnreachable,
            TrialFails,
            [1, 30, 60, 120, 240, 300, 300, 300, 300],
        ),
        (
            "none after failures",
            Fails,
            TrialIsUnreachable,
            [30, 60, 120, 240, 300, 300, 300, 300, 300],
        ),
    ];
    for (name, first, again, expected) in cases {
        let mut now = Instant::now();
        let mut story = Story::default();
        for _ in 1..OUTLIERS.consecutive_errors {
            story.takes(FailsAmongMany, now);
        }
        let mut step = first;
        for seconds in expected {
            let length = Duration::from_secs(seconds);
            let change = story.takes(step, now);
            assert!(
                matches!(change, Some(Change::Ejected { for_, .. }) if for_ == length),
                "{name}: {change:?}, not {length:?}"
            );
            assert_eq!(story.ejection.until(), Some(now + length), "{name}");
            now += length;
            story.takes(BeginsTrial, now);
            step = again;
        }
        assert_eq!(story.ejection.total(), 9, "{name}");
    }
}

#[test]
fn an_ejection_is_forgotten_after_good_times_as_long_as_it_was() {
    // How long a target was in use after an ejection of so many seconds, and how long the next is.
    let cases = [(30, 0, 60), (30, 59, 60), (30, 60, 30), (240, 239, 300), (240, 240, 30)];
    for (last, in_use, next) in cases {
        let returned = Instant::now();
        let mut ejection = Ejection::default();
        ejection.take_back(Duration::from_secs(last), returned);
        let mut story = Story { ejection, trial: None };
        let now = returned + Duration::from_secs(in_use);
        let changes: Vec<_> = (0..3).filter_map(|_| story.takes(Fails, now)).collect();
        let for_ = Duration::from_secs(next);
        let expected = [Change::Ejected { for_, why: Grounds::Failures(3) }];
        assert_eq!(changes, expected, "{last} s out, {in_use} s in use");
    }
}

#[test]
fn people_are_told_what_a_target_was_ejected_for() {
    let now = Instant::now();
    let mut story = Story::default();
    let told = |change: Option<Change>| match change {
        Some(Change::Ejected { why, .. }) => why.to_string(),
        other => format!("{other:?}"),
    };
    assert_eq!(told(story.takes(IsUnreachable, now)), "no connection could be made");
    let now = now + Duration::from_secs(1);
    story.takes(BeginsTrial, now);
    assert_eq!(told(story.takes(TrialFails, now)), "it failed again when it was tried");
    story.takes(PassesCheck, now);
    let changes: Vec<_> = (0..3).map(|_| told(story.takes(Fails, now))).collect();
    assert_eq!(changes, ["None", "None", "3 failed requests in a row"]);
}

#[test]
fn a_trial_that_was_given_up_has_no_say_in_the_one_after_it() {
    let start = Instant::now();
    let at = |seconds| start + Duration::from_secs(seconds);
    let mut ejection = Ejection::default();
    ejection.record(Outcome::Unreachable, None, &OUTLIERS, true, start);
    let first = ejection.begin_trial(at(1));
    let second = ejection.begin_trial(at(61)).unwrap();
    assert_eq!(ejection.record(Outcome::Failed, first, &OUTLIERS, true, at(62)), None);
    assert_eq!(ejection.standing(at(62)), Standing::Out);
    let change = ejection.record(Outcome::Answered, Some(second), &OUTLIERS, true, at(63));
    assert_eq!(change, Some(Change::Returned));
    assert_eq!(ejection.until(), None);
}

const STEPS: [Step; 11] = [
    Answers,
    Fails,
    IsUnreachable,
    FailsAmongMany,
    IsUnreachableAmongMany,
    BeginsTrial,
    TrialAnswers,
    TrialFails,
    TrialIsUnreachable,
    AbandonsTrial,
    PassesCheck,
];

proptest! {
    #[test]
    fn whatever_happens_nobody_is_out_for_long_and_one_at_a_time_is_let_through(
        steps in vec((0_u64..100, select(&STEPS[..])), 1..200),
    ) {
        let longest = OUTLIERS.eject_for * 10;
        let mut now = Instant::now();
        let mut ejected = None;
        let mut trial_begun: Option<Instant> = None;
        let mut story = Story::default();
        for (seconds, step) in steps {
            now += Duration::from_secs(seconds);
            let trials = story.ejection.trials;
            let change = story.takes(step, now);
            if let Some(Change::Ejected { for_, .. }) = change {
                assert!(for_ <= longest);
                ejected = Some(now);
            }
            let is_trial_free =
                trial_begun.is_none_or(|begun| now.duration_since(begun) >= TRIAL_TIMEOUT);
            if story.ejection.trials > trials {
                assert!(is_trial_free, "two trials at a time");
                trial_begun = Some(now);
            } else if change.is_some() || matches!(step, AbandonsTrial) || is_trial_free {
                trial_begun = None;
            }
            if story.ejection.standing(now) == Standing::Out && trial_begun.is_none() {
                let out_for = now.duration_since(ejected.unwrap());
                assert!(out_for < longest, "out for {out_for:?}");
            }
        }
    }
}
