use core::pin::pin;
use core::time::Duration;

use futures_util::future::{Either, select};
use worker::Delay;

/// What `work` comes to, unless it takes longer than `limit`: it is dropped then.
pub async fn within<T>(limit: Duration, work: impl Future<Output = T>) -> Option<T> {
    match select(pin!(work), pin!(Delay::from(limit))).await {
        Either::Left((done, _)) => Some(done),
        Either::Right(_) => None,
    }
}
