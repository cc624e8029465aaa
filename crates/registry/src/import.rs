//! Takes over packages from a `$CARGO_HOME`, so that real ones can be served.
//!
//! Cargo keeps there, for each registry, what it has downloaded:
//!
//! ```text
//! registry/cache/REGISTRY/NAME-VERSION.crate
//! registry/index/REGISTRY/.cache/se/rd/serde
//! ```
//!
//! The second kind holds the index lines (cargo 0.96.0, `sources/registry/index/cache.rs`): a byte 3,
//! the version of the index format in 32 bits, little-endian, then texts that each end in a zero
//! byte: one that is of no interest here, and in turns a version and its line.
//!
//! A version is imported where its `.crate` is there and has the checksum that the line says. The
//! line is stored as it is, signature fields included, but for white space: an imported version is
//! a mirrored one, and was signed for the registry that it came from.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use consign_statement::Digest;
use semver::Version;

use crate::archive::{self, MAX_UNPACKED};
use crate::line::{InvalidLine, Line};
use crate::name::{InvalidName, Key, Name};
use crate::package::{About, Package};
use crate::store::{Store, StoreError, failed, read};
use crate::token::User;

/// How a cache of index lines begins: its own version, and that of the index format.
const HEAD: [u8; 5] = [3, 2, 0, 0, 0];

/// What to import: a package, or one version of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    name: Name,
    version: Option<Version>,
}

/// Why a text is not a [`Wanted`].
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidWanted {
    /// What is before the `@` is no name.
    #[error(transparent)]
    Name(#[from] InvalidName),
    /// What is after the `@` is no version.
    #[error("no version after the `@`: {0}")]
    Version(#[from] semver::Error),
}

impl FromStr for Wanted {
    type Err = InvalidWanted;

    /// Reads `NAME` or `NAME@VERSION`.
    fn from_str(text: &str) -> Result<Wanted, InvalidWanted> {
        let (name, version) = match text.split_once('@') {
            None => (text, None),
            Some((name, version)) => (name, Some(version.parse()?)),
        };
        Ok(Wanted {
            name: name.parse()?,
            version,
        })
    }
}

impl std::fmt::Display for Wanted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.version {
            None => write!(f, "{}", self.name),
            Some(version) => write!(f, "{}@{version}", self.name),
        }
    }
}

impl Wanted {
    fn fits(&self, line: &Line) -> bool {
        self.name.key() == line.name().key()
            && self.version.as_ref().is_none_or(|v| v == line.version())
    }
}

/// What became of one version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It is served from now on.
    Imported,
    /// It was there already, and stays as it was.
    Present,
    /// There is a package here whose name is the same, case and `-` against `_` aside.
    NameTaken(Name),
}

/// Why an import ended.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ImportError {
    /// Files could not be read or written.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A cache of index lines is of another format.
    #[error("`{}` is not an index cache of the format that cargo 0.96.0 writes", .0.display())]
    Cache(PathBuf),
    /// A line in such a cache is no index line.
    #[error("`{}` holds a line that is none: {reason}", path.display())]
    Line {
        /// The cache.
        path: PathBuf,
        /// What is wrong with the line.
        reason: InvalidLine,
    },
    /// The bytes are not those that the line is about.
    #[error("`{}` has the SHA-256 {found}, but its index line says {expected}", path.display())]
    Checksum {
        /// The `.crate` file.
        path: PathBuf,
        /// Its checksum.
        found: Digest,
        /// The checksum in the line.
        expected: Digest,
    },
    /// Something that was asked for is not there.
    #[error("`{}` has no downloaded version of `{wanted}` with its index line", home.display())]
    NotThere {
        /// The `$CARGO_HOME`.
        home: PathBuf,
        /// What was asked for.
        wanted: Wanted,
    },
}

/// Imports what is `wanted`, or everything where that is empty, from the `$CARGO_HOME` at `home`.
///
/// `owner` becomes an owner of every package that is imported or was there already. `report` is
/// told of each version. An error leaves what was imported before it.
pub fn import(
    store: &Store,
    home: &Path,
    wanted: &[Wanted],
    owner: Option<&User>,
    mut report: impl FnMut(&Line, &Outcome),
) -> Result<(), ImportError> {
    let mut missing: Vec<_> = wanted.iter().collect();
    for found in downloaded(home)? {
        let asked_for = wanted.is_empty() || wanted.iter().any(|w| w.fits(&found.line));
        if asked_for {
            missing.retain(|w| !w.fits(&found.line));
            let outcome = found.import(store, owner)?;
            report(&found.line, &outcome);
        }
    }
    match missing.first() {
        None => Ok(()),
        Some(wanted) => Err(ImportError::NotThere {
            home: home.into(),
            wanted: (*wanted).clone(),
        }),
    }
}

