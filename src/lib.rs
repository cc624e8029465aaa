//! Consign: cargo with native signing.
//!
//! This crate is upstream's `cargo`, compiled from a patched copy of the published crate, and
//! [`signing`], which the patches call.

// What follows is upstream's code. It is not ours to lint; what is ours asks for more below.
#![allow(warnings, clippy::all)]

#[macro_use]
mod exported_macros;

#[warn(
    warnings,
    missing_docs,
    clippy::all,
    clippy::unwrap_used,
    clippy::dbg_macro
)]
pub mod signing;

include!(concat!(env!("OUT_DIR"), "/cargo/src/cargo/lib.rs"));
