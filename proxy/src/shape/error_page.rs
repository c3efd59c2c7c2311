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
    let Some(mut page) = pages::fetch(session, context, status).await else {
        return Ok(Replaced::No);
    };
    page.keep(response.headers.iter());
    let Some(reader) = body_reader(session) else {
        // A body that is on its way cannot be replaced: the whole response is.
        context.page = Some(page);
        return Err(context.stop(Fault::Origin(OriginFault::Answered(status))));
    };
    read_instead(reader, BodyReader::of(page.body.clone()));
    page.dress(response)?;
    context.page_room = page.room.take();
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
            let mut page = pages::fetch(session, context, answer.status).await;
            if let Some(page) = &mut page {
                page.keep(answer.fields.iter().map(|(name, value)| (name, value)));
            }
            page
        }
        None => None,
    };
    let Some(page) = page else { return answer };
    context.paged = Some(answer.status);
    let fields = page.fields.iter().filter(|(name, _)| !pages::FRAMING.contains(name));
    let fields = fields.map(|(name, value)| (name.clone(), value.clone())).collect();
    context.page_room = page.room;
    Answer { status: page.status, fields, body: page.body, closes: answer.closes }
}

fn is_error(status: StatusCode) -> bool {
    status.is_client_error() || status.is_server_error()
}
