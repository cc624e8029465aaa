//! Vendored folders, in a repository that is not reviewed file by file.

use std::fs;
use std::path::PathBuf;

use consign_statement::carrier;
use serde_json::{Value, json};

use super::caches::with_a_switch;
use super::{EVIL, EVIL_SCRIPT, Scene, Victim, git, replace_in, write_program};
use crate::World;

/// Both have vendored what they need, each with a cargo of his own, and build from that.
fn vendored(scene: Scene) -> Scene {
    for victim in [&scene.stock, &scene.consign] {
        let config = victim.run(["vendor"]).output.succeeded().stdout;
        fs::create_dir(victim.app.join(".cargo")).unwrap();
        fs::write(victim.app.join(".cargo/config.toml"), config).unwrap();
    }
    scene
}

fn vendored_foo() -> Scene {
    vendored(Scene::with_foo())
}

/// A file of the vendored `foo`.
fn file(victim: &Victim, name: &str) -> PathBuf {
    victim.app.join("vendor/foo").join(name)
}

/// Changes what is said of the vendored `foo`.
fn edit_checksums(victim: &Victim, edit: impl FnOnce(&mut Value)) {
    let path = file(victim, ".cargo-checksum.json");
    let mut checksums = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    edit(&mut checksums);
    fs::write(path, checksums.to_string()).unwrap();
}

/// Writes a file, and forgets that it had a checksum: stock cargo looks only at those that are listed.
fn write(victim: &Victim, name: &str, content: &str) {
    fs::write(file(victim, name), content).unwrap();
    edit_checksums(victim, |checksums| {
        checksums["files"].as_object_mut().unwrap().remove(name);
    });
}

/// Removes a file, and the memory of it.
fn remove(victim: &Victim, name: &str) {
    write(victim, name, "");
    fs::remove_file(file(victim, name)).unwrap();
}

const OTHER_FILES: &str = "are not those that were signed";

#[test]
fn edited_file_is_refused() {
    let scene = vendored_foo();
    scene.attack(|victim| fs::write(file(victim, "src/lib.rs"), EVIL).unwrap());
    let (stock, consign) = scene.run(["run", "--locked"]);
    stock.refuses("the listed checksum of");
    consign
        .refuses(OTHER_FILES)
        .says("help: put it right with `cargo vendor`");
}

#[test]
fn edited_file_with_its_new_checksum_is_refused() {
    let scene = vendored_foo();
    scene.attack(|victim| {
        fs::write(file(victim, "src/lib.rs"), EVIL).unwrap();
        let digest = consign_statement::Digest::of(EVIL.as_bytes()).to_string();
        edit_checksums(victim, |checksums| {
            checksums["files"]["src/lib.rs"] = json!(digest)
        });
    });
    let (stock, consign) = scene.run(["run", "--locked"]);
    stock.is_hit();
    consign.refuses(OTHER_FILES);
}

#[test]
fn edited_file_in_a_folder_without_checksums_is_refused() {
    let scene = vendored_foo();
    scene.attack(|victim| {
        fs::write(file(victim, "src/lib.rs"), EVIL).unwrap();
        edit_checksums(victim, |checksums| checksums["files"] = json!({}));
    });
    let (stock, consign) = scene.run(["run", "--locked"]);
    stock.is_hit();
    consign.refuses(OTHER_FILES);
}

#[test]
fn edited_file_is_refused_where_nothing_is_required() {
    let scene = vendored_foo();
    scene.attack(|victim| write(victim, "src/lib.rs", EVIL));
    let (stock, consign) = scene.run_without_a_rule(["run", "--locked"]);
    stock.is_hit();
    consign.refuses(OTHER_FILES);
}

#[test]
fn build_script_that_was_dropped_in_is_refused() {
    let scene = vendored_foo();
    scene.attack(|victim| {
        fs::write(file(victim, "build.rs"), EVIL_SCRIPT).unwrap();
        let manifest = fs::read_to_string(file(victim, "Cargo.toml")).unwrap();
        let edited = manifest.replace("build = false", "build = \"build.rs\"");
        write(victim, "Cargo.toml", &edited);
    });
    let (stock, consign) = scene.run(["build", "--locked"]);
    stock.is_hit();
    consign.refuses(OTHER_FILES);
}

