//! Whether a signature fits the release that it came with.
//!
//! That is all a registry can check, and it is checked for the publisher's sake: a signature that
//! every consumer would refuse is refused here, with the reason. Whether the key is the publisher's
//! is between the consumer and the identity's provider. No key is fetched, kept or handed out here.

use consign_statement::tree::{self, TreeError};
use consign_statement::{Claim, Digest, Malformed, RegistryId, Release, VerifyError, verify};

use crate::archive::MAX_UNPACKED;
use crate::line::Line;

/// Why a signature is refused.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SignatureError {
    /// The fields break the format.
    #[error(transparent)]
    Malformed(#[from] Malformed),
    /// It is no signature over this entry, or one for another registry.
    #[error(transparent)]
    Verify(#[from] VerifyError),
    /// The archive holds what cannot be signed.
    #[error("the .crate file cannot be signed for: {0}")]
    Archive(#[from] TreeError),
    /// The archive holds other files than those that were signed.
    #[error("`tree` is {signed}, but the files in the .crate file give {found}")]
    Tree {
        /// What was signed.
        signed: Digest,
        /// What the archive gives.
        found: Digest,
    },
}

/// Checks the signature on `line`, if there is one of a version that is known here, against the
/// release that the line tells of, its bytes and the identity of this registry.
///
/// A line without a signature passes, and so does one with a signature of another version, which
/// only those who know that version can judge.
pub fn check(
    line: &Line,
    release: &Release,
    archive: &[u8],
    here: &RegistryId,
) -> Result<(), SignatureError> {
    let fields = match Claim::from_json(line.as_str().as_bytes())? {
        Claim::Unsigned | Claim::UnknownVersion(_) => return Ok(()),
        Claim::Signed(fields) => fields,
    };
    let valid = verify(release, here, &fields)?;
    let found = tree::of_crate(archive, release.name(), release.vers(), MAX_UNPACKED)?;
    if found != *valid.tree() {
        return Err(SignatureError::Tree {
            signed: *valid.tree(),
            found,
        });
    }
    Ok(())
}
