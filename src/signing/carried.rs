//! Signatures that travel in packages, of which the index says nothing.
//!
//! Whether an entry without the two fields is that of a signed release is known when its archive was looked
//! at, and not before. So where policy needs an answer, such a version is a candidate that is *not known
//! yet*: what the resolver chose is downloaded ([`look_at`]) and judged like all others, before anything is
//! settled, unpacked or compiled. Where policy needs none, it is judged when it is unpacked.
//!
//! What is found is an [`Entry`] as an index line with the two fields would give. It
//! is kept for the command, and found again in the archive by the next one: the archive is what the checksum
//! in the index and in `Cargo.lock` is of. No verdict is kept.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::fs::{self, File};
use std::io::{BufReader, Read as _};
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use cargo_util_schemas::core::SourceKind;
use consign_policy::{Choice, Verdict};
use consign_statement::carrier::{self, Carried, Carrier, InvalidCarrier};
use consign_statement::{Claim, Malformed, RegistryId, index};

use super::archive::{is_named, not_as_signed, say_downloaded};
use super::check::{check_chosen, without_entry};
use super::context::{lock, registry_id};
use super::entry::{Entry, SharedEntry};
use super::inspect::{Archives, Found, Inspected, Meanwhile, Packed, inspect_all};
use super::report;
use super::resolve::is_from_registry;
use super::sources::{OpenSource, download, exactly, within};
use crate::core::dependency::DepKind;
use crate::core::package::PackageSet;
use crate::core::{Package, PackageId, Summary};
use crate::sources::source::Source;
use crate::util::cache_lock::CacheLockMode;
use crate::util::interning::InternedString;
use crate::{CargoResult, GlobalContext};

/// How many versions of a package are downloaded to find one that is signed.
const MAX_TRIED: usize = 3;

/// What one command knows of packages whose index entries say nothing.
#[derive(Debug, Default)]
pub(super) struct CarriedOnes {
    /// What is being done with archives.
    doing: Mutex<Doing>,
    /// Those that the resolver chose.
    resolved: Mutex<HashSet<PackageId>>,
    /// Those that were looked at and carry nothing.
    unsigned: Mutex<HashSet<PackageId>>,
    /// What is to be said of those that were downloaded and are still to be checked.
    downloaded: Mutex<HashMap<PackageId, String>>,
    /// Those that wait to be unpacked.
    waiting: Mutex<HashSet<PackageId>>,
    /// What other cores look at by now.
    meanwhile: Mutex<Option<Meanwhile>>,
    /// An archive on its way to be inspected.
    handed: Mutex<Option<Packed>>,
    /// One that was, on its way to be unpacked.
    inspected: Mutex<Option<Inspected>>,
}

/// What is done with an archive that is about to be unpacked.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) enum Doing {
    /// It is checked and unpacked.
    #[default]
    Unpack,
    /// The same, but for one that carries its signature, which is to wait.
    Wait,
    /// It is handed to whoever inspects it, where it is accepted, and not yet unpacked.
    Hand,
    /// What it carries is noted, and nothing else.
    Look,
    /// The same, and other cores begin to check it, which will be needed.
    LookAhead,
}

/// What ends the unpacking of an archive that is only looked at.
#[derive(Debug, thiserror::Error)]
#[error("the archive is not to be unpacked yet")]
pub(super) struct NotYet;

impl Doing {
    /// Whether archives are only looked at.
    pub(super) fn only_looks(self) -> bool {
        matches!(self, Doing::Look | Doing::LookAhead)
    }

    /// Whether archives that carry a signature are going to be checked together.
    pub(super) fn looks_ahead(self) -> bool {
        matches!(self, Doing::Wait | Doing::LookAhead)
    }
}

impl CarriedOnes {
    pub(super) fn doing(&self) -> Doing {
        *lock(&self.doing)
    }

    /// The resolver chose `id`. `false` where that was known.
    pub(super) fn note_resolved(&self, id: PackageId) -> bool {
        lock(&self.resolved).insert(id)
    }

    pub(super) fn is_resolved(&self, id: PackageId) -> bool {
        lock(&self.resolved).contains(&id)
    }

    /// The other versions of the package that the resolver chose and that were looked at: there is nothing.
    pub(super) fn unsigned_beside(&self, id: PackageId) -> Vec<PackageId> {
        let is_other = |other: &&PackageId| {
            (other.name(), other.source_id()) == (id.name(), id.source_id()) && **other != id
        };
        let (unsigned, resolved) = (lock(&self.unsigned), lock(&self.resolved));
        let beside = unsigned.iter().filter(is_other).copied();
        beside.filter(|other| resolved.contains(other)).collect()
    }

