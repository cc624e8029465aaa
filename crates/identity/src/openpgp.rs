//! Signing keys in OpenPGP form (RFC 9580).
//!
//! OpenPGP only *carries* the key here. What it carries is an Ed25519 key and facts about it: when
//! it was made, whether its owner lets it sign, until when, and whether he withdrew it. Releases
//! are signed with the bare key (RFC 8032). No OpenPGP signature is ever made but the one that binds
//! a new key to its User ID, the one that ends a key, and the one that proves to a forge that the
//! key is there.
//!
//! - `armor`: text to octets and back (RFC 9580, section 6).
//! - `packet`: octets to packets (section 4), and how a key packet begins (section 5.5.2).
//! - `certificate`: packets to [`PublishedKey`]s: which keys there are, and what their owner's
//!   signatures say of them.
//! - `document`: the signature by which a forge sees that the key is its owner's.
//! - `own`: [`OwnKey`], a key file.
//! - `passphrase`: secret key packets under one.
//! - `revocation`: what ends a key.
//! - `secret`: [`SecretKey`], which signs.
//!
//! The package `pgp` parses signatures and public keys and checks the one with the other. It is
//! given only packets of a version and kind that are wanted. Secret keys are read and written
//! without it: it logs their bytes at debug level and leaves copies in memory. Of what it has for
//! passphrases only the primitives are used.
//!
//! Keys are algorithm 22 (EdDSA with the curve Ed25519, in version 4), which every OpenPGP
//! implementation in use reads and which is what we make, or algorithm 27 (Ed25519, in version 4
//! or 6). Keys of other algorithms are nothing to us and skipped.

mod armor;
mod certificate;
mod document;
#[cfg(any(feature = "fuzzing", test))]
pub mod fuzzing;
mod own;
mod packet;
mod passphrase;
mod revocation;
mod secret;

use std::cmp::Reverse;
use std::fmt;
use std::str::FromStr;

use consign_statement::{InvalidKey, PublicKey};

pub use own::{OwnKey, Withdrawal};
pub use rand_core::OsRng;
pub use secret::SecretKey;

use crate::answer::MAX_BODY;

/// The most keys, subkeys included, that one answer may have.
pub const MAX_KEYS: usize = 256;

/// An Ed25519 key that an account publishes, and what its owner's signatures say of it.
///
/// A fact about a key, not a verdict: [`check`](Self::check) says whether a signature counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublishedKey {
    /// The key itself. This is what a locator and a signers file name.
    pub key: PublicKey,
    /// What OpenPGP calls it by.
    pub fingerprint: Fingerprint,
    /// When it was made, by its owner's word; Unix seconds.
    pub created: u64,
    /// What its owner's signatures say of it.
    pub state: KeyState,
}

impl PublishedKey {
    /// What a signature dated `time` by this key is worth, by what its provider said of the key when
    /// it was `asked`; both in Unix seconds.
    ///
    /// `time` is the statement's, which its signer chose: a date before the end of a key proves
    /// nothing of when a signature was made. No clock is asked here.
    pub fn check(&self, time: u64, asked: u64) -> Result<Worth, KeyFault> {
        let over = match self.state {
            KeyState::Good => None,
            KeyState::GoodUntil(end) if time >= end => Some(KeyFault::Expired { end }),
            KeyState::Retired(since) if time < since => None,
            KeyState::GoodUntil(_) => None,
            ended => ended.fault(),
        };
        if let Some(fault) = over {
            return Err(fault);
        }
        if time < self.created {
            return Err(KeyFault::Early {
                created: self.created,
            });
        }
        Ok(match self.state {
            KeyState::Retired(end) => Worth::BeforeEnd { end },
            KeyState::GoodUntil(end) if asked >= end => Worth::BeforeEnd { end },
            _ => Worth::Full,
        })
    }
}

/// What a signature is worth whose key does not refuse it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Worth {
    /// It counts.
    Full,
    /// It is dated before the end of its key, which is over: whoever has the key can still make such
    /// a one, so it counts only for what is known not to be new.
    BeforeEnd {
        /// When the key ended; Unix seconds.
        end: u64,
    },
}

