//! Exchanges: what an origin says, what clients ask, and what they must see.
//!
//! A scenario is a few lines, and runs on a path of its own, once over HTTP/1.1 in clear and once over
//! HTTP/2. All scenarios of a table share one edge and one origin, run side by side, and what is wrong
//! is told together, each with its whole exchange. Nothing sleeps: what must be stale was stale when
//! it came (`Age`, `Date`), and what happens in the background is asked for until it is seen.
//!
//! In every text of a scenario, words in braces stand for what differs from run to run: [`Terms`].

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::client::{Answer, Over};
use super::process::POLL;
use super::{Edge, WWW, run_within};

mod judge;
mod says;
mod step;
mod terms;
mod wire;

pub(crate) use judge::Served;
pub(crate) use says::{Says, hang_up, not_modified, ok, says};
pub(crate) use step::{Step, get, head, send};
use terms::Terms;
use wire::Wire;

/// What an origin says to the requests for one resource, and what clients ask and see, in turn.
#[derive(Debug, Clone)]
pub(crate) struct Scenario {
    name: String,
    /// What is said at the scenario's own path and at paths below it.
    scripts: Vec<(&'static str, Vec<Says>)>,
    steps: Vec<Step>,
    over: &'static [Over],
}

/// Runs scenarios on a site that has nothing set.
#[track_caller]
pub(crate) fn play(scenarios: impl IntoIterator<Item = Scenario>) {
    play_on("", scenarios);
}

/// Runs scenarios on a site with `keys` of its own.
#[track_caller]
pub(crate) fn play_on(keys: &str, scenarios: impl IntoIterator<Item = Scenario>) {
    let scenarios: Vec<Scenario> = scenarios.into_iter().collect();
    run_within(LIMIT, async {
        let origin = Wire::start().await;
        let edge = Edge::start(&site(&origin, keys)).await;
        let world = Arc::new(World { origin, edge, room: Semaphore::new(SIDE_BY_SIDE) });
        let mut runs = JoinSet::new();
        for (i, scenario) in scenarios.into_iter().enumerate() {
            for &over in scenario.over {
                let (world, scenario) = (world.clone(), scenario.clone());
                runs.spawn(async move {
                    let _room = world.room.acquire().await.expect("it is never closed");
                    let told = world.run(&scenario, over, i).await;
                    (i, told.err())
                });
            }
        }
        let mut told = runs.join_all().await;
        told.sort_by_key(|(i, _)| *i);
        let all = told.len();
        let wrong: Vec<String> = told.into_iter().filter_map(|(_, told)| told).collect();
        let report = wrong.join("\n");
        assert!(wrong.is_empty(), "{} of {all} exchanges went wrong:\n\n{report}", wrong.len());
    });
}

/// A scenario that is told what its origin says, and then what its clients ask.
pub(crate) fn scenario(name: impl Into<String>) -> Scenario {
    let over = &[Over::Plain, Over::Http2];
    Scenario { name: name.into(), scripts: Vec::new(), steps: Vec::new(), over }
}

/// The answer is stored, and the next client gets it.
pub(crate) fn reused(name: impl Into<String>, reply: Says) -> Scenario {
    let status = reply.status_code();
    let scenario = scenario(name).origin(reply);
    scenario.ask(get(Served::Miss).status(status)).ask(get(Served::Hit).status(status))
}

/// The next client gets an answer of its own, to a request without conditions.
pub(crate) fn asked_anew(name: impl Into<String>, reply: Says) -> Scenario {
    let status = reply.status_code();
    let anew = get(Served::Miss).status(status).saw_no("if-none-match");
    scenario(name)
        .origin(reply)
        .ask(get(Served::Miss).status(status))
        .ask(anew.saw_no("if-modified-since"))
}

/// With each of the first values the answer is reused; with the others the origin is asked anew.
pub(crate) fn sorted(fresh: &[&str], not: &[&str], reply: impl Fn(&str) -> Says) -> Vec<Scenario> {
    let fresh = fresh.iter().map(|value| reused(format!("`{value}` is reused"), reply(value)));
    let not = not.iter().map(|value| asked_anew(format!("`{value}` is not reused"), reply(value)));
    fresh.chain(not).collect()
}

/// The answer is stored, and the origin is asked whether it still holds, which it does.
pub(crate) fn validated(name: impl Into<String>, reply: Says) -> Scenario {
    scenario(name).origins([reply, not_modified()]).get(Served::Miss).get(Served::Validated)
}

// === impl Scenario ===

impl Scenario {
    /// What the origin says to each request for the scenario's path.
    pub(crate) fn origin(self, reply: Says) -> Self {
        self.origins([reply])
    }

    /// What it says to the first request, the second …; the last is said again.
    pub(crate) fn origins(self, replies: impl IntoIterator<Item = Says>) -> Self {
        self.origins_at("", replies)
    }

    /// As [`Self::origins`], for the scenario's path with `below` appended.
    pub(crate) fn origins_at(
        mut self,
        below: &'static str,
        replies: impl IntoIterator<Item = Says>,
    ) -> Self {
        self.scripts.push((below, replies.into_iter().collect()));
        self
    }

