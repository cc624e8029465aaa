//! Secret key packets under a passphrase (RFC 9580, sections 3.7 and 5.5.3).
//!
//! After its public part a secret key packet says how its secret is kept:
//!
//! ```text
//! open      0, secret, sum over it (version 4)
//! locked    254, cipher, S2K, IV, then encrypted in CFB mode: secret, SHA-1 of it
//!           253, cipher, AEAD mode, S2K, nonce, then encrypted and authenticated: secret
//! elsewhere 254 or 255, and an S2K specifier of GnuPG's own
//! ```
//!
//! S2K is how a passphrase becomes a key. In version 6 there are lengths between these.
//!
//! Both locked forms are read, since `gpg` writes the first and others write the second. The first
//! is written, with AES-256 and the iterated and salted S2K over SHA-256 with its highest count.
//! Argon2 and AEAD are better, and GnuPG 2.2, which many have, reads neither. A guess costs 65 MB
//! of hashing; against who has time for many guesses only a long passphrase helps. CFB does not bind
//! a secret to the public key beside it: that the one belongs to the other is checked in
//! [`super::own`].

use bytes::BytesMut;
use hkdf::Hkdf;
use pgp::crypto::aead::{self, AeadAlgorithm};
use pgp::crypto::hash::HashAlgorithm;
use pgp::crypto::sym::SymmetricKeyAlgorithm;
use pgp::types::StringToKey;
use rand_core::CryptoRngCore;
use sha2::Sha256;
use zeroize::{Zeroize as _, Zeroizing};

use super::KeyError;
use super::packet::{KeyHead, Reader, checksum, public_length};

const OPEN: u8 = 0;
const AEAD: u8 = 253;
const CFB: u8 = 254;
const CFB_AND_SUM: u8 = 255;

/// The S2K specifier with which GnuPG writes that a secret is not there.
const GNU: u8 = 101;

/// Octets of the SHA-1 after a secret in CFB mode.
const SHA1: usize = 20;

/// The highest count of the iterated S2K: 65,011,712 octets are hashed.
pub(super) const HIGHEST_COUNT: u8 = 255;

/// The most octets that [`lock`] adds to a packet.
pub(super) const LOCK_ADDS: usize = 64;

/// How a secret key packet keeps its secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Keeps {
    /// Readable.
    Open,
    /// Under a passphrase.
    Locked,
    /// Not here.
    Elsewhere,
    /// On a card.
    OnCard,
}

impl Keeps {
    /// From a secret key packet.
    pub(super) fn of(body: &[u8]) -> Result<Keeps, KeyError> {
        let length = public_length(body).ok_or(KeyError::PacketCutOff)?;
        let mut secret = Reader(&body[length..]);
        Ok(match secret.octet()? {
            OPEN => Keeps::Open,
            // The cipher, the specifier, a hash, "GNU", and which.
            CFB | CFB_AND_SUM => match secret.0 {
                [_, GNU, _, b'G', b'N', b'U', 2, ..] => Keeps::OnCard,
                [_, GNU, _, b'G', b'N', b'U', ..] => Keeps::Elsewhere,
                _ => Keeps::Locked,
            },
            _ => Keeps::Locked,
        })
    }
}

/// Opens a locked secret key packet of type `tag`: the same packet with its secret in the open.
pub(super) fn unlock(
    tag: u8,
    body: &[u8],
    passphrase: &[u8],
) -> Result<Zeroizing<Vec<u8>>, KeyError> {
    let locked = Locked::read(body)?;
    let derived = locked
        .s2k
        .derive_key(passphrase, locked.cipher.key_size())
        .map_err(unknown)?;

    // Decrypted in place.
    let mut octets = BytesMut::from(locked.encrypted);
    let opened = match locked.mode {
        Mode::Cfb { iv } => open_cfb(locked.cipher, derived.as_ref(), iv, &mut octets),
        Mode::Aead { mode, nonce } => {
            let tag = tag | 0xc0;
            let version = locked.public[0];
            let (key, public) = (derived.as_ref(), [&[tag], locked.public].concat());
            let key = aead_key(key, [tag, version, locked.cipher.into(), mode.into()])?;
            mode.decrypt_in_place(&locked.cipher, &*key, nonce, &public, &mut octets)
                .map(|()| octets.len())
                .map_err(|error| match error {
                    aead::Error::Decrypt { .. } => KeyError::WrongPassphrase,
                    error => unknown(error),
                })
        }
    };
    let body = opened.map(|length| open_body(locked.public, &octets[..length]));
    octets.zeroize();
    body
}

