//! Waits for a prefetch.

use std::time::Duration;

use http::Method;
use tokio::time::{Instant, sleep};

use super::super::console::Console;
use super::Outcome;
use crate::client::{Client, ClientError};

/// Between two looks: at first, so that a short one is seen to end at once, and at last.
const PAUSES: [Duration; 2] = [Duration::from_millis(100), Duration::from_secs(2)];
/// How long a node may be away: it begins anew with what is not done when it starts again.
const PATIENCE: Duration = Duration::from_mins(1);

/// Returns when everything is fetched that was to be after this invalidation.
pub(super) async fn until_fetched(
    client: &Client,
    id: &str,
    console: &mut Console<'_>,
) -> Result<Outcome, ClientError> {
    let path = format!("/invalidations/{id}");
    let [mut pause, longest] = PAUSES;
    let mut seen = Instant::now();
    let outcome = loop {
        match client.send(Method::GET, &path, None).await {
            Ok(reply) => {
                seen = Instant::now();
                let outcome = Outcome::read(reply, client)?;
                let running = outcome.answered.prefetch.as_ref().filter(|one| one.is_running());
                match running {
                    Some(running) => console.progress(&running.progress()),
                    None => break Ok(outcome),
                }
            }
            Err(error) if is_passing(&error) && seen.elapsed() < PATIENCE => {
                console.progress("prefetching: the node does not answer");
            }
            Err(error) => break Err(error),
        }
        sleep(pause).await;
        pause = longest.min(pause * 2);
    };
    console.progressed();
    outcome
}

/// Whether it may be that the node is only being started again.
fn is_passing(error: &ClientError) -> bool {
    matches!(
        error,
        ClientError::Unreachable { .. }
            | ClientError::Insecure { .. }
            | ClientError::Broken { .. }
            | ClientError::Silent { .. }
    )
}