/// What its owner's signatures say of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum KeyState {
    /// It signs, without an end.
    Good,
    /// It signs until then; Unix seconds.
    GoodUntil(u64),
    /// Its owner lets it do other things than sign.
    NotForSigning,
    /// No signature of its owner that we can check says what it is for.
    Unproven,
    /// Its owner stopped using it then (a soft revocation: superseded or retired); Unix seconds.
    Retired(u64),
    /// Its owner withdrew it: compromised, or without a reason that would make it harmless. So is
    /// a key with a revocation that cannot be checked: who can put one into the provider's answer
    /// could as well have left the key out.
    Revoked,
}

impl KeyState {
    /// Why such a key signs nothing any more. `None` of a key that signs, were it only until some
    /// date.
    pub fn fault(self) -> Option<KeyFault> {
        match self {
            KeyState::Good | KeyState::GoodUntil(_) => None,
            KeyState::Retired(since) => Some(KeyFault::Retired { since }),
            KeyState::Revoked => Some(KeyFault::Revoked),
            KeyState::NotForSigning => Some(KeyFault::NotForSigning),
            KeyState::Unproven => Some(KeyFault::Unproven),
        }
    }

    /// Of two states, the worse is the greater: by kind, then by the earlier date.
    fn badness(self) -> (u8, Reverse<u64>) {
        match self {
            KeyState::Good => (0, Reverse(0)),
            KeyState::GoodUntil(end) => (1, Reverse(end)),
            KeyState::Retired(since) => (2, Reverse(since)),
            KeyState::NotForSigning => (3, Reverse(0)),
            KeyState::Unproven => (4, Reverse(0)),
            KeyState::Revoked => (5, Reverse(0)),
        }
    }

    /// The worse of two. Of two ends the earlier one counts: expiry is retirement.
    fn worse(self, other: KeyState) -> KeyState {
        match (self, other) {
            (KeyState::GoodUntil(end), KeyState::Retired(since))
            | (KeyState::Retired(since), KeyState::GoodUntil(end)) => {
                KeyState::Retired(since.min(end))
            }
            _ if other.badness() > self.badness() => other,
            _ => self,
        }
    }
}

/// Why a signature by a published key does not count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyFault {
    /// The signature is older than the key.
    #[error("the signature is dated before the key was made")]
    Early {
        /// When the key was made; Unix seconds.
        created: u64,
    },
    /// The key's time is over.
    #[error("the key has expired")]
    Expired {
        /// When it ended; Unix seconds.
        end: u64,
    },
    /// The owner stopped using the key.
    #[error("its owner has retired the key")]
    Retired {
        /// When; Unix seconds.
        since: u64,
    },
    /// The owner withdrew the key.
    #[error("its owner has revoked the key")]
    Revoked,
    /// The key may not sign.
    #[error("its owner did not make the key for signing")]
    NotForSigning,
    /// Nothing says what the key is for.
    #[error("the key has no valid signature of its owner")]
    Unproven,
}

/// Reads an account's public keys: armored, in any number of blocks with any text around them, or
/// binary.
///
/// Self-signatures, bindings and revocations are checked. A key that is there twice is given once,
/// in its worst state. Certificates without an Ed25519 key, or that cannot be read, are skipped;
/// so the list can be empty where there are only keys that are of no use here. No certificate at
/// all is [`KeyError::NoKey`].
///
/// At most [`MAX_BODY`] bytes and [`MAX_KEYS`] keys.
pub fn read_public(bytes: &[u8]) -> Result<Vec<PublishedKey>, KeyError> {
    if bytes.len() > MAX_BODY {
        return Err(KeyError::TooLarge);
    }
    // Armor is text; a packet begins with an octet that ASCII does not have. (A byte order mark
    // would be the packet of type 47, with which no key begins.)
    let binary = bytes.first().is_some_and(|first| first & 0x80 != 0);
    if binary && !bytes.starts_with(b"\xef\xbb\xbf") {
        return certificate::read(&packet::split(bytes)?);
    }
    let blocks = armor::read(bytes)?;
    let mut packets = Vec::new();
    for block in &blocks {
        if block.kind == armor::Kind::Secret {
            return Err(KeyError::SecretNotPublic);
        }
        packets.extend(packet::split(&block.data)?);
    }
    if packets.is_empty() && blocks.iter().any(says_not_exported) {
        return Err(KeyError::NotExported);
    }
    certificate::read(&packets)
}

