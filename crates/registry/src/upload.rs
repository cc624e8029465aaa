//! The body of a publish request ("Publish" in cargo's reference of the Web API): a 32-bit
//! little-endian length and that many bytes of JSON, then the same for the `.crate`.

/// The most bytes of JSON that are read.
pub const MAX_METADATA: usize = 1024 * 1024;

/// The bytes around the two parts: their lengths.
pub const FRAME: usize = 8;

/// The two parts of a publish request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Upload<'a> {
    /// The JSON.
    pub metadata: &'a [u8],
    /// The bytes of the `.crate`.
    pub archive: &'a [u8],
}

/// Why a body is no [`Upload`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidUpload {
    /// It ends before what its lengths promise.
    #[error("the upload ends before its {0}")]
    Truncated(&'static str),
    /// There is more after the archive.
    #[error("the upload has {0} bytes after its .crate file")]
    Trailing(usize),
    /// One part is larger than is taken.
    #[error("the {part} has {length} bytes, more than the {limit} that this registry takes")]
    TooLarge {
        /// Which part.
        part: &'static str,
        /// Its length in bytes.
        length: usize,
        /// How many bytes are taken.
        limit: usize,
    },
}

impl<'a> Upload<'a> {
    /// Takes a body apart. The archive may have at most `max_archive` bytes.
    pub fn parse(body: &'a [u8], max_archive: usize) -> Result<Upload<'a>, InvalidUpload> {
        let (metadata, rest) = part(body, "metadata", MAX_METADATA)?;
        let (archive, rest) = part(rest, ".crate file", max_archive)?;
        match rest.len() {
            0 => Ok(Upload { metadata, archive }),
            more => Err(InvalidUpload::Trailing(more)),
        }
    }
}

fn part<'a>(
    bytes: &'a [u8],
    part: &'static str,
    limit: usize,
) -> Result<(&'a [u8], &'a [u8]), InvalidUpload> {
    let truncated = InvalidUpload::Truncated(part);
    let (length, rest) = bytes.split_first_chunk::<4>().ok_or(truncated)?;
    let length = usize::try_from(u32::from_le_bytes(*length)).map_err(|_| truncated)?;
    if length > limit {
        return Err(InvalidUpload::TooLarge {
            part,
            length,
            limit,
        });
    }
    rest.split_at_checked(length).ok_or(truncated)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(metadata: &[u8], archive: &[u8]) -> Vec<u8> {
        let mut body = Vec::new();
        for part in [metadata, archive] {
            body.extend((part.len() as u32).to_le_bytes());
            body.extend(part);
        }
        body
    }

    #[test]
    fn both_parts() {
        assert_eq!(
            Upload::parse(&body(b"{}", b"bytes"), 5),
            Ok(Upload {
                metadata: b"{}",
                archive: b"bytes"
            })
        );
    }

    #[test]
    fn every_shorter_body_is_truncated() {
        let whole = body(b"{}", b"bytes");
        for length in 0..whole.len() {
            let part = if length < 6 {
                "metadata"
            } else {
                ".crate file"
            };
            assert_eq!(
                Upload::parse(&whole[..length], 5),
                Err(InvalidUpload::Truncated(part)),
                "{length}"
            );
        }
    }

    #[test]
    fn more_than_promised_or_taken_is_refused() {
        let mut longer = body(b"{}", b"bytes");
        longer.push(0);
        assert_eq!(Upload::parse(&longer, 5), Err(InvalidUpload::Trailing(1)));
        // The length alone is enough.
        let huge = [0xff; 4];
        for (body, part, limit) in [
            (huge.to_vec(), "metadata", MAX_METADATA),
            ([&body(b"{}", b"")[..6], &huge].concat(), ".crate file", 5),
        ] {
            let length = u32::MAX as usize;
            assert_eq!(
                Upload::parse(&body, 5),
                Err(InvalidUpload::TooLarge {
                    part,
                    length,
                    limit
                })
            );
        }
    }
}
