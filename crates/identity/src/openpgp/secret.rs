//! The user's own key.
//!
//! A key file is a transferable secret key (RFC 9580, section 10.2): the public certificate with
//! secret key packets in place of the public ones. It is kept octet for octet as it was read, so
//! that what `gpg` put there (other User IDs, subkeys) is there when it is written again. The one
//! key that signs is found by the same reading of the public half that everyone else makes.

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

use super::packet::{CURVE, KeyHead, Packet, Reader, is_ed25519, public_length, tag};
use super::{Fingerprint, KeyError, KeyFault, KeyState, PublishedKey, armor, certificate, packet};
use crate::answer::MAX_BODY;
use crate::identity::Identity;

/// What follows the identity in the User ID of the keys that we make.
const USER_ID_SUFFIX: &str = " (Consign signing key)";

/// An Ed25519 key that signs releases, with the OpenPGP certificate that publishes it.
///
/// Its secret is overwritten when it is dropped, and never printed.
pub struct SecretKey {
    signing: SigningKey,
    /// What others see of the key that signs.
    published: PublishedKey,
    identity: Option<Identity>,
    /// The transferable secret key.
    secret: Zeroizing<Vec<u8>>,
    /// The transferable public key.
    public: Vec<u8>,
}

impl SecretKey {
    /// Makes a key for `identity`, dated `created` (Unix seconds), from 32 octets of `rng`.
    ///
    /// It is one version 4 key of algorithm 22 that may certify and sign, without an end and
    /// without subkeys, with the User ID `github:octocat (Consign signing key)`: a name and a
    /// comment, no e-mail address, so that publishing it tells nothing that the account's name
    /// does not. The self-signature is over SHA-512.
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
        let user_id = format!("{identity}{USER_ID_SUFFIX}");
        let assembly = |e: pgp::errors::Error| KeyError::Assembly(e.to_string());
        let signature = certify(&signing, &body, &user_id, seconds).map_err(assembly)?;
        let secret_body = secret_body(&body, &signing);

        let mut secret = Zeroizing::new(Vec::with_capacity(1024));
        packet::write(&mut secret, tag::SECRET_KEY, &secret_body);
        packet::write(&mut secret, tag::USER_ID, user_id.as_bytes());
        packet::write(&mut secret, tag::SIGNATURE, &signature);
        // What we made, everyone must be able to read.
        SecretKey::from_packets(secret)
    }

    /// Reads a key file: one armored OpenPGP secret key without a passphrase.
    ///
    /// What signs is the primary key, or else its first subkey that is an Ed25519 key which may
    /// sign and whose secret is there. At most [`MAX_BODY`] bytes.
    pub fn from_armored(text: &[u8]) -> Result<SecretKey, KeyError> {
        if text.len() > MAX_BODY {
            return Err(KeyError::TooLarge);
        }
        let mut blocks = armor::read(text)?;
        blocks.retain(|block| block.kind == armor::Kind::Secret);
        match blocks.pop() {
            None => Err(KeyError::PublicNotSecret),
            Some(_) if !blocks.is_empty() => Err(KeyError::SeveralKeys),
            Some(block) => SecretKey::from_packets(block.data),
        }
    }

    fn from_packets(secret: Zeroizing<Vec<u8>>) -> Result<SecretKey, KeyError> {
        let packets = packet::split(&secret)?;
        match packets.iter().filter(|p| p.tag == tag::SECRET_KEY).count() {
            0 if packets.iter().any(|p| p.tag == tag::PUBLIC_KEY) => {
                return Err(KeyError::PublicNotSecret);
            }
            0 => return Err(KeyError::NoKey),
            1 => {}
            _ => return Err(KeyError::SeveralKeys),
        }
        let public = public_half(&packets)?;
        let published = certificate::read(&packet::split(&public)?)?;

        // The first key that will do; if there is none, what is wrong with the first.
        let mut wrong = None;
        let found = packets
            .iter()
            .filter(|p| matches!(p.tag, tag::SECRET_KEY | tag::SECRET_SUBKEY))
            .find_map(|p| match usable(p.body, &published) {
                Ok(found) => Some(found),
                Err(error) => {
                    wrong.get_or_insert(error);
                    None
                }
            });
        let Some((signing, published)) = found else {
            return Err(wrong.unwrap_or(KeyError::NoKey));
        };
        let identity = packets
            .iter()
            .filter(|p| p.tag == tag::USER_ID)
            .find_map(|p| identity_of(p.body));
        Ok(SecretKey {
            signing,
            published,
            identity,
            secret,
            public,
        })
    }

    /// The key file: the armored secret key. GnuPG imports it.
    pub fn to_armored(&self) -> Zeroizing<String> {
        armor::write(armor::Kind::Secret, &self.secret)
    }

    /// The armored public key, to be published.
    pub fn public_armored(&self) -> String {
        armor::write(armor::Kind::Public, &self.public).to_string()
    }

    /// The public half of the key that signs.
    pub fn public_key(&self) -> PublicKey {
        self.published.key
    }

    /// What OpenPGP calls the key that signs by.
    pub fn fingerprint(&self) -> &Fingerprint {
        &self.published.fingerprint
    }

    /// When the key that signs was made; Unix seconds.
    pub fn created(&self) -> u64 {
        self.published.created
    }

    /// What others see of the key that signs, once it is published.
    pub fn published(&self) -> &PublishedKey {
        &self.published
    }

    /// The identity in the first User ID that names one. A key that `gpg` made names none: its
    /// identity is for the user to say.
    pub fn identity(&self) -> Option<&Identity> {
        self.identity.as_ref()
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
            .field("published", &self.published)
            .finish_non_exhaustive()
    }
}

