//! What one command knows of signers.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::ffi::OsString;
use std::fs::File;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::Context as _;
use cargo_util_schemas::core::SourceKind;
use consign_identity::Identity;
use consign_identity::openpgp::SecretKey;
use consign_policy::Finding;
use consign_statement::vendored::LeftOut;
use consign_statement::{Digest, PublicKey, RegistryId, SignedFields};

use super::archive::tree_of;
use super::carried::CarriedOnes;
use super::config::Policy;
use super::entry::SharedEntry;
use super::inspect::Known;
use super::invocation::Invocation;
use super::lookup::Answers;
use super::signers::{Rules, Serving};
use crate::core::{PackageId, Shell, SourceId, Summary};
use crate::sources::source::Source;
use crate::util::ConfigValue;
use crate::util::interning::InternedString;
use crate::{CargoResult, GlobalContext};

/// `--require-signatures` as a `--config` argument.
pub const REQUIRED: &str = "signing.require-signatures=true";

/// What one command knows of signers. It lives in the command's [`GlobalContext`] and is never
/// written to disk; [`Answers`] and the signers files alone have a memory that outlives it.
#[derive(Debug, Default)]
pub struct Signing {
    policy: OnceLock<Policy>,
    /// Whether the cache was cleaned.
    cleaned: AtomicBool,
    /// The `--config` arguments.
    command_line: Mutex<Vec<String>>,
    /// The packages of which this command was the first to record anything.
    pub(super) recorded: Mutex<BTreeSet<(RegistryId, String)>>,
    /// Its `--config` arguments that an alias put there.
    alias: Mutex<Vec<String>>,
    /// Whether one of them was [`REQUIRED`], whatever came after it.
    flag: AtomicBool,
    /// For a source that stands in for others: which.
    originals: Mutex<HashMap<SourceId, BTreeSet<SourceId>>>,
    /// The packages that this very command made.
    made_here: Mutex<Vec<Made>>,
    /// The signed entries that the resolver chose.
    chosen: Mutex<HashMap<PackageId, SharedEntry>>,
    /// The signed entries that somebody looked for by name.
    shown: Mutex<HashMap<PackageId, SharedEntry>>,
    /// Whether all of these were found acceptable.
    all_accepted: AtomicBool,
    /// What the resolver chose and was then passed over, with the reason.
    passed_over: Mutex<HashMap<PackageId, String>>,
    /// The archives that were checked.
    archives: Mutex<HashMap<PackageId, Known>>,
    /// Memory to unpack archives to, one after the other.
    memory: Mutex<Vec<u8>>,
    /// What is run.
    invocation: OnceLock<Invocation>,
    /// Who may sign what.
    serving: OnceLock<Serving>,
    /// What holds for each source that was asked about.
    rules: Mutex<HashMap<SourceId, Arc<Rules>>>,
    /// Versions that were no candidates, by what was seen at a glance, for those who may have missed
    /// them.
    not_admitted: Mutex<BTreeMap<PackageId, Finding>>,
    /// Keys that are known not to count, whatever they signed, with the reason.
    withdrawn: Mutex<HashMap<(Identity, PublicKey), String>>,
    /// What to do about versions that the resolver did not get to see.
    advice: Mutex<Option<String>>,
    /// What was said once and need not be said again.
    said: Mutex<HashSet<String>>,
    /// The user's own keys that were opened, so that no passphrase is asked for twice.
    opened: Mutex<Vec<Arc<SecretKey>>>,
    /// Whether this command publishes, and signs what it packages.
    publishing: AtomicBool,
    /// The signatures that it sent, by name and version.
    sent: Mutex<HashMap<(String, String), SignedFields>>,
    /// When what it publishes was signed.
    pub(super) signed_at: OnceLock<u64>,
    /// What is known of packages that may carry their signature.
    pub(super) carried: CarriedOnes,
    pub(super) answers: Answers,
}

/// A package that this very command made.
#[derive(Debug)]
struct Made {
    name: InternedString,
    version: String,
    cksum: String,
    /// Its files; `None` where nobody could sign such a package.
    tree: Option<Digest>,
}

