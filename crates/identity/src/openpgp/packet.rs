//! Packets (RFC 9580, section 4), and the beginning of a key packet (section 5.5.2).

use super::KeyError;

/// Packet types (RFC 9580, section 5) that a key may have.
pub(super) mod tag {
    pub(crate) const SIGNATURE: u8 = 2;
    pub(crate) const SECRET_KEY: u8 = 5;
    pub(crate) const PUBLIC_KEY: u8 = 6;
    pub(crate) const SECRET_SUBKEY: u8 = 7;
    pub(crate) const MARKER: u8 = 10;
    pub(crate) const TRUST: u8 = 12;
    pub(crate) const USER_ID: u8 = 13;
    pub(crate) const PUBLIC_SUBKEY: u8 = 14;
    pub(crate) const USER_ATTRIBUTE: u8 = 17;
    pub(crate) const PADDING: u8 = 21;
    /// From here on a packet that is not understood may be skipped (section 4.3).
    pub(crate) const NOT_CRITICAL: u8 = 40;
}

/// Public-key algorithms (RFC 9580, section 9.1) that carry an Ed25519 key.
const EDDSA_LEGACY: u8 = 22;
const ED25519: u8 = 27;

/// The curve Ed25519 in algorithm 22: length and OID 1.3.6.1.4.1.11591.15.1 (section 9.2).
pub(super) const CURVE: [u8; 10] = [9, 0x2b, 6, 1, 4, 1, 0xda, 0x47, 0x0f, 1];

/// A packet, without its header.
#[derive(Debug, Clone, Copy)]
pub(super) struct Packet<'a> {
    pub(super) tag: u8,
    pub(super) body: &'a [u8],
}

/// Splits `bytes` into packets. Lengths of one, two, four and five octets, in either format of
/// header (section 4.2); a key has none of partial or indeterminate length.
pub(super) fn split(mut bytes: &[u8]) -> Result<Vec<Packet<'_>>, KeyError> {
    let mut packets = Vec::new();
    while let Some((&first, rest)) = bytes.split_first() {
        let mut rest = Reader(rest);
        let (tag, length) = match first {
            0xc0.. => {
                let length = match rest.octet()? {
                    short @ 0..=191 => short.into(),
                    long @ 192..=223 => {
                        (usize::from(long) - 192) * 256 + usize::from(rest.octet()?) + 192
                    }
                    224..=254 => return Err(KeyError::NotPackets("a packet in parts")),
                    255 => rest.number::<4>()?,
                };
                (first & 0x3f, length)
            }
            0x80.. => {
                let length = match first & 3 {
                    0 => rest.number::<1>()?,
                    1 => rest.number::<2>()?,
                    2 => rest.number::<4>()?,
                    _ => return Err(KeyError::NotPackets("a packet without a length")),
                };
                ((first & 0x3f) >> 2, length)
            }
            _ => return Err(KeyError::NotPackets("its octets are no packets")),
        };
        packets.push(Packet {
            tag,
            body: rest.take(length)?,
        });
        bytes = rest.0;
    }
    Ok(packets)
}

/// Appends a packet with a header in the present format.
pub(super) fn write(out: &mut Vec<u8>, tag: u8, body: &[u8]) {
    out.push(0xc0 | tag);
    match body.len() {
        short @ 0..192 => out.push(short as u8),
        long @ 192..8384 => {
            out.extend([((long - 192) / 256 + 192) as u8, ((long - 192) % 256) as u8]);
        }
        longer => {
            out.push(255);
            // What is written was read or made here, and is far from 2^32 octets.
            out.extend((longer as u32).to_be_bytes());
        }
    }
    out.extend_from_slice(body);
}

/// The beginning of a key packet, public or secret.
#[derive(Debug, Clone, Copy)]
pub(super) struct KeyHead {
    pub(super) version: u8,
    pub(super) algorithm: u8,
}

impl KeyHead {
    /// Reads it; `None` where the packet is too short.
    pub(super) fn of(body: &[u8]) -> Option<KeyHead> {
        // Between the two: when the key was made.
        let [version, _, _, _, _, algorithm, ..] = *body else {
            return None;
        };
        Some(KeyHead { version, algorithm })
    }

    /// Whether this is a version that is read here. Others have another layout.
    pub(super) fn is_known_version(self) -> bool {
        matches!(self.version, 4 | 6)
    }
}

/// Whether a key packet is an Ed25519 key of a version that is read here.
pub(super) fn is_ed25519(body: &[u8]) -> bool {
    KeyHead::of(body).is_some_and(|head| match (head.version, head.algorithm) {
        (4, EDDSA_LEGACY) => body[6..].starts_with(&CURVE),
        (4 | 6, ED25519) => true,
        _ => false,
    })
}

/// Which algorithm a key packet has, in words.
pub(super) fn algorithm(body: &[u8]) -> &'static str {
    match KeyHead::of(body).map(|head| head.algorithm) {
        Some(1..=3) => "an RSA key",
        Some(16 | 20) => "an ElGamal key",
        Some(17) => "a DSA key",
        Some(18 | 25 | 26) => "an encryption key",
        Some(19) => "an ECDSA key",
        Some(22) => "an EdDSA key on another curve",
        Some(28) => "an Ed448 key",
        _ => "a key of an unknown algorithm",
    }
}

