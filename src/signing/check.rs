//! Brings entry, signature and key together.
//!
//! [`consign_policy::Finding::of`] decides; this finds it what it needs, for many entries at a
//! time: signatures are checked on all cores, then every identity that is wanted is asked for once.

use std::num::NonZero;
use std::thread;

use consign_identity::Identity;
use consign_policy::{Finding, Mismatch};
use consign_statement::{Claim, RegistryId, Release, SignatureValid, SignedFields, verify};

use super::entry::{Entry, SharedEntry};
use super::lookup::Freshness;
use crate::core::SourceId;
use crate::{CargoResult, GlobalContext};

/// Makes sure that every one of `entries`, each with the source that it came from, has a finding.
pub(super) fn check_all(
    gctx: &GlobalContext,
    entries: &[(SourceId, SharedEntry)],
    freshness: Freshness,
) -> CargoResult<()> {
    let unchecked = entries
        .iter()
        .filter(|(_, entry)| entry.finding.get().is_none())
        .map(|(source, entry)| Ok((entry, gctx.signing.registries(*source)?)))
        .collect::<CargoResult<Vec<_>>>()?;
    if unchecked.is_empty() {
        return Ok(());
    }
    let signatures = on_all_cores(&unchecked, |(entry, registries)| {
        signature(entry, registries)
    });

    let mut wanted = Vec::new();
    for ((entry, _), signature) in unchecked.iter().zip(&signatures) {
        if let (Ok(Claim::Signed(fields)), Some(Ok(_))) = (&entry.claim, signature) {
            let locator = &fields.locator;
            if let Ok(identity) = Identity::new(locator.provider(), locator.user()) {
                wanted.push((identity, *locator.key()));
            }
        }
    }
    let answers = &gctx.signing.answers;
    answers.fetch(gctx, &wanted, freshness)?;

    for ((entry, _), signature) in unchecked.iter().zip(signatures) {
        let checked = |_: &SignedFields| {
            signature.unwrap_or_else(|| Err(Mismatch::DoesNotFit("it was not checked".into())))
        };
        let ask = |identity: &Identity, fields: &SignedFields| answers.key(identity, fields);
        let finding = Finding::of(entry.claim.as_ref(), checked, ask);
        // Another thread that was faster found the same.
        let _ = entry.finding.set(finding);
    }
    Ok(())
}

/// The finding of one entry, which is what [`check_all`] leaves behind.
pub(super) fn check<'e>(
    gctx: &GlobalContext,
    source: SourceId,
    entry: &'e SharedEntry,
) -> CargoResult<&'e Finding> {
    check_all(gctx, &[(source, entry.clone())], Freshness::AsStored)?;
    entry
        .finding
        .get()
        .ok_or_else(|| crate::util::internal("an entry that was checked has no finding"))
}

/// `None` where there is no signature to be checked.
fn signature(entry: &Entry, registries: &[RegistryId]) -> Option<Result<SignatureValid, Mismatch>> {
    let Ok(Claim::Signed(fields)) = &entry.claim else {
        return None;
    };
    // A mirror may carry several registries: the one that was signed for is the one to check by.
    let registry = registries
        .iter()
        .find(|registry| **registry == fields.signature.registry)
        .or(registries.first())?;
    Some(
        Release::from_index(&entry.entry)
            .map_err(Mismatch::from)
            .and_then(|release| verify(&release, registry, fields).map_err(Mismatch::from)),
    )
}

/// `f` of every item, in the order of the items.
fn on_all_cores<T: Sync, R: Send>(items: &[T], f: impl Fn(&T) -> R + Sync) -> Vec<R> {
    // Below this many a thread costs more than it saves.
    const WORTH_A_THREAD: usize = 8;
    let cores = thread::available_parallelism().map_or(1, NonZero::get);
    let share = items.len().div_ceil(cores).max(WORTH_A_THREAD);
    if items.len() <= share {
        return items.iter().map(f).collect();
    }
    thread::scope(|scope| {
        let f = &f;
        let workers: Vec<_> = items
            .chunks(share)
            .map(|share| scope.spawn(move || share.iter().map(f).collect::<Vec<R>>()))
            .collect();
        workers
            .into_iter()
            .flat_map(|worker| match worker.join() {
                Ok(results) => results,
                Err(panic) => std::panic::resume_unwind(panic),
            })
            .collect()
    })
}
