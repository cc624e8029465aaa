//! Which command is run, and where.
//!
//! Some rules turn on that, and not on what cargo makes of it on the way: to verify a package, `cargo
//! publish` makes up a workspace of its own, and the rules are those of the workspace that the user
//! stands in.

use std::path::{Path, PathBuf};

/// What the command line says of it.
#[derive(Debug, Clone, Default)]
pub struct Invocation {
    /// The name of the command: `build`, after aliases.
    pub command: String,
    /// What `--manifest-path` names, or `--path` of `cargo install`.
    pub manifest: Option<PathBuf>,
    /// Whether nothing is to be written: `--dry-run`.
    pub dry_run: bool,
    /// `cargo publish --allow-signer-change`
    pub allow_signer_change: bool,
    /// `--user`: whether it is about the user's own signers file.
    pub users_own: bool,
    /// Whether what it prints of packages tells who signed them.
    pub shows_signers: bool,
}

impl Invocation {
    /// Whether it installs programs that are no part of a workspace of the user's, or is about what serves
    /// them.
    pub(super) fn installs(&self) -> bool {
        self.command == "install" && self.manifest.is_none() || self.users_own
    }

    /// Whether it is `cargo verify`.
    pub(super) fn verifies(&self) -> bool {
        self.command == "verify"
    }

    /// Whether it only looks: what is found is told, and nothing refused or recorded.
    pub(super) fn only_looks(&self) -> bool {
        matches!(self.command.as_str(), "verify" | "signers" | "sign")
    }

    /// Whether it runs a script, a package in one file.
    pub(super) fn runs_a_script(&self) -> bool {
        let manifest = self.manifest.as_deref();
        manifest
            .and_then(Path::extension)
            .is_some_and(|ext| ext == "rs")
    }
}
