//! The program `cargo`: upstream's, compiled from a patched copy of the published crate, with
//! [our own commands](signing_commands).

// What follows is upstream's code. It is not ours to lint; what is ours asks for more below.
#![allow(warnings, clippy::all)]

#[warn(warnings, clippy::all, clippy::unwrap_used, clippy::dbg_macro)]
#[path = "commands/mod.rs"]
mod signing_commands;

include!(concat!(env!("OUT_DIR"), "/cargo/src/bin/cargo/main.rs"));
