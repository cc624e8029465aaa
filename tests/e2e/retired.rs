//! What a key signed that its owner has retired since, or that has expired.
//!
//! Whoever finds such a key can date a signature before its end. So what it signed counts where something
//! else shows that it is not new.

use std::fs;
use std::time::Duration;

use consign_identity::openpgp::{OsRng, OwnKey, SecretKey};
use expect_test::expect;

use crate::World;
use crate::gnupg::Gnupg;

/// A time after everything that a test signs, and before it; in seconds from when the key was made.
const LATER: u64 = 60 * 60;
const AT_ONCE: u64 = 0;

/// `foo` 1.0.0 by octocat, and the key that signed it.
fn with_foo() -> (World, SecretKey) {
    let world = World::with_foo(["1.0.0"]);
    let key = world.secret_key();
    (world, key)
}

/// What octocat publishes of a key that was retired so long after it was made.
fn retired(key: &SecretKey, after: u64) -> String {
    let retired: OwnKey = key.retire(key.created() + after, OsRng).unwrap();
    retired.public_armored()
}

/// octocat has a new key, and publishes it beside what is said of the old one.
fn new_key(world: &World, old: &str) {
    fs::remove_dir_all(world.octocat.path().join("signing/keys")).unwrap();
    world.make_key(&world.octocat, "octocat");
    let new = world.secret_key().public_armored();
    world.keys.publish("octocat", &format!("{old}{new}"));
}

/// Whoever has the old key signs a version with it.
fn signed_with(world: &World, key: &SecretKey, version: &str) {
    world.publish_unsigned(world.library("foo", version));
    let token = world.registry.token("octocat");
    let registry = &world.registry;
    registry.sign("foo", version, &world.identity(), key, &token);
}

fn forget_answers(world: &World) {
    world.age_answers(Duration::from_secs(8 * 24 * 60 * 60));
}

#[test]
fn what_the_lockfile_names_stays_good() {
    let (world, key) = with_foo();
    let app = world.app();
    world.fetch(&app).succeeded();
    world.keys.publish("octocat", &retired(&key, LATER));
    // As on another machine, which knows nothing but the lockfile.
    fs::remove_dir_all(world.user.path().join("registry")).unwrap();
    fs::remove_dir_all(world.user.path().join("signing")).unwrap();
    for command in ["fetch", "build"] {
        let args = [command, "--locked", "--require-signatures"];
        world.cargo(&app, args).succeeded();
    }
    // So it does where the resolver runs for something else.
    new_key(&world, &retired(&key, LATER));
    world.publish(world.library("bar", "1.0.0"));
    let app = world.sandbox.package("app").dependency("foo", "1");
    let app = app
        .dependency("bar", "1")
        .program("println!(\"{}\", bar::name());");
    let app = app.write();
    world.fetch(&app).succeeded();
    assert_eq!(world.locked(&app, "foo"), "1.0.0");
}

