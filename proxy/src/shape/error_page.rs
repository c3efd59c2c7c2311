//! The page of an error in the place of the error.

use http::StatusCode;
use pingora_core::Result;
use pingora_http::ResponseHeader;
use pingora_proxy::Session;
use warmfront_store::BodyReader;
use warmfront_store::storage::read_instead;

use super::body_reader;
use crate::answer::Answer;
use crate::context::{Context, Errand};
use crate::failure::{Fault, OriginFault};
use crate::pages;

/// Whether a response was replaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Replaced {
    Yes,
    No,
}

/// Puts the site's page in the place of an error, if it has one. What is kept in the store is the
/// error itself, so that it goes by its own URL and lifetime, and the page by the page's.
pub(crate) async fn replace(
    session: &mut Session,
    context: &mut Context,
    response: &mut ResponseHeader,
) -> Result<Replaced> {
    let status = response.status;
    let Some(page) = pages::fetch(session, context, status).await else {
        return Ok(Replaced::No);
    };
    let Some(reader) = body_reader(session) else {
        // A body that is on its way cannot be replaced: the whole response is.
        context.page = Some(page);
        return Err(context.stop(Fault::Origin(OriginFault::Answered(status))));
    };
    read_instead(reader, BodyReader::of(page.body.clone()));
    page.dress(response)?;
    context.paged = Some(status);
    Ok(Replaced::Yes)
}

/// The answer that is sent: the one given, or the site's page for it.
pub(super) async fn instead(
    session: &mut Session,
    context: &mut Context,
    answer: Answer,
) -> Answer {
    let page = match context.page.take() {
        Some(page) => Some(page),
        None if is_error(answer.status) && context.errand == Errand::Client => {
            pages::fetch(session, context, answer.status).await
        }
        None => None,
    };
    let Some(page) = page else { return answer };
    context.paged = Some(answer.status);
    let fields = page.fields.iter().filter(|(name, _)| !pages::is_of_the_error(name));
    let fields = fields.map(|(name, value)| (name.clone(), value.clone())).collect();
    Answer { status: page.status, fields, body: page.body.concat().into(), closes: answer.closes }
}

fn is_error(status: StatusCode) -> bool {
    status.is_client_error() || status.is_server_error()
}