impl Signing {
    /// The policy that holds in this command, read when it is first asked for.
    pub fn policy(&self, gctx: &GlobalContext) -> CargoResult<&Policy> {
        if let Some(policy) = self.policy.get() {
            return Ok(policy);
        }
        let policy = Policy::read(gctx)?;
        Ok(self.policy.get_or_init(|| policy))
    }

    /// The signers files that serve in this command, read when they are first asked for.
    pub fn serving(&self, gctx: &GlobalContext) -> CargoResult<&Serving> {
        if let Some(serving) = self.serving.get() {
            return Ok(serving);
        }
        let serving = Serving::read(gctx, self.invocation())?;
        Ok(self.serving.get_or_init(|| serving))
    }

    /// Reads what packages are judged by, so that it is an error here where it cannot be read: some of
    /// those who ask cannot return one.
    pub fn prepare(&self, gctx: &GlobalContext) -> CargoResult<()> {
        self.policy(gctx)?;
        self.serving(gctx)?;
        Ok(())
    }

    /// Remembers the signature that is sent for a version of a package.
    pub(super) fn note_sent(&self, name: &str, version: &str, fields: &SignedFields) {
        let of = (name.to_owned(), version.to_owned());
        lock(&self.sent).insert(of, fields.clone());
    }

    /// The signature that was sent for a version of a package.
    pub(super) fn sent(&self, name: &str, version: &str) -> Option<SignedFields> {
        let of = (name.to_owned(), version.to_owned());
        lock(&self.sent).get(&of).cloned()
    }

    /// What is run.
    pub fn invocation(&self) -> &Invocation {
        self.invocation.get_or_init(Invocation::default)
    }

    /// Whether this command only looks: what is found is told, and nothing refused.
    pub(super) fn only_looks(&self) -> bool {
        self.invocation().only_looks()
    }

    /// Remembers what is run, and the `--config` arguments, given in the folder `cwd`.
    ///
    /// Those that nobody typed come from an alias, and so perhaps from a project: they are kept apart.
    pub fn note_command_line(&self, cwd: &Path, invocation: Invocation, config: &[String]) {
        // The first is what the user typed.
        let _ = self.invocation.set(invocation);
        let absolute = |arg: &String| match cwd.join(arg) {
            file if file.exists() => file.display().to_string(),
            _ => arg.clone(),
        };
        let typed = typed_config();
        let is_typed = |arg: &&String| typed.iter().any(|typed| typed == arg.as_str());
        let added = config.iter().filter(|arg| !is_typed(arg));
        let added = added.filter(|arg| *arg != REQUIRED).map(absolute);
        *lock(&self.alias) = added.collect();
        *lock(&self.command_line) = config.iter().filter(is_typed).map(absolute).collect();
        if config.iter().any(|arg| arg == REQUIRED) {
            self.flag.store(true, Ordering::Relaxed);
        }
    }

    /// Whether the cache is still to be cleaned; it is not, from then on.
    pub(super) fn cleans(&self) -> bool {
        !self.cleaned.swap(true, Ordering::Relaxed)
    }

    /// This command publishes what it packages.
    pub(super) fn publishes(&self) {
        self.publishing.store(true, Ordering::Relaxed);
    }

    /// Whether this command publishes what it packages.
    pub(super) fn is_publishing(&self) -> bool {
        self.publishing.load(Ordering::Relaxed)
    }

    /// Whether `--require-signatures` was given.
    pub(super) fn is_flag_given(&self) -> bool {
        self.flag.load(Ordering::Relaxed)
    }

    /// What would hold outside of every project: a context with the user's own configuration, of
    /// command line, environment and `$CARGO_HOME`, and nothing from a project's files. It prints
    /// nothing.
    pub(super) fn outside_projects(&self, gctx: &GlobalContext) -> CargoResult<GlobalContext> {
        let config = lock(&self.command_line).clone();
        outside(gctx, &config)
    }

    /// What the `--config` arguments of the command line say, and apart from them those of an alias, if
    /// there are any.
    pub(super) fn arguments(
        &self,
        gctx: &GlobalContext,
    ) -> CargoResult<(ConfigValue, Option<ConfigValue>)> {
        let added = lock(&self.alias).clone();
        if added.is_empty() {
            return Ok((gctx.cli_args_as_table()?, None));
        }
        let of = |arguments: &[String]| outside(gctx, arguments)?.cli_args_as_table();
        let typed = lock(&self.command_line).clone();
        Ok((of(&typed)?, Some(of(&added)?)))
    }

