//! Signatures that travel in packages, where the index says nothing: what can be done about them.

use std::fs;

use consign_statement::carrier::{self, Carried, Carrier};
use consign_statement::tree::{self, Tree};
use consign_statement::{Digest, Locator, RegistryId, Release};
use consign_testbed::{Registry, consign, crate_without_file, stock};
use serde_json::json;

use super::arbitrary::{strip, swap_bytes};
use super::{EVIL, Scene, caches};
use crate::World;
use crate::world::other_key;

/// `foo` 1.0.0, in a registry as others are: of what is published it keeps what it knows.
fn with_foo() -> Scene {
    let world = World::new();
    world.publish_elsewhere(world.library("foo", "1.0.0"));
    Scene::of(world)
}

/// Changes an archive, and the checksum in the index with it.
fn edit_archive(registry: &Registry, version: &str, edit: impl FnOnce(Entries) -> Entries) {
    let path = registry.crate_path("foo", version);
    let archive = packed(&edit(entries(&fs::read(&path).unwrap())));
    let cksum = Digest::of(&archive).to_string();
    fs::write(path, archive).unwrap();
    registry.edit_line("foo", version, |line| line["cksum"] = cksum.into());
}

/// The entries of an archive, each with its path and content.
type Entries = Vec<(tar::Header, String, Vec<u8>)>;

fn entries(archive: &[u8]) -> Entries {
    let mut archive = tar::Archive::new(flate2::read::GzDecoder::new(archive));
    let entries = archive.entries().unwrap().map(|entry| {
        let mut entry = entry.unwrap();
        let path = entry.path().unwrap().to_str().unwrap().to_owned();
        let mut content = Vec::new();
        std::io::Read::read_to_end(&mut entry, &mut content).unwrap();
        (entry.header().clone(), path, content)
    });
    entries.collect()
}

fn packed(entries: &Entries) -> Vec<u8> {
    let encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    let mut archive = tar::Builder::new(encoder);
    for (header, path, content) in entries {
        let mut header = header.clone();
        header.set_size(content.len() as u64);
        archive
            .append_data(&mut header, path, &content[..])
            .unwrap();
    }
    archive.into_inner().unwrap().finish().unwrap()
}

fn carrier_in(archive: &[u8], version: &str) -> Carrier {
    let bytes = carrier::in_crate(archive, "foo", version).unwrap().unwrap();
    match Carrier::from_json(&bytes).unwrap() {
        Carried::Signature(carrier) => carrier,
        Carried::UnknownVersion(v) => panic!("version {v}"),
    }
}

const OTHER_FILES: &str = "the files in its archive are not those that `github:octocat` signed";

#[test]
fn other_files_beside_a_true_carrier_are_refused() {
    let scene = with_foo();
    swap_bytes(&scene.world.registry, "foo", "1.0.0");
    let (stock, consign) = scene.run(["run"]);
    stock.is_hit();
    consign.refuses(OTHER_FILES);
}

#[test]
fn other_files_beside_a_true_carrier_are_refused_where_nothing_is_required() {
    let scene = with_foo();
    swap_bytes(&scene.world.registry, "foo", "1.0.0");
    let (stock, consign) = scene.run_without_a_rule(["run"]);
    stock.is_hit();
    consign.refuses(OTHER_FILES);
}

/// A signature in the package cannot cover the bytes that it is packed in; nothing of what is behind the
/// archive is unpacked.
#[test]
fn archive_behind_the_one_that_carries_is_not_unpacked() {
    let scene = with_foo();
    let registry = &scene.world.registry;
    let path = registry.crate_path("foo", "1.0.0");
    let signed = fs::read(&path).unwrap();
    let mut behind = entries(&signed);
    for (_, path, content) in &mut behind {
        if path.ends_with("src/lib.rs") {
            *content = EVIL.as_bytes().to_vec();
        }
    }
    let both = [signed, packed(&behind)].concat();
    let cksum = Digest::of(&both).to_string();
    fs::write(path, both).unwrap();
    registry.edit_line("foo", "1.0.0", |line| line["cksum"] = cksum.into());
    let (stock, consign) = scene.run(["run"]);
    stock.is_unharmed("foo 1.0.0\n");
    consign.is_unharmed("foo 1.0.0\n");
}

#[test]
fn stripped_carrier_is_refused() {
    let scene = with_foo();
    swap_bytes(&scene.world.registry, "foo", "1.0.0");
    strip(&scene.world.registry, "foo", "1.0.0");
    let (stock, consign) = scene.run(["run"]);
    stock.is_hit();
    consign.refuses("version 1.0.0 is not signed");
}

