//! What the resolver may choose from, and whether what it chose is accepted.
//!
//! The resolver asks for the versions of a package many times, and looks at far more of them than
//! it takes. So the work is divided:
//!
//! 1. [`admits`] is asked of every entry, and looks only at what costs nothing: is there a
//!    signature at all, and must there be one?
//! 2. [`settle`] looks at what the resolver chose. There, and only there, signatures are checked and
//!    keys asked for. A version that is passed over is taken out of sight, and the resolver starts
//!    again. Every round takes out at least one, so the rounds end.
//!
//! Where the index says nothing of a signature, the package may, and a version is a candidate until that is
//! known. What the resolver chose of these is downloaded in [`settle`], where policy needs an answer, and
//! those that carry nothing are no candidates from then on.
//!
//! What `Cargo.lock` names is not checked here but when it is unpacked or compiled, so that a build
//! in which nothing is to be done checks no signature.

use std::task::Poll;

use consign_policy::{Choice, Effective, Finding, Level, Verdict, ended};
use consign_statement::Claim;

use super::archive::say_downloaded;
use super::carried::{check_archives, look_at, matters, may_carry, packages, says_nothing};
use super::check::{check, check_all, demand, refused, rule, say_unchecked};
use super::entry::SharedEntry;
use super::lookup::Freshness;
use super::report;
use crate::core::registry::{PackageRegistry, Registry as _};
use crate::core::{Dependency, PackageId, Resolve, Summary};
use crate::sources::IndexSummary;
use crate::sources::source::{QueryKind, Source};
use crate::{CargoResult, GlobalContext};

/// How often the resolver is started again. A registry could otherwise keep it busy for as long as it
/// has versions to offer that nobody signed.
const MAX_ROUNDS: usize = 100;
/// How many other versions are looked at to find out whether one is new. A registry could otherwise have
/// any number of signatures checked, and accounts asked about.
const MAX_WITNESSES: usize = 16;

/// Whether an entry that a source hands on may be a candidate.
pub fn admits(gctx: &GlobalContext, kind: QueryKind, summary: &IndexSummary) -> bool {
    // Who asks for rejected versions wants to say why; see `refusal`.
    if kind == QueryKind::RejectedVersions {
        return true;
    }
    let summary = summary.as_summary();
    let why_not = why_not(gctx, summary);
    // Whoever looks for a package by a name that may be misspelt (`cargo add`, `cargo info`) would
    // only be told that there is none.
    if let (QueryKind::Normalized, Some(WhyNot::Unsigned(_, required))) = (kind, &why_not) {
        let name = summary.package_id().name();
        let rule = rule(gctx, summary.source_id(), required);
        let warning = report::left_out(name, &rule);
        // A warning that cannot be printed changes nothing.
        let _ = gctx
            .signing
            .warn_once(gctx, format!("left out: {name}"), warning);
    }
    why_not.is_none()
}

/// Why a version cannot be chosen, as the rest of a sentence that begins with it.
pub fn refusal(gctx: Option<&GlobalContext>, summary: &Summary) -> String {
    let refused = gctx.and_then(|gctx| Some((gctx, why_not(gctx, summary)?)));
    match refused {
        Some((_, WhyNot::PassedOver(reason))) => reason,
        Some((gctx, WhyNot::Unsigned(finding, required))) => {
            let rule = rule(gctx, summary.source_id(), &required);
            gctx.signing.advise(report::help_unsigned(&rule));
            report::not_admitted(&finding, &rule)
        }
        Some((gctx, WhyNot::NotTried(required))) => {
            let rule = rule(gctx, summary.source_id(), &required);
            gctx.signing.advise(report::help_unsigned(&rule));
            report::not_tried()
        }
        Some((_, WhyNot::NoIdentity)) => {
            "comes from a registry whose address cannot be signed".to_owned()
        }
        None => "is unavailable".to_owned(),
    }
}

/// Why a version is no candidate. It is worded only where it is told: most versions are asked about
/// many times, and told of never.
enum WhyNot {
    /// It, or its key, was found wanting before; how, in words.
    PassedOver(String),
    /// It has no signature, and by this rule it must have one.
    Unsigned(Box<Finding>, Effective),
    /// It may carry one, as others that were looked at in vain.
    NotTried(Effective),
    /// It comes from a registry that no rule can name.
    NoIdentity,
}

