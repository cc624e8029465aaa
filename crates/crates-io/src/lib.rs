//! Upstream's `crates-io`, from the published crate, with `patches/crates-io` laid over it: a
//! publish request may be anything that serialises, so that it can carry a signature.

#![allow(clippy::all, missing_docs, reason = "the code is upstream's")]

include!(concat!(env!("OUT_DIR"), "/crates-io/lib.rs"));
