//! The same lies, told to other commands than `cargo run`.

use std::fs;

use consign_statement::{Digest, carrier};
use consign_testbed::Registry;
use serde_json::json;

use super::{EVIL_SCRIPT, Ran, Scene, arbitrary, caches, replace_in};
use crate::World;

/// What both get from a command, where the build script of `foo` was edited in `registry/src`.
fn with_edited_build_script<const N: usize>(args: [&str; N]) -> (Ran, Ran) {
    let scene = Scene::with_foo_that_has_a_build_script().fetched();
    scene.attack(|victim| victim.edit("foo-1.0.0", "build.rs", EVIL_SCRIPT));
    scene.run(args)
}

const AGAIN: &str = "was unpacked again";

#[test]
fn test_runs_no_edited_build_script() {
    let (stock, consign) = with_edited_build_script(["test", "--frozen"]);
    stock.is_hit();
    consign.repairs(AGAIN);
}

#[test]
fn doc_runs_no_edited_build_script() {
    let (stock, consign) = with_edited_build_script(["doc", "--offline"]);
    stock.is_hit();
    consign.repairs(AGAIN);
}

#[test]
fn fix_runs_no_edited_build_script() {
    let (stock, consign) = with_edited_build_script(["fix", "--allow-no-vcs"]);
    stock.is_hit();
    consign.repairs(AGAIN);
}

/// Packaging compiles what it has packed.
#[test]
fn package_runs_no_edited_build_script() {
    let (stock, consign) = with_edited_build_script(["package"]);
    stock.is_hit();
    consign.repairs(AGAIN);
}

/// Nothing is compiled, and what is not to be compiled is not compared: stock cargo and ours say what
/// the edited manifest says.
fn told_by_an_edited_manifest<const N: usize>(args: [&str; N]) -> (Ran, Ran) {
    let scene = Scene::with_foo().fetched();
    scene.attack(|victim| victim.edit_manifest("foo-1.0.0", "the package foo", "a lie"));
    scene.run(args)
}

#[test]
fn metadata_shows_what_an_edited_manifest_says() {
    let (stock, consign) = told_by_an_edited_manifest(["metadata", "--format-version", "1"]);
    stock.is_misled("a lie");
    consign.is_misled("a lie");
}

#[test]
fn info_shows_what_an_edited_manifest_says() {
    let (stock, consign) = told_by_an_edited_manifest(["info", "foo"]);
    stock.is_misled("a lie");
    consign.is_misled("a lie");
}

#[test]
fn tree_shows_what_an_edited_manifest_says() {
    let scene = Scene::with_foo().fetched();
    scene.attack(|victim| {
        victim.edit_manifest("foo-1.0.0", "license = \"MIT\"", "license = \"Lie\"")
    });
    let (stock, consign) = scene.run(["tree", "--format", "{p} {l}"]);
    stock.is_misled("foo v1.0.0 (registry `demo`) Lie");
    consign.is_misled("foo v1.0.0 (registry `demo`) Lie");
}

/// What both get from a command, where the registry serves other bytes for `foo`, to people who have
/// nothing of it.
fn with_tampered_crate<const N: usize>(args: [&str; N]) -> (Ran, Ran) {
    let world = World::new();
    world.publish(world.library("foo", "1.0.0").package_line("readme = false"));
    let scene = Scene::of(world);
    arbitrary::swap_bytes(&scene.world.registry, "foo", "1.0.0");
    scene.run(args)
}

const TAMPERED: &str = "it was tampered with: the signature does not fit the index entry";

#[test]
fn fetch_takes_no_tampered_crate() {
    let (stock, consign) = with_tampered_crate(["fetch"]);
    stock.is_misled("");
    consign.refuses(TAMPERED);
}

#[test]
fn info_takes_no_tampered_crate() {
    let (stock, consign) = with_tampered_crate(["info", "foo", "--registry", "demo"]);
    stock.is_misled("foo");
    consign.refuses(TAMPERED);
}

#[test]
fn update_to_a_tampered_version_is_refused() {
    let scene = Scene::of(World::with_foo(["1.0.0"])).fetched();
    scene.world.publish(scene.world.library("foo", "1.0.1"));
    arbitrary::swap_bytes(&scene.world.registry, "foo", "1.0.1");
    let (stock, consign) = scene.run(["update", "foo", "--precise", "1.0.1"]);
    stock.is_misled("");
    consign.refuses(TAMPERED);
}

