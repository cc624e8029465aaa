//! What `Cargo.lock` names and stays in it, where the rest is resolved anew.
//!
//! A locked build asks nobody, and one in which nothing is new resolves nothing: both take what is locked
//! as it is. But whoever asks a registry for something new asks the providers as well. Were it otherwise,
//! a project with a lockfile would never hear of a revocation.

use consign_policy::{Choice, Verdict};

use super::is_from_registry;
use crate::core::{PackageId, Resolve};
use crate::signing::carried::{Doing, look_at, matters, may_carry, says_nothing};
use crate::signing::check::{check_all, refused, say};
use crate::signing::entry::SharedEntry;
use crate::signing::lookup::Freshness;
use crate::signing::sources::packages;
use crate::{CargoResult, GlobalContext};

/// Accepts what `resolved` has in common with `previous`, which is what `Cargo.lock` names, or says why not.
///
/// Returns what was checked; nothing where the command does not resolve anew.
pub(super) fn accept(
    gctx: &GlobalContext,
    previous: Option<&Resolve>,
    resolved: &Resolve,
) -> CargoResult<Vec<(PackageId, SharedEntry)>> {
    let is_new = |id: PackageId| is_from_registry(id) && !previous.is_some_and(|p| p.contains(&id));
    let resolves_anew =
        resolved.iter().any(is_new) || gctx.signing.invocation().command == "update";
    let may_ask = gctx.lock_update_allowed() && gctx.offline_flag().is_none();
    let Some(previous) = previous.filter(|_| resolves_anew && may_ask) else {
        return Ok(Vec::new());
    };
    let kept: Vec<PackageId> = resolved
        .iter()
        .filter(|id| is_from_registry(*id) && previous.contains(id))
        .filter(|id| !gctx.signing.is_vendored(id.source_id()))
        .collect();
    let mut silent = Vec::new();
    for id in kept.iter().copied() {
        let summary = resolved.summary(id);
        let is_known = gctx.signing.made(summary).is_some() || gctx.signing.carried.is_unsigned(id);
        if may_carry(summary) && !is_known && matters(gctx, id)? {
            silent.push(id);
        }
    }
    look_at(gctx, &packages(gctx, &silent)?, &silent, Doing::Look)?;

    let signed = |id: PackageId| {
        let entry = gctx.signing.chosen(id).filter(|entry| !says_nothing(entry));
        entry.map(|entry| (id, entry))
    };
    let signed: Vec<_> = kept.into_iter().filter_map(signed).collect();
    check_all(gctx, &signed, Freshness::Kept)?;
    for (id, entry) in &signed {
        let Some(finding) = entry.finding.get() else {
            continue;
        };
        let rules = gctx.signing.rules(gctx, id.source_id())?;
        match Verdict::of(finding, &rules.levels(), Choice::NotNew) {
            Verdict::Accept => {}
            Verdict::AcceptAndSay => say(gctx, *id, finding)?,
            Verdict::PassOver | Verdict::Refuse => return Err(refused(gctx, *id, finding, &rules)),
        }
    }
    Ok(signed)
}