/// Decrypts what is in CFB mode. Gives how many octets of it are the secret.
fn open_cfb(
    cipher: SymmetricKeyAlgorithm,
    key: &[u8],
    iv: &[u8],
    octets: &mut [u8],
) -> Result<usize, KeyError> {
    cipher
        .decrypt_with_iv_regular(key, iv, octets)
        .map_err(unknown)?;
    let length = octets
        .len()
        .checked_sub(SHA1)
        .ok_or(KeyError::PacketCutOff)?;
    let (secret, sum) = octets.split_at(length);
    if sha1(secret)? != sum {
        return Err(KeyError::WrongPassphrase);
    }
    Ok(length)
}

/// The key for a secret under AEAD: not the passphrase's own, but one for this use of it.
fn aead_key(derived: &[u8], used_for: [u8; 4]) -> Result<Zeroizing<[u8; 32]>, KeyError> {
    let mut key = Zeroizing::new([0; 32]);
    Hkdf::<Sha256>::new(None, derived)
        .expand(&used_for, &mut *key)
        .map_err(assembly)?;
    Ok(key)
}

/// Locks an open secret key packet under a passphrase, with this count of the iterated S2K.
pub(super) fn lock(
    body: &[u8],
    passphrase: &[u8],
    count: u8,
    mut rng: impl CryptoRngCore,
) -> Result<Vec<u8>, KeyError> {
    let length = public_length(body).ok_or(KeyError::PacketCutOff)?;
    let (public, kept) = body.split_at(length);
    let [OPEN, secret @ ..] = kept else {
        return Err(KeyError::Protected);
    };
    let old = public[0] == 4;
    let length = secret.len().checked_sub(if old { 2 } else { 0 });
    let secret = &secret[..length.ok_or(KeyError::PacketCutOff)?];

    let (mut salt, mut iv) = ([0; 8], [0; 16]);
    rng.fill_bytes(&mut salt);
    rng.fill_bytes(&mut iv);
    let (cipher, hash_alg) = (SymmetricKeyAlgorithm::AES256, HashAlgorithm::Sha256);
    let key = StringToKey::IteratedAndSalted {
        hash_alg,
        salt,
        count,
    }
    .derive_key(passphrase, cipher.key_size())
    .map_err(assembly)?;
    let mut octets = Zeroizing::new(Vec::with_capacity(secret.len() + SHA1));
    octets.extend_from_slice(secret);
    octets.extend(sha1(secret)?);
    cipher
        .encrypt_with_iv_regular(key.as_ref(), &iv, &mut octets)
        .map_err(assembly)?;

    let mut s2k = vec![3, hash_alg.into()];
    s2k.extend(salt);
    s2k.push(count);
    let parts = if old {
        [&[cipher.into()], &s2k[..], &iv].concat()
    } else {
        let s2k = [&[cipher.into(), s2k.len() as u8], &s2k[..], &iv].concat();
        [&[s2k.len() as u8], &s2k[..]].concat()
    };
    Ok([public, &[CFB], &parts, &octets].concat())
}

/// A packet with its secret in the open.
fn open_body(public: &[u8], secret: &[u8]) -> Zeroizing<Vec<u8>> {
    let mut body = Zeroizing::new(Vec::with_capacity(public.len() + secret.len() + 3));
    body.extend_from_slice(public);
    body.push(OPEN);
    body.extend_from_slice(secret);
    if public[0] == 4 {
        body.extend(checksum(secret).to_be_bytes());
    }
    body
}

/// A locked packet, in its parts.
struct Locked<'a> {
    public: &'a [u8],
    cipher: SymmetricKeyAlgorithm,
    s2k: StringToKey,
    mode: Mode<'a>,
    encrypted: &'a [u8],
}

enum Mode<'a> {
    Cfb {
        iv: &'a [u8],
    },
    Aead {
        mode: AeadAlgorithm,
        nonce: &'a [u8],
    },
}

impl<'a> Locked<'a> {
    fn read(body: &'a [u8]) -> Result<Locked<'a>, KeyError> {
        let head = KeyHead::of(body).ok_or(KeyError::PacketCutOff)?;
        let length = public_length(body).ok_or(KeyError::PacketCutOff)?;
        let (public, secret) = body.split_at(length);
        let mut rest = Reader(secret);
        // The lengths of version 6 say nothing that the rest does not.
        let skip_length = |rest: &mut Reader<'_>| match head.version {
            6 => rest.octet().map(drop),
            _ => Ok(()),
        };

        let usage = rest.octet()?;
        skip_length(&mut rest)?;
        let cipher = SymmetricKeyAlgorithm::from(rest.octet()?);
        let aead = match usage {
            CFB => None,
            AEAD => Some(AeadAlgorithm::from(rest.octet()?)),
            // One octet pair of a sum, or a key made by MD5: not since 2007.
            _ => return Err(unknown("a form that is long outdated")),
        };
        skip_length(&mut rest)?;
        let s2k = s2k(&mut rest)?;
        let mode = match (aead, &s2k) {
            (None, StringToKey::Argon2 { .. }) | (Some(_), StringToKey::Salted { .. }) => {
                return Err(unknown("an S2K that does not go with its cipher"));
            }
            (None, _) => Mode::Cfb {
                iv: rest.take(cipher.block_size())?,
            },
            (Some(mode), _) if mode.tag_size().is_some() => Mode::Aead {
                mode,
                nonce: rest.take(mode.nonce_size())?,
            },
            (Some(_), _) => return Err(unknown("an unknown AEAD mode")),
        };
        Ok(Locked {
            public,
            cipher,
            s2k,
            mode,
            encrypted: rest.0,
        })
    }
}

