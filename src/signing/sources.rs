//! Asks sources, and waits for what they answer.
//!
//! How a source is asked changes from one release of cargo to the next: whether it has to be exclusively
//! ours, and who waits. It is said here alone, so that whoever wants to know something says what, and
//! takes in no release.

use std::collections::{BTreeSet, HashSet};
use std::task::Poll;

use super::carried::{Doing, While, not_yet, unpack_waiting};
use crate::core::package::{Downloads, PackageSet};
use crate::core::registry::{PackageRegistry, Registry};
use crate::core::{Dependency, Package, PackageId, SourceId, Summary};
use crate::sources::registry::RegistryConfig;
use crate::sources::source::{MaybePackage, QueryKind, Source, SourceMap};
use crate::sources::{IndexSummary, RegistrySource, SourceConfigMap};
use crate::util::interning::InternedString;
use crate::{CargoResult, GlobalContext};

/// A source, handed on in the way in which it can be asked.
pub type OpenSource<'a> = &'a mut dyn Source;

/// What can be asked which versions of a package there are: a source, or those of the resolver together.
pub(super) trait Asked {
    /// All that match `dep`, those too that are yanked or not here: a lockfile may name them.
    fn ask(&mut self, dep: &Dependency) -> CargoResult<Vec<IndexSummary>>;
}

impl Asked for dyn Source + '_ {
    fn ask(&mut self, dep: &Dependency) -> CargoResult<Vec<IndexSummary>> {
        loop {
            match self.query_vec(dep, QueryKind::RejectedVersions) {
                Poll::Ready(found) => return found,
                Poll::Pending => self.block_until_ready()?,
            }
        }
    }
}

impl Asked for PackageRegistry<'_> {
    fn ask(&mut self, dep: &Dependency) -> CargoResult<Vec<IndexSummary>> {
        loop {
            match self.query_vec(dep, QueryKind::RejectedVersions) {
                Poll::Ready(found) => return found,
                Poll::Pending => self.block_until_ready()?,
            }
        }
    }
}

/// All versions that the source has of the package `name`.
pub(super) fn versions(
    asked: &mut (impl Asked + ?Sized),
    name: InternedString,
    source: SourceId,
) -> CargoResult<Vec<IndexSummary>> {
    asked.ask(&Dependency::parse(name, None, source)?)
}

/// What is said of exactly `id`, if it is there.
pub(super) fn exactly(
    asked: &mut (impl Asked + ?Sized),
    id: PackageId,
) -> CargoResult<Option<Summary>> {
    let requirement = format!("={}", id.version());
    let found = asked.ask(&Dependency::parse(
        id.name(),
        Some(&requirement),
        id.source_id(),
    )?)?;
    // A requirement says nothing of build metadata.
    let is_same = |found: &Summary| found.version() == id.version() && found.name() == id.name();
    let mut found = found.into_iter().map(IndexSummary::into_summary);
    Ok(found.find(is_same))
}

/// What the registry that has the source `id` says of itself.
pub(super) fn config(gctx: &GlobalContext, id: SourceId) -> CargoResult<Option<RegistryConfig>> {
    let mut source = RegistrySource::remote(id, &HashSet::new(), gctx)?;
    loop {
        match source.config()? {
            Poll::Ready(config) => return Ok(config),
            Poll::Pending => source.block_until_ready()?,
        }
    }
}

/// The source `id` by itself, which says nothing of what it does.
pub(super) fn open<'gctx>(
    config: &SourceConfigMap<'gctx>,
    id: SourceId,
) -> CargoResult<Box<dyn Source + 'gctx>> {
    let mut source = config.load(id, &HashSet::new())?;
    source.set_quiet(true);
    Ok(source)
}

