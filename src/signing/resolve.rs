//! What the resolver may choose from, and whether what it chose is accepted.
//!
//! The resolver asks for the versions of a package many times, and looks at far more of them than
//! it takes. So the work is divided:
//!
//! 1. [`admits`] is asked of every entry, and looks only at what costs nothing: is there a
//!    signature at all, who claims to have made it, and is that somebody who may?
//! 2. [`settle`] looks at what the resolver chose. There, and only there, signatures are checked and
//!    keys asked for. A version that is passed over is taken out of sight, and the resolver starts
//!    again. Every round takes out at least one, so the rounds end.
//!
//! Where the index says nothing of a signature, the package may, and a version is a candidate until that is
//! known. What the resolver chose of these is downloaded in [`settle`], where policy needs an answer, and
//! those that carry nothing are no candidates from then on.
//!
//! What `Cargo.lock` names is not checked here but when it is unpacked or compiled, so that a build
//! in which nothing is to be done checks no signature. But where the resolver chose something new, or was
//! run to look for it (`cargo update`), what stays is looked at as well ([`kept`]): its signers are asked
//! again where they were not for long, so that a project with a lockfile hears of a revocation, too.

use std::collections::BTreeMap;
use std::sync::Arc;

use consign_policy::{Choice, Finding, Level, Verdict, ended};
use consign_signers::Line;
use consign_statement::Claim;

use super::archive::say_downloaded;
use super::carried::{Doing, check_archives, look_at, matters, may_carry, says_nothing};
use super::check::{check, check_all, demand, record, refused, rule, say, without_entry};
use super::cores::on_all_cores;
use super::entry::SharedEntry;
use super::lookup::Freshness;
use super::report;
use super::signers::Rules;
use super::sources::{packages, versions};
use crate::core::registry::PackageRegistry;
use crate::core::{PackageId, Resolve, Summary};
use crate::sources::IndexSummary;
use crate::sources::source::{QueryKind, Source};
use crate::{CargoResult, GlobalContext};

mod before;
mod kept;
mod updates;

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
    let Some(why_not) = why_not(gctx, summary) else {
        if kind == QueryKind::Normalized
            && let Some(entry) = summary.signed()
        {
            gctx.signing.note_shown(summary.package_id(), entry);
        }
        return true;
    };
    if let WhyNot::Rules(finding, rules) = why_not {
        let id = summary.package_id();
        // Whoever looks for a package by a name that may be misspelt (`cargo add`, `cargo info`) would
        // only be told that there is none.
        if kind == QueryKind::Normalized {
            let name = id.name();
            let rule = rule(gctx, id, &rules);
            let warning = report::left_out(name, &finding, &rule);
            // A warning that cannot be printed changes nothing.
            let _ = gctx
                .signing
                .warn_once(gctx, format!("left out: {name}"), warning);
        }
        gctx.signing.note_not_admitted(id, *finding);
    }
    false
}

