//! From packets to [`PublishedKey`]s (RFC 9580, section 10.1): what the owner of a certificate
//! says of its keys.
//!
//! 1. `split` sorts packets into certificates: a primary key with signatures on it, User IDs with
//!    signatures, subkeys with signatures. Certificates without an Ed25519 key end here.
//! 2. Revocations first. One that is the key's own and says "superseded" or "retired" is soft; any
//!    other, also one that cannot be checked, is hard.
//! 3. The primary key's newest valid self-signature, on a User ID that is not revoked or on the
//!    key itself, says whether it may sign and until when.
//! 4. A subkey's newest valid binding says the same of the subkey, which must agree by a signature
//!    of its own (section 5.2.1.10). What is wrong with the primary key is wrong with its subkeys.
//!
//! A self-signature is valid if the key made it, not before the key was made, over SHA-2 or SHA-3
//! of at least 256 bits, and nothing in it is marked critical that is not understood.

use std::cell::Cell;
use std::collections::BTreeMap;

use consign_statement::PublicKey;
use pgp::crypto::hash::HashAlgorithm;
use pgp::packet::{
    PacketHeader, PublicKey as PrimaryKey, PublicSubkey, RevocationCode, Signature, SignatureType,
    SubpacketData, UserId,
};
use pgp::types::{EddsaLegacyPublicParams, KeyDetails, PublicParams, Tag};

use super::packet::{KeyHead, Packet, is_ed25519, tag};
use super::{Fingerprint, KeyError, KeyState, MAX_KEYS, PublishedKey};

/// The most signatures that are checked for one answer. A key of ten years with a dozen User IDs
/// has some hundred.
const MAX_CHECKS: usize = 1000;

/// The longest User ID that counts, in octets: what GnuPG reads. Each is hashed once a signature.
const MAX_USER_ID: usize = 2048;

/// The keys in `packets`, with what their owners say of them. See [`super::read_public`].
pub(super) fn read(packets: &[Packet<'_>]) -> Result<Vec<PublishedKey>, KeyError> {
    keys(&split(packets)?, &Checks::default())
}

/// As [`read`], but only of certificates with a User ID that is `wanted`, which their owners say is
/// theirs and did not revoke.
pub(super) fn read_of(
    packets: &[Packet<'_>],
    wanted: impl Fn(&[u8]) -> bool,
) -> Result<Vec<PublishedKey>, KeyError> {
    let checks = Checks::default();
    let mut certificates = split(packets)?;
    certificates.retain(|certificate| {
        // Whoever made a key can write any name beside it; only the key's own signature says more.
        primary_key(certificate.primary.0).is_some_and(|primary| {
            let mut named = certificate.user_ids.iter().filter(|(body, _)| wanted(body));
            named.any(|user_id| word_on_user_id(&primary, user_id, &checks).is_some())
        })
    });
    keys(&certificates, &checks)
}

fn keys(certificates: &[Certificate<'_>], checks: &Checks) -> Result<Vec<PublishedKey>, KeyError> {
    if checks.left.get() == 0 {
        return Err(KeyError::TooManySignatures);
    }
    if certificates.is_empty() {
        return Err(KeyError::NoKey);
    }
    let keys: usize = certificates.iter().map(|c| 1 + c.subkeys.len()).sum();
    if keys > MAX_KEYS {
        return Err(KeyError::TooManyKeys);
    }

    let mut published: Vec<PublishedKey> = Vec::new();
    // By the key itself: where it is twice, the worse counts.
    let mut place: BTreeMap<PublicKey, usize> = BTreeMap::new();
    for certificate in certificates.iter().filter(|c| c.has_ed25519()) {
        for key in certificate.keys(checks) {
            match place.get(&key.key) {
                None => {
                    place.insert(key.key, published.len());
                    published.push(key);
                }
                Some(&at) => {
                    let both = published[at].state.worse(key.state);
                    if key.state.badness() > published[at].state.badness() {
                        published[at] = key;
                    }
                    published[at].state = both;
                }
            }
        }
        if checks.left.get() == 0 {
            return Err(KeyError::TooManySignatures);
        }
    }
    Ok(published)
}

/// A packet and the signatures that follow it.
type Signed<'a> = (&'a [u8], Vec<&'a [u8]>);

/// One certificate, nothing of it checked.
struct Certificate<'a> {
    primary: Signed<'a>,
    user_ids: Vec<Signed<'a>>,
    subkeys: Vec<Signed<'a>>,
}

/// Sorts packets into certificates.
fn split<'a>(packets: &[Packet<'a>]) -> Result<Vec<Certificate<'a>>, KeyError> {
    /// What the signatures that come next are on.
    enum On {
        Primary,
        UserId,
        Subkey,
        Nothing,
    }
    let mut certificates: Vec<Certificate<'a>> = Vec::new();
    let mut on = On::Nothing;
    for &Packet { tag, body } in packets {
        match (tag, certificates.last_mut()) {
            (tag::PUBLIC_KEY, _) => {
                let primary = (body, Vec::new());
                certificates.push(Certificate {
                    primary,
                    user_ids: vec![],
                    subkeys: vec![],
                });
                on = On::Primary;
            }
            (tag::SECRET_KEY | tag::SECRET_SUBKEY, _) => return Err(KeyError::SecretNotPublic),
            (tag::MARKER | tag::TRUST | tag::PADDING | tag::NOT_CRITICAL.., _) => {}
            (tag::USER_ID, Some(certificate)) => {
                certificate.user_ids.push((body, Vec::new()));
                on = On::UserId;
            }
            (tag::PUBLIC_SUBKEY, Some(certificate)) => {
                certificate.subkeys.push((body, Vec::new()));
                on = On::Subkey;
            }
            // Pictures say nothing about a key.
            (tag::USER_ATTRIBUTE, Some(_)) => on = On::Nothing,
            (tag::SIGNATURE, Some(certificate)) => {
                let signed = match on {
                    On::Primary => Some(&mut certificate.primary),
                    On::UserId => certificate.user_ids.last_mut(),
                    On::Subkey => certificate.subkeys.last_mut(),
                    On::Nothing => None,
                };
                if let Some((_, signatures)) = signed {
                    signatures.push(body);
                }
            }
            _ => {
                return Err(KeyError::NotPackets(
                    "a packet that no key has, or out of place",
                ));
            }
        }
    }
    Ok(certificates)
}

