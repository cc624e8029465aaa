//! `cargo xtask real-projects`: well-known programs, checked by stock cargo and by Consign.
//!
//! Both work on the same sources, with one `CARGO_HOME`, as somebody's who has both. The packages come
//! from a registry on this machine that has them from crates.io, unsigned at first. Then they are
//! signed, and Consign is run once more, with `--require-signatures`. For every [`Project`] this is
//! compared:
//!
//! - the lockfile that each makes,
//! - the graph of units (`--unit-graph`, which stock cargo offers under `RUSTC_BOOTSTRAP`). It numbers units, and
//!   those that only differ in what they depend on have other numbers in each run, of stock cargo too: so each is
//!   compared with what it depends on, and not by its number,
//! - the units that were compiled, with their features, and how the build ended,
//! - and that each finds everything fresh in the other one's target folder.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::{Context as _, bail, ensure};
use clap::builder::PossibleValuesParser;
use consign_patchset::upstream;
use consign_statement::Digest;
use consign_testbed::{Home, KeyServer, Output, Registry, Sandbox, consign, stock};
use serde_json::Value;

use crate::mirror::{self, registry_packages};
use crate::queue::fetch;
use crate::surroundings::{ended, ensure_unconfigured, printed, say_panics_plainly};

/// A program from crates.io.
struct Project {
    /// What it is here for.
    what: &'static str,
    /// Its package, and others that are made members of a workspace with it.
    packages: &'static [(&'static str, &'static str)],
}

const PROJECTS: &[Project] = &[
    Project {
        what: "a command-line tool",
        packages: &[("hyperfine", "1.19.0")],
    },
    Project {
        what: "a web server",
        packages: &[("dufs", "0.47.0")],
    },
    Project {
        what: "a user of TLS",
        packages: &[("xh", "0.26.3")],
    },
    Project {
        what: "build scripts that compile C",
        packages: &[("bat", "0.26.1")],
    },
    Project {
        what: "a workspace",
        packages: &[
            ("mdbook", "0.5.1"),
            ("mdbook-core", "0.5.1"),
            ("mdbook-driver", "0.5.1"),
            ("mdbook-html", "0.5.1"),
            ("mdbook-markdown", "0.5.1"),
            ("mdbook-preprocessor", "0.5.1"),
            ("mdbook-renderer", "0.5.1"),
            ("mdbook-summary", "0.5.1"),
        ],
    },
];

/// Which projects.
#[derive(Debug, clap::Args)]
pub struct Options {
    /// Names of programs; all of them where none is named
    #[arg(value_parser = PossibleValuesParser::new(PROJECTS.iter().map(Project::name)))]
    names: Vec<String>,
    /// Build them, and not only check them
    #[arg(long)]
    build: bool,
}

/// Compares, and prints a line for each project. Success only where nothing differs.
pub fn run(options: &Options) -> ExitCode {
    say_panics_plainly("comparison");
    if let Err(error) = ensure_unconfigured() {
        return ended(Err(error));
    }
    let command = if options.build { "build" } else { "check" };
    let chosen = PROJECTS.iter().filter(|project| {
        options.names.is_empty() || options.names.iter().any(|name| name == project.name())
    });
    let mut failed = false;
    println!("| program | | packages | units | the same with Consign | signed and required |");
    println!("|---|---|---:|---:|---|---|");
    for project in chosen {
        match project.compare(command) {
            Ok(row) => println!("{row}"),
            Err(error) => {
                failed = true;
                println!(
                    "| {} | {} | | | **{error:#}** | |",
                    project.name(),
                    project.what
                );
            }
        }
    }
    match failed {
        true => ExitCode::FAILURE,
        false => ended(Ok(())),
    }
}

