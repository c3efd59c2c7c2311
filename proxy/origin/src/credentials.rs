//! Who signs: keys from the file, or from Amazon's default chain, asked for ahead of their expiry.
//!
//! Temporary keys are replaced in the background while the old ones still sign. A request waits
//! for the chain only when there is nothing left to sign with, and however many wait, one asks.

mod default_chain;

use std::error::Error;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use arc_swap::ArcSwap;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider};
use tokio::sync::Mutex;
use warmfront_config::Credentials;
use warmfront_semantics::sigv4::Keys;

use default_chain::DefaultChain;

/// Temporary keys are replaced from this long before they expire.
const REFRESH_AHEAD: Duration = Duration::from_mins(5);
/// Keys that do not expire are asked for again this often, so that a changed profile is seen.
const LASTING_KEPT: Duration = Duration::from_mins(15);
/// The chain is never asked more often than this.
const ASK_AGAIN: Duration = Duration::from_secs(5);
/// The most that the chain may take; a credential process or a role may need several round trips.
const ASK_TIMEOUT: Duration = Duration::from_secs(10);

/// Where the keys for S3 or another of Amazon's services come from.
#[derive(Debug)]
pub struct CredentialSource {
    kind: Kind,
}

/// There is nothing to sign with.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CredentialsError {
    /// No provider of the chain had keys, or one failed: its words and those of what caused it.
    #[error("no credentials to sign with: {causes}")]
    None {
        /// Every error of the cause chain, outermost first.
        causes: String,
    },
    /// A provider of the chain hangs.
    #[error("no credentials to sign with: the chain of providers did not answer within {} s", ASK_TIMEOUT.as_secs())]
    Silent,
}

#[derive(Debug)]
enum Kind {
    Anonymous,
    Static(Arc<Keys>),
    Provided(Arc<Provided>),
}

/// A provider and what it said last.
#[derive(Debug)]
struct Provided {
    provider: SharedCredentialsProvider,
    standing: ArcSwap<Standing>,
    /// Whoever holds it is asking: one at a time.
    turn: Arc<Mutex<()>>,
}

#[derive(Debug, Clone, Default)]
struct Standing {
    leased: Option<Leased>,
    /// When the provider was last asked, and what was wrong then.
    last: Option<(SystemTime, Result<(), CredentialsError>)>,
    /// S3 refused the keys: they may have been replaced at their source.
    doubted: bool,
}

#[derive(Debug, Clone)]
struct Leased {
    keys: Arc<Keys>,
    /// `None`: they last.
    until: Option<SystemTime>,
}

/// What can be done with what is known.
enum Verdict {
    /// Sign.
    Use(Arc<Keys>),
    /// Sign, and ask for newer keys meanwhile.
    UseAndRefresh(Arc<Keys>),
    /// Ask, and wait.
    Ask,
    /// The provider has just failed.
    Refuse(CredentialsError),
}

// === impl CredentialSource ===

impl CredentialSource {
    /// Nothing is asked yet. `region` is where roles are assumed.
    pub fn new(credentials: &Credentials, region: &str) -> Self {
        let kind = match credentials {
            Credentials::Anonymous => Kind::Anonymous,
            Credentials::Static { access_key_id, secret_access_key } => {
                Kind::Static(Arc::new(Keys {
                    access_key_id: access_key_id.clone(),
                    secret_access_key: secret_access_key.reveal().to_owned(),
                    session_token: None,
                }))
            }
            Credentials::Default => Kind::Provided(Arc::new(Provided::new(
                SharedCredentialsProvider::new(DefaultChain::new(region)),
            ))),
        };
        Self { kind }
    }

    /// The keys to sign with, `None` where requests are not signed. Called on a tokio runtime.
    ///
    /// Fails if the chain of providers has none, or hangs.
    pub async fn current(&self, now: SystemTime) -> Result<Option<Arc<Keys>>, CredentialsError> {
        match &self.kind {
            Kind::Anonymous => Ok(None),
            Kind::Static(keys) => Ok(Some(Arc::clone(keys))),
            Kind::Provided(provided) => Provided::current(provided, now).await.map(Some),
        }
    }

    /// The keys were refused. Whoever is next to use them has them asked for anew.
    pub(crate) fn doubt(&self) {
        if let Kind::Provided(provided) = &self.kind {
            provided
                .standing
                .rcu(|standing| Standing { doubted: true, ..Standing::clone(standing) });
        }
    }
}

// === impl Provided ===

impl Provided {
    fn new(provider: SharedCredentialsProvider) -> Self {
        Self { provider, standing: ArcSwap::default(), turn: Arc::default() }
    }

    async fn current(this: &Arc<Self>, now: SystemTime) -> Result<Arc<Keys>, CredentialsError> {
        match this.standing.load().judge(now) {
            Verdict::Use(keys) => Ok(keys),
            Verdict::UseAndRefresh(keys) => {
                Self::refresh(this, now);
                Ok(keys)
            }
            Verdict::Refuse(error) => Err(error),
            Verdict::Ask => this.wait(now).await,
        }
    }