    pub(crate) fn ask(mut self, step: Step) -> Self {
        self.steps.push(step);
        self
    }

    pub(crate) fn get(self, served: Served) -> Self {
        self.ask(get(served))
    }

    /// For what HTTP/2 has no words for.
    pub(crate) fn over_http1_only(mut self) -> Self {
        self.over = &[Over::Plain];
        self
    }
}

/// The one edge and the one origin of a table of scenarios.
#[derive(Debug)]
struct World {
    origin: Wire,
    edge: Edge,
    room: Semaphore,
}

// === impl World ===

impl World {
    /// What went wrong, with all that was asked and said until then.
    async fn run(&self, scenario: &Scenario, over: Over, nth: usize) -> Result<(), String> {
        let (path, scheme, protocol) = match over {
            Over::Plain => (format!("/{nth}/plain"), "http", "HTTP/1.1"),
            Over::Http1 | Over::Http2 => (format!("/{nth}/tls"), "https", "HTTP/2"),
        };
        let terms = Terms::new(path, format!("{scheme}://{WWW}"), warmfront_proxy::now());
        for (below, replies) in &scenario.scripts {
            self.origin.answer(&format!("{}{below}", terms.path), replies, &terms);
        }
        let mut log = String::new();
        for (i, step) in scenario.steps.iter().enumerate() {
            let mut tried = self.step(step, &terms, over).await;
            let patience = tokio::time::Instant::now() + PATIENCE;
            while step.is_awaited()
                && !tried.complaints.is_empty()
                && tokio::time::Instant::now() < patience
            {
                tokio::time::sleep(POLL).await;
                tried = self.step(step, &terms, over).await;
            }
            writeln!(log, "  {}. {}", i + 1, tried.exchange).unwrap();
            if !tried.complaints.is_empty() {
                let complaints = tried.complaints.join("\n     but ");
                let name = &scenario.name;
                return Err(format!("✗ {name} [{protocol}]\n{log}     but {complaints}\n"));
            }
        }
        Ok(())
    }

    async fn step(&self, step: &Step, terms: &Terms, over: Over) -> Tried {
        let path = format!("{}{}", terms.path, step.below());
        let before = self.origin.asked(&path).len();
        let answer = self.answer(step, terms, over).await;
        let asked = self.origin.asked(&path);
        let asked = asked.get(before..).unwrap_or_default();
        let mut exchange = step.told(terms);
        for asked in asked {
            write!(exchange, "\n     -> origin: {asked}").unwrap();
        }
        match answer {
            Ok(answer) => {
                write!(exchange, "\n     <- {}", told(&answer)).unwrap();
                let complaints = judge::complaints(step, terms, before, asked, &answer);
                Tried { exchange, complaints }
            }
            Err(Unanswered::Broken(_)) if step.served == Served::Broken => {
                Tried { exchange, complaints: Vec::new() }
            }
            Err(Unanswered::Broken(error)) => {
                Tried { exchange, complaints: vec![format!("the answer broke off: {error:?}")] }
            }
            Err(Unanswered::Late) => {
                Tried { exchange, complaints: vec![format!("no answer within {PATIENCE:?}")] }
            }
        }
    }

    async fn answer(&self, step: &Step, terms: &Terms, over: Over) -> Result<Answer, Unanswered> {
        let path = format!("{}{}{}", terms.path, step.below(), step.query_string());
        let ask = self.edge.ask(step.method(), WWW, &path).over(over);
        let fields = step.fields(terms);
        let ask = fields.fold(ask, |ask, (name, value)| ask.octets(name, &terms::octets(&value)));
        let answer = ask.body(step.content()).attempt();
        let answer = tokio::time::timeout(PATIENCE, answer).await;
        answer.map_err(|_| Unanswered::Late)?.map_err(Unanswered::Broken)
    }
}

/// Why there is no whole answer.
#[derive(Debug)]
enum Unanswered {
    Late,
    Broken(hyper::Error),
}

/// One request, what came of it, and what is wrong with that.
#[derive(Debug)]
struct Tried {
    exchange: String,
    complaints: Vec<String>,
}

fn told(answer: &Answer) -> String {
    let mut text = answer.status.as_str().to_owned();
    for (name, value) in &answer.fields {
        write!(text, " | {name}: {}", terms::text(value.as_bytes())).unwrap();
    }
    let body = terms::text(&answer.body);
    write!(text, " | {:?}", body.chars().take(200).collect::<String>()).unwrap();
    text
}

fn site(origin: &Wire, keys: &str) -> String {
    let address = origin.address();
    format!(
        r#"
[origins.app]
targets = ["{address}"]
response_timeout = "4s"

[sites.www]
hosts = ["{WWW}"]
origin = "app"
viewer = "allow-all"
{keys}
"#
    )
}

/// How many scenarios run at a time.
const SIDE_BY_SIDE: usize = 24;
/// For one answer, or for what happens in the background.
const PATIENCE: Duration = Duration::from_secs(10);
const LIMIT: Duration = Duration::from_secs(90);
