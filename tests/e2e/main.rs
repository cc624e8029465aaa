//! The whole way, from `cargo key new` to a program that runs, against the real programs: our cargo,
//! stock cargo, the registry server, and a web server that hands out keys.
//!
//! A module is a theme, a test one thing that a user sees. The honest way comes first ([`publish`],
//! [`accept`]), with what was out before ([`sign`]), then signatures that travel in the package ([`carrier`], [`registries`], [`crates_io`]), what is not signed ([`refuse`]) and what may be said of that in configuration
//! ([`policy`]). Who answers for a key is in [`providers`], [`forges`] and [`directory`], and how often
//! he is asked in [`lookup`]; whether he still speaks of the same account, in [`numbers`]. The life of a
//! key is in [`login`], [`keys`], [`choosing`], [`passphrase`], [`imported`], [`agent`], [`account`],
//! [`ended`] and [`retired`]. Whoever lies about what is signed, or looks for a way round it, is in [`attacks`],
//! where each test is a row of `docs/attacks.md`. Each test has a [`World`] of its own, and they run side by side.
//!
//! What is printed is compared as a whole, after [`consign_testbed::normalised`]; `UPDATE_EXPECT=1`
//! in the environment writes what was found into the source, to be read before it is committed.

#![allow(clippy::unwrap_used)]

mod accept;
mod account;
mod agent;
mod attacks;
mod carrier;
mod choosing;
mod ci;
mod crates_io;
mod directory;
mod dropin;
mod ended;
mod fields;
mod forges;
mod gnupg;
mod imported;
#[cfg(unix)]
mod install;
mod keys;
mod login;
mod lookup;
mod manual;
mod network;
mod numbers;
mod passphrase;
mod patches;
mod policy;
mod project;
mod providers;
mod publish;
mod queue;
mod recorder;
mod refuse;
mod registries;
mod retired;
mod sign;
mod signers;
mod sources;
mod stock;
mod vendored;
mod verify;
mod withdrawn;
mod world;

use world::World;