    fn refresh(this: &Arc<Self>, now: SystemTime) {
        if let Ok(turn) = Arc::clone(&this.turn).try_lock_owned() {
            let this = Arc::clone(this);
            tokio::spawn(async move {
                if let Err(error) = this.ask(now).await {
                    tracing::warn!("{error}; the keys in hand sign on until they expire");
                }
                drop(turn);
            });
        }
    }

    async fn wait(&self, now: SystemTime) -> Result<Arc<Keys>, CredentialsError> {
        let _turn = self.turn.lock().await;
        // Whoever had the turn before may have asked for this one too.
        match self.standing.load().judge(now) {
            Verdict::Use(keys) | Verdict::UseAndRefresh(keys) => Ok(keys),
            Verdict::Refuse(error) => Err(error),
            Verdict::Ask => self.ask(now).await,
        }
    }

    /// Only for the holder of the turn.
    async fn ask(&self, now: SystemTime) -> Result<Arc<Keys>, CredentialsError> {
        let began = tokio::time::Instant::now();
        let answer = tokio::time::timeout(ASK_TIMEOUT, self.provider.provide_credentials()).await;
        // A chain that took long to fail is left alone from the moment it failed.
        let ended = now + began.elapsed();
        let leased = match answer {
            Ok(Ok(credentials)) => Ok(Leased::from(&credentials)),
            Ok(Err(error)) => Err(CredentialsError::None { causes: causes(&error) }),
            Err(_) => Err(CredentialsError::Silent),
        };
        let before = self.standing.load().leased.clone();
        self.standing.store(Arc::new(Standing {
            leased: leased.as_ref().ok().cloned().or(before),
            last: Some((ended, leased.as_ref().map(|_| ()).map_err(Clone::clone))),
            doubted: false,
        }));
        leased.map(|leased| leased.keys)
    }
}

// === impl Standing ===

impl Standing {
    fn judge(&self, now: SystemTime) -> Verdict {
        let asked_lately = match &self.last {
            Some((at, _)) => !has_passed(*at, ASK_AGAIN, now),
            None => false,
        };
        match (&self.leased, &self.last) {
            (Some(leased), Some((asked, _))) if !leased.is_over(now) => {
                let due = match leased.until {
                    _ if self.doubted => true,
                    Some(until) => now + REFRESH_AHEAD >= until,
                    None => has_passed(*asked, LASTING_KEPT, now),
                };
                let keys = Arc::clone(&leased.keys);
                if due && !asked_lately { Verdict::UseAndRefresh(keys) } else { Verdict::Use(keys) }
            }
            // What is over the moment it is given points at this machine's clock: S3 will say so.
            (Some(leased), Some((_, Ok(())))) if asked_lately => {
                Verdict::Use(Arc::clone(&leased.keys))
            }
            (_, Some((_, Err(error)))) if asked_lately => Verdict::Refuse(error.clone()),
            _ => Verdict::Ask,
        }
    }
}

/// A clock that was set back counts as time passed: better asked once too often than never.
fn has_passed(since: SystemTime, span: Duration, now: SystemTime) -> bool {
    now.duration_since(since).map_or_else(|error| error.duration() > span, |age| age >= span)
}

// === impl Leased ===

impl Leased {
    fn is_over(&self, now: SystemTime) -> bool {
        self.until.is_some_and(|until| until <= now)
    }
}

impl From<&aws_credential_types::Credentials> for Leased {
    fn from(credentials: &aws_credential_types::Credentials) -> Self {
        let keys = Keys {
            access_key_id: credentials.access_key_id().to_owned(),
            secret_access_key: credentials.secret_access_key().to_owned(),
            session_token: credentials.session_token().map(str::to_owned),
        };
        Self { keys: Arc::new(keys), until: credentials.expiry() }
    }
}

/// What caused an error, in one sentence. The provider's own words, `an error occurred`, are left
/// out where a cause says more, and what says the same twice is said once.
fn causes(error: &dyn Error) -> String {
    let Some(first) = error.source() else {
        return error.to_string();
    };
    let mut sentence = in_one_line(&first.to_string());
    let mut next = first.source();
    while let Some(cause) = next {
        let words = in_one_line(&cause.to_string());
        if !sentence.contains(&words) {
            sentence.push_str(": ");
            sentence.push_str(&words);
        }
        next = cause.source();
    }
    sentence
}

/// The chain lists its providers line by line.
fn in_one_line(words: &str) -> String {
    let mut lines = words.lines().map(str::trim).filter(|line| !line.is_empty());
    let first = lines.next().unwrap_or_default().to_owned();
    lines.fold(first, |sentence, line| {
        let separator = if sentence.ends_with(':') { " " } else { "; " };
        sentence + separator + line
    })
}

#[cfg(test)]
mod tests;