/// `cargo add` writes a line into the manifest, and then looks whether it can be kept to.
#[test]
fn add_of_a_tampered_version_is_refused() {
    let world = World::with_foo(["1.0.0"]);
    let scene = Scene::building(world, |app| app.program(""));
    arbitrary::swap_bytes(&scene.world.registry, "foo", "1.0.0");
    let (stock, consign) = scene.run(["add", "foo", "--registry", "demo"]);
    stock.is_misled("");
    consign.refuses(TAMPERED);
}

/// Two packages of a workspace, of which one needs the other and `foo`, are packed and compiled from
/// what was packed.
#[test]
fn package_of_a_workspace_is_not_compiled_with_an_edited_archive() {
    let world = World::new();
    world.publish(
        world
            .library("foo", "1.0.0")
            .file("build.rs", "fn main() {}"),
    );
    let scene = Scene::building(world, |app| {
        let two = "two = { path = \"two\", version = \"0.1.0\", registry = \"demo\" }";
        let app = app.dependency("foo", "1").dependency_line(two);
        app.manifest("[workspace]\nmembers = [\"two\"]")
            .program("two::name();")
    });
    scene.attack(|victim| {
        let folder = victim.app.strip_prefix(scene.world.sandbox.path()).unwrap();
        let two = scene.world.sandbox.package("two").dependency("foo", "1");
        two.folder(folder.join("two").to_str().unwrap()).write();
        victim.run(["fetch"]).is_unharmed("");
        fs::remove_dir_all(victim.unpacked("foo-1.0.0")).unwrap();
        caches::edit_archive_with(&victim.cached("foo-1.0.0"), "build.rs", EVIL_SCRIPT);
    });
    let (stock, consign) = scene.run(["package", "--workspace"]);
    stock.is_hit();
    consign.refuses("its archive is not the one that");
}

/// What a command has just packed, nobody has signed yet. Its checksum can be known before: whoever
/// gives it to a vendored package does not make it one of these.
#[test]
fn checksum_of_what_was_just_packed_is_no_proof() {
    let world = World::new();
    world.publish(world.library("foo", "1.0.0"));
    let other = Registry::start(&world.sandbox);
    let scene = Scene::building(world, |app| {
        app.manifest("[workspace]\nmembers = [\"one\", \"two\"]")
            .program("")
    });
    scene.attack(|victim| {
        victim.home.add_config(&format!(
            "[registries.other]\nindex = \"{}\"",
            other.index_url()
        ));
        let folder = victim.app.strip_prefix(scene.world.sandbox.path()).unwrap();
        let member = |name: &str| {
            let package = scene
                .world
                .sandbox
                .package(name)
                .package_line("publish = [\"other\"]");
            package.folder(folder.join(name).to_str().unwrap())
        };
        let one = "one = { path = \"../one\", version = \"0.1.0\", registry = \"other\" }";
        member("one").write();
        member("two")
            .dependency("foo", "1")
            .dependency_line(one)
            .write();
        let config = victim.run(["vendor"]).output.succeeded().stdout;
        fs::create_dir(victim.app.join(".cargo")).unwrap();
        fs::write(victim.app.join(".cargo/config.toml"), config).unwrap();

        // The attacker packs what everybody can see.
        let pack = [
            "package",
            "--package",
            "one",
            "--no-verify",
            "--registry",
            "other",
        ];
        victim.run(pack).output.succeeded();
        let packed = fs::read(victim.app.join("target/package/one-0.1.0.crate")).unwrap();
        let foo = victim.app.join("vendor/foo");
        fs::write(foo.join("build.rs"), EVIL_SCRIPT).unwrap();
        replace_in(
            &foo.join("Cargo.toml"),
            "build = false",
            "build = \"build.rs\"",
        );
        let checksums = json!({ "package": Digest::of(&packed).to_string(), "files": {} });
        fs::write(foo.join(".cargo-checksum.json"), checksums.to_string()).unwrap();
        fs::remove_file(foo.join(carrier::NAME)).unwrap();
        fs::remove_file(victim.app.join("Cargo.lock")).unwrap();
    });
    let package = [
        "package",
        "--workspace",
        "--exclude",
        "app",
        "--registry",
        "other",
    ];
    let (stock, consign) = scene.run(package);
    stock.is_hit();
    consign.refuses("version 1.0.0 is not signed");
}
