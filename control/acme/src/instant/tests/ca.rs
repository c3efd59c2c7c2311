//! As much of an authority as it takes to go wrong: every resource answers from a script, else with
//! what RFC 8555 shows.

use std::collections::HashMap;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use bytes::Bytes;
use http::{HeaderName, HeaderValue, Request, Response};
use parking_lot::Mutex;
use serde_json::{Value, json};
use warmfront_config as config;

use crate::authority::Authority;
use crate::endpoint::Endpoint;
use crate::https::tests::{Reply, Server, answer};
use crate::journal::{Accounts, KeepError};
use crate::refusal::Refusal;

/// 2030, in which the certificates of these tests are valid.
pub(super) fn clock() -> SystemTime {
    crate::certificate::tests::now()
}

#[derive(Default)]
struct Script {
    answers: HashMap<&'static str, VecDeque<Response<Bytes>>>,
    directory: Value,
}

/// A small authority.
pub(super) struct Ca {
    pub(super) server: Server,
    script: Arc<Mutex<Script>>,
    pub(super) external: Option<(&'static str, &'static str)>,
}

impl Ca {
    pub(super) async fn start() -> Self {
        let script = Arc::new(Mutex::new(Script { directory: json!({}), ..Script::default() }));
        let scripted = script.clone();
        let server = Server::start(move |request| Reply::Answer(reply(&scripted, request))).await;
        Self { server, script, external: None }
    }

    /// Answers the next request for this path so.
    pub(super) fn script(&self, path: &'static str, answer: Response<Bytes>) {
        self.script.lock().answers.entry(path).or_default().push_back(answer);
    }

    /// Adds members to the directory.
    pub(super) fn directory(&self, members: Value) {
        self.script.lock().directory = members;
    }

    pub(super) fn endpoint(&self) -> Endpoint {
        let external_account = self.external.map(|(kid, key)| config::ExternalAccount {
            kid: kid.to_owned(),
            hmac_key: config::Secret::new(key),
        });
        let settings = config::Authority {
            name: "ca".to_owned(),
            directory: self.server.url("/dir"),
            ca_file: Some(self.server.ca_file()),
            external_account,
            public: false,
        };
        Endpoint::new(&settings, Some("ops@example.com"), clock).unwrap()
    }

    /// Logged in with a new account.
    pub(super) async fn log_in(&self) -> Result<Box<dyn Authority>, Refusal> {
        self.endpoint().log_in(&Kept::default()).await.map(|logged_in| logged_in.0)
    }

    /// The paths asked for since the last time.
    pub(super) fn asked(&self) -> Vec<String> {
        let requests = std::mem::take(&mut *self.server.requests.lock());
        requests.iter().map(|request| request.uri().path().to_owned()).collect()
    }

    /// The payload of the last request.
    pub(super) fn payload(&self) -> Value {
        payload(self.server.requests.lock().last().unwrap())
    }

    /// The payloads of requests for this path since the last time.
    pub(super) fn payloads(&self, path: &str) -> Vec<Value> {
        let requests = std::mem::take(&mut *self.server.requests.lock());
        requests.iter().filter(|request| request.uri().path() == path).map(payload).collect()
    }
}

fn payload(request: &Request<Bytes>) -> Value {
    let jws: Value = serde_json::from_slice(request.body()).unwrap();
    let payload = BASE64_URL_SAFE_NO_PAD.decode(jws["payload"].as_str().unwrap()).unwrap();
    serde_json::from_slice(&payload).unwrap_or_default()
}

/// Accounts in memory.
#[derive(Default)]
pub(super) struct Kept {
    pub(super) text: Mutex<Option<String>>,
    pub(super) full: bool,
}

impl Accounts for Kept {
    fn load(&self, _directory: &str) -> Result<Option<String>, KeepError> {
        Ok(self.text.lock().clone())
    }

    fn keep(&self, _directory: &str, credentials: &str) -> Result<(), KeepError> {
        if self.full {
            return Err(KeepError::new("no space left on device"));
        }
        *self.text.lock() = Some(credentials.to_owned());
        Ok(())
    }
}

fn reply(script: &Mutex<Script>, request: &Request<Bytes>) -> Response<Bytes> {
    let base = format!("https://{}", request.headers()["host"].to_str().unwrap());
    let mut script = script.lock();
    let scripted = script.answers.get_mut(request.uri().path()).and_then(VecDeque::pop_front);
    let reply = scripted.unwrap_or_else(|| usual(&script, request.uri().path(), &base));
    with(reply, "replay-nonce", "bm9uY2U")
}

fn usual(script: &Script, path: &str, base: &str) -> Response<Bytes> {
    let order = order("pending");
    match path {
        "/dir" => {
            let mut directory = json!({
                "newNonce": format!("{base}/nonce"),
                "newAccount": format!("{base}/account"),
                "newOrder": format!("{base}/order"),
            });
            let more = script.directory.as_object().unwrap().clone();
            directory.as_object_mut().unwrap().extend(more);
            answer(200, directory.to_string().replace("BASE", base))
        }
        "/nonce" => answer(200, ""),
        "/account" => {
            with(answer(201, r#"{"status":"valid"}"#), "location", &format!("{base}/account/1"))
        }
        "/order" => with(answer(201, order.to_string()), "location", &format!("{base}/order/1")),
        "/order/1" => answer(200, order.to_string()),
        _ => problem(404, "malformed", "no such resource"),
    }
}

pub(super) fn order(status: &str) -> Value {
    let finalize = "https://127.0.0.1/order/1/finalize";
    json!({ "status": status, "authorizations": [], "finalize": finalize })
}

pub(super) fn problem(status: u16, kind: &str, detail: &str) -> Response<Bytes> {
    let kind = format!("urn:ietf:params:acme:error:{kind}");
    let reply = answer(status, json!({ "type": kind, "detail": detail }).to_string());
    with(reply, "content-type", "application/problem+json")
}

pub(super) fn with(mut reply: Response<Bytes>, name: &'static str, value: &str) -> Response<Bytes> {
    let value = HeaderValue::from_str(value).unwrap();
    reply.headers_mut().insert(HeaderName::from_static(name), value);
    reply
}

/// So much later than the clock, in seconds.
pub(super) fn later(refusal: &Refusal) -> Option<u64> {
    let wait = refusal.retry_after?.duration_since(clock()).unwrap_or(Duration::ZERO);
    Some(wait.as_secs())
}