/// Why a version cannot be chosen, as the rest of a sentence that begins with it.
pub fn refusal(gctx: Option<&GlobalContext>, summary: &Summary) -> String {
    let refused = gctx.and_then(|gctx| Some((gctx, why_not(gctx, summary)?)));
    match refused {
        Some((_, WhyNot::PassedOver(reason))) => reason,
        Some((gctx, WhyNot::Rules(finding, rules))) => {
            let rule = rule(gctx, summary.package_id(), &rules);
            gctx.signing.advise(report::help(&finding, &rule));
            report::not_admitted(&finding, &rule)
        }
        Some((gctx, WhyNot::NotTried(finding, rules))) => {
            let rule = rule(gctx, summary.package_id(), &rules);
            gctx.signing.advise(report::help(&finding, &rule));
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
    /// By what is seen at a glance, these rules do not accept it.
    Rules(Box<Finding>, Arc<Rules>),
    /// It may carry a signature, as others that were looked at in vain; what it is without one.
    NotTried(Box<Finding>, Arc<Rules>),
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
    if !is_from_registry(id) || gctx.signing.only_looks() {
        return None;
    }
    // Rules that cannot be read have ended the command before this. A registry that has no
    // identity cannot be looked up in them: nobody allows what comes from there.
    let Ok(rules) = gctx.signing.rules(gctx, id.source_id()) else {
        return match summary.signed().map(|entry| entry.claim()) {
            Some(Ok(Claim::Signed(_)) | Err(_)) => None,
            _ => Some(WhyNot::NoIdentity),
        };
    };
    let finding = at_a_glance(gctx, &rules, summary)?;
    if gctx.signing.made(summary).is_some() {
        return None;
    }
    let verdict = Verdict::of(&finding, &rules.levels(), Choice::Free);
    let passes = matches!(verdict, Verdict::Accept | Verdict::AcceptAndSay);
    // What the index says nothing of is known when the package was looked at.
    if may_carry(summary) && !gctx.signing.carried.is_unsigned(id) {
        let is_tried = gctx.signing.carried.is_tried_enough(id);
        return (is_tried && !passes).then(|| WhyNot::NotTried(Box::new(finding), rules));
    }
    match verdict {
        Verdict::Accept | Verdict::AcceptAndSay => None,
        Verdict::PassOver | Verdict::Refuse => Some(WhyNot::Rules(Box::new(finding), rules)),
    }
}

/// What can be said of an entry before its signature is checked, where it makes a difference: no entry
/// is read that any rule would let pass.
fn at_a_glance(gctx: &GlobalContext, rules: &Rules, summary: &Summary) -> Option<Finding> {
    let id = summary.package_id();
    if lets_all_pass(gctx, rules, id).ok()? {
        return None;
    }
    let expected = rules.expected(gctx.signing.serving(gctx).ok()?, &id.name());
    let claim = summary.signed().map(|entry| entry.claim());
    Finding::at_a_glance(
        &expected,
        id.version(),
        claim.unwrap_or(Ok(&Claim::Unsigned)),
    )
}

/// Whether `rules` let every version of a package pass, as far as can be seen at a glance.
fn lets_all_pass(gctx: &GlobalContext, rules: &Rules, id: PackageId) -> CargoResult<bool> {
    let levels = rules.levels();
    Ok(levels.unsigned == Level::Allow
        && levels.new_signer != Level::Deny
        && rules
            .expected(gctx.signing.serving(gctx)?, &id.name())
            .package
            .is_none())
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
        let judged = judged_at_a_glance(gctx, &resolved)?;
        read_claims(previous, &resolved, &judged);
        let unknown = unknown(gctx, previous, &resolved)?;
        let none_is_refused = look(gctx, &unknown)?;
        let mut at_a_glance_only = Vec::new();
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
        }
        for (id, rules) in judged {
            let summary = resolved.summary(id);
            // A program to be installed is here as a member of a workspace, without its entry, and
            // was accepted before.
            let accepted_before = may_carry(summary)
                && gctx
                    .signing
                    .chosen(id)
                    .is_some_and(|entry| !says_nothing(&entry));
            // What `Cargo.lock` names, and may carry a signature, is looked at when it is compiled.
            let is_known = !may_carry(summary) || gctx.signing.carried.is_unsigned(id);
            if is_known
                && !accepted_before
                && let Some(finding) = at_a_glance(gctx, &rules, summary)
            {
                at_a_glance_only.push((summary, finding, rules));
            }
        }
        if gctx.signing.only_looks() {
            return Ok(resolved);
        }
        if accept(gctx, registry, previous, &resolved, &fresh)? && none_is_refused {
            hold_to(gctx, &unknown)?;
            accept_at_a_glance(gctx, &at_a_glance_only)?;
            accept_git(gctx, &resolved)?;
            let kept = kept::accept(gctx, previous, &resolved)?;
            say_what_was_missed(gctx, &resolved)?;
            before::look_beside(gctx, &resolved, &fresh)?;
            updates::say(gctx, previous, registry, &fresh)?;
            record(gctx, &[fresh, kept].concat())?;
            return Ok(resolved);
        }
    }
    Err(report::too_many_passed_over(MAX_ROUNDS))
}

/// The packages for which it makes a difference what is seen of them at a glance, with their rules.
fn judged_at_a_glance(
    gctx: &GlobalContext,
    resolved: &Resolve,
) -> CargoResult<Vec<(PackageId, Arc<Rules>)>> {
    let mut judged = Vec::new();
    for id in resolved.iter().filter(|id| is_from_registry(*id)) {
        let rules = gctx.signing.rules(gctx, id.source_id())?;
        if !lets_all_pass(gctx, &rules, id)? {
            judged.push((id, rules));
        }
    }
    Ok(judged)
}

/// Reads what the entries of packages that are judged here say of their signatures, on all cores: with
/// hundreds of packages it is most of what signing adds to a command in which nothing is to be done.
fn read_claims(previous: Option<&Resolve>, resolved: &Resolve, judged: &[(PackageId, Arc<Rules>)]) {
    let is_fresh = |id: &PackageId| !previous.is_some_and(|previous| previous.contains(id));
    let fresh = resolved.iter().filter(is_fresh);
    let read = fresh.chain(judged.iter().map(|(id, _)| *id));
    let entries: Vec<_> = read
        .filter_map(|id| resolved.summary(id).signed())
        .collect();
    on_all_cores(&entries, |entry| {
        let _ = entry.claim();
    });
}

