//! Arbitrary software installation: other code under the name and version of a release.

use std::fs;

use consign_statement::{Digest, RegistryId, carrier};
use consign_testbed::{Registry, consign, crate_with_changed_file, crate_without_file, stock};
use expect_test::expect;
use serde_json::{Value, json};

use super::{EVIL, Ran, Scene, Victim, caches, git};
use crate::World;
use crate::sources::{self, Foo, WAYS};

/// Other bytes under the name of a version, and the checksum in the index to go with them.
pub fn swap_bytes(registry: &Registry, name: &str, version: &str) {
    let cksum = caches::edit_archive(&registry.crate_path(name, version));
    registry.edit_line(name, version, |line| line["cksum"] = cksum.into());
}

/// Takes the signature away: from the index, and from the package.
pub fn strip(registry: &Registry, name: &str, version: &str) {
    let path = registry.crate_path(name, version);
    let archive = crate_without_file(&fs::read(&path).unwrap(), carrier::NAME);
    let cksum = Digest::of(&archive).to_string();
    fs::write(path, archive).unwrap();
    registry.edit_line(name, version, strip_entry);
    registry.edit_line(name, version, |line| line["cksum"] = cksum.into());
}

/// Takes it from the index alone.
pub fn strip_entry(line: &mut Value) {
    let line = line.as_object_mut().unwrap();
    line.remove("signature");
    line.remove("key_locator");
}

const TAMPERED: &str = "it was tampered with: the signature does not fit the index entry";

