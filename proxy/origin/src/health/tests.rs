use std::time::Duration;

use super::*;

const CHECKED: Option<Thresholds> = Some(Thresholds { healthy: 3, unhealthy: 2 });

const INITIAL: Health = Health::Initial { failed: 0 };
const INITIAL_1: Health = Health::Initial { failed: 1 };
const HEALTHY: Health = Health::Healthy { failed: 0 };
const HEALTHY_1: Health = Health::Healthy { failed: 1 };
const UNHEALTHY: Health = Health::Unhealthy { passed: 0 };
const UNHEALTHY_1: Health = Health::Unhealthy { passed: 1 };
const UNHEALTHY_2: Health = Health::Unhealthy { passed: 2 };
const DRAINING: Health = Health::Draining;
const UNUSED: Health = Health::Unused;

const EVENTS: [Event; 5] =
    [Event::Passed, Event::Failed, Event::Registered, Event::Deregistered, Event::Finished];

#[test]
fn every_state_knows_what_each_event_makes_of_it() {
    // Of each state: what a passed and a failed check, a registration, a deregistration and the
    // end of its requests make of it.
    let checked = [
        (INITIAL, [HEALTHY, INITIAL_1, INITIAL, DRAINING, INITIAL]),
        (INITIAL_1, [HEALTHY, UNHEALTHY, INITIAL_1, DRAINING, INITIAL_1]),
        (HEALTHY, [HEALTHY, HEALTHY_1, HEALTHY, DRAINING, HEALTHY]),
        (HEALTHY_1, [HEALTHY, UNHEALTHY, HEALTHY_1, DRAINING, HEALTHY_1]),
        (UNHEALTHY, [UNHEALTHY_1, UNHEALTHY, UNHEALTHY, DRAINING, UNHEALTHY]),
        (UNHEALTHY_1, [UNHEALTHY_2, UNHEALTHY, UNHEALTHY_1, DRAINING, UNHEALTHY_1]),
        (UNHEALTHY_2, [HEALTHY, UNHEALTHY, UNHEALTHY_2, DRAINING, UNHEALTHY_2]),
        (DRAINING, [DRAINING, DRAINING, INITIAL, DRAINING, UNUSED]),
        (UNUSED, [UNUSED, UNUSED, INITIAL, UNUSED, UNUSED]),
    ];
    let unchecked = [
        (INITIAL, [INITIAL, INITIAL, INITIAL, DRAINING, INITIAL]),
        (HEALTHY, [HEALTHY, HEALTHY, HEALTHY, DRAINING, HEALTHY]),
        (UNHEALTHY, [UNHEALTHY, UNHEALTHY, UNHEALTHY, DRAINING, UNHEALTHY]),
        (DRAINING, [DRAINING, DRAINING, HEALTHY, DRAINING, UNUSED]),
        (UNUSED, [UNUSED, UNUSED, HEALTHY, UNUSED, UNUSED]),
    ];
    let checked = checked.map(|row| (CHECKED, row));
    for (thresholds, (state, after)) in checked.into_iter().chain(unchecked.map(|row| (None, row)))
    {
        for (event, expected) in EVENTS.into_iter().zip(after) {
            let told = format!("{state:?}, {event:?}, {thresholds:?}");
            assert_eq!(state.after(event, thresholds), expected, "{told}");
        }
    }
}

#[test]
fn a_new_target_is_initial_only_where_a_check_will_follow() {
    assert_eq!(Health::first(CHECKED), INITIAL);
    assert_eq!(Health::first(None), HEALTHY);
}

#[test]
fn only_results_in_a_row_count() {
    for (state, expected) in [(HEALTHY, HEALTHY), (UNHEALTHY, UNHEALTHY_1)] {
        let flapping = [Event::Failed, Event::Passed].into_iter().cycle().take(20);
        let after = flapping.fold(state, |health, event| health.after(event, CHECKED));
        assert_eq!(after, expected, "{state:?}");
    }
}

#[test]
fn thresholds_that_were_lowered_count_what_is_there() {
    let strict = Some(Thresholds { healthy: 1, unhealthy: 1 });
    assert_eq!(Health::Healthy { failed: 7 }.after(Event::Failed, strict), UNHEALTHY);
    assert_eq!(Health::Initial { failed: u32::MAX }.after(Event::Failed, strict), UNHEALTHY);
    assert_eq!(Health::Unhealthy { passed: u32::MAX }.after(Event::Passed, strict), HEALTHY);
}

#[test]
fn states_have_the_names_of_an_application_load_balancer() {
    let names = [INITIAL, HEALTHY, UNHEALTHY, DRAINING, UNUSED].map(|health| health.to_string());
    assert_eq!(names, ["initial", "healthy", "unhealthy", "draining", "unused"]);
}

#[test]
fn reasons_are_sentences_for_people_and_codes_for_scripts() {
    let refused = || "connection refused".to_owned();
    let by = || "ann".to_owned();
    let mismatch = Some("Target.ResponseCodeMismatch");
    let failed = Some("Target.FailedHealthChecks");
    let leaving = Some("Target.DeregistrationInProgress");
    let checks = [
        (
            CheckFailure::Timeout(Duration::from_secs(5)),
            "the check had no answer within 5s",
            Some("Target.Timeout"),
        ),
        (
            CheckFailure::Timeout(Duration::from_millis(1500)),
            "the check had no answer within 1.5s",
            Some("Target.Timeout"),
        ),
        (CheckFailure::Connect(refused()), "no connection: connection refused", failed),
        (CheckFailure::Tls("unknown issuer".to_owned()), "no TLS: unknown issuer", failed),
        (CheckFailure::Status(500), "the check was answered with status 500", mismatch),
        (CheckFailure::Grpc(14), "the check was answered with gRPC status 14", mismatch),
        (
            CheckFailure::NotServing("NOT_SERVING".to_owned()),
            "the check was answered with NOT_SERVING, not SERVING",
            mismatch,
        ),
        (
            CheckFailure::Broken("no status line".to_owned()),
            "the answer to the check was broken: no status line",
            failed,
        ),
    ];
    let checks = checks.map(|(failure, told, code)| (Reason::Check(failure), told, code));
    let others = [
        (Reason::Registering, "no check has passed yet", Some("Elb.InitialHealthChecking")),
        (Reason::Unchecked, "health checks are not configured", Some("Target.HealthCheckDisabled")),
        (Reason::Passing, "checks pass", None),
        (Reason::Ejected(Grounds::Failures(5)), "5 failed requests in a row", None),
        (Reason::Ejected(Grounds::Failures(1)), "a failed request", None),
        (Reason::Ejected(Grounds::Unreachable), "no connection could be made", None),
        (Reason::Ejected(Grounds::Trial), "it failed again when it was tried", None),
        (Reason::Deregistered { by: by() }, "deregistered by ann", leaving),
        (Reason::Drained { by: by() }, "drained by ann", leaving),
        (Reason::Renamed, "its name has other addresses now", leaving),
        (Reason::NotInUse, "drained, and not in use", Some("Target.NotInUse")),
    ];
    for (reason, told, code) in checks.into_iter().chain(others) {
        assert_eq!((reason.to_string().as_str(), reason.code()), (told, code), "{reason:?}");
    }
}
