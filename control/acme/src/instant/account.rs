//! Logging in: with the account that is kept, or with a new one.

use std::time::SystemTime;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use instant_acme::{Account, AccountCredentials, Error, ExternalAccountKey, Key, NewAccount};
use rustls_pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use warmfront_config::ExternalAccount;

use super::speaking::{InstantAcme, persist};
use super::transport::Transport;
use super::words;
use crate::authority::{Authority, Fault};
use crate::endpoint::Endpoint;
use crate::journal::Accounts;
use crate::refusal::{Blame, Refusal};

/// As [`Endpoint::log_in`] says.
pub(crate) async fn log_in(
    endpoint: &Endpoint,
    accounts: &dyn Accounts,
) -> Result<Box<dyn Authority>, Refusal> {
    let login =
        Login { endpoint, accounts, transport: Transport::new(&endpoint.https, endpoint.clock) };
    let account = login.account().await?;
    Ok(Box::new(InstantAcme {
        name: endpoint.name().to_owned(),
        directory: endpoint.directory().to_owned(),
        account,
        transport: login.transport,
    }))
}

struct Login<'a> {
    endpoint: &'a Endpoint,
    accounts: &'a dyn Accounts,
    transport: Transport,
}

// === impl Login ===

impl Login<'_> {
    /// Of several who miss an account at once, one makes it, and the others find it.
    async fn account(&self) -> Result<Account, Refusal> {
        let kept = self.kept()?;
        if let Some(account) = self.restore(kept.as_deref()).await? {
            return Ok(account);
        }
        let _turn = self.endpoint.registering.lock().await;
        let now = self.kept()?;
        if now != kept
            && let Some(account) = self.restore(now.as_deref()).await?
        {
            return Ok(account);
        }
        self.register().await
    }

    fn kept(&self) -> Result<Option<String>, Refusal> {
        let (name, directory) = (self.endpoint.name(), self.endpoint.directory());
        let doing = || format!("cannot read the account at {name}");
        self.accounts.load(directory).map_err(|error| Refusal::of_disk(&doing(), &error))
    }

    /// The account that is kept, if the authority still knows it.
    async fn restore(&self, kept: Option<&str>) -> Result<Option<Account>, Refusal> {
        let name = self.endpoint.name();
        let Some(kept) = kept else { return Ok(None) };
        let Ok(credentials) = serde_json::from_str::<AccountCredentials>(kept) else {
            tracing::warn!("the account kept for {name} cannot be read: making a new one");
            return Ok(None);
        };
        match self.find(&credentials).await {
            Ok(account) => Ok(Some(account)),
            Err(Fault::Problem { problem, .. }) if problem.kind == "accountDoesNotExist" => {
                tracing::warn!("{name} does not know our account any more: making a new one");
                Ok(None)
            }
            // Some want an external account even for a question. The key is its own proof.
            Err(Fault::Problem { problem, .. }) if problem.kind == "externalAccountRequired" => {
                let account = self.builder().from_credentials(credentials).await;
                account.map(Some).map_err(|error| self.refusal("does not answer", error))
            }
            Err(fault) => {
                let did = match fault {
                    Fault::Problem { .. } => "does not take our account",
                    _ => "did not say whether it knows our account",
                };
                Err(Refusal::of_fault(&format!("{name} {did}"), &fault, self.now()))
            }
        }
    }

    /// RFC 8555 §7.3.1: asks for the account of a key, and makes none. So one that was lost is
    /// missed before there is an order.
    async fn find(&self, credentials: &AccountCredentials) -> Result<Account, Fault> {
        let secret = credentials.private_key().secret_pkcs8_der();
        let found = persist!(self.ask_for(secret));
        found.map_err(|error| words::fault(error, &self.transport.heard()))
    }

    /// The account of a key in PKCS#8.
    async fn ask_for(&self, secret: &[u8]) -> Result<Account, Error> {
        let pkcs8 = || PrivatePkcs8KeyDer::from(secret.to_vec());
        let key = (Key::from_pkcs8_der(pkcs8())?, PrivateKeyDer::Pkcs8(pkcs8()));
        let directory = self.endpoint.directory().to_owned();
        let (account, _) = self.builder().from_key(key, directory).await?;
        Ok(account)
    }

    /// Makes an account, with a key of its own for P-256.
    async fn register(&self) -> Result<Account, Refusal> {
        let (name, directory) = (self.endpoint.name(), self.endpoint.directory());
        let contact = self.endpoint.email.as_ref().map(|email| format!("mailto:{email}"));
        let contact: Vec<&str> = contact.as_deref().into_iter().collect();
        let wanted = NewAccount {
            contact: &contact,
            terms_of_service_agreed: true,
            only_return_existing: false,
        };
        let external = self.endpoint.settings.external_account.as_ref();
        let external = external.map(binding).transpose()?;
        let external = external.as_ref();
        let made = persist!(self.builder().create(&wanted, directory.to_owned(), external));
        let (account, credentials) = made.map_err(|error| self.not_made(error))?;
        let doing = format!("cannot keep the account at {name}");
        let text = serde_json::to_string(&credentials)
            .map_err(|error| Refusal::new(Blame::Edge, format!("{doing}: {error}")))?;
        self.accounts.keep(directory, &text).map_err(|error| Refusal::of_disk(&doing, &error))?;
        tracing::info!("registered with {name}: {}", account.id());
        Ok(account)
    }

    /// Why there is no account, with what can be done about it.
    fn not_made(&self, error: Error) -> Refusal {
        let fault = words::fault(error, &self.transport.heard());
        let name = self.endpoint.name();
        let refusal = |context: String| Refusal::of_fault(&context, &fault, self.now());
        let Fault::Problem { problem, .. } = &fault else {
            return refusal(format!("{name} did not make an account"));
        };
        if !problem.is_final() {
            return refusal(format!("{name} did not make an account"));
        }
        let context = match &self.endpoint.settings.external_account {
            None if problem.kind == "externalAccountRequired" => format!(
                "{name} makes accounts for its customers alone: set external_account, with the \
                 kid and the hmac_key_file that it gave you"
            ),
            Some(ExternalAccount { kid, .. }) => format!(
                "{name} did not make an account: it does not recognise the key identifier `{kid}` \
                 of external_account, or its hmac_key_file is of another"
            ),
            None => format!("{name} did not make an account"),
        };
        Refusal { blame: Blame::Account, ..refusal(context) }
    }

    /// `did` is what the authority did instead.
    fn refusal(&self, did: &str, error: Error) -> Refusal {
        let fault = words::fault(error, &self.transport.heard());
        Refusal::of_fault(&format!("{} {did}", self.endpoint.name()), &fault, self.now())
    }

    fn builder(&self) -> instant_acme::AccountBuilder {
        Account::builder_with_http(Box::new(self.transport.clone()))
    }

    fn now(&self) -> SystemTime {
        (self.endpoint.clock)()
    }
}

/// The configuration has proven that the key is base64url.
fn binding(external: &ExternalAccount) -> Result<ExternalAccountKey, Refusal> {
    let key = BASE64_URL_SAFE_NO_PAD.decode(external.hmac_key.reveal()).map_err(|error| {
        Refusal::new(Blame::Edge, format!("the key of external_account is not base64url: {error}"))
    })?;
    Ok(ExternalAccountKey::new(external.kid.clone(), &key))
}