/// The identity in the User ID of a key that we made: `github:octocat (Consign signing key)`.
fn identity_of(user_id: &[u8]) -> Option<Identity> {
    str::from_utf8(user_id)
        .ok()?
        .strip_suffix(USER_ID_SUFFIX)?
        .parse()
        .ok()
}

/// The key in a secret key packet, if releases can be signed with it.
fn usable(body: &[u8], published: &[PublishedKey]) -> Result<(SigningKey, PublishedKey), KeyError> {
    let signing = signing_key(body)?;
    let key = PublicKey::from_bytes(signing.verifying_key().as_bytes())?;
    let published = published
        .iter()
        .find(|p| p.key == key)
        .ok_or(KeyError::Mismatch)?;
    let fault = match published.state {
        KeyState::Good | KeyState::GoodUntil(_) => {
            return Ok((signing, published.clone()));
        }
        KeyState::Retired(since) => KeyFault::Retired { since },
        KeyState::Revoked => KeyFault::Revoked,
        KeyState::NotForSigning => KeyFault::NotForSigning,
        KeyState::Unproven => KeyFault::Unproven,
    };
    Err(KeyError::Unfit(fault))
}

/// The secret in a secret key packet (RFC 9580, section 5.5.3).
fn signing_key(body: &[u8]) -> Result<SigningKey, KeyError> {
    let head = KeyHead::of(body).ok_or(KeyError::PacketCutOff)?;
    if !head.is_known_version() {
        return Err(KeyError::Version(head.version));
    }
    if !is_ed25519(body) {
        return Err(KeyError::Algorithm(packet::algorithm(body)));
    }
    let length = public_length(body).ok_or(KeyError::PacketCutOff)?;
    let (public, secret) = body.split_at(length);
    let mut secret = Reader(secret);
    match secret.octet()? {
        0 => {}
        // GnuPG writes "the secret is elsewhere" as a passphrase of a kind of its own:
        // cipher, 101, hash, "GNU", and which.
        254 | 255 if matches!(secret.0, [_, 101, _, b'G', b'N', b'U', ..]) => {
            return Err(KeyError::SecretElsewhere);
        }
        _ => return Err(KeyError::Protected),
    }

    let material = secret.0;
    let mut seed = Zeroizing::new([0; 32]);
    if head.algorithm == 27 {
        seed.copy_from_slice(secret.take(32)?);
    } else {
        // Leading zeros are not written, and sometimes are: the number is what counts.
        let mpi = secret.mpi()?;
        let zeros = mpi.iter().take_while(|&&octet| octet == 0).count();
        let digits = &mpi[zeros..];
        let start = 32usize
            .checked_sub(digits.len())
            .ok_or(KeyError::MalformedSecret)?;
        seed[start..].copy_from_slice(digits);
    }
    if head.version == 4 {
        let material = &material[..material.len() - secret.0.len()];
        if secret.number::<2>()? != usize::from(checksum(material)) {
            return Err(KeyError::SecretChecksum);
        }
    }
    if !secret.0.is_empty() {
        return Err(KeyError::MalformedSecret);
    }
    let signing = SigningKey::from_bytes(&seed);
    // Signing with one key and publishing another would give the secret away.
    if !public.ends_with(signing.verifying_key().as_bytes()) {
        return Err(KeyError::Mismatch);
    }
    Ok(signing)
}