/// The manifest of a package made by hand says nothing of build scripts.
#[test]
fn build_script_beside_an_old_manifest_is_refused() {
    let world = World::with_foo(["1.0.0"]);
    let old = "[package]\nname = \"foo\"\nversion = \"1.0.0\"\nedition = \"2021\"\n";
    super::archives::publish_by_hand(&world, |archive| {
        archive.file("foo-1.0.0/Cargo.toml", old);
        archive.file(
            "foo-1.0.0/src/lib.rs",
            "pub fn name() -> &'static str { \"foo 1.0.0\" }",
        );
    });
    let scene = vendored(Scene::of(world));
    scene.attack(|victim| fs::write(file(victim, "build.rs"), EVIL_SCRIPT).unwrap());
    let (stock, consign) = scene.run(["build", "--locked"]);
    stock.is_hit();
    consign.refuses(OTHER_FILES);
}

/// The resolver goes by the manifest in the folder. What it says of dependencies is covered too.
#[test]
fn edited_manifest_is_refused() {
    let world = World::with_foo(["1.0.0"]);
    let lib = "pub fn name() -> &'static str {
        if cfg!(feature = \"evil\") { \"evil\" } else { \"foo 1.0.0\" }
    }";
    let foo = world.library("foo", "1.0.1").feature("evil", &[]);
    world.publish(foo.file("src/lib.rs", lib));
    let scene = vendored(Scene::of(world));
    scene.attack(|victim| {
        let manifest = fs::read_to_string(file(victim, "Cargo.toml")).unwrap();
        write(
            victim,
            "Cargo.toml",
            &manifest.replace("[features]", "[features]\ndefault = [\"evil\"]"),
        );
    });
    let (stock, consign) = scene.run(["run", "--locked"]);
    stock.is_hit();
    consign.refuses("its manifest has other features than what was signed");
}

