//! Key revocations (RFC 9580, sections 5.2.1.11 and 5.2.3.31): what ends a key.
//!
//! Such a signature is by the primary key over itself alone, and so ends its subkeys too. Its
//! reason decides what becomes of what the key signed; see [`KeyState`](super::KeyState).

use ed25519_dalek::SigningKey;
use pgp::crypto::hash::HashAlgorithm;
use pgp::packet::{
    PublicKey, RevocationCode, SignatureConfig, SignatureType, Subpacket, SubpacketData,
};
use pgp::ser::Serialize as _;
use pgp::types::{KeyDetails as _, KeyVersion, Password, Timestamp};
use rand_core::CryptoRngCore;

use super::secret::SelfSigner;

/// Why a key ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reason {
    /// None given.
    None,
    /// There is another.
    Superseded,
    /// Others may have it.
    Compromised,
}

impl From<Reason> for RevocationCode {
    fn from(reason: Reason) -> RevocationCode {
        match reason {
            Reason::None => RevocationCode::NoReason,
            Reason::Superseded => RevocationCode::KeySuperseded,
            Reason::Compromised => RevocationCode::KeyCompromised,
        }
    }
}

/// The body of a revocation of `primary`, whose secret is `signing`. Only a key of version 6 needs
/// the random octets.
pub(super) fn make(
    signing: &SigningKey,
    primary: &PublicKey,
    time: u32,
    reason: Reason,
    rng: impl CryptoRngCore,
) -> pgp::errors::Result<Vec<u8>> {
    let (kind, hash) = (SignatureType::KeyRevocation, HashAlgorithm::Sha512);
    let old = primary.version() == KeyVersion::V4;
    let mut config = if old {
        SignatureConfig::v4(kind, primary.algorithm(), hash)
    } else {
        SignatureConfig::v6(rng, kind, primary.algorithm(), hash)?
    };
    let time = SubpacketData::SignatureCreationTime(Timestamp::from_secs(time));
    let why = SubpacketData::RevocationReason(reason.into(), b"".as_slice().into());
    config.hashed_subpackets = vec![
        Subpacket::regular(time)?,
        Subpacket::regular(SubpacketData::IssuerFingerprint(primary.fingerprint()))?,
        Subpacket::regular(why)?,
    ];
    if old {
        let id = SubpacketData::IssuerKeyId(primary.legacy_key_id());
        config.unhashed_subpackets = vec![Subpacket::regular(id)?];
    }
    let public = primary;
    let signer = SelfSigner { signing, public };
    config
        .sign_key(&signer, &Password::empty(), primary)?
        .to_bytes()
}
