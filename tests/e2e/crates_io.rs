//! crates.io in its own form: real packages and their real index lines, a signature put into each package,
//! served in the place of crates.io.
//!
//! The packages are some that this project is built from, out of the `CARGO_HOME` that it was built with.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use consign_statement::{Digest, RegistryId, carrier};
use consign_testbed::{
    KeyServer, Output, Registry, Sandbox, consign, crate_with_changed_file, crate_without_file,
    stock,
};
use serde_json::{Value, json};

use crate::world::other_key;

/// What the program depends on. It has dependencies of every kind, a build script, procedural macros, and
/// others for other platforms.
const ROOTS: [&str; 2] = ["serde_json", "jobserver"];
const USER: &str = "dtolnay";

/// The packages that [`ROOTS`] come to, by name and version, as the lockfile of this project has them.
fn packages() -> BTreeSet<(String, String)> {
    let lockfile = Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.lock");
    let lockfile = fs::read_to_string(lockfile).unwrap();
    let field = |package: &str, name: &str| {
        let value = package.lines().find_map(|line| {
            let line = line.strip_prefix(name)?.strip_prefix(" = \"")?;
            line.strip_suffix('"')
        });
        value.map(str::to_owned)
    };
    let all: Vec<_> = lockfile.split("[[package]]").skip(1).collect();
    let mut wanted: Vec<String> = ROOTS.map(str::to_owned).to_vec();
    let mut found = BTreeSet::new();
    while let Some(next) = wanted.pop() {
        let (name, version) = match next.split_once(' ') {
            Some((name, version)) => (name, Some(version)),
            None => (next.as_str(), None),
        };
        for package in &all {
            let this = (field(package, "name"), field(package, "version"));
            let (Some(its_name), Some(its_version)) = this else {
                continue;
            };
            if its_name != name || version.is_some_and(|version| version != its_version) {
                continue;
            }
            if found.insert((its_name, its_version)) {
                let (_, dependencies) = package.split_once("dependencies = [").unwrap_or_default();
                let dependencies = dependencies.split(']').next().unwrap_or_default();
                let names = dependencies.split('"').skip(1).step_by(2);
                wanted.extend(names.map(str::to_owned));
            }
        }
    }
    found
}

/// A copy of crates.io, where every package carries a signature.
struct Copy {
    sandbox: Sandbox,
    registry: Registry,
    keys: KeyServer,
    packages: BTreeSet<(String, String)>,
}

impl Copy {
    fn new() -> Copy {
        let sandbox = Sandbox::new();
        let registry = Registry::start(&sandbox);
        let keys = KeyServer::start();
        let packages = packages();
        let home = match std::env::var_os("CARGO_HOME") {
            Some(home) => home.into(),
            None => std::env::home_dir().unwrap().join(".cargo"),
        };
        let wanted = packages.iter().map(|(n, v)| format!("{n}@{v}"));
        let wanted: Vec<_> = wanted.collect();
        let wanted: Vec<_> = wanted.iter().map(String::as_str).collect();
        registry.import(&home, &wanted);
        let key = other_key(USER);
        keys.publish(USER, &key.public_armored());
        let identity = format!("github:{USER}").parse().unwrap();
        for (name, version) in &packages {
            let before = registry.line(name, version);
            registry.carry(&RegistryId::crates_io(), name, version, &identity, &key);
            let mut after = registry.line(name, version);
            after["cksum"] = before["cksum"].clone();
            assert_eq!(before, after);
        }
        Copy {
            sandbox,
            registry,
            keys,
            packages,
        }
    }

    fn version(&self, name: &str) -> &str {
        let found = self.packages.iter().find(|(its, _)| its == name);
        &found.unwrap().1
    }