#[test]
fn missing_file_is_refused() {
    let world = World::new();
    let script = "fn main() {
        let name = if std::fs::exists(\"guard\").unwrap() { \"good\" } else { \"evil\" };
        println!(\"cargo::rustc-env=NAME={name}\");
    }";
    let lib = "pub fn name() -> &'static str { env!(\"NAME\") }";
    let foo = world.library("foo", "1.0.0");
    let foo = foo.file("build.rs", script).file("src/lib.rs", lib);
    world.publish(foo.file("guard", ""));
    let scene = vendored(Scene::of(world));
    scene.attack(|victim| {
        write(victim, "guard", "");
        fs::remove_file(file(victim, "guard")).unwrap();
    });
    let (stock, consign) = scene.run(["run", "--locked"]);
    stock.is_hit();
    consign.refuses(OTHER_FILES);
}

#[cfg(unix)]
#[test]
fn link_in_place_of_a_file_is_refused() {
    let scene = vendored_foo();
    scene.attack(|victim| {
        // The same bytes, for now.
        let elsewhere = victim.home.path().join("lib.rs");
        fs::rename(file(victim, "src/lib.rs"), &elsewhere).unwrap();
        std::os::unix::fs::symlink(elsewhere, file(victim, "src/lib.rs")).unwrap();
    });
    let (stock, consign) = scene.run(["run", "--locked"]);
    stock.is_unharmed("foo 1.0.0\n");
    consign.refuses(OTHER_FILES);
}

/// Only files of git may be missing; what else is said to have been left out, was not.
#[test]
fn source_that_is_said_to_have_been_left_out_is_refused() {
    let scene = vendored_foo();
    scene.attack(|victim| {
        let good = consign_statement::Digest::of(&fs::read(file(victim, "src/lib.rs")).unwrap());
        // Another root of the library, and the old one not missed.
        fs::remove_file(file(victim, "src/lib.rs")).unwrap();
        fs::write(file(victim, "src/evil.rs"), EVIL).unwrap();
        replace_in(&file(victim, "Cargo.toml"), "src/lib.rs", "src/evil.rs");
        edit_checksums(victim, |checksums| {
            checksums["files"] = json!({});
            if let Some(consign) = checksums.get_mut("consign") {
                consign["left_out"]["src/lib.rs"] = json!(good.to_string());
            }
        });
    });
    let (stock, consign) = scene.run(["run", "--locked"]);
    stock.is_hit();
    consign.refuses("it was tampered with");
}

#[test]
fn forged_digest_of_what_was_left_out_is_refused() {
    let world = World::new();
    let foo = world.library("foo", "1.0.0");
    let foo = foo.package_line("include = [\"/src\", \".gitignore\"]");
    world.publish(foo.file(".gitignore", "target\n"));
    let scene = vendored(Scene::of(world));
    scene.attack(|victim| {
        fs::write(file(victim, "src/lib.rs"), EVIL).unwrap();
        edit_checksums(victim, |checksums| {
            checksums["files"] = json!({});
            if let Some(consign) = checksums.get_mut("consign") {
                consign["left_out"][".gitignore"] = json!("0".repeat(64));
            }
        });
    });
    let (stock, consign) = scene.run(["run", "--locked"]);
    stock.is_hit();
    consign.refuses(OTHER_FILES);
}

/// Edits the vendored `foo`, and gives it the signed entry of another vendored package.
fn give_entry_of(victim: &Victim, other: &str) {
    fs::write(file(victim, "src/lib.rs"), EVIL).unwrap();
    let other = victim.app.join("vendor").join(other);
    let other = fs::read(other.join(".cargo-checksum.json")).unwrap();
    let other: Value = serde_json::from_slice(&other).unwrap();
    edit_checksums(victim, |checksums| {
        checksums["files"] = json!({});
        // Stock cargo has put none there.
        if let Some(consign) = other.get("consign") {
            checksums["consign"] = consign.clone();
        }
    });
}

#[test]
fn entry_of_another_package_is_refused() {
    let world = World::with_foo(["1.0.0"]);
    world.publish(world.library("bar", "1.0.0"));
    let scene = vendored(Scene::building(world, |app| {
        let app = app.dependency("foo", "1").dependency("bar", "1");
        app.program("println!(\"{}\", foo::name());")
    }));
    scene.attack(|victim| give_entry_of(victim, "bar"));
    let (stock, consign) = scene.run(["run", "--locked"]);
    stock.is_hit();
    consign.refuses("it was tampered with");
}

#[test]
fn entry_of_another_version_is_refused() {
    let world = World::with_foo(["1.0.0", "2.0.0"]);
    let scene = vendored(Scene::building(world, |app| {
        let old = "old = { package = \"foo\", version = \"1\", registry = \"demo\" }";
        let app = app.dependency("foo", "2").dependency_line(old);
        app.program("println!(\"{}\", foo::name());")
    }));
    scene.attack(|victim| give_entry_of(victim, "foo-1.0.0"));
    let (stock, consign) = scene.run(["run", "--locked"]);
    stock.is_hit();
    consign.refuses("it was tampered with");
}

#[test]
fn stripped_entry_is_refused_where_signatures_are_required() {
    let scene = vendored_foo();
    scene.attack(|victim| {
        write(victim, "src/lib.rs", EVIL);
        edit_checksums(victim, |checksums| {
            drop(checksums.as_object_mut().unwrap().remove("consign"))
        });
        remove(victim, carrier::NAME);
    });
    let (stock, consign) = scene.run(["run", "--locked"]);
    stock.is_hit();
    consign.refuses("refusing `foo v1.0.0 (registry `demo`)`: it is not signed");
}

/// A folder, and what was taken out of it, in the hands of somebody who requires nothing.
fn with_a_stripped_entry() -> Scene {
    let scene = vendored_foo();
    scene.attack(|victim| {
        write(victim, "src/lib.rs", EVIL);
        edit_checksums(victim, |checksums| {
            drop(checksums.as_object_mut().unwrap().remove("consign"))
        });
        remove(victim, carrier::NAME);
    });
    scene
}

#[test]
fn stripped_entry_is_missed_where_there_was_one() {
    let (stock, consign) = with_a_stripped_entry().run_without_a_rule(["run", "--locked"]);
    stock.is_hit();
    consign.refuses(
        "refusing `foo v1.0.0 (registry `demo`)`: it is not signed, and `github:octocat` signs this \
         package since 1.0.0",
    );
}

#[test]
fn stripped_entry_is_not_missed_where_none_was_seen() {
    let scene = with_a_stripped_entry();
    fs::remove_dir_all(scene.consign.home.path().join("signing")).unwrap();
    let (stock, consign) = scene.run_without_a_rule(["run", "--locked"]);
    stock.is_hit();
    consign.is_hit();
}

/// A folder made by stock cargo has no signed entries; what the packages carry is in it all the same.
#[test]
fn folder_that_stock_cargo_vendored_is_refused() {
    let scene = Scene::with_foo();
    scene.attack(|victim| {
        let cargo = victim.home.cargo(&consign_testbed::stock(), &victim.app);
        let config = cargo.args(["vendor"]).run().succeeded().stdout;
        fs::create_dir(victim.app.join(".cargo")).unwrap();
        fs::write(victim.app.join(".cargo/config.toml"), config).unwrap();
        write(victim, "src/lib.rs", EVIL);
    });
    let (stock, consign) = scene.run(["run", "--locked"]);
    stock.is_hit();
    consign.refuses(OTHER_FILES);
}

/// A second folder that says it is `foo` 1.0.0 as well: which of them counts, only chance says.
#[test]
fn second_folder_for_the_same_package_is_refused() {
    let scene = vendored_foo();
    scene.attack(|victim| {
        for name in ["aaa", "zzz"] {
            let folder = victim.app.join("vendor").join(name);
            fs::create_dir_all(folder.join("src")).unwrap();
            let manifest = "[package]\nname = \"foo\"\nversion = \"1.0.0\"\nedition = \"2021\"\n";
            fs::write(folder.join("Cargo.toml"), manifest).unwrap();
            fs::write(folder.join("src/lib.rs"), EVIL).unwrap();
            let mut checksums: Value =
                serde_json::from_slice(&fs::read(file(victim, ".cargo-checksum.json")).unwrap())
                    .unwrap();
            checksums["files"] = json!({});
            fs::write(folder.join(".cargo-checksum.json"), checksums.to_string()).unwrap();
        }
        fs::remove_dir_all(victim.app.join("vendor/foo")).unwrap();
    });
    let (stock, consign) = scene.run(["run", "--locked"]);
    stock.is_hit();
    consign.refuses(OTHER_FILES);
}

/// rustup looks for this file above the folder of the package too.
#[test]
fn toolchain_file_in_the_vendored_folder_is_refused() {
    let scene = vendored_foo();
    scene.attack(|victim| {
        fs::write(
            victim.app.join("vendor/rust-toolchain.toml"),
            "[toolchain]\nchannel = \"1.0\"\n",
        )
        .unwrap();
    });
    let (stock, consign) = scene.run(["run", "--locked"]);
    // It was not started by rustup, and neither is its compiler here.
    stock.is_unharmed("foo 1.0.0\n");
    consign.refuses("steers the programs that run in its folder");
}

/// Nothing of `switch` is compiled here: it is for another platform. But by its manifest it turns on a
/// feature of `foo`, which is.
#[test]
fn manifest_of_a_package_that_is_not_compiled_is_refused() {
    let scene = vendored(with_a_switch());
    scene.attack(|victim| {
        let folder = victim.app.join("vendor/switch");
        let requirement = "[dependencies.foo]\nversion = \"1\"\n";
        let features = "[dependencies.foo]\nversion = \"1\"\nfeatures = [\"danger\"]\n";
        replace_in(&folder.join("Cargo.toml"), requirement, features);
        let checksums = folder.join(".cargo-checksum.json");
        let mut edited: Value = serde_json::from_slice(&fs::read(&checksums).unwrap()).unwrap();
        edited["files"] = json!({});
        fs::write(checksums, edited.to_string()).unwrap();
    });
    let (stock, consign) = scene.run(["run", "--frozen"]);
    stock.is_hit();
    consign.refuses("its manifest has other dependencies than what was signed");
}

/// All files are as they were signed. What the compiler is, rustup reads where they really are.
#[cfg(unix)]
#[test]
fn link_in_place_of_the_folder_is_refused() {
    let scene = vendored_foo();
    scene.attack(|victim| {
        let vendor = victim.app.join("vendor");
        fs::create_dir_all(vendor.join(".elsewhere")).unwrap();
        fs::rename(vendor.join("foo"), vendor.join(".elsewhere/foo")).unwrap();
        fs::write(vendor.join(".elsewhere/rust-toolchain.toml"), "").unwrap();
        std::os::unix::fs::symlink(".elsewhere/foo", vendor.join("foo")).unwrap();
    });
    let (stock, consign) = scene.run(["run", "--locked"]);
    stock.is_unharmed("foo 1.0.0\n");
    consign.refuses(OTHER_FILES);
}

/// In this form a repository can be in another one, and come with it.
#[cfg(unix)]
#[test]
fn git_repository_in_the_vendored_folder_is_refused() {
    let world = World::new();
    let script = "fn main() {
        let _ = std::process::Command::new(\"git\").args([\"status\"]).status();
    }";
    world.publish(world.library("foo", "1.0.0").file("build.rs", script));
    let scene = vendored(Scene::of(world));
    scene.attack(|victim| {
        let vendor = victim.app.join("vendor");
        let monitor = vendor.join(".monitor");
        write_program(&monitor, "");
        git(&vendor, &["init", "--quiet", "--bare", "."]);
        git(&vendor, &["config", "core.bare", "false"]);
        git(&vendor, &["config", "core.worktree", "."]);
        git(
            &vendor,
            &["config", "core.fsmonitor", monitor.to_str().unwrap()],
        );
    });
    let (stock, consign) = scene.run(["run", "--locked"]);
    stock.is_hit();
    consign.refuses("steers the programs that run in its folder");
}
