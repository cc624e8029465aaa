//! The key that signs, and how it is made.

use std::convert::Infallible;
use std::fmt;

use consign_statement::PublicKey;
use ed25519_dalek::{Signer as _, SigningKey};
use pgp::crypto::hash::HashAlgorithm;
use pgp::crypto::public_key::PublicKeyAlgorithm;
use pgp::packet::{
    KeyFlags, PacketHeader, PublicKey as PrimaryKey, SignatureConfig, SignatureType, Subpacket,
    SubpacketData, UserId,
};
use pgp::ser::Serialize as _;
use pgp::types::{
    Fingerprint as PgpFingerprint, KeyDetails, KeyId, KeyVersion, Mpi, PacketHeaderVersion,
    Password, PublicParams, SignatureBytes, Tag, Timestamp,
};
use rand_core::CryptoRngCore;
use zeroize::Zeroizing;

use super::packet::{self, CURVE, checksum, tag};
use super::{Fingerprint, KeyError, OwnKey, PublishedKey, Withdrawal};
use crate::identity::Identity;

/// What follows the identity in the User ID of the keys that we make.
const USER_ID_SUFFIX: &str = " (Consign signing key)";

/// An Ed25519 key that signs releases, with the OpenPGP certificate that publishes it: an
/// [`OwnKey`] that is open and may sign.
///
/// Its secret is overwritten when it is dropped, and never printed.
pub struct SecretKey {
    pub(super) signing: SigningKey,
    pub(super) own: OwnKey,
}

impl SecretKey {
    /// Makes a key for `identity`, dated `created` (Unix seconds), from 32 octets of `rng`.
    ///
    /// It is one version 4 key of algorithm 22 that may certify and sign, without an end and
    /// without subkeys, with the User ID `github:octocat (Consign signing key)`: a name and a
    /// comment, no e-mail address, so that publishing it tells nothing that the account's name
    /// does not. Of an account that is an address, as in a Web Key Directory, it is the address,
    /// `<ada@example.org>`, by which it is found. The self-signature is over SHA-512.
    pub fn generate(
        identity: &Identity,
        created: u64,
        mut rng: impl CryptoRngCore,
    ) -> Result<SecretKey, KeyError> {
        let seconds = u32::try_from(created).map_err(|_| KeyError::Time(created))?;
        let mut seed = Zeroizing::new([0; 32]);
        rng.fill_bytes(&mut *seed);
        let signing = SigningKey::from_bytes(&seed);

        let body = public_body(&signing, seconds);
        let user_id = user_id_of(identity);
        let assembly = |e: pgp::errors::Error| KeyError::Assembly(e.to_string());
        let signature = certify(&signing, &body, &user_id, seconds).map_err(assembly)?;
        let secret_body = secret_body(&body, &signing);

        let mut secret = Zeroizing::new(Vec::with_capacity(1024));
        packet::write(&mut secret, tag::SECRET_KEY, &secret_body);
        packet::write(&mut secret, tag::USER_ID, user_id.as_bytes());
        packet::write(&mut secret, tag::SIGNATURE, &signature);
        // What we made, everyone must be able to read.
        OwnKey::from_packets(secret)?.signer()
    }

    /// Reads a key file without a passphrase: [`OwnKey::from_armored`], and [`OwnKey::signer`].
    pub fn from_armored(text: &[u8]) -> Result<SecretKey, KeyError> {
        OwnKey::from_armored(text)?.signer()
    }

    /// The key and all that is in its file.
    pub fn own(&self) -> &OwnKey {
        &self.own
    }

    /// The key file: the armored secret key, without a passphrase. GnuPG imports it.
    pub fn to_armored(&self) -> Zeroizing<String> {
        self.own.to_armored()
    }

    /// The key file under a passphrase; see [`OwnKey::to_armored_with`].
    pub fn to_armored_with(
        &self,
        passphrase: &[u8],
        rng: impl CryptoRngCore,
    ) -> Result<Zeroizing<String>, KeyError> {
        self.own.to_armored_with(passphrase, rng)
    }

    /// Stops using the key; see [`OwnKey::retire`].
    pub fn retire(&self, time: u64, rng: impl CryptoRngCore) -> Result<OwnKey, KeyError> {
        self.own.retire(time, rng)
    }

