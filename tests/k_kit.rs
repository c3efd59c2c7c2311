//! That a scenario which is not so is told, with all of its exchange; and what programs say.

use std::process::Command;

use crate::support::exchange::Served::{Hit, Miss};
use crate::support::exchange::{get, ok, play, reused, scenario};
use crate::support::process::Process;

#[test]
#[should_panic(expected = "2 of 6 exchanges went wrong")]
fn scenarios_that_fail_are_counted() {
    let never = scenario("never a hit").origin(ok().cache("no-store")).get(Miss).get(Hit);
    let fine = || reused("fine", ok().cache("max-age=60"));
    play([fine(), never, fine()]);
}

#[test]
#[should_panic(expected = "✗ never a hit [HTTP/2]\n  1. GET /0/tls\n     -> origin: GET /0/tls")]
fn a_scenario_that_fails_tells_its_name_its_protocol_and_what_the_origin_saw() {
    let never = scenario("never a hit").origin(ok().cache("no-store")).get(Miss).get(Hit);
    play([never]);
}

#[test]
#[should_panic(expected = "Has(\"x-a\", \"2\") was expected: x-a: 1")]
fn a_field_that_differs_is_told() {
    play([scenario("x-a").origin(ok().field("X-A", "1")).ask(get(Miss).has("x-a", "2"))]);
}

#[test]
fn what_a_program_said_before_it_answered_is_there() {
    let place = tempfile::tempdir().unwrap();
    let says = "for n in {1..200}; do echo said $n; > $n; until [ -e seen.$n ]; do :; done; done";
    let program = Process::spawn(Command::new("bash").args(["-c", says]).current_dir(&place));
    for n in 1..=200 {
        while !place.path().join(n.to_string()).exists() {
            std::hint::spin_loop();
        }
        assert!(program.stdout.text().ends_with(&format!("said {n}\n")), "{n}");
        std::fs::write(place.path().join(format!("seen.{n}")), "").unwrap();
    }
}
