//! Ed25519 public keys, as a locator and the signers file name them.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ed25519_dalek::VerifyingKey;

/// An Ed25519 public key (RFC 8032, section 5.1.5) that is fit to check signatures with: a point on
/// the curve, canonically encoded, and not of small order.
///
/// Written and read as `ed25519:` and the base64url of its 32 bytes (RFC 4648, section 5), without
/// padding.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct PublicKey(VerifyingKey);

impl PublicKey {
    /// Reads the 32 bytes of RFC 8032.
    ///
    /// Fails where they are no point, another spelling of a point, or a point of small order: such
    /// a key would accept one signature for many messages.
    pub fn from_bytes(bytes: &[u8; 32]) -> Result<PublicKey, InvalidKey> {
        let key = VerifyingKey::from_bytes(bytes).map_err(|_| InvalidKey::NotAPoint)?;
        // `from_bytes` keeps the spelling it was given and accepts y >= p.
        if !is_reduced(bytes) {
            return Err(InvalidKey::NotCanonical);
        }
        // Where x is 0 its sign could be spelled in two ways; both of these points are of small order.
        if key.is_weak() {
            return Err(InvalidKey::SmallOrder);
        }
        Ok(PublicKey(key))
    }

    /// The 32 bytes of RFC 8032.
    pub fn as_bytes(&self) -> &[u8; 32] {
        self.0.as_bytes()
    }

    /// Checks `signature` over `message` by the strict rule: besides what RFC 8032, section 5.1.7
    /// asks for, `R` and the key must not be of small order and `S` must be reduced.
    pub fn verify_strict(&self, message: &[u8], signature: &[u8; 64]) -> bool {
        let signature = ed25519_dalek::Signature::from_bytes(signature);
        self.0.verify_strict(message, &signature).is_ok()
    }
}

/// Whether y, which is all but the highest bit, is less than p = 2^255 - 19. Compressing the point again
/// would tell as well, and takes as long as finding it.
fn is_reduced(bytes: &[u8; 32]) -> bool {
    let [low, middle @ .., high] = bytes;
    *low < 0xed || middle.iter().any(|byte| *byte != 0xff) || high & 0x7f != 0x7f
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ed25519:{}", URL_SAFE_NO_PAD.encode(self.as_bytes()))
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({self})")
    }
}

impl PartialOrd for PublicKey {
    fn partial_cmp(&self, other: &PublicKey) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for PublicKey {
    fn cmp(&self, other: &PublicKey) -> std::cmp::Ordering {
        self.as_bytes().cmp(other.as_bytes())
    }
}

impl std::hash::Hash for PublicKey {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.as_bytes().hash(state);
    }
}

/// Why bytes or text are not a [`PublicKey`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidKey {
    /// The text is not `ed25519:` and 43 digits of base64url without padding.
    #[error("not `ed25519:` followed by 32 bytes in base64url without padding")]
    Spelling,
    /// The bytes are no point of the curve.
    #[error("not a point of the Ed25519 curve")]
    NotAPoint,
    /// The bytes are another spelling of a point.
    #[error("not the canonical encoding of a point of the Ed25519 curve")]
    NotCanonical,
    /// The point is of small order.
    #[error("an Ed25519 key of small order, which would accept forged signatures")]
    SmallOrder,
}

impl FromStr for PublicKey {
    type Err = InvalidKey;

    fn from_str(text: &str) -> Result<PublicKey, InvalidKey> {
        let digits = text.strip_prefix("ed25519:").ok_or(InvalidKey::Spelling)?;
        let bytes = URL_SAFE_NO_PAD
            .decode(digits)
            .map_err(|_| InvalidKey::Spelling)?;
        PublicKey::from_bytes(&bytes.try_into().map_err(|_| InvalidKey::Spelling)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 8032, section 7.1, test 1.
    const RFC: &str = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a";

    fn bytes(hex: &str) -> [u8; 32] {
        let mut bytes = [0; 32];
        hex::decode_to_slice(hex, &mut bytes).expect("hex");
        bytes
    }

    #[test]
    fn reads_what_it_writes() {
        let key = PublicKey::from_bytes(&bytes(RFC)).expect("a key");
        let text = key.to_string();
        assert_eq!(text, "ed25519:11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo");
        assert_eq!(text.parse(), Ok(key));
        for wrong in [
            &text[8..],
            &format!("{text}="),
            &text.replace('_', "/"),
            // The last digit carries two bits that no byte uses.
            &format!("{}p", &text[..text.len() - 1]),
        ] {
            assert_eq!(
                wrong.parse::<PublicKey>(),
                Err(InvalidKey::Spelling),
                "{wrong}"
            );
        }
    }

    #[test]
    fn small_order_and_other_spellings_are_refused() {
        let mut identity = [0; 32];
        identity[0] = 1;
        assert_eq!(
            PublicKey::from_bytes(&identity),
            Err(InvalidKey::SmallOrder)
        );
        // Minus that: x is 0 as before, and has no sign.
        identity[31] = 0x80;
        assert_eq!(
            PublicKey::from_bytes(&identity),
            Err(InvalidKey::SmallOrder)
        );
    }

    /// All that is not below p is one of 19 numbers, and for each of the points among them there is another
    /// spelling, which is not refused for that.
    #[test]
    fn a_point_has_one_spelling() {
        let with_low_byte = |low: u8, sign: u8| {
            let mut bytes = [0xff; 32];
            (bytes[0], bytes[31]) = (low, 0x7f | sign);
            bytes
        };
        for sign in [0, 0x80] {
            let mut points = 0;
            for low in 0xed..=0xff {
                let found = PublicKey::from_bytes(&with_low_byte(low, sign));
                if found != Err(InvalidKey::NotAPoint) {
                    assert_eq!(found, Err(InvalidKey::NotCanonical), "{low}");
                    points += 1;
                    let mut reduced = [0; 32];
                    (reduced[0], reduced[31]) = (low - 0xed, sign);
                    let other = PublicKey::from_bytes(&reduced);
                    assert_ne!(other, Err(InvalidKey::NotCanonical), "{low}");
                }
            }
            assert!(points > 2, "{points}");
            // The greatest that is reduced.
            let greatest = PublicKey::from_bytes(&with_low_byte(0xec, sign));
            assert_ne!(greatest, Err(InvalidKey::NotCanonical));
        }
    }
}
