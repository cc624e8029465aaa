//! What a release is, in signed bytes.
//!
//! (The module header is written with the rest of this crate.)

mod digest;
mod key;

pub use digest::{Digest, InvalidDigest};
pub use key::{InvalidKey, PublicKey};