fn why_not(gctx: &GlobalContext, summary: &Summary) -> Option<WhyNot> {
    let id = summary.package_id();
    if let Some(reason) = gctx.signing.passed_over(id) {
        return Some(WhyNot::PassedOver(reason));
    }
    if let Some(entry) = summary.signed()
        && let Some(reason) = gctx.signing.key_passed_over(entry)
    {
        return Some(WhyNot::PassedOver(reason));
    }
    if !is_from_registry(id) {
        return None;
    }
    // A policy that cannot be read has ended the command before this. A registry that has no
    // identity cannot be looked up in it: nobody allows what comes from there.
    let Ok(required) = gctx.signing.required(gctx, id.source_id()) else {
        return unsigned(summary).map(|_| WhyNot::NoIdentity);
    };
    let unsigned = unsigned_by(&required, summary)?;
    if gctx.signing.made(summary).is_some() {
        return None;
    }
    // What the index says nothing of is known when the package was looked at.
    if may_carry(summary) && !gctx.signing.carried.is_unsigned(id) {
        let is_tried = gctx.signing.carried.is_tried_enough(id);
        return (is_tried && required.level == Level::Deny).then_some(WhyNot::NotTried(required));
    }
    match Verdict::of(&unsigned, required.level, Choice::Free) {
        Verdict::Accept | Verdict::AcceptAndSay => None,
        Verdict::PassOver | Verdict::Refuse => Some(WhyNot::Unsigned(Box::new(unsigned), required)),
    }
}

/// [`unsigned`], where it makes a difference: no entry is read that any rule would let pass.
fn unsigned_by(required: &Effective, summary: &Summary) -> Option<Finding> {
    match required.level {
        Level::Allow => None,
        Level::Warn | Level::Deny => unsigned(summary),
    }
}

/// The finding of an entry in which there is no signature to be checked. `None` where there is one,
/// and for what comes from no registry.
fn unsigned(summary: &Summary) -> Option<Finding> {
    if !is_from_registry(summary.package_id()) {
        return None;
    }
    match summary.signed().map(|entry| entry.claim()) {
        None | Some(Ok(Claim::Unsigned)) => Some(Finding::Unsigned { version: None }),
        Some(Ok(Claim::UnknownVersion(v))) => Some(Finding::Unsigned { version: Some(*v) }),
        // Malformed ones are checked with the rest: what is chosen stops the command, what is
        // merely listed does not.
        Some(Ok(Claim::Signed(_)) | Err(_)) => None,
    }
}

/// Vendored packages count: their source stands in for a registry.
pub(super) fn is_from_registry(id: PackageId) -> bool {
    !id.source_id().is_path() && !id.source_id().is_git()
}

/// Resolves, and accepts or refuses what was chosen, before anything is downloaded for it or a
/// lockfile written.
///
/// `previous` is what `Cargo.lock` says; `resolve` runs the resolver once.
pub fn settle<'gctx>(
    gctx: &GlobalContext,
    previous: Option<&Resolve>,
    registry: &mut PackageRegistry<'gctx>,
    resolve: impl Fn(&mut PackageRegistry<'gctx>) -> CargoResult<Resolve>,
) -> CargoResult<Resolve> {
    for _ in 0..MAX_ROUNDS {
        let resolved = resolve(registry).map_err(|error| gctx.signing.with_advice(error))?;
        let unknown = unknown(gctx, previous, &resolved)?;
        let none_is_refused = look(gctx, &unknown)?;
        let mut unsigned_ones = Vec::new();
        let mut fresh = Vec::new();
        for id in resolved.iter().filter(|id| is_from_registry(*id)) {
            let summary = resolved.summary(id);
            if let Some(entry) = summary.signed() {
                gctx.signing.choose(id, entry);
            }
            if !previous.is_some_and(|previous| previous.contains(&id))
                && let Some(entry) = gctx.signing.chosen(id)
            {
                fresh.push((id, entry));
            }
            // A program to be installed is here as a member of a workspace, without its entry, and
            // was accepted before.
            let accepted_before = may_carry(summary)
                && gctx
                    .signing
                    .chosen(id)
                    .is_some_and(|entry| !says_nothing(&entry));
            // What `Cargo.lock` names, and may carry a signature, is looked at when it is compiled.
            let is_known = !may_carry(summary) || gctx.signing.carried.is_unsigned(id);
            let required = gctx.signing.required(gctx, id.source_id())?;
            if is_known && unsigned_by(&required, summary).is_some() && !accepted_before {
                unsigned_ones.push(summary);
            }
        }
        let all_accepted = accept(gctx, registry, &fresh)?;
        if all_accepted && none_is_refused {
            hold_to(gctx, &unknown)?;
            accept_unsigned(gctx, &unsigned_ones)?;
            return Ok(resolved);
        }
    }
    Err(report::too_many_passed_over(MAX_ROUNDS))
}