/// Reads binary public keys as [`read_public`] does, but only certificates with a User ID that is
/// `wanted`, and that the key itself has signed and not revoked. None of them is
/// [`KeyError::NoKey`].
pub(crate) fn read_public_of(
    bytes: &[u8],
    wanted: impl Fn(&[u8]) -> bool,
) -> Result<Vec<PublishedKey>, KeyError> {
    if bytes.len() > MAX_BODY {
        return Err(KeyError::TooLarge);
    }
    certificate::read_of(&packet::split(bytes)?, wanted)
}

/// Whether a block notes that keys are missing from it, as GitHub's, Gitea's and Forgejo's do.
/// Beside keys the note changes nothing: those are published.
fn says_not_exported(block: &armor::Block) -> bool {
    block.says("couldn't be exported") || block.says("couldn't be parsed")
}

/// Whether `text` is the block that GitHub, Gitea and Forgejo serve for an account without keys:
/// an armored public key of no octets, with a `Note:` that says so.
pub(crate) fn says_no_keys(text: &[u8]) -> bool {
    const NOTE: &str = "hasn't uploaded any GPG keys";
    match armor::read(text) {
        Ok(blocks) => matches!(&blocks[..], [block]
            if block.kind == armor::Kind::Public
                && block.data.is_empty()
                && block.says(NOTE)),
        Err(_) => false,
    }
}

/// The name of a key in OpenPGP: the SHA-1 of a version 4 key packet, or the SHA-256 of one of
/// version 6 (RFC 9580, section 5.5.4). In upper-case hexadecimal, as `gpg` prints it.
///
/// For people and their tools to compare; nothing here is decided by it.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Fingerprint(Vec<u8>);

impl Fingerprint {
    fn of(key: &impl pgp::types::KeyDetails) -> Fingerprint {
        Fingerprint(key.fingerprint().as_bytes().to_vec())
    }

    /// The 20 or 32 octets.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode_upper(&self.0))
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Fingerprint({self})")
    }
}

/// The text is not 40 or 64 hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an OpenPGP fingerprint in 40 or 64 hexadecimal digits")]
pub struct InvalidFingerprint;

impl FromStr for Fingerprint {
    type Err = InvalidFingerprint;

    /// Digits of either case, and spaces between them, as `gpg` prints in its listings.
    fn from_str(text: &str) -> Result<Fingerprint, InvalidFingerprint> {
        let digits: String = text.chars().filter(|&c| c != ' ').collect();
        match hex::decode(digits) {
            Ok(bytes) if matches!(bytes.len(), 20 | 32) => Ok(Fingerprint(bytes)),
            _ => Err(InvalidFingerprint),
        }
    }
}