/// The bytes are right, and every file in them is as it was signed.
#[test]
fn feature_that_only_the_index_turns_on_is_refused() {
    let world = World::new();
    let lib = "pub fn name() -> &'static str {
        if cfg!(feature = \"evil\") { \"evil\" } else { \"foo 1.0.0\" }
    }";
    let foo = world.library("foo", "1.0.0").feature("evil", &[]);
    world.publish_elsewhere(foo.file("src/lib.rs", lib));
    let scene = Scene::of(world);
    let turn_on = |line: &mut serde_json::Value| line["features"]["default"] = json!(["evil"]);
    scene.world.registry.edit_line("foo", "1.0.0", turn_on);
    let (stock, consign) = scene.run(["run"]);
    stock.is_hit();
    consign.refuses("its index entry has other features than what was signed");
}

/// A dependency of the index alone is resolved and locked, and its build script would run as soon as
/// anything asked for it.
#[test]
fn dependency_that_only_the_index_has_is_refused() {
    let world = World::new();
    world.publish_elsewhere(world.library("bar", "1.0.0"));
    world.publish_elsewhere(world.library("foo", "1.0.0"));
    let scene = Scene::of(world);
    scene.world.registry.edit_line("foo", "1.0.0", |line| {
        line["deps"] = json!([{"name": "bar", "req": "^1", "features": [], "optional": false,
            "default_features": true, "target": null, "kind": "normal"}]);
    });
    let (stock, consign) = scene.run(["generate-lockfile"]);
    let locked = fs::read_to_string(scene.stock.app.join("Cargo.lock")).unwrap();
    stock.gives_away("name = \"bar\"", &locked);
    consign.refuses("its index entry has other dependencies than what was signed");
}

/// `foo` wants a `bar` that is good. The index says that any will do, and the newest is the attacker's.
#[test]
fn requirement_that_only_the_index_widens_is_refused() {
    let world = World::new();
    world.publish_elsewhere(world.library("bar", "1.0.0"));
    world.publish_elsewhere(world.library("bar", "2.0.0").file("src/lib.rs", EVIL));
    let foo = world.library("foo", "1.0.0").dependency("bar", "1");
    let lib = "pub fn name() -> &'static str { bar::name() }";
    world.publish_elsewhere(foo.file("src/lib.rs", lib));
    let scene = Scene::of(world);
    let any = |line: &mut serde_json::Value| line["deps"][0]["req"] = json!(">=1.0.0, <3.0.0");
    scene.world.registry.edit_line("foo", "1.0.0", any);
    let (stock, consign) = scene.run(["run"]);
    stock.is_hit();
    consign.refuses("its index entry has other dependencies than what was signed");
}

/// All of 1.0.0, which has a hole, under the number 1.0.9; the carrier stays what it is.
#[test]
fn older_version_under_a_newer_number_is_refused() {
    let world = World::new();
    world.publish_elsewhere(world.library("foo", "1.0.0").file("src/lib.rs", EVIL));
    let registry = &world.registry;
    let archive = fs::read(registry.crate_path("foo", "1.0.0")).unwrap();
    let archive = super::archives::renumbered(&archive, "1.0.0", "1.0.9");
    let mut line = registry.line("foo", "1.0.0");
    line["vers"] = json!("1.0.9");
    line["cksum"] = Digest::of(&archive).to_string().into();
    fs::write(registry.crate_path("foo", "1.0.9"), archive).unwrap();
    registry.write_index("foo", &format!("{line}\n"));
    let (stock, consign) = Scene::of(world).run(["run"]);
    stock.is_hit();
    consign.refuses("version 1.0.9 is not signed");
}

/// Signed anew, by a key that the attacker made for the name of octocat.
#[test]
fn carrier_by_a_key_of_nobody_is_refused() {
    let scene = with_foo();
    let registry = &scene.world.registry;
    swap_bytes(registry, "foo", "1.0.0");
    edit_archive(registry, "1.0.0", |mut entries| {
        let packed = packed(&entries);
        let key = other_key("octocat");
        let locator = Locator::new("github", "octocat", None, key.public_key()).unwrap();
        let mut files: Tree = tree::of_tar(
            flate2::read::GzDecoder::new(&packed[..]),
            "foo",
            "1.0.0",
            1 << 20,
        )
        .unwrap();
        files.take(carrier::NAME).unwrap();
        let release: Release = carrier_in(&packed, "1.0.0").release().clone();
        let registry: RegistryId = registry.identity();
        let forged = Carrier::sign(release, &registry, files, locator, 1_763_800_000, &key);
        entries[0].2 = forged.unwrap().bytes().to_vec();
        entries
    });
    let (stock, consign) = scene.run(["run"]);
    stock.is_hit();
    consign.refuses("with a key that this account does not publish");
}

/// What is unpacked last is what lies on the disk.
#[test]
fn second_carrier_is_refused() {
    let scene = with_foo();
    edit_archive(&scene.world.registry, "1.0.0", |mut entries| {
        let (header, path, _) = entries[0].clone();
        entries.push((header, path, b"evil".to_vec()));
        entries
    });
    let (stock, consign) = scene.run(["run"]);
    stock.is_unharmed("foo 1.0.0\n");
    consign.refuses("signed an archive that may not be unpacked");
}

