//! `cargo verify`: everything that `Cargo.lock` names is checked, and nothing is built.

use std::fs;
use std::path::{Path, PathBuf};

use expect_test::expect;
use serde_json::Value;

use crate::World;

/// A program that depends on a signed `foo` and an unsigned `old`, both here.
fn fetched() -> (World, PathBuf) {
    let world = World::with_foo(["1.0.0"]);
    world.publish_unsigned(world.library("old", "0.3.1"));
    let app = world.sandbox.package("app").dependency("foo", "1");
    let app = app.dependency("old", "0.3").program("").write();
    world.cargo(&app, ["fetch"]).succeeded();
    (world, app)
}

/// The folder of a package below `registry/src`, or below `registry/cache`.
fn in_cache(world: &World, what: &str) -> PathBuf {
    let folder = world.user.path().join("registry").join(what);
    fs::read_dir(folder)
        .unwrap()
        .next()
        .unwrap()
        .unwrap()
        .path()
}

fn json(world: &World, app: &Path, args: &[&str], status: i32) -> Vec<Value> {
    let run = world.user.cargo(&consign_testbed::consign(), app);
    let run = run
        .args(["verify", "--message-format", "json"])
        .args(args.iter().copied());
    let output = run.run().ended_with(status);
    let lines = output.stdout.lines();
    lines
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

fn finding(lines: &[Value], name: &str) -> String {
    let line = lines.iter().find(|line| line["name"] == name).unwrap();
    line["finding"].as_str().unwrap().to_owned()
}

#[test]
fn everything_in_the_lockfile_is_told() {
    let (world, app) = fetched();
    let output = world.cargo(&app, ["verify"]).succeeded().normalised();
    let today = output
        .stdout
        .split("  ")
        .find(|cell| cell.starts_with("20"))
        .unwrap();
    let stdout = output.stdout.replace(today, "[DAY]");
    expect![[r#"
        foo  1.0.0  verified  GitHub user @octocat  ed25519:[KEY]  [DAY]  index
        old  0.3.1  unsigned
        app  0.1.0  path
    "#]]
    .assert_eq(&stdout);
    expect![[r#"
        $ cargo verify
            Verified 2 packages: 1 verified, 1 unsigned
    "#]]
    .assert_eq(&crate::signers::told(&output));
    assert!(!app.join("target").exists(), "nothing is built");
    let quiet = world.cargo(&app, ["verify", "--quiet"]).succeeded();
    assert_eq!(quiet.stderr, "");
}

#[test]
fn messages_have_a_schema() {
    let (world, app) = fetched();
    let lines = json(&world, &app, &[], 0);
    let sandbox = world.sandbox.path().display().to_string();
    let mut text = String::new();
    for mut line in lines {
        if !line["signed_at"].is_null() {
            line["signed_at"] = 1.into();
        }
        text += &format!("{line:#}\n");
    }
    expect![[r#"
        {
          "accepted": true,
          "carried_by": "index",
          "files": "verified",
          "finding": "verified",
          "key": "ed25519:[KEY]",
          "name": "foo",
          "reason": "package",
          "signed_at": 1,
          "signer": "github:octocat",
          "source": "sparse+http://127.0.0.1:[PORT]/index/",
          "v": 1,
          "version": "1.0.0"
        }
        {
          "accepted": true,
          "files": "verified",
          "finding": "unsigned",
          "name": "old",
          "reason": "package",
          "source": "sparse+http://127.0.0.1:[PORT]/index/",
          "v": 1,
          "version": "0.3.1"
        }
        {
          "kind": "path",
          "name": "app",
          "reason": "other",
          "source": "path+file://[SANDBOX]/app",
          "v": 1,
          "version": "0.1.0"
        }
        {
          "files_not_here": 0,
          "others": 1,
          "packages": 2,
          "reason": "summary",
          "refused": 0,
          "unchecked": 0,
          "unsigned": 1,
          "v": 1,
          "verified": 1
        }
    "#]]
    .assert_eq(&consign_testbed::normalised(
        &text.replace(&sandbox, "[SANDBOX]"),
    ));
}

#[test]
fn nothing_is_asked_of_anybody() {
    let (world, app) = fetched();
    let asked = world.keys.requests().len();
    world.registry.stop();
    world.keys.stop();
    for args in [
        &["verify"][..],
        &["verify", "--offline"],
        &["verify", "--locked"],
    ] {
        let run = world.user.cargo(&consign_testbed::consign(), &app);
        run.args(args.iter().copied()).run().succeeded();
    }
    assert_eq!(world.keys.requests().len(), asked);
}

#[test]
fn changed_files_are_found_wherever_they_lie() {
    let (world, app) = fetched();
    let source = in_cache(&world, "src").join("foo-1.0.0/src/lib.rs");
    let good = fs::read(&source).unwrap();
    fs::write(&source, "// evil").unwrap();
    assert_eq!(finding(&json(&world, &app, &[], 1), "foo"), "tampered");
    world.cargo(&app, ["verify", "--no-files"]).succeeded();
    world.cargo(&app, ["verify", "-p", "old"]).succeeded();
    let output = world.cargo(&app, ["verify", "-p", "foo"]).ended_with(1);
    assert!(
        output.stderr.contains("are not those that were signed"),
        "{}",
        output.stderr
    );
    fs::write(&source, good).unwrap();
    world.cargo(&app, ["verify"]).succeeded();
    // The archive of an unsigned package is the one that the lockfile names.
    for name in ["foo-1.0.0.crate", "old-0.3.1.crate"] {
        let archive = in_cache(&world, "cache").join(name);
        let good = fs::read(&archive).unwrap();
        fs::write(&archive, "evil").unwrap();
        world.cargo(&app, ["verify"]).ended_with(1);
        fs::write(&archive, good).unwrap();
    }
    world.cargo(&app, ["verify"]).succeeded();
}

#[test]
fn vendored_folder_is_verified_without_registry_and_network() {
    let (world, app) = fetched();
    let output = world.cargo(&app, ["vendor"]).succeeded();
    fs::create_dir_all(app.join(".cargo")).unwrap();
    fs::write(app.join(".cargo/config.toml"), output.stdout).unwrap();
    world.registry.stop();
    fs::remove_dir_all(world.user.path().join("registry")).unwrap();
    let lines = json(&world, &app, &[], 0);
    let foo = lines.iter().find(|line| line["name"] == "foo").unwrap();
    assert_eq!(foo["carried_by"], "vendored");
    assert_eq!(foo["files"], "verified");
    fs::write(app.join("vendor/foo/src/lib.rs"), "// evil").unwrap();
    assert_eq!(finding(&json(&world, &app, &[], 1), "foo"), "tampered");
}

#[test]
fn what_a_build_would_refuse_is_a_finding() {
    let (world, app) = fetched();
    world
        .cargo(&app, ["verify", "--require-signatures"])
        .ended_with(1);
    // Who signs it is somebody else than the file says.
    fs::write(
        app.join("Cargo.signers"),
        format!(
            "version = 1\n[registry.\"{}\".package]\nfoo = {{ signers = [\"github:ann\"] }}\n",
            world.registry.identity()
        ),
    )
    .unwrap();
    assert_eq!(finding(&json(&world, &app, &[], 1), "foo"), "wrong signer");
    // Nobody is said to.
    fs::write(app.join("Cargo.signers"), "version = 1\n").unwrap();
    assert_eq!(
        finding(&json(&world, &app, &[], 1), "foo"),
        "unknown signer"
    );
    assert_eq!(
        fs::read_to_string(app.join("Cargo.signers")).unwrap(),
        "version = 1\n"
    );
}

#[test]
fn deleted_key_is_found_by_asking_again() {
    let (world, app) = fetched();
    world.keys.publish(
        "octocat",
        &crate::world::other_key("octocat").public_armored(),
    );
    world.cargo(&app, ["verify"]).succeeded();
    assert_eq!(
        finding(&json(&world, &app, &["--refresh"], 1), "foo"),
        "withdrawn key"
    );
}

#[test]
fn nobody_to_ask_is_another_status_than_a_finding() {
    let (world, app) = fetched();
    fs::remove_dir_all(world.user.path().join("signing")).unwrap();
    world.keys.stop();
    assert_eq!(finding(&json(&world, &app, &[], 101), "foo"), "unchecked");
}

#[test]
fn packages_that_are_not_here_are_no_finding() {
    let (world, app) = fetched();
    fs::remove_dir_all(world.user.path().join("registry/src")).unwrap();
    fs::remove_dir_all(world.user.path().join("registry/cache")).unwrap();
    let output = world.cargo(&app, ["verify"]).succeeded();
    // `old` may carry a signature, of which the index says nothing: it is downloaded.
    assert!(
        output.stderr.contains("(the files of 1 are not here)"),
        "{}",
        output.stderr
    );
}

#[test]
fn what_cannot_be_checked_as_a_whole_is_an_error() {
    let world = World::with_foo(["1.0.0"]);
    let app = world.app();
    let output = world.cargo(&app, ["verify"]).failed();
    assert!(
        output.stderr.contains("there is no `Cargo.lock`"),
        "{}",
        output.stderr
    );
    assert!(!app.join("Cargo.lock").exists());
    world.cargo(&app, ["fetch"]).succeeded();
    let output = world.cargo(&app, ["verify", "-p", "bar"]).failed();
    assert!(
        output
            .stderr
            .contains("`Cargo.lock` names no package `bar`"),
        "{}",
        output.stderr
    );
    world.publish(world.library("bar", "1.0.0"));
    let app = world
        .sandbox
        .package("app")
        .dependency("foo", "1")
        .dependency("bar", "1")
        .write();
    let output = world.cargo(&app, ["verify"]).failed();
    assert!(
        output.stderr.contains("`Cargo.lock` is not up to date"),
        "{}",
        output.stderr
    );
}

#[test]
fn git_and_path_dependencies_are_told_as_what_they_are() {
    let (world, app) = fetched();
    let lines = json(&world, &app, &[], 0);
    let other = lines.iter().find(|line| line["name"] == "app").unwrap();
    assert_eq!(
        (&other["reason"], &other["kind"]),
        (&"other".into(), &"path".into())
    );
}
