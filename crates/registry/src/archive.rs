//! What a `.crate` must be before it is taken: a gzipped tar archive that unpacks into one folder
//! and holds the package that it is published as.

use std::collections::HashSet;
use std::io::{self, Read};

use flate2::read::GzDecoder;
use semver::Version;
use serde::Deserialize;
use tar::{Archive, EntryType};

use crate::name::Name;

/// The most bytes that an archive may unpack to.
pub const MAX_UNPACKED: u64 = 512 * 1024 * 1024;

/// The most bytes that are read of a `Cargo.toml`.
const MAX_MANIFEST: u64 = 1024 * 1024;

/// What the registry wants to know of a manifest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manifest {
    /// `package.description`.
    pub description: Option<String>,
}

/// Why an archive is not taken.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ArchiveError {
    /// It cannot be unpacked.
    #[error("the .crate file does not unpack: {0}")]
    Unpack(#[from] io::Error),
    /// It unpacks to more bytes than are taken.
    #[error("the .crate file unpacks to more than the {0} bytes that this registry takes")]
    TooLarge(u64),
    /// Something in it would not lie below the package's folder.
    #[error("`{path}` in the .crate file is not below `{folder}/`")]
    Outside {
        /// The path, with what cannot be printed escaped.
        path: String,
        /// The folder: name, `-`, version.
        folder: String,
    },
    /// Something in it is neither a file nor a folder.
    #[error("`{0}` in the .crate file is neither a file nor a folder")]
    Kind(String),
    /// Two files would be one where case does not count.
    #[error("`{0}` is twice in the .crate file, case aside")]
    Twice(String),
    /// There is no `Cargo.toml` at its root.
    #[error("the .crate file has no Cargo.toml")]
    NoManifest,
    /// The manifest cannot be read.
    #[error("the Cargo.toml in the .crate file cannot be read: {0}")]
    Manifest(String),
    /// The manifest is another package's.
    #[error("the Cargo.toml in the .crate file is that of `{found}`, not of `{expected}`")]
    OtherPackage {
        /// Name and version in the manifest.
        found: String,
        /// Name and version that are published.
        expected: String,
    },
}

/// Unpacks the archive, into nowhere, and reads the manifest of the package in it.
///
/// At most `limit` bytes are unpacked: [`MAX_UNPACKED`], but for tests.
pub fn check(
    bytes: &[u8],
    name: &Name,
    version: &Version,
    limit: u64,
) -> Result<Manifest, ArchiveError> {
    let mut unpacked = GzDecoder::new(bytes).take(limit);
    let manifest = read(&mut unpacked, name, version);
    if unpacked.limit() == 0 {
        return Err(ArchiveError::TooLarge(limit));
    }
    parse(&manifest?, name, version)
}

/// Checks every entry and gives the text of the manifest.
fn read(unpacked: impl Read, name: &Name, version: &Version) -> Result<String, ArchiveError> {
    let folder = format!("{name}-{version}");
    let mut seen = HashSet::new();
    let mut manifest = None;
    for entry in Archive::new(unpacked).entries()? {
        let mut entry = entry?;
        let bytes = entry.path_bytes();
        let printable = || bytes.escape_ascii().to_string();
        let is_folder = entry.header().entry_type() == EntryType::Directory;
        let path = std::str::from_utf8(&bytes)
            .ok()
            .and_then(|path| below(&folder, path, is_folder))
            .ok_or_else(|| ArchiveError::Outside {
                path: printable(),
                folder: folder.clone(),
            })?;
        match entry.header().entry_type() {
            EntryType::Directory => continue,
            EntryType::Regular => {}
            _ => return Err(ArchiveError::Kind(printable())),
        }
        if !seen.insert(path.to_lowercase()) {
            return Err(ArchiveError::Twice(printable()));
        }
        if path == "Cargo.toml" {
            if entry.size() > MAX_MANIFEST {
                let reason = format!("it is longer than {MAX_MANIFEST} bytes");
                return Err(ArchiveError::Manifest(reason));
            }
            let mut text = Vec::new();
            entry.read_to_end(&mut text)?;
            let text = String::from_utf8(text);
            let text = text.map_err(|_| ArchiveError::Manifest("it is not UTF-8".into()))?;
            manifest = Some(text);
        }
    }
    manifest.ok_or(ArchiveError::NoManifest)
}

/// The rest of `path` below `folder`; `None` where it leads elsewhere, on any system.
fn below<'a>(folder: &str, path: &'a str, is_folder: bool) -> Option<&'a str> {
    let path = if is_folder {
        path.strip_suffix('/').unwrap_or(path)
    } else {
        path
    };
    if is_folder && path == folder {
        return Some("");
    }
    let rest = path.strip_prefix(folder)?.strip_prefix('/')?;
    let plain = |part: &str| !part.is_empty() && part != "." && part != "..";
    let fits = rest.split('/').all(plain) && !rest.contains(['\\', '\0']);
    fits.then_some(rest)
}

#[derive(Deserialize)]
struct CargoToml {
    #[serde(alias = "project")]
    package: Package,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    #[serde(default)]
    version: String,
    description: Option<String>,
}