    /// From now on, what comes from `source` may be asked for as if it came from what this stands in for,
    /// if it stands in for anything.
    pub fn note_source(&self, source: &dyn Source) {
        let (original, replacement) = (source.source_id(), source.replaced_source_id());
        if original != replacement {
            let mut originals = lock(&self.originals);
            originals.entry(replacement).or_default().insert(original);
        }
    }

    /// What stands in for `source`.
    pub(super) fn stand_ins(&self, source: SourceId) -> Vec<SourceId> {
        let originals = lock(&self.originals);
        let stand_in = originals.iter().filter(|(_, of)| of.contains(&source));
        stand_in.map(|(stand_in, _)| *stand_in).collect()
    }

    /// The package that is asked for where `source` carries `id`: of the registry that the source stands
    /// in for, or its own.
    ///
    /// A source can be used as it is and stand in for several at the same time. Then what the resolver
    /// chose tells which is meant, or else what the package's `claim` says that it was signed for. Those
    /// that it stands in for come first, so that nothing is gained by saying nothing.
    pub(super) fn asked_for(
        &self,
        source: SourceId,
        id: PackageId,
        claim: Option<&RegistryId>,
    ) -> PackageId {
        let originals = lock(&self.originals);
        let replaced = originals.get(&source).into_iter().flatten().copied();
        let all: Vec<_> = replaced
            .chain([source])
            .map(|original| id.with_source_id(original))
            .collect();
        let chosen = lock(&self.chosen);
        let is_chosen =
            |id: &&PackageId| chosen.contains_key(*id) || self.carried.is_resolved(**id);
        let is_signed_for = |id: &&PackageId| registry_id(id.source_id()).ok().as_ref() == claim;
        let fits = all.iter().find(is_chosen);
        let fits = fits.or_else(|| all.iter().find(|id| claim.is_some() && is_signed_for(id)));
        *fits.unwrap_or(&all[0])
    }

    /// What holds for the packages of the registry `source`. What stands in for the registry makes no
    /// difference.
    pub fn rules(&self, gctx: &GlobalContext, source: SourceId) -> CargoResult<Arc<Rules>> {
        if let Some(known) = lock(&self.rules).get(&source) {
            return Ok(Arc::clone(known));
        }
        let rules = Arc::new(Rules::of(gctx, registry_id(source)?)?);
        lock(&self.rules).insert(source, Arc::clone(&rules));
        Ok(rules)
    }

    /// A version was no candidate, by what was seen at a glance.
    pub(super) fn note_not_admitted(&self, id: PackageId, finding: Finding) {
        lock(&self.not_admitted).insert(id, finding);
    }

    /// The versions that were no candidates by what was seen at a glance, in order.
    pub(super) fn not_admitted(&self) -> Vec<(PackageId, Finding)> {
        let all = lock(&self.not_admitted);
        let each = all.iter().map(|(id, finding)| (*id, finding.clone()));
        each.collect()
    }

    /// Whether what comes from `source` is taken from a vendored folder.
    pub(super) fn is_vendored(&self, source: SourceId) -> bool {
        let originals = lock(&self.originals);
        originals.iter().any(|(stand_in, originals)| {
            *stand_in.kind() == SourceKind::Directory && originals.contains(&source)
        })
    }

    /// The package `id` was made by this very command, and is in `archive`, whose SHA-256 is `cksum` in
    /// hexadecimal digits.
    pub fn made_here(&self, id: PackageId, cksum: &str, archive: &File) {
        let version = id.version().to_string();
        let made = Made {
            name: id.name(),
            tree: tree_of(&id.name(), &version, archive).ok(),
            version,
            cksum: cksum.to_owned(),
        };
        lock(&self.made_here).push(made);
    }

    /// Whether this command made any package.
    pub(super) fn made_any(&self) -> bool {
        !lock(&self.made_here).is_empty()
    }

    /// Whether this command made an archive with this checksum.
    pub(super) fn made_archive(&self, cksum: &str) -> bool {
        lock(&self.made_here).iter().any(|made| made.cksum == cksum)
    }