/// Why octets could not be read as OpenPGP keys.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// There is no armored key.
    #[error("not an armored OpenPGP key: no line `-----BEGIN PGP …-----`")]
    NotArmored,
    /// The armor's end is missing.
    #[error("the armored key is cut off: no line `-----END PGP …-----`")]
    ArmorCutOff,
    /// A line of the armor is wrong.
    #[error("line {line} of the armored key is not base64")]
    Base64 {
        /// Which line of the text, from 1.
        line: usize,
    },
    /// The armor's CRC-24 differs.
    #[error("the armored key is damaged: its checksum does not fit")]
    ArmorChecksum,
    /// A packet is longer than what is there.
    #[error("the OpenPGP key is cut off within a packet")]
    PacketCutOff,
    /// Octets that are no packet, or one that no key has.
    #[error("not an OpenPGP key: {0}")]
    NotPackets(&'static str),
    /// There is no key.
    #[error("there is no OpenPGP key in it")]
    NoKey,
    /// The host has keys that it cannot give out, such as those that Gitea and Forgejo got before
    /// they kept them as they were. It gives no other.
    #[error("the account's keys could not be given out; their owner should upload them again")]
    NotExported,
    /// More than [`MAX_BODY`] bytes.
    #[error("longer than {MAX_BODY} bytes")]
    TooLarge,
    /// More than [`MAX_KEYS`] keys.
    #[error("more than {MAX_KEYS} keys")]
    TooManyKeys,
    /// More signatures by its own keys than are worth checking.
    #[error("more signatures than a key needs")]
    TooManySignatures,
    /// A public key where a secret one is wanted.
    #[error("a public key where a secret key is wanted")]
    PublicNotSecret,
    /// A secret key where a public one is wanted.
    #[error("a secret key where a public key is wanted: whoever put it there should revoke it")]
    SecretNotPublic,
    /// More than one secret key.
    #[error("more than one secret key")]
    SeveralKeys,
    /// The secret key is under a passphrase.
    #[error("the secret key is protected by a passphrase")]
    Protected,
    /// The passphrase is another, or the octets are damaged: which of the two cannot be known.
    #[error("the passphrase is wrong, or the secret key is damaged")]
    WrongPassphrase,
    /// A passphrase of no octets.
    #[error("an empty passphrase protects nothing")]
    EmptyPassphrase,
    /// The secret key is encrypted in a way that is not read.
    #[error("the secret key is protected by a passphrase in a way that is not read: {0}")]
    Protection(String),
    /// The packet says that the secret key is elsewhere.
    #[error("the secret key itself is not in it: it is kept elsewhere")]
    SecretElsewhere,
    /// The packet says that the secret key is on a card.
    #[error("the secret key itself is not in it: it is on a card")]
    OnCard,
    /// The primary key, which speaks for the one that signs, is of a kind that we cannot use.
    #[error(
        "the primary key, which alone can end this key, is {0}, with which nothing is signed here"
    )]
    PrimaryAlgorithm(&'static str),
    /// The primary key, which speaks for the one that signs, is not there.
    #[error("the primary key, which alone can end this key, is not in it: it is kept elsewhere")]
    PrimaryElsewhere,
    /// A revocation dated before its key.
    #[error("{0} is before the key was made")]
    BeforeKey(u64),
    /// Not an Ed25519 key.
    #[error("{0} where an Ed25519 key is wanted")]
    Algorithm(&'static str),
    /// A key packet of a version that is not read.
    #[error("an OpenPGP key of version {0}, where version 4 or 6 is wanted")]
    Version(u8),
    /// The sum over the secret octets differs.
    #[error("the secret key is damaged: its checksum does not fit")]
    SecretChecksum,
    /// The secret octets are wrong.
    #[error("the secret key is malformed")]
    MalformedSecret,
    /// The public half is not that of the secret half.
    #[error("the secret key does not belong to the public key beside it")]
    Mismatch,
    /// The key may not sign.
    #[error("the key cannot sign releases: {0}")]
    Unfit(KeyFault),
    /// The octets of the key are none that can check signatures.
    #[error(transparent)]
    Point(#[from] InvalidKey),
    /// A time that OpenPGP cannot write.
    #[error("{0} seconds is no date between 1970 and 2106, which is what OpenPGP can write")]
    Time(u64),
    /// `pgp` did not do what it was asked.
    #[error("the OpenPGP key could not be put together: {0}")]
    Assembly(String),
}

impl KeyError {
    /// What the owner of a key file does about it, where that is one thing: the rest of a line that
    /// begins with `help: `.
    pub fn help(&self) -> Option<&'static str> {
        Some(match self {
            KeyError::PublicNotSecret => {
                "export the secret key: `gpg --armor --export-secret-keys KEY`"
            }
            KeyError::SeveralKeys => {
                "export one, by its fingerprint: `gpg --armor --export-secret-keys KEY`"
            }
            KeyError::NotArmored => "OpenPGP keys are exported as text with `--armor`",
            KeyError::Algorithm(_) | KeyError::Unfit(KeyFault::NotForSigning) => {
                "make a new key, or add one to this: `gpg --quick-add-key FINGERPRINT ed25519 sign`"
            }
            KeyError::OnCard => "a key on a card signs through `ssh-agent`",
            KeyError::SecretElsewhere => {
                "export it where it is kept: `gpg --armor --export-secret-keys KEY`"
            }
            KeyError::Protection(_) => {
                "have `gpg` write it anew: `gpg --import` it, then \
                 `gpg --armor --export-secret-keys KEY`"
            }
            KeyError::PrimaryAlgorithm(_) | KeyError::PrimaryElsewhere => {
                "let `gpg` do it where the primary key is (`gpg --edit-key KEY`, then `revkey`), \
                 and publish the key again"
            }
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_signature_counts_within_the_life_of_its_key() {
        let bytes = include_bytes!("../tests/data/gpg-ed25519.asc");
        let mut key = read_public(bytes).unwrap().remove(0);
        let created = key.created;
        let mut check_when = |asked, state, time| {
            key.state = state;
            key.check(time, asked)
        };
        let end = created + 5;
        let mut check = |state, time| check_when(end - 1, state, time);
        assert_eq!(check(KeyState::Good, created), Ok(Worth::Full));
        assert_eq!(check(KeyState::Good, u64::MAX), Ok(Worth::Full));
        assert_eq!(
            check(KeyState::Good, created - 1),
            Err(KeyFault::Early { created })
        );
        let until = KeyState::GoodUntil(end);
        assert_eq!(check(until, end - 1), Ok(Worth::Full));
        assert_eq!(check(until, end), Err(KeyFault::Expired { end }));
        assert_eq!(check(until, created - 1), Err(KeyFault::Early { created }));
        for (state, fault) in [
            (KeyState::Revoked, KeyFault::Revoked),
            (KeyState::NotForSigning, KeyFault::NotForSigning),
            (KeyState::Unproven, KeyFault::Unproven),
        ] {
            assert_eq!(check(state, created), Err(fault));
        }
        // What is over is over by what the provider said, not by what a clock says.
        let retired = KeyState::Retired(end);
        for asked in [created, end, u64::MAX] {
            let mut check = |time| check_when(asked, retired, time);
            assert_eq!(check(end - 1), Ok(Worth::BeforeEnd { end }));
            assert_eq!(check(end), Err(KeyFault::Retired { since: end }));
            assert_eq!(check(created - 1), Err(KeyFault::Early { created }));
        }
        assert_eq!(
            check_when(end, until, end - 1),
            Ok(Worth::BeforeEnd { end })
        );
        assert_eq!(check_when(end, until, end), Err(KeyFault::Expired { end }));
    }

    #[test]
    fn of_two_states_the_worse_counts() {
        use KeyState::*;
        let order = [
            Good,
            GoodUntil(11),
            GoodUntil(10),
            Retired(9),
            Retired(8),
            NotForSigning,
            Unproven,
            Revoked,
        ];
        for (i, better) in order.into_iter().enumerate() {
            for worse in &order[i..] {
                assert_eq!(better.worse(*worse), *worse);
                assert_eq!(worse.worse(better), *worse);
            }
        }
        assert_eq!(GoodUntil(5).worse(Retired(8)), Retired(5));
        assert_eq!(Retired(8).worse(GoodUntil(5)), Retired(5));
    }

    #[test]
    fn a_name_counts_that_the_key_has_signed() {
        let key = SecretKey::generate(&"wkd:ada@example.org".parse().unwrap(), 5, OsRng).unwrap();
        let ada = b"<ada@example.org>";
        let eve = b"<eve@example.org>";
        let of = |octets: &[u8], wanted: &[u8]| read_public_of(octets, |id| id == wanted);
        let good = key.own().public.clone();
        assert_eq!(of(&good, ada).unwrap(), [key.published().clone()]);
        assert_eq!(of(&good, eve), Err(KeyError::NoKey));

        // A name beside the one that the key signed, with that one's signature or with none.
        let packets = packet::split(&good).unwrap();
        let mut beside = good.clone();
        packet::write(&mut beside, packet::tag::USER_ID, eve);
        assert_eq!(of(&beside, eve), Err(KeyError::NoKey));
        let last = packets.last().unwrap();
        packet::write(&mut beside, last.tag, last.body);
        assert_eq!(of(&beside, eve), Err(KeyError::NoKey));
        assert_eq!(of(&beside, ada).unwrap(), [key.published().clone()]);
    }

    #[test]
    fn fingerprints_are_read_as_gpg_prints_them() {
        let text = "C959BDBAFA32A2F89A153B678CFDE12197965A9A";
        let fingerprint: Fingerprint = text.parse().unwrap();
        assert_eq!(fingerprint.to_string(), text);
        let spaced = "c959 BDBA FA32 A2F8 9A15  3B67 8CFD E121 9796 5A9A";
        assert_eq!(spaced.parse(), Ok(fingerprint));
        for wrong in [
            "",
            &text[1..],
            &text[2..],
            "X959BDBAFA32A2F89A153B678CFDE12197965A9A",
        ] {
            assert_eq!(
                wrong.parse::<Fingerprint>(),
                Err(InvalidFingerprint),
                "{wrong}"
            );
        }
    }
}
