//! The whole way, from `cargo key new` to a program that runs, against the real programs: our cargo,
//! stock cargo, the registry server, and a web server that hands out keys.
//!
//! A module is a theme, a test one thing that a user sees. The honest way comes first ([`publish`],
//! [`accept`]), then one test for each lie ([`refuse`]) and what may be said of it in configuration
//! ([`policy`]). Each test has a [`World`] of its own, and they run side by side.
//!
//! What is printed is compared as a whole, after [`consign_testbed::normalised`]; `UPDATE_EXPECT=1`
//! in the environment writes what was found into the source, to be read before it is committed.

#![allow(clippy::unwrap_used)]

mod accept;
mod dropin;
mod fields;
mod keys;
mod patches;
mod policy;
mod project;
mod providers;
mod publish;
mod recorder;
mod refuse;
mod sources;
mod stock;
mod unpacked;
mod vendored;
mod withdrawn;
mod world;

use world::World;