    /// The files of the package that this command made and that has this summary. Others may claim its
    /// checksum: the files are what tells them apart.
    pub(super) fn made(&self, summary: &Summary) -> Option<Digest> {
        let made_here = lock(&self.made_here);
        let made = made_here.iter().find(|made| {
            made.name == summary.name()
                && made.version == summary.version().to_string()
                && Some(made.cksum.as_str()) == summary.checksum()
        });
        made?.tree
    }

    pub(super) fn choose(&self, id: PackageId, entry: &SharedEntry) {
        self.all_accepted.store(false, Ordering::Relaxed);
        let mut chosen = lock(&self.chosen);
        // What a package carries is found but where its index entry says nothing.
        if entry.carrier().is_some() || chosen.get(&id).is_none_or(|e| e.carrier().is_none()) {
            chosen.insert(id, SharedEntry::clone(entry));
        }
    }

    /// The resolver chose `id`, of which nobody has asked yet whether its entry or itself says anything of a
    /// signature.
    pub(super) fn note_resolved(&self, id: PackageId) {
        if self.carried.note_resolved(id) {
            self.all_accepted.store(false, Ordering::Relaxed);
        }
    }

    pub(super) fn chosen(&self, id: PackageId) -> Option<SharedEntry> {
        lock(&self.chosen).get(&id).cloned()
    }

    /// Memory with nothing in it, to be returned.
    pub(super) fn borrow_memory(&self) -> Vec<u8> {
        std::mem::take(&mut lock(&self.memory))
    }

    pub(super) fn return_memory(&self, mut memory: Vec<u8>) {
        memory.clear();
        *lock(&self.memory) = memory;
    }

    /// The archive of `id` is as it was signed, and can be unpacked.
    pub(super) fn note_archive(&self, id: PackageId, known: Known) {
        lock(&self.archives).insert(id, known);
    }

    pub(super) fn known_archive(&self, id: PackageId) -> Option<Known> {
        lock(&self.archives).get(&id).cloned()
    }

    /// Whether this command checked the archive of `id`.
    pub(super) fn is_checked(&self, id: PackageId) -> bool {
        lock(&self.archives).contains_key(&id)
    }

    /// What vendoring leaves out of the archive of `id`, where this command checked it.
    pub(super) fn left_out(&self, id: PackageId) -> Option<LeftOut> {
        self.known_archive(id).map(|known| known.left_out)
    }

    /// Whether [`all_is_accepted`](Self::all_is_accepted) was said since something was last chosen.
    pub(super) fn is_all_accepted(&self) -> bool {
        self.all_accepted.load(Ordering::Relaxed)
    }

    /// All that is chosen so far was found acceptable.
    pub(super) fn all_is_accepted(&self) {
        self.all_accepted.store(true, Ordering::Relaxed);
    }

    /// Somebody looked for a package by name, and found this.
    pub(super) fn note_shown(&self, id: PackageId, entry: &SharedEntry) {
        lock(&self.shown).insert(id, SharedEntry::clone(entry));
    }

    /// What was found of `id`, by whoever looked for it by name.
    pub(super) fn shown(&self, id: PackageId) -> Option<SharedEntry> {
        lock(&self.shown).get(&id).cloned()
    }

    /// All that the resolver chose and that says something of a signature.
    pub(super) fn all_chosen(&self) -> Vec<(PackageId, SharedEntry)> {
        let chosen = lock(&self.chosen);
        let each = |(id, entry): (&PackageId, &SharedEntry)| (*id, SharedEntry::clone(entry));
        chosen.iter().map(each).collect()
    }

    /// What was chosen and has no finding yet.
    pub(super) fn unchecked(&self) -> Vec<(PackageId, SharedEntry)> {
        let chosen = lock(&self.chosen);
        chosen
            .iter()
            .filter(|(_, entry)| entry.finding.get().is_none())
            .map(|(id, entry)| (*id, SharedEntry::clone(entry)))
            .collect()
    }

    /// Takes `id` out of the resolver's sight. `false` where it was out of it already.
    pub(super) fn pass_over(&self, id: PackageId, reason: String) -> bool {
        lock(&self.chosen).remove(&id);
        lock(&self.passed_over).insert(id, reason).is_none()
    }

