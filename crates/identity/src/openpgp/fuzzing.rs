//! What the fuzz target for keys runs: the readers of public and secret keys, and what has to hold
//! of whatever they accept. Compiled for it and for the tests only.

use std::collections::BTreeSet;

use rand_core::OsRng;
use zeroize::Zeroizing;

use super::packet::tag;
use super::passphrase::{self, Keeps};
use super::{KeyState, OwnKey, Withdrawal, armor, packet, read_public};

/// The passphrase of the locked seeds.
const PASSPHRASE: &[u8] = b"secret";

/// The most octets that are hashed to try it.
const MAX_COST: u64 = 1 << 16;

/// Armored and longer than this, keys are longer than is read.
const MAX_LENGTH: usize = 1 << 19;

/// Keys of any kind, armored or the octets themselves: few changes of a text get past its checksum.
pub fn key(bytes: &[u8]) {
    if bytes.len() > MAX_LENGTH {
        return;
    }
    public(bytes);
    if let Ok(key) = OwnKey::from_armored(bytes) {
        own(&key);
    }
    if let Ok(key) = OwnKey::from_packets(Zeroizing::new(bytes.to_vec())) {
        own(&key);
        if let Some(key) = unlock(&key) {
            assert!(!key.is_locked());
            own(&key);
        }
    }
}

/// Each key is told once, and armor changes nothing.
fn public(bytes: &[u8]) {
    let read = read_public(bytes);
    if let Ok(keys) = &read {
        let distinct: BTreeSet<_> = keys.iter().map(|key| key.key).collect();
        assert_eq!(distinct.len(), keys.len());
    }
    if bytes.first().is_some_and(|first| *first >= 0xc0) && !bytes.starts_with(b"\xef\xbb\xbf") {
        let armored = armor::write(armor::Kind::Public, bytes);
        assert_eq!(read_public(armored.as_bytes()), read);
    }
}

/// What is written is read again as the same, its public half says the same of the key, it signs,
/// and it ends where it is ended.
fn own(key: &OwnKey) {
    let again = OwnKey::from_armored(key.to_armored().as_bytes()).expect("a key that was read");
    assert_eq!(again.published(), key.published());
    assert_eq!(again.is_locked(), key.is_locked());
    assert_eq!(again.identity(), key.identity());
    let public = read_public(key.public_armored().as_bytes()).expect("its public half");
    assert!(public.contains(key.published()));

    if let Ok(secret) = again.signer() {
        assert!(key.public_key().verify_strict(b"abc", &secret.sign(b"abc")));
    }
    let end = u64::from(u32::MAX);
    if let Ok(retired) = key.retire(end, OsRng) {
        assert_eq!(retired.public_key(), key.public_key());
        assert!(match (key.published().state, retired.published().state) {
            (KeyState::Good, KeyState::Retired(since)) => since == end,
            // It had ended before, or would have.
            (KeyState::GoodUntil(was) | KeyState::Retired(was), KeyState::Retired(since)) =>
                since == was.min(end),
            (was, state) => was.fault().is_some() && was == state,
        });
    }
    if let Ok(revoked) = key.revoke(end, Withdrawal::NoReason, OsRng) {
        assert_eq!(revoked.public_key(), key.public_key());
        assert_eq!(revoked.published().state, KeyState::Revoked);
    }
}

/// Opens a key, if to try is cheap.
fn unlock(key: &OwnKey) -> Option<OwnKey> {
    let packets = packet::split(&key.secret).expect("packets that were read");
    let costs = packets
        .iter()
        .filter(|p| matches!(p.tag, tag::SECRET_KEY | tag::SECRET_SUBKEY))
        .filter(|p| Keeps::of(p.body) == Ok(Keeps::Locked))
        .filter_map(|p| passphrase::cost(p.body));
    (costs.sum::<u64>() <= MAX_COST)
        .then(|| key.unlock(PASSPHRASE).ok())
        .flatten()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    /// The committed seeds hold what the target asks for.
    #[test]
    fn the_seeds_pass() {
        let seeds = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/seeds/key");
        let (mut read, mut opened) = (0, 0);
        for seed in seeds.read_dir().unwrap() {
            let path = seed.unwrap().path();
            let seed = std::fs::read(&path).unwrap();
            key(&seed);
            // A seed that is refused at once would lead the search nowhere.
            let public = read_public(&seed);
            let own = OwnKey::from_packets(Zeroizing::new(seed.clone()));
            let read_at_all = public.is_ok() || own.is_ok() || super::super::says_no_keys(&seed);
            assert!(read_at_all, "{}", path.display());
            read += 1;
            opened += usize::from(own.is_ok_and(|own| own.is_locked() && unlock(&own).is_some()));
        }
        assert!(read > 0 && opened > 0, "{read} seeds, {opened} opened");
    }
}