impl Project {
    fn name(&self) -> &'static str {
        self.packages[0].0
    }

    /// Gives the row of the table.
    fn compare(&self, command: &str) -> anyhow::Result<String> {
        eprintln!("{}", self.name());
        let sandbox = Sandbox::new();
        let root = self.lay_out(sandbox.path())?;
        let packages = locked_packages(&root)?;
        let registry = Registry::start(&sandbox);
        let keys = KeyServer::start();
        mirror::import(&registry, &packages)?;
        let home = sandbox.home("user");
        mirror::configure(&home, &registry, &keys);
        let with = |cargo: PathBuf, flags: &'static [&'static str]| With {
            cargo,
            flags,
            home: &home,
            root: &root,
        };
        let stock = with(stock(), &[]);
        let ours = with(consign(), &[]);

        // All that writes to the sources is done before anything is compiled: a build script may have
        // asked to be run again for any file.
        let lockfile = stock.lockfile()?;
        ensure!(ours.lockfile()? == lockfile, "another lockfile");
        let graph = stock.graph()?;
        ensure!(ours.graph()? == graph, "other units in the graph");
        eprintln!("  stock cargo");
        let built = stock.build(command, "stock")?;
        ours.build(command, "stock")?.ensure_fresh()?;
        eprintln!("  Consign");
        let again = ours.build(command, "consign")?;
        ensure!(again.units == built.units, "other units were compiled");
        stock.build(command, "consign")?.ensure_fresh()?;

        eprintln!("  Consign, all packages signed, and signatures required");
        mirror::sign(&registry, &keys, &packages)?;
        let requiring = with(consign(), &["--require-signatures"]);
        ensure!(
            requiring.lockfile()? == lockfile,
            "another lockfile where signed"
        );
        ensure!(
            requiring.graph()? == graph,
            "other units in the graph where signed"
        );
        let signed = requiring.build(command, "requiring")?;
        ensure!(
            signed.units == built.units,
            "other units were compiled where signed"
        );
        Ok(format!(
            "| {} {} | {} | {} | {} | lockfile, units, outcome, fresh both ways | lockfile, units, outcome |",
            self.name(),
            self.packages[0].1,
            self.what,
            packages.len(),
            built.units.len()
        ))
    }

    /// Writes the sources below `folder`, and gives the folder that is built.
    fn lay_out(&self, folder: &Path) -> anyhow::Result<PathBuf> {
        let published = fetch(self.packages)?;
        let root = folder.join("project");
        if let [only] = &published[..] {
            upstream::copy(only, &root)?;
            return Ok(root);
        }
        let mut members = String::new();
        let mut patches = String::new();
        for ((name, _), package) in self.packages.iter().zip(&published) {
            upstream::copy(package, &root.join(name))?;
            members += &format!("{name:?}, ");
            patches += &format!("{name} = {{ path = {name:?} }}\n");
        }
        fs::copy(published[0].join("Cargo.lock"), root.join("Cargo.lock"))?;
        let manifest = format!(
            "[workspace]\nresolver = \"2\"\nmembers = [{members}]\n[patch.crates-io]\n{patches}"
        );
        fs::write(root.join("Cargo.toml"), manifest)?;
        Ok(root)
    }
}

/// What the lockfile names, downloaded to the `CARGO_HOME` of whoever runs this.
fn locked_packages(root: &Path) -> anyhow::Result<Vec<(String, String)>> {
    let metadata = printed(
        Command::new(stock())
            .args(["metadata", "--format-version=1", "--all-features"])
            .current_dir(root),
    )?;
    Ok(registry_packages(&serde_json::from_str(&metadata)?))
}

/// A cargo at work on a project.
struct With<'a> {
    cargo: PathBuf,
    flags: &'static [&'static str],
    home: &'a Home,
    root: &'a Path,
}

impl With<'_> {
    fn run(&self, args: &[&str]) -> Output {
        let run = self.home.cargo(&self.cargo, self.root);
        let run = run.args(args).args(self.flags);
        run.env(
            "RUSTC_BOOTSTRAP",
            if args.contains(&"--unit-graph") {
                "1"
            } else {
                "0"
            },
        )
        .run()
    }

    /// The lockfile that it makes where there is none.
    fn lockfile(&self) -> anyhow::Result<String> {
        let path = self.root.join("Cargo.lock");
        fs::remove_file(&path)?;
        self.run(&["generate-lockfile"]).succeeded();
        fs::read_to_string(path).context("it made no lockfile")
    }

    /// What it would compile, and how.
    fn graph(&self) -> anyhow::Result<BTreeSet<Digest>> {
        let args = ["build", "--locked", "-Zunstable-options", "--unit-graph"];
        let graph: Value = serde_json::from_str(&self.run(&args).succeeded().stdout)?;
        let units = graph["units"].as_array().context("a graph without units")?;
        let mut seen = vec![None; units.len()];
        (0..units.len())
            .map(|number| seen_with_all_below(units, number, &mut seen))
            .collect()
    }

    /// Compiles, in a target folder of this name.
    fn build(&self, command: &str, target: &str) -> anyhow::Result<Built> {
        let target = self.root.with_file_name(target);
        let target = target.to_str().context("a folder is not UTF-8")?;
        let args = [
            command,
            "--locked",
            "--message-format=json",
            "--target-dir",
            target,
        ];
        Built::read(&self.run(&args).succeeded().stdout)
    }
}

