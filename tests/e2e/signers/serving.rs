//! What could stand in the way of what a workspace says of signers, or of what was seen in it.

use std::fs;
use std::path::Path;

use super::{key_of, sightings, signers_file};
use crate::World;

/// `foo` 1.0.0 is octocat's, and 1.0.1 is eve's.
fn hijacked() -> World {
    let world = World::with_foo(["1.0.0"]);
    let eve = world.stranger("eve");
    world.publish_foo_as("1.0.1", "github:eve", &eve);
    world
}

/// Says in the folder that octocat alone signs `foo`.
fn pin(world: &World, folder: &Path) {
    let index = world.registry.index_url();
    let index = index.strip_prefix("sparse+").unwrap_or(&index);
    let index = index.trim_end_matches('/');
    let text = format!(
        "version = 1\n\n[registry.\"{index}\".package]\n\
         foo = {{ signers = [\"github:octocat\"], since = [\"1.0.0\"] }}\n"
    );
    fs::write(folder.join("Cargo.signers"), text).unwrap();
}

#[test]
fn checksums_beside_the_file_do_not_switch_it_off() {
    let world = hijacked();
    let app = world.app();
    pin(&world, &app);
    fs::write(app.join(".cargo-checksum.json"), "{\"files\":{}}").unwrap();
    for command in ["build", "verify"] {
        let output = world.cargo(&app, [command]).failed();
        let why = "is beside a `.cargo-checksum.json`";
        assert!(output.stderr.contains(why), "{}", output.stderr);
    }
}

#[test]
fn whatever_has_the_name_of_the_file_is_one() {
    let world = hijacked();
    let app = world.app();
    let file = app.join("Cargo.signers");
    std::os::unix::fs::symlink("nowhere", &file).unwrap();
    let output = world.cargo(&app, ["build"]).failed();
    let why = "failed to read the signers file";
    assert!(output.stderr.contains(why), "{}", output.stderr);
    fs::remove_file(&file).unwrap();
    fs::create_dir(&file).unwrap();
    let output = world.cargo(&app, ["build"]).failed();
    assert!(output.stderr.contains(why), "{}", output.stderr);
}

#[test]
fn member_that_names_its_workspace_goes_by_its_file() {
    let world = hijacked();
    let member = world.sandbox.package("member").dependency("foo", "1");
    let member = member.program("").write();
    let manifest = fs::read_to_string(member.join("Cargo.toml")).unwrap();
    let manifest = manifest.replacen("[package]\n", "[package]\nworkspace = \"../root\"\n", 1);
    fs::write(member.join("Cargo.toml"), manifest).unwrap();
    let root = world.sandbox.path().join("root");
    fs::create_dir(&root).unwrap();
    let workspace = "[workspace]\nmembers = [\"../member\"]\nresolver = \"3\"\n";
    fs::write(root.join("Cargo.toml"), workspace).unwrap();
    pin(&world, &root);
    world.cargo(&member, ["build"]).succeeded();
    assert_eq!(world.locked(&root, "foo"), "1.0.0");
}

#[test]
fn workspace_of_its_own_inside_another_goes_by_its_own_file() {
    let world = hijacked();
    let outer = world.sandbox.package("outer").write();
    let manifest = outer.join("Cargo.toml");
    let text = fs::read_to_string(&manifest).unwrap() + "\n[workspace]\n";
    fs::write(&manifest, text).unwrap();
    let inner = world.sandbox.package("inner").folder("outer/inner");
    let inner = inner.dependency("foo", "1").program("").write();
    let manifest = inner.join("Cargo.toml");
    let text = fs::read_to_string(&manifest).unwrap() + "\n[workspace]\n";
    fs::write(&manifest, text).unwrap();
    pin(&world, &inner);
    world.cargo(&inner, ["build"]).succeeded();
    assert_eq!(world.locked(&inner, "foo"), "1.0.0");
}

