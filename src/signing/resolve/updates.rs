//! What `cargo update` tells of signers: who signs a version that was newly chosen, where that is
//! somebody else than signed the one before it, or where nobody did.

use consign_policy::Finding;
use consign_signers::Line;

use crate::core::registry::PackageRegistry;
use crate::core::{PackageId, Resolve};
use crate::signing::check::check;
use crate::signing::entry::SharedEntry;
use crate::signing::sources::exactly;
use crate::{CargoResult, GlobalContext};

/// Prints a line for each of `fresh` whose signer is new. `previous` is what was chosen before.
pub(super) fn say(
    gctx: &GlobalContext,
    previous: Option<&Resolve>,
    registry: &mut PackageRegistry<'_>,
    fresh: &[(PackageId, SharedEntry)],
) -> CargoResult<()> {
    let Some(previous) = previous.filter(|_| gctx.signing.invocation().command == "update") else {
        return Ok(());
    };
    let policy = gctx.signing.policy(gctx)?;
    for (id, entry) in fresh {
        let Some(published) = entry.finding.get().and_then(Finding::published) else {
            continue;
        };
        let before = match predecessor(previous, *id) {
            None => "new".to_owned(),
            Some(before) => {
                let version = before.version();
                let summary = exactly(registry, before)?;
                let entry = summary.as_ref().and_then(|summary| summary.signed());
                let finding = entry.map(|entry| check(gctx, before, entry));
                match finding.transpose()?.and_then(Finding::published) {
                    Some(same) if same.signer() == published.signer() => continue,
                    Some(other) => {
                        format!("v{version} was by {}", policy.display(other.signer()))
                    }
                    None => match entry.as_ref().and_then(|entry| entry.fields()) {
                        Some(fields) => {
                            let claimed = &fields.locator;
                            let (provider, user) = (claimed.provider(), claimed.user());
                            format!(
                                "v{version} is signed as `{provider}:{user}`, which is not verified"
                            )
                        }
                        None => format!("nothing is known of who signed v{version}"),
                    },
                }
            }
        };
        let (name, version) = (id.name(), id.version());
        let who = policy.display(published.signer());
        if gctx.signing.is_said_first(format!("signer: {id}")) {
            let line = format!("{name} v{version} by {who} ({before})");
            gctx.shell().status("Signed", line)?;
        }
    }
    Ok(())
}

/// What was chosen before in the place of `id`: in the same line, or else the newest.
pub(super) fn predecessor(previous: &Resolve, id: PackageId) -> Option<PackageId> {
    let same = |other: &PackageId| other.name() == id.name() && other.source_id() == id.source_id();
    let others = previous.iter().filter(same);
    others.max_by_key(|other| {
        let is_same_line = Line::of(other.version()) == Line::of(id.version());
        (is_same_line, other.version().clone())
    })
}