/// The sum of the octets modulo 65536 (section 5.5.3).
fn checksum(material: &[u8]) -> u16 {
    material
        .iter()
        .fold(0, |sum, &octet| sum.wrapping_add(octet.into()))
}

/// The transferable public key: each secret key packet cut to the public one it begins with. A
/// subkey that cannot be cut is left out, with its signatures.
fn public_half(packets: &[Packet<'_>]) -> Result<Vec<u8>, KeyError> {
    let mut public = Vec::new();
    let mut skip = false;
    for packet in packets {
        let public_tag = match packet.tag {
            tag::SECRET_KEY => tag::PUBLIC_KEY,
            tag::SECRET_SUBKEY => tag::PUBLIC_SUBKEY,
            // GnuPG's own notes, and what was left out.
            tag::TRUST => continue,
            tag::SIGNATURE if skip => continue,
            other => {
                skip = false;
                packet::write(&mut public, other, packet.body);
                continue;
            }
        };
        match public_length(packet.body) {
            Some(length) => packet::write(&mut public, public_tag, &packet.body[..length]),
            None if packet.tag == tag::SECRET_SUBKEY => {}
            None => {
                return Err(match KeyHead::of(packet.body) {
                    Some(head) if !head.is_known_version() => KeyError::Version(head.version),
                    Some(_) if !is_ed25519(packet.body) => {
                        KeyError::Algorithm(packet::algorithm(packet.body))
                    }
                    _ => KeyError::PacketCutOff,
                });
            }
        }
        skip = public_length(packet.body).is_none();
    }
    Ok(public)
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
fn secret_body(public: &[u8], signing: &SigningKey) -> Zeroizing<Vec<u8>> {
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use rand_core::{CryptoRng, Error, OsRng, RngCore};

    use super::super::read_public;
    use super::*;

    macro_rules! data {
        ($name:literal) => {
            include_bytes!(concat!("../../tests/data/", $name))
        };
    }

    /// Gives the same 32 octets.
    struct Fixed([u8; 32]);

    impl RngCore for Fixed {
        fn next_u32(&mut self) -> u32 {
            unimplemented!("not asked for")
        }

        fn next_u64(&mut self) -> u64 {
            unimplemented!("not asked for")
        }

        fn fill_bytes(&mut self, octets: &mut [u8]) {
            octets.copy_from_slice(&self.0);
        }

        fn try_fill_bytes(&mut self, octets: &mut [u8]) -> Result<(), Error> {
            self.fill_bytes(octets);
            Ok(())
        }
    }

    impl CryptoRng for Fixed {}

    fn octocat() -> Identity {
        "github:octocat".parse().unwrap()
    }

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
    fn secrets_may_begin_with_zeros() {
        for zeros in [1, 2, 31, 32] {
            let mut seed = [0xab; 32];
            seed[..zeros].fill(0);
            let key = SecretKey::generate(&octocat(), 5, Fixed(seed)).unwrap();
            assert_eq!(key.signing.to_bytes(), seed);
            let again = SecretKey::from_armored(key.to_armored().as_bytes()).unwrap();
            assert_eq!(again.signing.to_bytes(), seed);

            // Written in full, zeros and all.
            let packets = packet::split(&key.secret).unwrap();
            let public = &packets[0].body[..public_length(packets[0].body).unwrap()];
            let mut mpi = vec![1, 0];
            mpi.extend(seed);
            let body = [public, &[0], &mpi, &checksum(&mpi).to_be_bytes()].concat();
            assert_eq!(signing_key(&body).unwrap().to_bytes(), seed);
        }
    }

    #[test]
    fn keys_made_by_gnupg_can_sign() {
        let key = |file: &[u8]| {
            let key = SecretKey::from_armored(file).unwrap();
            assert!(key.public_key().verify_strict(b"a", &key.sign(b"a")));
            assert_eq!(key.identity(), None);
            assert_eq!(
                SecretKey::from_armored(key.to_armored().as_bytes())
                    .unwrap()
                    .to_armored(),
                key.to_armored()
            );
            key
        };
        let public = |file: &[u8]| read_public(file).unwrap();
        // The public half is what `gpg --export` gives, octet for octet but for headers.
        let plain = key(data!("gpg-ed25519.secret.asc"));
        assert_eq!(
            public(data!("gpg-ed25519.asc")),
            [plain.published().clone()]
        );
        assert_eq!(
            read_public(&plain.public),
            read_public(data!("gpg-ed25519.pgp"))
        );
        // Other subkeys are kept.
        let default = key(data!("gpg-default-expires.secret.asc"));
        assert_eq!(
            public(data!("gpg-default-expires.asc")),
            [default.published().clone()]
        );
        let tags = |bytes: &[u8]| -> Vec<u8> {
            packet::split(bytes)
                .unwrap()
                .iter()
                .map(|p| p.tag)
                .collect()
        };
        assert_eq!(tags(&default.public), [6, 13, 2, 14, 2]);
        assert_eq!(tags(&default.secret), [5, 13, 2, 7, 2]);
        // A subkey signs where the primary key cannot, be it of no use or elsewhere.
        let subkey = key(data!("gpg-rsa-with-ed25519-subkey.secret.asc"));
        let published = public(data!("gpg-rsa-with-ed25519-subkey.asc"));
        assert_eq!(published, [subkey.published().clone()]);
        let offline = key(data!("gpg-offline-primary.secret.asc"));
        assert_eq!(published, [offline.published().clone()]);
    }

    #[test]
    fn a_key_of_version_6_can_sign() {
        let key = SecretKey::from_armored(data!("rfc9580-v6.secret.asc")).unwrap();
        let published = read_public(data!("rfc9580-v6.asc")).unwrap();
        assert_eq!(published, [key.published().clone()]);
        assert!(key.public_key().verify_strict(b"a", &key.sign(b"a")));
    }

    #[test]
    fn a_file_that_is_no_key_to_sign_with_is_told_apart() {
        let good = SecretKey::generate(&octocat(), 5, Fixed([7; 32])).unwrap();
        let armored = good.to_armored();
        let twice = format!("{}{}", *armored, *armored);
        let both = armor::write(
            armor::Kind::Secret,
            &[&good.secret[..], &good.secret].concat(),
        );
        let relabelled = good.public_armored().replace("PUBLIC KEY", "PRIVATE KEY");
        for (text, want) in [
            (&b""[..], KeyError::NotArmored),
            (
                b"-----BEGIN OPENSSH PRIVATE KEY-----\n",
                KeyError::NotArmored,
            ),
            (&good.secret, KeyError::NotArmored),
            (&armored.as_bytes()[..100], KeyError::ArmorCutOff),
            (
                &armored.as_bytes()[..armored.len() - 10],
                KeyError::ArmorCutOff,
            ),
            (data!("gpg-ed25519.asc"), KeyError::PublicNotSecret),
            (relabelled.as_bytes(), KeyError::PublicNotSecret),
            (twice.as_bytes(), KeyError::SeveralKeys),
            (both.as_bytes(), KeyError::SeveralKeys),
            (data!("gpg-protected.secret.asc"), KeyError::Protected),
            (
                data!("gpg-rsa.secret.asc"),
                KeyError::Algorithm("an RSA key"),
            ),
            (
                data!("gpg-not-for-signing.secret.asc"),
                KeyError::Unfit(KeyFault::NotForSigning),
            ),
            (
                data!("gpg-revoked-superseded.secret.asc"),
                KeyError::Unfit(KeyFault::Retired {
                    since: 1_738_368_000,
                }),
            ),
            (&vec![b'a'; MAX_BODY + 1], KeyError::TooLarge),
        ] {
            let text_shown = String::from_utf8_lossy(&text[..text.len().min(200)]);
            assert_eq!(
                SecretKey::from_armored(text).unwrap_err(),
                want,
                "{text_shown}"
            );
        }
        // `gpg --export-secret-subkeys` of a key without subkeys that sign: only a stub is there.
        let stub = [&good.public[2..53], &[255, 0, 101, 0, b'G', b'N', b'U', 1]].concat();
        let mut packets = Zeroizing::new(Vec::new());
        packet::write(&mut packets, tag::SECRET_KEY, &stub);
        assert_eq!(
            SecretKey::from_packets(packets).unwrap_err(),
            KeyError::SecretElsewhere
        );
    }

    #[test]
    fn damage_is_found_wherever_it_is() {
        let good = SecretKey::generate(&octocat(), 5, Fixed([7; 32])).unwrap();
        let change = |at: usize, to: u8| {
            let mut secret = good.secret.clone();
            secret[at] = to;
            SecretKey::from_packets(secret).unwrap_err()
        };
        let head = 2; // of the packet; its body is 51 octets of public key, then the secret
        let secret = head + 51;
        assert_eq!(change(head, 5), KeyError::Version(5));
        assert_eq!(change(head, 9), KeyError::Version(9));
        assert_eq!(change(head + 5, 1), KeyError::Algorithm("an RSA key"));
        assert_eq!(
            change(head + 9, 0),
            KeyError::Algorithm("an EdDSA key on another curve")
        );
        // The public point.
        assert_eq!(change(secret - 1, 0xff), KeyError::Mismatch);
        assert_eq!(change(secret, 254), KeyError::Protected);
        assert_eq!(change(secret + 3 + 20, 0), KeyError::SecretChecksum);
        assert_eq!(change(secret + 3 + 32, 0xff), KeyError::SecretChecksum);
        // Secret and sum agree, and are another key's.
        let other = SigningKey::from_bytes(&[8; 32]);
        let body = secret_body(&good.public[2..53], &other);
        assert_eq!(signing_key(&body).unwrap_err(), KeyError::Mismatch);
        // The self-signature.
        let last = good.secret.len() - 1;
        let error = change(last, good.secret[last] ^ 1);
        assert_eq!(error, KeyError::Unfit(KeyFault::Unproven));
        // The file ends early, at every place.
        for length in 0..good.secret.len() {
            let cut = Zeroizing::new(good.secret[..length].to_vec());
            assert!(SecretKey::from_packets(cut).is_err(), "{length}");
        }
    }

    #[test]
    fn dates_that_openpgp_cannot_write_are_refused() {
        let error = SecretKey::generate(&octocat(), 1 << 32, OsRng).unwrap_err();
        assert_eq!(error, KeyError::Time(1 << 32));
        assert!(SecretKey::generate(&octocat(), (1 << 32) - 1, OsRng).is_ok());
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