/// A version that was downloaded.
struct Downloaded {
    line: Line,
    archive: PathBuf,
}

impl Downloaded {
    fn import(&self, store: &Store, owner: Option<&User>) -> Result<Outcome, ImportError> {
        let Downloaded { line, archive } = self;
        let key: Key = line.name().key();
        let writer = store.writer(&key);
        let mut package = match Package::load(store, &key)? {
            Some(package) if package.name() != line.name() => {
                return Ok(Outcome::NameTaken(package.name().clone()));
            }
            Some(package) => package,
            None => Package::new(line.name().clone(), owner.into_iter().cloned().collect()),
        };
        if let Some(owner) = owner
            && !package.owners().contains(owner)
        {
            let owners = package.owners().iter().chain([owner]).cloned().collect();
            package.set_owners(&writer, owners)?;
        }
        if package.same_version(line.version()).is_some() {
            return Ok(Outcome::Present);
        }
        let bytes = fs::read(archive).map_err(failed("read", archive))?;
        let found = Digest::of(&bytes);
        if found != *line.checksum() {
            return Err(ImportError::Checksum {
                path: archive.clone(),
                found,
                expected: *line.checksum(),
            });
        }
        // Old packages break today's rules for archives. They are served as they are.
        let manifest = archive::check(&bytes, line.name(), line.version(), MAX_UNPACKED);
        let description = manifest.ok().and_then(|manifest| manifest.description);
        package.add(&writer, line.clone(), &bytes, &About { description })?;
        Ok(Outcome::Imported)
    }
}

/// Every version below `home` that has both a `.crate` and an index line.
fn downloaded(home: &Path) -> Result<Vec<Downloaded>, ImportError> {
    let mut found = Vec::new();
    for registry in entries(&home.join("registry/cache"))? {
        let Some(name) = registry.file_name() else {
            continue;
        };
        let index = home.join("registry/index").join(name).join(".cache");
        let mut archives = BTreeMap::new();
        for path in entries(&registry)? {
            let name = path.file_name().unwrap_or_default();
            archives.insert(name.to_string_lossy().to_lowercase(), path);
        }
        for path in files_below(index)? {
            found.append(&mut downloaded_of(&path, &archives)?);
        }
    }
    Ok(found)
}

/// The versions in one of cargo's caches of index lines that are among `archives`, which are known
/// by their file names in lower case: that is how the cache spells the package's name.
fn downloaded_of(
    cache: &Path,
    archives: &BTreeMap<String, PathBuf>,
) -> Result<Vec<Downloaded>, ImportError> {
    let name = cache.file_name().unwrap_or_default().to_string_lossy();
    let bytes = read(cache)?.unwrap_or_default();
    let other_format = || ImportError::Cache(cache.into());
    let texts = bytes.strip_prefix(&HEAD).ok_or_else(other_format)?;
    let mut texts = texts.split(|&b| b == 0);
    let _etag = texts.next();
    let mut found = Vec::new();
    // The last text is the nothing after the last zero byte, and comes alone.
    while let (Some(version), Some(line)) = (texts.next(), texts.next()) {
        let version = String::from_utf8_lossy(version);
        let file = format!("{name}-{version}.crate").to_lowercase();
        if let Some(archive) = archives.get(&file) {
            let line = Line::parse(line).map_err(|reason| ImportError::Line {
                path: cache.into(),
                reason,
            })?;
            let archive = archive.clone();
            found.push(Downloaded { line, archive });
        }
    }
    Ok(found)
}

/// All files in a folder and those below it, in order.
fn files_below(folder: PathBuf) -> Result<Vec<PathBuf>, ImportError> {
    let mut files = Vec::new();
    for path in entries(&folder)? {
        if path.is_dir() {
            files.append(&mut files_below(path)?);
        } else {
            files.push(path);
        }
    }
    Ok(files)
}

/// What is in a folder, in order; nothing where there is no folder.
fn entries(folder: &Path) -> Result<Vec<PathBuf>, ImportError> {
    if !folder.is_dir() {
        return Ok(Vec::new());
    }
    let mut paths: Vec<PathBuf> = fs::read_dir(folder)
        .and_then(|entries| entries.map(|entry| Ok(entry?.path())).collect())
        .map_err(failed("read", folder))?;
    paths.sort();
    Ok(paths)
}
