//! The project's own chores, run as `cargo xtask NAME`.
//!
//! One module a chore. They are programs for people who work on Consign, or who want to see what it
//! does; nothing of it is part of what is installed.

mod bench;
mod demo;
mod edit;
mod install;
mod mirror;
mod queue;
mod real_projects;
mod surroundings;
mod upgrade;
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
    /// Measure what Consign costs, beside stock cargo.
    ///
    /// The packages that this project is built from are signed and served by a registry on this
    /// machine; both cargos work with them in turns. The result is a table in Markdown. The exit
    /// status is 0 only if every bound is met.
    ///
    /// The fork is built first, linked as the distributed cargo is; with CONSIGN_CARGO in the
    /// environment the cargo that it names is measured, and none is built.
    Bench(bench::Options),
    /// Lay out upstream's source with the patches, to be worked on, and make patches of it again.
    ///
    /// Without `--save` the source of each patched crate is laid out below `target/edit`, as a git work
    /// tree. What was changed there next to the lines of a patch belongs to that patch; what stands by
    /// itself is a new one, and needs a name and a header.
    Edit(edit::Options),
    /// Build Consign, and put it beside the cargo that is there.
    ///
    /// With rustup it is the toolchain `consign`, for `cargo +consign build`: our cargo, and links to
    /// everything else of the toolchain in use. Without rustup it is a folder: `--prefix DIR`. Nothing
    /// that is there is replaced.
    ///
    /// With CONSIGN_CARGO in the environment the cargo that it names is installed, and none is built.
    Install(install::Options),
    /// Take away what `install` put there.
    Uninstall(install::Options),
    /// Check well-known programs with stock cargo and with Consign, and compare.
    ///
    /// The same lockfile, the same units and the same outcome, once with unsigned packages and once with
    /// signed ones and `--require-signatures`; and each finds everything fresh in the other one's target
    /// folder. The exit status is 0 only if that is so for all of them.
    RealProjects(real_projects::Options),
    /// Carry the patches to another release of cargo.
    ///
    /// What upstream did to its dependencies is done to ours. Where a patch cannot be carried there are
    /// conflicts in it, which `cargo xtask edit` shows; where upstream has a file no more, it is told where to read
    /// what the patch did there. The exit status is 0 only if there are none.
    Upgrade(upgrade::Options),
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
        Chore::Bench(options) => bench::run(&options),
        Chore::Edit(options) => edit::run(&options),
        Chore::Install(options) => install::install(&options),
        Chore::Uninstall(options) => install::uninstall(&options),
        Chore::RealProjects(options) => real_projects::run(&options),
        Chore::Upgrade(options) => upgrade::run(&options),
        Chore::UpstreamTests(options) => upstream_tests::run(&options),
    }
}