/// What the resolver chose and is not known yet, though policy needs an answer.
fn unknown(
    gctx: &GlobalContext,
    previous: Option<&Resolve>,
    resolved: &Resolve,
) -> CargoResult<Vec<PackageId>> {
    let mut unknown = Vec::new();
    for id in resolved.iter().filter(|id| is_from_registry(*id)) {
        let summary = resolved.summary(id);
        if gctx.signing.made(summary).is_some() {
            continue;
        }
        gctx.signing.note_resolved(id);
        let is_locked = previous.is_some_and(|previous| previous.contains(&id));
        if is_locked || !may_carry(summary) {
            continue;
        }
        let entry = gctx.signing.chosen(id);
        let is_known = entry.is_some_and(|entry| !says_nothing(&entry));
        if !is_known && matters(gctx, id)? {
            unknown.push(id);
        }
    }
    Ok(unknown)
}

/// Looks at packages that may carry a signature. `false` where one of them has to have one and has none.
fn look(gctx: &GlobalContext, unknown: &[PackageId]) -> CargoResult<bool> {
    if unknown.is_empty() {
        return Ok(true);
    }
    let was_unsigned: Vec<_> = unknown
        .iter()
        .filter(|id| gctx.signing.carried.is_unsigned(**id))
        .collect();
    look_at(gctx, &packages(gctx, unknown)?, unknown, Doing::LookAhead)?;
    let mut none_is_refused = true;
    for id in unknown {
        if !gctx.signing.carried.is_unsigned(*id) {
            continue;
        }
        let rules = gctx.signing.rules(gctx, id.source_id())?;
        let finding = without_entry(gctx, *id, &rules)?;
        match Verdict::of(&finding, &rules.levels(), Choice::Free) {
            Verdict::Accept | Verdict::AcceptAndSay => {}
            // A `[patch]` names it in spite of that.
            Verdict::PassOver | Verdict::Refuse if was_unsigned.contains(&id) => {
                return Err(refused(gctx, *id, &finding, &rules));
            }
            Verdict::PassOver | Verdict::Refuse => none_is_refused = false,
        }
    }
    Ok(none_is_refused)
}

/// Checks the archives of packages that are settled upon, and tells of those that were downloaded.
fn hold_to(gctx: &GlobalContext, unknown: &[PackageId]) -> CargoResult<()> {
    if unknown.is_empty() {
        return Ok(());
    }
    let is_signed = |id: &PackageId| !gctx.signing.carried.is_unsigned(*id);
    let signed: Vec<_> = unknown.iter().copied().filter(is_signed).collect();
    check_archives(gctx, &packages(gctx, &signed)?, &signed)?;
    say_downloaded(gctx, unknown)
}

/// Accepts a package that the user named, such as the one to be installed, which `source` has, or says
/// why not.
pub fn named(gctx: &GlobalContext, source: &mut dyn Source, summary: &Summary) -> CargoResult<()> {
    gctx.signing.note_source(source);
    let id = summary.package_id();
    // What may carry a signature is looked at when it is downloaded.
    if is_from_registry(id) && !may_carry(summary) {
        if let Some(entry) = summary.signed()
            && let Finding::EndedKey { .. } = check(gctx, id, entry)?
        {
            let versions = versions(source, id.name(), id.source_id())?;
            if is_not_new(gctx, id, entry, versions)? {
                gctx.signing.choose(id, entry);
            }
        }
        demand(gctx, id, summary.signed())?;
        if let Some(entry) = summary.signed() {
            gctx.signing.choose(id, entry);
            record(gctx, &[(id, entry.clone())])?;
        }
    }
    Ok(())
}