    /// `id` was looked at, and there is nothing.
    pub(super) fn note_unsigned(&self, id: PackageId) {
        lock(&self.unsigned).insert(id);
    }

    pub(super) fn is_unsigned(&self, id: PackageId) -> bool {
        lock(&self.unsigned).contains(&id)
    }

    /// Whether so many versions of the package were looked at in vain that no other is.
    pub(super) fn is_tried_enough(&self, id: PackageId) -> bool {
        let of_package =
            |other: &&PackageId| (other.name(), other.source_id()) == (id.name(), id.source_id());
        lock(&self.unsigned).iter().filter(of_package).count() >= MAX_TRIED
    }

    /// Keeps what is said of a download until it is checked.
    pub(super) fn hold(&self, id: PackageId, descriptor: &str) {
        lock(&self.downloaded).insert(id, descriptor.to_owned());
    }

    pub(super) fn held(&self, id: PackageId) -> Option<String> {
        lock(&self.downloaded).remove(&id)
    }

    /// `id` carries a signature, and is unpacked when all others are there.
    pub(super) fn note_waiting(&self, id: PackageId) {
        lock(&self.waiting).insert(id);
    }

    pub(super) fn is_waiting(&self, id: PackageId) -> bool {
        lock(&self.waiting).contains(&id)
    }

    /// Has another core look at the archive that `read` gives, where one has the time.
    pub(super) fn look_meanwhile(
        &self,
        read: impl FnOnce() -> CargoResult<Packed>,
    ) -> CargoResult<()> {
        let mut meanwhile = lock(&self.meanwhile);
        let meanwhile = meanwhile.get_or_insert_with(Meanwhile::begin);
        if meanwhile.has_time() {
            meanwhile.look_at(read()?);
        }
        Ok(())
    }

    /// Hands an archive over, in place of unpacking it.
    pub(super) fn hand(&self, packed: Packed) {
        *lock(&self.handed) = Some(packed);
    }

    /// What was inspected of the archive of `id`, which is about to be unpacked, where that is so.
    pub(super) fn take_inspected(&self, id: PackageId) -> Option<Inspected> {
        // The source that has it may stand in for the one that it was asked for from.
        lock(&self.inspected)
            .take_if(|of| (of.id.name(), of.id.version()) == (id.name(), id.version()))
    }
}

/// Whether the index says nothing of a signature of this release, so that its package may.
pub(super) fn may_carry(summary: &Summary) -> bool {
    is_from_registry(summary.package_id())
        && match summary.signed() {
            None => true,
            Some(entry) => matches!(entry.claim(), Ok(Claim::Unsigned)),
        }
}

/// Finds out what the packages `ids` carry: those that are not in the cache are downloaded, and nothing is
/// unpacked. What is found is among [`chosen`](super::Signing::chosen). `doing` says whether they will be
/// checked then.
pub(super) fn look_at(
    gctx: &GlobalContext,
    set: &PackageSet<'_>,
    ids: &[PackageId],
    doing: Doing,
) -> CargoResult<()> {
    each(gctx, set, ids, doing, |package| {
        let id = package.package_id();
        if gctx
            .signing
            .chosen(id)
            .is_none_or(|entry| says_nothing(&entry))
        {
            of_unpacked(gctx, set, package)?;
        }
        Ok(())
    })
}

