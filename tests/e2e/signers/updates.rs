//! What `cargo update` and the resolver make of it.

use expect_test::expect;

use crate::World;

#[test]
fn update_names_signers_that_are_new() {
    let world = World::with_foo(["1.0.0"]);
    world.publish_unsigned(world.library("bar", "1.0.0"));
    let app = world
        .sandbox
        .package("app")
        .dependency("foo", "1")
        .dependency("bar", "1");
    let app = app.program("").write();
    world.cargo(&app, ["fetch"]).succeeded();
    let ann = world.stranger("ann");
    world
        .cargo(&app, ["signers", "allow", "foo", "github:ann"])
        .succeeded();
    world.publish_foo_as("1.0.1", "github:ann", &ann);
    world.publish(world.library("bar", "1.0.1"));
    let output = world.cargo(&app, ["update"]).succeeded().normalised();
    expect![[r#"
        $ cargo update
            Updating `demo` index
              Signed bar v1.0.1 by GitHub user @octocat (v1.0.0 was by nobody that is known)
              Signed foo v1.0.1 by GitHub user @ann (v1.0.0 was by GitHub user @octocat)
             Locking 2 packages to latest Rust 1.95.0 compatible versions
            Updating bar v1.0.0 (registry `demo`) -> v1.0.1
            Updating foo v1.0.0 (registry `demo`) -> v1.0.1
    "#]]
    .assert_eq(&super::told(&output));
    // By the same as before: nothing is said.
    world.publish_foo_as("1.0.2", "github:ann", &ann);
    let output = world.cargo(&app, ["update"]).succeeded();
    assert!(!output.stderr.contains("Signed"), "{}", output.stderr);
}

#[test]
fn precise_names_a_version_that_is_refused() {
    let world = World::with_foo(["1.0.0"]);
    let app = world.app();
    world.cargo(&app, ["fetch"]).succeeded();
    let eve = world.stranger("eve");
    world.publish_foo_as("1.0.1", "github:eve", &eve);
    let args = ["update", "foo", "--precise", "1.0.1"];
    let output = world.cargo(&app, args).failed().normalised();
    expect![[r#"
        $ cargo update foo --precise 1.0.1
            Updating `demo` index
        error: failed to select a version for the requirement `foo = "^1"`
          version 1.0.1 is signed as `github:eve`, and `github:octocat` signs this package since 1.0.0 (known from what was seen here before)
        location searched: `demo` index
        required by package `app v0.1.0 ([SANDBOX]/app)`

        help: ask the authors of `foo`, not by way of the registry, whether `github:eve` is one of them. If so, accept it with `cargo signers allow --registry demo foo github:eve --reason WHY`
    "#]].assert_eq(&super::told(&output));
    assert_eq!(world.locked(&app, "foo"), "1.0.0");
    // As ever, with one that is not.
    world.publish_foo_as("1.0.2", "github:octocat", &world.secret_key());
    let args = ["update", "foo", "--precise", "1.0.2"];
    world.cargo(&app, args).succeeded();
    assert_eq!(world.locked(&app, "foo"), "1.0.2");
}

/// Where no version is left, the reason of each is told.
#[test]
fn every_version_by_somebody_else_is_listed() {
    let world = World::new();
    let eve = world.stranger("eve");
    for version in ["1.0.0", "1.0.1"] {
        world.publish_foo_as(version, "github:eve", &eve);
    }
    let app = world.app();
    world
        .cargo(&app, ["signers", "allow", "foo", "github:octocat"])
        .succeeded();
    let output = world.cargo(&app, ["fetch"]).failed().normalised();
    expect![[r#"
        $ cargo fetch
            Updating `demo` index
        error: failed to select a version for the requirement `foo = "^1"`
          version 1.0.0 is signed as `github:eve`, and `github:octocat` signs this package (known from what was seen here before)
          version 1.0.1 is signed as `github:eve`, and `github:octocat` signs this package (known from what was seen here before)
        location searched: `demo` index
        required by package `app v0.1.0 ([SANDBOX]/app)`

        help: ask the authors of `foo`, not by way of the registry, whether `github:eve` is one of them. If so, accept it with `cargo signers allow --registry demo foo github:eve --reason WHY`
    "#]].assert_eq(&super::told(&output));
}

/// A locked build does not even look at newer versions.
#[test]
fn locked_build_says_nothing_of_newer_versions() {
    let world = World::with_foo(["1.0.0"]);
    let app = world.app();
    world.cargo(&app, ["build"]).succeeded();
    let eve = world.stranger("eve");
    world.publish_foo_as("1.0.1", "github:eve", &eve);
    for args in [&["build"][..], &["build", "--locked"]] {
        let run = world
            .user
            .cargo(&consign_testbed::consign(), &app)
            .args(args.iter().copied());
        let output = run.run().succeeded();
        assert!(!output.stderr.contains("foo"), "{}", output.stderr);
    }
}
