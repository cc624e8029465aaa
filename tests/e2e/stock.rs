//! Stock cargo, with the registry in which some packages are signed.

use std::fs;

use consign_testbed::stock;

use crate::World;

#[test]
fn stock_cargo_builds_as_if_nothing_were_signed() {
    let world = World::with_foo(["1.0.0"]);
    world.publish_unsigned(world.library("bar", "1.0.0").dependency("foo", "1"));
    let app = world
        .sandbox
        .package("app")
        .dependency("foo", "1")
        .dependency("bar", "1")
        .program("println!(\"{} {}\", foo::name(), bar::name());")
        .write();
    let output = world
        .user
        .cargo(&stock(), &app)
        .args(["run", "--quiet"])
        .run();
    assert_eq!(output.succeeded().stdout, "foo 1.0.0 bar 1.0.0\n");
}

#[test]
fn both_write_the_same_lockfile() {
    let world = World::with_foo(["1.0.0", "1.0.1"]);
    let app = world.app();
    let lockfile = |cargo: &std::path::Path| {
        let _ = fs::remove_file(app.join("Cargo.lock"));
        world
            .user
            .cargo(cargo, &app)
            .args(["generate-lockfile"])
            .run()
            .succeeded();
        fs::read_to_string(app.join("Cargo.lock")).unwrap()
    };
    assert_eq!(lockfile(&consign_testbed::consign()), lockfile(&stock()));
}

#[test]
fn one_home_serves_both() {
    let world = World::with_foo(["1.0.0"]);
    let app = world.app();
    // What stock cargo has put into the caches knows nothing of signatures, and need not.
    world
        .user
        .cargo(&stock(), &app)
        .args(["build"])
        .run()
        .succeeded();
    world
        .cargo(&app, ["build", "--locked", "--require-signatures"])
        .succeeded();
    world
        .user
        .cargo(&stock(), &app)
        .args(["build", "--locked"])
        .run()
        .succeeded();
}

#[test]
fn stock_cargo_publishes_further_versions() {
    let world = World::with_foo(["1.0.0"]);
    world.publish_unsigned(world.library("foo", "1.0.1"));
    let line = world.registry.line("foo", "1.0.1");
    assert!(line.get("signature").is_none());
}