    /// What becomes of a program that uses the packages, in the hands of somebody who sees them for the
    /// first time.
    fn run(&self, cargo: &Path, args: &[&str]) -> Output {
        let app = self.sandbox.path().join("app");
        let _ = fs::remove_dir_all(&app);
        let _ = fs::remove_dir_all(self.sandbox.path().join("homes/user"));
        let user = self.sandbox.home("user");
        user.add_config(&format!(
            "[source.crates-io]\nreplace-with = \"copy\"\n[source.copy]\nregistry = \"{}\"",
            self.registry.index_url()
        ));
        user.use_keys(&self.keys);
        let package = self.sandbox.package("app");
        let main = "let v: serde_json::Value = serde_json::from_str(\"[1]\").unwrap();\n    \
                    println!(\"{v}\");";
        let app = package
            .dependency_line("serde_json = \"1\"\njobserver = \"0.1\"")
            .program(main);
        user.cargo(cargo, &app.write()).args(args).run()
    }

    fn archive(&self, name: &str) -> (PathBuf, Vec<u8>) {
        let path = self.registry.crate_path(name, self.version(name));
        let bytes = fs::read(&path).unwrap();
        (path, bytes)
    }

    /// Serves another archive for a package, with another index line.
    fn serve(&self, name: &str, archive: &[u8], edit: impl FnOnce(&mut Value)) {
        let (path, _) = self.archive(name);
        fs::write(path, archive).unwrap();
        let cksum = Digest::of(archive).to_string();
        self.registry.edit_line(name, self.version(name), |line| {
            line["cksum"] = cksum.into();
            edit(line);
        });
    }
}

#[test]
fn real_packages_that_carry_a_signature_are_built_and_refused_once_tampered_with() {
    let copy = Copy::new();
    let output = copy.run(&consign(), &["run", "--require-signatures"]);
    let output = output.succeeded();
    assert_eq!(output.stdout, "[1]\n");
    let published = output.stderr.matches("(published by GitHub user @dtolnay)");
    assert!(published.count() >= 5, "{}", output.stderr);
    copy.run(&stock(), &["run"]).succeeded();

    const FETCH: &[&str] = &["fetch", "--require-signatures"];
    let name = "itoa";
    let (_, archive) = copy.archive(name);
    let line = copy.registry.line(name, copy.version(name));
    let evil = crate_with_changed_file(&archive, "src/lib.rs", b"evil");
    let carried = carrier::in_crate(&archive[..], name, copy.version(name));
    let carried = String::from_utf8(carried.unwrap().unwrap()).unwrap();
    let other = carried.replace("\"user\":\"dtolnay\"", "\"user\":\"octocat\"");
    let other = crate_with_changed_file(&archive, carrier::NAME, other.as_bytes());
    let stripped = crate_without_file(&archive, carrier::NAME);
    let none: fn(&mut Value) = |_| {};
    type Edit = fn(&mut Value);
    let attacks: [(&[u8], Edit, &str); 5] = [
        (&evil, none, "are not those that `github:dtolnay` signed"),
        (&other, none, "does not fit the statement"),
        (&stripped, none, "is not signed"),
        (
            &archive,
            |line| line["features"]["evil"] = json!([]),
            "its index entry has other features",
        ),
        (
            &archive,
            |line| {
                let mut dep = line["deps"][0].clone();
                dep["name"] = json!("jobserver");
                dep["req"] = json!("^0.1");
                dep["optional"] = json!(false);
                line["deps"].as_array_mut().unwrap().push(dep);
            },
            "its index entry has other dependencies",
        ),
    ];
    for (archive, edit, why) in attacks {
        copy.serve(name, archive, edit);
        let refusal = copy.run(&consign(), FETCH).failed().stderr;
        assert!(refusal.contains(why), "{refusal}");
        copy.run(&stock(), &["fetch"]).succeeded();
        copy.registry
            .edit_line(name, copy.version(name), |served| *served = line.clone());
    }
    copy.serve(name, &archive, none);
    copy.run(&consign(), FETCH).succeeded();
}
