//! What a release is, in signed bytes; and the signature over them.
//!
//! A registry says of a release what it likes: its index line is an input, never a fact. This crate
//! turns such a line, or the publish request that it came from, into the one byte string that stands
//! for the release, and checks the signature that travels beside it. It opens no file and no
//! connection and asks no clock; who a key belongs to, and whether that signer was expected, is
//! decided elsewhere.
//!
//! ```text
//! publish::Request ─┐                                  Locator, time, tree, RegistryId
//!                   ├─> Release ──┐                                │
//! index::Entry ─────┘             └──────────> Statement <─────────┘
//!                                                  │ body: canonical JSON (RFC 8785)
//!                                                  │ encoded: DSSE pre-authentication encoding
//!                                                  ▼
//!                              sign ──> SignedFields ──> verify ──> SignatureValid
//!                                             ▲
//! index line ──> Claim::from_json ────────────┘
//! ```
//!
//! [`Release`] is where two inputs become one: it holds every field of `cargo`'s `Summary` in the
//! one spelling that is signed. [`Statement`] writes it down. [`SignatureValid`] is the only proof
//! that a signature fits, and only [`verify`] can make it.
//!
//! What a signed statement covers beyond the index line is the unpacked package: [`tree`] says how
//! the digest over its files is made. [`vendored`] is how a folder keeps a signed entry where there is
//! no index.
//!
//! Where the registry keeps no fields, [`carrier`] is how the signature travels in the package itself. Where more than
//! one signed, [`cosignatures`] counts them.

mod canonical;
pub mod carrier;
pub mod cosignatures;
mod digest;
mod dsse;
#[cfg(any(feature = "fuzzing", test))]
pub mod fuzzing;
pub mod index;
mod key;
mod locator;
pub mod publish;
mod registry;
mod release;
mod requirement;
mod signature;
mod statement;
pub mod tree;
pub mod vendored;

pub use carrier::Carrier;
pub use digest::{Digest, InvalidDigest};
pub use key::{InvalidKey, PublicKey};
pub use locator::{InvalidLocator, Locator};
pub use registry::{InvalidRegistry, RegistryId};
pub use release::{Difference, InvalidRelease, Release};
pub use signature::{Claim, Malformed, Signature, SignedFields};
pub use statement::{
    Form, SignError, SignatureValid, Signer, Statement, TimeOutOfRange, VerifyError, sign, verify,
};

/// One more than the largest integer that is signed or read: 2⁵³, from where a JSON number may mean
/// its neighbour (RFC 8785, section 3.2.2.3; RFC 7493, section 2.2).
pub(crate) const INTEGER_LIMIT: u64 = 1 << 53;
