//! The user's own key, as its file has it.
//!
//! A key file is a transferable secret key (RFC 9580, section 10.2): the public certificate with
//! secret key packets in place of the public ones. It is kept octet for octet as it was read, so
//! that what `gpg` put there (other User IDs, subkeys) is there when it is written again. The one
//! key that signs is found by the same reading of the public half that everyone else makes.
//!
//! ```text
//!  from_armored ──▶ OwnKey ── signer ──▶ SecretKey      (open, and may sign)
//!                   │ ▲ ▲
//!            unlock └─┘ └── retire, revoke
//! ```

use std::fmt;

use consign_statement::PublicKey;
use ed25519_dalek::SigningKey;
use pgp::types::KeyDetails as _;
use rand_core::CryptoRngCore;
use zeroize::Zeroizing;

use super::certificate::KEY_REVOCATIONS;
use super::packet::{self, KeyHead, Packet, Reader, checksum, is_ed25519, public_length, tag};
use super::passphrase::{self, HIGHEST_COUNT, Keeps, LOCK_ADDS};
use super::revocation::{self, Reason};
use super::secret::identity_of;
use super::{
    Fingerprint, KeyError, KeyState, PublishedKey, SecretKey, armor, certificate, document,
};
use crate::answer::MAX_BODY;
use crate::identity::Identity;

/// A user's own key: what is in his key file. It may be under a passphrase, and it may have been
/// retired or revoked; its public half is there all the same. [`signer`](Self::signer) gives the
/// key that signs.
///
/// Its secret is overwritten when it is dropped, and never printed.
pub struct OwnKey {
    /// The key that signs; `None` where it is under a passphrase.
    signing: Option<SigningKey>,
    /// What others see of the key that signs.
    published: PublishedKey,
    identity: Option<Identity>,
    /// The transferable secret key.
    pub(super) secret: Zeroizing<Vec<u8>>,
    /// The transferable public key.
    pub(super) public: Vec<u8>,
}

impl OwnKey {
    /// Reads a key file: one armored OpenPGP secret key, as we write it and as
    /// `gpg --armor --export-secret-keys` does, under a passphrase or not.
    ///
    /// What signs is the primary key, or else its first subkey that is an Ed25519 key which may
    /// sign and whose secret is there. Where none may sign any more, it is the one that could
    /// before the key was retired or revoked. At most [`MAX_BODY`] bytes.
    pub fn from_armored(text: &[u8]) -> Result<OwnKey, KeyError> {
        if text.len() > MAX_BODY {
            return Err(KeyError::TooLarge);
        }
        let mut blocks = armor::read(text)?;
        blocks.retain(|block| block.kind == armor::Kind::Secret);
        match blocks.pop() {
            None => Err(KeyError::PublicNotSecret),
            Some(_) if !blocks.is_empty() => Err(KeyError::SeveralKeys),
            Some(block) => OwnKey::from_packets(block.data),
        }
    }

    pub(super) fn from_packets(secret: Zeroizing<Vec<u8>>) -> Result<OwnKey, KeyError> {
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
        let public_packets = packet::split(&public)?;
        let published = certificate::read(&public_packets)?;

        let mut found = Vec::new();
        let mut wrong = None;
        for packet in secret_packets(&packets) {
            match Found::of(packet.body, &published) {
                Ok(key) => found.push(key),
                // That a secret is elsewhere says more than that another is of no use.
                Err(error @ (KeyError::SecretElsewhere | KeyError::OnCard))
                    if matches!(wrong, None | Some(KeyError::Algorithm(_))) =>
                {
                    wrong = Some(error);
                }
                Err(error) if found.is_empty() => {
                    wrong.get_or_insert(error);
                }
                Err(_) => {}
            }
        }
        let Some(chosen) = choose(&found, &public_packets)? else {
            return Err(wrong.unwrap_or(KeyError::NoKey));
        };
        let Found { signing, published } = found.swap_remove(chosen);
        if let (KeyState::NotForSigning | KeyState::Unproven, Some(error)) =
            (published.state, wrong)
        {
            return Err(error);
        }
        let identity = packets
            .iter()
            .filter(|p| p.tag == tag::USER_ID)
            .find_map(|p| identity_of(p.body));
        Ok(OwnKey {
            signing,
            published,
            identity,
            secret,
            public,
        })
    }

