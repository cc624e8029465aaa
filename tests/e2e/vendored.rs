//! Vendored folders, which keep the signed entries of what is in them.

use std::fs;
use std::path::{Path, PathBuf};

use consign_testbed::{PackageBuilder, stock};
use expect_test::expect;
use serde_json::Value;

use crate::World;

/// A program that depends on `foo`, built from the folder that `cargo vendor` with these arguments
/// makes of what it needs.
fn vendored<const N: usize>(world: &World, args: [&str; N]) -> PathBuf {
    let app = world.app();
    let vendor = ["vendor", "--require-signatures"];
    let config = world.run(&app, vendor).args(args).run().succeeded().stdout;
    use_folder(&app, &config);
    app
}

/// Has a program take its packages from where `cargo vendor` says.
fn use_folder(app: &Path, config: &str) {
    fs::create_dir_all(app.join(".cargo")).unwrap();
    fs::write(app.join(".cargo/config.toml"), config).unwrap();
}

/// `foo`, with files of the kind that vendoring leaves out.
fn foo_with_files_of_git(world: &World) -> PackageBuilder {
    world
        .library("foo", "1.0.0")
        .package_line("include = [\"/src\", \"/data\", \".gitignore\"]")
        .file(".gitignore", "target\n")
        .file("data/.gitattributes", "* text\n")
}