/// What the resolver chose and is not known yet, though policy needs an answer.
fn unknown(
    gctx: &GlobalContext,
    previous: Option<&Resolve>,
    resolved: &Resolve,
) -> CargoResult<Vec<PackageId>> {
    let mut unknown = Vec::new();
    for id in resolved.iter() {
        let summary = resolved.summary(id);
        if !may_carry(summary) || gctx.signing.made(summary).is_some() {
            continue;
        }
        gctx.signing.choose_undecided(id);
        let is_known = previous.is_some_and(|previous| previous.contains(&id))
            || gctx
                .signing
                .chosen(id)
                .is_some_and(|entry| !says_nothing(&entry));
        if !is_known && matters(gctx.signing.required(gctx, id.source_id())?.level) {
            unknown.push(id);
        }
    }
    Ok(unknown)
}

/// Looks at packages that may carry a signature. `false` where one of them has to have one and has none.
fn look(gctx: &GlobalContext, unknown: &[PackageId]) -> CargoResult<bool> {
    let was_unsigned: Vec<_> = unknown
        .iter()
        .filter(|id| gctx.signing.carried.is_unsigned(**id))
        .collect();
    look_at(gctx, &packages(gctx, unknown)?, unknown)?;
    let mut none_is_refused = true;
    for id in unknown {
        if !gctx.signing.carried.is_unsigned(*id) {
            continue;
        }
        let required = gctx.signing.required(gctx, id.source_id())?;
        let finding = Finding::Unsigned { version: None };
        match Verdict::of(&finding, required.level, Choice::Free) {
            Verdict::Accept | Verdict::AcceptAndSay => {}
            // A `[patch]` names it in spite of that.
            Verdict::PassOver | Verdict::Refuse if was_unsigned.contains(&id) => {
                return Err(refused(gctx, *id, &finding, &required));
            }
            Verdict::PassOver | Verdict::Refuse => none_is_refused = false,
        }
    }
    Ok(none_is_refused)
}

/// Checks the archives of packages that are settled upon, and tells of those that were downloaded.
fn hold_to(gctx: &GlobalContext, unknown: &[PackageId]) -> CargoResult<()> {
    let is_signed = |id: &PackageId| !gctx.signing.carried.is_unsigned(*id);
    let signed: Vec<_> = unknown.iter().copied().filter(is_signed).collect();
    check_archives(gctx, &packages(gctx, &signed)?, &signed)?;
    say_downloaded(gctx, unknown)
}

/// Accepts a package that the user named, such as the one to be installed, which `source` has, or says
/// why not.
pub fn named(gctx: &GlobalContext, source: &mut dyn Source, summary: &Summary) -> CargoResult<()> {
    let id = summary.package_id();
    // What may carry a signature is looked at when it is downloaded.
    if is_from_registry(id) && !may_carry(summary) {
        if let Some(entry) = summary.signed()
            && let Finding::EndedKey { .. } = check(gctx, id.source_id(), entry)?
        {
            let all = Dependency::parse(id.name(), None, id.source_id())?;
            let versions = loop {
                match source.query_vec(&all, QueryKind::RejectedVersions) {
                    Poll::Ready(versions) => break versions?,
                    Poll::Pending => source.block_until_ready()?,
                }
            };
            if is_not_new(gctx, id, entry, versions)? {
                gctx.signing.choose(id, entry);
            }
        }
        demand(gctx, id, id.source_id(), summary.signed())?;
        if let Some(entry) = summary.signed() {
            gctx.signing.choose(id, entry);
        }
    }
    Ok(())
}