    /// The key that signs.
    ///
    /// An error where it may not sign ([`KeyError::Unfit`]), and [`KeyError::Protected`] where it
    /// is under a passphrase.
    pub fn signer(self) -> Result<SecretKey, KeyError> {
        if let Some(fault) = self.published.state.fault() {
            return Err(KeyError::Unfit(fault));
        }
        let signing = self.signing.clone().ok_or(KeyError::Protected)?;
        Ok(SecretKey { signing, own: self })
    }

    /// Whether the key that signs is under a passphrase.
    pub fn is_locked(&self) -> bool {
        self.signing.is_none()
    }

    /// Opens what is under this passphrase: the key that signs, or else it is
    /// [`KeyError::WrongPassphrase`], and of the others those that are. Takes its time, as it
    /// should for whoever tries.
    pub fn unlock(&self, passphrase: &[u8]) -> Result<OwnKey, KeyError> {
        let packets = packet::split(&self.secret)?;
        let unlock = |packet: &Packet<'_>| passphrase::unlock(packet.tag, packet.body, passphrase);
        let signs = |packet: &Packet<'_>| point(packet.body) == Ok(self.published.key);

        // The one that must open is tried first, so that a wrong passphrase is one try.
        let mut open = None;
        if let Some(packet) = secret_packets(&packets)
            .filter(|_| self.is_locked())
            .find(|p| signs(p))
        {
            open = Some(unlock(packet)?);
        }
        let mut secret = Zeroizing::new(Vec::with_capacity(self.secret.len() + 8 * packets.len()));
        for packet in &packets {
            let locked = is_secret(packet) && Keeps::of(packet.body) == Ok(Keeps::Locked);
            let opened = match locked {
                true if signs(packet) && open.is_some() => open.take(),
                true => unlock(packet).ok(),
                false => None,
            };
            let body = opened.as_ref().map_or(packet.body, |body| body);
            packet::write(&mut secret, packet.tag, body);
        }
        OwnKey::from_packets(secret)
    }

    /// The key file, as it was read: under the passphrase under which it is, or without one.
    pub fn to_armored(&self) -> Zeroizing<String> {
        armor::write(armor::Kind::Secret, &self.secret)
    }

    /// The key file under a passphrase, by which every secret in it is encrypted that is open now.
    ///
    /// GnuPG and Sequoia read it. With AES-256, and a key made of the passphrase by 65 million
    /// octets of SHA-256: the strongest that GnuPG 2.2 reads. [`KeyError::Protected`] where the key
    /// is under a passphrase already.
    pub fn to_armored_with(
        &self,
        passphrase: &[u8],
        mut rng: impl CryptoRngCore,
    ) -> Result<Zeroizing<String>, KeyError> {
        if self.is_locked() {
            return Err(KeyError::Protected);
        }
        if passphrase.is_empty() {
            return Err(KeyError::EmptyPassphrase);
        }
        let packets = packet::split(&self.secret)?;
        let mut locked = Vec::with_capacity(self.secret.len() + LOCK_ADDS * packets.len());
        for packet in &packets {
            if is_secret(packet) && Keeps::of(packet.body) == Ok(Keeps::Open) {
                let body = passphrase::lock(packet.body, passphrase, HIGHEST_COUNT, &mut rng)?;
                packet::write(&mut locked, packet.tag, &body);
            } else {
                packet::write(&mut locked, packet.tag, packet.body);
            }
        }
        Ok(armor::write(armor::Kind::Secret, &locked))
    }

    /// Stops using the key at `time` (Unix seconds): the same key with a revocation that says
    /// "superseded". Published again, it is [`KeyState::Retired`], and what it signed before stays
    /// good.
    ///
    /// The revocation is by and of the primary key, and so of all its subkeys.
    pub fn retire(&self, time: u64, rng: impl CryptoRngCore) -> Result<OwnKey, KeyError> {
        self.end(time, Reason::Superseded, rng)
    }

    /// Withdraws the key: the same key with a revocation dated `time` (Unix seconds). Published
    /// again, it is [`KeyState::Revoked`], and nothing that it signed counts any more. A key that
    /// was retired can still be revoked.
    ///
    /// The revocation is by and of the primary key, and so of all its subkeys.
    pub fn revoke(
        &self,
        time: u64,
        why: Withdrawal,
        rng: impl CryptoRngCore,
    ) -> Result<OwnKey, KeyError> {
        let reason = match why {
            Withdrawal::NoReason => Reason::None,
            Withdrawal::Compromised => Reason::Compromised,
        };
        self.end(time, reason, rng)
    }