fn parse(text: &str, name: &Name, version: &Version) -> Result<Manifest, ArchiveError> {
    let CargoToml { package } =
        toml::from_str(text).map_err(|e| ArchiveError::Manifest(e.message().into()))?;
    let same_version = package
        .version
        .parse()
        .is_ok_and(|found: Version| found == *version);
    if package.name != name.as_str() || !same_version {
        return Err(ArchiveError::OtherPackage {
            found: format!("{} {}", package.name, package.version)
                .escape_default()
                .to_string(),
            expected: format!("{name} {version}"),
        });
    }
    Ok(Manifest {
        description: package.description,
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::io::Write as _;

    use flate2::Compression;
    use flate2::write::GzEncoder;
    use tar::Header;

    use super::*;

    const TOML: &str = "[package]\nname = \"foo\"\nversion = \"1.0.0\"\ndescription = \"about\"\n";

    /// An archive of regular files, except where the text is `link` or `folder`.
    fn archive(entries: &[(&str, &str)]) -> Vec<u8> {
        let mut tar = Vec::new();
        for (path, text) in entries {
            let mut header = Header::new_gnu();
            // Not `set_path`, which refuses what is to be tried here.
            header.as_gnu_mut().unwrap().name[..path.len()].copy_from_slice(path.as_bytes());
            header.set_mode(0o644);
            let (kind, text) = match *text {
                "link" => (EntryType::Symlink, ""),
                "folder" => (EntryType::Directory, ""),
                text => (EntryType::Regular, text),
            };
            header.set_entry_type(kind);
            header.set_size(text.len() as u64);
            header.set_cksum();
            tar.extend(header.as_bytes());
            tar.extend(text.as_bytes());
            tar.resize(tar.len().next_multiple_of(512), 0);
        }
        tar.resize(tar.len() + 1024, 0);
        let mut gz = GzEncoder::new(Vec::new(), Compression::fast());
        gz.write_all(&tar).unwrap();
        gz.finish().unwrap()
    }

    fn checked(entries: &[(&str, &str)]) -> Result<Manifest, ArchiveError> {
        check(
            &archive(entries),
            &"foo".parse().unwrap(),
            &Version::new(1, 0, 0),
            MAX_UNPACKED,
        )
    }

    #[test]
    fn an_honest_package() {
        let manifest = checked(&[
            ("foo-1.0.0/", "folder"),
            ("foo-1.0.0/src/", "folder"),
            ("foo-1.0.0/src/lib.rs", ""),
            ("foo-1.0.0/Cargo.toml", TOML),
        ]);
        assert_eq!(manifest.unwrap().description.unwrap(), "about");
    }

    #[test]
    fn what_lies_elsewhere_is_refused() {
        for path in [
            "foo-1.0.0",
            "foo-1.0.0/../x",
            "foo-1.0.0/a/../../../x",
            "foo-1.0.0//x",
            "foo-1.0.0/./x",
            "foo-1.0.0/a\\..\\x",
            "foo-1.0.01/x",
            "bar-1.0.0/x",
            "/etc/x",
            "x",
        ] {
            match checked(&[("foo-1.0.0/Cargo.toml", TOML), (path, "text")]) {
                Err(ArchiveError::Outside { .. }) => {}
                other => panic!("{path}: {other:?}"),
            }
        }
    }

    #[test]
    fn links_are_refused() {
        let link = checked(&[("foo-1.0.0/Cargo.toml", TOML), ("foo-1.0.0/l", "link")]);
        assert!(matches!(link, Err(ArchiveError::Kind(_))), "{link:?}");
    }

    #[test]
    fn a_file_twice_is_refused() {
        let twice = checked(&[
            ("foo-1.0.0/Cargo.toml", TOML),
            ("foo-1.0.0/cargo.toml", "other"),
        ]);
        assert!(matches!(twice, Err(ArchiveError::Twice(_))), "{twice:?}");
    }

    #[test]
    fn the_manifest_must_be_there_and_fit() {
        let none = checked(&[("foo-1.0.0/src/Cargo.toml", TOML)]);
        assert!(matches!(none, Err(ArchiveError::NoManifest)), "{none:?}");
        for (from, to) in [("foo", "Foo"), ("1.0.0", "1.0.1"), ("1.0.0", "1.0.0+b")] {
            let toml = TOML.replace(from, to);
            let other = checked(&[("foo-1.0.0/Cargo.toml", &toml)]);
            assert!(
                matches!(other, Err(ArchiveError::OtherPackage { .. })),
                "{other:?}"
            );
        }
        let broken = checked(&[("foo-1.0.0/Cargo.toml", "[package")]);
        assert!(
            matches!(broken, Err(ArchiveError::Manifest(_))),
            "{broken:?}"
        );
    }

    #[test]
    fn what_is_no_archive_is_refused() {
        let name = "foo".parse().unwrap();
        let whole = archive(&[("foo-1.0.0/Cargo.toml", TOML)]);
        for bytes in [&b""[..], b"text", &whole[..whole.len() / 2]] {
            let refused = check(bytes, &name, &Version::new(1, 0, 0), MAX_UNPACKED);
            assert!(
                matches!(refused, Err(ArchiveError::Unpack(_))),
                "{refused:?}"
            );
        }
    }

    #[test]
    fn a_bomb_is_refused_before_it_goes_off() {
        let limit = 1024 * 1024;
        let mut gz = GzEncoder::new(Vec::new(), Compression::fast());
        let mut header = Header::new_gnu();
        header.set_path("foo-1.0.0/zeroes").unwrap();
        header.set_size(limit);
        header.set_cksum();
        gz.write_all(header.as_bytes()).unwrap();
        gz.write_all(&vec![0; limit as usize]).unwrap();
        let bomb = gz.finish().unwrap();
        let name = "foo".parse().unwrap();
        let refused = check(&bomb, &name, &Version::new(1, 0, 0), limit);
        assert!(
            matches!(refused, Err(ArchiveError::TooLarge(_))),
            "{refused:?}"
        );
    }
}