    /// Withdraws the key; see [`OwnKey::revoke`].
    pub fn revoke(
        &self,
        time: u64,
        why: Withdrawal,
        rng: impl CryptoRngCore,
    ) -> Result<OwnKey, KeyError> {
        self.own.revoke(time, why, rng)
    }

    /// The armored public key, to be published.
    pub fn public_armored(&self) -> String {
        self.own.public_armored()
    }

    /// The public half of the key that signs.
    pub fn public_key(&self) -> PublicKey {
        self.own.public_key()
    }

    /// What OpenPGP calls the key that signs by.
    pub fn fingerprint(&self) -> &Fingerprint {
        self.own.fingerprint()
    }

    /// When the key that signs was made; Unix seconds.
    pub fn created(&self) -> u64 {
        self.own.created()
    }

    /// What others see of the key that signs, once it is published.
    pub fn published(&self) -> &PublishedKey {
        self.own.published()
    }

    /// The identity that the key names; see [`OwnKey::identity`].
    pub fn identity(&self) -> Option<&Identity> {
        self.own.identity()
    }

    /// An armored OpenPGP signature; see [`OwnKey::detached_signature`].
    pub fn detached_signature(&self, text: &[u8], time: u64) -> Result<String, KeyError> {
        self.own.detached_signature(text, time)
    }

    /// Signs `message` with the bare key (Ed25519, RFC 8032, section 5.1.6).
    pub fn sign(&self, message: &[u8]) -> [u8; 64] {
        self.signing.sign(message).to_bytes()
    }
}

impl consign_statement::Signer for SecretKey {
    type Error = Infallible;

    fn public_key(&self) -> PublicKey {
        SecretKey::public_key(self)
    }

    fn sign(&self, message: &[u8]) -> Result<[u8; 64], Infallible> {
        Ok(SecretKey::sign(self, message))
    }
}

impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SecretKey")
            .field("published", self.published())
            .finish_non_exhaustive()
    }
}

/// The provider whose accounts are addresses, and need no other name.
const WKD: &str = "wkd";

/// The User ID of a key for `identity`: `github:octocat (Consign signing key)`. An address is at its
/// end, in angle brackets, where every implementation looks for it; it is all there is where it says
/// all.
fn user_id_of(identity: &Identity) -> String {
    let user = identity.user();
    match (identity.provider(), user.contains('@')) {
        (WKD, true) => format!("<{user}>"),
        (_, true) => format!("{identity}{USER_ID_SUFFIX} <{user}>"),
        (_, false) => format!("{identity}{USER_ID_SUFFIX}"),
    }
}

/// The identity in the User ID of a key that we made; see [`user_id_of`].
pub(super) fn identity_of(user_id: &[u8]) -> Option<Identity> {
    let text = str::from_utf8(user_id).ok()?;
    let address = text.strip_prefix('<').and_then(|t| t.strip_suffix('>'));
    let identity: Identity = match (address, text.split_once(USER_ID_SUFFIX)) {
        (Some(address), _) => format!("{WKD}:{address}").parse(),
        (None, Some((identity, _))) => identity.parse(),
        (None, None) => return None,
    }
    .ok()?;
    (user_id_of(&identity) == text).then_some(identity)
}

/// The body of a version 4 public key packet of algorithm 22 (section 5.5.5.5): the point is
/// an MPI of 263 bits, 0x40 and the 32 octets.
pub(super) fn public_body(signing: &SigningKey, created: u32) -> Vec<u8> {
    let mut body = vec![4];
    body.extend(created.to_be_bytes());
    body.push(PublicKeyAlgorithm::EdDSALegacy.into());
    body.extend(CURVE);
    body.extend([1, 7, 0x40]);
    body.extend(signing.verifying_key().as_bytes());
    body
}

/// The body of the secret key packet: the public one, "no passphrase", the secret as an MPI, and
/// the sum over the MPI.
pub(super) fn secret_body(public: &[u8], signing: &SigningKey) -> Zeroizing<Vec<u8>> {
    let seed = Zeroizing::new(signing.to_bytes());
    let zeros = seed.iter().take_while(|&&octet| octet == 0).count();
    let digits = &seed[zeros..];
    let bits = digits
        .first()
        .map_or(0, |first| digits.len() * 8 - first.leading_zeros() as usize);

    // Never grown, so that no copy of the secret is left behind.
    let mut body = Zeroizing::new(Vec::with_capacity(public.len() + 64));
    body.extend_from_slice(public);
    body.push(0);
    let start = body.len();
    body.extend((bits as u16).to_be_bytes());
    body.extend_from_slice(digits);
    let sum = checksum(&body[start..]);
    body.extend(sum.to_be_bytes());
    body
}

