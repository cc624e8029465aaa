//! Malicious mirrors that prevent updates: the honest registry is there, and the way to it is not.

use std::fs;

use super::Scene;
use crate::World;

#[test]
fn archive_that_is_withheld_ends_the_command() {
    let scene = Scene::of(World::with_foo(["1.0.0", "1.0.1"]));
    fs::remove_file(scene.world.registry.crate_path("foo", "1.0.1")).unwrap();
    let (stock, consign) = scene.run(["run"]);
    stock.refuses("failed to download");
    consign.refuses("failed to download");
}

#[test]
fn mirror_that_does_not_answer_ends_the_command() {
    let scene = Scene::with_foo();
    scene.world.registry.stop();
    let (stock, consign) = scene.run(["run"]);
    stock.refuses("Could not connect to server");
    consign.refuses("Could not connect to server");
}

/// A mirror that spoils each newer version in turn keeps its users from updating, and they know.
#[test]
fn spoiled_newest_version_ends_the_command() {
    let scene = Scene::of(World::with_foo(["1.0.0", "1.0.1"]));
    let registry = &scene.world.registry;
    registry.edit_line("foo", "1.0.1", |line| line["cksum"] = "0".repeat(64).into());
    let (stock, consign) = scene.run(["run"]);
    stock.refuses("failed to verify the checksum of `foo v1.0.1 (registry `demo`)`");
    consign.refuses("refusing `foo v1.0.1 (registry `demo`)`: it was tampered with");
}
