//! Mix-and-match: parts that are each good, in a combination that nobody signed.

use std::fs;

use expect_test::expect;
use serde_json::{Value, json};

use super::{EVIL, Ran, Scene};
use crate::World;

/// Has one release carry the signature of another.
fn copy_signature(world: &World, from: (&str, &str), to: (&str, &str)) {
    let from = world.registry.line(from.0, from.1);
    world.registry.edit_line(to.0, to.1, |line| {
        line["key_locator"] = from["key_locator"].clone();
        line["signature"] = from["signature"].clone();
    });
}

#[test]
fn signature_of_another_version_is_refused() {
    let world = World::with_foo(["1.0.0"]);
    world.publish_unsigned(world.library("foo", "1.0.1").file("src/lib.rs", EVIL));
    copy_signature(&world, ("foo", "1.0.0"), ("foo", "1.0.1"));
    let (stock, consign) = Scene::of(world).run(["run"]);
    stock.is_hit();
    let told = consign.refuses("it was tampered with");
    expect![[r#"
            Updating `demo` index
        error: refusing `foo v1.0.1 (registry `demo`)`: it was tampered with: the signature does not fit the index entry

        help: do not build it: what the registry, a mirror or a cache serves is not what was published. Tell the registry and the package's authors
    "#]].assert_eq(&told.stderr);
}

#[test]
fn signature_of_another_package_is_refused() {
    let world = World::with_foo(["1.0.0"]);
    world.publish_unsigned(world.library("bar", "1.0.0").file("src/lib.rs", EVIL));
    copy_signature(&world, ("foo", "1.0.0"), ("bar", "1.0.0"));
    let scene = Scene::building(world, |app| {
        app.dependency("bar", "1")
            .program("println!(\"{}\", bar::name());")
    });
    let (stock, consign) = scene.run(["run"]);
    stock.is_hit();
    let told = consign.refuses("it was tampered with");
    expect![[r#"
            Updating `demo` index
        error: refusing `bar v1.0.0 (registry `demo`)`: it was tampered with: the signature does not fit the index entry

        help: do not build it: what the registry, a mirror or a cache serves is not what was published. Tell the registry and the package's authors
    "#]].assert_eq(&told.stderr);
}

/// The entry is good, the archive is good, and they are not of one release.
#[test]
fn archive_of_another_version_is_refused() {
    let world = World::new();
    world.publish(world.library("foo", "1.0.0").file("src/lib.rs", EVIL));
    world.publish(world.library("foo", "1.0.1"));
    let [old, new] = ["1.0.0", "1.0.1"].map(|version| world.registry.crate_path("foo", version));
    fs::copy(old, new).unwrap();
    let (stock, consign) = Scene::of(world).run(["run"]);
    stock.refuses("failed to verify the checksum of `foo v1.0.1 (registry `demo`)`");
    consign.refuses("failed to verify the checksum of `foo v1.0.1 (registry `demo`)`");
}

/// `foo`, which is good, with a changed word about who signed it, and when.
fn run_with_changed_signature(change: impl FnOnce(&mut Value)) -> (Ran, Ran) {
    let world = World::with_foo(["1.0.0"]);
    world.registry.edit_line("foo", "1.0.0", change);
    Scene::of(world).run(["run"])
}

#[test]
fn changed_time_of_signing_is_refused() {
    let (stock, consign) = run_with_changed_signature(|line| line["signature"]["time"] = json!(1));
    stock.is_unharmed("foo 1.0.0\n");
    consign.refuses("it was tampered with");
}

#[test]
fn other_user_in_the_key_locator_is_refused() {
    let change = |line: &mut Value| line["key_locator"]["user"] = json!("torvalds");
    let (stock, consign) = run_with_changed_signature(change);
    stock.is_unharmed("foo 1.0.0\n");
    consign.refuses("it was tampered with");
}

#[test]
fn account_number_that_was_not_signed_is_refused() {
    let change = |line: &mut Value| line["key_locator"]["account"] = json!(583_231);
    let (stock, consign) = run_with_changed_signature(change);
    stock.is_unharmed("foo 1.0.0\n");
    consign.refuses("it was tampered with");
}
