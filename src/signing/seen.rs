//! Who published a package, where commands show packages: `cargo metadata`, `cargo info`, and `cargo tree`
//! with `{signer}` in its `--format`.
//!
//! Nobody is named who is not verified. So these check what they show, and say nothing more than stock
//! cargo of what is not signed, or not accepted.

use std::fmt;

use super::check::{check, check_chosen};
use crate::GlobalContext;
use crate::core::{Package, Summary};

/// A package that is handed on, with its signed entry where a command shows that.
pub fn seen(gctx: &GlobalContext, mut package: Package) -> Package {
    let invocation = gctx.signing.invocation();
    if !invocation.shows_signers {
        return package;
    }
    let id = package.package_id();
    let entry = || match gctx.signing.chosen(id) {
        Some(chosen) => {
            check_chosen(gctx).ok()?;
            Some(chosen)
        }
        None => gctx.signing.shown(id),
    };
    let Some(entry) = entry() else {
        return package;
    };
    let Ok(Some(published)) = check(gctx, id, &entry).map(|finding| finding.published()) else {
        return package;
    };
    if invocation.command == "info"
        && let Ok(policy) = gctx.signing.policy(gctx)
    {
        let who = policy.display(published.signer());
        let line = format!("{} v{} by {who}", id.name(), id.version());
        // What cannot be printed changes nothing.
        let _ = gctx.shell().status("Signed", line);
    }
    package.manifest_mut().summary_mut().set_signed(entry);
    package
}

/// Who published a package, as an identity: `github:octocat`. Only of one that was
/// [`seen`](fn@seen).
pub fn signer(summary: &Summary) -> Option<String> {
    let published = summary.signed()?.finding.get()?.published()?;
    Some(published.signer().to_string())
}

/// Writes who published a package, or nothing.
pub fn write_signer(to: &mut fmt::Formatter<'_>, package: &Package) -> fmt::Result {
    to.write_str(&signer(package.summary()).unwrap_or_default())
}
