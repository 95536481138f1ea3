//! Waits that do not rely on their stream alone.

use std::pin::pin;
use std::time::Duration;

use futures_util::future::{Either, select};
use tokio::time::sleep;

use crate::error::Error;

/// How long a wait relies on its stream before it asks, and how long until it asks again.
const PAUSE: Duration = Duration::from_secs(10);

/// Waits for what a stream tells, and asks for it every 10 s besides: a stream that died behind a proxy is
/// silent for minutes.
///
/// What `ask` fails to learn is no error: the stream has the say in that.
pub(crate) async fn told_or_asked<T, F: Future<Output = Option<T>>>(
    told: impl Future<Output = Result<T, Error>>,
    mut ask: impl FnMut() -> F,
) -> Result<T, Error> {
    let asked = async {
        loop {
            sleep(PAUSE).await;
            if let Some(end) = ask().await {
                return end;
            }
        }
    };
    match select(pin!(told), pin!(asked)).await {
        Either::Left((told, _)) => told,
        Either::Right((end, _)) => Ok(end),
    }
}