/// Checks the archives of the packages `ids`, whose signatures are accepted, before they are settled upon.
pub(super) fn check_archives(
    gctx: &GlobalContext,
    set: &PackageSet<'_>,
    ids: &[PackageId],
) -> CargoResult<()> {
    // What is unpacked already is compared before it is compiled.
    struct Check<'a, 'gctx>(&'a GlobalContext, &'a PackageSet<'gctx>);

    impl Archives for Check<'_, '_> {
        fn hand_over(&mut self, id: PackageId) -> CargoResult<Option<Packed>> {
            handed(self.0, || download(self.1, &[id]))?;
            Ok(lock(&self.0.signing.carried.handed).take())
        }

        fn take_back(&mut self, _: PackageId, inspected: Found) -> CargoResult<()> {
            let inspected = inspected.map_err(|found| not_as_signed(self.0, *found))?;
            self.0.signing.note_archive(inspected.id, inspected.known);
            Ok(())
        }
    }

    note_meanwhile(gctx);
    inspect_all(ids, &mut Check(gctx, set))
}

/// Unpacks the packages `ids`, which waited for it, from their archives in the cache. `ask` asks for one of
/// them.
///
/// Their keys are asked for together. While this core writes the files of one, others look at the next.
pub(super) fn unpack_waiting<T>(
    gctx: &GlobalContext,
    ids: &[PackageId],
    ask: impl FnMut(PackageId) -> CargoResult<Option<T>>,
) -> CargoResult<Vec<T>> {
    struct Unpack<'a, F, T> {
        gctx: &'a GlobalContext,
        ask: F,
        unpacked: Vec<T>,
    }

    impl<T, F> Unpack<'_, F, T> {
        fn done(&mut self, id: PackageId, unpacked: T) -> CargoResult<()> {
            self.unpacked.push(unpacked);
            say_downloaded(self.gctx, &[id])
        }
    }

    impl<T, F: FnMut(PackageId) -> CargoResult<Option<T>>> Archives for Unpack<'_, F, T> {
        fn hand_over(&mut self, id: PackageId) -> CargoResult<Option<Packed>> {
            lock(&self.gctx.signing.carried.waiting).remove(&id);
            match handed(self.gctx, || (self.ask)(id)) {
                // There is nothing to be looked at: its signature is in a later version of the format, say.
                Ok(Some(unpacked)) => self.done(id, unpacked)?,
                Ok(None) => {}
                Err(error) => not_yet(error)?,
            }
            Ok(lock(&self.gctx.signing.carried.handed).take())
        }

        fn take_back(&mut self, id: PackageId, inspected: Found) -> CargoResult<()> {
            let inspected = inspected.map_err(|found| not_as_signed(self.gctx, *found))?;
            let on_its_way = &self.gctx.signing.carried.inspected;
            *lock(on_its_way) = Some(inspected);
            let asked = (self.ask)(id);
            // Nobody took it where the package was unpacked meanwhile, from a source that stands in for two
            // registries. What another one has under the same name and version it is not.
            lock(on_its_way).take();
            match asked? {
                Some(unpacked) => self.done(id, unpacked),
                None => Ok(()),
            }
        }
    }

    // Most builds have nothing to unpack, and check nothing.
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    note_meanwhile(gctx);
    check_chosen(gctx)?;
    let mut unpack = Unpack {
        gctx,
        ask,
        unpacked: Vec::new(),
    };
    inspect_all(ids, &mut unpack)?;
    Ok(unpack.unpacked)
}

/// What other cores found meanwhile. Of what they did not come to, or found wanting, it is found out when it
/// is asked for.
fn note_meanwhile(gctx: &GlobalContext) {
    if let Some(meanwhile) = lock(&gctx.signing.carried.meanwhile).take() {
        for (id, known) in meanwhile.end() {
            gctx.signing.note_archive(id, known);
        }
    }
}

/// What `ask` gives, while archives that are accepted are handed over.
fn handed<T>(gctx: &GlobalContext, ask: impl FnOnce() -> CargoResult<T>) -> CargoResult<T> {
    let _until_dropped = While::new(gctx, Doing::Hand);
    ask()
}

fn each(
    gctx: &GlobalContext,
    set: &PackageSet<'_>,
    ids: &[PackageId],
    doing: Doing,
    mut unpacked: impl FnMut(&Package) -> CargoResult<()>,
) -> CargoResult<()> {
    if ids.is_empty() {
        return Ok(());
    }
    let _until_dropped = While::new(gctx, doing);
    let seen = download(set, ids)?;
    seen.into_iter().try_for_each(&mut unpacked)
}

/// The error, but for that of [`NotYet`].
pub(super) fn not_yet(error: anyhow::Error) -> CargoResult<()> {
    match error.downcast_ref::<NotYet>() {
        Some(NotYet) => Ok(()),
        None => Err(error),
    }
}

/// For as long as it lives, archives are not simply unpacked.
pub(super) struct While<'a>(&'a GlobalContext);

impl While<'_> {
    pub(super) fn new(gctx: &GlobalContext, doing: Doing) -> While<'_> {
        *lock(&gctx.signing.carried.doing) = doing;
        While(gctx)
    }
}

impl Drop for While<'_> {
    fn drop(&mut self) {
        *lock(&self.0.signing.carried.doing) = Doing::Unpack;
    }
}