/// What an owner's newest valid signature on a key says.
struct Word {
    may_sign: bool,
    expires: Option<u64>,
}

impl Word {
    fn state(self) -> KeyState {
        match self {
            Word {
                may_sign: false, ..
            } => KeyState::NotForSigning,
            Word {
                expires: Some(end), ..
            } => KeyState::GoodUntil(end),
            Word { expires: None, .. } => KeyState::Good,
        }
    }
}

impl Certificate<'_> {
    fn has_ed25519(&self) -> bool {
        is_ed25519(self.primary.0) || self.subkeys.iter().any(|(body, _)| is_ed25519(body))
    }

    /// Its Ed25519 keys. None where the primary key, which speaks for all, cannot be read.
    fn keys(&self, checks: &Checks) -> Vec<PublishedKey> {
        let Some(primary) = primary_key(self.primary.0) else {
            return Vec::new();
        };
        let revocation = self.revocation_of_primary(&primary, checks);
        let word = self.word_on_primary(&primary, checks);
        // The primary key's own end; what it may do besides is no matter of its subkeys.
        let limit = match word.as_ref().map(|word| word.expires) {
            None => KeyState::Unproven,
            Some(Some(end)) => KeyState::GoodUntil(end),
            Some(None) => KeyState::Good,
        };
        let limit = revocation.map_or(limit, |revocation| limit.worse(revocation));

        let mut keys = Vec::new();
        if let Some(key) = ed25519(&primary) {
            let state = word.map_or(limit, |word| limit.worse(word.state()));
            keys.push(published(key, &primary, state));
        }
        for (body, signatures) in self.subkeys.iter().filter(|(body, _)| is_ed25519(body)) {
            let Some(subkey) = subkey(body) else { continue };
            let Some(key) = ed25519(&subkey) else {
                continue;
            };
            let state = state_of_subkey(&primary, &subkey, signatures, checks);
            keys.push(published(key, &subkey, limit.worse(state)));
        }
        keys
    }

    fn revocation_of_primary(&self, primary: &PrimaryKey, checks: &Checks) -> Option<KeyState> {
        revocation(&self.primary.1, SignatureType::KeyRevocation, |signature| {
            checks.check(signature, primary, |s| s.verify_key(primary))
        })
    }

    /// What the newest valid self-signature says of the primary key.
    fn word_on_primary(&self, primary: &PrimaryKey, checks: &Checks) -> Option<Word> {
        let direct = parse(&self.primary.1)
            .filter(|s| s.typ() == Some(SignatureType::Key))
            .filter(|s| checks.check(s, primary, |s| s.verify_key(primary)));
        let on_user_ids = self.user_ids.iter();
        let on_user_ids = on_user_ids.filter_map(|id| word_on_user_id(primary, id, checks));
        let newest = direct.chain(on_user_ids).max_by_key(created)?;
        // Without flags a primary key may do what its algorithm can (section 5.2.3.29).
        Some(Word {
            may_sign: flags_sign(&newest).unwrap_or(true),
            expires: expires(&newest, primary.created_at().as_secs()),
        })
    }
}

/// The newest valid self-signature on a User ID, if it does not revoke it.
fn word_on_user_id(
    primary: &PrimaryKey,
    (body, signatures): &Signed<'_>,
    checks: &Checks,
) -> Option<Signature> {
    if body.len() > MAX_USER_ID {
        return None;
    }
    let user_id = whole(Tag::UserId, body, |h, o| UserId::try_from_reader(h, o))?;
    parse(signatures)
        .filter(|s| s.is_certification() || is(s, SignatureType::CertRevocation))
        .filter(|s| {
            let verify = |s: &Signature| s.verify_certification(primary, Tag::UserId, &user_id);
            checks.check(s, primary, verify)
        })
        .max_by_key(|s| (created(s), is(s, SignatureType::CertRevocation)))
        .filter(|s| !is(s, SignatureType::CertRevocation))
}

/// What the primary key says of one of its subkeys.
fn state_of_subkey(
    primary: &PrimaryKey,
    subkey: &PublicSubkey,
    signatures: &[&[u8]],
    checks: &Checks,
) -> KeyState {
    let binds = |s: &Signature| s.verify_subkey_binding(primary, subkey);
    let revocation = revocation(signatures, SignatureType::SubkeyRevocation, |s| {
        checks.check(s, primary, binds)
    });
    if let Some(revocation) = revocation {
        return revocation;
    }
    let binding = parse(signatures)
        .filter(|s| is(s, SignatureType::SubkeyBinding))
        .filter(|s| created(s) >= u64::from(subkey.created_at().as_secs()))
        .filter(|s| checks.check(s, primary, binds))
        .max_by_key(created);
    let Some(binding) = binding else {
        return KeyState::Unproven;
    };
    let may_sign = flags_sign(&binding).unwrap_or(false);
    // Who binds another's key as his own cannot make this one.
    let agrees = binding.embedded_signature().is_some_and(|back| {
        let verify = |s: &Signature| s.verify_primary_key_binding(subkey, primary);
        is(back, SignatureType::KeyBinding) && checks.check(back, subkey, verify)
    });
    if may_sign && !agrees {
        return KeyState::Unproven;
    }
    let expires = expires(&binding, subkey.created_at().as_secs());
    Word { may_sign, expires }.state()
}