/// Checks what was newly chosen. `false` where a version of it was passed over.
fn accept(
    gctx: &GlobalContext,
    registry: &mut PackageRegistry<'_>,
    fresh: &[(PackageId, SharedEntry)],
) -> CargoResult<bool> {
    let entries: Vec<_> = fresh
        .iter()
        .map(|(id, entry)| (id.source_id(), entry.clone()))
        .collect();
    check_all(gctx, &entries, Freshness::Resolving)?;

    let mut passed_over = Vec::new();
    for (id, entry) in fresh {
        let Some(finding) = entry.finding.get() else {
            continue;
        };
        if let Finding::EndedKey { .. } = finding {
            let all = Dependency::parse(id.name(), None, id.source_id())?;
            let versions = loop {
                match registry.query_vec(&all, QueryKind::RejectedVersions) {
                    Poll::Ready(versions) => break versions?,
                    Poll::Pending => registry.block_until_ready()?,
                }
            };
            if is_not_new(gctx, *id, entry, versions)? {
                continue;
            }
        }
        let required = gctx.signing.required(gctx, id.source_id())?;
        match Verdict::of(finding, required.level, Choice::Free) {
            Verdict::Accept => {}
            Verdict::AcceptAndSay => say_unchecked(gctx, finding)?,
            Verdict::PassOver => passed_over.push((*id, finding, required)),
            Verdict::Refuse => return Err(refused(gctx, *id, finding, &required)),
        }
    }
    for (id, finding, required) in &passed_over {
        let rule = rule(gctx, id.source_id(), required);
        let warning = report::passed_over(id, finding, &rule);
        let reason = report::reason(finding);
        if let Finding::WithdrawnKey { signer, key, how } = finding
            && how.whatever_it_signed()
        {
            gctx.signing.pass_over_key(signer, key, reason.clone());
        }
        if !gctx.signing.pass_over(*id, reason) {
            // A `[patch]` or a source that does not ask us first names it in spite of that.
            return Err(refused(gctx, *id, finding, required));
        }
        gctx.shell().warn(warning)?;
    }
    Ok(passed_over.is_empty())
}

/// Whether the version `id`, which is not in `Cargo.lock`, is known not to be new: one of `versions` of
/// the package is not below it, and signed with a key in use.
fn is_not_new(
    gctx: &GlobalContext,
    id: PackageId,
    entry: &SharedEntry,
    versions: Vec<IndexSummary>,
) -> CargoResult<bool> {
    let signed_with = |entry: &SharedEntry| Some(*entry.fields()?.locator.key());
    let ended_key = signed_with(entry);
    let mut witnesses: Vec<(PackageId, SharedEntry)> = versions
        .iter()
        .map(IndexSummary::as_summary)
        .filter(|other| other.source_id() == id.source_id() && other.name() == id.name())
        .filter(|other| ended::is_not_new(id.version(), [other.version()]))
        .filter_map(|other| Some((other.package_id(), SharedEntry::clone(other.signed()?))))
        .filter(
            |(_, other)| !matches!(signed_with(other), key if key.is_none() || key == ended_key),
        )
        .collect();
    witnesses.sort_by(|(one, _), (other, _)| other.version().cmp(one.version()));
    witnesses.truncate(MAX_WITNESSES);
    let entries = witnesses
        .iter()
        .map(|(id, entry)| (id.source_id(), entry.clone()));
    check_all(gctx, &entries.collect::<Vec<_>>(), Freshness::Resolving)?;
    let counts = |entry: &SharedEntry| matches!(entry.finding.get(), Some(Finding::Verified(_)));
    let in_use = witnesses.iter().filter(|(_, entry)| counts(entry));
    Ok(ended::is_not_new(
        id.version(),
        in_use.map(|(id, _)| id.version()),
    ))
}

/// Accepts what was chosen without a signature: with one line for all of it where that is asked for.
fn accept_unsigned(gctx: &GlobalContext, summaries: &[&Summary]) -> CargoResult<()> {
    let finding = Finding::Unsigned { version: None };
    let mut names = Vec::new();
    for summary in summaries {
        let id = summary.package_id();
        if gctx.signing.made(summary).is_some() {
            continue;
        }
        let required = gctx.signing.required(gctx, id.source_id())?;
        match Verdict::of(&finding, required.level, Choice::Named) {
            Verdict::Accept => {}
            Verdict::AcceptAndSay => names.push(format!("{} v{}", id.name(), id.version())),
            // It did not come to be chosen through `admits`: a `[patch]` names it.
            Verdict::PassOver | Verdict::Refuse => {
                return Err(refused(gctx, id, &finding, &required));
            }
        }
    }
    match names.is_empty() {
        true => Ok(()),
        false => {
            let warning = report::accepted_unsigned(&names);
            gctx.signing.warn_once(gctx, "unsigned".to_owned(), warning)
        }
    }
}