    fn end(&self, time: u64, reason: Reason, rng: impl CryptoRngCore) -> Result<OwnKey, KeyError> {
        let seconds = u32::try_from(time).map_err(|_| KeyError::Time(time))?;
        let packets = packet::split(&self.secret)?;
        let primary = packets
            .iter()
            .position(|p| p.tag == tag::SECRET_KEY)
            .ok_or(KeyError::NoKey)?;
        let body = packets[primary].body;
        let signing = signing_key(body).map_err(|error| match error {
            KeyError::Algorithm(kind) => KeyError::PrimaryAlgorithm(kind),
            KeyError::SecretElsewhere | KeyError::OnCard => KeyError::PrimaryElsewhere,
            error => error,
        })?;
        let length = public_length(body).ok_or(KeyError::PacketCutOff)?;
        let public = certificate::primary_key(&body[..length]).ok_or(KeyError::MalformedSecret)?;
        if seconds < public.created_at().as_secs() || time < self.created() {
            return Err(KeyError::BeforeKey(time));
        }
        let assembly = |e: pgp::errors::Error| KeyError::Assembly(e.to_string());
        let revocation =
            revocation::make(&signing, &public, seconds, reason, rng).map_err(assembly)?;

        let size = self.secret.len() + revocation.len() + 8 * (packets.len() + 1);
        let mut secret = Zeroizing::new(Vec::with_capacity(size));
        for (at, packet) in packets.iter().enumerate() {
            packet::write(&mut secret, packet.tag, packet.body);
            if at == primary {
                packet::write(&mut secret, tag::SIGNATURE, &revocation);
            }
        }
        // What we made, everyone must be able to read.
        OwnKey::from_packets(secret)
    }

    /// A signature of a document that is not in it (type 0x00, section 5.2.1), armored, by the key
    /// that signs, dated `time` (Unix seconds): `gpg --armor --detach-sign`. Also by a key that was
    /// ended: it proves that its owner has it, and nothing else. [`KeyError::Protected`] where it
    /// is under a passphrase.
    pub fn detached_signature(&self, text: &[u8], time: u64) -> Result<String, KeyError> {
        let signing = self.signing.as_ref().ok_or(KeyError::Protected)?;
        let seconds = u32::try_from(time).map_err(|_| KeyError::Time(time))?;
        let packets = packet::split(&self.secret)?;
        let mut bodies = secret_packets(&packets).map(|p| p.body);
        let public = bodies
            .find(|body| point(body) == Ok(self.published.key))
            .and_then(|body| certificate::primary_key(&body[..public_length(body)?]))
            .ok_or(KeyError::MalformedSecret)?;
        let signature = document::sign(signing, &public, text, seconds);
        let signature = signature.map_err(|e| KeyError::Assembly(e.to_string()))?;
        let mut octets = Vec::new();
        packet::write(&mut octets, tag::SIGNATURE, &signature);
        Ok(armor::write(armor::Kind::Signature, &octets).to_string())
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
}

impl fmt::Debug for OwnKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OwnKey")
            .field("published", &self.published)
            .field("locked", &self.is_locked())
            .finish_non_exhaustive()
    }
}

/// Why a key is withdrawn. It counts the same: nothing that the key signed is good any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Withdrawal {
    /// Its owner does not say.
    NoReason,
    /// Someone else has it, or may have.
    Compromised,
}

/// A secret key packet whose secret is there.
struct Found {
    /// `None` where it is under a passphrase.
    signing: Option<SigningKey>,
    published: PublishedKey,
}

impl Found {
    fn of(body: &[u8], published: &[PublishedKey]) -> Result<Found, KeyError> {
        let signing = match signing_key(body) {
            Ok(signing) => Some(signing),
            Err(KeyError::Protected) => None,
            Err(error) => return Err(error),
        };
        let key = point(body)?;
        let published = published.iter().find(|p| p.key == key);
        Ok(Found {
            signing,
            published: published.cloned().ok_or(KeyError::Mismatch)?,
        })
    }
}

