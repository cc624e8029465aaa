//! The digest over a package's unpacked files.
//!
//! ```text
//! tree = SHA-256( one line a file:  <SHA-256 of the file, in hex> SP SP <path> LF )
//! ```
//!
//! Lines are sorted by the bytes of the path, which is relative to the package's root and has `/`
//! between components. Nothing is escaped, so not every path may be signed: [`Tree`] refuses what a
//! line could not hold, what two systems would unpack differently, and what is cargo's or git's own.
//! A folder that came out of an archive that was accepted is accepted too, on a system that folds
//! case as on one that does not. Modes, times and empty directories are not covered.
//!
//! The archive is read here ([`of_crate`]), from whatever reader it comes; a folder is walked by who
//! may open files, and told to a [`Tree`] entry by entry.

use std::collections::BTreeMap;
use std::fmt;
use std::io::{self, Read};

use flate2::read::GzDecoder;
use sha2::{Digest as _, Sha256};
use tar::{Archive, EntryType};

use crate::Digest;

/// Names that no component of a path may have, in any case: cargo and git give them a meaning.
const RESERVED: [&str; 4] = [".", "..", ".git", ".cargo-ok"];

/// The file that marks a vendored package, at its root. cargo's own.
const VENDOR_CHECKSUMS: &str = ".cargo-checksum.json";

/// The files of a package, told one by one.
#[derive(Debug, Clone, Default)]
pub struct Tree {
    paths: Paths<Digest>,
}

/// What is in a package, and what is known of each file.
#[derive(Debug, Clone)]
struct Paths<F> {
    /// By [`sort_key`]. Descendants follow their directory, and paths that share a directory, in any
    /// spelling, are neighbours.
    entries: BTreeMap<String, (String, Kind<F>)>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Kind<F> {
    File(F),
    Directory,
}

impl Tree {
    /// A tree with nothing in it.
    pub fn new() -> Tree {
        Tree::default()
    }

    /// Adds a regular file: its path below the package's root with `/` between components, and the
    /// SHA-256 of its bytes.
    ///
    /// Fails where a package with that path, beside those already there, cannot be signed.
    pub fn add_file(&mut self, path: impl AsRef<[u8]>, digest: Digest) -> Result<(), PathError> {
        self.paths.add(path.as_ref(), Kind::File(digest))
    }

    /// Adds a directory. It is not covered by the digest, but its name must be one that is allowed.
    /// The directories that a file lies in need not be added.
    pub fn add_directory(&mut self, path: impl AsRef<[u8]>) -> Result<(), PathError> {
        self.paths.add(path.as_ref(), Kind::Directory)
    }

    /// The files and their digests, in the order in which they are hashed.
    fn files(&self) -> impl Iterator<Item = (&str, &Digest)> {
        let mut files: Vec<_> = self.paths.files().collect();
        files.sort_unstable();
        files.into_iter()
    }

    /// The digest that is signed.
    pub fn finish(self) -> Digest {
        let mut hash = Sha256::new();
        for (path, digest) in self.files() {
            hash.update(format!("{digest}  {path}\n"));
        }
        Digest::from_bytes(hash.finalize().into())
    }
}

impl<F> Default for Paths<F> {
    fn default() -> Paths<F> {
        let entries = BTreeMap::new();
        Paths { entries }
    }
}

impl<F: Copy> Paths<F> {
    fn add(&mut self, path: &[u8], kind: Kind<F>) -> Result<(), PathError> {
        let path = check_path(path)?;
        let key = sort_key(path);
        if let Some((same, _)) = self.entries.get(&key) {
            return Err(conflict(path, same));
        }
        // What is there already is without conflict, so one with `path` shows at its neighbours.
        let before = self.entries.range::<String, _>(..&key).next_back();
        let after = self.entries.range::<String, _>(&key..).next();
        for (other_key, (other_path, other)) in before.into_iter().chain(after) {
            no_conflict((&key, path, kind), (other_key, other_path, *other))?;
        }
        self.entries.insert(key, (path.to_owned(), kind));
        Ok(())
    }

