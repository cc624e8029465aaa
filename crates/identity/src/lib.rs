//! Identities, the providers that answer for them, and the OpenPGP keys that they publish.
//!
//! An [`Identity`] is an account that people know: `github:octocat`. Its [provider] is
//! who answers "which keys has this account published?": a forge, a Web Key Directory, a template
//! of a URL, or a folder. What comes back is bytes, which [`answer`] sorts into four different
//! things, only two of which say anything about a key. The keys in an answer, and the user's own
//! secret key, are OpenPGP: [`openpgp`] reads and writes them; or they are [`ssh`] signing keys,
//! whose secret half an agent has.
//!
//! ```text
//!  Identity ── Providers::get ── Provider::questions ──▶ Question   (the caller asks)
//!                                                            │
//!       PublishedKey ◀── openpgp or ssh ◀── answer ◀── status and bytes
//! ```
//!
//! To the owner of an account its provider is a [`forge`], where keys are published and withdrawn,
//! over a [`transport`] that the caller brings. Whether an account is still the one that it was,
//! [`account`] says.
//!
//! Nothing here opens a file or a connection, looks at a clock, or knows cargo. Everything that
//! comes in may be hostile, is bounded, and is printed escaped.

pub mod account;
pub mod answer;
pub mod forge;
mod identity;
pub mod openpgp;
pub mod provider;
mod shown;
pub mod ssh;
pub mod transport;
mod utc;

pub use identity::{Identity, InvalidIdentity};
