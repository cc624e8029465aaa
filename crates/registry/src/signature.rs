//! Whether a signature fits the release that it came with.
//!
//! That is all a registry can check, and it is checked for the publisher's sake: a signature that
//! every consumer would refuse is refused here, with the reason. Whether the key is the publisher's
//! is between the consumer and the identity's provider. No key is fetched, kept or handed out here.

use consign_statement::cosignatures;
use consign_statement::tree::{self, TreeError};
use consign_statement::{Claim, Digest, Malformed, RegistryId, Release, VerifyError, verify};
use serde_json::value::to_raw_value;

use crate::archive::MAX_UNPACKED;
use crate::line::{InvalidLine, Line, SignatureFields};

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
    /// There is no room for another signer.
    #[error(
        "the version has {} cosignatures already, and cannot have more",
        cosignatures::MAX
    )]
    TooMany,
}

/// Checks the signature in `object`, a line or two fields alone, if there is one of a version that is known
/// here, against the release, its bytes and the identity of this registry.
///
/// What has no signature passes, and so does one with a signature of another version, which
/// only those who know that version can judge.
pub fn check(
    object: &[u8],
    release: &Release,
    archive: &[u8],
    here: &RegistryId,
) -> Result<(), SignatureError> {
    let fields = match Claim::from_json(object)? {
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

/// `line` with one more signer, whose fields were checked: in the line's own two fields where nobody has
/// signed it, and among the cosignatures otherwise. Who signs anew takes his own place again.
pub fn added(line: &Line, fields: &SignatureFields) -> Result<Line, AddError> {
    let signer = signer(&serde_json::to_vec(fields).map_err(InvalidLine::from)?);
    let first = Claim::from_json(line.as_str().as_bytes());
    let is_first = matches!(first, Ok(Claim::Unsigned) | Err(_));
    if is_first || (signer.is_some() && signer == self::signer(line.as_str().as_bytes())) {
        return Ok(line.with_signature(fields)?);
    }
    let mut all = line.cosignatures()?;
    let object = to_raw_value(fields).map_err(InvalidLine::from)?;
    let is_his = |other: &str| signer.is_some() && signer == self::signer(other.as_bytes());
    match all.iter().position(|other| is_his(other.get())) {
        Some(his) => all[his] = object,
        None if all.len() >= cosignatures::MAX => return Err(SignatureError::TooMany.into()),
        None => all.push(object),
    }
    Ok(line.with_cosignatures(&all)?)
}

/// Who claims to have signed: provider and user.
fn signer(object: &[u8]) -> Option<(String, String)> {
    match Claim::from_json(object) {
        Ok(Claim::Signed(fields)) => {
            let locator = fields.locator;
            Some((locator.provider().to_owned(), locator.user().to_owned()))
        }
        _ => None,
    }
}

/// Why a signature is not added to a line.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AddError {
    /// By what it is, or those that are there.
    #[error(transparent)]
    Signature(#[from] SignatureError),
    /// The line that would come of it is none.
    #[error(transparent)]
    Line(#[from] InvalidLine),
}
