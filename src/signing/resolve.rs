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
//! What `Cargo.lock` names is not checked here but when it is unpacked or compiled, so that a build
//! in which nothing is to be done checks no signature.

use std::collections::BTreeMap;
use std::sync::Arc;

use consign_policy::{Choice, Finding, Level, Verdict};
use consign_signers::Line;
use consign_statement::Claim;

use super::check::{check_all, demand, record, refused, rule, say};
use super::entry::SharedEntry;
use super::lookup::Freshness;
use super::report;
use super::signers::Rules;
use crate::core::registry::PackageRegistry;
use crate::core::{PackageId, Resolve, Summary};
use crate::sources::IndexSummary;
use crate::sources::source::QueryKind;
use crate::{CargoResult, GlobalContext};

mod updates;

/// How often the resolver is started again. A registry could otherwise keep it busy for as long as it
/// has versions to offer that nobody signed.
const MAX_ROUNDS: usize = 100;

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
    match Verdict::of(&finding, &rules.levels(), Choice::Free) {
        Verdict::Accept | Verdict::AcceptAndSay => None,
        Verdict::PassOver | Verdict::Refuse => Some(WhyNot::Rules(Box::new(finding), rules)),
    }
}

/// What can be said of an entry before its signature is checked, where it makes a difference: no entry
/// is read that any rule would let pass.
fn at_a_glance(gctx: &GlobalContext, rules: &Rules, summary: &Summary) -> Option<Finding> {
    let id = summary.package_id();
    let expected = rules.expected(gctx.signing.serving(gctx).ok()?, &id.name());
    let levels = rules.levels();
    let everything_passes = levels.unsigned == Level::Allow && levels.new_signer != Level::Deny;
    if expected.package.is_none() && everything_passes {
        return None;
    }
    let claim = summary.signed().map(|entry| entry.claim());
    Finding::at_a_glance(
        &expected,
        id.version(),
        claim.unwrap_or(Ok(&Claim::Unsigned)),
    )
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
        let mut at_a_glance_only = Vec::new();
        let mut fresh = Vec::new();
        for id in resolved.iter().filter(|id| is_from_registry(*id)) {
            let summary = resolved.summary(id);
            if let Some(entry) = summary.signed() {
                gctx.signing.choose(id, entry);
                if !previous.is_some_and(|previous| previous.contains(&id)) {
                    fresh.push((id, entry.clone()));
                }
            }
            // A program to be installed is here as a member of a workspace, without its entry, and
            // was accepted before.
            let accepted_before = summary.signed().is_none() && gctx.signing.chosen(id).is_some();
            let rules = gctx.signing.rules(gctx, id.source_id())?;
            if !accepted_before && let Some(finding) = at_a_glance(gctx, &rules, summary) {
                at_a_glance_only.push((summary, finding, rules));
            }
        }
        if gctx.signing.only_looks() {
            return Ok(resolved);
        }
        if accept(gctx, &fresh)? {
            accept_at_a_glance(gctx, &at_a_glance_only)?;
            accept_git(gctx, &resolved)?;
            say_what_was_missed(gctx, &resolved)?;
            updates::say(gctx, previous, registry, &fresh)?;
            record(gctx, &fresh, Choice::Free)?;
            return Ok(resolved);
        }
    }
    Err(report::too_many_passed_over(MAX_ROUNDS))
}

/// Accepts a package that the user named, such as the one to be installed, or says why not.
pub fn named(gctx: &GlobalContext, summary: &Summary) -> CargoResult<()> {
    let id = summary.package_id();
    if is_from_registry(id) {
        demand(gctx, id, summary.signed())?;
        if let Some(entry) = summary.signed() {
            gctx.signing.choose(id, entry);
            record(gctx, &[(id, entry.clone())], Choice::Named)?;
        }
    }
    Ok(())
}

/// Checks what was newly chosen. `false` where a version of it was passed over.
fn accept(gctx: &GlobalContext, fresh: &[(PackageId, SharedEntry)]) -> CargoResult<bool> {
    check_all(gctx, fresh, Freshness::Resolving)?;

    let mut passed_over = Vec::new();
    for (id, entry) in fresh {
        let Some(finding) = entry.finding.get() else {
            continue;
        };
        let rules = gctx.signing.rules(gctx, id.source_id())?;
        match Verdict::of(finding, &rules.levels(), Choice::Free) {
            Verdict::Accept => {}
            Verdict::AcceptAndSay => say(gctx, *id, finding)?,
            Verdict::PassOver => passed_over.push((*id, finding, rules)),
            Verdict::Refuse => return Err(refused(gctx, *id, finding, &rules)),
        }
    }
    for (id, finding, rules) in &passed_over {
        let rule = rule(gctx, *id, rules);
        let warning = report::passed_over(id, finding, &rule);
        let reason = report::not_admitted(finding, &rule);
        if let Finding::WithdrawnKey { signer, key, how } = finding
            && how.whatever_it_signed()
        {
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