/// An S2K specifier (section 3.7.1) with a salt.
fn s2k(rest: &mut Reader<'_>) -> Result<StringToKey, KeyError> {
    let length = match rest.0 {
        [1, ..] => 10,
        [3, ..] => 11,
        [4, ..] => 20,
        [] => return Err(KeyError::PacketCutOff),
        _ => return Err(unknown("an unknown S2K")),
    };
    StringToKey::try_from_reader(rest.take(length)?).map_err(unknown)
}

fn sha1(octets: &[u8]) -> Result<Vec<u8>, KeyError> {
    HashAlgorithm::Sha1.digest(octets).map_err(assembly)
}

fn unknown(what: impl ToString) -> KeyError {
    KeyError::Protection(what.to_string())
}

fn assembly(error: impl ToString) -> KeyError {
    KeyError::Assembly(error.to_string())
}

/// How many octets are hashed or filled to try one passphrase on a locked packet, at most.
#[cfg(any(feature = "fuzzing", test))]
pub(super) fn cost(body: &[u8]) -> Option<u64> {
    match Locked::read(body).ok()?.s2k {
        StringToKey::IteratedAndSalted { count, .. } => {
            Some((16 + u64::from(count & 15)) << (count >> 4) << 6)
        }
        StringToKey::Argon2 { t, m_enc, .. } => {
            Some((1 << u64::from(m_enc.min(31)) << 10) * u64::from(t))
        }
        _ => Some(0),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use pgp::ser::Serialize as _;
    use rand_core::OsRng;

    use super::super::secret::testing::Fixed;
    use super::super::{OwnKey, armor, packet};
    use super::*;

    macro_rules! data {
        ($name:literal) => {
            include_bytes!(concat!("../../tests/data/", $name))
        };
    }

    /// The secret key packets of a file, with their types.
    fn packets(file: &[u8]) -> Vec<(u8, Zeroizing<Vec<u8>>)> {
        let block = armor::read(file).unwrap().remove(0);
        let packets = packet::split(&block.data).unwrap();
        let secret = packets.iter().filter(|p| matches!(p.tag, 5 | 7));
        secret
            .map(|p| (p.tag, Zeroizing::new(p.body.to_vec())))
            .collect()
    }

    /// What is written under AEAD, which we do not do but read.
    fn lock_by_aead(tag: u8, body: &[u8], mode: AeadAlgorithm, s2k: &StringToKey) -> Vec<u8> {
        let (public, kept) = body.split_at(public_length(body).unwrap());
        let old = public[0] == 4;
        let cipher = SymmetricKeyAlgorithm::AES128;
        let nonce = vec![3; mode.nonce_size()];
        let used_for = [tag | 0xc0, public[0], cipher.into(), mode.into()];
        let derived = s2k.derive_key(b"secret", cipher.key_size()).unwrap();
        let key = aead_key(derived.as_ref(), used_for).unwrap();
        let mut octets = BytesMut::from(&kept[1..kept.len() - if old { 2 } else { 0 }]);
        let bound = [&[tag | 0xc0], public].concat();
        mode.encrypt_in_place(&cipher, &*key, &nonce, &bound, &mut octets)
            .unwrap();
        let s2k = s2k.to_bytes().unwrap();
        let [cipher, mode] = [cipher.into(), mode.into()];
        let params = match old {
            true => [&[cipher, mode], &s2k[..], &nonce].concat(),
            false => {
                let params = [&[cipher, mode, s2k.len() as u8], &s2k[..], &nonce].concat();
                [&[params.len() as u8], &params[..]].concat()
            }
        };
        [public, &[AEAD], &params, &octets].concat()
    }

    #[test]
    fn keys_under_aead_open() {
        let iterated = StringToKey::IteratedAndSalted {
            hash_alg: HashAlgorithm::Sha256,
            salt: [1; 8],
            count: 0,
        };
        let argon2 = StringToKey::Argon2 {
            salt: [1; 16],
            t: 1,
            p: 1,
            m_enc: 4,
        };
        for file in [
            &data!("gpg-default-expires.secret.asc")[..],
            data!("rfc9580-v6.secret.asc"),
        ] {
            for (tag, body) in packets(file) {
                for mode in [AeadAlgorithm::Eax, AeadAlgorithm::Ocb, AeadAlgorithm::Gcm] {
                    for s2k in [&iterated, &argon2] {
                        let locked = lock_by_aead(tag, &body, mode, s2k);
                        assert_eq!(Keeps::of(&locked), Ok(Keeps::Locked));
                        assert_eq!(unlock(tag, &locked, b"secret"), Ok(body.clone()));
                        let wrong = unlock(tag, &locked, b"Secret");
                        assert_eq!(wrong, Err(KeyError::WrongPassphrase));
                        // What is beside the secret is bound to it: that it is a primary key, or
                        // when it was made.
                        let elsewhere = unlock(tag ^ 2, &locked, b"secret");
                        assert_eq!(elsewhere, Err(KeyError::WrongPassphrase));
                        let mut dated = locked;
                        dated[1] ^= 1;
                        let dated = unlock(tag, &dated, b"secret");
                        assert_eq!(dated, Err(KeyError::WrongPassphrase));
                    }
                }
            }
        }
    }

    #[test]
    fn what_is_locked_opens_as_it_was() {
        for file in [
            &data!("gpg-default-expires.secret.asc")[..],
            data!("gpg-rsa-with-ed25519-subkey.secret.asc"),
            data!("sq-default.secret.asc"),
            data!("rfc9580-v6.secret.asc"),
        ] {
            for (tag, body) in packets(file) {
                let locked = lock(&body, b"secret", 0, OsRng).unwrap();
                assert!(locked.len() <= body.len() + LOCK_ADDS);
                assert_eq!(cost(&locked), Some(1024));
                assert_eq!(unlock(tag, &locked, b"secret"), Ok(body));
                let wrong = unlock(tag, &locked, b"Secret");
                assert_eq!(wrong, Err(KeyError::WrongPassphrase));
                let error = lock(&locked, b"secret", 0, OsRng);
                assert_eq!(error, Err(KeyError::Protected));
            }
        }
    }

    #[test]
    fn argon2_goes_with_aead_alone() {
        let (tag, body) = packets(data!("rfc9580-v6-locked.secret.asc")).remove(0);
        assert_eq!(cost(&body), Some(2 << 30));
        let start = public_length(&body).unwrap();
        let mut cfb = body.to_vec();
        cfb[start] = CFB;
        // The octet of the mode is AEAD's.
        cfb.remove(start + 3);
        let error = unlock(tag, &cfb, b"correct horse battery staple").unwrap_err();
        assert!(matches!(error, KeyError::Protection(_)), "{error}");
    }

    /// Opened in no time, they lead the fuzzer past the passphrase. They are made here, since no
    /// program makes such keys.
    #[test]
    fn weakly_locked_seeds_are_as_they_were() {
        let iterated = |_: u8, body: &[u8]| lock(body, b"secret", 0, Fixed([9; 32])).unwrap();
        let argon2 = StringToKey::Argon2 {
            salt: [1; 16],
            t: 1,
            p: 1,
            m_enc: 4,
        };
        let aead = |tag: u8, body: &[u8]| lock_by_aead(tag, body, AeadAlgorithm::Ocb, &argon2);
        type Lock<'a> = &'a dyn Fn(u8, &[u8]) -> Vec<u8>;
        let files: [(&[u8], Lock<'_>, &str); 3] = [
            (
                data!("consign.secret.asc"),
                &iterated,
                "weakly-locked.secret.asc",
            ),
            (
                data!("sq-default.secret.asc"),
                &aead,
                "weakly-locked-aead.secret.asc",
            ),
            (
                data!("rfc9580-v6.secret.asc"),
                &aead,
                "weakly-locked-v6.secret.asc",
            ),
        ];
        for (file, lock, name) in files {
            let block = armor::read(file).unwrap().remove(0);
            let mut locked = Vec::new();
            for packet in packet::split(&block.data).unwrap() {
                let body = match packet.tag {
                    5 | 7 => &lock(packet.tag, packet.body)[..],
                    _ => packet.body,
                };
                packet::write(&mut locked, packet.tag, body);
            }
            let text = armor::write(armor::Kind::Secret, &locked);
            let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data");
            expect_test::expect_file![path.join(name)].assert_eq(&text);
            let key = OwnKey::from_armored(text.as_bytes()).unwrap();
            assert!(key.unlock(b"secret").unwrap().signer().is_ok());
        }
    }
}