#[test]
fn program_that_is_installed_from_its_workspace_is_built_by_its_file() {
    let world = hijacked();
    let app = world.app();
    pin(&world, &app);
    let output = world
        .cargo(&app, ["install", "--path", ".", "--debug"])
        .succeeded();
    let compiled = "Compiling foo v1.0.0";
    assert!(output.stderr.contains(compiled), "{}", output.stderr);
    assert!(!world.user.path().join("signing/Cargo.signers").exists());
}

#[test]
fn what_a_program_was_installed_with_is_not_what_a_workspace_has_seen() {
    let world = World::with_foo(["1.0.0"]);
    let app = world.app();
    world.cargo(&app, ["build"]).succeeded();
    let eve = world.stranger("eve");
    world.publish_foo_as("1.0.1", "github:eve", &eve);
    let tool = world.library("tool", "1.0.0").dependency("foo", "1");
    world.publish(tool.program(""));
    let anywhere = world.sandbox.path();
    world
        .cargo(anywhere, ["install", "tool", "--debug"])
        .succeeded();
    let output = world.cargo(&app, ["update"]).succeeded();
    let why = "`github:octocat` signs this package since 1.0.0";
    assert!(output.stderr.contains(why), "{}", output.stderr);
    assert_eq!(world.locked(&app, "foo"), "1.0.0");
    // What it says to do is of use.
    world.do_what_it_says(&app, &output.stderr);
    world.cargo(&app, ["update"]).succeeded();
    assert_eq!(world.locked(&app, "foo"), "1.0.1");
    world.cargo(&app, ["build", "--locked"]).succeeded();
}

#[test]
fn copy_of_a_workspace_knows_signers_by_its_lockfile() {
    let world = World::with_foo(["1.0.0"]);
    let app = world.app();
    world.cargo(&app, ["build"]).succeeded();
    let eve = world.stranger("eve");
    world.publish_foo_as("1.0.1", "github:eve", &eve);
    fs::remove_dir_all(world.user.path().join("signing/workspaces")).unwrap();
    let output = world.cargo(&app, ["update"]).succeeded();
    let why = "is signed as `github:eve`, and `github:octocat` signs this package since 1.0.0";
    assert!(output.stderr.contains(why), "{}", output.stderr);
    assert_eq!(world.locked(&app, "foo"), "1.0.0");
    assert_eq!(sightings(&world).len(), 1);
    world.do_what_it_says(&app, &output.stderr);
    world.cargo(&app, ["update"]).succeeded();
    assert_eq!(world.locked(&app, "foo"), "1.0.1");
}

#[test]
fn copy_of_a_workspace_misses_a_signature_by_its_lockfile() {
    let world = World::with_foo(["1.0.0"]);
    let app = world.app();
    world.cargo(&app, ["build"]).succeeded();
    world.publish_unsigned(world.library("foo", "1.0.1"));
    fs::remove_dir_all(world.user.path().join("signing/workspaces")).unwrap();
    let output = world.cargo(&app, ["update"]).succeeded();
    let why = "is not signed, and `github:octocat` signs this package since 1.0.0";
    assert!(output.stderr.contains(why), "{}", output.stderr);
    assert_eq!(world.locked(&app, "foo"), "1.0.0");
}

#[test]
fn newer_version_in_use_stays_accepted_where_an_older_one_is_first_signed() {
    let world = World::new();
    world.publish_unsigned(world.library("foo", "2.0.0"));
    world.publish(world.library("foo", "1.0.1"));
    let app = world.sandbox.package("app").dependency("foo", "1");
    let app = app
        .dependency_line("foo2 = { package = \"foo\", version = \"2\", registry = \"demo\" }")
        .program("")
        .write();
    world.cargo(&app, ["build"]).succeeded();
    world.cargo(&app, ["clean"]).succeeded();
    world.cargo(&app, ["build", "--locked"]).succeeded();
    world.cargo(&app, ["signers", "init"]).succeeded();
    let file = signers_file(&app);
    assert!(file.contains("unsigned = \"=2.0.0\""), "{file}");
    // What comes after it has to be signed.
    world.publish_unsigned(world.library("foo", "2.0.1"));
    let output = world.cargo(&app, ["update"]).succeeded();
    let why = "is passed over: it is not signed";
    assert!(output.stderr.contains(why), "{}", output.stderr);
}

