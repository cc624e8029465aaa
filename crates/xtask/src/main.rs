//! The project's own chores, run as `cargo xtask NAME`.
//!
//! One module a chore. They are programs for people who work on Consign, or who want to see what it
//! does; nothing of it is part of what is installed.

mod demo;
mod upstream_tests;

use std::process::ExitCode;

use clap::Parser;

/// The project's own chores.
#[derive(Parser)]
#[command(bin_name = "cargo xtask")]
enum Chore {
    /// Show what Consign is for: real packages are signed, built, and tampered with.
    ///
    /// Everything happens in a temporary folder, and nothing is installed. The real packages come
    /// from crates.io. The exit status is 0 only if everything went as told.
    ///
    /// With CONSIGN_KEEP=1 in the environment the temporary folder is kept, and with CONSIGN_CARGO
    /// the cargo that it names is shown, and none is built.
    Demo,
    /// Run upstream's own tests on Consign, and compare with stock cargo.
    ///
    /// The tests are those of the published crate, and stock is that crate as it is, built beside
    /// them. The exit status is 0 only if everything that passes on stock passes on Consign, but for
    /// the differences that `tests/upstream/differences.toml` gives a reason for.
    ///
    /// Everything happens in `target/upstream-tests`. How stock did is kept there in `stock.json`, so
    /// that a second run is of Consign only.
    ///
    /// With CONSIGN_CARGO in the environment the cargo that it names is tested, and none is built.
    UpstreamTests(upstream_tests::Options),
}

fn main() -> ExitCode {
    match Chore::parse() {
        Chore::Demo => demo::run(),
        Chore::UpstreamTests(options) => upstream_tests::run(&options),
    }
}