/// The packages `ids`, from sources of their own: those of the resolver are not to be had.
pub(super) fn packages<'gctx>(
    gctx: &'gctx GlobalContext,
    ids: &[PackageId],
) -> CargoResult<PackageSet<'gctx>> {
    let config = SourceConfigMap::new(gctx)?;
    let mut sources = SourceMap::new();
    let all: HashSet<SourceId> = ids.iter().map(|id| id.source_id()).collect();
    for id in all {
        let mut source = open(&config, id)?;
        gctx.signing.note_source(&*source);
        source.block_until_ready()?;
        sources.insert(source);
    }
    PackageSet::new(ids, sources, gctx)
}

/// What `ask` finds out from the source `id` of a set; `None` where it has none.
pub(super) fn within<T>(
    set: &PackageSet<'_>,
    id: SourceId,
    ask: impl FnOnce(OpenSource<'_>) -> T,
) -> Option<T> {
    let mut sources = set.sources_mut();
    let source = sources.get_mut(id)?;
    Some(ask(source))
}

/// Unpacks a package from its archive in the cache. `false` where that is not there, `None` where the set
/// has no source for it.
pub(super) fn unpack(set: &PackageSet<'_>, id: PackageId) -> CargoResult<Option<bool>> {
    within(set, id.source_id(), |source| {
        Ok(matches!(source.download(id)?, MaybePackage::Ready(_)))
    })
    .transpose()
}

/// The packages of a set that are downloaded, and unpacked when all are there: those that carry their
/// signatures, since only then it is known whose keys are to be asked for.
pub struct Waiting<'gctx> {
    gctx: &'gctx GlobalContext,
    ids: BTreeSet<PackageId>,
    until_dropped: While<'gctx>,
}

impl<'gctx> Waiting<'gctx> {
    /// None so far.
    pub fn new(gctx: &'gctx GlobalContext) -> Waiting<'gctx> {
        Waiting {
            gctx,
            ids: BTreeSet::new(),
            until_dropped: While::new(gctx, Doing::Wait),
        }
    }

    /// Has the package `id` unpacked or downloaded. Gives it where it is there.
    pub fn start<'a>(
        &mut self,
        downloads: &mut Downloads<'a, 'gctx>,
        id: PackageId,
    ) -> CargoResult<Option<&'a Package>> {
        self.ids.insert(id);
        self.unpacked(downloads.start(id))
    }

    /// What was downloaded next, where it is unpacked as well.
    pub fn wait<'a>(
        &mut self,
        downloads: &mut Downloads<'a, 'gctx>,
    ) -> CargoResult<Option<&'a Package>> {
        self.unpacked(downloads.wait().map(Some))
    }

    fn unpacked<'a>(
        &mut self,
        package: CargoResult<Option<&'a Package>>,
    ) -> CargoResult<Option<&'a Package>> {
        match package {
            Ok(package) => {
                if let Some(package) = package {
                    self.ids.remove(&package.package_id());
                }
                Ok(package)
            }
            Err(error) => not_yet(error).map(|()| None),
        }
    }

    /// Unpacks those that waited.
    pub fn unpack<'a>(self, downloads: &mut Downloads<'a, 'gctx>) -> CargoResult<Vec<&'a Package>> {
        drop(self.until_dropped);
        let ids: Vec<_> = self.ids.into_iter().collect();
        let mut unpacked = unpack_waiting(self.gctx, &ids, |id| downloads.start(id))?;
        // What went from the cache meanwhile.
        while downloads.remaining() > 0 {
            unpacked.push(downloads.wait()?);
        }
        Ok(unpacked)
    }
}

/// Downloads the packages `ids` of a set that are not in the cache, side by side. Gives those that are
/// unpacked as well.
pub(super) fn download<'a>(
    set: &'a PackageSet<'_>,
    ids: &[PackageId],
) -> CargoResult<Vec<&'a Package>> {
    let mut unpacked = Vec::new();
    let mut downloads = set.enable_download()?;
    for id in ids {
        match downloads.start(*id) {
            Ok(package) => unpacked.extend(package),
            Err(error) => not_yet(error)?,
        }
    }
    while downloads.remaining() > 0 {
        match downloads.wait() {
            Ok(package) => unpacked.push(package),
            Err(error) => not_yet(error)?,
        }
    }
    Ok(unpacked)
}
