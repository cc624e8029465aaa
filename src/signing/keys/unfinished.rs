//! Keys that are still to be published: because they were just made, or were deleted at their provider to
//! be added again, and were not, or not yet.
//!
//! Until that is done, everything they sign and signed is refused. So a mark is put beside the key when it is
//! made, and before it is deleted. It goes when the key is at its provider, or was printed to be published by
//! hand: whatever ends the command in between, the next ones say so.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use anyhow::Context as _;

use super::{OwnKeyOf, files};
use crate::signing::private_file;
use crate::{CargoResult, GlobalContext};

/// What the mark says, for whoever finds it.
const MARK: &str = "\
This key is still to be published at its provider. Until it is, what it signs and signed is refused.
`cargo key publish` publishes it.
";

/// The keys that are still to be published.
pub fn unfinished(gctx: &GlobalContext) -> CargoResult<Vec<OwnKeyOf>> {
    let files = files(gctx)?;
    let marked = files.iter().filter(|file| mark(&file.path).exists());
    marked.map(|file| file.read()).collect()
}

impl OwnKeyOf {
    /// Whether it is still to be published.
    pub fn is_unfinished(&self) -> bool {
        self.path.as_deref().is_some_and(|path| mark(path).exists())
    }

    /// It was made, or is about to be deleted at its provider to be replaced.
    pub(super) fn is_to_be_published(&self) -> CargoResult<()> {
        match &self.path {
            Some(path) => private_file::write(&mark(path), MARK.as_bytes()),
            None => Ok(()),
        }
    }

    /// It is at its provider, or in its owner's hands, or is to be there no more.
    pub fn is_in_hand(&self) -> CargoResult<()> {
        let Some(mark) = self.path.as_deref().map(mark) else {
            return Ok(());
        };
        match fs::remove_file(&mark) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                Err(error).with_context(|| format!("failed to remove `{}`", mark.display()))
            }
            _ => Ok(()),
        }
    }
}

/// The mark beside a key's file.
fn mark(path: &Path) -> PathBuf {
    path.with_extension("to-publish")
}
