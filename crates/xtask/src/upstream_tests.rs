//! `cargo xtask upstream-tests`: upstream's own tests, run on Consign and compared with stock cargo.
//!
//! The published crate carries its testsuite. It is copied and built ([`suite`]), and with it an
//! unpatched cargo: that one is *stock* here. The same test program is then run twice, and both times
//! it is asked, and not believed, which cargo it is about to test. What it prints is read by
//! [`libtest`].
//!
//! A test counts where it passes on stock, on this machine. Some cannot pass: the published crate
//! lacks their files, or they need a machine set up for them. They are counted apart and told. How
//! stock did is kept ([`record`]), so that from the second run on only Consign is tested; and one such record is
//! a part of the project.
//!
//! A test that counts and fails on Consign is a difference ([`comparison`]). It is run once more with
//! no other beside it, since some tests do not bear a busy machine; and on stock cargo as well, where nothing
//! explains it, since the record may be of another machine. The differences that are meant
//! are in `tests/upstream/differences.toml` ([`intended`]), each with its reason; any other one, and
//! one in that file that is none any more, makes the command fail.

mod comparison;
mod intended;
mod libtest;
mod record;
mod suite;

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::Instant;

use anyhow::{Context as _, ensure};
use consign_testbed::consign;

use crate::surroundings::{PROJECT, printed, target_folder};
use comparison::Comparison;
use intended::Intended;
use libtest::Outcome;
use record::{Key, Record};
use suite::{Outcomes, Pin, Seat, Suite};

/// Where the intended differences are listed.
const DIFFERENCES: &str = "tests/upstream/differences.toml";

/// How stock cargo did in a run of everything, for those who have the same compiler.
const STOCK: &str = "tests/upstream/stock.json";

/// The modules with tests of what signing touches: how packages are found, chosen, fetched,
/// unpacked, packed and published.
const SIGNING: &[&str] = &[
    "alt_registry",
    "cargo_info",
    "directory",
    "fetch",
    "install",
    "local_registry",
    "lockfile_compat",
    "lockfile_path",
    "login",
    "metadata",
    "offline",
    "package",
    "patch",
    "publish",
    "publish_lockfile",
    "registry",
    "registry_auth",
    "registry_overlay",
    "search",
    "source_replacement",
    "cargo_tree",
    "vendor",
];

/// Tests that are not run, and why.
const LEFT_OUT: &[(&str, &str)] = &[(
    "death::ctrl_c_kills_everyone",
    "it never ends where the shell has told its children to ignore an interrupt, as `nohup` does",
)];

/// How many tests are run on stock cargo before what came of them is recorded.
const PART: usize = 500;

/// How many lines of a failing test's output are shown.
const TAIL: usize = 40;

/// What is run.
#[derive(clap::Args)]
pub struct Options {
    /// Modules of the testsuite, such as `registry`, or single tests; everything without one
    filter: Vec<String>,
    /// The modules that signing touches
    #[arg(long)]
    signing: bool,
    /// Keep how stock cargo did in tests/upstream/stock.json, for others
    #[arg(long, conflicts_with_all = ["filter", "signing"])]
    record: bool,
}

