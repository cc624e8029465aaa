//! What is not signed is refused where signatures are required, and the refusal says what and why.
//!
//! What is signed and is a lie, is in [`crate::attacks`].

use expect_test::expect;
use serde_json::json;

use crate::World;
use crate::world::other_key;

#[test]
fn unsigned_package_is_refused_when_signatures_are_required() {
    let world = World::new();
    world.publish_unsigned(world.library("foo", "1.0.0"));
    expect![[r#"
            Updating `demo` index
         Downloading crates ...
        error: failed to select a version for the requirement `foo = "^1"`
          version 1.0.0 is not signed, and signatures are required by `--require-signatures`
        location searched: `demo` index
        required by package `app v0.1.0 ([SANDBOX]/app)`

        help: choose a version that is signed, ask its authors to sign, accept it with `cargo signers allow --registry demo foo@=1.0.0 --unsigned --reason WHY`, or leave out `--require-signatures`
    "#]]
    .assert_eq(&world.refusal(&world.app()));
}

#[test]
fn every_refused_version_is_listed_with_its_reason() {
    let world = World::with_foo(["1.0.0", "1.0.2"]);
    world.publish_unsigned(world.library("foo", "1.0.1"));
    world.registry.edit_line("foo", "1.0.2", |line| {
        line["signature"] = json!({ "v": 2, "proof": [] });
    });
    world
        .keys
        .publish("octocat", &other_key("octocat").public_armored());
    expect![[r#"
            Updating `demo` index
         Downloading crates ...
        warning: `foo v1.0.0 (registry `demo`)` is passed over: it is signed as `github:octocat` with a key that this account does not publish: ed25519:[KEY]
        help: choose another version, or ask whoever owns `github:octocat` whether they signed this one. If so, they can publish the key, or you keep this version with `cargo signers allow --registry demo foo@1.0.0 --key ed25519:[KEY] --reason WHY`
        error: failed to select a version for the requirement `foo = "^1"`
          version 1.0.0 is signed as `github:octocat` with a key that this account does not publish: ed25519:[KEY]
          version 1.0.1 is not signed, and signatures are required by `--require-signatures`
          version 1.0.2 counts as not signed (its signature is in version 2 of the format; this Consign reads version 1), and signatures are required by `--require-signatures`
        location searched: `demo` index
        required by package `app v0.1.0 ([SANDBOX]/app)`

        help: update Consign: a newer one may read that signature; until then, choose another version
    "#]].assert_eq(&world.refusal(&world.app()));
}

#[test]
fn unsigned_package_in_the_lockfile_is_refused() {
    let world = World::with_foo(["1.0.0"]);
    world.publish_unsigned(world.library("foo", "1.0.1"));
    let app = world.app();
    world.cargo(&app, ["build"]).succeeded();
    assert_eq!(world.locked(&app, "foo"), "1.0.1");
    let output = world
        .cargo(&app, ["build", "--locked", "--require-signatures"])
        .failed()
        .normalised();
    expect![[r#"
        error: refusing `foo v1.0.1 (registry `demo`)`: it is not signed
        signatures are required by `--require-signatures`

        help: choose a version that is signed, ask its authors to sign, accept it with `cargo signers allow --registry demo foo@=1.0.1 --unsigned --reason WHY`, or leave out `--require-signatures`
    "#]]
    .assert_eq(&output.stderr);
}

#[test]
fn dependency_that_is_unsigned_is_refused_with_who_wants_it() {
    let world = World::new();
    world.publish_unsigned(world.library("foo", "1.0.0"));
    world.publish(
        world
            .library("bar", "1.0.0")
            .dependency("foo", "1")
            .file("src/lib.rs", "pub use foo::name;"),
    );
    expect![[r#"
            Updating `demo` index
         Downloading crates ...
        error: failed to select a version for the requirement `foo = "^1"`
          version 1.0.0 is not signed, and signatures are required by `--require-signatures`
        location searched: `demo` index
        required by package `bar v1.0.0 (registry `demo`)`
            ... which satisfies dependency `bar = "^1"` of package `app v0.1.0 ([SANDBOX]/app)`

        help: choose a version that is signed, ask its authors to sign, accept it with `cargo signers allow --registry demo foo@=1.0.0 --unsigned --reason WHY`, or leave out `--require-signatures`
    "#]]
    .assert_eq(&world.refusal(&world.app_with("bar", "1")));
}

#[test]
fn what_the_registry_says_on_its_own_is_not_signed() {
    let world = World::with_foo(["1.0.0"]);
    world.registry.edit_line("foo", "1.0.0", |line| {
        line["pubtime"] = json!("2026-01-01T00:00:00Z");
        line["yanked"] = json!(false);
        line["something-else"] = json!({ "a": 1 });
    });
    world.fetch(&world.app()).succeeded();
}

#[test]
fn unsigned_program_is_not_installed_when_signatures_are_required() {
    let world = World::new();
    world.publish_unsigned(world.library("tool", "1.0.0").program(""));
    let output = world
        .cargo(
            world.sandbox.path(),
            ["install", "tool", "--require-signatures"],
        )
        .failed()
        .normalised();
    expect![[r#"
            Updating `demo` index
         Downloading crates ...
          Downloaded tool v1.0.0 (registry `demo`)
        error: failed to unpack package `tool v1.0.0 (registry `demo`)`

        Caused by:
          refusing `tool v1.0.0 (registry `demo`)`: it is not signed
          signatures are required by `--require-signatures`

          help: choose a version that is signed, ask its authors to sign, accept it with `cargo signers allow --user --registry demo tool@=1.0.0 --unsigned --reason WHY`, or leave out `--require-signatures`
    "#]].assert_eq(&output.stderr);
}

#[test]
fn installing_does_not_look_for_another_version() {
    let world = World::new();
    world.publish(world.library("tool", "1.0.0").program(""));
    world.publish_unsigned(world.library("tool", "1.0.1").program(""));
    let args = ["install", "tool", "--require-signatures"];
    let output = world.cargo(world.sandbox.path(), args).failed();
    assert!(
        output.stderr.contains("refusing `tool v1.0.1 "),
        "{}",
        output.stderr
    );
}

#[test]
fn program_with_an_unsigned_dependency_is_not_installed() {
    let world = World::new();
    world.publish_unsigned(world.library("foo", "1.0.0"));
    let tool = world.library("tool", "1.0.0").dependency("foo", "1");
    world.publish(tool.program("println!(\"{}\", foo::name());"));
    let args = ["install", "tool", "--debug", "--require-signatures"];
    let output = world.cargo(world.sandbox.path(), args).failed();
    assert!(
        output.stderr.contains("version 1.0.0 is not signed"),
        "{}",
        output.stderr
    );
}

/// `cargo add` and `cargo info` look for a package by name: that it is there, and not signed, is
/// another answer than that there is none.
#[test]
fn looking_for_an_unsigned_package_says_that_it_is_not_signed() {
    let world = World::new();
    world.publish_unsigned(world.library("bar", "1.0.0"));
    world.publish(world.library("foo", "1.0.0"));
    let app = world.app();
    for command in ["info", "add"] {
        let output = world
            .cargo(
                &app,
                [command, "--registry", "demo", "--require-signatures", "bar"],
            )
            .failed();
        let stderr = output.stderr;
        assert!(stderr.contains("is not signed"), "{stderr}");
        assert!(stderr.contains("signatures are required by"), "{stderr}");
    }
}