/// The same package in the archive that `file` is, as cargo knows it: by this `summary`, under the name of
/// the registry that it was asked for from.
pub(super) fn of_archive(
    gctx: &GlobalContext,
    summary: &Summary,
    found: Result<Vec<u8>, InvalidCarrier>,
) -> CargoResult<Option<SharedEntry>> {
    // It was found before: so was what it is worth.
    if let (Ok(bytes), Some(entry)) = (&found, gctx.signing.chosen(summary.package_id()))
        && entry.is_carried(bytes, summary)
    {
        return Ok(Some(entry));
    }
    let carried = found
        .map_err(Malformed::from)
        .and_then(|bytes| Carrier::from_json(&bytes));
    let entry = match carried {
        Ok(Carried::Signature(carrier)) => {
            if !is_of(gctx, &carrier, summary)? {
                return Ok(None);
            }
            Entry::carried(carrier, summary.clone())
        }
        Ok(Carried::UnknownVersion(v)) => Entry::unreadable(Ok(Claim::UnknownVersion(v))),
        Err(malformed) => Entry::unreadable(Err(malformed)),
    };
    let entry = SharedEntry::new(entry);
    gctx.signing.choose(summary.package_id(), &entry);
    Ok(Some(entry))
}

/// Whether a carrier speaks of the release that it is in. Where it does not, the package counts as unsigned,
/// and that is said.
fn is_of(gctx: &GlobalContext, carrier: &Carrier, summary: &Summary) -> CargoResult<bool> {
    let id = summary.package_id();
    let (name, version) = (carrier.release().name(), carrier.release().vers());
    if name != id.name().as_str() || version != id.version().to_string() {
        let warning = report::carrier_of_another(id, &format!("{name} v{version}"));
        gctx.signing
            .warn_once(gctx, format!("carrier of {id}"), warning)?;
        return Ok(false);
    }
    let in_use = registry_id(id.source_id())?;
    let signed_for = &carrier.fields().signature.registry;
    if *signed_for != in_use {
        let warning = report::carrier_for_another_registry(id, signed_for, &in_use);
        // A whole registry may have been copied.
        let what = format!("carriers for {signed_for} in {in_use}");
        gctx.signing.warn_once(gctx, what, warning)?;
        return Ok(false);
    }
    Ok(true)
}

/// What a package carries that was unpacked before, by whomever: it is looked for in its archive, and not
/// among the files, which anybody could have changed. In a vendored folder there is no archive.
pub(super) fn of_unpacked(
    gctx: &GlobalContext,
    set: &PackageSet<'_>,
    package: &Package,
) -> CargoResult<Option<SharedEntry>> {
    let id = package.package_id();
    // Without the network, a registry looks into the cache to say which versions there are.
    let _lock = gctx.acquire_package_cache_lock(CacheLockMode::DownloadExclusive)?;
    let asked = within(set, id.source_id(), |source| {
        in_cache(gctx, source, package)
    });
    let Some(asked) = asked else {
        return Ok(None);
    };
    let entry = asked?;
    if entry.is_none() {
        gctx.signing.carried.note_unsigned(id);
    }
    Ok(entry)
}

/// What is carried by the archive from which a package was unpacked, and which is in the cache of `source`.
fn in_cache(
    gctx: &GlobalContext,
    source: OpenSource<'_>,
    package: &Package,
) -> CargoResult<Option<SharedEntry>> {
    let id = package.package_id();
    let mut paths = archives(gctx, source, package).into_iter();
    let Some(archive) = paths.find_map(|path| File::open(path).ok()) else {
        return Ok(None);
    };
    let version = id.version().to_string();
    let found = carrier::in_crate(BufReader::new(&archive), &id.name(), &version);
    let has_to_be_signed = may_not_be_unsigned(gctx, id)?;
    if found.is_none() && !has_to_be_signed {
        return Ok(None);
    }
    let Some(summary) = summary_of(source, id)? else {
        return Ok(None);
    };
    let entry = match found {
        Some(found) => of_archive(gctx, &summary, found)?,
        None => None,
    };
    if entry.is_none() && has_to_be_signed {
        is_named(gctx, id, &archive, summary.checksum())?;
    }
    Ok(entry)
}

/// The summary of exactly `id`, from the source that carries it and as the source tells it.
pub(super) fn summary_of(source: OpenSource<'_>, id: PackageId) -> CargoResult<Option<Summary>> {
    let id = id.with_source_id(source.source_id());
    exactly(source, id)
}

/// Where the archive may be from which a package in the cache was unpacked.
fn archives(gctx: &GlobalContext, source: &dyn Source, package: &Package) -> Vec<PathBuf> {
    let tarball = package.package_id().tarball_name();
    let unpacked = gctx.registry_source_path().into_path_unlocked();
    let Ok(inner) = package.root().strip_prefix(unpacked) else {
        return Vec::new();
    };
    let cache = gctx.registry_cache_path().into_path_unlocked();
    let of_registry = inner.parent().map(|registry| cache.join(registry));
    let source = source.replaced_source_id();
    let is_local = *source.kind() == SourceKind::LocalRegistry;
    let local = is_local.then(|| source.url().to_file_path().ok());
    let folders = of_registry.into_iter().chain(local.flatten());
    folders.map(|folder| folder.join(&tarball)).collect()
}