/// Compares, and reports. Success only where there is no unexplained difference.
pub fn run(options: &Options) -> ExitCode {
    match compare(options) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn compare(options: &Options) -> anyhow::Result<bool> {
    let root = Path::new(PROJECT)
        .canonicalize()
        .context("the workspace is gone")?;
    let intended = fs::read_to_string(root.join(DIFFERENCES))
        .with_context(|| format!("failed to read `{DIFFERENCES}`"))?;
    let intended = Intended::read(&intended).with_context(|| format!("in `{DIFFERENCES}`"))?;
    let folder = folder()?;
    let pin = Pin::read(&root)?;
    // There is one seat, and one folder for the tests to write in.
    let alone = File::create(folder.join("lock"))?;
    alone
        .try_lock()
        .context("upstream's tests are running already")?;

    let since = Instant::now();
    println!(
        "building the testsuite of cargo {}, and both cargos",
        pin.version
    );
    let suite = Suite::build(&root, &pin, &folder)?;
    let ours = consign();
    took(since);

    let known = suite.names()?;
    let tests = choose(&known, options)?;
    let key = Key {
        checksum: pin.checksum,
        rustc: rustc()?,
    };
    let shared = root.join(STOCK);
    let mut record = Record::read(&folder.join("stock.json"), key)?;
    if !options.record {
        record = record.or_shared(&shared, &known)?;
    }
    let untried: Vec<_> = tests
        .iter()
        .copied()
        .filter(|test| !record.outcomes().contains_key(*test))
        .collect();
    // Recorded in parts, so that who interrupts this does not wait for all of it again.
    let log = File::create(folder.join("stock.log"))?;
    for (number, part) in untried.chunks(PART).enumerate() {
        let so_far = number * PART;
        println!(
            "running tests on stock cargo: {} to {} of {}",
            so_far + 1,
            so_far + part.len(),
            untried.len()
        );
        let since = Instant::now();
        record.add(try_stock(&suite, part, &log)?)?;
        took(since);
    }
    if options.record {
        record.share(&shared, &known)?;
    }

    println!("running {} tests on Consign", tests.len());
    let since = Instant::now();
    let seat = suite.consign(&ours)?;
    let outcomes = seat.run(&tests, &File::create(folder.join("consign.log"))?)?;
    let comparison = Comparison::new(record.outcomes(), &outcomes);
    let mut verdict = judge(&seat, &intended, &comparison)?;
    drop(seat);
    verdict.ask_stock(&suite)?;
    took(since);

    let listed = intended.reasons().into_keys();
    let stale = comparison::stale(listed, &known, &comparison.passed_on_both);
    report(&suite, &comparison, &verdict, &stale);
    let failing = verdict.not_as_recorded.len();
    let compared = comparison.passed_on_both.len() + comparison.differing.len() - failing;
    ensure!(
        compared > failing,
        "on this machine most of these tests fail on stock cargo too, so that little was compared"
    );
    Ok(verdict.unexplained.is_empty() && stale.is_empty())
}

/// The tests that the options name, without those that are left out.
fn choose<'a>(known: &'a [String], options: &Options) -> anyhow::Result<Vec<&'a str>> {
    let mut filters: Vec<_> = options.filter.iter().map(String::as_str).collect();
    if options.signing {
        filters.extend(SIGNING);
    }
    let (tests, idle) = comparison::chosen(known, &filters);
    ensure!(
        idle.is_empty(),
        "no test is in a module `{}`",
        idle.join("`, `")
    );
    for (test, reason) in LEFT_OUT {
        if tests.contains(test) {
            println!("left out: {test}: {reason}");
        }
    }
    let is_run = |test: &&str| LEFT_OUT.iter().all(|(left_out, _)| left_out != test);
    Ok(tests.into_iter().filter(is_run).collect())
}

/// How `tests` end on stock cargo. One that fails by chance would never be looked at again, so that
/// it gets a second try, alone.
fn try_stock(suite: &Suite, tests: &[&str], log: &File) -> anyhow::Result<Outcomes> {
    let seat = suite.stock()?;
    let mut outcomes = seat.run(tests, log)?;
    for (test, outcome) in &mut outcomes {
        if *outcome == Outcome::Failed && !suite.lacks_files(test) && seat.run_alone(test)?.0 {
            *outcome = Outcome::Passed;
        }
    }
    Ok(outcomes)
}

/// What the differences come to.
#[derive(Default)]
struct Verdict<'a> {
    /// How many there are of each reason.
    intended: BTreeMap<&'a str, usize>,
    /// They pass when no other test runs beside them.
    flaky: Vec<&'a str>,
    /// They fail on stock cargo as well, now and here, and did not where that was recorded.
    not_as_recorded: Vec<&'a str>,
    /// Each with what is to be seen of it.
    unexplained: Vec<(&'a str, String)>,
}