    /// Takes everything out of the resolver's sight that is signed as `signer` with `key`.
    pub(super) fn pass_over_key(&self, signer: &Identity, key: &PublicKey, reason: String) {
        lock(&self.withdrawn).insert((signer.clone(), *key), reason);
    }

    /// Why nothing counts that the key of this entry signed, where that is known.
    pub(super) fn key_passed_over(&self, entry: &SharedEntry) -> Option<String> {
        let withdrawn = lock(&self.withdrawn);
        if withdrawn.is_empty() {
            return None;
        }
        let locator = &entry.fields()?.locator;
        let signer = Identity::new(locator.provider(), locator.user()).ok()?;
        withdrawn.get(&(signer, *locator.key())).cloned()
    }

    pub(super) fn passed_over(&self, id: PackageId) -> Option<String> {
        lock(&self.passed_over).get(&id).cloned()
    }

    /// Keeps what to do about a version that the resolver did not get to see, for the error that
    /// may come of it.
    pub(super) fn advise(&self, advice: String) {
        *lock(&self.advice) = Some(advice);
    }

    /// The error with the advice that was kept, if any.
    pub(super) fn with_advice(&self, error: anyhow::Error) -> anyhow::Error {
        match (lock(&self.advice).take(), error.chain().count()) {
            // An error with causes is printed with them below it, where a line of help would be lost.
            (Some(advice), 1) => anyhow::format_err!("{error}\n\nhelp: {advice}"),
            _ => error,
        }
    }

    /// The key whose public half is `key`, if it was opened in this command.
    pub(super) fn opened(&self, key: &PublicKey) -> Option<Arc<SecretKey>> {
        let opened = lock(&self.opened);
        opened
            .iter()
            .find(|open| open.public_key() == *key)
            .cloned()
    }

    /// Keeps a key open until the command ends.
    pub(super) fn keep_open(&self, key: SecretKey) -> Arc<SecretKey> {
        let key = Arc::new(key);
        lock(&self.opened).push(Arc::clone(&key));
        key
    }

    /// Whether `what` was not said before in this command. It counts as said from then on.
    pub(super) fn is_said_first(&self, what: String) -> bool {
        lock(&self.said).insert(what)
    }

    /// Warns, once a command for everything that is said about `what`.
    pub(super) fn warn_once(
        &self,
        gctx: &GlobalContext,
        what: String,
        warning: String,
    ) -> CargoResult<()> {
        match self.is_said_first(what) {
            true => gctx.shell().warn(warning),
            false => Ok(()),
        }
    }
}

/// The identity of the registry behind `source`, as it is signed.
pub(super) fn registry_id(source: SourceId) -> CargoResult<RegistryId> {
    if source.is_crates_io() {
        return Ok(RegistryId::crates_io());
    }
    Ok(RegistryId::from_index_url(source.url().as_str())?)
}

/// A thread that panicked while it held one of these maps left it whole.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The time by this machine's clock, in Unix seconds.
pub(super) fn unix_now() -> CargoResult<u64> {
    Ok(SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .context("the clock of this machine is set to before 1970")?
        .as_secs())
}

/// A context with these `--config` arguments, the environment and `$CARGO_HOME`, which prints nothing.
fn outside(gctx: &GlobalContext, arguments: &[String]) -> CargoResult<GlobalContext> {
    let home = gctx.home().as_path_unlocked().to_owned();
    let shell = Shell::from_write(Box::new(std::io::sink()));
    let mut own = GlobalContext::new(shell, home.clone(), home.clone());
    own.set_search_stop_path(&home);
    own.configure(0, true, None, false, false, false, &None, &[], arguments)?;
    Ok(own)
}

/// The `--config` arguments that the process itself was given.
fn typed_config() -> Vec<OsString> {
    let mut all = std::env::args_os();
    let mut typed = Vec::new();
    while let Some(arg) = all.next().filter(|arg| arg != "--") {
        match arg.to_str() {
            Some("--config") => typed.extend(all.next()),
            Some(arg) => typed.extend(arg.strip_prefix("--config=").map(OsString::from)),
            None => {}
        }
    }
    typed
}