/// The hardest of the revocations of one kind, and of several soft ones the earliest.
fn revocation(
    signatures: &[&[u8]],
    kind: SignatureType,
    check: impl Fn(&Signature) -> bool,
) -> Option<KeyState> {
    let states = signatures
        .iter()
        .filter(|body| raw_type(body) == Some(u8::from(kind)))
        .map(|body| {
            let Some(signature) = signature(body).filter(|s| check(s)) else {
                return KeyState::Revoked;
            };
            match signature.revocation_reason_code() {
                Some(RevocationCode::KeySuperseded | RevocationCode::KeyRetired) => {
                    KeyState::Retired(created(&signature))
                }
                _ => KeyState::Revoked,
            }
        });
    states.reduce(KeyState::worse)
}

/// Counts what is checked, so that no answer costs more than it may.
struct Checks {
    left: Cell<usize>,
}

impl Default for Checks {
    fn default() -> Checks {
        Checks {
            left: Cell::new(MAX_CHECKS),
        }
    }
}

impl Checks {
    /// Whether `signature` is a valid one by `key`, where `verify` is what OpenPGP asks of it.
    fn check(
        &self,
        signature: &Signature,
        key: &impl KeyDetails,
        verify: impl FnOnce(&Signature) -> pgp::errors::Result<()>,
    ) -> bool {
        let Some(config) = signature.config() else {
            return false;
        };
        let strong = matches!(
            config.hash_alg,
            HashAlgorithm::Sha256
                | HashAlgorithm::Sha384
                | HashAlgorithm::Sha512
                | HashAlgorithm::Sha3_256
                | HashAlgorithm::Sha3_512
        );
        let understood = config.hashed_subpackets().all(|s| {
            !s.is_critical
                || !matches!(
                    s.data,
                    SubpacketData::Experimental(..)
                        | SubpacketData::Other(..)
                        | SubpacketData::Notation(_)
                )
        });
        let dated = signature.created().is_some_and(|at| at >= key.created_at());
        if !(strong && understood && dated && claims(signature, key)) {
            return false;
        }
        let left = self.left.get().saturating_sub(1);
        self.left.set(left);
        left > 0 && verify(signature).is_ok()
    }
}

/// Whether `signature` says that `key` made it, or does not say who did.
fn claims(signature: &Signature, key: &impl KeyDetails) -> bool {
    let (ids, fingerprints) = (signature.issuer_key_id(), signature.issuer_fingerprint());
    (ids.is_empty() && fingerprints.is_empty())
        || ids.contains(&&key.legacy_key_id())
        || fingerprints.contains(&&key.fingerprint())
}

fn parse<'a>(signatures: &'a [&'a [u8]]) -> impl Iterator<Item = Signature> + 'a {
    signatures.iter().filter_map(|body| signature(body))
}

/// A signature packet of version 4 or 6.
fn signature(body: &[u8]) -> Option<Signature> {
    matches!(body.first(), Some(4 | 6)).then_some(())?;
    whole(Tag::Signature, body, |header, octets| {
        Signature::try_from_reader(header, octets)
    })
}

/// The types of signature that end a key: the primary key, and a subkey.
pub(super) const KEY_REVOCATIONS: [u8; 2] = [0x20, 0x28];

/// The same packets without signatures of these types: what would be said of the keys without.
pub(super) fn without<'a>(types: &[u8], packets: &[Packet<'a>]) -> Vec<Packet<'a>> {
    let kept = |packet: &Packet<'_>| {
        packet.tag != tag::SIGNATURE
            || raw_type(packet.body).is_none_or(|kind| !types.contains(&kind))
    };
    packets.iter().filter(|p| kept(p)).copied().collect()
}

/// The type of a signature packet (section 5.2), also of one that cannot be read further.
fn raw_type(body: &[u8]) -> Option<u8> {
    match *body {
        [2 | 3, _, kind, ..] => Some(kind),
        [_, kind, ..] => Some(kind),
        _ => None,
    }
}

/// A primary key of a version that is read here.
pub(super) fn primary_key(body: &[u8]) -> Option<PrimaryKey> {
    KeyHead::of(body).filter(|head| head.is_known_version())?;
    whole(Tag::PublicKey, body, |header, octets| {
        PrimaryKey::try_from_reader(header, octets)
    })
}

fn subkey(body: &[u8]) -> Option<PublicSubkey> {
    whole(Tag::PublicSubkey, body, |header, octets| {
        PublicSubkey::try_from_reader(header, octets)
    })
}

/// Has `pgp` parse the body of a packet, to its end.
fn whole<'a, T>(
    tag: Tag,
    body: &'a [u8],
    parse: impl FnOnce(PacketHeader, &mut &'a [u8]) -> pgp::errors::Result<T>,
) -> Option<T> {
    let header = PacketHeader::new_fixed(tag, body.len().try_into().ok()?);
    let mut octets = body;
    parse(header, &mut octets)
        .ok()
        .filter(|_| octets.is_empty())
}

/// The Ed25519 key in a key packet. `None` for other algorithms, and for points that cannot check
/// signatures.
fn ed25519(key: &impl KeyDetails) -> Option<PublicKey> {
    let point = match key.public_params() {
        PublicParams::EdDSALegacy(EddsaLegacyPublicParams::Ed25519 { key }) => key,
        PublicParams::Ed25519(params) => &params.key,
        _ => return None,
    };
    PublicKey::from_bytes(point.as_bytes()).ok()
}

