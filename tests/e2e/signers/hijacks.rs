//! An upgrade to a package that somebody took over is refused; the same upgrade by those who may is
//! not, with one reviewed line or none.
//!
//! In each pair the user has built with 1.0.0, by octocat, and comes to upgrade.

use std::path::PathBuf;

use super::key_of;
use crate::World;

/// The user has built with foo 1.0.0, which octocat signed.
fn built() -> (World, PathBuf) {
    let world = World::with_foo(["1.0.0"]);
    let app = world.app();
    world.cargo(&app, ["build"]).succeeded();
    (world, app)
}

/// An update leaves foo where it was, and says why.
#[track_caller]
fn is_passed_over(world: &World, app: &std::path::Path, why: &str) -> String {
    let before = world.locked(app, "foo");
    let output = world.cargo(app, ["update"]).succeeded();
    assert!(
        output.stderr.contains("is passed over: it "),
        "{}",
        output.stderr
    );
    assert!(output.stderr.contains(why), "{}", output.stderr);
    assert_eq!(world.locked(app, "foo"), before, "{}", output.stderr);
    output.stderr
}

#[track_caller]
fn is_taken(world: &World, app: &std::path::Path, version: &str) {
    let output = world.cargo(app, ["update"]).succeeded();
    assert!(!output.stderr.contains("warning"), "{}", output.stderr);
    assert_eq!(world.locked(app, "foo"), version, "{}", output.stderr);
    world
        .cargo(app, ["build", "--locked", "--require-signatures"])
        .succeeded();
}

#[test]
fn stolen_registry_account_with_a_signer_of_its_own() {
    let (world, app) = built();
    let eve = world.stranger("eve");
    world.publish_foo_as("1.0.1", "github:eve", &eve);
    let asked = world.keys.requests().len();
    is_passed_over(
        &world,
        &app,
        "signed as `github:eve`, and `github:octocat` signs this package since 1.0.0",
    );
    // Nobody is asked about somebody who could not be accepted.
    assert_eq!(world.keys.requests().len(), asked);
    // A lockfile that names it is refused, whoever wrote it.
    let lockfile = app.join("Cargo.lock");
    let text = std::fs::read_to_string(&lockfile).unwrap();
    let old = world.registry.line("foo", "1.0.0")["cksum"]
        .as_str()
        .unwrap()
        .to_owned();
    let new = world.registry.line("foo", "1.0.1")["cksum"]
        .as_str()
        .unwrap()
        .to_owned();
    let text = text.replace(&old, &new).replace(
        "name = \"foo\"\nversion = \"1.0.0\"",
        "name = \"foo\"\nversion = \"1.0.1\"",
    );
    std::fs::write(&lockfile, text).unwrap();
    let output = world.cargo(&app, ["build", "--locked"]).failed();
    assert!(
        output.stderr.contains("signed as `github:eve`, and"),
        "{}",
        output.stderr
    );
}

#[test]
fn second_maintainer_is_accepted_with_one_line() {
    let (world, app) = built();
    let ann = world.stranger("ann");
    world.publish_foo_as("1.0.1", "github:ann", &ann);
    let said = is_passed_over(&world, &app, "ask the authors of `foo`");
    world.do_what_it_says(&app, &said);
    is_taken(&world, &app, "1.0.1");
    // The first one may still sign.
    world.publish_foo_as("1.0.2", "github:octocat", &world.secret_key());
    is_taken(&world, &app, "1.0.2");
}

#[test]
fn stolen_registry_account_with_the_name_of_its_owner() {
    let (world, app) = built();
    world.publish_foo_as("1.0.1", "github:octocat", &key_of("github:octocat"));
    is_passed_over(
        &world,
        &app,
        "with a key that this account does not publish",
    );
}

#[test]
fn rotated_key_is_accepted_without_a_word() {
    let (world, app) = built();
    let new = key_of("github:octocat");
    let both = world.secret_key().public_armored() + &new.public_armored();
    world.keys.publish("octocat", &both);
    world.publish_foo_as("1.0.1", "github:octocat", &new);
    is_taken(&world, &app, "1.0.1");
}

/// Where `new-key` says so, also a key that the account publishes is not accepted before somebody has
/// looked: it may be the account that was stolen.
#[test]
fn stolen_account_with_a_new_key() {
    let (world, app) = built();
    world
        .user
        .add_config("[signing]\nnew-key = \"deny\"\nnew-signer = \"deny\"");
    let new = key_of("github:octocat");
    let both = world.secret_key().public_armored() + &new.public_armored();
    world.keys.publish("octocat", &both);
    world.publish_foo_as("1.0.1", "github:octocat", &new);
    let said = is_passed_over(&world, &app, "with a key that was not seen before");
    // It was octocat's own: one line.
    world.do_what_it_says(&app, &said);
    is_taken(&world, &app, "1.0.1");
}

/// foo 1.0.0 by `corp:jane`, account 7, in a workspace that says so.
fn at_corp() -> (World, PathBuf, consign_identity::openpgp::SecretKey) {
    let world = World::new();
    world.use_corp();
    let jane = key_of("corp:jane");
    world.corp_account("jane", 7, &[&jane]);
    world.publish_foo_as("1.0.0", "corp:jane", &jane);
    let app = world.app();
    world.cargo(&app, ["build"]).succeeded();
    world.cargo(&app, ["signers", "init"]).succeeded();
    (world, app, jane)
}

