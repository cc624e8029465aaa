//! ASCII armor (RFC 9580, section 6): blocks of base64 between two lines, with headers and a
//! checksum.
//!
//! Stricter than RFC 9580, section 6.1, which wants a wrong checksum ignored: one that is there must
//! fit. An answer that was damaged on its way must not be read as "this key is gone", and a damaged
//! key file is told as such.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

use super::KeyError;

/// What is in a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// `PGP PUBLIC KEY BLOCK`
    Public,
    /// `PGP PRIVATE KEY BLOCK`
    Secret,
    /// `PGP SIGNATURE`, which is only written
    Signature,
}

impl Kind {
    fn begin(self) -> &'static str {
        match self {
            Kind::Public => "-----BEGIN PGP PUBLIC KEY BLOCK-----",
            Kind::Secret => "-----BEGIN PGP PRIVATE KEY BLOCK-----",
            Kind::Signature => "-----BEGIN PGP SIGNATURE-----",
        }
    }

    fn end(self) -> &'static str {
        match self {
            Kind::Public => "-----END PGP PUBLIC KEY BLOCK-----",
            Kind::Secret => "-----END PGP PRIVATE KEY BLOCK-----",
            Kind::Signature => "-----END PGP SIGNATURE-----",
        }
    }
}

/// One block.
pub(super) struct Block {
    pub(super) kind: Kind,
    /// `Key: value` lines.
    pub(super) headers: Vec<(String, String)>,
    /// The octets. May be none.
    pub(super) data: Zeroizing<Vec<u8>>,
}

impl Block {
    /// Whether one of its notes, to people, contains `words`.
    pub(super) fn says(&self, words: &str) -> bool {
        self.headers
            .iter()
            .any(|(key, value)| matches!(key.as_str(), "Note" | "Error") && value.contains(words))
    }
}

/// Reads every block of keys in `text`. What is before, between and after them is ignored. At
/// least one block, or [`KeyError::NotArmored`].
pub(super) fn read(text: &[u8]) -> Result<Vec<Block>, KeyError> {
    // Editors on Windows put a byte order mark before text.
    let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
    let lines: Vec<&[u8]> = text
        .split(|&b| b == b'\n')
        .map(<[u8]>::trim_ascii)
        .collect();
    let mut blocks = Vec::new();
    let mut at = 0;
    while let Some(line) = lines.get(at) {
        at += 1;
        let kind = [Kind::Public, Kind::Secret]
            .into_iter()
            .find(|k| k.begin().as_bytes() == *line);
        let Some(kind) = kind else { continue };
        let length = lines[at..]
            .iter()
            .position(|line| line.starts_with(b"-----"))
            .filter(|end| lines[at + end] == kind.end().as_bytes())
            .ok_or(KeyError::ArmorCutOff)?;
        blocks.push(read_block(kind, &lines[at..at + length], at)?);
        at += length;
    }
    if blocks.is_empty() {
        return Err(KeyError::NotArmored);
    }
    Ok(blocks)
}

/// Reads the lines between the first and the last of a block; `before` lines are before them.
fn read_block(kind: Kind, lines: &[&[u8]], before: usize) -> Result<Block, KeyError> {
    let mut lines = (before + 1..).zip(lines.iter().copied()).peekable();
    let mut headers = Vec::new();
    // Some writers leave out the empty line where there are no headers.
    while let Some((key, value)) = lines.peek().and_then(|(_, line)| header(line)) {
        headers.push((key.to_owned(), value.to_owned()));
        lines.next();
    }

    // Neither is grown, so that no copy of a secret key is left behind.
    let size = lines.clone().map(|(_, line)| line.len()).sum();
    let mut digits = Zeroizing::new(Vec::with_capacity(size));
    let mut checksum = None;
    let mut last = before;
    for (number, line) in lines {
        let invalid = KeyError::Base64 { line: number };
        match line {
            [] => {}
            _ if checksum.is_some() => return Err(invalid),
            [b'=', sum @ ..] if sum.len() == 4 => {
                let mut octets = [0; 3];
                STANDARD
                    .decode_slice(sum, &mut octets)
                    .map_err(|_| invalid)?;
                checksum = Some(octets);
            }
            _ if line
                .iter()
                .all(|b| b.is_ascii_alphanumeric() || b"+/=".contains(b)) =>
            {
                digits.extend_from_slice(line);
                last = number;
            }
            _ => return Err(invalid),
        }
    }
    let mut data = Zeroizing::new(vec![0; digits.len().div_ceil(4) * 3]);
    let length = STANDARD
        .decode_slice(&*digits, &mut data)
        .map_err(|_| KeyError::Base64 { line: last })?;
    data.truncate(length);
    if checksum.is_some_and(|sum| sum != crc24(&data)) {
        return Err(KeyError::ArmorChecksum);
    }
    Ok(Block {
        kind,
        headers,
        data,
    })
}

fn header(line: &[u8]) -> Option<(&str, &str)> {
    let (key, value) = str::from_utf8(line).ok()?.split_once(':')?;
    Some((key, value.trim()))
}