#[test]
fn signer_without_a_version_signs_every_version() {
    let world = World::new();
    world.publish_unsigned(world.library("foo", "1.0.0"));
    let app = world.app();
    world
        .cargo(
            &app,
            [
                "signers",
                "allow",
                "--registry",
                "demo",
                "foo",
                "github:ann",
            ],
        )
        .succeeded();
    let output = world.cargo(&app, ["build"]).failed();
    let why = "is not signed, and `github:ann` signs this package";
    assert!(output.stderr.contains(why), "{}", output.stderr);
}

#[test]
fn name_that_was_handed_over_is_so_where_that_was_accepted() {
    let world = World::new();
    world.use_corp();
    let (old, new) = (key_of("corp:jane"), key_of("corp:jane"));
    world.corp_account("jane", 7, &[&old]);
    world.publish_foo_as("1.0.0", "corp:jane", &old);
    let folders = ["one", "other"].map(|name| {
        let folder = world
            .sandbox
            .package(name)
            .dependency("foo", "1")
            .program("")
            .write();
        world.cargo(&folder, ["build"]).succeeded();
        world.cargo(&folder, ["signers", "init"]).succeeded();
        folder
    });
    world.corp_account("jane", 99, &[&new]);
    world.publish_foo_as("1.0.1", "corp:jane", &new);
    let [one, other] = &folders;
    world
        .cargo(one, ["signers", "allow", "foo", "corp:jane"])
        .succeeded();
    world.cargo(one, ["update"]).succeeded();
    assert_eq!(world.locked(one, "foo"), "1.0.1");
    // What somebody else accepted says nothing of the old key.
    world.cargo(other, ["clean"]).succeeded();
    world
        .cargo(other, ["build", "--locked", "--require-signatures"])
        .succeeded();
}

#[test]
fn key_that_went_from_a_folder_is_withdrawn_in_every_command() {
    let world = World::new();
    let keys = world.sandbox.path().join("keys");
    fs::create_dir(&keys).unwrap();
    world.user.add_config(&format!(
        "[signing.identities.team]\nkeys = \"{}/{{user}}.asc\"",
        keys.display()
    ));
    let (key, other) = (key_of("team:ann"), key_of("team:ann"));
    fs::write(keys.join("ann.asc"), key.public_armored()).unwrap();
    world.publish_foo_as("1.0.0", "team:ann", &key);
    let app = world.app();
    world.cargo(&app, ["build"]).succeeded();
    fs::write(keys.join("ann.asc"), other.public_armored()).unwrap();
    for args in [&["verify"][..], &["build", "--locked"]] {
        world.cargo(&app, ["clean"]).succeeded();
        let run = world.user.cargo(&consign_testbed::consign(), &app);
        let status = match args[0] {
            "verify" => 1,
            _ => 101,
        };
        run.args(args).run().ended_with(status);
    }
}

#[test]
fn versions_by_different_people_that_are_first_seen_together_are_both_theirs() {
    let world = World::with_foo(["1.0.0"]);
    let eve = world.stranger("eve");
    world.publish_foo_as("2.0.0", "github:eve", &eve);
    let app = world.sandbox.package("app").dependency("foo", "1");
    let app = app
        .dependency_line("foo2 = { package = \"foo\", version = \"2\", registry = \"demo\" }")
        .program("")
        .write();
    world
        .cargo(&app, ["generate-lockfile", "--require-signatures"])
        .succeeded();
    let seen = sightings(&world).concat();
    assert!(
        seen.contains("[\"github:eve\", \"github:octocat\"]"),
        "{seen}"
    );
    world
        .cargo(&app, ["build", "--require-signatures"])
        .succeeded();
}
