//! Keys are retired and revoked.
//!
//! Either is a revocation in the key file, by the key's own signature: the file says what the
//! published key will say. It is written first. Whatever happens then, nothing more is signed here, and
//! publishing the key, or withdrawing it, can be tried again.

use anyhow::Context as _;
use consign_identity::openpgp::{OsRng, Withdrawal};

use super::{Life, OwnKeyOf, explained, passphrase};
use crate::signing::context::unix_now;
use crate::signing::private_file;
use crate::{CargoResult, GlobalContext};

/// How a key ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// Its owner stops using it.
    Retired,
    /// Its owner withdraws it; somebody else may have it.
    Revoked {
        /// Somebody else has it, or may have.
        compromised: bool,
    },
}

/// Ends a stored key, and writes its file anew. The key that is given back is open, so that it can
/// be published; its file is under the passphrase under which it was.
pub fn end(gctx: &GlobalContext, of: OwnKeyOf, how: End) -> CargoResult<OwnKeyOf> {
    let (identity, path) = (of.identity.clone(), of.path.clone());
    let file = path.clone().context("the key is in no file")?;
    let opened = passphrase::open(gctx, of)?;
    let now = unix_now()?;
    let ended = match how {
        End::Retired => opened.key.retire(now, OsRng),
        End::Revoked { compromised } => {
            let why = match compromised {
                true => Withdrawal::Compromised,
                false => Withdrawal::NoReason,
            };
            opened.key.revoke(now, why, OsRng)
        }
    };
    let ended = ended.map_err(explained)?;
    let armored = match &opened.passphrase {
        Some(passphrase) => ended.to_armored_with(passphrase.as_bytes(), OsRng)?,
        None => ended.to_armored(),
    };
    private_file::write(&file, armored.as_bytes()).context("failed to store the signing key")?;
    Ok(OwnKeyOf {
        identity,
        key: ended,
        path,
    })
}

impl End {
    /// Whether a key is at this end already, or beyond it.
    pub fn is_reached(self, life: Life) -> bool {
        match self {
            End::Retired => matches!(life, Life::Retired(_) | Life::Revoked),
            End::Revoked { .. } => life == Life::Revoked,
        }
    }
}
