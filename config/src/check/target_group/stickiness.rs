//! `stickiness`: by whose cookie a client stays with its target.

use std::ops::RangeInclusive;
use std::time::Duration;

use crate::check::fields::cookie_token;
use crate::model::Stickiness;
use crate::raw::Section;

#[derive(Clone, Copy)]
enum Whose {
    LoadBalancer,
    Application,
}

const COOKIES: [(&str, Whose); 2] = [("lb", Whose::LoadBalancer), ("app", Whose::Application)];
const DURATION_DEFAULT: Duration = Duration::from_hours(24);
const DURATION: RangeInclusive<Duration> = Duration::from_secs(1)..=Duration::from_hours(7 * 24);
/// How the edge's own cookies begin.
const RESERVED: &str = "WFLB";

/// A table that says whose cookie.
pub(super) fn stickiness(section: &Section<'_>) -> Option<Stickiness> {
    let whose = section.need("cookie").and_then(|value| value.one_of(&COOKIES));
    // In whole seconds: a cookie's Max-Age has no others (RFC 6265 §5.2.2).
    let duration = section.or("duration", DURATION_DEFAULT, |value| value.seconds(DURATION));
    let name = section.get("name");
    match whose? {
        Whose::LoadBalancer => {
            if let Some(value) = name {
                value.problem("stands only beside `cookie = \"app\"`: the edge names its own");
            }
            Some(Stickiness::LoadBalancer { duration })
        }
        Whose::Application => {
            if name.is_none() {
                let message = "missing: which cookie of the app is followed?";
                section.miss(&["name"], Some("name"), message);
            }
            let name = name?.parsed(app_cookie)?;
            Some(Stickiness::Application { name, duration })
        }
    }
}

fn app_cookie(text: &str) -> Result<String, String> {
    if text.starts_with(RESERVED) {
        return Err(format!("names that begin with `{RESERVED}` are the edge's own"));
    }
    cookie_token(text).map_err(str::to_owned)
}
