//! What `cargo verify` finds: every package that `Cargo.lock` names, and its files where they lie.
//!
//! Signatures, keys and rules are looked at as a build does ([`look`](super::look)). A build compares
//! the files of a package when it compiles it; here it is done of all that is there: what was unpacked
//! to `registry/src`, the archive in the cache, and the vendored folder. What is not there will be
//! compared with its signature when it comes.

use std::fs::File;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use cargo_util_schemas::core::SourceKind;
use consign_policy::{Finding, Level, Published, Verdict};
use consign_statement::vendored::LeftOut;

use super::archive::{digest, is_as_carried};
use super::cores::on_all_cores;
use super::files::Files;
use super::look::{Locked, Looked};
use super::report;
use crate::core::{PackageId, SourceId, Workspace};
use crate::util::{Progress, hex};
use crate::{CargoResult, GlobalContext};

/// How many packages are looked at between two looks at the progress bar.
const AT_A_TIME: usize = 32;

/// What was found of a package that is not from a registry.
#[derive(Debug)]
pub struct Other {
    /// Which.
    pub id: PackageId,
    /// Why a build refuses it, and what can be done about that; `None` where it does not.
    pub refused: Option<(String, String)>,
}

/// What follows for packages that nobody signs: those from git by their level, and the user's own not at all.
pub fn others(gctx: &GlobalContext, ids: &[PackageId]) -> CargoResult<Vec<Other>> {
    let set = gctx.signing.policy(gctx)?.git();
    let origin = set.origin.unwrap_or_default();
    let file = gctx.diagnostic_home_config();
    let is_git = |id: &PackageId| id.source_id().is_git();
    let git: Vec<_> = ids.iter().filter(|id| is_git(id)).collect();
    if set.level == Level::Warn && !git.is_empty() {
        let names: Vec<_> = git.iter().map(ToString::to_string).collect();
        gctx.shell().warn(report::accepted_git(&names))?;
    }
    let others = ids.iter().map(|id| Other {
        id: *id,
        refused: (is_git(id) && set.level == Level::Deny).then(|| {
            (
                report::reason_git(&origin),
                report::help_git(&origin, &file),
            )
        }),
    });
    Ok(others.collect())
}

/// What was found of one package.
#[derive(Debug)]
pub struct Row {
    /// The package, its signature, and who may sign it.
    pub looked: Looked,
    /// Its files.
    pub files: FilesFound,
}

/// What was found of the files of a package.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FilesFound {
    /// They were not looked at.
    NotLookedAt,
    /// There are none here.
    NotHere,
    /// They are those that were signed or, of an unsigned package, the archive that `Cargo.lock` names.
    AsTheyShould,
    /// There is nothing to compare them with.
    Unsigned,
    /// They are others.
    Changed {
        /// How, in a sentence.
        how: String,
        /// What to do about it.
        help: String,
    },
    /// They could not be read; why, in a phrase.
    Unreadable(String),
}

/// How a package came out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Outcome {
    /// A build accepts it.
    Accepted,
    /// It could not be checked.
    Unchecked,
    /// A build refuses it.
    Refused,
}

impl Row {
    /// The name of the finding.
    pub fn finding(&self) -> &'static str {
        match self.files {
            FilesFound::Changed { .. } => "tampered",
            FilesFound::Unreadable(_) if self.outcome() == Outcome::Unchecked => "unchecked",
            _ => self.looked.finding.name(),
        }
    }

    /// What follows.
    pub fn outcome(&self) -> Outcome {
        let unchecked = matches!(self.looked.finding, Finding::Unchecked { .. });
        let refused = matches!(self.looked.verdict(), Verdict::PassOver | Verdict::Refuse);
        match &self.files {
            FilesFound::Changed { .. } => Outcome::Refused,
            _ if refused && !unchecked => Outcome::Refused,
            FilesFound::Unreadable(_) => Outcome::Unchecked,
            _ if unchecked => Outcome::Unchecked,
            _ => Outcome::Accepted,
        }
    }

    /// Who published it, where it is accepted: nobody is named for a release that is not.
    pub fn published(&self) -> Option<&Published> {
        let accepted = self.outcome() == Outcome::Accepted;
        self.looked.finding.published().filter(|_| accepted)
    }

    /// What is wrong, and what can be done about it; `None` of what is accepted.
    pub fn words(&self, ws: &Workspace<'_>) -> Option<(String, Option<String>)> {
        match &self.files {
            FilesFound::Changed { how, help } => Some((how.clone(), Some(help.clone()))),
            FilesFound::Unreadable(how) if self.outcome() == Outcome::Unchecked => {
                Some((how.clone(), None))
            }
            _ if self.outcome() == Outcome::Accepted => None,
            _ => {
                let (reason, help) = self.looked.words(ws);
                Some((format!("it {reason}"), Some(help)))
            }
        }
    }

    /// Where its signature was found.
    pub fn carried_by(&self) -> Option<&'static str> {
        let entry = self.looked.entry.as_ref()?;
        entry.fields()?;
        Some(match (entry.carrier(), &entry.folder) {
            (Some(_), _) => "package",
            (None, Some(_)) => "vendored",
            (None, None) => "index",
        })
    }

    /// When it was signed, in Unix seconds, by whoever signed it.
    pub fn signed_at(&self) -> Option<u64> {
        Some(self.published()?.signature().time())
    }
}