/// The digest of a unit and of all that it depends on, which are `units` by number. What was `seen` is not
/// looked at again.
fn seen_with_all_below(
    units: &[Value],
    number: usize,
    seen: &mut [Option<Digest>],
) -> anyhow::Result<Digest> {
    if let Some(digest) = seen[number] {
        return Ok(digest);
    }
    let mut unit = units[number].clone();
    let mut below = Vec::new();
    for dependency in unit["dependencies"].as_array_mut().into_iter().flatten() {
        let index = dependency["index"].take();
        let index = index.as_u64().context("a dependency without a number")?;
        let index = usize::try_from(index)?;
        ensure!(index < units.len(), "no unit has the number {index}");
        let digest = seen_with_all_below(units, index, seen)?;
        below.push(format!("{dependency} {digest}"));
    }
    below.sort();
    unit["dependencies"] = below.into();
    let digest = Digest::of(unit.to_string().as_bytes());
    seen[number] = Some(digest);
    Ok(digest)
}

/// What came of a build.
#[derive(Debug)]
struct Built {
    /// Package, target and features of each unit.
    units: BTreeSet<String>,
    /// Those that were compiled now, and not found compiled.
    compiled: Vec<String>,
}

impl Built {
    /// Reads the messages for programs.
    fn read(messages: &str) -> anyhow::Result<Built> {
        let mut built = Built {
            units: BTreeSet::new(),
            compiled: Vec::new(),
        };
        let mut ended = false;
        for line in messages.lines() {
            let message: Value = serde_json::from_str(line)?;
            match message["reason"].as_str() {
                Some("compiler-artifact") => {
                    let target = &message["target"];
                    let unit = [
                        &message["package_id"],
                        &target["kind"],
                        &target["name"],
                        &message["features"],
                    ];
                    let unit = unit.map(Value::to_string).join(" ");
                    if message["fresh"] == false {
                        built.compiled.push(unit.clone());
                    }
                    built.units.insert(unit);
                }
                Some("build-script-executed") => {
                    built.units.insert(format!("run {}", message["package_id"]));
                }
                Some("build-finished") => ended = message["success"] == true,
                _ => {}
            }
        }
        ensure!(ended, "the build does not say that it succeeded");
        ensure!(!built.units.is_empty(), "the build made nothing");
        Ok(built)
    }

    /// Fails where anything was compiled.
    fn ensure_fresh(&self) -> anyhow::Result<()> {
        match self.compiled.first() {
            None => Ok(()),
            Some(unit) => bail!("compiled though the other cargo had done so: {unit}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// Two units that only differ in what they depend on, which is first or second.
    fn graph(features: [&str; 2], uses: [usize; 2]) -> anyhow::Result<BTreeSet<Digest>> {
        let unit = |features: &str, depends_on: &[usize]| {
            let depends_on = depends_on.iter().map(|index| json!({ "index": index }));
            json!({ "features": features, "dependencies": depends_on.collect::<Vec<_>>() })
        };
        let units = [
            unit("", &[uses[0]]),
            unit("", &[uses[1]]),
            unit(features[0], &[]),
            unit(features[1], &[]),
        ];
        let mut seen = vec![None; units.len()];
        (0..units.len())
            .map(|number| seen_with_all_below(&units, number, &mut seen))
            .collect()
    }

    #[test]
    fn units_are_the_same_by_what_they_depend_on_and_not_by_their_numbers() -> anyhow::Result<()> {
        let one = graph(["std", ""], [2, 3])?;
        assert_eq!(one.len(), 4);
        assert_eq!(one, graph(["std", ""], [3, 2])?);
        assert_eq!(one, graph(["", "std"], [2, 3])?);
        assert_ne!(one, graph(["std", ""], [2, 2])?);
        assert_ne!(one, graph(["std", "alloc"], [2, 3])?);
        Ok(())
    }
}
