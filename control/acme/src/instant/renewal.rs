//! When an authority would like a certificate to be renewed (RFC 9773).

use instant_acme::{Account, CertificateIdentifier, Error, Key};
use rustls_pki_types::CertificateDer;

use super::transport::Transport;
use super::words;
use crate::endpoint::Endpoint;
use crate::refusal::{Blame, Refusal};
use crate::renewal::Window;

/// As [`Endpoint::renewal_window`] says.
pub(crate) async fn renewal_window(
    endpoint: &Endpoint,
    leaf: &[u8],
) -> Result<Option<Window>, Refusal> {
    let leaf = CertificateDer::from(leaf);
    // What its signer does not name cannot be asked about (RFC 9773 §4.1).
    let Ok(certificate) = CertificateIdentifier::try_from(&leaf) else { return Ok(None) };
    let name = endpoint.name();
    let transport = Transport::new(&endpoint.https, endpoint.clock);
    let said = async {
        let account = nobody(endpoint, &transport).await?;
        account.renewal_info(&certificate).await
    };
    let (said, ask_again) = match said.await {
        Ok(said) => said,
        Err(Error::Unsupported(_)) => return Ok(None),
        Err(error) => {
            let context = format!("{name} did not tell when to renew");
            let fault = words::fault(error, &transport.heard());
            return Err(Refusal::of_fault(&context, &fault, (endpoint.clock)()));
        }
    };
    let window = Window {
        start: said.suggested_window.start.into(),
        end: said.suggested_window.end.into(),
        explanation: said.explanation_url.as_deref().map(words::explanation),
        ask_again,
    };
    if window.end <= window.start {
        let sentence = format!("{name} wants renewals to end before they begin");
        return Err(Refusal::new(Blame::Authority, sentence));
    }
    Ok(Some(window))
}

/// The library asks by an account, the authority does not (RFC 9773 §4.1): one that nobody knows is
/// as good, and the authority is not told of it.
async fn nobody(endpoint: &Endpoint, transport: &Transport) -> Result<Account, Error> {
    let (_, secret) = Key::generate_pkcs8()?;
    let directory = endpoint.directory().to_owned();
    let builder = Account::builder_with_http(Box::new(transport.clone()));
    builder.from_parts(String::new(), secret, directory).await
}
