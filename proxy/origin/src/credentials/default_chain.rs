//! Amazon's default chain: environment, profile, web identity, container, instance metadata.

use aws_config::Region;
use aws_config::default_provider::credentials::DefaultCredentialsChain;
use aws_credential_types::Credentials;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{self, ProvideCredentials};
use tokio::sync::Mutex;

/// The chain, built when it is first asked.
#[derive(Debug)]
pub(super) struct DefaultChain {
    region: Region,
    /// The chain reads profile files once in its life. So it lives on only while it gives temporary
    /// keys, which it renews itself, and is built anew where a file may have changed.
    built: Mutex<Option<DefaultCredentialsChain>>,
}

impl DefaultChain {
    /// A region that is given is not asked of the instance's metadata, which may not exist.
    pub(super) fn new(region: &str) -> Self {
        Self { region: Region::new(region.to_owned()), built: Mutex::default() }
    }

    async fn credentials(&self) -> Result<Credentials, CredentialsError> {
        let mut built = self.built.lock().await;
        let chain = if let Some(chain) = built.take() {
            chain
        } else {
            let region = self.region.clone();
            let builder = DefaultCredentialsChain::builder().region(region);
            Box::pin(builder.build()).await
        };
        let answer = chain.provide_credentials().await;
        if matches!(&answer, Ok(credentials) if credentials.expiry().is_some()) {
            *built = Some(chain);
        }
        answer
    }
}

impl ProvideCredentials for DefaultChain {
    fn provide_credentials<'a>(&'a self) -> provider::future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        provider::future::ProvideCredentials::new(self.credentials())
    }
}
