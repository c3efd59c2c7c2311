//! An order, by way of the library.

use async_trait::async_trait;
use instant_acme::{
    AuthorizationHandle, AuthorizationStatus, ChallengeHandle, ChallengeStatus, Error, Order,
};
use warmfront_config::{ChallengeKind, HostPattern};

use super::speaking::persist;
use super::transport::Transport;
use super::words;
use crate::authority::{Authorization, Challenge, Fault, Proving, RemoteOrder, Seen};
use crate::proofs::{Answer, Proof};

const STRANGER: &str = "the authorization is not part of the order";

/// An order, as the library keeps it.
pub(super) struct InstantOrder {
    order: Order,
    transport: Transport,
    seen: Seen,
}

// === impl InstantOrder ===

impl InstantOrder {
    /// `transport` has just heard of it.
    pub(super) fn new(mut order: Order, transport: &Transport) -> Self {
        let seen = seen(&mut order, transport);
        Self { order, transport: transport.clone(), seen }
    }

    fn fault(&self, error: Error) -> Fault {
        words::fault(error, &self.transport.heard())
    }
}

#[async_trait]
impl RemoteOrder for InstantOrder {
    fn url(&self) -> &str {
        self.order.url()
    }

    fn seen(&self) -> Seen {
        self.seen.clone()
    }

    async fn refresh(&mut self) -> Result<Seen, Fault> {
        let looked = persist!(refreshed(&mut self.order));
        looked.map_err(|error| self.fault(error))?;
        self.seen = seen(&mut self.order, &self.transport);
        Ok(self.seen())
    }

    fn proofs_wanted(&mut self) -> usize {
        self.order.state().authorizations.len()
    }

    async fn authorizations(&mut self, kind: ChallengeKind) -> Result<Vec<Authorization>, Fault> {
        let mut found = Vec::new();
        // One by one: what has been fetched is not fetched again, and each may take its own tries.
        loop {
            let next = persist!(nth(&mut self.order, found.len(), kind));
            match next.map_err(|error| self.fault(error))? {
                Some(one) => found.push(one),
                None => return Ok(found),
            }
        }
    }

    async fn authorization(
        &mut self,
        url: &str,
        kind: ChallengeKind,
    ) -> Result<Authorization, Fault> {
        let seen = persist!(looked_at(&mut self.order, url, kind));
        let mut seen = seen.map_err(|error| self.fault(error))?;
        seen.ask_again = self.transport.heard().retry_after;
        Ok(seen)
    }

    async fn ready(&mut self, authorization: &str, kind: ChallengeKind) -> Result<(), Fault> {
        let told = persist!(told(&mut self.order, authorization, kind));
        told.map_err(|error| self.fault(error))
    }

    async fn finalize(&mut self, request: &[u8]) -> Result<(), Fault> {
        let asked = persist!(self.order.finalize_csr(request));
        asked.map_err(|error| self.fault(error))?;
        self.seen = seen(&mut self.order, &self.transport);
        Ok(())
    }

    async fn certificate(&mut self) -> Result<String, Fault> {
        let chain = persist!(self.order.certificate());
        let chain = chain.map_err(|error| self.fault(error))?;
        chain.ok_or_else(|| Fault::nonsense("the order is under way again"))
    }
}

fn seen(order: &mut Order, transport: &Transport) -> Seen {
    let state = order.state();
    Seen {
        status: words::status(state.status),
        error: state.error.as_ref().map(|error| words::problem(error, 0)),
        ask_again: transport.heard().retry_after,
    }
}

async fn refreshed(order: &mut Order) -> Result<(), Error> {
    order.refresh().await.map(|_| ())
}

/// The authorization at this place of the order; `None` behind the last.
async fn nth(
    order: &mut Order,
    at: usize,
    kind: ChallengeKind,
) -> Result<Option<Authorization>, Error> {
    let mut all = order.authorizations();
    for _ in 0..at {
        if let Some(before) = all.next().await {
            before?;
        }
    }
    match all.next().await {
        Some(one) => authorization(one?, kind).map(Some),
        None => Ok(None),
    }
}

/// The authorization of this URL, as it is now.
async fn looked_at(
    order: &mut Order,
    url: &str,
    kind: ChallengeKind,
) -> Result<Authorization, Error> {
    let mut all = order.authorizations();
    while let Some(one) = all.next().await {
        let mut one = one?;
        if one.url() == url {
            one.refresh().await?;
            return authorization(one, kind);
        }
    }
    Err(Error::Str(STRANGER))
}

async fn told(order: &mut Order, url: &str, kind: ChallengeKind) -> Result<(), Error> {
    let mut all = order.authorizations();
    while let Some(one) = all.next().await {
        let mut one = one?;
        if one.url() == url {
            let challenge = one.challenge(words::challenge(kind));
            return challenge.ok_or(Error::Str("the challenge is gone"))?.set_ready().await;
        }
    }
    Err(Error::Str(STRANGER))
}

/// In our words.
fn authorization(
    one: AuthorizationHandle<'_>,
    kind: ChallengeKind,
) -> Result<Authorization, Error> {
    let (url, host) = (one.url().to_owned(), words::host(&one.identifier()));
    // Of a lifetime of its own: what the library lends of it, it lends for all of that.
    let mut one = one;
    let proving = match one.status {
        AuthorizationStatus::Valid => Proving::Done,
        AuthorizationStatus::Pending => {
            let offered = one.challenges.iter().map(|one| words::challenge_type(&one.r#type));
            let offered: Vec<String> = offered.collect();
            match one.challenge(words::challenge(kind)) {
                Some(challenge) => open(&host, kind, &challenge)?,
                None => Proving::NotOffered(offered),
            }
        }
        AuthorizationStatus::Invalid
        | AuthorizationStatus::Revoked
        | AuthorizationStatus::Expired
        | AuthorizationStatus::Deactivated => {
            let said = one.challenges.iter().find_map(|challenge| challenge.error.as_ref());
            Proving::Failed(said.map(|error| words::problem(error, 0)))
        }
    };
    Ok(Authorization { url, host, proving, ask_again: None })
}

/// A challenge of an authorization that is not decided.
fn open(
    host: &HostPattern,
    kind: ChallengeKind,
    challenge: &ChallengeHandle<'_>,
) -> Result<Proving, Error> {
    // RFC 8555 §8.3. The token becomes part of a path: it is not to lead anywhere else.
    let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
    if challenge.token.is_empty() || !challenge.token.bytes().all(is_token) {
        return Err(Error::Str("a token that is not base64url"));
    }
    let key = challenge.key_authorization();
    let answer = match kind {
        ChallengeKind::Dns01 => Answer::Dns01 { value: key.dns_value() },
        ChallengeKind::Http01 => {
            Answer::Http01 { token: challenge.token.clone(), content: key.as_str().to_owned() }
        }
        ChallengeKind::TlsAlpn01 => {
            let digest = key.digest();
            let digest = digest.as_ref().try_into().map_err(|_| Error::Crypto)?;
            Answer::TlsAlpn01 { digest }
        }
    };
    let proof = Proof { host: host.clone(), answer };
    Ok(match challenge.status {
        ChallengeStatus::Pending => Proving::Open(Challenge::Pending(proof)),
        // The authorization follows.
        ChallengeStatus::Processing | ChallengeStatus::Valid => {
            Proving::Open(Challenge::Processing(proof))
        }
        ChallengeStatus::Invalid => {
            Proving::Failed(challenge.error.as_ref().map(|error| words::problem(error, 0)))
        }
    })
}
