//! Unpacked packages in `$CARGO_HOME/registry/src` that somebody changed.
//!
//! Stock cargo compiles them as they are; each of these begins with a look at that.

use std::fs;
use std::path::{Path, PathBuf};

use consign_testbed::{Output, stock};
use expect_test::expect;

use crate::World;

/// A program that depends on `foo`, with everything fetched, and the folder of `foo` in the cache.
fn fetched() -> (World, PathBuf, PathBuf) {
    let world = World::with_foo(["1.0.0"]);
    let app = world.app();
    world.fetch(&app).succeeded();
    let cache = world.user.path().join("registry/src");
    let registry = fs::read_dir(cache).unwrap().next().unwrap().unwrap();
    (world, app, registry.path().join("foo-1.0.0"))
}

/// What stock cargo makes of it, in a target folder of its own.
fn run_by_stock(world: &World, app: &Path) -> Output {
    let cargo = world.user.cargo(&stock(), app);
    cargo.args(["run", "--target-dir", "stock"]).run()
}

fn run(world: &World, app: &Path) -> Output {
    world.cargo(app, ["run", "--locked", "--require-signatures"])
}

const EVIL: &str = "pub fn name() -> &'static str { \"evil\" }";

#[test]
fn edited_source_is_unpacked_again() {
    let (world, app, foo) = fetched();
    fs::write(foo.join("src/lib.rs"), EVIL).unwrap();
    assert_eq!(run_by_stock(&world, &app).succeeded().stdout, "evil\n");

    let output = run(&world, &app).succeeded().normalised();
    assert_eq!(output.stdout, "foo 1.0.0\n");
    expect![[r#"
        warning: `foo v1.0.0 (registry `demo`)` was unpacked again, since not all was as it was signed (`src/lib.rs`)
           Compiling foo v1.0.0 (registry `demo`)
           Compiling app v0.1.0 ([SANDBOX]/app)
            Finished `dev` profile [unoptimized + debuginfo] target(s) in [TIME]s
             Running `target/debug/app`
    "#]].assert_eq(&output.stderr);
}

#[test]
fn edited_source_is_unpacked_again_where_nothing_is_required() {
    let (world, app, foo) = fetched();
    fs::write(foo.join("src/lib.rs"), EVIL).unwrap();
    let output = world.cargo(&app, ["run", "--offline"]).succeeded();
    assert_eq!(output.stdout, "foo 1.0.0\n");
}

#[test]
fn build_script_that_was_dropped_in_does_not_run() {
    let (world, app, foo) = fetched();
    let ran = world.user.path().join("ran");
    let drop_in = || {
        let script = format!("fn main() {{ std::fs::write({ran:?}, \"\").unwrap(); }}");
        fs::write(foo.join("build.rs"), script).unwrap();
        let manifest = fs::read_to_string(foo.join("Cargo.toml")).unwrap();
        let edited = manifest.replace("build = false", "build = \"build.rs\"");
        assert_ne!(edited, manifest);
        fs::write(foo.join("Cargo.toml"), edited).unwrap();
    };
    drop_in();
    let output = run(&world, &app).failed();
    for part in [
        "error: `foo v1.0.0 (registry `demo`)` had to be unpacked again: in `",
        "not all was as it was signed (`Cargo.toml`, `build.rs`)\n\nhelp: run the command again;",
    ] {
        assert!(output.stderr.contains(part), "{}", output.stderr);
    }
    // What it says is to be done, helps.
    run(&world, &app).succeeded();
    assert!(!ran.exists());

    drop_in();
    run_by_stock(&world, &app).succeeded();
    assert!(ran.exists());
}

#[test]
fn edited_manifest_ends_the_command() {
    let (world, app, foo) = fetched();
    let manifest = fs::read_to_string(foo.join("Cargo.toml")).unwrap();
    fs::write(foo.join("src/evil.rs"), EVIL).unwrap();
    let edited = manifest.replace("src/lib.rs", "src/evil.rs");
    assert_ne!(edited, manifest);
    fs::write(foo.join("Cargo.toml"), edited).unwrap();
    assert_eq!(run_by_stock(&world, &app).succeeded().stdout, "evil\n");

    run(&world, &app).failed();
    assert_eq!(run(&world, &app).succeeded().stdout, "foo 1.0.0\n");
}

#[test]
fn missing_file_ends_the_command() {
    let (world, app, foo) = fetched();
    fs::remove_file(foo.join("Cargo.toml.orig")).unwrap();
    run_by_stock(&world, &app).succeeded();
    run(&world, &app).failed();
    run(&world, &app).succeeded();
    assert!(foo.join("Cargo.toml.orig").exists());
}

#[cfg(unix)]
#[test]
fn link_in_place_of_a_file_is_unpacked_again() {
    let (world, app, foo) = fetched();
    let elsewhere = world.user.path().join("lib.rs");
    fs::write(&elsewhere, EVIL).unwrap();
    fs::remove_file(foo.join("src/lib.rs")).unwrap();
    std::os::unix::fs::symlink(&elsewhere, foo.join("src/lib.rs")).unwrap();
    assert_eq!(run_by_stock(&world, &app).succeeded().stdout, "evil\n");

    assert_eq!(run(&world, &app).succeeded().stdout, "foo 1.0.0\n");
}

#[test]
fn edited_source_beside_an_edited_archive_is_refused() {
    let (world, app, foo) = fetched();
    fs::write(foo.join("src/lib.rs"), EVIL).unwrap();
    let registry = foo.parent().unwrap().file_name().unwrap();
    let cache = world.user.path().join("registry/cache").join(registry);
    let archive = cache.join("foo-1.0.0.crate");
    let bytes = fs::read(&archive).unwrap();
    let bytes = consign_testbed::crate_with_changed_file(&bytes, "src/lib.rs", EVIL.as_bytes());
    fs::write(&archive, bytes).unwrap();
    assert_eq!(run_by_stock(&world, &app).succeeded().stdout, "evil\n");

    let output = run(&world, &app).failed();
    assert!(
        output.stderr.contains("its archive is not the one that"),
        "{}",
        output.stderr
    );
    run(&world, &app).failed();
}

#[test]
fn package_that_nobody_signed_is_compiled_as_it_is() {
    let world = World::new();
    world.publish_unsigned(world.library("foo", "1.0.0"));
    let app = world.app();
    world.cargo(&app, ["fetch"]).succeeded();
    let cache = world.user.path().join("registry/src");
    let registry = fs::read_dir(cache).unwrap().next().unwrap().unwrap();
    fs::write(registry.path().join("foo-1.0.0/src/lib.rs"), EVIL).unwrap();
    let output = world.cargo(&app, ["run"]).succeeded();
    assert_eq!(output.stdout, "evil\n");
}

#[test]
fn documentation_tests_are_not_built_from_an_edited_source() {
    let world = World::new();
    let ran = world.user.path().join("ran");
    let text = |test: &str| {
        format!("/// ```\n/// {test}\n/// ```\npub fn name() -> &'static str {{ \"foo\" }}\n")
    };
    let foo = world.library("foo", "1.0.0");
    world.publish(foo.file("src/lib.rs", text("foo::name();")));
    let app = world.app();
    let test = ["test", "--doc", "--package", "foo"];
    world.cargo(&app, test).succeeded();

    // All that is compiled of it is fresh now.
    let cache = world.user.path().join("registry/src");
    let registry = fs::read_dir(cache).unwrap().next().unwrap().unwrap();
    let evil = text(&format!("std::fs::write({ran:?}, \"\").unwrap();"));
    fs::write(registry.path().join("foo-1.0.0/src/lib.rs"), evil).unwrap();
    let output = world.cargo(&app, test).succeeded();
    assert!(
        output.stderr.contains("was unpacked again"),
        "{}",
        output.stderr
    );
    assert!(!ran.exists());
}

#[test]
fn what_was_compiled_before_signatures_were_required_is_compiled_again() {
    let (world, app, _) = fetched();
    world.cargo(&app, ["build"]).succeeded();
    let compiles = |args: [&str; 2]| {
        let output = world.cargo(&app, args).succeeded();
        output.stderr.contains("Compiling foo")
    };
    assert!(!compiles(["build", "--locked"]));
    assert!(compiles(["build", "--require-signatures"]));
    assert!(!compiles(["build", "--require-signatures"]));
}

#[test]
fn toolchain_file_above_the_unpacked_packages_is_refused() {
    let (world, app, foo) = fetched();
    let sources = foo.ancestors().nth(2).unwrap();
    let file = sources.join("rust-toolchain.toml");
    fs::write(&file, "[toolchain]\npath = \"/nowhere\"\n").unwrap();
    run_by_stock(&world, &app).succeeded();
    expect![[r#"
        error: refusing `foo v1.0.0 (registry `demo`)`: `[SANDBOX]/homes/user/registry/src/rust-toolchain.toml` steers the programs that run in its folder, and nobody signed it

        help: remove it
    "#]].assert_eq(&run(&world, &app).failed().normalised().stderr);
    fs::remove_file(file).unwrap();
    run(&world, &app).succeeded();
}

#[test]
fn edited_lockfile_of_a_program_ends_its_installation() {
    let world = World::with_foo(["1.0.0", "1.0.1"]);
    let tool = world.library("tool", "1.0.0").dependency("foo", "1");
    world.publish(tool.program("println!(\"{}\", foo::name());"));
    let install = ["install", "tool", "--locked", "--require-signatures"];
    world.cargo(world.sandbox.path(), install).succeeded();

    // An older version is signed as well.
    let cache = world.user.path().join("registry/src");
    let registry = fs::read_dir(cache).unwrap().next().unwrap().unwrap();
    let lockfile = registry.path().join("tool-1.0.0/Cargo.lock");
    let edited = older_foo(&world, &fs::read_to_string(&lockfile).unwrap());
    fs::write(&lockfile, edited).unwrap();
    let forced = [
        "install",
        "tool",
        "--locked",
        "--require-signatures",
        "--force",
    ];
    world.cargo(world.sandbox.path(), forced).failed();
    let output = world.cargo(world.sandbox.path(), forced).succeeded();
    assert!(!output.stderr.contains("foo v1.0.0"), "{}", output.stderr);
}

/// The lockfile with `foo` 1.0.0 in place of 1.0.1.
fn older_foo(world: &World, lockfile: &str) -> String {
    let cksum = |version| world.registry.line("foo", version)["cksum"].clone();
    let [new, old] = ["1.0.1", "1.0.0"].map(|v| cksum(v).as_str().unwrap().to_owned());
    let edited = lockfile.replace(&new, &old).replace("1.0.1", "1.0.0");
    assert_ne!(edited, lockfile);
    edited
}