fn published(key: PublicKey, packet: &impl KeyDetails, state: KeyState) -> PublishedKey {
    let created = packet.created_at().as_secs().into();
    PublishedKey {
        key,
        fingerprint: Fingerprint::of(packet),
        created,
        state,
    }
}

fn is(signature: &Signature, kind: SignatureType) -> bool {
    signature.typ() == Some(kind)
}

/// When a signature was made. Those that do not say have not passed [`Checks::check`].
fn created(signature: &Signature) -> u64 {
    signature.created().map_or(0, |at| at.as_secs().into())
}

/// Whether the key flags (section 5.2.3.29) let the key sign. `None` without flags.
fn flags_sign(signature: &Signature) -> Option<bool> {
    let config = signature.config()?;
    let has = config
        .hashed_subpackets()
        .any(|s| matches!(s.data, SubpacketData::KeyFlags(_)));
    has.then(|| signature.key_flags().sign())
}

/// When a key ends, whose life a signature limits: by the key's expiration time, which counts from
/// its creation, or by the signature's own (sections 5.2.3.13 and 5.2.3.18). Zero is no end.
fn expires(signature: &Signature, key_created: u32) -> Option<u64> {
    let key = signature
        .key_expiration_time()
        .map(|after| (key_created.into(), after));
    let own = signature
        .signature_expiration_time()
        .map(|after| (created(signature), after));
    let ends = [key, own]
        .into_iter()
        .flatten()
        .filter(|(_, after)| after.as_secs() != 0);
    ends.map(|(from, after)| from + u64::from(after.as_secs()))
        .min()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use ed25519_dalek::SigningKey;
    use pgp::packet::{KeyFlags, Notation, SignatureConfig, Subpacket};
    use pgp::ser::Serialize as _;
    use pgp::types::{Duration, PacketHeaderVersion, Password, Timestamp};

    use super::super::packet::{self, CURVE};
    use super::super::secret::{SelfSigner, public_body};
    use super::super::{armor, read_public};
    use super::*;
    use crate::answer::{self, Answer, NoAnswer};

    /// When GnuPG made its keys, and when it revoked some; see `tests/data`.
    const MADE: u64 = 1_735_689_600;
    const LATER: u64 = 1_738_368_000;

    macro_rules! data {
        ($name:literal) => {
            include_bytes!(concat!("../../tests/data/", $name))
        };
    }

    fn states(bytes: &[u8]) -> Vec<KeyState> {
        read_public(bytes)
            .unwrap()
            .into_iter()
            .map(|key| key.state)
            .collect()
    }

    #[test]
    fn keys_made_by_gnupg_are_read_for_what_they_are() {
        use KeyState::*;
        let end = 1_798_761_600;
        for (bytes, want) in [
            (&data!("gpg-ed25519.asc")[..], &[Good][..]),
            (data!("gpg-ed25519.pgp"), &[Good]),
            (data!("gpg-default-expires.asc"), &[GoodUntil(end)]),
            (data!("gpg-rsa.asc"), &[]),
            (data!("gpg-several.asc"), &[Good, GoodUntil(end)]),
            (data!("gpg-rsa-with-ed25519-subkey.asc"), &[Good]),
            (
                data!("gpg-not-for-signing.asc"),
                &[NotForSigning, NotForSigning],
            ),
            (data!("gpg-revoked-no-reason.asc"), &[Revoked]),
            (data!("gpg-revoked-compromised.asc"), &[Revoked]),
            (data!("gpg-revoked-superseded.asc"), &[Retired(LATER)]),
            (data!("gpg-revoked-retired.asc"), &[Retired(LATER)]),
            (data!("gpg-one-user-id-revoked.asc"), &[Good]),
            (
                data!("gpg-subkey-retired.asc"),
                &[NotForSigning, Retired(LATER)],
            ),
        ] {
            let text = String::from_utf8_lossy(bytes);
            let keys = read_public(bytes).unwrap();
            assert_eq!(
                keys.iter().map(|k| k.state).collect::<Vec<_>>(),
                want,
                "{text}"
            );
            assert!(keys.iter().all(|key| key.created == MADE), "{text}");
        }
    }

    #[test]
    fn keys_made_by_sequoia_are_read_for_what_they_are() {
        use KeyState::*;
        // A primary key that certifies, and subkeys to log in, to sign, and to encrypt.
        let end = 1_830_360_381;
        let states = |bytes| states(bytes);
        assert_eq!(
            states(data!("sq-default.asc")),
            [NotForSigning, NotForSigning, GoodUntil(end)]
        );
        assert_eq!(
            states(data!("sq-revoked-superseded.asc")),
            [NotForSigning, NotForSigning, Retired(LATER)]
        );
        assert_eq!(states(data!("sq-revoked-compromised.asc")), [Revoked; 3]);
    }

    #[test]
    fn keys_in_several_blocks_are_those_of_one() {
        let (one, other) = (data!("gpg-ed25519.asc"), data!("sq-default.asc"));
        let rsa = data!("gpg-rsa.asc");
        let all = read_public(&[&one[..], rsa, b"\n\n", other].concat()).unwrap();
        let each = [read_public(one).unwrap(), read_public(other).unwrap()];
        assert_eq!(all, each.concat());
        // A block that says that there are none adds none, and so does one of keys that the host
        // could not give out.
        let none = data!("github-no-keys.asc");
        assert_eq!(read_public(&[&none[..], one].concat()), read_public(one));
        let note = "Note: The keys with the following IDs couldn't be exported and need to be \
                    reuploaded 3262EFF25BA0D270";
        let text = String::from_utf8_lossy(one).replacen("\n\n", &format!("\n{note}\n\n"), 1);
        assert_eq!(read_public(text.as_bytes()), read_public(one));
    }

    #[test]
    fn keys_that_the_host_cannot_give_out_are_not_no_keys() {
        for note in [
            "Note: The keys with the following IDs couldn't be exported and need to be reuploaded \
             3262EFF25BA0D270, 4A595D4C72EE49C7",
            "Error: The keys with the following IDs couldn't be parsed 3262EFF25BA0D270",
        ] {
            let text = format!(
                "-----BEGIN PGP PUBLIC KEY BLOCK-----\n{note}\n\n=twTO\n\
                 -----END PGP PUBLIC KEY BLOCK-----\n"
            );
            assert_eq!(read_public(text.as_bytes()), Err(KeyError::NotExported));
            let nothing_learnt = NoAnswer::Malformed(KeyError::NotExported);
            let answer = answer::read(200, text.as_bytes());
            assert_eq!(answer, Answer::NoAnswer(nothing_learnt));
        }
    }

    #[test]
    fn the_sample_key_of_rfc_9580_is_read() {
        // Appendix A.1: a key packet with a length of one octet, and nothing that says whose.
        let packet = hex::decode(concat!(
            "983304",
            "53f35f0b16092b06010401da470f010107403f098994bdd916ed4053197934e4a8",
            "7c80733a1280d62f8010992e43ee3b2406",
        ));
        let keys = read_public(&packet.unwrap()).unwrap();
        let [key] = &keys[..] else { panic!("{keys:?}") };
        assert_eq!(
            key.fingerprint.to_string(),
            "C959BDBAFA32A2F89A153B678CFDE12197965A9A"
        );
        assert_eq!((key.created, key.state), (0x53f3_5f0b, KeyState::Unproven));
        assert_eq!(
            hex::encode(key.key.as_bytes()),
            "3f098994bdd916ed4053197934e4a87c80733a1280d62f8010992e43ee3b2406"
        );
    }

    #[test]
    fn a_key_of_version_6_is_read() {
        let keys = read_public(data!("rfc9580-v6.asc")).unwrap();
        let [key] = &keys[..] else { panic!("{keys:?}") };
        let fingerprint = "CB186C4F0609A697E4D52DFA6C722B0C1F1E27C18A56708F6525EC27BAD9ACC9";
        assert_eq!(key.fingerprint.to_string(), fingerprint);
        assert_eq!(key.state, KeyState::Good);
    }

    // Keys that no program would make.

    /// A certificate in the making. Its key is dated 1000.
    struct Forge {
        signing: SigningKey,
        primary: PrimaryKey,
        packets: Vec<u8>,
    }

    impl Forge {
        fn new(seed: u8) -> Forge {
            let signing = SigningKey::from_bytes(&[seed; 32]);
            let body = public_body(&signing, 1000);
            Forge::with(signing, &body)
        }

        /// With a key packet of its own.
        fn with(signing: SigningKey, body: &[u8]) -> Forge {
            let mut packets = Vec::new();
            packet::write(&mut packets, tag::PUBLIC_KEY, body);
            Forge {
                primary: primary_key(body).unwrap(),
                signing,
                packets,
            }
        }

        fn config(&self, kind: SignatureType, at: u32) -> SignatureConfig {
            let algorithm = self.primary.algorithm();
            let mut config = SignatureConfig::v4(kind, algorithm, HashAlgorithm::Sha512);
            let created = SubpacketData::SignatureCreationTime(Timestamp::from_secs(at));
            config.hashed_subpackets = vec![Subpacket::regular(created).unwrap()];
            config
        }

        fn user_id(mut self) -> Forge {
            packet::write(&mut self.packets, tag::USER_ID, b"a");
            self
        }

        fn push(mut self, signature: &Signature) -> Forge {
            packet::write(
                &mut self.packets,
                tag::SIGNATURE,
                &signature.to_bytes().unwrap(),
            );
            self
        }

        /// A self-signature over the User ID, dated `at`.
        fn certify(self, at: u32, more: impl FnOnce(&mut SignatureConfig)) -> Forge {
            let kind = SignatureType::CertPositive;
            self.sign_user_id(kind, at, more)
        }

        fn sign_user_id(
            self,
            kind: SignatureType,
            at: u32,
            more: impl FnOnce(&mut SignatureConfig),
        ) -> Forge {
            let mut config = self.config(kind, at);
            more(&mut config);
            let id = UserId::from_str(PacketHeaderVersion::New, "a").unwrap();
            let signer = SelfSigner {
                signing: &self.signing,
                public: &self.primary,
            };
            let password = Password::empty();
            let signature = config
                .sign_certification(&signer, &self.primary, &password, Tag::UserId, &id)
                .unwrap();
            self.push(&signature)
        }

        /// A subkey that may sign, with a back signature by `agrees`.
        fn subkey(mut self, subkey: &Forge, agrees: Option<&Forge>) -> Forge {
            let body = public_body(&subkey.signing, 1000);
            packet::write(&mut self.packets, tag::PUBLIC_SUBKEY, &body);
            let packet = super::subkey(&body).unwrap();
            let password = Password::empty();
            let mut config = self.config(SignatureType::SubkeyBinding, 1000);
            config.hashed_subpackets.push(flags(|f| f.set_sign(true)));
            if let Some(other) = agrees {
                let signer = SelfSigner {
                    signing: &other.signing,
                    public: &other.primary,
                };
                let back = self
                    .config(SignatureType::KeyBinding, 1000)
                    .sign_primary_key_binding(&signer, &packet, &password, &self.primary)
                    .unwrap();
                let back = SubpacketData::EmbeddedSignature(Box::new(back));
                config
                    .unhashed_subpackets
                    .push(Subpacket::regular(back).unwrap());
            }
            let signer = SelfSigner {
                signing: &self.signing,
                public: &self.primary,
            };
            let binding = config
                .sign_subkey_binding(&signer, &self.primary, &password, &packet)
                .unwrap();
            self.push(&binding)
        }

        /// A revocation of the primary key; before all else but others.
        fn revoke(self, at: u32, reason: RevocationCode) -> Forge {
            let mut config = self.config(SignatureType::KeyRevocation, at);
            let reason = SubpacketData::RevocationReason(reason, b"".as_slice().into());
            config
                .hashed_subpackets
                .push(Subpacket::regular(reason).unwrap());
            let signer = SelfSigner {
                signing: &self.signing,
                public: &self.primary,
            };
            let signature = config
                .sign_key(&signer, &Password::empty(), &self.primary)
                .unwrap();
            self.push(&signature)
        }

        fn states(&self) -> Vec<KeyState> {
            states(&self.packets)
        }
    }

    fn flags(set: impl FnOnce(&mut KeyFlags)) -> Subpacket {
        let mut flags = KeyFlags::default();
        set(&mut flags);
        Subpacket::regular(SubpacketData::KeyFlags(flags)).unwrap()
    }

    fn expires_after(seconds: u32) -> Subpacket {
        let after = SubpacketData::KeyExpirationTime(Duration::from_secs(seconds));
        Subpacket::regular(after).unwrap()
    }

    #[test]
    fn the_newer_algorithm_is_read_in_version_4_too() {
        let signing = SigningKey::from_bytes(&[1; 32]);
        let mut body = vec![4, 0, 0, 3, 0xe8, 27];
        body.extend(signing.verifying_key().as_bytes());
        let key = Forge::with(signing, &body);
        assert_eq!(key.states(), [KeyState::Unproven]);
        let key = key.user_id().certify(1000, |_| {});
        assert_eq!(key.states(), [KeyState::Good]);
        // It is the same key by whichever algorithm.
        let other = Forge::new(1).user_id().certify(1000, |_| {});
        let keys = read_public(&[&key.packets[..], &other.packets].concat()).unwrap();
        assert_eq!(keys.len(), 1);
    }

    #[test]
    fn headers_of_every_form_make_the_same_key() {
        let bytes = data!("gpg-ed25519.pgp");
        let packets = packet::split(bytes).unwrap();
        let keys = read_public(bytes).unwrap();
        assert_eq!(keys[0].state, KeyState::Good);
        type Header = fn(u8, u8) -> Vec<u8>;
        let forms: [Header; 5] = [
            |tag, length| vec![0xc0 | tag, length],
            |tag, length| vec![0xc0 | tag, 255, 0, 0, 0, length],
            |tag, length| vec![0x80 | tag << 2, length],
            |tag, length| vec![0x80 | tag << 2 | 1, 0, length],
            |tag, length| vec![0x80 | tag << 2 | 2, 0, 0, 0, length],
        ];
        for header in forms {
            let mut again = Vec::new();
            for packet in &packets {
                again.extend(header(packet.tag, packet.body.len() as u8));
                again.extend(packet.body);
            }
            assert_eq!(read_public(&again), Ok(keys.clone()));
        }
    }

    #[test]
    fn the_bits_of_a_point_may_be_miscounted() {
        let good = Forge::new(1).user_id().certify(1000, |_| {}).packets;
        // The point: after the header, version, date, algorithm and curve.
        let at = 2 + 6 + CURVE.len();
        assert_eq!(good[at..at + 3], [1, 7, 0x40]);
        for bits in [1, 3, 8] {
            let mut other = good.clone();
            other[at + 1] = bits;
            assert_eq!(read_public(&other), read_public(&good), "{bits}");
        }
        // In 33 octets, no more and no fewer. (A leading zero makes 34.)
        for bits in [0, 9] {
            let mut other = good.clone();
            other[at + 1] = bits;
            assert_eq!(states(&other), []);
        }
        let mut padded = good[2..].to_vec();
        padded[at - 1] = 0x10;
        padded.insert(at, 0);
        let (body, rest) = padded.split_at(52);
        let mut packets = Vec::new();
        packet::write(&mut packets, tag::PUBLIC_KEY, body);
        packets.extend(rest);
        assert_eq!(read_public(&packets), read_public(&good));
    }

    #[test]
    fn the_hardest_revocation_counts_and_of_soft_ones_the_earliest() {
        use RevocationCode::*;
        let state = |revocations: &[(u32, RevocationCode)]| {
            let mut key = Forge::new(1);
            for (at, reason) in revocations {
                key = key.revoke(*at, *reason);
            }
            let key = key.user_id().certify(1000, |_| {});
            let [state] = key.states()[..] else {
                panic!("one key")
            };
            state
        };
        assert_eq!(state(&[]), KeyState::Good);
        let soft = [
            (3000, KeySuperseded),
            (2000, KeyRetired),
            (4000, KeySuperseded),
        ];
        assert_eq!(state(&soft), KeyState::Retired(2000));
        for hard in [NoReason, KeyCompromised, CertUserIdInvalid, Other(99)] {
            for at in 0..=soft.len() {
                let mut all = soft.to_vec();
                all.insert(at, (5000, hard));
                assert_eq!(state(&all), KeyState::Revoked, "{hard:?}, {at}");
            }
        }
        // Dated before the key, a revocation cannot be right, and so is the worst.
        assert_eq!(state(&[(999, KeySuperseded)]), KeyState::Revoked);
    }

    #[test]
    fn without_a_valid_self_signature_a_key_is_unproven() {
        let key = || Forge::new(1).user_id();
        assert_eq!(key().states(), [KeyState::Unproven]);
        assert_eq!(key().certify(1000, |_| {}).states(), [KeyState::Good]);
        // Dated before the key.
        assert_eq!(key().certify(999, |_| {}).states(), [KeyState::Unproven]);
        // Over another User ID.
        let mut other = key().certify(1000, |_| {});
        let at = other
            .packets
            .windows(3)
            .position(|w| w == [0xc0 | 13, 1, b'a'])
            .unwrap();
        other.packets[at + 2] = b'b';
        assert_eq!(other.states(), [KeyState::Unproven]);
        // By another key.
        let mut stolen = Forge::new(2);
        stolen.packets = Forge::new(1).packets;
        assert_eq!(
            stolen.user_id().certify(1000, |_| {}).states(),
            [KeyState::Unproven]
        );
        // Over a hash that is too short.
        let weak = key().certify(1000, |config| config.hash_alg = HashAlgorithm::Sha224);
        assert_eq!(weak.states(), [KeyState::Unproven]);
        // On a User ID that is longer than any.
        let mut long = Forge::new(1);
        packet::write(&mut long.packets, tag::USER_ID, &[b'a'; MAX_USER_ID + 1]);
        assert_eq!(long.certify(1000, |_| {}).states(), [KeyState::Unproven]);
    }

    #[test]
    fn what_is_critical_and_not_understood_spoils_a_self_signature() {
        let notation = || {
            let (name, value) = ("a@example.org".into(), "b".into());
            SubpacketData::Notation(Notation {
                readable: true,
                name,
                value,
            })
        };
        for (subpacket, want) in [
            (Subpacket::regular(notation()).unwrap(), KeyState::Good),
            (Subpacket::critical(notation()).unwrap(), KeyState::Unproven),
        ] {
            let key = Forge::new(1).user_id();
            let key = key.certify(1000, |config| config.hashed_subpackets.push(subpacket));
            assert_eq!(key.states(), [want]);
        }
    }

    #[test]
    fn the_newest_self_signature_counts() {
        let key = Forge::new(1).user_id().certify(1000, |_| {});
        let key = key.certify(3000, |c| {
            c.hashed_subpackets.push(flags(|f| f.set_certify(true)))
        });
        assert_eq!(key.states(), [KeyState::NotForSigning]);
        let key = key.certify(2000, |_| {});
        assert_eq!(key.states(), [KeyState::NotForSigning]);
        let key = key.certify(4000, |c| c.hashed_subpackets.push(expires_after(50)));
        assert_eq!(key.states(), [KeyState::GoodUntil(1050)]);
        let key = key.certify(5000, |c| c.hashed_subpackets.push(expires_after(0)));
        assert_eq!(key.states(), [KeyState::Good]);
        // The User ID goes, and with it all that was said on it; until it is certified again.
        let revoked = SignatureType::CertRevocation;
        let key = key.sign_user_id(revoked, 5000, |_| {});
        assert_eq!(key.states(), [KeyState::Unproven]);
        assert_eq!(key.certify(5001, |_| {}).states(), [KeyState::Good]);
    }

    #[test]
    fn a_signing_subkey_counts_once_it_agrees() {
        let (subkey, stranger) = (Forge::new(2), Forge::new(3));
        let primary = || Forge::new(1).user_id().certify(1000, |_| {});
        let states = |agrees| primary().subkey(&subkey, agrees).states();
        assert_eq!(states(Some(&subkey)), [KeyState::Good, KeyState::Good]);
        assert_eq!(states(None), [KeyState::Good, KeyState::Unproven]);
        assert_eq!(
            states(Some(&stranger)),
            [KeyState::Good, KeyState::Unproven]
        );
        // What is wrong with the primary key is wrong with its subkeys.
        let unproven = Forge::new(1).subkey(&subkey, Some(&subkey));
        assert_eq!(unproven.states(), [KeyState::Unproven, KeyState::Unproven]);
        let expires = Forge::new(1)
            .user_id()
            .certify(1000, |c| c.hashed_subpackets.push(expires_after(7)))
            .subkey(&subkey, Some(&subkey));
        assert_eq!(
            expires.states(),
            [KeyState::GoodUntil(1007), KeyState::GoodUntil(1007)]
        );
        // A key that may only certify does not keep its subkeys from signing.
        let certifies = Forge::new(1)
            .user_id()
            .certify(1000, |c| {
                c.hashed_subpackets.push(flags(|f| f.set_certify(true)))
            })
            .subkey(&subkey, Some(&subkey));
        assert_eq!(
            certifies.states(),
            [KeyState::NotForSigning, KeyState::Good]
        );
    }

    #[test]
    fn a_revocation_that_cannot_be_checked_revokes() {
        let block = armor::read(data!("gpg-revoked-superseded.asc"))
            .unwrap()
            .remove(0);
        let packets = packet::split(&block.data).unwrap();
        let rebuild = |change: &dyn Fn(&mut Vec<u8>)| {
            let mut out = Vec::new();
            let mut signatures = 0;
            for packet in &packets {
                let mut body = packet.body.to_vec();
                if packet.tag == tag::SIGNATURE && signatures == 0 {
                    assert_eq!(raw_type(&body), Some(0x20));
                    change(&mut body);
                    signatures += 1;
                }
                packet::write(&mut out, packet.tag, &body);
            }
            states(&out)
        };
        assert_eq!(rebuild(&|_| {}), [KeyState::Retired(LATER)]);
        // The signature is spoiled; of an unknown version; cut off.
        assert_eq!(
            rebuild(&|body| *body.last_mut().unwrap() ^= 1),
            [KeyState::Revoked]
        );
        assert_eq!(rebuild(&|body| body[0] = 5), [KeyState::Revoked]);
        assert_eq!(rebuild(&|body| body.truncate(20)), [KeyState::Revoked]);
    }

    #[test]
    fn of_a_key_that_is_there_twice_the_worse_counts() {
        let good = Forge::new(1).user_id().certify(1000, |_| {}).packets;
        let expires = Forge::new(1)
            .user_id()
            .certify(1000, |c| c.hashed_subpackets.push(expires_after(9)));
        let unproven = Forge::new(1).packets;
        assert_eq!(
            states(&[&good[..], &expires.packets].concat()),
            [KeyState::GoodUntil(1009)]
        );
        assert_eq!(
            states(&[&expires.packets[..], &good].concat()),
            [KeyState::GoodUntil(1009)]
        );
        assert_eq!(
            states(&[&unproven[..], &good].concat()),
            [KeyState::Unproven]
        );
    }

    #[test]
    fn integers_may_begin_with_zeros() {
        // They are written without. Some writers count 256 bits all the same and write them in
        // full, as an older draft of the RFC does in its own sample.
        let mut short = 0;
        for at in 1000..1600 {
            let mut key = Forge::new(1).user_id().certify(at, |_| {});
            assert_eq!(key.states(), [KeyState::Good]);
            let signature = packet::split(&key.packets).unwrap()[2].body.to_vec();
            // Version, type, algorithms; one hashed subpacket of 6 octets and none unhashed, each
            // after a length; the beginning of the hash.
            let (head, mut integers) = (&signature[..16], packet::Reader(&signature[16..]));
            let (r, s) = (integers.mpi().unwrap(), integers.mpi().unwrap());
            if r.len() == 32 && s.len() == 32 {
                continue;
            }
            short += 1;
            let mut padded = head.to_vec();
            for half in [r, s] {
                padded.extend([1, 0]);
                padded.extend(vec![0; 32 - half.len()]);
                padded.extend(half);
            }
            key.packets
                .truncate(key.packets.len() - signature.len() - 2);
            packet::write(&mut key.packets, tag::SIGNATURE, &padded);
            assert_eq!(key.states(), [KeyState::Good]);
        }
        assert!(short > 0, "no signature with a leading zero among so many");
    }

    #[test]
    fn keys_and_signatures_are_bounded() {
        let mut many = Vec::new();
        for _ in 0..=MAX_KEYS {
            many.extend(Forge::new(1).packets);
        }
        assert_eq!(read_public(&many), Err(KeyError::TooManyKeys));
        let mut key = Forge::new(1).user_id().certify(1000, |_| {});
        let signature = packet::split(&key.packets).unwrap()[2].body.to_vec();
        for _ in 0..MAX_CHECKS {
            packet::write(&mut key.packets, tag::SIGNATURE, &signature);
        }
        assert_eq!(read_public(&key.packets), Err(KeyError::TooManySignatures));
        assert_eq!(
            read_public(&vec![0x80; (1 << 20) + 1]),
            Err(KeyError::TooLarge)
        );
    }

    #[test]
    fn what_is_not_a_public_key_is_told_apart() {
        let mut stray = Vec::new();
        packet::write(&mut stray, tag::USER_ID, b"a");
        let out_of_place = KeyError::NotPackets("a packet that no key has, or out of place");
        let mut marker = Vec::new();
        packet::write(&mut marker, tag::MARKER, b"PGP");
        for (bytes, want) in [
            (&b""[..], KeyError::NotArmored),
            (b"hello", KeyError::NotArmored),
            (data!("github-no-keys.asc"), KeyError::NoKey),
            (data!("gpg-ed25519.secret.asc"), KeyError::SecretNotPublic),
            (&stray, out_of_place),
            (&marker, KeyError::NoKey),
            (&data!("gpg-ed25519.pgp")[..100], KeyError::PacketCutOff),
            (&data!("gpg-ed25519.asc")[..200], KeyError::ArmorCutOff),
        ] {
            assert_eq!(
                read_public(bytes),
                Err(want),
                "{}",
                String::from_utf8_lossy(bytes)
            );
        }
    }

    #[test]
    fn certificates_that_cannot_be_read_are_skipped() {
        let good = Forge::new(1).user_id().certify(1000, |_| {}).packets;
        let body = public_body(&SigningKey::from_bytes(&[2; 32]), 1000);
        let with = |change: &dyn Fn(&mut Vec<u8>)| {
            let mut body = body.clone();
            change(&mut body);
            let mut packets = Vec::new();
            packet::write(&mut packets, tag::PUBLIC_KEY, &body);
            packets.extend_from_slice(&good);
            states(&packets)
        };
        assert_eq!(with(&|_| {}), [KeyState::Unproven, KeyState::Good]);
        // Version 5 and 3; a point of small order; too short, and too long.
        assert_eq!(with(&|body| body[0] = 5), [KeyState::Good]);
        assert_eq!(with(&|body| body[0] = 3), [KeyState::Good]);
        let small_order = |body: &mut Vec<u8>| {
            let start = body.len() - 32;
            body[start] = 1;
            body[start + 1..].fill(0);
        };
        assert_eq!(with(&small_order), [KeyState::Good]);
        assert_eq!(with(&|body| body.truncate(40)), [KeyState::Good]);
        assert_eq!(with(&|body| body.push(0)), [KeyState::Good]);
    }
}