    fn files(&self) -> impl Iterator<Item = (&str, &F)> {
        self.entries.values().filter_map(|(path, kind)| match kind {
            Kind::File(known) => Some((path.as_str(), known)),
            Kind::Directory => None,
        })
    }
}

/// Checks a path by itself.
fn check_path(path: &[u8]) -> Result<&str, PathError> {
    let fault = |fault| PathError {
        path: String::from_utf8_lossy(path).into_owned(),
        fault,
    };
    let text = std::str::from_utf8(path).map_err(|_| fault(PathFault::NotUtf8))?;
    if text.bytes().any(|byte| byte < 0x20 || byte == 0x7f) {
        return Err(fault(PathFault::ControlCharacter));
    }
    if text.contains('\\') {
        return Err(fault(PathFault::Backslash));
    }
    if !unicode_normalization::is_nfc(text) {
        return Err(fault(PathFault::NotNfc));
    }
    for component in text.split('/') {
        if component.is_empty() {
            return Err(fault(PathFault::EmptyComponent));
        }
        if RESERVED.contains(&&*lower_case(component)) {
            return Err(fault(PathFault::Reserved));
        }
    }
    if lower_case(text) == VENDOR_CHECKSUMS {
        return Err(fault(PathFault::Reserved));
    }
    Ok(text)
}

/// Unicode's lower case, character by character, whatever stands around them.
fn lower_case(text: &str) -> String {
    text.chars().flat_map(char::to_lowercase).collect()
}

/// The path in lower case, with the lowest of all characters, which no path holds, between its
/// components: so that `a/b` comes before `a.b`.
fn sort_key(path: &str) -> String {
    lower_case(path).replace('/', "\0")
}

/// Whether two entries can be in one package; each is its sort key, path and kind.
fn no_conflict<F>(
    (a_key, a_path, a_kind): (&str, &str, Kind<F>),
    (b_key, b_path, b_kind): (&str, &str, Kind<F>),
) -> Result<(), PathError> {
    let (mut a_spelled, mut b_spelled) = (a_path.split('/'), b_path.split('/'));
    let (mut a_keys, mut b_keys) = (a_key.split('\0'), b_key.split('\0'));
    loop {
        let over = match (a_keys.next(), b_keys.next()) {
            // All of `a` is a directory above `b`, or the other way round.
            (None, _) => a_kind,
            (_, None) => b_kind,
            (Some(a), Some(b)) if a == b => {
                if a_spelled.next() != b_spelled.next() {
                    return Err(conflict(a_path, b_path));
                }
                continue;
            }
            (Some(_), Some(_)) => return Ok(()),
        };
        return match over {
            Kind::Directory => Ok(()),
            Kind::File(_) => Err(conflict(a_path, b_path)),
        };
    }
}

/// `path` cannot be added because of `other`.
fn conflict(path: &str, other: &str) -> PathError {
    let fault = if path == other {
        PathFault::Twice
    } else {
        PathFault::Conflict {
            with: other.to_owned(),
        }
    };
    PathError {
        path: path.to_owned(),
        fault,
    }
}

/// A path that no signed package may have.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{}` {fault}", .path.escape_debug())]
#[non_exhaustive]
pub struct PathError {
    /// The path; what is not UTF-8 in it is replaced by U+FFFD.
    pub path: String,
    /// What is wrong with it.
    pub fault: PathFault,
}

/// What is wrong with a path.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum PathFault {
    /// It is not UTF-8.
    NotUtf8,
    /// It is not in Unicode's normalisation form C.
    NotNfc,
    /// It has a character from U+0000 to U+001F, or U+007F.
    ControlCharacter,
    /// It has a `\`, which some systems take for a separator.
    Backslash,
    /// It is empty, begins or ends with `/`, or has `//`.
    EmptyComponent,
    /// A component is `.` or `..`, or a name that is git's or cargo's own.
    Reserved,
    /// It is there already.
    Twice,
    /// Another entry cannot be beside it: the two differ only in case, or one is a file and a
    /// directory of the other.
    Conflict {
        /// The other entry.
        with: String,
    },
}

impl fmt::Display for PathFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PathFault::NotUtf8 => f.write_str("is not UTF-8"),
            PathFault::NotNfc => f.write_str("is not in Unicode normalisation form C"),
            PathFault::ControlCharacter => f.write_str("has a control character"),
            PathFault::Backslash => f.write_str("has a backslash"),
            PathFault::EmptyComponent => f.write_str("has an empty component"),
            PathFault::Reserved => f.write_str("has a name that no packaged file may have"),
            PathFault::Twice => f.write_str("is there twice"),
            PathFault::Conflict { with } => {
                write!(f, "cannot be in one package with `{}`", with.escape_debug())
            }
        }
    }
}

