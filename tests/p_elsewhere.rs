//! A name that does not point here costs the authority nothing, and is ordered once it does.

use std::net::IpAddr;
use std::time::Duration;

use crate::support::edge::own_address;
use crate::support::standing::{problems, renew, without_problems};
use crate::support::world::{ip_of, site};
use crate::support::{Kind, Over, Shown, WWW, World, run_within, trusted};

#[test]
fn names_that_do_not_point_here_are_told_of_and_ordered_when_their_dns_is_mended() {
    run_within(LIMIT, async {
        let (world, setup) = World::start().await;
        let away = IpAddr::from(own_address());
        world.names.points(WWW, &[away]).await;
        world.names.points("gone.example.test", &[away]).await;
        world.names.fails("lost.example.test").await;
        let sites = site("www", &[WWW], "")
            + &site("lost", &["lost.example.test"], "acme = { challenge = \"tls-alpn-01\" }")
            + &site("half", &["here.example.test", "gone.example.test"], "");
        let setup = world.ordering(setup, "", &sites).await;
        let here = IpAddr::from(ip_of(&setup));
        let edge = setup.start().await;
        let place = edge.setup().place.clone();

        for (name, why) in [
            ("www", format!("{WWW} resolves to {away}, which did not answer for this node (")),
            ("lost", "the name `lost.example.test` does not resolve: ".to_owned()),
            ("half", format!("gone.example.test resolves to {away}, which did not answer")),
        ] {
            let told = edge.certificate_is(name, "waiting").await;
            let error = told["last_error"].as_str().unwrap();
            assert!(error.starts_with(&why), "{error}");
            let problem = format!("site {name}: no certificate is ordered for now: {error}");
            assert!(problems(&edge).await.contains(&problem), "{problem}");
            edge.process.stderr.find(|line| line.contains(error)).await;
        }
        assert!(Shown::to(&place, WWW).await.unwrap().distrust.is_some());
        assert_eq!(edge.ask("GET", WWW, "/").over(Over::Plain).send().await.text(), "here");

        world.names.points(WWW, &[]).await;
        world.names.recovers("lost.example.test").await;
        // One name without DNS does not keep its sibling waiting for ever.
        for host in [WWW, "lost.example.test", "here.example.test"] {
            assert_eq!(trusted(&place, host).await.intermediates, 1, "{host}");
        }
        let half = &world
            .authority
            .orders()
            .into_iter()
            .find(|order| order["identifiers"].to_string().contains("here.example.test"));
        assert_eq!(half.as_ref().unwrap()["identifiers"].as_array().unwrap().len(), 1);
        assert_eq!(world.authority.made(Kind::NewOrder), 3, "{}", world.authority.story());

        world.names.points("gone.example.test", &[here]).await;
        renew(&edge, "gone.example.test").await;
        trusted(&place, "gone.example.test").await;
        let both = trusted(&place, "here.example.test").await;
        assert_eq!(both.openssl(&["-ext", "subjectAltName"]).await.matches("DNS:").count(), 2);
        without_problems(&edge).await;
    });
}

#[test]
fn nothing_at_all_is_asked_of_the_authority_while_no_name_points_here() {
    run_within(LIMIT, async {
        let (world, setup) = World::start().await;
        let away = IpAddr::from(own_address());
        world.names.points(WWW, &[away]).await;
        let sites = site("www", &[WWW], "") + &site("api", &["api.example.test"], "");
        let edge = world.ordering(setup, "", &sites).await.start().await;
        edge.certificate_is("www", "waiting").await;
        // The other one goes through all of it meanwhile.
        trusted(&edge.setup().place, "api.example.test").await;
        let asked = world.authority.orders();
        assert_eq!(asked.len(), 1);
        assert_eq!(asked[0]["identifiers"][0]["value"], "api.example.test");
        let mut known = problems(&edge).await;
        known.retain(|problem| !problem.starts_with("site www: no certificate is ordered for now"));
        assert_eq!(known, Vec::<String>::new());
    });
}

#[test]
fn check_online_says_before_the_start_which_names_do_not_point_here() {
    run_within(LIMIT, async {
        let (world, setup) = World::start().await;
        let away = IpAddr::from(own_address());
        world.names.points(WWW, &[away]).await;
        world.names.fails("lost.example.test").await;
        let sites = site("www", &[WWW], "")
            + &site("lost", &["lost.example.test"], "")
            + &site("api", &["api.example.test"], "");
        let setup = world.ordering(setup, "", &sites).await;
        let checked = setup.command(&["check", "--online"]).await;
        let note = format!(
            "note: sites.www: {WWW} resolves to {away}; whether {away} leads to this node could \
             not be told from here\n"
        );
        assert!(checked.stderr.contains(&note), "{checked:?}");
        let problem = "warmfront: sites.lost: the name `lost.example.test` does not resolve: ";
        assert!(checked.stderr.contains(problem), "{checked:?}");
        assert!(!checked.stderr.contains("sites.api"), "{checked:?}");
        assert_eq!(checked.code, 1);
        world.names.recovers("lost.example.test").await;
        let checked = setup.command(&["check", "--online"]).await;
        assert_eq!((checked.code, &*checked.stderr), (0, &*note), "{checked:?}");
    });
}

const LIMIT: Duration = Duration::from_mins(1);