/// Compares the files of everything that was looked at. How far it is, `progress` shows.
pub fn verify(
    gctx: &GlobalContext,
    locked: Locked,
    files: bool,
    progress: &mut Progress<'_>,
) -> CargoResult<Vec<Row>> {
    let total = locked.packages.len();
    let mut rows = Vec::new();
    let mut waiting = locked.packages.into_iter();
    loop {
        let some: Vec<Looked> = waiting.by_ref().take(AT_A_TIME).collect();
        if some.is_empty() {
            return Ok(rows);
        }
        let found = match files {
            true => on_all_cores(&some, |looked| files_of(gctx, looked)),
            false => some.iter().map(|_| FilesFound::NotLookedAt).collect(),
        };
        let done = some.into_iter().zip(found);
        rows.extend(done.map(|(looked, files)| Row { looked, files }));
        progress.tick(rows.len(), total, "")?;
    }
}

fn files_of(gctx: &GlobalContext, looked: &Looked) -> FilesFound {
    let compare = || {
        let mut found = FilesFound::NotHere;
        for place in places(gctx, looked.id) {
            found = match place {
                Place::Unpacked(folder) if folder.is_dir() => {
                    in_folder(looked, &folder, || report::help_files(&folder))?
                }
                Place::Vendored(folder) if folder.is_dir() => {
                    in_folder(looked, &folder, report::help_vendored)?
                }
                Place::Archive(path) if path.is_file() => in_archive(looked, &path)?,
                _ => continue,
            };
            if matches!(found, FilesFound::Changed { .. }) {
                break;
            }
        }
        Ok::<_, anyhow::Error>(found)
    };
    compare().unwrap_or_else(|error| FilesFound::Unreadable(format!("{error:#}")))
}

fn in_folder(
    looked: &Looked,
    folder: &Path,
    help: impl FnOnce() -> String,
) -> CargoResult<FilesFound> {
    let Some(signature) = looked.finding.signature() else {
        return Ok(FilesFound::Unsigned);
    };
    let none = LeftOut::new();
    let entry = looked.entry.as_ref();
    let left_out = entry.map_or(&none, |entry| &entry.left_out);
    let found = Files::read(folder, left_out)?;
    let carrier = entry.and_then(|entry| entry.carrier_digest());
    if found.are(signature.tree(), carrier) {
        return Ok(FilesFound::AsTheyShould);
    }
    let listed = Files::listed(folder).map(|listed| found.differences(&listed));
    let changed = listed.unwrap_or_default();
    Ok(FilesFound::Changed {
        how: report::files_differ(&changed, folder),
        help: help(),
    })
}

fn in_archive(looked: &Looked, path: &Path) -> CargoResult<FilesFound> {
    let open = || format!("failed to read `{}`", path.display());
    let archive = File::open(path).with_context(open)?;
    let found = digest(&archive)?.to_string();
    let changed = |how| FilesFound::Changed {
        how,
        help: report::help_archive(path),
    };
    let signature = looked.finding.signature();
    // Where the package carries its signature, that is of the files in the archive and not of its bytes.
    if let (Some(_), Some(entry)) = (signature, &looked.entry)
        && let Some(carrier) = entry.carrier()
        && !is_as_carried(looked.id, &archive, carrier)?
    {
        return Ok(changed(report::archive_holds_others(path)));
    }
    let wanted = signature.and_then(|signature| signature.cksum());
    let wanted = wanted.map(ToString::to_string);
    Ok(match wanted.or_else(|| looked.cksum.clone()) {
        Some(wanted) if wanted == found => FilesFound::AsTheyShould,
        Some(wanted) => changed(report::archive_differs(&wanted, &found, path)),
        None => FilesFound::Unsigned,
    })
}

/// Where files of a package may lie.
enum Place {
    Unpacked(PathBuf),
    Vendored(PathBuf),
    Archive(PathBuf),
}

/// All the places for the package `id`: those of its registry, or of what stands in for it.
fn places(gctx: &GlobalContext, id: PackageId) -> Vec<Place> {
    let mut sources = gctx.signing.stand_ins(id.source_id());
    if sources.is_empty() {
        sources.push(id.source_id());
    }
    let with_version = format!("{}-{}", id.name(), id.version());
    let cache = |source: SourceId| cache_name(source);
    let mut places = Vec::new();
    for source in sources {
        let unpacked = gctx.registry_source_path().join(cache(source));
        let unpacked = Place::Unpacked(unpacked.into_path_unlocked().join(&with_version));
        let archive = format!("{with_version}.crate");
        match (source.kind(), source.url().to_file_path()) {
            (SourceKind::Directory, Ok(root)) => {
                let versioned = root.join(&with_version);
                let folder = match versioned.is_dir() {
                    true => versioned,
                    false => root.join(id.name().as_str()),
                };
                places.push(Place::Vendored(folder));
            }
            (SourceKind::LocalRegistry, Ok(root)) => {
                places.extend([unpacked, Place::Archive(root.join(archive))]);
            }
            _ => {
                let archives = gctx.registry_cache_path().join(cache(source));
                let archive = archives.into_path_unlocked().join(archive);
                places.extend([unpacked, Place::Archive(archive)]);
            }
        }
    }
    places
}

/// The folder that cargo keeps what comes from a registry in, below its cache. It says of it that it
/// does not change between versions.
pub(super) fn cache_name(source: SourceId) -> String {
    let host = source.url().host_str().unwrap_or_default();
    format!("{host}-{}", hex::short_hash(&source))
}
