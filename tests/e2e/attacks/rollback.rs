//! Rollback: an older version than the newest, with a hole that has since been mended. Here it is the
//! version that prints `evil`; octocat signed it when nobody knew.

use std::fs;

use serde_json::json;

use super::arbitrary::{strip, strip_entry};
use super::{EVIL, Scene};
use crate::World;

/// `foo` 1.0.0, which has a hole, and 1.0.1, which has none.
fn world_with_a_hole() -> World {
    let world = World::new();
    world.publish(world.library("foo", "1.0.0").file("src/lib.rs", EVIL));
    world.publish(world.library("foo", "1.0.1"));
    world
}

#[test]
fn older_version_under_a_newer_number_is_refused() {
    let world = world_with_a_hole();
    // All of 1.0.0, bytes and signature, offered as 1.0.9. Stock cargo would trip over the number in the
    // archive itself, so that is changed too.
    let mut line = world.registry.line("foo", "1.0.0");
    let bytes = fs::read(world.registry.crate_path("foo", "1.0.0")).unwrap();
    let bytes = super::archives::renumbered(&bytes, "1.0.0", "1.0.9");
    line["vers"] = json!("1.0.9");
    line["cksum"] = consign_statement::Digest::of(&bytes).to_string().into();
    fs::write(world.registry.crate_path("foo", "1.0.9"), bytes).unwrap();
    let lines = world.registry.index("foo");
    world
        .registry
        .write_index("foo", &format!("{lines}{line}\n"));
    let (stock, consign) = Scene::of(world).run(["run"]);
    stock.is_hit();
    consign.refuses("refusing `foo v1.0.9 (registry `demo`)`: it was tampered with");
}

#[test]
fn stripped_newer_version_makes_an_older_one_be_chosen() {
    let scene = Scene::of(world_with_a_hole());
    strip(&scene.world.registry, "foo", "1.0.1");
    let (stock, consign) = scene.run(["run"]);
    stock.is_unharmed("foo 1.0.1\n");
    consign.is_hit();
}

#[test]
fn stripped_entry_of_what_the_lockfile_names_is_made_up_for_by_the_package() {
    let scene = Scene::of(world_with_a_hole()).fetched();
    scene.world.registry.edit_line("foo", "1.0.1", strip_entry);
    scene.attack(|victim| fs::remove_dir_all(victim.home.path().join("registry")).unwrap());
    let (stock, consign) = scene.run(["run", "--locked"]);
    stock.is_unharmed("foo 1.0.1\n");
    consign.is_unharmed("foo 1.0.1\n");
}

#[test]
fn stripped_newer_version_that_the_lockfile_names_is_refused() {
    let scene = Scene::of(world_with_a_hole()).fetched();
    strip(&scene.world.registry, "foo", "1.0.1");
    scene.attack(|victim| fs::remove_dir_all(victim.home.path().join("registry")).unwrap());
    let (stock, consign) = scene.run(["run", "--locked"]);
    stock.refuses("checksum for `foo v1.0.1 (registry `demo`)` changed between lock files");
    consign.refuses("checksum for `foo v1.0.1 (registry `demo`)` changed between lock files");
}

#[test]
fn newest_version_that_is_yanked_makes_an_older_one_be_chosen() {
    let scene = Scene::of(world_with_a_hole());
    scene
        .world
        .registry
        .edit_line("foo", "1.0.1", |line| line["yanked"] = json!(true));
    let (stock, consign) = scene.run(["run"]);
    stock.is_hit();
    consign.is_hit();
}

/// The resolver prefers what the compiler at hand can build, and sees only then what it has chosen.
#[test]
fn newest_version_that_seems_to_need_a_newer_compiler_makes_an_older_one_be_chosen() {
    let scene = Scene::of(world_with_a_hole());
    let change = |line: &mut serde_json::Value| line["rust_version"] = json!("1.999");
    scene.world.registry.edit_line("foo", "1.0.1", change);
    let (stock, consign) = scene.run(["run"]);
    stock.is_hit();
    consign.is_hit();
}

/// Upstream leaves out entries of a schema that it does not know, before anybody looks at them.
#[test]
fn newest_version_in_an_unknown_schema_makes_an_older_one_be_chosen() {
    let scene = Scene::of(world_with_a_hole());
    scene
        .world
        .registry
        .edit_line("foo", "1.0.1", |line| line["v"] = json!(99));
    let (stock, consign) = scene.run(["run"]);
    stock.is_hit();
    consign.is_hit();
}

#[test]
fn lockfile_holds_against_all_of_these() {
    let scene = Scene::of(world_with_a_hole()).fetched();
    scene.attack(|victim| fs::remove_dir_all(victim.home.path().join("registry")).unwrap());
    scene
        .world
        .registry
        .edit_line("foo", "1.0.1", |line| line["yanked"] = json!(true));
    let (stock, consign) = scene.run(["run", "--locked"]);
    stock.is_unharmed("foo 1.0.1\n");
    consign.is_unharmed("foo 1.0.1\n");
}