#[test]
fn name_that_somebody_else_took() {
    let (world, app, _) = at_corp();
    let thief = key_of("corp:jane");
    world.corp_account("jane", 99, &[&thief]);
    world.publish_foo_as("1.0.1", "corp:jane", &thief);
    is_passed_over(
        &world,
        &app,
        "the name belongs to account 99 now, where account 7 is recorded",
    );
}

#[test]
fn name_that_was_handed_over_is_accepted_with_one_line() {
    let (world, app, _) = at_corp();
    let heir = key_of("corp:jane");
    world.corp_account("jane", 99, &[&heir]);
    world.publish_foo_as("1.0.1", "corp:jane", &heir);
    let said = is_passed_over(&world, &app, "the name belongs to account 99 now");
    let output = world.do_what_it_says(&app, &said);
    let note =
        "`corp:jane` was account 7 and is account 99 now: the keys of the other one do not count";
    assert!(output.stderr.contains(note), "{}", output.stderr);
    is_taken(&world, &app, "1.0.1");
}

#[test]
fn new_key_of_the_same_account_is_accepted_and_recorded() {
    let (world, app, jane) = at_corp();
    let new = key_of("corp:jane");
    world.corp_account("jane", 7, &[&jane, &new]);
    world.publish_foo_as("1.0.1", "corp:jane", &new);
    is_taken(&world, &app, "1.0.1");
    let file = super::signers_file(&app);
    assert!(file.contains(&new.public_key().to_string()), "{file}");
}

#[test]
fn account_that_was_renamed_is_accepted_with_one_line() {
    let (world, app, jane) = at_corp();
    world.keys.withdraw("jane");
    world.corp_account("jane-doe", 7, &[&jane]);
    world.publish_foo_as("1.0.1", "corp:jane-doe", &jane);
    let said = is_passed_over(
        &world,
        &app,
        "signed as `corp:jane-doe`, and `corp:jane` signs this package",
    );
    let output = world.do_what_it_says(&app, &said);
    let note = "`corp:jane-doe` is account 7, which was `corp:jane` before: the same account";
    assert!(output.stderr.contains(note), "{}", output.stderr);
    is_taken(&world, &app, "1.0.1");
}

#[test]
fn signature_that_was_dropped() {
    let (world, app) = built();
    world.publish_unsigned(world.library("foo", "1.0.1"));
    is_passed_over(
        &world,
        &app,
        "is not signed, and `github:octocat` signs this package since 1.0.0",
    );
    // Nor in a line that is new.
    world.publish_unsigned(world.library("foo", "2.0.0"));
    let two = world
        .sandbox
        .package("two")
        .folder("app")
        .dependency("foo", ">=1");
    two.write();
    is_passed_over(&world, &app, "foo v2.0.0");
}

#[test]
fn version_that_was_meant_to_be_unsigned_is_accepted_with_one_line() {
    let (world, app) = built();
    world.publish_unsigned(world.library("foo", "1.0.1"));
    let said = is_passed_over(&world, &app, "is not signed, and");
    world.do_what_it_says(&app, &said);
    let output = world.cargo(&app, ["update"]).succeeded();
    assert!(!output.stderr.contains("warning"), "{}", output.stderr);
    assert_eq!(world.locked(&app, "foo"), "1.0.1");
}

#[test]
fn old_unsigned_major_version_is_as_it_was() {
    let world = World::new();
    world.publish_unsigned(world.library("foo", "1.0.0"));
    world.publish(world.library("foo", "2.0.0"));
    let app = world.app_with("foo", ">=1");
    world.cargo(&app, ["build"]).succeeded();
    assert_eq!(world.locked(&app, "foo"), "2.0.0");
    // The maintainer goes on with 1.x as ever, and so does who uses it.
    world.publish_unsigned(world.library("foo", "1.0.1"));
    let app = world.app_with("foo", "1");
    let output = world.cargo(&app, ["update"]).succeeded();
    assert!(!output.stderr.contains("warning"), "{}", output.stderr);
    assert_eq!(world.locked(&app, "foo"), "1.0.1");
}

/// A registry that strips the signature of a version whose entry was seen signed.
#[test]
fn signature_that_the_registry_took_away() {
    let (world, app) = built();
    world.registry.edit_line("foo", "1.0.0", |line| {
        let line = line.as_object_mut().unwrap();
        line.remove("signature");
        line.remove("key_locator");
    });
    // The package still carries it.
    world.forget_registry();
    world.cargo(&app, ["build"]).succeeded();
    let path = world.registry.crate_path("foo", "1.0.0");
    let archive = std::fs::read(&path).unwrap();
    let archive = consign_testbed::crate_without_file(&archive, consign_statement::carrier::NAME);
    let cksum = consign_statement::Digest::of(&archive).to_string();
    std::fs::write(path, archive).unwrap();
    world
        .registry
        .edit_line("foo", "1.0.0", |line| line["cksum"] = cksum.into());
    world.forget_registry();
    let output = world.cargo(&app, ["build", "--locked"]).failed();
    assert!(
        output
            .stderr
            .contains("is not signed, and `github:octocat` signs this package since 1.0.0"),
        "{}",
        output.stderr
    );
}
