//! What is about to be compiled.
//!
//! Every unit that will run comes by here before the first job of a build starts. A job that does
//! something takes [`Accepted`], which [`compiles`] alone makes: a way of compiling that skips the check
//! does not compile. What is fresh is not checked, so that a build in which nothing is to be done checks
//! no signature and hashes no file.

use std::hash::{Hash as _, Hasher};

use consign_policy::Level;

use super::SharedEntry;
use super::carried::{Doing, look_at, matters, of_unpacked, says_nothing};
use super::check::{check_chosen, demand};
use super::resolve::is_from_registry;
use super::unpacked::{ensure_as_made, ensure_as_signed};
use crate::CargoResult;
use crate::core::compiler::{BuildContext, Unit};
use crate::core::{Package, PackageId};

/// A package that may be compiled: path dependencies are the user's own and git dependencies nobody
/// signs for; of those from registries, one that this very command made, one without a signature where
/// policy lets it pass, and one whose entry, signature, key and files were checked.
#[derive(Debug)]
#[must_use]
pub struct Accepted(());

/// Looks at a unit before it is known whether it is fresh. Documentation tests never are, and are built
/// when all else is done, from sources that nobody looks at again.
pub fn prepares(bcx: &BuildContext<'_, '_>, unit: &Unit) -> CargoResult<()> {
    if unit.mode.is_doc_test() {
        let Accepted(()) = compiles(bcx, &unit.pkg)?;
    }
    Ok(())
}

/// Accepts a package of which something is about to be compiled, or says why not.
///
/// Its archive was checked if it was unpacked by this command; if it was unpacked before, by
/// whomever, then its entry is checked here for the first time. Its files always are.
pub fn compiles(bcx: &BuildContext<'_, '_>, package: &Package) -> CargoResult<Accepted> {
    let id = package.package_id();
    if !is_from_registry(id) {
        return Ok(Accepted(()));
    }
    if let Some(tree) = bcx.gctx.signing.made(package.summary()) {
        ensure_as_made(package, &tree)?;
        return Ok(Accepted(()));
    }
    everything_chosen_is_accepted(bcx)?;
    let entry = known(bcx, package)?;
    let signature = demand(bcx.gctx, id, entry.as_ref())?;
    if let (Some(entry), Some(signature)) = (&entry, signature)
        && entry.unpacked.get().is_none()
    {
        ensure_as_signed(bcx, package, signature, entry)?;
        // Another unit of the same package need not ask again.
        let _ = entry.unpacked.set(());
    }
    Ok(Accepted(()))
}

/// Accepts everything that the resolver chose, or says why not, once a command.
///
/// What is not compiled, on this platform or this time, had its say all the same: its dependencies turn
/// on features of what is.
fn everything_chosen_is_accepted(bcx: &BuildContext<'_, '_>) -> CargoResult<()> {
    let gctx = bcx.gctx;
    if gctx.signing.is_all_accepted() {
        return Ok(());
    }
    look_at_unpacked(bcx)?;
    look_at(gctx, &bcx.packages, &unknown(bcx)?, Doing::Look)?;
    check_chosen(gctx)?;
    for id in bcx.packages.package_ids() {
        if gctx.signing.carried.is_resolved(id) && gctx.signing.carried.is_unsigned(id) {
            demand(gctx, id, None)?;
        }
    }
    for (id, entry) in gctx.signing.all_chosen() {
        demand(gctx, id, Some(&entry))?;
    }
    gctx.signing.all_is_accepted();
    Ok(())
}

/// Finds what the packages at hand carry, all at once: so their keys are asked for side by side.
fn look_at_unpacked(bcx: &BuildContext<'_, '_>) -> CargoResult<()> {
    for package in bcx.packages.packages() {
        if bcx.gctx.signing.may_be_found_out(package.package_id()) {
            known(bcx, package)?;
        }
    }
    Ok(())
}

/// What was chosen, is not at hand, and may carry a signature that the answer of policy depends on.
fn unknown(bcx: &BuildContext<'_, '_>) -> CargoResult<Vec<PackageId>> {
    let signing = &bcx.gctx.signing;
    let mut unknown = Vec::new();
    for id in bcx.packages.package_ids() {
        if signing.may_be_found_out(id) && matters(bcx.gctx, id)? {
            unknown.push(id);
        }
    }
    unknown.sort_unstable();
    Ok(unknown)
}

/// What is known of the signature of `package`: by its entry in the index, or by what it carries.
fn known(bcx: &BuildContext<'_, '_>, package: &Package) -> CargoResult<Option<SharedEntry>> {
    let id = package.package_id();
    let signing = &bcx.gctx.signing;
    match signing.chosen(id) {
        Some(entry) if !says_nothing(&entry) => Ok(Some(entry)),
        _ if signing.carried.is_unsigned(id) => Ok(None),
        _ => of_unpacked(bcx.gctx, &bcx.packages, package),
    }
}

/// Adds the signed files of `package` to what its compiled units are known by, where signatures are
/// required: so what was compiled without that, and is known to stock cargo by its version alone, is
/// compiled again. Elsewhere it adds nothing, and what stock cargo compiled is fresh.
pub fn fingerprint(
    bcx: &BuildContext<'_, '_>,
    package: &Package,
    hasher: &mut impl Hasher,
) -> CargoResult<()> {
    let id = package.package_id();
    let signing = &bcx.gctx.signing;
    if !is_from_registry(id)
        || signing.rules(bcx.gctx, id.source_id())?.unsigned.level != Level::Deny
    {
        return Ok(());
    }
    let entry = signing.chosen(id);
    match entry.as_ref().filter(|entry| entry.carrier().is_none()) {
        Some(entry) if let Some(fields) = entry.fields() => {
            fields.signature.tree.hash(hasher);
        }
        // What it carries need not be read for this: it is in the archive that has this checksum.
        _ => ("carried", package.summary().checksum()).hash(hasher),
    }
    Ok(())
}
