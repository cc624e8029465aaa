//! The program `cargo`: upstream's, compiled from a patched copy of the published crate, with our
//! own [`commands`](signing_commands).

#![allow(warnings, clippy::all)]

include!(concat!(env!("OUT_DIR"), "/cargo/src/bin/cargo/main.rs"));
