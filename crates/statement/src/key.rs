//! Ed25519 public keys, as a locator and the signers file name them.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ed25519_dalek::VerifyingKey;

/// An Ed25519 public key (RFC 8032, section 5.1.5), canonically encoded and not of small order.
///
/// Whether there is such a point on the curve is not asked before a signature is checked: to find it takes
/// longer than all else that is read with a key, and most keys that are read are only compared. By what is
/// no point, no signature is good.
///
/// Written and read as `ed25519:` and the base64url of its 32 bytes (RFC 4648, section 5), without
/// padding.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PublicKey([u8; 32]);

impl PublicKey {
    /// Reads the 32 bytes of RFC 8032.
    ///
    /// Fails where they are another spelling of a point, or a point of small order: such a key would
    /// accept one signature for many messages.
    pub fn from_bytes(bytes: &[u8; 32]) -> Result<PublicKey, InvalidKey> {
        if !is_reduced(bytes) {
            return Err(InvalidKey::NotCanonical);
        }
        if is_of_small_order(bytes) {
            return Err(InvalidKey::SmallOrder);
        }
        Ok(PublicKey(*bytes))
    }

    /// The 32 bytes of RFC 8032.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Checks `signature` over `message` by the strict rule: besides what RFC 8032, section 5.1.7
    /// asks for, `R` and the key must not be of small order and `S` must be reduced.
    pub fn verify_strict(&self, message: &[u8], signature: &[u8; 64]) -> bool {
        let signature = ed25519_dalek::Signature::from_bytes(signature);
        VerifyingKey::from_bytes(&self.0)
            .is_ok_and(|key| key.verify_strict(message, &signature).is_ok())
    }
}

/// The y of the points of small order, of which there are eight, in their canonical encodings: (0, 1),
/// (0, -1), (±sqrt(-1), 0), and the four of order 8, of two y.
const SMALL_ORDER: [[u8; 32]; 5] = [
    [
        0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
        0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
        0x00, 0x00,
    ],
    [
        0x01, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
        0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
        0x00, 0x00,
    ],
    [
        0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4, 0x89, 0xf2, 0xef, 0x98,
        0xf0, 0xd5, 0xdf, 0xac, 0x05, 0xd3, 0xc6, 0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53,
        0xfc, 0x05,
    ],
    [
        0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b, 0x76, 0x0d, 0x10, 0x67,
        0x0f, 0x2a, 0x20, 0x53, 0xfa, 0x2c, 0x39, 0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac,
        0x03, 0x7a,
    ],
    [
        0xec, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
        0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
        0xff, 0x7f,
    ],
];

/// Whether a canonical encoding is that of a point of small order. Where x is 0 its sign could be spelled in
/// two ways; both of these points are among them.
fn is_of_small_order(bytes: &[u8; 32]) -> bool {
    let mut y = *bytes;
    y[31] &= 0x7f;
    SMALL_ORDER.contains(&y)
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

/// Why bytes or text are not a [`PublicKey`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidKey {
    /// The text is not `ed25519:` and 43 digits of base64url without padding.
    #[error("not `ed25519:` followed by 32 bytes in base64url without padding")]
    Spelling,
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

    /// dalek tells the same of every point that has one of these y.
    #[test]
    fn points_of_small_order_are_known() {
        let mut points = 0;
        for y in SMALL_ORDER {
            assert!(is_reduced(&y));
            for sign in [0, 0x80] {
                let mut bytes = y;
                bytes[31] |= sign;
                if let Ok(key) = VerifyingKey::from_bytes(&bytes) {
                    assert!(key.is_weak());
                    assert_eq!(PublicKey::from_bytes(&bytes), Err(InvalidKey::SmallOrder));
                    points += key.to_edwards().compress().to_bytes().eq(&bytes) as usize;
                }
            }
        }
        assert_eq!(points, 8);
    }

    #[test]
    fn by_what_is_no_point_no_signature_is_good() {
        let mut bytes = bytes(RFC);
        let is_point = |bytes: &[u8; 32]| VerifyingKey::from_bytes(bytes).is_ok();
        while is_point(&bytes) {
            bytes[0] = bytes[0].wrapping_add(1);
        }
        let key = PublicKey::from_bytes(&bytes).expect("a key that cannot be told from others");
        assert!(!key.verify_strict(b"", &[0; 64]));
    }

    /// All that is not below p is one of 19 numbers, and each of the points among them has another spelling.
    #[test]
    fn a_point_has_one_spelling() {
        let with_low_byte = |low: u8, sign: u8| {
            let mut bytes = [0xff; 32];
            (bytes[0], bytes[31]) = (low, 0x7f | sign);
            bytes
        };
        for sign in [0, 0x80] {
            for low in 0xed..=0xff {
                let found = PublicKey::from_bytes(&with_low_byte(low, sign));
                assert_eq!(found, Err(InvalidKey::NotCanonical), "{low}");
            }
            // The greatest that is reduced.
            let greatest = PublicKey::from_bytes(&with_low_byte(0xec, sign));
            assert_ne!(greatest, Err(InvalidKey::NotCanonical));
        }
    }
}