/// The body of the self-signature (type 0x13, section 5.2.1.6) over a User ID.
fn certify(
    signing: &SigningKey,
    public: &[u8],
    user_id: &str,
    created: u32,
) -> pgp::errors::Result<Vec<u8>> {
    let header = PacketHeader::new_fixed(Tag::PublicKey, u32::try_from(public.len())?);
    let public = PrimaryKey::try_from_reader(header, public)?;
    let user_id = UserId::from_str(PacketHeaderVersion::New, user_id)?;
    let mut flags = KeyFlags::default();
    flags.set_certify(true);
    flags.set_sign(true);

    let mut config = SignatureConfig::v4(
        SignatureType::CertPositive,
        PublicKeyAlgorithm::EdDSALegacy,
        HashAlgorithm::Sha512,
    );
    config.hashed_subpackets = vec![
        Subpacket::regular(SubpacketData::SignatureCreationTime(Timestamp::from_secs(
            created,
        )))?,
        Subpacket::regular(SubpacketData::IssuerFingerprint(public.fingerprint()))?,
        Subpacket::regular(SubpacketData::KeyFlags(flags))?,
    ];
    config.unhashed_subpackets = vec![Subpacket::regular(SubpacketData::IssuerKeyId(
        public.legacy_key_id(),
    ))?];
    let signer = SelfSigner {
        signing,
        public: &public,
    };
    config
        .sign_certification(&signer, &public, &Password::empty(), Tag::UserId, &user_id)?
        .to_bytes()
}

/// Signs for `pgp`, so that it need not have the secret.
pub(super) struct SelfSigner<'a> {
    pub(super) signing: &'a SigningKey,
    pub(super) public: &'a PrimaryKey,
}

impl pgp::types::SigningKey for SelfSigner<'_> {
    fn sign(
        &self,
        _: &Password,
        _: HashAlgorithm,
        digest: &[u8],
    ) -> pgp::errors::Result<SignatureBytes> {
        let signature = self.signing.sign(digest);
        if self.algorithm() == PublicKeyAlgorithm::Ed25519 {
            return Ok(SignatureBytes::Native(signature.to_vec().into()));
        }
        // MPIs lose their leading zeros.
        Ok(SignatureBytes::Mpis(vec![
            Mpi::from_slice(signature.r_bytes()),
            Mpi::from_slice(signature.s_bytes()),
        ]))
    }

    fn hash_alg(&self) -> HashAlgorithm {
        HashAlgorithm::Sha512
    }
}

impl fmt::Debug for SelfSigner<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.public.fmt(f)
    }
}

impl KeyDetails for SelfSigner<'_> {
    fn version(&self) -> KeyVersion {
        self.public.version()
    }

    fn legacy_key_id(&self) -> KeyId {
        self.public.legacy_key_id()
    }

    fn fingerprint(&self) -> PgpFingerprint {
        self.public.fingerprint()
    }

    fn algorithm(&self) -> PublicKeyAlgorithm {
        self.public.algorithm()
    }

    fn created_at(&self) -> Timestamp {
        self.public.created_at()
    }

    fn legacy_v3_expiration_days(&self) -> Option<u16> {
        None
    }

    fn public_params(&self) -> &PublicParams {
        self.public.public_params()
    }
}

/// What the tests of several modules use.
#[cfg(test)]
pub(super) mod testing {
    #![allow(clippy::unwrap_used)]
    use rand_core::{CryptoRng, Error, RngCore};

    use crate::identity::Identity;

    /// Gives the same 32 octets, over and over.
    pub(crate) struct Fixed(pub(crate) [u8; 32]);

    impl RngCore for Fixed {
        fn next_u32(&mut self) -> u32 {
            unimplemented!("not asked for")
        }

        fn next_u64(&mut self) -> u64 {
            unimplemented!("not asked for")
        }

        fn fill_bytes(&mut self, octets: &mut [u8]) {
            for (octet, fixed) in octets.iter_mut().zip(self.0.iter().cycle()) {
                *octet = *fixed;
            }
        }