/// Which of the keys signs: the first that may; or else the first that might if the primary key
/// had not been revoked, or the subkeys neither; or else the first.
fn choose(found: &[Found], public: &[Packet<'_>]) -> Result<Option<usize>, KeyError> {
    let may_sign = |state: KeyState| state.fault().is_none();
    if let Some(at) = found.iter().position(|f| may_sign(f.published.state)) {
        return Ok(Some(at));
    }
    for kinds in [&KEY_REVOCATIONS[..1], &KEY_REVOCATIONS] {
        let before = certificate::read(&certificate::without(kinds, public))?;
        let at = found.iter().position(|f| {
            let key = f.published.key;
            before.iter().any(|b| b.key == key && may_sign(b.state))
        });
        if at.is_some() {
            return Ok(at);
        }
    }
    Ok((!found.is_empty()).then_some(0))
}

fn is_secret(packet: &Packet<'_>) -> bool {
    matches!(packet.tag, tag::SECRET_KEY | tag::SECRET_SUBKEY)
}

fn secret_packets<'a, 'b>(packets: &'a [Packet<'b>]) -> impl Iterator<Item = &'a Packet<'b>> {
    packets.iter().filter(|p| is_secret(p))
}

/// The public key in a secret key packet that is an Ed25519 key.
fn point(body: &[u8]) -> Result<PublicKey, KeyError> {
    let length = public_length(body)
        .filter(|_| is_ed25519(body))
        .ok_or(KeyError::PacketCutOff)?;
    let point = body[..length].last_chunk::<32>();
    Ok(PublicKey::from_bytes(point.ok_or(KeyError::PacketCutOff)?)?)
}