#[test]
fn tampered_crate_is_refused() {
    let scene = Scene::with_foo();
    swap_bytes(&scene.world.registry, "foo", "1.0.0");
    let (stock, consign) = scene.run(["run"]);
    stock.is_hit();
    let told = consign.refuses(TAMPERED);
    expect![[r#"
            Updating `demo` index
        error: refusing `foo v1.0.0 (registry `demo`)`: it was tampered with: the signature does not fit the index entry

        help: do not build it: what the registry, a mirror or a cache serves is not what was published. Tell the registry and the package's authors
    "#]].assert_eq(&told.stderr);
    let lockfile = scene.consign.app.join("Cargo.lock");
    assert!(!lockfile.exists(), "a lockfile was written");
    let unpacked = scene.consign.home.path().join("registry/src");
    assert!(!unpacked.exists(), "something was unpacked");
}

#[test]
fn tampered_crate_is_refused_where_nothing_is_required() {
    let scene = Scene::with_foo();
    swap_bytes(&scene.world.registry, "foo", "1.0.0");
    let (stock, consign) = scene.run_without_a_rule(["run"]);
    stock.is_hit();
    consign.refuses(TAMPERED);
}

/// Or else the attacker would choose the version.
#[test]
fn tampered_crate_is_refused_though_an_older_version_would_do() {
    let scene = Scene::of(World::with_foo(["1.0.0", "1.0.1"]));
    swap_bytes(&scene.world.registry, "foo", "1.0.1");
    let (stock, consign) = scene.run(["run"]);
    stock.is_hit();
    consign.refuses("refusing `foo v1.0.1 (registry `demo`)`: it was tampered with");
}

#[test]
fn changed_checksum_in_the_index_is_refused() {
    let scene = Scene::with_foo();
    let other = json!("0".repeat(64));
    scene
        .world
        .registry
        .edit_line("foo", "1.0.0", |line| line["cksum"] = other);
    let (stock, consign) = scene.run(["run"]);
    stock.refuses("failed to verify the checksum of `foo v1.0.0 (registry `demo`)`");
    consign.refuses(TAMPERED);
}

#[test]
fn stripped_signature_is_refused() {
    let scene = Scene::with_foo();
    swap_bytes(&scene.world.registry, "foo", "1.0.0");
    strip(&scene.world.registry, "foo", "1.0.0");
    let (stock, consign) = scene.run(["run"]);
    stock.is_hit();
    expect![[r#"
            Updating `demo` index
         Downloading crates ...
        error: failed to select a version for the requirement `foo = "^1"`
          version 1.0.0 is not signed, and signatures are required by `--require-signatures`
        location searched: `demo` index
        required by package `app v0.1.0 ([SANDBOX]/app)`

        help: choose a version that is signed, ask its authors to sign, accept it with `cargo signers allow --registry demo foo@=1.0.0 --unsigned --reason WHY`, or leave out `--require-signatures`
    "#]]
    .assert_eq(&consign.refuses("version 1.0.0 is not signed").stderr);
}

#[test]
fn stripped_signature_is_not_missed_where_nothing_is_required() {
    let scene = Scene::with_foo();
    swap_bytes(&scene.world.registry, "foo", "1.0.0");
    strip(&scene.world.registry, "foo", "1.0.0");
    let (stock, consign) = scene.run_without_a_rule(["run"]);
    stock.is_hit();
    consign.is_hit();
}

#[test]
fn signature_in_a_version_of_the_format_that_is_not_known_counts_as_unsigned() {
    let scene = Scene::with_foo();
    swap_bytes(&scene.world.registry, "foo", "1.0.0");
    scene.world.registry.edit_line("foo", "1.0.0", |line| {
        line["signature"] = json!({ "v": 2, "proof": { "log": 7 } });
    });
    let (stock, consign) = scene.run(["run"]);
    stock.is_hit();
    expect![[r#"
            Updating `demo` index
        error: failed to select a version for the requirement `foo = "^1"`
          version 1.0.0 counts as not signed (its signature is in version 2 of the format; this Consign reads version 1), and signatures are required by `--require-signatures`
        location searched: `demo` index
        required by package `app v0.1.0 ([SANDBOX]/app)`

        help: update Consign: a newer one may read that signature; until then, choose another version
    "#]].assert_eq(&consign.refuses("counts as not signed").stderr);
    // It is taken where nothing is required, and nobody is named for it.
    let told = scene.consign.run(["fetch"]).is_unharmed("");
    assert!(!told.stderr.contains("published by"), "{}", told.stderr);
}

/// In the hope that what cannot be read is passed over in silence.
#[test]
fn malformed_signature_is_refused() {
    let scene = Scene::with_foo();
    swap_bytes(&scene.world.registry, "foo", "1.0.0");
    let registry = &scene.world.registry;
    registry.edit_line("foo", "1.0.0", |line| line["signature"] = json!(null));
    let (stock, consign) = scene.run_without_a_rule(["run"]);
    stock.is_hit();
    consign.refuses("it was tampered with: `signature` is null, not an object");
}

/// The lockfile and the unpacked sources are there already when our cargo sees the entry first.
#[test]
fn unpacked_package_is_checked_before_it_is_compiled() {
    let scene = Scene::with_foo();
    swap_bytes(&scene.world.registry, "foo", "1.0.0");
    scene.attack(|victim| {
        let cargo = victim.home.cargo(&consign_testbed::stock(), &victim.app);
        cargo.args(["fetch"]).run().succeeded();
    });
    let (stock, consign) = scene.run_without_a_rule(["run", "--locked"]);
    stock.is_hit();
    let told = consign.refuses(TAMPERED);
    expect![[r#"
        error: refusing `foo v1.0.0 (registry `demo`)`: it was tampered with: the signature does not fit the index entry

        help: do not build it: what the registry, a mirror or a cache serves is not what was published. Tell the registry and the package's authors
    "#]].assert_eq(&told.stderr);
    scene.run(["run", "--locked"]).1.refuses(TAMPERED);
}

#[test]
fn unpacked_package_that_is_unsigned_is_not_compiled_when_signatures_are_required() {
    let world = World::new();
    let foo = world.library("foo", "1.0.0");
    world.publish_unsigned(foo.file("src/lib.rs", EVIL));
    let scene = Scene::of(world).fetched();
    scene.world.registry.stop();
    let (stock, consign) = scene.run(["run", "--offline"]);
    stock.is_hit();
    consign.refuses("refusing `foo v1.0.0 (registry `demo`)`: it is not signed");
}

/// A lockfile keeps to a version that was yanked, and its entry is still the registry's to write.
#[test]
fn yanked_version_that_the_lockfile_names_is_checked_too() {
    let scene = Scene::with_foo().fetched();
    scene.attack(|victim| {
        for part in ["registry/cache", "registry/src", "registry/index"] {
            fs::remove_dir_all(victim.home.path().join(part)).unwrap();
        }
        // Whoever controls the registry can have a lockfile written as well: a new one, here.
        let lockfile = victim.app.join("Cargo.lock");
        let honest = fs::read_to_string(&lockfile).unwrap();
        let lines = honest.lines().filter(|line| !line.starts_with("checksum"));
        fs::write(lockfile, lines.collect::<Vec<_>>().join("\n")).unwrap();
    });
    swap_bytes(&scene.world.registry, "foo", "1.0.0");
    scene
        .world
        .registry
        .edit_line("foo", "1.0.0", |line| line["yanked"] = json!(true));
    let (stock, consign) = scene.run(["run"]);
    stock.is_hit();
    consign.refuses(TAMPERED);
}

/// What both get where this is served in place of `foo`, by each of the ways in which packages come to
/// a user: the registry, a sparse mirror, a mirror in git, a local registry.
fn run_by_every_way(change: impl Fn(&mut Foo)) -> Vec<(Ran, Ran)> {
    let world = World::with_foo(["1.0.0"]);
    let mut served = sources::honest(&world);
    change(&mut served);
    let victim = |cargo, way: sources::Way| {
        let home = way(&world, &served);
        let app = world.app();
        let _ = fs::remove_file(app.join("Cargo.lock"));
        let _ = fs::remove_dir_all(app.join("target"));
        Victim { cargo, home, app }
    };
    let both = WAYS.iter().map(|(_, way)| {
        let stock = victim(stock(), *way).run(["run"]);
        let consign = victim(consign(), *way);
        (stock, consign.run_strictly(["run"]))
    });
    both.collect()
}

#[test]
fn other_bytes_are_refused_by_every_way() {
    let change = |(line, archive): &mut Foo| {
        *archive = crate_with_changed_file(archive, "src/lib.rs", EVIL.as_bytes());
        line["cksum"] = Digest::of(archive).to_string().into();
    };
    for (stock, consign) in run_by_every_way(change) {
        stock.is_hit();
        consign.refuses(TAMPERED);
    }
}

#[test]
fn other_bytes_with_the_signed_checksum_are_refused_by_every_way() {
    let change = |(_, archive): &mut Foo| {
        *archive = crate_with_changed_file(archive, "src/lib.rs", EVIL.as_bytes());
    };
    // Upstream's own check comes first.
    for (stock, consign) in run_by_every_way(change) {
        stock.refuses("failed to verify the checksum of `foo");
        consign.refuses("failed to verify the checksum of `foo");
    }
}

/// A mirror of crates.io is an ordinary registry, in the place of crates.io. What it carries is signed
/// for crates.io.
fn victims_of_a_mirror_of_crates_io() -> Scene {
    let world = World::with_foo(["1.0.0"]);
    let crates_io = RegistryId::crates_io();
    let (identity, key) = (world.identity(), world.secret_key());
    let fields = world
        .registry
        .signed_fields_for(&crates_io, "foo", "1.0.0", &identity, &key);
    world.registry.edit_line("foo", "1.0.0", |line| {
        line["key_locator"] = fields["key_locator"].clone();
        line["signature"] = fields["signature"].clone();
    });
    let scene = Scene::building(world, |app| {
        let app = app.dependency_line("foo = \"1\"");
        app.program("println!(\"{}\", foo::name());")
    });
    let mirror = scene.world.registry.index_url();
    scene.attack(|victim| {
        victim.home.add_config(&format!(
            "[source.crates-io]\nreplace-with = \"mirror\"\n[source.mirror]\nregistry = \"{mirror}\""
        ));
    });
    scene
}

#[test]
fn mirror_of_crates_io_that_changes_a_package_is_refused() {
    let scene = victims_of_a_mirror_of_crates_io();
    // What it carries is good, until it is changed.
    scene.consign.run(["run"]).is_unharmed("foo 1.0.0\n");
    scene.attack(|victim| {
        let _ = fs::remove_file(victim.app.join("Cargo.lock"));
        let _ = fs::remove_dir_all(victim.home.path().join("registry"));
    });
    swap_bytes(&scene.world.registry, "foo", "1.0.0");
    let (stock, consign) = scene.run(["run"]);
    stock.is_hit();
    consign.refuses(TAMPERED);
}

#[test]
fn tampered_program_is_not_installed() {
    let world = World::new();
    let tool = world.library("tool", "1.0.0");
    world.publish(tool.program("println!(\"good\");"));
    let scene = Scene::installing(world);
    let path = scene.world.registry.crate_path("tool", "1.0.0");
    let bytes = fs::read(&path).unwrap();
    let bytes =
        crate_with_changed_file(&bytes, "src/main.rs", b"fn main() { println!(\"evil\"); }");
    fs::write(&path, &bytes).unwrap();
    let cksum = Digest::of(&bytes).to_string();
    scene
        .world
        .registry
        .edit_line("tool", "1.0.0", |line| line["cksum"] = cksum.into());
    let (stock, consign) = scene.install([]);
    stock.is_hit();
    expect![[r#"
            Updating `demo` index
        error: refusing `tool v1.0.0 (registry `demo`)`: it was tampered with: the signature does not fit the index entry

        help: do not build it: what the registry, a mirror or a cache serves is not what was published. Tell the registry and the package's authors
    "#]].assert_eq(&consign.refuses(TAMPERED).stderr);
}

#[test]
fn git_dependency_is_signed_by_nobody() {
    let world = World::new();
    let scene_folder = world
        .sandbox
        .package("foo")
        .file("src/lib.rs", EVIL)
        .write();
    git(&scene_folder, &["init", "--quiet"]);
    git(&scene_folder, &["add", "."]);
    git(&scene_folder, &["commit", "--quiet", "-m", "foo"]);
    let url = format!("file://{}", scene_folder.display());
    let scene = Scene::building(world, |app| {
        let app = app.dependency_line(&format!("foo = {{ git = \"{url}\" }}"));
        app.program("println!(\"{}\", foo::name());")
    });
    let (stock, consign) = scene.run(["run"]);
    stock.is_hit();
    consign.is_hit();
}