/// The digest of the files in a `.crate` file: a gzip-compressed tar archive whose entries all lie
/// below `name-version/`.
///
/// The archive is read as cargo unpacks it, with the same crates. More than `limit` bytes are not
/// unpacked, headers included, and nothing behind the archive's end is read.
pub fn of_crate(
    archive: impl Read,
    name: &str,
    version: &str,
    limit: u64,
) -> Result<Digest, TreeError> {
    let tar = GzDecoder::new(archive);
    let paths = read(tar, name, version, limit, |_, file| digest_of(file))?;
    Ok(Tree { paths }.finish())
}

/// Whether the files in a `.crate` file, which is decompressed already, can be those of a signed package:
/// whether [`of_crate`] has a digest for it. What the files hold is passed over, which costs a fraction of
/// hashing it, but for those whose path below the package's root is `wanted`: their paths and digests are
/// returned.
pub fn check_tar(
    tar: impl Read,
    name: &str,
    version: &str,
    limit: u64,
    wanted: impl Fn(&str) -> bool,
) -> Result<BTreeMap<String, Digest>, TreeError> {
    let is_wanted = |path: &[u8]| std::str::from_utf8(path).is_ok_and(&wanted);
    let paths = read(tar, name, version, limit, |path, file| {
        is_wanted(path).then(|| digest_of(file)).transpose()
    })?;
    let wanted = |(path, digest): (&str, &Option<Digest>)| Some((path.to_owned(), (*digest)?));
    Ok(paths.files().filter_map(wanted).collect())
}

/// What is in a `.crate` file that is decompressed, and what `look` makes of each file's path and contents.
fn read<F: Copy>(
    tar: impl Read,
    name: &str,
    version: &str,
    limit: u64,
    look: impl Fn(&[u8], &mut dyn Read) -> io::Result<F>,
) -> Result<Paths<F>, TreeError> {
    let root = format!("{name}-{version}/");
    let mut archive = Archive::new(Limited {
        reader: tar,
        left: limit,
    });
    let failed = |error: io::Error| {
        if error.get_ref().is_some_and(|e| e.is::<LimitReached>()) {
            TreeError::TooLarge { limit }
        } else {
            TreeError::Unreadable(error)
        }
    };
    let mut paths = Paths::default();
    for entry in archive.entries().map_err(failed)? {
        let mut entry = entry.map_err(failed)?;
        let path = entry.path_bytes().into_owned();
        let named = || String::from_utf8_lossy(&path).into_owned();
        let Some(inner) = path.strip_prefix(root.as_bytes()) else {
            return Err(TreeError::Outside {
                path: named(),
                root,
            });
        };
        match entry.header().entry_type() {
            EntryType::Regular => {
                let known = look(inner, &mut entry).map_err(failed)?;
                paths.add(inner, Kind::File(known))?;
            }
            EntryType::Directory => {
                let inner = inner.strip_suffix(b"/").unwrap_or(inner);
                // The root itself is no entry of the tree.
                if !inner.is_empty() {
                    paths.add(inner, Kind::Directory)?;
                }
            }
            other => {
                return Err(TreeError::Kind {
                    path: named(),
                    kind: describe(other),
                });
            }
        }
    }
    Ok(paths)
}

fn digest_of(reader: &mut dyn Read) -> io::Result<Digest> {
    let mut hash = Sha256::new();
    io::copy(reader, &mut hash)?;
    Ok(Digest::from_bytes(hash.finalize().into()))
}

fn describe(kind: EntryType) -> &'static str {
    match kind {
        EntryType::Link => "a hard link",
        EntryType::Symlink => "a symbolic link",
        EntryType::Char | EntryType::Block => "a device",
        EntryType::Fifo => "a named pipe",
        EntryType::GNUSparse => "a sparse file",
        _ => "neither a file nor a directory",
    }
}

/// A reader that fails, rather than ends, after so many bytes.
struct Limited<R> {
    reader: R,
    left: u64,
}

/// There was more to read than was allowed.
#[derive(Debug, thiserror::Error)]
#[error("more bytes than allowed")]
struct LimitReached;

impl<R: Read> Read for Limited<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        // One byte more than is left tells an end from a limit.
        let most = usize::try_from(self.left.saturating_add(1)).unwrap_or(usize::MAX);
        let most = most.min(buffer.len());
        let read = self.reader.read(&mut buffer[..most])?;
        self.left = self
            .left
            .checked_sub(read as u64)
            .ok_or_else(|| io::Error::other(LimitReached))?;
        Ok(read)
    }
}

