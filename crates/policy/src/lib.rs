//! What a check says of a release, and what follows from it.
//!
//! Facts come in, a decision goes out; nothing here reads a file, a clock or the network.
//!
//! 1. [`level`]: what the user wants, from settings of different rank.
//! 2. [`finding`]: what the facts say. [`Finding::of`] is the one place that decides it.
//! 3. [`ended`]: whether a release is known not to be new, which matters where its key has ended.
//! 4. [`verdict`]: what a finding leads to under a level.
//!
//! A release whose signature counts is described by a [`Published`], which only the check can make:
//! code that says who published something, or that hands bytes to the compiler because somebody
//! did, asks for that value.

pub mod ended;
pub mod finding;
pub mod level;
pub mod verdict;

pub use finding::{Finding, KeyAnswer, Mismatch, Published, Unanswered, Withdrawn};
pub use level::{Effective, InvalidLevel, Layer, Level, effective};
pub use verdict::{Choice, Verdict};
