//! What providers answered, beyond one command.
//!
//! Answers are kept in `$CARGO_HOME/signing/answers`, under a digest of the address that was asked:
//! a name that is later given to another address does not inherit its answers. `$CARGO_HOME/signing`
//! is no cache. What is in it must not come from elsewhere.

use std::fs;
use std::io::Read as _;
use std::path::PathBuf;

use anyhow::Context as _;
use consign_identity::answer::{Cached, MAX_BODY};
use consign_identity::provider::Location;
use consign_statement::Digest;

use super::address;
use crate::signing::keys::write_new_version;
use crate::{CargoResult, GlobalContext};

/// The remembered answer. One that cannot be read is none, and is asked for again.
pub(super) fn recall(gctx: &GlobalContext, location: &Location) -> Option<Cached> {
    // A folder is at hand whenever it is needed.
    if matches!(location, Location::File(_)) {
        return None;
    }
    let path = path(gctx, location);
    let file = fs::File::open(&path).ok()?;
    let mut json = Vec::new();
    file.take(MAX_BODY as u64 + 1).read_to_end(&mut json).ok()?;
    match Cached::from_json(&json) {
        Ok(cached) => Some(cached),
        Err(error) => {
            tracing::debug!("ignoring `{}`: {error}", path.display());
            None
        }
    }
}

/// Remembers an answer.
pub(super) fn remember(
    gctx: &GlobalContext,
    location: &Location,
    answer: &Cached,
) -> CargoResult<()> {
    match location {
        Location::Url(_) => write_new_version(&path(gctx, location), answer.to_json().as_bytes())
            .context("failed to remember what an identity provider answered"),
        Location::File(_) => Ok(()),
    }
}

/// The file in which the answer of a location is kept.
fn path(gctx: &GlobalContext, location: &Location) -> PathBuf {
    gctx.home()
        .as_path_unlocked()
        .join("signing/answers")
        .join(format!("{}.json", Digest::of(address(location).as_bytes())))
}