/// The secret in a secret key packet (RFC 9580, section 5.5.3).
pub(super) fn signing_key(body: &[u8]) -> Result<SigningKey, KeyError> {
    let head = KeyHead::of(body).ok_or(KeyError::PacketCutOff)?;
    if !head.is_known_version() {
        return Err(KeyError::Version(head.version));
    }
    if !is_ed25519(body) {
        return Err(KeyError::Algorithm(packet::algorithm(body)));
    }
    match Keeps::of(body)? {
        Keeps::Open => {}
        Keeps::Locked => return Err(KeyError::Protected),
        Keeps::Elsewhere => return Err(KeyError::SecretElsewhere),
        Keeps::OnCard => return Err(KeyError::OnCard),
    }
    let length = public_length(body).ok_or(KeyError::PacketCutOff)?;
    let (public, kept) = body.split_at(length);
    let mut secret = Reader(&kept[1..]);

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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use rand_core::OsRng;

    use super::super::secret::secret_body;
    use super::super::secret::testing::{Fixed, octocat};
    use super::super::{KeyFault, read_public};
    use super::*;

    macro_rules! data {
        ($name:literal) => {
            include_bytes!(concat!("../../tests/data/", $name))
        };
    }

    /// The key that signs in a file of these packets.
    fn from_packets(secret: Zeroizing<Vec<u8>>) -> Result<SecretKey, KeyError> {
        OwnKey::from_packets(secret)?.signer()
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
            let packets = packet::split(&key.own.secret).unwrap();
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
            read_public(&plain.own.public),
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
        assert_eq!(tags(&default.own.public), [6, 13, 2, 14, 2]);
        assert_eq!(tags(&default.own.secret), [5, 13, 2, 7, 2]);
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
            &[&good.own.secret[..], &good.own.secret].concat(),
        );
        let relabelled = good.public_armored().replace("PUBLIC KEY", "PRIVATE KEY");
        for (text, want) in [
            (&b""[..], KeyError::NotArmored),
            (
                b"-----BEGIN OPENSSH PRIVATE KEY-----\n",
                KeyError::NotArmored,
            ),
            (&good.own.secret, KeyError::NotArmored),
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
        let stub = [
            &good.own.public[2..53],
            &[255, 0, 101, 0, b'G', b'N', b'U', 1],
        ]
        .concat();
        let mut packets = Zeroizing::new(Vec::new());
        packet::write(&mut packets, tag::SECRET_KEY, &stub);
        assert_eq!(
            OwnKey::from_packets(packets).unwrap_err(),
            KeyError::SecretElsewhere
        );
    }

    #[test]
    fn damage_is_found_wherever_it_is() {
        let good = SecretKey::generate(&octocat(), 5, Fixed([7; 32])).unwrap();
        let change = |at: usize, to: u8| {
            let mut secret = good.own.secret.clone();
            secret[at] = to;
            from_packets(secret).unwrap_err()
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
        let body = secret_body(&good.own.public[2..53], &other);
        assert_eq!(signing_key(&body).unwrap_err(), KeyError::Mismatch);
        // The self-signature.
        let last = good.own.secret.len() - 1;
        let error = change(last, good.own.secret[last] ^ 1);
        assert_eq!(error, KeyError::Unfit(KeyFault::Unproven));
        // The file ends early, at every place.
        for length in 0..good.own.secret.len() {
            let cut = Zeroizing::new(good.own.secret[..length].to_vec());
            assert!(from_packets(cut).is_err(), "{length}");
        }
    }

    #[test]
    fn a_locked_key_shows_its_public_half_and_opens_by_its_passphrase_alone() {
        for (file, public) in [
            (&data!("gpg-protected.secret.asc")[..], None),
            (
                data!("sq-protected.secret.asc"),
                Some(&data!("sq-default.asc")[..]),
            ),
        ] {
            let locked = OwnKey::from_armored(file).unwrap();
            assert!(locked.is_locked());
            let seen = read_public(locked.public_armored().as_bytes()).unwrap();
            assert!(seen.contains(locked.published()));
            assert_eq!(locked.published().state.fault(), None);
            if let Some(public) = public {
                assert_eq!(read_public(public).unwrap(), seen);
            }
            let error = locked.unlock(b"Secret").unwrap_err();
            assert_eq!(error, KeyError::WrongPassphrase);
            let locked_armored = locked.to_armored();
            let open = locked.unlock(b"secret").unwrap();
            assert_eq!(open.published(), locked.published());
            assert_eq!(open.public, locked.public);
            for error in [
                locked.retire(u64::from(u32::MAX), OsRng).unwrap_err(),
                locked.to_armored_with(b"other", OsRng).unwrap_err(),
                locked.signer().unwrap_err(),
            ] {
                assert_eq!(error, KeyError::Protected);
            }
            let secret = open.signer().unwrap();
            assert!(secret.public_key().verify_strict(b"a", &secret.sign(b"a")));

            // Nothing in it is locked any more, and it can be locked again.
            let open = secret.own();
            let packets = packet::split(&open.secret).unwrap();
            assert!(
                secret_packets(&packets).all(|p| Keeps::of(p.body) == Ok(Keeps::Open)),
                "{open:?}"
            );
            let again = open.to_armored_with(b"other", OsRng).unwrap();
            assert_ne!(again, locked_armored);
            let again = OwnKey::from_armored(again.as_bytes()).unwrap();
            assert_eq!(again.published(), open.published());
            let error = again.unlock(b"secret").unwrap_err();
            assert_eq!(error, KeyError::WrongPassphrase);
            let again = again.unlock(b"other").unwrap();
            assert_eq!(again.to_armored(), open.to_armored());
        }
    }

    #[test]
    #[ignore = "takes 2 GiB of memory, and a minute where nothing is optimised"]
    fn the_locked_sample_key_of_rfc_9580_opens() {
        // Appendix A.5: version 6, Argon2, OCB.
        let locked = OwnKey::from_armored(data!("rfc9580-v6-locked.secret.asc")).unwrap();
        let open = locked.unlock(b"correct horse battery staple").unwrap();
        let sample = OwnKey::from_armored(data!("rfc9580-v6.secret.asc")).unwrap();
        assert_eq!(open.secret, sample.secret);
        let error = locked.unlock(b"correct horse battery stapl").unwrap_err();
        assert_eq!(error, KeyError::WrongPassphrase);
    }

    #[test]
    fn a_passphrase_hides_the_secret_and_differs_each_time() {
        let key = SecretKey::generate(&octocat(), 5, Fixed([7; 32])).unwrap();
        let lock = || {
            let armored = key.to_armored_with("pässword".as_bytes(), OsRng).unwrap();
            OwnKey::from_armored(armored.as_bytes()).unwrap()
        };
        let (one, other) = (lock(), lock());
        assert_ne!(one.secret, other.secret);
        let has_secret = |key: &OwnKey| key.secret.windows(32).any(|octets| octets == [7; 32]);
        assert!(has_secret(key.own()) && !has_secret(&one));
        assert_eq!(one.identity(), Some(&octocat()));
        let error = key.to_armored_with(b"", OsRng).unwrap_err();
        assert_eq!(error, KeyError::EmptyPassphrase);
    }

    #[test]
    fn damage_to_a_locked_key_is_found() {
        let key = SecretKey::generate(&octocat(), 5, Fixed([7; 32])).unwrap();
        let open = packet::split(&key.own.secret).unwrap()[0].body;
        let locked = passphrase::lock(open, b"secret", 0, OsRng).unwrap();
        let unlock = |body: &[u8]| passphrase::unlock(tag::SECRET_KEY, body, b"secret");
        assert_eq!(*unlock(&locked).unwrap(), open);
        let start = public_length(open).unwrap();
        for at in start..locked.len() {
            let mut damaged = locked.clone();
            damaged[at] ^= 1;
            assert!(unlock(&damaged).is_err(), "{at}");
        }
        for length in 0..locked.len() {
            assert!(unlock(&locked[..length]).is_err(), "{length}");
        }
        // Outdated, or unknown: the usage, the cipher, the S2K.
        for (at, octet) in [(0, 255), (0, 9), (1, 200), (2, 0), (2, 4), (2, 77)] {
            let mut other = locked.clone();
            other[start + at] = octet;
            let error = unlock(&other).unwrap_err();
            assert!(matches!(error, KeyError::Protection(_)), "{error}");
        }
        // Another's public key beside it, as CFB would have it.
        let other = SigningKey::from_bytes(&[8; 32]);
        let mut swapped = locked.clone();
        swapped[start - 32..start].copy_from_slice(other.verifying_key().as_bytes());
        assert_eq!(
            signing_key(&unlock(&swapped).unwrap()),
            Err(KeyError::Mismatch)
        );
    }

    #[test]
    fn a_retired_key_is_retired_since_then_and_its_file_says_so() {
        for (file, made) in [
            (&data!("gpg-ed25519.secret.asc")[..], 1_735_689_600),
            (data!("gpg-default-expires.secret.asc"), 1_735_689_600),
            // A primary key that only certifies, with a subkey that signs.
            (data!("sq-default.secret.asc"), 1_735_689_600),
            (data!("rfc9580-v6.secret.asc"), 0x6387_7fe3),
        ] {
            let key = SecretKey::from_armored(file).unwrap();
            assert_eq!(key.created(), made);
            let since = made + 100;
            let retired = key.retire(since, OsRng).unwrap();
            let published = read_public(retired.public_armored().as_bytes()).unwrap();
            let found = published.iter().find(|p| p.key == key.public_key());
            assert_eq!(found, Some(retired.published()));
            assert_eq!(retired.published().state, KeyState::Retired(since));
            assert!(published.iter().all(|p| p.state.fault().is_some()));

            let again = OwnKey::from_armored(retired.to_armored().as_bytes()).unwrap();
            assert_eq!(again.published(), retired.published());
            // Its primary key's end is in the file, and all else that was.
            let count = |octets: &[u8]| packet::split(octets).unwrap().len();
            assert_eq!(count(&again.secret), count(&key.own.secret) + 1);
            assert_eq!(count(&again.public), count(&key.own.public) + 1);
            let error = again.signer().unwrap_err();
            assert_eq!(error, KeyError::Unfit(KeyFault::Retired { since }));
        }
    }

    #[test]
    fn the_hardest_end_counts_and_of_soft_ones_the_earliest() {
        let key = SecretKey::generate(&octocat(), 1000, OsRng).unwrap();
        let state = |key: &OwnKey| {
            let published = read_public(key.public_armored().as_bytes()).unwrap();
            assert_eq!(published, [key.published().clone()]);
            published[0].state
        };
        let retired = key.retire(2000, OsRng).unwrap();
        assert_eq!(state(&retired), KeyState::Retired(2000));
        let later = retired.retire(3000, OsRng).unwrap();
        assert_eq!(state(&later), KeyState::Retired(2000));
        let earlier = later.retire(1000, OsRng).unwrap();
        assert_eq!(state(&earlier), KeyState::Retired(1000));
        for why in [Withdrawal::NoReason, Withdrawal::Compromised] {
            let revoked = earlier.revoke(4000, why, OsRng).unwrap();
            assert_eq!(state(&revoked), KeyState::Revoked);
            let softened = revoked.retire(1000, OsRng).unwrap();
            assert_eq!(state(&softened), KeyState::Revoked);
            let direct = key.revoke(4000, why, OsRng).unwrap();
            assert_eq!(state(&direct), KeyState::Revoked);
        }
    }

    #[test]
    fn an_end_has_a_date_after_the_beginning() {
        let key = SecretKey::generate(&octocat(), 1000, OsRng).unwrap();
        let error = |time| key.retire(time, OsRng).unwrap_err();
        assert_eq!(error(999), KeyError::BeforeKey(999));
        assert_eq!(error(1 << 32), KeyError::Time(1 << 32));
    }

    #[test]
    fn a_subkey_cannot_end_itself() {
        let end = |file: &[u8]| {
            let key = SecretKey::from_armored(file).unwrap();
            let why = Withdrawal::Compromised;
            let error = key.revoke(u64::from(u32::MAX), why, OsRng).unwrap_err();
            assert!(error.help().unwrap().contains("revkey"));
            error
        };
        assert_eq!(
            end(data!("gpg-rsa-with-ed25519-subkey.secret.asc")),
            KeyError::PrimaryAlgorithm("an RSA key")
        );
        assert_eq!(
            end(data!("gpg-offline-primary.secret.asc")),
            KeyError::PrimaryAlgorithm("an RSA key")
        );
        let key = SecretKey::from_armored(data!("sq-default.secret.asc")).unwrap();
        let offline = elsewhere(key.own(), 1, &[tag::SECRET_KEY]);
        let error = offline.unwrap().retire(u64::from(u32::MAX), OsRng);
        assert_eq!(error.unwrap_err(), KeyError::PrimaryElsewhere);
    }

    /// The same key with stubs, as GnuPG writes them, for what is elsewhere.
    fn elsewhere(key: &OwnKey, mode: u8, tags: &[u8]) -> Result<OwnKey, KeyError> {
        let mut secret = Zeroizing::new(Vec::new());
        for packet in packet::split(&key.secret).unwrap() {
            let body = if tags.contains(&packet.tag) {
                let length = public_length(packet.body).unwrap();
                let stub = [255, 0, GNU_S2K, 0, b'G', b'N', b'U', mode, 0];
                [&packet.body[..length], &stub].concat()
            } else {
                packet.body.to_vec()
            };
            packet::write(&mut secret, packet.tag, &body);
        }
        OwnKey::from_packets(secret)
    }

    const GNU_S2K: u8 = 101;

    #[test]
    fn why_a_file_has_no_key_to_sign_with_is_told_with_what_to_do() {
        let key = SecretKey::from_armored(data!("sq-default.secret.asc")).unwrap();
        // The primary key certifies only; that the one which signs is on a card says more.
        for (mode, tags, want) in [
            (1, &[tag::SECRET_SUBKEY][..], KeyError::SecretElsewhere),
            (2, &[tag::SECRET_SUBKEY], KeyError::OnCard),
            (2, &[tag::SECRET_KEY, tag::SECRET_SUBKEY], KeyError::OnCard),
        ] {
            assert_eq!(elsewhere(key.own(), mode, tags).unwrap_err(), want);
            assert!(want.help().is_some());
        }
        let key = SecretKey::from_armored(data!("gpg-rsa-with-ed25519-subkey.secret.asc")).unwrap();
        let on_card = elsewhere(key.own(), 2, &[tag::SECRET_SUBKEY]);
        assert_eq!(on_card.unwrap_err(), KeyError::OnCard);
        for (file, help) in [
            (&data!("gpg-ed25519.asc")[..], "--export-secret-keys"),
            (data!("gpg-rsa.secret.asc"), "--quick-add-key"),
            (data!("gpg-not-for-signing.secret.asc"), "--quick-add-key"),
            (b"\x94\x58", "--armor"),
        ] {
            let error = SecretKey::from_armored(file).unwrap_err();
            assert!(error.help().unwrap().contains(help), "{error}");
        }
    }

    #[test]
    fn our_files_are_as_they_were() {
        let key = SecretKey::generate(&octocat(), 1_763_800_000, Fixed([7; 32])).unwrap();
        let locked = key.to_armored_with(b"secret", Fixed([9; 32])).unwrap();
        let at = 1_763_900_000;
        let retired = key.retire(at, Fixed([9; 32])).unwrap();
        let why = Withdrawal::Compromised;
        let revoked = key.revoke(at, why, Fixed([9; 32])).unwrap();
        for (text, file) in [
            (&*key.to_armored(), "consign.secret.asc"),
            (&key.public_armored(), "consign.asc"),
            (&locked, "consign-protected.secret.asc"),
            (&retired.to_armored(), "consign-retired.secret.asc"),
            (&retired.public_armored(), "consign-retired.asc"),
            (&revoked.public_armored(), "consign-revoked.asc"),
        ] {
            let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data");
            expect_test::expect_file![path.join(file)].assert_eq(text);
        }
    }
}
