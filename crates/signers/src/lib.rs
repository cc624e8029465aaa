//! The signers file: who may sign what a workspace is built from.
//!
//! It is committed and reviewed like a lockfile, and merged by git. So it has one spelling: a package
//! is a line, an identity is a line, and both are sorted.
//!
//! ```toml
//! version = 1
//!
//! [identity]
//! "github:dtolnay" = { account = 1940490, keys = ["ed25519:…"] }
//!
//! [registry."https://github.com/rust-lang/crates.io-index".package]
//! anyhow = { signers = ["github:dtolnay"], since = ["1.0.80"] }
//! old-thing = { unsigned = "<0.5.0", reason = "released before signing; read by us" }
//! ```
//!
//! - [`record`]: what it can say of a package and of an identity;
//! - [`read`](Signers::read): the text read, strictly. What is not understood is an error that names
//!   its line: a misspelt rule would protect nobody, and half a file is no policy;
//! - [`SignersFile`]: the text and what it says, and changes to it that leave every other line, and
//!   every comment, as it is.
//!
//! What follows from it is not here but in `consign-policy`.

mod edit;
mod read;
pub mod record;

use std::collections::{BTreeMap, BTreeSet};

use consign_identity::Identity;
use consign_statement::RegistryId;

pub use edit::{Changes, SignersFile};
pub use read::InvalidFile;
pub use record::{Account, InvalidReason, Line, Package, Reason, Signer};

/// The line for a `.gitattributes` beside the file: what two branches add at the same place is no
/// conflict. Where they say different things of one package the result has two lines for it, and cannot be
/// read until somebody has decided.
pub const GIT_ATTRIBUTES: &str = "Cargo.signers merge=union";

/// What a signers file says.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Signers {
    /// What is known of accounts.
    pub identities: BTreeMap<Identity, Account>,
    /// What is known of packages, by registry.
    pub registries: BTreeMap<RegistryId, Registry>,
}

/// What a signers file says of one registry.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Registry {
    /// Other addresses of the same registry.
    pub also: BTreeSet<RegistryId>,
    /// Its packages, by name.
    pub packages: BTreeMap<String, Package>,
}

impl Signers {
    /// What is said of a package.
    pub fn package(&self, registry: &RegistryId, name: &str) -> Option<&Package> {
        self.registries.get(registry)?.packages.get(name)
    }

    /// The registry that `address` is another address of, where the file says so.
    pub fn original(&self, address: &RegistryId) -> Option<&RegistryId> {
        let mut registries = self.registries.iter();
        let (original, _) = registries.find(|(_, registry)| registry.also.contains(address))?;
        Some(original)
    }
}
