//! Lays patches over a copy of a published crate.
//!
//! Consign is compiled from the crates `cargo` and `crates-io` as they were published, with a few
//! lines changed. Those lines are kept as patches; nothing else of upstream is in this repository.
//! A build script does the whole of it:
//!
//! 1. [`upstream::find`] asks `cargo metadata` where the pinned crate was unpacked,
//! 2. [`upstream::copy`] copies its source to `OUT_DIR`,
//! 3. [`PatchSet::read`] reads the patches of a folder ([`patch`] has their form),
//! 4. [`PatchSet::lay`] lays them over the copy,
//! 5. [`crate_root`] makes the result fit for `include!`.
//!
//! The first four are [`prepare`].
//!
//! The way back is for those who work on the patches: [`PatchSet::saved`] makes patches of what
//! somebody changed in a laid-out copy (the module `owner` says which change is whose), and
//! [`PatchSet::upgraded`] carries them to another release (the module `carry`).
//!
//! Patches are a set, not a sequence. Each is written against the published file and names that
//! file's checksum, so no patch depends on another, none has a place in an order, and one can be
//! taken away without touching the rest. Two patches that change the same place cannot both be
//! right, and are refused: see [`lay`].

mod carry;
pub mod crate_root;
mod diff;
pub mod lay;
mod owner;
pub mod patch;
mod save;
mod set;
mod upgrade;
pub mod upstream;

pub use patch::About;
pub use save::{NewPatch, Unowned};
pub use upgrade::{Conflict, Upgraded};

pub use set::{Figures, PatchSet, SetError};

use std::path::Path;

/// Why a patched copy could not be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PrepareError {
    /// The published crate is not there or could not be copied.
    #[error(transparent)]
    Upstream(#[from] upstream::UpstreamError),
    /// A patch does not fit.
    #[error(transparent)]
    Patches(#[from] SetError),
}

/// Copies `package` in exactly `version`, one of the dependencies of `manifest`, to the folder
/// `to`, and lays the patches in the folder `patches` over the copy.
pub fn prepare(
    cargo: &Path,
    manifest: &Path,
    (package, version): (&str, &str),
    patches: &Path,
    to: &Path,
) -> Result<(), PrepareError> {
    let published = upstream::find(cargo, manifest, package, version)?;
    let patches = PatchSet::read(patches)?;
    upstream::copy(&published, to)?;
    Ok(patches.lay(to)?)
}
