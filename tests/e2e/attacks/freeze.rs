//! Indefinite freeze: the registry, as it once was, for ever. Every part of it is signed, and nothing
//! says that there is more.

use super::{EVIL, Scene};
use crate::World;

#[test]
fn index_of_yesterday_is_taken_for_todays() {
    let world = World::new();
    world.publish(world.library("foo", "1.0.0").file("src/lib.rs", EVIL));
    let yesterday = world.registry.index("foo");
    world.publish(world.library("foo", "1.0.1"));
    world.registry.write_index("foo", &yesterday);
    let (stock, consign) = Scene::of(world).run(["run"]);
    stock.is_hit();
    consign.is_hit();
}

/// Also from one who has seen the newer version, as long as no lockfile of his names it.
#[test]
fn version_that_was_seen_before_can_be_hidden_again() {
    let world = World::new();
    world.publish(world.library("foo", "1.0.0").file("src/lib.rs", EVIL));
    let yesterday = world.registry.index("foo");
    world.publish(world.library("foo", "1.0.1"));
    let scene = Scene::of(world).having_run(["update"]);
    scene.world.registry.write_index("foo", &yesterday);
    let forget = |victim: &super::Victim| {
        std::fs::remove_file(victim.app.join("Cargo.lock")).unwrap();
    };
    scene.attack(forget);
    let (stock, consign) = scene.run(["run"]);
    stock.is_hit();
    consign.is_hit();
}

#[test]
fn version_that_the_lockfile_names_cannot_be_hidden() {
    let world = World::with_foo(["1.0.0"]);
    let yesterday = world.registry.index("foo");
    world.publish(world.library("foo", "1.0.1"));
    let scene = Scene::of(world).fetched();
    scene.world.registry.write_index("foo", &yesterday);
    scene.attack(|victim| {
        std::fs::remove_dir_all(victim.home.path().join("registry")).unwrap();
    });
    let (stock, consign) = scene.run(["run", "--locked"]);
    stock.refuses("(locked to 1.0.1)");
    consign.refuses("(locked to 1.0.1)");
}
