//! Signatures of documents (RFC 9580, section 5.2.1.1), by which the owner of a key proves to a forge
//! that he has it. Nothing else is signed so: a release has a signature by the bare key.

use ed25519_dalek::SigningKey;
use pgp::crypto::hash::HashAlgorithm;
use pgp::packet::{PublicKey, SignatureConfig, SignatureType, Subpacket, SubpacketData};
use pgp::ser::Serialize as _;
use pgp::types::{KeyDetails as _, KeyVersion, Password, Timestamp};
use rand_core::OsRng;

use super::secret::SelfSigner;

/// The body of a signature over `text` by `signing`, whose public half is `public`, dated `time`.
pub(super) fn sign(
    signing: &SigningKey,
    public: &PublicKey,
    text: &[u8],
    time: u32,
) -> pgp::errors::Result<Vec<u8>> {
    let (kind, hash) = (SignatureType::Binary, HashAlgorithm::Sha512);
    let old = public.version() == KeyVersion::V4;
    let mut config = if old {
        SignatureConfig::v4(kind, public.algorithm(), hash)
    } else {
        SignatureConfig::v6(OsRng, kind, public.algorithm(), hash)?
    };
    let time = SubpacketData::SignatureCreationTime(Timestamp::from_secs(time));
    config.hashed_subpackets = vec![
        Subpacket::regular(time)?,
        Subpacket::regular(SubpacketData::IssuerFingerprint(public.fingerprint()))?,
    ];
    if old {
        let id = SubpacketData::IssuerKeyId(public.legacy_key_id());
        config.unhashed_subpackets = vec![Subpacket::regular(id)?];
    }
    let signer = SelfSigner { signing, public };
    config.sign(&signer, &Password::empty(), text)?.to_bytes()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use pgp::composed::{Deserializable as _, DetachedSignature, SignedPublicKey};

    use super::super::{KeyError, OwnKey};

    macro_rules! data {
        ($name:literal) => {
            include_bytes!(concat!("../../tests/data/", $name))
        };
    }

    #[test]
    fn a_signature_is_over_the_document_alone() {
        for file in [
            &data!("gpg-ed25519.secret.asc")[..],
            data!("rfc9580-v6.secret.asc"),
        ] {
            let key = OwnKey::from_armored(file).unwrap();
            let armored = key.detached_signature(b"a token", 1_800_000_000).unwrap();
            let (signature, _) = DetachedSignature::from_string(&armored).unwrap();
            let public = key.public_armored();
            let (public, _) = SignedPublicKey::from_string(&public).unwrap();
            assert!(signature.verify(&public, b"a token").is_ok());
            assert!(signature.verify(&public, b"another").is_err());
        }
    }

    #[test]
    fn a_locked_key_makes_none() {
        let key = OwnKey::from_armored(data!("gpg-protected.secret.asc")).unwrap();
        let error = key.detached_signature(b"a token", 1_800_000_000);
        assert_eq!(error.unwrap_err(), KeyError::Protected);
    }
}
