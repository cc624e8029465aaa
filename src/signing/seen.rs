//! Who published a package, where commands show packages: `cargo metadata` and `cargo info`.
//!
//! Nobody is named who is not verified. So the two check what they show, and say nothing more than stock
//! cargo of what is not signed, or not accepted.

use super::check::{check, check_chosen};
use crate::GlobalContext;
use crate::core::{Package, Summary};

/// A package that is handed on, with its signed entry where a command shows that.
pub fn seen(gctx: &GlobalContext, mut package: Package) -> Package {
    let command = gctx.signing.invocation().command.as_str();
    if !matches!(command, "metadata" | "info") {
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
    if command == "info"
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
/// [`seen`].
pub fn signer(summary: &Summary) -> Option<String> {
    let published = summary.signed()?.finding.get()?.published()?;
    Some(published.signer().to_string())
}
