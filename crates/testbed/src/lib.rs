//! What the end-to-end tests and the demo share: everything that stands around a `cargo` that is
//! tried out.
//!
//! Nothing here is a stand-in. The cargos are real programs, stock and ours ([`program`]); the
//! registry is the real server process ([`Registry`]); keys are asked for over HTTP ([`KeyServer`]), or
//! HTTPS with an [`Authority`] of the test's own, and published at a server that has the interface of a
//! forge ([`ForgeServer`]);
//! packages are files that are compiled ([`PackageBuilder`]). All of it lives in a [`Sandbox`], a
//! temporary folder, where each user has a `CARGO_HOME` of his own ([`Home`]), and what is run there
//! sees nothing of the machine's configuration ([`Run`]).
//!
//! A registry can be turned hostile: [`Registry::edit_line`] and [`Registry::crate_path`] reach
//! behind the server, and [`crate_with_changed_file`] makes an archive that nobody published.
//!
//! Whatever goes wrong in here is a fault of the test or of the machine. It panics and says which.

#![allow(
    clippy::unwrap_used,
    reason = "code of tests: what fails here fails the test, at the line where it happened"
)]

mod archive;
mod authority;
mod forge;
mod home;
mod keys;
mod package;
pub mod program;
mod registry;
mod run;
mod sandbox;
mod skip;
mod terminal;

pub use archive::{crate_with_changed_file, crate_with_first_file, crate_without_file};
pub use authority::Authority;
pub use forge::{ACCOUNT, CHALLENGE, ForgeServer, Software};
pub use home::Home;
pub use keys::{KeyServer, Reply};
pub use package::PackageBuilder;
pub use program::{consign, registry_program, run_stock, stock, xtask};
pub use registry::{IMPORTER, Registry};
pub use run::{Output, Run, normalised};
pub use sandbox::{Sandbox, below};
pub use skip::skipped;
pub use terminal::{Type, has_terminal};

/// The name that [`Home::use_registry`] gives to a registry, and [`PackageBuilder`] uses.
pub const REGISTRY: &str = "demo";
