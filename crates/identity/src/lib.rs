//! Identities, the providers that answer for them, and the OpenPGP keys that they publish.
//!
//! An [`Identity`] is an account that people know: `github:octocat`. Its [provider] is
//! who answers "which keys has this account published?", and where to ask is the only thing that a
//! provider knows: a template of a URL, or a folder. What comes back is bytes, which [`answer`]
//! sorts into four different things, only two of which say anything about a key. The keys in an
//! answer, and the user's own secret key, are OpenPGP: [`openpgp`] reads and writes them.
//!
//! ```text
//!  Identity ── Providers::get ── Provider::location ──▶ Location   (the caller asks)
//!                                                          │
//!            PublishedKey ◀── openpgp ◀── answer ◀── status and bytes
//! ```
//!
//! Nothing here opens a file or a connection, looks at a clock, or knows cargo. Everything that
//! comes in may be hostile, is bounded, and is printed escaped.

pub mod account;
pub mod answer;
mod identity;
pub mod openpgp;
pub mod provider;
mod shown;
pub mod ssh;
pub mod transport;
mod utc;

pub use identity::{Identity, InvalidIdentity};
