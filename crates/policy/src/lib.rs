//! What a check says of a release, and what follows from it.
//!
//! Facts come in, a decision goes out; nothing here reads a file, a clock or the network.
//!
//! 1. [`level`]: what the user wants, from settings of different rank.
//! 2. [`rules`]: what a signers file expects of a package and of a key.
//! 3. [`finding`]: what the facts say. [`Finding::of`] is the one place that decides it.
//! 4. [`ended`]: whether a release is known not to be new, which matters where its key has ended.
//! 5. [`verdict`]: what a finding leads to under the levels that hold.
//! 6. [`sighting`]: what is to be recorded of a release that was accepted.
//! 7. [`foresight`]: what others will find of a release that is about to be published.
//!
//! A release whose signature counts is described by a [`Published`], which only the check can make:
//! code that says who published something, or that hands bytes to the compiler because somebody
//! did, asks for that value.

pub mod ended;
pub mod finding;
pub mod foresight;
pub mod level;
pub mod rules;
pub mod sighting;
pub mod verdict;

pub use finding::{Finding, Lost, Mismatch, Newcomer, Published, Wrong};
pub use level::{Effective, InvalidLevel, Layer, Level, Levels, effective};
pub use rules::{Expected, KeyAnswer, KeyStanding, New, Unanswered, Withdrawn};
pub use sighting::Sighting;
pub use verdict::{Choice, Verdict};