/// The file that a vendored folder carries, if there is one.
pub(super) fn in_folder(folder: &Path) -> Option<Result<Vec<u8>, InvalidCarrier>> {
    let path = folder.join(carrier::NAME);
    let metadata = fs::symlink_metadata(&path).ok()?;
    if !metadata.is_file() {
        return Some(Err(InvalidCarrier::NotAFile));
    }
    let unreadable = |error: std::io::Error| InvalidCarrier::Unreadable(error.to_string());
    let mut bytes = Vec::new();
    let read =
        File::open(path).and_then(|file| file.take(carrier::MAX_SIZE + 1).read_to_end(&mut bytes));
    Some(read.map(|_| bytes).map_err(unreadable))
}

impl super::Signing {
    /// Whether the resolver chose this package, its index entry says nothing, and it was not looked at.
    pub(super) fn may_be_found_out(&self, id: PackageId) -> bool {
        self.carried.is_resolved(id)
            && !self.carried.is_unsigned(id)
            && self.chosen(id).is_none_or(|entry| says_nothing(&entry))
    }
}

/// Whether there is nothing of a signature in an entry.
pub(super) fn says_nothing(entry: &Entry) -> bool {
    matches!(entry.claim(), Ok(Claim::Unsigned))
}

/// Whether it makes a difference for policy if a package is signed, so that the answer is needed: it does
/// where one without a signature would not pass in silence.
pub(super) fn matters(gctx: &GlobalContext, id: PackageId) -> CargoResult<bool> {
    Ok(unsigned(gctx, id)? != Verdict::Accept)
}

/// Whether a package is not accepted without a signature.
pub(super) fn may_not_be_unsigned(gctx: &GlobalContext, id: PackageId) -> CargoResult<bool> {
    let verdict = unsigned(gctx, id)?;
    Ok(matches!(verdict, Verdict::PassOver | Verdict::Refuse))
}

/// What would become of a package that nobody signed.
fn unsigned(gctx: &GlobalContext, id: PackageId) -> CargoResult<Verdict> {
    let rules = gctx.signing.rules(gctx, id.source_id())?;
    let finding = without_entry(gctx, id, &rules)?;
    Ok(Verdict::of(&finding, &rules.levels(), Choice::Free))
}

/// What cargo goes by, as an index entry would tell it: the form in which it can be compared with what was
/// signed.
pub(super) fn told_by(summary: &Summary) -> index::Entry<'static> {
    let text = |text: InternedString| Cow::Borrowed(text.as_str());
    let texts = |all: &[InternedString]| all.iter().copied().map(text).collect();
    let deps = summary.dependencies().iter().map(|dep| index::Dependency {
        name: text(dep.name_in_toml()),
        package: Some(text(dep.package_name())),
        req: dep.version_req().to_string().into(),
        kind: match dep.kind() {
            DepKind::Normal => None,
            DepKind::Development => Some("dev".into()),
            DepKind::Build => Some("build".into()),
        },
        target: dep.platform().map(|platform| platform.to_string().into()),
        features: texts(dep.features()),
        optional: dep.is_optional(),
        default_features: dep.uses_default_features(),
        registry: Some(match registry_id(dep.source_id()) {
            Ok(registry) => registry.as_str().to_owned().into(),
            Err(_) => dep.source_id().as_url().to_string().into(),
        }),
        public: None,
        artifact: dep.artifact().map(|artifact| {
            let kinds = artifact.kinds().iter();
            kinds.map(|kind| kind.as_str()).collect()
        }),
        bindep_target: dep
            .artifact()
            .and_then(|artifact| artifact.target())
            .map(|target| target.as_str().to_owned().into()),
        lib: dep.artifact().is_some_and(|artifact| artifact.is_lib()),
    });
    let features: BTreeMap<_, _> = summary
        .features()
        .iter()
        .map(|(name, values)| {
            let values = values.iter().map(|value| value.to_string().into());
            (text(*name), values.collect())
        })
        .collect();
    index::Entry {
        name: text(summary.name()),
        vers: summary.version().to_string().into(),
        deps: deps.collect(),
        features,
        links: summary.links().map(text),
        rust_version: summary.rust_version().map(|v| v.to_string().into()),
        ..index::Entry::default()
    }
}

/// The registry that an entry was signed for, where it says so.
pub(super) fn signed_for(entry: &Entry) -> Option<&RegistryId> {
    Some(&entry.fields()?.signature.registry)
}