/// Checks what was newly chosen. `false` where a version of it was passed over.
fn accept(
    gctx: &GlobalContext,
    registry: &mut PackageRegistry<'_>,
    previous: Option<&Resolve>,
    resolved: &Resolve,
    fresh: &[(PackageId, SharedEntry)],
) -> CargoResult<bool> {
    check_all(gctx, fresh, Freshness::Resolving)?;

    let mut passed_over = Vec::new();
    for (id, entry) in fresh {
        let Some(finding) = entry.finding.get() else {
            continue;
        };
        if let Finding::EndedKey { .. } = finding {
            let versions = versions(registry, id.name(), id.source_id())?;
            if is_not_new(gctx, *id, entry, versions)? {
                say(gctx, *id, finding)?;
                continue;
            }
        }
        let rules = gctx.signing.rules(gctx, id.source_id())?;
        match Verdict::of(finding, &rules.levels(), Choice::Free) {
            Verdict::Accept => {}
            Verdict::AcceptAndSay => say(gctx, *id, finding)?,
            Verdict::PassOver => passed_over.push((*id, finding.clone(), rules)),
            Verdict::Refuse => return Err(refused(gctx, *id, finding, &rules)),
        }
    }
    if let Some(previous) = previous {
        for (id, finding) in before::unlike(gctx, previous, registry, resolved)? {
            let rules = gctx.signing.rules(gctx, id.source_id())?;
            passed_over.push((id, finding, rules));
        }
    }
    for (id, finding, rules) in &passed_over {
        let rule = rule(gctx, *id, rules);
        let warning = report::passed_over(id, finding, &rule);
        let reason = report::not_admitted(finding, &rule);
        if let Some((signer, key)) = finding.disowned() {
            gctx.signing.pass_over_key(signer, key, reason.clone());
        }
        if !gctx.signing.pass_over(*id, reason) {
            // A `[patch]` or a source that does not ask us first names it in spite of that.
            return Err(refused(gctx, *id, finding, rules));
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
    check_all(gctx, &witnesses, Freshness::Resolving)?;
    let levels = gctx.signing.rules(gctx, id.source_id())?.levels();
    let signer = |entry: &SharedEntry| Some(entry.finding.get()?.published()?.signer().clone());
    let owner = signer(entry);
    // Of a newcomer nobody knows whether he signs this package, but that he is who signed the other version.
    let counts = |other: &SharedEntry| match other.finding.get() {
        Some(Finding::Verified(_)) => true,
        Some(newcomer @ Finding::UnknownSigner(_)) => {
            let verdict = Verdict::of(newcomer, &levels, Choice::Free);
            matches!(verdict, Verdict::Accept | Verdict::AcceptAndSay) && signer(other) == owner
        }
        _ => false,
    };
    let in_use = witnesses.iter().filter(|(_, entry)| counts(entry));
    Ok(ended::is_not_new(
        id.version(),
        in_use.map(|(id, _)| id.version()),
    ))
}

/// Accepts what was chosen without a signature, or says why not: with one line for all of it where that is
/// asked for.
fn accept_at_a_glance(
    gctx: &GlobalContext,
    chosen: &[(&Summary, Finding, Arc<Rules>)],
) -> CargoResult<()> {
    let mut names = Vec::new();
    for (summary, finding, rules) in chosen {
        let id = summary.package_id();
        if gctx.signing.made(summary).is_some() {
            continue;
        }
        match Verdict::of(finding, &rules.levels(), Choice::Named) {
            Verdict::Accept => {}
            Verdict::AcceptAndSay => names.push(format!("{} v{}", id.name(), id.version())),
            // It did not come to be chosen through `admits`: a `[patch]` names it.
            Verdict::PassOver | Verdict::Refuse => return Err(refused(gctx, id, finding, rules)),
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

/// Accepts git dependencies, which nobody signs for, or says that they are not.
fn accept_git(gctx: &GlobalContext, resolved: &Resolve) -> CargoResult<()> {
    let mut git = resolved
        .iter()
        .filter(|id| id.source_id().is_git())
        .peekable();
    if git.peek().is_none() {
        return Ok(());
    }
    let set = gctx.signing.policy(gctx)?.git();
    let names: Vec<_> = git.map(|id| id.to_string()).collect();
    match set.level {
        Level::Allow => Ok(()),
        Level::Warn => {
            let warning = report::accepted_git(&names);
            gctx.signing.warn_once(gctx, "git".to_owned(), warning)
        }
        Level::Deny => Err(report::refused_git(
            &names,
            &set.origin.unwrap_or_default(),
            &gctx.diagnostic_home_config(),
        )),
    }
}

/// Tells of versions that were no candidates and would have been better ones than those of their package
/// that were chosen. Who asked for no other version than he got, as every locked build does, missed none.
fn say_what_was_missed(gctx: &GlobalContext, resolved: &Resolve) -> CargoResult<()> {
    let mut newest: BTreeMap<_, (PackageId, Finding)> = BTreeMap::new();
    for (id, finding) in gctx.signing.not_admitted() {
        // Where signatures are required, what has none is not missed.
        if matches!(finding, Finding::Unsigned { .. }) {
            continue;
        }
        let same =
            |other: &PackageId| other.name() == id.name() && other.source_id() == id.source_id();
        let chosen: Vec<_> = resolved.iter().filter(same).collect();
        let line = Line::of(id.version());
        let of_line = chosen
            .iter()
            .filter(|other| Line::of(other.version()) == line);
        // Another line is none that it would have been chosen in the place of, unless that is older.
        let instead = match of_line.max() {
            Some(other) => id.version() > other.version(),
            None => chosen
                .iter()
                .max()
                .is_some_and(|other| id.version() > other.version()),
        };
        if instead {
            newest.insert((id.name(), id.source_id(), line), (id, finding));
        }
    }
    for (id, finding) in newest.into_values() {
        let rules = gctx.signing.rules(gctx, id.source_id())?;
        let warning = report::passed_over(id, &finding, &rule(gctx, id, &rules));
        gctx.signing
            .warn_once(gctx, format!("missed: {id}"), warning)?;
    }
    Ok(())
}