impl Verdict<'_> {
    /// Asks stock cargo about each difference that nothing explains.
    fn ask_stock(&mut self, suite: &Suite) -> anyhow::Result<()> {
        if self.unexplained.is_empty() {
            return Ok(());
        }
        let seat = suite.stock()?;
        for (test, output) in std::mem::take(&mut self.unexplained) {
            match seat.run_alone(test)? {
                (true, _) => self.unexplained.push((test, output)),
                (false, _) => self.not_as_recorded.push(test),
            }
        }
        Ok(())
    }
}

/// Looks at each difference once more.
fn judge<'a>(
    seat: &Seat<'_>,
    intended: &'a Intended,
    comparison: &Comparison<'a>,
) -> anyhow::Result<Verdict<'a>> {
    let reasons = intended.reasons();
    let mut verdict = Verdict::default();
    for &test in &comparison.differing {
        let (passes, output) = seat.run_alone(test)?;
        if passes {
            verdict.flaky.push(test);
            continue;
        }
        let unexpected = match intended.help.pages.get(test) {
            Some(command) => {
                let (stock, ours) = seat.help(command)?;
                intended.help.unexpected(&stock, &ours)
            }
            None => None,
        };
        match (reasons.get(test), unexpected) {
            (Some(reason), None) => *verdict.intended.entry(reason).or_default() += 1,
            (Some(_), Some(rest)) => verdict
                .unexplained
                .push((test, format!("the help page differs, from here on: {rest}"))),
            (None, _) => verdict.unexplained.push((test, tail(&output))),
        }
    }
    Ok(verdict)
}

fn report(suite: &Suite, comparison: &Comparison<'_>, verdict: &Verdict<'_>, stale: &[&str]) {
    let (lacking, failing): (Vec<_>, Vec<_>) = comparison
        .failed_on_both
        .iter()
        .partition(|test| suite.lacks_files(test));
    println!();
    for (count, what) in [
        (comparison.passed_on_both.len(), "pass on both"),
        (
            lacking.len(),
            "fail on both: the published crate lacks their files",
        ),
        (failing.len(), "fail on both for other reasons"),
        (
            comparison.ignored.len(),
            "are ignored, by conditions of their own",
        ),
        (
            comparison.passed_on_ours_only.len(),
            "fail on stock cargo only",
        ),
        (
            verdict.flaky.len(),
            "fail on Consign at first, and pass alone",
        ),
        (
            verdict.not_as_recorded.len(),
            "fail on both here, and passed on stock cargo where that was recorded",
        ),
        (verdict.intended.values().sum(), "are intended differences"),
        (verdict.unexplained.len(), "are unexplained differences"),
    ] {
        println!("{count:6} {what}");
    }
    for (reason, count) in &verdict.intended {
        println!("{count} intended: {reason}");
    }
    for (what, tests) in [
        ("fails on both", &failing),
        (
            "fails on stock cargo only",
            &comparison.passed_on_ours_only.iter().collect(),
        ),
        ("passes alone only", &verdict.flaky.iter().collect()),
        (
            "fails on both here",
            &verdict.not_as_recorded.iter().collect(),
        ),
    ] {
        for test in tests {
            println!("{what}: {test}");
        }
    }
    for (test, output) in &verdict.unexplained {
        // The output has colours, which only a terminal should get.
        anstream::println!(
            "\nerror: `{test}` passes on stock cargo and fails on Consign\n{output}"
        );
    }
    for test in stale {
        println!("\nerror: `{DIFFERENCES}` lists `{test}`, which passes, or is no test");
    }
}

/// The last lines of an output.
fn tail(output: &str) -> String {
    let lines: Vec<_> = output.trim_end().lines().collect();
    lines[lines.len().saturating_sub(TAIL)..].join("\n")
}

fn took(since: Instant) {
    println!("  took {} s", since.elapsed().as_secs());
}

/// Where everything happens: in the `target` folder that this program is in.
fn folder() -> anyhow::Result<PathBuf> {
    let folder = target_folder()?.join("upstream-tests");
    fs::create_dir_all(&folder)
        .with_context(|| format!("failed to create `{}`", folder.display()))?;
    Ok(folder)
}

/// What the compiler says of itself.
fn rustc() -> anyhow::Result<String> {
    printed(Command::new("rustc").arg("-Vv"))
}