/// How many octets of a secret key packet are the public key packet that it begins with
/// (section 5.5.3). `None` where the algorithm is not known or the packet is too short.
pub(super) fn public_length(body: &[u8]) -> Option<usize> {
    let head = KeyHead::of(body)?;
    let mut rest = Reader(&body[6..]);
    match (head.version, head.algorithm) {
        (6, _) => {
            let length = rest.number::<4>().ok()?;
            rest.take(length).ok()?;
        }
        (4, 1..=3) => rest.mpis(2)?,
        (4, 16) => rest.mpis(3)?,
        (4, 17) => rest.mpis(4)?,
        (4, 18) => {
            rest.short_field()?;
            rest.mpis(1)?;
            rest.short_field()?;
        }
        (4, 19 | 22) => {
            rest.short_field()?;
            rest.mpis(1)?;
        }
        (4, 25 | 27) => drop(rest.take(32).ok()?),
        (4, 26) => drop(rest.take(56).ok()?),
        (4, 28) => drop(rest.take(57).ok()?),
        _ => return None,
    }
    Some(body.len() - rest.0.len())
}

/// The sum of the octets of a secret, modulo 65536 (section 5.5.3).
pub(super) fn checksum(secret: &[u8]) -> u16 {
    secret
        .iter()
        .fold(0, |sum, &octet| sum.wrapping_add(octet.into()))
}

/// Takes octets off the front. Too few are [`KeyError::PacketCutOff`].
pub(super) struct Reader<'a>(pub(super) &'a [u8]);

impl<'a> Reader<'a> {
    pub(super) fn take(&mut self, length: usize) -> Result<&'a [u8], KeyError> {
        let (taken, rest) = self
            .0
            .split_at_checked(length)
            .ok_or(KeyError::PacketCutOff)?;
        self.0 = rest;
        Ok(taken)
    }

    pub(super) fn octet(&mut self) -> Result<u8, KeyError> {
        self.number::<1>().map(|n| n as u8)
    }

    /// A number of `N` octets, at most four.
    pub(super) fn number<const N: usize>(&mut self) -> Result<usize, KeyError> {
        Ok(self
            .take(N)?
            .iter()
            .fold(0, |n, &octet| (n << 8) | usize::from(octet)))
    }

    /// A multiprecision integer (section 3.2): its octets as they stand, which may begin with
    /// zeros where the writer did not count bits as he should.
    pub(super) fn mpi(&mut self) -> Result<&'a [u8], KeyError> {
        let bits = self.number::<2>()?;
        self.take(bits.div_ceil(8))
    }

    fn mpis(&mut self, count: usize) -> Option<()> {
        (0..count).try_for_each(|_| self.mpi().map(drop)).ok()
    }

    /// A field with its length in one octet before it.
    fn short_field(&mut self) -> Option<()> {
        let length = self.octet().ok()?;
        self.take(length.into()).ok().map(drop)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn every_form_of_length_is_read() {
        let body = vec![7u8; 300];
        for header in [
            &[0xc0 | 13, 192, 108][..],
            &[0xc0 | 13, 255, 0, 0, 1, 44],
            &[0x80 | 13 << 2 | 1, 1, 44],
            &[0x80 | 13 << 2 | 2, 0, 0, 1, 44],
        ] {
            let bytes = [header, &body, &[0xc0 | 2, 1, 5], &[0x80 | 2 << 2, 0]].concat();
            let packets = split(&bytes).unwrap();
            assert_eq!(packets.len(), 3);
            assert_eq!((packets[0].tag, packets[0].body), (13, &body[..]));
            assert_eq!((packets[1].tag, packets[1].body), (2, &[5][..]));
            assert_eq!((packets[2].tag, packets[2].body), (2, &[][..]));
        }
    }

    #[test]
    fn what_is_written_is_read() {
        for length in [0, 191, 192, 8383, 8384, 70_000] {
            let body = vec![1; length];
            let mut bytes = Vec::new();
            write(&mut bytes, tag::USER_ID, &body);
            let packets = split(&bytes).unwrap();
            assert_eq!(
                (packets.len(), packets[0].tag, packets[0].body),
                (1, 13, &body[..])
            );
        }
    }

    #[test]
    fn what_is_no_packet_is_refused() {
        for (bytes, error) in [
            (
                &[0x2d][..],
                KeyError::NotPackets("its octets are no packets"),
            ),
            (&[0xc6, 224, 0], KeyError::NotPackets("a packet in parts")),
            (
                &[0x80 | 6 << 2 | 3, 0],
                KeyError::NotPackets("a packet without a length"),
            ),
            (&[0xc6], KeyError::PacketCutOff),
            (&[0xc6, 200], KeyError::PacketCutOff),
            (&[0xc6, 2, 1], KeyError::PacketCutOff),
            (
                &[0xc6, 255, 0xff, 0xff, 0xff, 0xff, 1],
                KeyError::PacketCutOff,
            ),
        ] {
            assert_eq!(split(bytes).err(), Some(error), "{bytes:x?}");
        }
    }
}