#[test]
fn what_is_resolved_anew_could_be_new() {
    let (world, key) = with_foo();
    world.keys.publish("octocat", &retired(&key, LATER));
    expect![[r#"
            Updating `demo` index
        warning: `foo v1.0.0 (registry `demo`)` is passed over: it is signed as `github:octocat` with a key that is no longer in use, and could be new: it is not in `Cargo.lock`, and no version from it on is signed with a key in use (ed25519:[KEY])
        help: choose another version, or ask whoever owns `github:octocat` to publish a newer one with another key
        error: failed to select a version for the requirement `foo = "^1"`
          version 1.0.0 is signed as `github:octocat` with a key that is no longer in use, and could be new: it is not in `Cargo.lock`, and no version from it on is signed with a key in use (ed25519:[KEY])
        location searched: `demo` index
        required by package `app v0.1.0 ([SANDBOX]/app)`
    "#]].assert_eq(&world.refusal(&world.app()));
}

#[test]
fn what_is_dated_after_the_end_is_refused_everywhere() {
    let (world, key) = with_foo();
    let app = world.app();
    world.fetch(&app).succeeded();
    world.keys.publish("octocat", &retired(&key, AT_ONCE));
    forget_answers(&world);
    fs::remove_dir_all(world.user.path().join("signing")).unwrap();
    let args = ["build", "--locked", "--require-signatures"];
    let output = world.cargo(&app, args).failed().normalised();
    expect![[r#"
        error: refusing `foo v1.0.0 (registry `demo`)`: it is signed as `github:octocat` with a key that does not count: its owner has retired the key (ed25519:[KEY])

        help: choose another version, or ask whoever owns `github:octocat` whether they signed this one. If so, keep it with `cargo signers allow --registry demo foo@1.0.0 --key ed25519:[KEY] --reason WHY`
    "#]].assert_eq(&output.stderr);
}

#[test]
fn version_that_is_not_above_one_with_a_key_in_use_stays_good() {
    let (world, key) = with_foo();
    new_key(&world, &retired(&key, LATER));
    world.publish(world.library("foo", "1.0.1"));
    let app = world.app_with("foo", "=1.0.0");
    world.fetch(&app).succeeded();
    assert_eq!(world.locked(&app, "foo"), "1.0.0");
}

#[test]
fn version_above_those_with_a_key_in_use_is_passed_over() {
    let (world, key) = with_foo();
    new_key(&world, &retired(&key, LATER));
    world.publish(world.library("foo", "1.0.1"));
    signed_with(&world, &key, "1.0.2");
    let app = world.app();
    let output = world.fetch(&app).succeeded().normalised();
    expect![[r#"
            Updating `demo` index
        warning: `foo v1.0.2 (registry `demo`)` is passed over: it is signed as `github:octocat` with a key that is no longer in use, and could be new: it is not in `Cargo.lock`, and no version from it on is signed with a key in use (ed25519:[KEY])
        help: choose another version, or ask whoever owns `github:octocat` to publish a newer one with another key
             Locking 1 package to latest Rust [RUST] compatible version
         Downloading crates ...
          Downloaded foo v1.0.1 (registry `demo`) (published by GitHub user @octocat)
    "#]].assert_eq(&output.stderr);
    assert_eq!(world.locked(&app, "foo"), "1.0.1");
}

/// A key that nobody publishes is no witness, nor is one that has ended itself.
#[test]
fn version_with_a_key_that_does_not_count_shows_nothing() {
    let (world, key) = with_foo();
    world.keys.publish("octocat", &retired(&key, LATER));
    signed_with(&world, &crate::world::other_key("octocat"), "1.0.1");
    signed_with(&world, &key, "1.0.2");
    let app = world.app_with("foo", "=1.0.0");
    expect![[r#"
            Updating `demo` index
        warning: `foo v1.0.0 (registry `demo`)` is passed over: it is signed as `github:octocat` with a key that is no longer in use, and could be new: it is not in `Cargo.lock`, and no version from it on is signed with a key in use (ed25519:[KEY])
        help: choose another version, or ask whoever owns `github:octocat` to publish a newer one with another key
        error: failed to select a version for the requirement `foo = "=1.0.0"`
          version 1.0.0 is signed as `github:octocat` with a key that is no longer in use, and could be new: it is not in `Cargo.lock`, and no version from it on is signed with a key in use (ed25519:[KEY])
        location searched: `demo` index
        required by package `app v0.1.0 ([SANDBOX]/app)`
    "#]].assert_eq(&world.refusal(&app));
}

#[test]
fn program_that_is_installed_is_no_other_case() {
    let (world, key) = with_foo();
    let tool = |version: &str| {
        let folder = format!("tool-{version}");
        let package = world
            .sandbox
            .package("tool")
            .version(version)
            .folder(&folder);
        package.program("println!(\"a tool\");")
    };
    world.publish(tool("1.0.0"));
    world.keys.publish("octocat", &retired(&key, LATER));
    let args = [
        "install",
        "tool",
        "--debug",
        "--require-signatures",
        "--version=1.0.0",
    ];
    let install = || world.run(world.sandbox.path(), args).run();
    expect![[r#"
            Updating `demo` index
        error: refusing `tool v1.0.0 (registry `demo`)`: it is signed as `github:octocat` with a key that is no longer in use, and could be new: it is not in `Cargo.lock`, and no version from it on is signed with a key in use (ed25519:[KEY])

        help: choose another version, or ask whoever owns `github:octocat` to publish a newer one with another key
    "#]].assert_eq(&install().failed().normalised().stderr);
    new_key(&world, &retired(&key, LATER));
    world.publish(tool("1.0.1"));
    fs::remove_dir_all(world.user.path().join("signing")).unwrap();
    install().succeeded();
}

/// Expiry is retirement, from the day on at which the account was seen with a key that has expired.
#[test]
fn key_that_has_expired_is_as_one_that_was_retired() {
    let (world, _) = with_foo();
    let Some(gpg) = Gnupg::new(&world) else {
        return;
    };
    let made = ["--faked-system-time=20200101T000000!"];
    let make = ["--quick-gen-key", "octocat", "ed25519", "sign", "1y"];
    gpg.run("", &[&made[..], &make].concat(), "");
    let secret = gpg.run("", &["--armor", "--export-secret-keys"], "");
    let key = SecretKey::from_armored(secret.as_bytes()).unwrap();
    let published = gpg.run("", &["--armor", "--export"], "");
    world.keys.publish("octocat", &published);
    world.publish_unsigned(world.library("foo", "1.0.1"));
    let token = world.registry.token("octocat");
    let (registry, octocat) = (&world.registry, world.identity());
    registry.sign_at(
        "foo",
        "1.0.1",
        &octocat,
        &key,
        &token,
        key.created() + LATER,
    );
    expect![[r#"
            Updating `demo` index
        warning: `foo v1.0.1 (registry `demo`)` is passed over: it is signed as `github:octocat` with a key that is no longer in use, and could be new: it is not in `Cargo.lock`, and no version from it on is signed with a key in use (ed25519:[KEY])
        help: choose another version, or ask whoever owns `github:octocat` to publish a newer one with another key
        warning: `foo v1.0.0 (registry `demo`)` is passed over: it is signed as `github:octocat` with a key that this account does not publish: ed25519:[KEY]
        help: choose another version, or ask whoever owns `github:octocat` whether they signed this one. If so, they can publish the key, or you keep this version with `cargo signers allow --registry demo foo@1.0.0 --key ed25519:[KEY] --reason WHY`
        error: failed to select a version for the requirement `foo = "^1"`
          version 1.0.0 is signed as `github:octocat` with a key that this account does not publish: ed25519:[KEY]
          version 1.0.1 is signed as `github:octocat` with a key that is no longer in use, and could be new: it is not in `Cargo.lock`, and no version from it on is signed with a key in use (ed25519:[KEY])
        location searched: `demo` index
        required by package `app v0.1.0 ([SANDBOX]/app)`
    "#]].assert_eq(&world.refusal(&world.app()));
    new_key(&world, &published);
    world.publish(world.library("foo", "1.0.2"));
    fs::remove_dir_all(world.user.path().join("signing")).unwrap();
    world.fetch(&world.app_with("foo", "=1.0.1")).succeeded();
}
