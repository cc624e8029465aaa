//! Who signed what `Cargo.lock` names, where nothing is recorded of a package.
//!
//! What was seen of signers is kept for a folder. In a copy of it, or a fresh clone, nothing is; but the
//! lockfile came along, and the versions in it were accepted by somebody. So who signed these is what the
//! package is known by: another version that somebody else signed, or nobody, is not taken for it.

use std::collections::HashMap;

use consign_policy::{Finding, Lost, New, Wrong};
use consign_signers::Signer;

use super::updates::predecessor;
use super::{is_from_registry, look};
use crate::core::registry::PackageRegistry;
use crate::core::{PackageId, Resolve};
use crate::signing::carried::{may_carry, says_nothing};
use crate::signing::check::{check, record};
use crate::signing::entry::SharedEntry;
use crate::signing::sources::exactly;
use crate::{CargoResult, GlobalContext};

/// Those of `resolved` that are not in `previous`, and are not signed as the version there is.
pub(super) fn unlike(
    gctx: &GlobalContext,
    previous: &Resolve,
    registry: &mut PackageRegistry<'_>,
    resolved: &Resolve,
) -> CargoResult<Vec<(PackageId, Finding)>> {
    let mut unlike = Vec::new();
    for id in resolved.iter().filter(|id| is_from_registry(*id)) {
        if previous.contains(&id) || is_recorded(gctx, id)? {
            continue;
        }
        let Some(before) = predecessor(previous, id) else {
            continue;
        };
        if let Some(finding) = beside(gctx, registry, resolved, id, before)? {
            unlike.push((id, finding));
        }
    }
    Ok(unlike)
}

/// Looks at other versions of packages that are about to be recorded, of which the index says nothing: those
/// without a signature are in use, and stay accepted.
pub(super) fn look_beside(
    gctx: &GlobalContext,
    resolved: &Resolve,
    fresh: &[(PackageId, SharedEntry)],
) -> CargoResult<()> {
    // Most packages are there in one version only.
    let mut by_name: HashMap<_, Vec<PackageId>> = HashMap::new();
    for id in resolved.iter() {
        by_name.entry(id.name()).or_default().push(id);
    }
    let mut beside = Vec::new();
    for (id, _) in fresh {
        let others = by_name.get(&id.name()).into_iter().flatten().copied();
        let others = others.filter(|other| other.source_id() == id.source_id() && other != id);
        let mut others = others.peekable();
        if others.peek().is_some() && !is_recorded(gctx, *id)? {
            beside.extend(others.filter(|other| may_carry(resolved.summary(*other))));
        }
    }
    look(gctx, &beside).map(|_| ())
}

fn is_recorded(gctx: &GlobalContext, id: PackageId) -> CargoResult<bool> {
    let rules = gctx.signing.rules(gctx, id.source_id())?;
    let serving = gctx.signing.serving(gctx)?;
    Ok(serving.package(&rules.registry, &id.name()).is_some())
}

/// What is found of `id` beside the version `before`, if that is signed and this is not, or by another.
fn beside(
    gctx: &GlobalContext,
    registry: &mut PackageRegistry<'_>,
    resolved: &Resolve,
    id: PackageId,
    before: PackageId,
) -> CargoResult<Option<Finding>> {
    let summary = exactly(registry, before)?;
    let Some(entry) = summary.and_then(|summary| summary.signed().cloned()) else {
        return Ok(None);
    };
    let Some(published) = check(gctx, before, &entry)?.published() else {
        return Ok(None);
    };
    let expected = vec![Signer::new(published.signer().clone(), None)];
    // An older version may be from before the package was signed.
    let is_due = id.version().cmp_precedence(before.version()).is_ge();
    if is_due && may_carry(resolved.summary(id)) {
        look(gctx, &[id])?;
    }
    let finding = match gctx.signing.chosen(id).filter(|entry| !says_nothing(entry)) {
        None if !is_due => None,
        None => Some(Finding::LostSignature(Lost {
            version: None,
            since: Some(before.version().clone()),
            expected,
        })),
        Some(other) => match check(gctx, id, &other)? {
            Finding::UnknownSigner(newcomer)
                if newcomer.new == New::Signer && newcomer.signer != *published.signer() =>
            {
                Some(Finding::WrongSigner(Wrong::Signer {
                    signer: newcomer.signer.clone(),
                    expected,
                    since: vec![before.version().clone()],
                }))
            }
            _ => None,
        },
    };
    // From now on it is known, to whoever accepts the other as well.
    if finding.is_some() {
        record(gctx, &[(before, entry)])?;
    }
    Ok(finding)
}