        fn try_fill_bytes(&mut self, octets: &mut [u8]) -> Result<(), Error> {
            self.fill_bytes(octets);
            Ok(())
        }
    }

    impl CryptoRng for Fixed {}

    pub(crate) fn octocat() -> Identity {
        "github:octocat".parse().unwrap()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use rand_core::OsRng;

    use super::super::{KeyState, read_public};
    use super::testing::{Fixed, octocat};
    use super::*;

    #[test]
    fn a_new_key_is_what_it_says_and_reads_back() {
        let key = SecretKey::generate(&octocat(), 1_763_800_000, OsRng).unwrap();
        assert_eq!(key.identity(), Some(&octocat()));
        assert_eq!(key.created(), 1_763_800_000);
        assert_eq!(key.fingerprint().as_bytes().len(), 20);
        assert_eq!(key.published().state, KeyState::Good);
        assert_eq!(
            read_public(key.public_armored().as_bytes()),
            Ok(vec![key.published().clone()])
        );

        let again = SecretKey::from_armored(key.to_armored().as_bytes()).unwrap();
        assert_eq!(again.to_armored(), key.to_armored());
        assert_eq!(again.public_armored(), key.public_armored());
        assert_eq!(again.published(), key.published());
        assert_eq!(again.identity(), key.identity());
        let other = SecretKey::generate(&octocat(), 1_763_800_000, OsRng).unwrap();
        assert_ne!(other.public_key(), key.public_key());
    }

    #[test]
    fn the_bare_key_signs_as_rfc_8032_has_it() {
        // Section 7.1, test 2.
        let seed = "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb";
        let seed: [u8; 32] = hex::decode(seed).unwrap().try_into().unwrap();
        let key = SecretKey::generate(&octocat(), 0, Fixed(seed)).unwrap();
        assert_eq!(
            hex::encode(key.sign(&[0x72])),
            "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da\
             085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"
        );
        assert!(key.public_key().verify_strict(&[0x72], &key.sign(&[0x72])));
        assert!(!key.public_key().verify_strict(&[0x73], &key.sign(&[0x72])));
        let signer: &dyn consign_statement::Signer<Error = Infallible> = &key;
        assert_eq!(signer.sign(&[0x72]), Ok(key.sign(&[0x72])));
        assert_eq!(signer.public_key(), key.public_key());
    }

    #[test]
    fn dates_that_openpgp_cannot_write_are_refused() {
        let error = SecretKey::generate(&octocat(), 1 << 32, OsRng).unwrap_err();
        assert_eq!(error, KeyError::Time(1 << 32));
        assert!(SecretKey::generate(&octocat(), (1 << 32) - 1, OsRng).is_ok());
    }

    #[test]
    fn an_account_that_is_an_address_has_it_as_its_user_id() {
        for (identity, user_id) in [
            ("github:octocat", "github:octocat (Consign signing key)"),
            ("wkd:ada@example.org", "<ada@example.org>"),
            (
                "corp:ada@example.org",
                "corp:ada@example.org (Consign signing key) <ada@example.org>",
            ),
        ] {
            let identity: Identity = identity.parse().unwrap();
            let key = SecretKey::generate(&identity, 5, OsRng).unwrap();
            let packets = packet::split(&key.own.public).unwrap();
            let found = packets.iter().find(|p| p.tag == tag::USER_ID).unwrap();
            assert_eq!(found.body, user_id.as_bytes());
            assert_eq!(key.identity(), Some(&identity));
        }
        for other in [
            "Ada <ada@example.org>",
            "ada@example.org",
            "<ada>",
            "github:octocat (Consign signing key) <ada@example.org>",
            "corp:ada@example.org (Consign signing key) <eve@example.org>",
        ] {
            assert_eq!(identity_of(other.as_bytes()), None, "{other}");
        }
    }

    #[test]
    fn the_secret_is_not_printed() {
        let key = SecretKey::generate(&octocat(), 5, Fixed([0xa5; 32])).unwrap();
        let shown = format!("{key:?}");
        assert!(shown.contains(&key.fingerprint().to_string()), "{shown}");
        assert!(
            !shown.contains("165") && !shown.to_lowercase().contains("a5a5"),
            "{shown}"
        );
    }
}