/// Why a `.crate` file has no digest.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TreeError {
    /// The reader failed, or the bytes are no gzip-compressed tar archive.
    #[error("the archive cannot be read")]
    Unreadable(#[source] io::Error),
    /// It unpacks to more than was allowed.
    #[error("the archive unpacks to more than {limit} bytes")]
    TooLarge {
        /// What was allowed.
        limit: u64,
    },
    /// An entry would be unpacked outside of the package's folder.
    #[error("`{}` is not below `{}`", .path.escape_debug(), .root.escape_debug())]
    Outside {
        /// The entry's path.
        path: String,
        /// The package's folder.
        root: String,
    },
    /// An entry is a link, a device or the like.
    #[error("`{}` is {kind}", .path.escape_debug())]
    Kind {
        /// The entry's path.
        path: String,
        /// What it is.
        kind: &'static str,
    },
    /// An entry has a path that no signed package may have.
    #[error(transparent)]
    Path(#[from] PathError),
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::io::Write as _;

    use flate2::Compression;
    use flate2::write::GzEncoder;
    use tar::{Builder, Header};

    use super::*;

    fn fault(paths: &[&str]) -> Option<PathFault> {
        let mut tree = Tree::new();
        for path in paths {
            let added = match path.strip_suffix("//") {
                Some(directory) => tree.add_directory(directory),
                None => tree.add_file(path, Digest::of(b"")),
            };
            if let Err(error) = added {
                return Some(error.fault);
            }
        }
        None
    }

    /// The digest of the text that `sha256sum` prints for the same files, sorted in the C locale.
    #[test]
    fn the_digest_is_that_of_sorted_lines() {
        let mut tree = Tree::new();
        tree.add_file("src/lib.rs", Digest::of(b"abc")).unwrap();
        tree.add_file("src.rs", Digest::of(b"")).unwrap();
        tree.add_directory("tests").unwrap();
        tree.add_file("Cargo.toml", Digest::of(b"")).unwrap();
        let text = "\
            e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855  Cargo.toml\n\
            e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855  src.rs\n\
            ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad  src/lib.rs\n";
        let paths: Vec<_> = tree.files().map(|(path, _)| path).collect();
        assert_eq!(paths, ["Cargo.toml", "src.rs", "src/lib.rs"]);
        assert_eq!(tree.finish(), Digest::of(text.as_bytes()));
        assert_eq!(Tree::new().finish(), Digest::of(b""));
    }

    #[test]
    fn ordinary_paths_are_accepted() {
        let paths = [
            ".gitignore",
            ".github/x",
            "a b",
            "a.b",
            "a/b",
            "a",
            "ü/ß.rs",
            "x/.cargo-checksum.json",
            "...",
            "a..",
            ".cargo-ok2",
            "src/bin/a.rs",
            "src/a.rs",
            "src//",
            "Ünicode",
        ];
        for path in paths {
            assert_eq!(fault(&[path]), None, "{path}");
        }
    }

    #[test]
    fn paths_that_may_not_be_signed_are_refused() {
        use PathFault::*;
        for (path, expected) in [
            ("", EmptyComponent),
            ("/a", EmptyComponent),
            ("a/", EmptyComponent),
            ("a//b", EmptyComponent),
            (".", Reserved),
            ("./a", Reserved),
            ("a/./b", Reserved),
            ("a/../b", Reserved),
            ("..", Reserved),
            (".git/config", Reserved),
            ("a/.git", Reserved),
            (".GIT", Reserved),
            (".cargo-ok", Reserved),
            ("a/.cargo-ok", Reserved),
            (".cargo-checksum.json", Reserved),
            (".Cargo-Checksum.JSON", Reserved),
            ("a\\b", Backslash),
            ("a\nb", ControlCharacter),
            ("a\0", ControlCharacter),
            ("\u{7f}", ControlCharacter),
            ("u\u{308}", NotNfc),
            ("\u{212b}", NotNfc),
        ] {
            assert_eq!(fault(&[path]), Some(expected.clone()), "{path:?}");
            // A directory's name is held to the same rules.
            let mut tree = Tree::new();
            assert_eq!(tree.add_directory(path).unwrap_err().fault, expected);
        }
        let error = Tree::new().add_file(b"a\xff", Digest::of(b"")).unwrap_err();
        assert_eq!(error.fault, NotUtf8);
        assert_eq!(error.to_string(), "`a\u{fffd}` is not UTF-8");
    }

    #[test]
    fn entries_that_cannot_lie_side_by_side_are_refused_in_any_order() {
        for (a, b) in [
            ("Readme", "README"),
            ("a/B", "a/b"),
            ("A/x", "a/y"),
            ("A/x//", "a/y//"),
            ("a/b/C/x", "a/b/c/y"),
            ("a", "a/b"),
            ("A", "a/b"),
            ("a", "a/b/c"),
            ("a", "A//"),
            ("Ä", "ä"),
        ] {
            for paths in [[a, b], [b, a]] {
                assert!(
                    matches!(fault(&paths), Some(PathFault::Conflict { .. })),
                    "{paths:?}"
                );
            }
        }
        assert_eq!(fault(&["a/b", "a/b"]), Some(PathFault::Twice));
        assert_eq!(fault(&["a//", "a//"]), Some(PathFault::Twice));
        assert_eq!(fault(&["a//", "a"]), Some(PathFault::Twice));
    }

    /// `a.b` and `a b` sort before `a/b` as bytes, and must not hide that `a` is above it.
    #[test]
    fn names_that_sort_beside_a_directory_hide_nothing() {
        let beside = ["a b", "a!", "a-", "a.b", "a0", "aa"];
        for last in [["a", "a/b"], ["a/b", "a"]] {
            let paths = [&beside[..], &last].concat();
            assert!(matches!(fault(&paths), Some(PathFault::Conflict { .. })));
        }
        let paths = [&beside[..], &["a//", "a/b", "a/c/d", "a/c/e"]].concat();
        assert_eq!(fault(&paths), None);
    }

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut gz = GzEncoder::new(Vec::new(), Compression::fast());
        gz.write_all(bytes).unwrap();
        gz.finish().unwrap()
    }

    fn header(kind: EntryType, size: u64) -> Header {
        let mut header = Header::new_gnu();
        header.set_entry_type(kind);
        header.set_size(size);
        header.set_mode(0o644);
        header
    }

    /// An archive of entries whose paths are written as they are, however wrong.
    fn archive(entries: &[(&[u8], EntryType, &[u8])]) -> Vec<u8> {
        let mut builder = Builder::new(Vec::new());
        for (path, kind, contents) in entries {
            let mut header = header(*kind, contents.len() as u64);
            header.as_gnu_mut().unwrap().name[..path.len()].copy_from_slice(path);
            header.set_cksum();
            builder.append(&header, *contents).unwrap();
        }
        gzip(&builder.into_inner().unwrap())
    }

    const LIMIT: u64 = 1 << 20;

    fn read(archive: &[u8]) -> Result<Digest, TreeError> {
        let read = of_crate(archive, "foo", "1.0.0", LIMIT);
        let passed_over = check_tar(GzDecoder::new(archive), "foo", "1.0.0", LIMIT, |_| false);
        assert_eq!(read.is_ok(), passed_over.is_ok());
        read
    }

    #[test]
    fn files_that_are_wanted_are_hashed() {
        let archive = archive(&[
            (b"foo-1.0.0/a/.gitignore", EntryType::Regular, b"abc"),
            (b"foo-1.0.0/src", EntryType::Directory, b""),
            (b"foo-1.0.0/src/lib.rs", EntryType::Regular, b"fn"),
        ]);
        let wanted = |path: &str| path.ends_with(".gitignore");
        let found = check_tar(GzDecoder::new(&archive[..]), "foo", "1.0.0", LIMIT, wanted).unwrap();
        let expected = [("a/.gitignore".to_owned(), Digest::of(b"abc"))];
        assert_eq!(found, BTreeMap::from(expected));
    }

    #[test]
    fn an_archive_has_the_digest_of_its_files() {
        use EntryType::{Directory, Regular};
        let archive = archive(&[
            (b"foo-1.0.0/", Directory, b""),
            (b"foo-1.0.0/src/", Directory, b""),
            (b"foo-1.0.0/src/lib.rs", Regular, b"abc"),
            (b"foo-1.0.0/Cargo.toml", Regular, b""),
        ]);
        let mut tree = Tree::new();
        tree.add_file("Cargo.toml", Digest::of(b"")).unwrap();
        tree.add_file("src/lib.rs", Digest::of(b"abc")).unwrap();
        assert_eq!(read(&archive).unwrap(), tree.finish());
    }

    #[test]
    fn long_names_are_read_as_tar_writes_them() {
        let long = format!("foo-1.0.0/{}/x.rs", "d".repeat(200));
        let mut expected = Tree::new();
        expected
            .add_file(&long["foo-1.0.0/".len()..], Digest::of(b"abc"))
            .unwrap();
        let expected = expected.finish();

        // A GNU long name.
        let mut builder = Builder::new(Vec::new());
        builder
            .append_data(&mut header(EntryType::Regular, 3), &long, &b"abc"[..])
            .unwrap();
        let gnu = gzip(&builder.into_inner().unwrap());
        assert_eq!(read(&gnu).unwrap(), expected);

        // A PAX record, over another path in the header itself.
        let mut builder = Builder::new(Vec::new());
        builder
            .append_pax_extensions([("path", long.as_bytes())])
            .unwrap();
        let mut header = header(EntryType::Regular, 3);
        header.set_path("elsewhere").unwrap();
        header.set_cksum();
        builder.append(&header, &b"abc"[..]).unwrap();
        let pax = gzip(&builder.into_inner().unwrap());
        assert_eq!(read(&pax).unwrap(), expected);
    }

    #[test]
    fn what_is_neither_file_nor_directory_is_refused_by_name() {
        for (kind, word) in [
            (EntryType::Symlink, "a symbolic link"),
            (EntryType::Link, "a hard link"),
            (EntryType::Char, "a device"),
            (EntryType::Block, "a device"),
            (EntryType::Fifo, "a named pipe"),
            (EntryType::Continuous, "neither a file nor a directory"),
            (EntryType::XGlobalHeader, "neither a file nor a directory"),
            (EntryType::new(b'?'), "neither a file nor a directory"),
        ] {
            let archive = archive(&[(b"foo-1.0.0/x", kind, b"")]);
            let error = read(&archive).unwrap_err();
            assert_eq!(error.to_string(), format!("`foo-1.0.0/x` is {word}"));
        }
    }

    #[test]
    fn entries_outside_the_packages_folder_are_refused() {
        for path in [
            "/etc/passwd",
            "x",
            "./foo-1.0.0/x",
            "foo-1.0.1/x",
            "foo-1.0.0",
            "../foo-1.0.0/x",
            "FOO-1.0.0/x",
        ] {
            let archive = archive(&[(path.as_bytes(), EntryType::Regular, b"")]);
            let error = read(&archive).unwrap_err();
            assert!(
                matches!(error, TreeError::Outside { .. }),
                "{path}: {error}"
            );
        }
    }

    #[test]
    fn paths_of_an_archive_are_held_to_the_rules() {
        for path in [
            &b"foo-1.0.0/"[..],
            b"foo-1.0.0/src/",
            b"foo-1.0.0/../x",
            b"foo-1.0.0//x",
            b"foo-1.0.0/./x",
            b"foo-1.0.0/.cargo-ok",
            b"foo-1.0.0/\xff",
            b"foo-1.0.0/\x1b[2J",
        ] {
            let archive = archive(&[(path, EntryType::Regular, b"")]);
            let error = read(&archive).unwrap_err();
            assert!(matches!(error, TreeError::Path(_)), "{error}");
            assert!(!error.to_string().contains('\x1b'));
        }
        let twice = (&b"foo-1.0.0/x"[..], EntryType::Regular, &b""[..]);
        let error = read(&archive(&[twice, twice])).unwrap_err();
        assert_eq!(error.to_string(), "`x` is there twice");
    }

    #[test]
    fn no_more_is_unpacked_than_allowed() {
        let contents = vec![0; 4096];
        let archive = archive(&[(b"foo-1.0.0/x", EntryType::Regular, &contents)]);
        let size = 512 + 4096 + 1024;
        assert!(of_crate(&archive[..], "foo", "1.0.0", size).is_ok());
        for limit in [0, 511, 512, 513, 4607] {
            let error = of_crate(&archive[..], "foo", "1.0.0", limit).unwrap_err();
            assert!(matches!(error, TreeError::TooLarge { limit: l } if l == limit));
        }
    }

    #[test]
    fn what_is_no_archive_is_unreadable() {
        let whole = archive(&[(b"foo-1.0.0/x", EntryType::Regular, b"abc")]);
        let mut truncated_tar = Vec::new();
        GzDecoder::new(&whole[..])
            .read_to_end(&mut truncated_tar)
            .unwrap();
        truncated_tar.truncate(514);
        for bytes in [
            &b""[..],
            b"not gzip",
            &whole[..whole.len() / 2],
            &gzip(b"not a tar archive, though it is longer than nothing"),
            &gzip(&[b'x'; 1024]),
            &gzip(&truncated_tar),
        ] {
            let error = read(bytes).unwrap_err();
            assert!(matches!(error, TreeError::Unreadable(_)), "{error}");
        }
    }
}
