//! Endless data: more than the victim's disk, memory or patience holds.

use std::fs;

use serde_json::json;

use super::Scene;

/// What is downloaded is read to its end before its checksum is known, by both alike. How long it is,
/// nobody signs.
#[test]
fn archive_that_is_far_too_long_is_downloaded_in_full() {
    let scene = Scene::with_foo();
    let path = scene.world.registry.crate_path("foo", "1.0.0");
    let file = fs::File::options().write(true).open(path).unwrap();
    file.set_len(64 << 20).unwrap();
    let (stock, consign) = scene.run(["run"]);
    stock.refuses("failed to verify the checksum of `foo v1.0.0 (registry `demo`)`");
    consign.refuses("failed to verify the checksum of `foo v1.0.0 (registry `demo`)`");
}

#[test]
fn index_entry_with_a_signature_of_ten_megabytes_is_refused() {
    let scene = Scene::with_foo();
    let long = json!("x".repeat(10 << 20));
    scene
        .world
        .registry
        .edit_line("foo", "1.0.0", |line| line["signature"] = long);
    let (stock, consign) = scene.run(["run"]);
    stock.is_unharmed("foo 1.0.0\n");
    consign.refuses("it was tampered with: `signature` is a string, not an object");
}

#[test]
fn list_of_keys_without_an_end_is_cut_off() {
    let scene = Scene::with_foo();
    scene
        .world
        .keys
        .answer("octocat", consign_testbed::Reply::endless());
    let (stock, consign) = scene.run(["run"]);
    // Stock cargo asks nobody.
    stock.is_unharmed("foo 1.0.0\n");
    consign.refuses("could not be checked");
}
