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
//! What `Cargo.lock` names is not checked here but when it is unpacked, so that a build in which
//! nothing is to be done checks no signature.

use consign_policy::{Choice, Finding, Verdict};
use consign_statement::Claim;

use super::check::check_all;
use super::context::registry_id;
use super::entry::SharedEntry;
use super::lookup::Freshness;
use super::report;
use crate::core::registry::PackageRegistry;
use crate::core::{PackageId, Resolve, Summary};
use crate::sources::source::QueryKind;
use crate::sources::{CRATES_IO_REGISTRY, IndexSummary};
use crate::{CargoResult, GlobalContext};

/// Whether an entry that a source hands on may be a candidate.
pub fn admits(gctx: &GlobalContext, kind: QueryKind, summary: &IndexSummary) -> bool {
    // Who asks for rejected versions wants to say why; see `refusal`.
    kind == QueryKind::RejectedVersions || why_not(gctx, summary.as_summary()).is_none()
}

/// Why a version cannot be chosen, as the rest of a sentence that begins with it.
pub fn refusal(gctx: Option<&GlobalContext>, summary: &Summary) -> String {
    gctx.and_then(|gctx| why_not(gctx, summary))
        .unwrap_or_else(|| "is unavailable".to_owned())
}

fn why_not(gctx: &GlobalContext, summary: &Summary) -> Option<String> {
    let id = summary.package_id();
    if let Some(reason) = gctx.signing.passed_over(id) {
        return Some(reason);
    }
    let unsigned = unsigned(summary)?;
    if summary
        .checksum()
        .is_some_and(|c| gctx.signing.was_made_here(c))
    {
        return None;
    }
    // A policy that cannot be read has ended the command before; a registry that has no identity
    // cannot be looked up in it, and is treated by nobody's leave.
    let (Ok(policy), Ok(registry)) = (gctx.signing.policy(gctx), registry_id(id.source_id()))
    else {
        return Some("comes from a registry that no signature can name".to_owned());
    };
    let required = policy.unsigned(&registry);
    match Verdict::of(&unsigned, required.level, Choice::Free) {
        Verdict::Accept | Verdict::AcceptAndSay => None,
        Verdict::PassOver | Verdict::Refuse => Some(format!(
            "{}, as {} requires",
            report::reason(&unsigned, policy),
            required.origin.as_deref().unwrap_or("policy")
        )),
    }
}

/// The finding of an entry in which there is no signature to be checked. `None` where there is one,
/// and for what comes from no registry.
fn unsigned(summary: &Summary) -> Option<Finding> {
    if !is_from_registry(summary.package_id()) {
        return None;
    }
    match summary.signed().map(|entry| &entry.claim) {
        None | Some(Ok(Claim::Unsigned)) => Some(Finding::Unsigned { version: None }),
        Some(Ok(Claim::UnknownVersion(v))) => Some(Finding::Unsigned { version: Some(*v) }),
        // Malformed ones are checked with the rest: what is chosen stops the command, what is
        // merely listed does not.
        Some(Ok(Claim::Signed(_)) | Err(_)) => None,
    }
}

/// Vendored packages count: their source stands in for a registry.
fn is_from_registry(id: PackageId) -> bool {
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
    loop {
        let resolved = resolve(registry)?;
        let mut unsigned_ones = Vec::new();
        let mut fresh = Vec::new();
        for id in resolved.iter().filter(|id| is_from_registry(*id)) {
            let summary = resolved.summary(id);
            if let Some(entry) = summary.signed() {
                gctx.signing.choose(id, entry);
                if !previous.is_some_and(|previous| previous.contains(&id)) {
                    fresh.push((id, entry.clone()));
                }
            }
            if unsigned(summary).is_some() {
                unsigned_ones.push(summary);
            }
        }
        let all_accepted = accept(gctx, &fresh)?;
        if all_accepted {
            say_unsigned(gctx, &unsigned_ones)?;
            return Ok(resolved);
        }
    }
}

/// Checks what was newly chosen. `false` where a version of it was passed over.
fn accept(gctx: &GlobalContext, fresh: &[(PackageId, SharedEntry)]) -> CargoResult<bool> {
    let entries: Vec<_> = fresh
        .iter()
        .map(|(id, entry)| (id.source_id(), entry.clone()))
        .collect();
    check_all(gctx, &entries, Freshness::Resolving)?;

    let policy = gctx.signing.policy(gctx)?;
    let mut passed_over = Vec::new();
    for (id, entry) in fresh {
        let Some(finding) = entry.finding.get() else {
            continue;
        };
        let required = policy.unsigned(&registry_id(id.source_id())?);
        let refuse = || refused(gctx, *id, finding);
        match Verdict::of(finding, required.level, Choice::Free) {
            Verdict::Accept => {}
            Verdict::AcceptAndSay => say_unchecked(gctx, finding)?,
            Verdict::PassOver => passed_over.push((*id, finding, refuse)),
            Verdict::Refuse => return Err(refuse()?),
        }
    }
    for (id, finding, refuse) in &passed_over {
        let reason = report::reason(finding, policy);
        let warning = report::passed_over(id, &reason);
        if !gctx.signing.pass_over(*id, reason) {
            // A `[patch]` or a source that does not ask us first names it in spite of that.
            return Err(refuse()?);
        }
        gctx.shell().warn(warning)?;
    }
    Ok(passed_over.is_empty())
}

/// The error for a package that is refused.
pub(super) fn refused(
    gctx: &GlobalContext,
    id: PackageId,
    finding: &Finding,
) -> CargoResult<anyhow::Error> {
    let policy = gctx.signing.policy(gctx)?;
    let required = policy.unsigned(&registry_id(id.source_id())?);
    let source = id.source_id();
    let name = match source.is_crates_io() {
        true => Some(CRATES_IO_REGISTRY),
        false => source.alt_registry_key(),
    };
    let allow = match name {
        Some(name) => format!("signing.registries.{name}.unsigned"),
        None => "signing.unsigned".to_owned(),
    };
    Ok(report::refused(
        id,
        finding,
        policy,
        required.origin.as_deref(),
        &allow,
    ))
}

/// One warning for each provider that could not be asked.
pub(super) fn say_unchecked(gctx: &GlobalContext, finding: &Finding) -> CargoResult<()> {
    let Finding::Unchecked { signer, why, .. } = finding else {
        return Ok(());
    };
    let policy = gctx.signing.policy(gctx)?;
    let warning = report::unanswered(&policy.display(signer), why);
    let host = signer.provider().to_owned();
    gctx.signing.warn_once(gctx, host, warning)
}

/// One line for all that are not signed, where that is asked for.
fn say_unsigned(gctx: &GlobalContext, summaries: &[&Summary]) -> CargoResult<()> {
    let policy = gctx.signing.policy(gctx)?;
    let mut names = Vec::new();
    for summary in summaries {
        let registry = registry_id(summary.source_id())?;
        let level = policy.unsigned(&registry).level;
        let finding = Finding::Unsigned { version: None };
        if Verdict::of(&finding, level, Choice::Free) == Verdict::AcceptAndSay {
            names.push(format!("{} v{}", summary.name(), summary.version()));
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
