//! Asks a host again to which the connection broke.
//!
//! Cargo does so for what it downloads, as often as `net.retry` says, and with the same words. All the questions
//! that are under way to a host break together, and count as one. A host to which there is no connection at all
//! is not asked again: a build that requires nothing would wait for it every time.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::thread;
use std::time::{Duration, Instant};

use crate::signing::net::Failure;
use crate::util::network::retry::{Retry, RetryResult};
use crate::{CargoResult, GlobalContext};

/// The hosts to which connections broke, by origin.
#[derive(Default)]
pub(super) struct Broken<'a>(HashMap<String, Host<'a>>);

struct Host<'a> {
    retry: Retry<'a>,
    /// The first question that was asked after the last wait.
    since: usize,
}

impl<'a> Broken<'a> {
    /// Whether to ask `host` a question again, which had the number `asked` and failed so. Waits for as long as
    /// cargo would, if that is not past the `deadline`. The next question that is asked has the number `next`.
    pub(super) fn may_ask_again(
        &mut self,
        gctx: &'a GlobalContext,
        host: String,
        (asked, next): (usize, usize),
        failure: &Failure,
        deadline: Instant,
    ) -> CargoResult<bool> {
        let Some(error) = failure.broken.clone() else {
            return Ok(false);
        };
        let host = match self.0.entry(host) {
            Entry::Occupied(host) => host.into_mut(),
            Entry::Vacant(place) => place.insert(Host {
                retry: Retry::new(gctx)?,
                since: 0,
            }),
        };
        if asked < host.since {
            return Ok(true);
        }
        let RetryResult::Retry(wait) = host.retry.r#try(|| Err::<(), _>(error.into())) else {
            return Ok(false);
        };
        let wait = Duration::from_millis(wait);
        if wait >= deadline.saturating_duration_since(Instant::now()) {
            return Ok(false);
        }
        thread::sleep(wait);
        host.since = next;
        Ok(true)
    }
}