fn checksums(app: &Path, folder: &str) -> Value {
    let path = app.join("vendor").join(folder).join(".cargo-checksum.json");
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

const RUN: [&str; 3] = ["run", "--locked", "--require-signatures"];

#[test]
fn vendored_package_is_accepted_when_signatures_are_required() {
    let world = World::with_foo(["1.0.0"]);
    let app = vendored(&world, []);
    // Nothing but the folder, and the answer that was given when it was made.
    world.registry.stop();
    world.keys.stop();
    for folder in ["registry", "git"] {
        let _ = fs::remove_dir_all(world.user.path().join(folder));
    }
    assert_eq!(world.cargo(&app, RUN).succeeded().stdout, "foo 1.0.0\n");
}

#[test]
fn vendored_package_is_accepted_without_the_files_of_git() {
    let world = World::new();
    world.publish(foo_with_files_of_git(&world));
    let app = vendored(&world, []);
    for file in [".gitignore", "data/.gitattributes"] {
        assert!(!app.join("vendor/foo").join(file).exists(), "{file}");
        let left_out = &checksums(&app, "foo")["consign"]["left_out"];
        assert!(left_out[file].is_string(), "{left_out}");
    }
    assert_eq!(world.cargo(&app, RUN).succeeded().stdout, "foo 1.0.0\n");
}

#[test]
fn files_of_git_do_no_harm_where_they_are_not_left_out() {
    let world = World::new();
    world.publish(foo_with_files_of_git(&world));
    let app = vendored(&world, []);
    let ignore = app.join("vendor/foo/.gitignore");
    fs::write(&ignore, "target\n").unwrap();
    world.cargo(&app, RUN).succeeded();
    fs::remove_dir_all(app.join("target")).unwrap();
    fs::write(&ignore, "src\n").unwrap();
    world.cargo(&app, RUN).failed();
}

#[test]
fn stock_cargo_builds_from_the_same_folder() {
    let world = World::with_foo(["1.0.0"]);
    let app = vendored(&world, []);
    let output = world.user.cargo(&stock(), &app).args(["run", "--locked"]);
    assert_eq!(output.run().succeeded().stdout, "foo 1.0.0\n");
}

#[test]
fn edited_file_is_refused_and_named() {
    let world = World::with_foo(["1.0.0"]);
    let app = vendored(&world, []);
    fs::write(app.join("vendor/foo/src/lib.rs"), "").unwrap();
    expect![[r#"
        error: refusing `foo v1.0.0 (registry `demo`)`: its files in `[SANDBOX]/app/vendor/foo` are not those that were signed (`src/lib.rs`)

        help: put it right with `cargo vendor`; to build it changed, use `[patch]` with a copy of it
    "#]].assert_eq(&world.cargo(&app, RUN).failed().normalised().stderr);

    // What it says is to be done, helps.
    fs::remove_file(app.join(".cargo/config.toml")).unwrap();
    let app = vendored(&world, []);
    assert_eq!(world.cargo(&app, RUN).succeeded().stdout, "foo 1.0.0\n");
}

#[test]
fn folder_with_an_unsigned_package_is_refused() {
    let world = World::new();
    world.publish_unsigned(world.library("foo", "1.0.0"));
    let app = world.app();
    let by_stock = world.user.cargo(&stock(), &app).args(["vendor"]).run();
    use_folder(&app, &by_stock.succeeded().stdout);
    expect![[r#"
        error: refusing `foo v1.0.0 (registry `demo`)`: it is not signed
        signatures are required by `--require-signatures`

        help: if it is signed where it comes from, vendor it again with `cargo vendor`; otherwise ask its authors to sign, accept it with `cargo signers allow --registry demo foo@=1.0.0 --unsigned --reason WHY`, or leave out `--require-signatures`
    "#]]
    .assert_eq(&world.cargo(&app, RUN).failed().normalised().stderr);
    world.cargo(&app, ["run"]).succeeded();
}

#[test]
fn folder_with_a_version_in_its_name_is_vendored_again() {
    let world = World::with_foo(["1.0.0"]);
    let app = world.app();
    let by_stock = world.user.cargo(&stock(), &app);
    let by_stock = by_stock.args(["vendor", "--versioned-dirs"]).run();
    by_stock.succeeded();
    assert_eq!(checksums(&app, "foo-1.0.0")["consign"], Value::Null);

    let app = vendored(&world, ["--versioned-dirs"]);
    assert_eq!(world.cargo(&app, RUN).succeeded().stdout, "foo 1.0.0\n");

    // As it is now it may stay.
    fs::remove_file(app.join(".cargo/config.toml")).unwrap();
    let again = world
        .cargo(&app, ["vendor", "--versioned-dirs"])
        .succeeded();
    assert!(!again.stderr.contains("Vendoring"), "{}", again.stderr);

    fs::write(app.join("vendor/foo-1.0.0/src/lib.rs"), "").unwrap();
    let again = world
        .cargo(&app, ["vendor", "--versioned-dirs"])
        .succeeded();
    assert!(again.stderr.contains("Vendoring"), "{}", again.stderr);
}

/// Vendors a second time, from the folder that was vendored first. Gives the messages.
fn vendored_from_the_folder(world: &World, app: &Path) -> String {
    let args = ["vendor", "--respect-source-config", "second"];
    let output = world.cargo(app, args).succeeded();
    fs::remove_dir_all(app.join("vendor")).unwrap();
    use_folder(app, &output.stdout);
    output.normalised().stderr
}

#[test]
fn folder_is_vendored_from_another() {
    let world = World::with_foo(["1.0.0"]);
    let app = vendored(&world, []);
    vendored_from_the_folder(&world, &app);
    assert_eq!(world.cargo(&app, RUN).succeeded().stdout, "foo 1.0.0\n");
}

#[test]
fn incomplete_copy_of_a_folder_counts_as_unsigned() {
    let world = World::new();
    // What the manifest does not include is not copied, be it signed or not.
    world.publish(foo_with_files_of_git(&world));
    let app = vendored(&world, []);
    expect![[r#"
           Vendoring foo v1.0.0 (registry `demo`) ([SANDBOX]/app/vendor/foo) to second/foo
        warning: `foo v1.0.0 (registry `demo`)` counts as not signed where it is vendored to: from a folder cargo copies some of the signed files only
        help: vendor from the registry, without `--respect-source-config`
        To use vendored sources, add this to your .cargo/config.toml for this project:

    "#]].assert_eq(&vendored_from_the_folder(&world, &app));
    // It was seen signed.
    let output = world.cargo(&app, ["run"]).failed();
    let help = "help: if it is signed where it comes from, vendor it again with `cargo vendor`";
    assert!(output.stderr.contains(help), "{}", output.stderr);
    fs::remove_dir_all(world.user.path().join("signing")).unwrap();
    assert_eq!(world.cargo(&app, ["run"]).succeeded().stdout, "foo 1.0.0\n");
    fs::remove_dir_all(app.join("target")).unwrap();
    world.cargo(&app, RUN).failed();
}

#[test]
fn unsigned_package_is_vendored_as_stock_cargo_does() {
    let world = World::new();
    world.publish_unsigned(world.library("foo", "1.0.0"));
    let app = world.app();
    let text = || fs::read(app.join("vendor/foo/.cargo-checksum.json")).unwrap();
    let by_stock = world.user.cargo(&stock(), &app).args(["vendor"]).run();
    let (by_stock, stocks) = (by_stock.succeeded(), text());
    fs::remove_dir_all(app.join("vendor")).unwrap();
    let ours = world.cargo(&app, ["vendor"]).succeeded();
    assert_eq!((ours.stdout, text()), (by_stock.stdout, stocks));
}