/// Writes one block without headers.
pub(super) fn write(kind: Kind, data: &[u8]) -> Zeroizing<String> {
    const COLUMNS: usize = 64;
    let digits = Zeroizing::new(STANDARD.encode(data));
    let size = digits.len() + digits.len() / COLUMNS + 128;
    let mut text = Zeroizing::new(String::with_capacity(size));
    text.push_str(kind.begin());
    text.push_str("\n\n");
    let mut rest = digits.as_str();
    while !rest.is_empty() {
        let (line, after) = rest.split_at(COLUMNS.min(rest.len()));
        text.push_str(line);
        text.push('\n');
        rest = after;
    }
    text.push('=');
    text.push_str(&STANDARD.encode(crc24(data)));
    text.push('\n');
    text.push_str(kind.end());
    text.push('\n');
    text
}

/// RFC 9580, section 6.1.1.
fn crc24(data: &[u8]) -> [u8; 3] {
    let mut crc: u32 = 0x00b7_04ce;
    for &octet in data {
        crc ^= u32::from(octet) << 16;
        for _ in 0..8 {
            crc <<= 1;
            if crc & 0x0100_0000 != 0 {
                crc ^= 0x0186_4cfb;
            }
        }
    }
    let [_, a, b, c] = crc.to_be_bytes();
    [a, b, c]
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const NO_KEYS: &str = include_str!("../../tests/data/github-no-keys.asc");

    fn one(text: &str) -> Result<Block, KeyError> {
        let mut blocks = read(text.as_bytes())?;
        assert_eq!(blocks.len(), 1);
        Ok(blocks.remove(0))
    }

    #[test]
    fn reads_what_it_writes() {
        for length in [0, 1, 2, 3, 47, 48, 49, 1000] {
            let data: Vec<u8> = (0..length).map(|i| (i * 7) as u8).collect();
            for kind in [Kind::Public, Kind::Secret] {
                let text = write(kind, &data);
                assert!(text.lines().all(|line| line.len() <= 64));
                let block = one(&text).unwrap();
                assert_eq!((block.kind, &*block.data), (kind, &data));
            }
        }
    }

    #[test]
    fn a_block_of_no_octets_is_one() {
        let block = one(NO_KEYS).unwrap();
        assert!(block.data.is_empty());
        assert!(one(&format!("\u{feff}{NO_KEYS}")).unwrap().data.is_empty());
        let note = "This user hasn't uploaded any GPG keys.";
        assert_eq!(block.headers, [("Note".to_owned(), note.to_owned())]);
    }

    #[test]
    fn several_blocks_with_text_around_and_other_line_ends() {
        let a = write(Kind::Public, b"first").replace('\n', "\r\n");
        let b = write(Kind::Public, b"second").replace("\n\n", "\nComment: b: c\nHash: x\n \t\n");
        let text = format!("Dear reader:\n\n{a}and\n=====\n{b}\nbye");
        let blocks = read(text.as_bytes()).unwrap();
        assert_eq!(&**blocks[0].data, b"first");
        assert_eq!(&**blocks[1].data, b"second");
        let headers = [
            ("Comment".into(), "b: c".into()),
            ("Hash".into(), "x".into()),
        ];
        assert_eq!(blocks[1].headers, headers);
    }

    #[test]
    fn the_checksum_may_be_missing_but_not_wrong() {
        let text = write(Kind::Public, b"octets").to_string();
        let checksum = text.lines().find(|line| line.starts_with('=')).unwrap();
        let without = text.replace(&format!("{checksum}\n"), "");
        assert_eq!(&**one(&without).unwrap().data, b"octets");
        let wrong = text.replace(checksum, "=AAAA");
        assert_eq!(one(&wrong).err(), Some(KeyError::ArmorChecksum));
        let damaged = text.replace("b2N0", "b2N1");
        assert_eq!(one(&damaged).err(), Some(KeyError::ArmorChecksum));
    }

    #[test]
    fn what_is_not_armor_is_told_apart() {
        let text = write(Kind::Public, b"octets and octets").to_string();
        for (text, error) in [
            ("", KeyError::NotArmored),
            (
                "-----BEGIN PGP MESSAGE-----\n\n=twTO\n-----END PGP MESSAGE-----",
                KeyError::NotArmored,
            ),
            (
                text.split("-----END").next().unwrap(),
                KeyError::ArmorCutOff,
            ),
            (
                &text.replace("END PGP PUBLIC", "END PGP PRIVATE"),
                KeyError::ArmorCutOff,
            ),
            (
                &text.replace("-----END", &format!("{text}-----END")),
                KeyError::ArmorCutOff,
            ),
            (&text.replace("b2N0", "b2!0"), KeyError::Base64 { line: 3 }),
            (&text.replace("b2N0", "b2N0A"), KeyError::Base64 { line: 3 }),
            (&text.replace("b2N0", "b=N0"), KeyError::Base64 { line: 3 }),
            (
                &text.replace("-----END", "AAAA\n-----END"),
                KeyError::Base64 { line: 5 },
            ),
        ] {
            assert_eq!(one(text).err(), Some(error), "{text}");
        }
    }
}
