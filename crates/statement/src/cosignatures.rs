//! More signers than one.
//!
//! ```json
//! "cosignatures": [{"key_locator": {…}, "signature": {…}}]
//! ```
//!
//! Beside its two fields, an index line may have the same two fields of others, each made over a statement
//! with its own signer and time. [`signers`] tells who signed for a release. How many are wanted is a rule of
//! who builds, and not known here.

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::{Claim, RegistryId, Release, SignatureValid, verify};

/// No line has more cosignatures.
pub const MAX: usize = 16;

#[derive(Deserialize)]
struct Line<'a> {
    #[serde(borrow, default)]
    cosignatures: Vec<&'a RawValue>,
}

/// The signatures on an index line that fit `release`, for the registry in use: that in the two fields of the
/// line itself, if it is there, and then the others in their order.
///
/// One that does not fit, or cannot be read, counts nothing and does not spoil the others; so does a second
/// one by the same identity or with the same key. Of a list that is too long, or is none, nothing counts.
pub fn signers(
    line: &[u8],
    release: &Release,
    registry_in_use: &RegistryId,
) -> Vec<SignatureValid> {
    let read = serde_json::from_slice::<Line<'_>>(line);
    let others = match &read {
        Ok(line) if line.cosignatures.len() <= MAX => &line.cosignatures[..],
        _ => &[],
    };
    let others = others.iter().map(|other| other.get().as_bytes());
    let mut counted: Vec<SignatureValid> = Vec::new();
    for object in std::iter::once(line).chain(others) {
        let Ok(Claim::Signed(fields)) = Claim::from_json(object) else {
            continue;
        };
        let Ok(valid) = verify(release, registry_in_use, &fields) else {
            continue;
        };
        let is_counted = counted.iter().any(|counted| {
            let (a, b) = (counted.locator(), valid.locator());
            a.key() == b.key() || (a.provider(), a.user()) == (b.provider(), b.user())
        });
        if !is_counted {
            counted.push(valid);
        }
    }
    counted
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use ed25519_dalek::SigningKey;
    use serde_json::{Value, json};

    use super::*;
    use crate::{Digest, Locator, Signer as _, index, sign};

    fn line() -> Value {
        let cksum = Digest::of(b"").to_string();
        json!({"name": "foo", "vers": "1.0.0", "deps": [], "cksum": cksum, "features": {}})
    }

    fn release() -> Release {
        let line = line().to_string();
        let entry: index::Entry<'_> = serde_json::from_str(&line).unwrap();
        Release::from_index(&entry).unwrap()
    }

    /// The two fields of `user`, who has the key of this number.
    fn signed(user: &str, key: u8) -> Value {
        let key = SigningKey::from_bytes(&[key; 32]);
        let locator = Locator::new("github", user, None, key.public_key()).unwrap();
        let (registry, tree) = (RegistryId::crates_io(), Digest::of(b"tree"));
        let fields = sign(&release(), &registry, &tree, locator, 1, &key).unwrap();
        serde_json::to_value(fields).unwrap()
    }

    /// Who is counted on a line with the fields of `first` and these cosignatures.
    fn users(first: Option<Value>, cosignatures: Value) -> Vec<String> {
        let mut line = line();
        if let Some(Value::Object(first)) = first {
            line.as_object_mut().unwrap().extend(first);
        }
        line["cosignatures"] = cosignatures;
        let line = line.to_string();
        let signers = signers(line.as_bytes(), &release(), &RegistryId::crates_io());
        let users = signers.iter().map(|valid| valid.locator().user());
        users.map(str::to_owned).collect()
    }

    #[test]
    fn distinct_signers_are_counted() {
        let others = json!([signed("bob", 2), signed("eve", 3)]);
        assert_eq!(
            users(Some(signed("ann", 1)), others.clone()),
            ["ann", "bob", "eve"]
        );
        assert_eq!(users(None, others), ["bob", "eve"]);
        assert_eq!(users(Some(signed("ann", 1)), json!([])), ["ann"]);
    }

    #[test]
    fn same_identity_and_same_key_count_once() {
        let same = json!([signed("ann", 2), signed("bob", 1), signed("eve", 3)]);
        assert_eq!(users(Some(signed("ann", 1)), same), ["ann", "eve"]);
    }

    #[test]
    fn one_that_does_not_fit_spoils_nothing() {
        let mut false_one = signed("bob", 2);
        false_one["signature"]["time"] = json!(2);
        let mut later = signed("bob", 2);
        later["signature"] = json!({"v": 2});
        let others = json!([false_one, later, null, 7, {}, {"signature": null}, signed("eve", 3)]);
        assert_eq!(users(Some(signed("ann", 1)), others), ["ann", "eve"]);
    }

    #[test]
    fn list_that_is_too_long_or_none_counts_nothing() {
        let many = |n| Value::Array(vec![signed("bob", 2); n]);
        assert_eq!(users(Some(signed("ann", 1)), many(MAX)), ["ann", "bob"]);
        assert_eq!(users(Some(signed("ann", 1)), many(MAX + 1)), ["ann"]);
        for none in [json!({}), json!("x"), Value::Null] {
            assert_eq!(users(Some(signed("ann", 1)), none), ["ann"]);
        }
    }
}
