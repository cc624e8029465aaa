//! A key that its owner has deleted at the provider, and an account that is gone.

use std::fs;
use std::time::Duration;

use expect_test::expect;

use crate::World;
use crate::world::other_key;

/// `foo` in two versions; 1.0.1 is signed with a key that octocat does not publish any more.
fn with_newer_version_of_a_withdrawn_key() -> World {
    let world = World::new();
    let folder = world.octocat.path().join("signing/keys/github/octocat");
    world.publish(world.library("foo", "1.0.1"));
    fs::remove_dir_all(folder).unwrap();
    // Publishes the new key in the old one's place.
    world.make_key(&world.octocat, "octocat");
    world.publish(world.library("foo", "1.0.0"));
    world
}

#[test]
fn withdrawn_key_makes_an_older_version_be_taken() {
    let world = with_newer_version_of_a_withdrawn_key();
    let app = world.app();
    let output = world.fetch(&app).succeeded().normalised();
    expect![[r#"
            Updating `demo` index
        warning: `foo v1.0.1 (registry `demo`)` is passed over: it is signed as `github:octocat` with a key that this account does not publish: ed25519:[KEY]
        help: choose another version, or ask whoever owns `github:octocat` whether they signed this one. If so, they can publish the key, or you keep this version with `cargo signers allow --registry demo foo@1.0.1 --key ed25519:[KEY] --reason WHY`
             Locking 1 package to latest Rust [RUST] compatible version
         Downloading crates ...
          Downloaded foo v1.0.0 (registry `demo`) (published by GitHub user @octocat)
    "#]].assert_eq(&output.stderr);
    assert_eq!(world.locked(&app, "foo"), "1.0.0");
}

#[test]
fn withdrawn_key_is_passed_over_where_nothing_is_required() {
    let world = with_newer_version_of_a_withdrawn_key();
    let app = world.app();
    world.cargo(&app, ["fetch"]).succeeded();
    assert_eq!(world.locked(&app, "foo"), "1.0.0");
}

#[test]
fn account_that_does_not_exist_is_refused() {
    let world = World::with_foo(["1.0.0"]);
    world.keys.withdraw("octocat");
    expect![[r#"
            Updating `demo` index
        warning: `foo v1.0.0 (registry `demo`)` is passed over: it is signed as `github:octocat`, and there is no such account
        help: the account may have been renamed or deleted: choose another version, or ask the authors of `foo` whether this one is theirs. If so, keep it with `cargo signers allow --registry demo foo@1.0.0 --key ed25519:[KEY] --reason WHY`
        error: failed to select a version for the requirement `foo = "^1"`
          version 1.0.0 is signed as `github:octocat`, and there is no such account
        location searched: `demo` index
        required by package `app v0.1.0 ([SANDBOX]/app)`
    "#]].assert_eq(&world.refusal(&world.app()));
}

#[test]
fn account_that_goes_away_leaves_what_was_known_good() {
    let world = World::with_foo(["1.0.0"]);
    let app = world.app();
    world.fetch(&app).succeeded();
    world.keys.withdraw("octocat");
    fs::remove_file(app.join("Cargo.lock")).unwrap();
    world.fetch(&app).succeeded();
}

#[test]
fn account_that_removed_all_its_keys_is_refused() {
    let world = World::with_foo(["1.0.0"]);
    // What GitHub answers, to the byte.
    world.keys.publish(
        "octocat",
        include_str!("../../crates/identity/tests/data/github-no-keys.asc"),
    );
    expect![[r#"
            Updating `demo` index
        warning: `foo v1.0.0 (registry `demo`)` is passed over: it is signed as `github:octocat` with a key that this account does not publish: ed25519:[KEY]
        help: choose another version, or ask whoever owns `github:octocat` whether they signed this one. If so, they can publish the key, or you keep this version with `cargo signers allow --registry demo foo@1.0.0 --key ed25519:[KEY] --reason WHY`
        error: failed to select a version for the requirement `foo = "^1"`
          version 1.0.0 is signed as `github:octocat` with a key that this account does not publish: ed25519:[KEY]
        location searched: `demo` index
        required by package `app v0.1.0 ([SANDBOX]/app)`
    "#]].assert_eq(&world.refusal(&world.app()));
}

#[test]
fn version_of_a_withdrawn_key_that_is_asked_for_by_name_is_refused() {
    let world = with_newer_version_of_a_withdrawn_key();
    let app = world.app();
    world.fetch(&app).succeeded();
    let args = ["update", "foo", "--precise", "1.0.1"];
    let output = world.cargo(&app, args).failed().normalised();
    expect![[r#"
            Updating `demo` index
        warning: `foo v1.0.1 (registry `demo`)` is passed over: it is signed as `github:octocat` with a key that this account does not publish: ed25519:[KEY]
        help: choose another version, or ask whoever owns `github:octocat` whether they signed this one. If so, they can publish the key, or you keep this version with `cargo signers allow --registry demo foo@1.0.1 --key ed25519:[KEY] --reason WHY`
        error: failed to select a version for the requirement `foo = "^1"`
          version 1.0.1 is signed as `github:octocat` with a key that this account does not publish: ed25519:[KEY]
        location searched: `demo` index
        required by package `app v0.1.0 ([SANDBOX]/app)`
    "#]].assert_eq(&output.stderr);
    assert_eq!(world.locked(&app, "foo"), "1.0.0");
}

#[test]
fn withdrawal_is_noticed_when_a_remembered_answer_is_old() {
    let world = World::with_foo(["1.0.0"]);
    let app = world.app();
    world.fetch(&app).succeeded();
    world
        .keys
        .publish("octocat", &other_key("octocat").public_armored());
    world.age_answers(Duration::from_secs(8 * 24 * 60 * 60));
    // What is in the lockfile is built as before: nobody is asked.
    let asked = world.keys.requests().len();
    world
        .cargo(&app, ["build", "--locked", "--require-signatures"])
        .succeeded();
    assert_eq!(world.keys.requests().len(), asked);
    // What is resolved anew is not.
    fs::remove_file(app.join("Cargo.lock")).unwrap();
    world.fetch(&app).failed();
}

const OLD: Duration = Duration::from_secs(8 * 24 * 60 * 60);

/// A program that was built with `foo`, by a key that is not published any more; what was answered of it is
/// old.
fn with_a_lockfile_that_names_a_withdrawn_key() -> (World, std::path::PathBuf) {
    let world = World::with_foo(["1.0.0"]);
    let app = world.app();
    world.cargo(&app, ["build"]).succeeded();
    let other = other_key("octocat").public_armored();
    world.keys.publish("octocat", &other);
    world.age_answers(OLD);
    (world, app)
}

#[test]
fn update_hears_of_a_withdrawal_of_what_the_lockfile_names() {
    let (world, app) = with_a_lockfile_that_names_a_withdrawn_key();
    let asked = world.keys.requests().len();
    let lockfile = fs::read(app.join("Cargo.lock")).unwrap();
    let output = world.cargo(&app, ["update"]).failed().normalised();
    expect![[r#"
            Updating `demo` index
        error: refusing `foo v1.0.0 (registry `demo`)`: it is signed as `github:octocat` with a key that this account does not publish: ed25519:[KEY]

        help: choose another version, or ask whoever owns `github:octocat` whether they signed this one. If so, they can publish the key, or you keep this version with `cargo signers allow --registry demo foo@1.0.0 --key ed25519:[KEY] --reason WHY`
    "#]].assert_eq(&output.stderr);
    assert_eq!(world.keys.requests().len(), asked + 1);
    assert_eq!(fs::read(app.join("Cargo.lock")).unwrap(), lockfile);
}

#[test]
fn new_dependency_has_those_that_are_locked_asked_about_again() {
    let (world, app) = with_a_lockfile_that_names_a_withdrawn_key();
    world.publish_unsigned(world.library("bar", "1.0.0"));
    let asked = world.keys.requests().len();
    let told = world.cargo(&app, ["add", "bar"]).failed().stderr;
    assert!(told.contains("this account does not publish"), "{told}");
    assert_eq!(world.keys.requests().len(), asked + 1);
}

#[test]
fn build_that_resolves_nothing_anew_asks_nobody_however_old_the_answers_are() {
    let (world, app) = with_a_lockfile_that_names_a_withdrawn_key();
    let asked = world.keys.requests().len();
    for args in [
        &["build"][..],
        &["build", "--locked"],
        &["update", "--offline"],
        &["fetch", "--locked"],
    ] {
        world
            .user
            .cargo(&consign_testbed::consign(), &app)
            .args(args)
            .run()
            .succeeded();
    }
    world.cargo(&app, ["update", "--locked"]).succeeded();
    assert_eq!(world.keys.requests().len(), asked);
}

/// Where the index says nothing, too.
#[test]
fn update_hears_of_a_withdrawal_of_a_key_whose_signature_the_package_carries() {
    let world = World::new();
    world.publish_elsewhere(world.library("foo", "1.0.0"));
    let app = world.app();
    world
        .cargo(&app, ["build", "--require-signatures"])
        .succeeded();
    let other = other_key("octocat").public_armored();
    world.keys.publish("octocat", &other);
    world.age_answers(OLD);
    let asked = world.keys.requests().len();
    let told = world.cargo(&app, ["update"]).failed().stderr;
    assert!(told.contains("this account does not publish"), "{told}");
    assert_eq!(world.keys.requests().len(), asked + 1);
}

/// A clock that was ahead once would otherwise make an answer new for ever.
#[test]
fn answer_from_the_future_is_old() {
    let world = World::with_foo(["1.0.0"]);
    let app = world.app();
    world.fetch(&app).succeeded();
    world.postdate_answers(OLD);
    let asked = world.keys.requests().len();
    world.cargo(&app, ["update"]).succeeded();
    assert_eq!(world.keys.requests().len(), asked + 1);
}