#[test]
fn carrier_under_another_spelling_of_its_name_is_refused() {
    let scene = with_foo();
    swap_bytes(&scene.world.registry, "foo", "1.0.0");
    edit_archive(&scene.world.registry, "1.0.0", |mut entries| {
        entries[0].1 = "foo-1.0.0/.Cargo_Signature.json".to_owned();
        entries
    });
    let (stock, consign) = scene.run_without_a_rule(["run"]);
    stock.is_hit();
    consign.refuses("its name is spelled otherwise");
}

#[test]
fn carrier_without_an_end_is_refused() {
    let scene = with_foo();
    swap_bytes(&scene.world.registry, "foo", "1.0.0");
    edit_archive(&scene.world.registry, "1.0.0", |mut entries| {
        entries[0].2 = vec![b' '; 64 << 20];
        entries
    });
    let (stock, consign) = scene.run(["run"]);
    stock.is_hit();
    consign.refuses("it has more than 1048576 bytes");
}

/// A package may read the file like any other of its own.
#[test]
fn carrier_that_was_changed_where_it_lies_is_put_right() {
    let world = World::new();
    let lib = "pub fn name() -> &'static str {
        let own = include_str!(\"../.cargo_signature.json\");
        if own.contains(\"evil\") { \"evil\" } else { \"foo 1.0.0\" }
    }";
    world.publish_elsewhere(world.library("foo", "1.0.0").file("src/lib.rs", lib));
    let scene = Scene::of(world).fetched();
    scene.attack(|victim| {
        let path = victim.unpacked("foo-1.0.0").join(carrier::NAME);
        let text = fs::read_to_string(&path).unwrap();
        fs::write(path, text + " evil").unwrap();
    });
    let (stock, consign) = scene.run(["run", "--locked"]);
    stock.is_hit();
    consign.repairs("was unpacked again");
}

#[test]
fn edited_crate_in_the_cache_is_refused() {
    let scene = with_foo().fetched();
    scene.attack(|victim| {
        fs::remove_dir_all(victim.unpacked("foo-1.0.0")).unwrap();
        caches::edit_archive(&victim.cached("foo-1.0.0"));
    });
    let (stock, consign) = scene.run(["run", "--locked"]);
    stock.is_hit();
    consign.refuses("its archive is not the one that `github:octocat` signed");
}

/// Two versions, of which the victims use the newer one. Its archive in the cache carries nothing any more.
fn stripped_in_the_cache() -> Scene {
    let world = World::new();
    world.publish_elsewhere(world.library("foo", "1.0.0"));
    world.publish_elsewhere(world.library("foo", "1.0.1"));
    let scene = Scene::of(world).fetched();
    scene.attack(|victim| {
        caches::edit_archive(&victim.cached("foo-1.0.1"));
        let archive = fs::read(victim.cached("foo-1.0.1")).unwrap();
        let stripped = crate_without_file(&archive, carrier::NAME);
        fs::write(victim.cached("foo-1.0.1"), stripped).unwrap();
        fs::remove_file(victim.app.join("Cargo.lock")).unwrap();
    });
    scene
}

const NOT_NAMED: &str = "its archive is not the one that the index names";

/// It must not be an older version that is taken instead.
#[test]
fn stripped_crate_in_the_cache_is_refused_though_an_older_version_would_do() {
    let scene = stripped_in_the_cache();
    scene.attack(|victim| fs::remove_dir_all(victim.unpacked("foo-1.0.1")).unwrap());
    let (stock, consign) = scene.run(["run"]);
    stock.is_hit();
    consign.refuses(NOT_NAMED);
}

#[test]
fn stripped_crate_of_an_unpacked_package_is_refused_though_an_older_version_would_do() {
    let scene = stripped_in_the_cache();
    let (stock, consign) = scene.run(["run"]);
    stock.is_unharmed("foo 1.0.1\n");
    consign.refuses(NOT_NAMED);
}

#[test]
fn edited_files_in_the_cache_are_put_right() {
    let scene = with_foo().fetched();
    scene.attack(|victim| {
        victim.edit("foo-1.0.0", "src/lib.rs", EVIL);
        fs::write(victim.unpacked("foo-1.0.0").join(carrier::NAME), "").unwrap();
    });
    let (stock, consign) = scene.run(["run", "--locked"]);
    stock.is_hit();
    consign.repairs("was unpacked again");
}

/// What the resolver of stock cargo was given is compiled already, and is not fresh to ours.
#[test]
fn what_was_compiled_of_an_unsigned_package_is_not_taken_for_signed() {
    let scene = with_foo();
    swap_bytes(&scene.world.registry, "foo", "1.0.0");
    strip(&scene.world.registry, "foo", "1.0.0");
    scene.attack(|victim| {
        for cargo in [stock(), consign()] {
            let build = victim.home.cargo(&cargo, &victim.app);
            build.args(["build"]).run().succeeded();
        }
    });
    let (stock, consign) = scene.run(["run", "--locked"]);
    stock.is_hit();
    consign.refuses("it is not signed");
}
