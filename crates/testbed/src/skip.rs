//! Tests that need a program which is not there.

use std::io::Write as _;

/// Tells that the running test, or what is left of it, is skipped, and why.
///
/// It goes to standard error past the test runner, which shows nothing of what a test prints that passes.
pub fn skipped(why: &str) {
    let thread = std::thread::current();
    let test = thread.name().unwrap_or("a test");
    // Where nobody can be told there is nobody to tell.
    let _ = writeln!(std::io::stderr(), "skipped: {test}: {why}");
}
