//! `cargo signers`.

use std::fs;
use std::process::Command;

use expect_test::expect;

use super::signers_file;
use crate::World;

fn normal(text: &str) -> String {
    consign_testbed::normalised(text)
}

#[test]
fn workspace_is_taken_in_as_it_stands_and_passes_strictly_from_then_on() {
    let world = World::with_foo(["1.0.0"]);
    world.publish_unsigned(world.library("old", "0.3.1"));
    let app = world.sandbox.package("app").dependency("foo", "1");
    let app = app.dependency("old", "0.3").program("").write();
    let git = Command::new("git")
        .args(["init", "-q"])
        .current_dir(&app)
        .status();
    assert!(git.unwrap().success());
    world.cargo(&app, ["generate-lockfile"]).succeeded();
    let output = world
        .cargo(&app, ["signers", "init"])
        .succeeded()
        .normalised();
    expect![[r#"
        $ cargo signers init
         Downloading crates ...
          Downloaded old v0.3.1 (registry `demo`)
             Created `[SANDBOX]/app/Cargo.signers`: 2 packages by 1 signer, 1 of them accepted unsigned
             Changed `[SANDBOX]/app/.gitattributes`, so that git merges it
        note: read it, and commit it: from now on, who is not in it is not accepted
    "#]]
    .assert_eq(&super::told(&output));
    expect![[r##"
        # Who may sign what this workspace is built from. `cargo signers` changes it; review it like code.
        version = 1

        [identity]
        "github:octocat" = { keys = ["ed25519:[KEY]"] }

        [registry."http://127.0.0.1:[PORT]/index".package]
        foo = { signers = ["github:octocat"], since = ["1.0.0"] }
        old = { unsigned = "=0.3.1", reason = "not signed when this file was made" }
    "##]].assert_eq(&normal(&signers_file(&app)));
    let attributes = fs::read_to_string(app.join(".gitattributes")).unwrap();
    assert_eq!(attributes, "Cargo.signers merge=union\n");
    // What was seen before is in the file now, and nowhere else.
    assert!(super::sightings(&world).is_empty());
    let strict = ["build", "--locked", "--require-signatures"];
    world
        .run(&app, strict)
        .env("CARGO_SIGNING_NEW_SIGNER", "deny")
        .run()
        .succeeded();
    world.cargo(&app, ["verify"]).succeeded();

    let output = world.cargo(&app, ["signers", "init"]).failed().normalised();
    expect![[r#"
        $ cargo signers init
        error: `[SANDBOX]/app/Cargo.signers` is there already

        help: `cargo signers allow` and `cargo signers remove` change it
    "#]]
    .assert_eq(&super::told(&output));
}

#[test]
fn workspace_without_a_lockfile_is_not_taken_in() {
    let world = World::with_foo(["1.0.0"]);
    let app = world.app();
    let output = world.cargo(&app, ["signers", "init"]).failed().normalised();
    expect![[r#"
        $ cargo signers init
        error: there is no `Cargo.lock` in `[SANDBOX]/app`

        help: `cargo generate-lockfile` makes one
    "#]]
    .assert_eq(&super::told(&output));
    assert!(!app.join("Cargo.signers").exists());
}

#[test]
fn workspace_with_something_that_is_refused_is_not_taken_in() {
    let world = World::with_foo(["1.0.0"]);
    let app = world.app();
    let stock = world.user.cargo(&consign_testbed::stock(), &app);
    stock.args(["fetch"]).run().succeeded();
    world.keys.withdraw("octocat");
    let output = world.cargo(&app, ["signers", "init"]).failed();
    assert!(
        output.stderr.contains("there is no such account"),
        "{}",
        output.stderr
    );
    assert!(!app.join("Cargo.signers").exists());
}

#[test]
fn numbers_of_accounts_are_recorded_where_the_user_asks_for_it() {
    let world = World::new();
    world.use_corp();
    let jane = super::key_of("corp:jane");
    world.corp_account("jane", 7, &[&jane]);
    world.publish_foo_as("1.0.0", "corp:jane", &jane);
    let app = world.app();
    world.cargo(&app, ["build"]).succeeded();
    let asked_for_a_number = || {
        let requests = world.keys.requests();
        requests
            .iter()
            .any(|request| request.contains("/api/v1/users/"))
    };
    assert!(!asked_for_a_number());
    world.cargo(&app, ["signers", "init"]).succeeded();
    assert!(asked_for_a_number());
    let file = signers_file(&app);
    assert!(
        file.contains("\"corp:jane\" = { account = 7, keys = ["),
        "{file}"
    );
}

#[test]
fn signers_are_allowed_listed_explained_and_removed() {
    let world = World::with_foo(["1.0.0"]);
    let app = world.app();
    world.cargo(&app, ["build"]).succeeded();
    world.cargo(&app, ["signers", "init"]).succeeded();
    let signers = |args: &[&str]| {
        let run = world.user.cargo(&consign_testbed::consign(), &app);
        let output = run.args(["signers"]).args(args.iter().copied()).run();
        output.succeeded().normalised()
    };
    let before = signers_file(&app);
    let output = signers(&["allow", "foo@^2", "github:bob", "--reason", "maintains 2.x"]);
    expect![[r#"
        $ cargo signers allow foo@^2 github:bob --reason maintains 2.x
             Changed who may sign `foo`, in `[SANDBOX]/app/Cargo.signers`
    "#]]
    .assert_eq(&super::told(&output));
    let output = signers(&["allow", "foo@^2", "github:bob"]);
    expect![[r#"
        $ cargo signers allow foo@^2 github:bob
           Unchanged `foo`, in `[SANDBOX]/app/Cargo.signers`
    "#]]
    .assert_eq(&super::told(&output));
    signers(&["allow", "other", "--unsigned", "--reason", "read by us"]);
    expect![[r#"
        http://127.0.0.1:[PORT]/index ([SANDBOX]/app/Cargo.signers):
          foo    github:bob (^2), github:octocat; since 1.0.0; "maintains 2.x"
          other  unsigned *; "read by us"  [unused]
    "#]]
    .assert_eq(&signers(&["list"]).stdout);
    expect![[r#"
        foo in http://127.0.0.1:[PORT]/index
          github:bob (^2), github:octocat; since 1.0.0; "maintains 2.x"
          said by [SANDBOX]/app/Cargo.signers
          unsigned = "allow", by the default
          new-signer = "record", by the default
          new-key = "record", by the default
          v1.0.0: verified, signed by GitHub user @octocat with ed25519:[KEY]
    "#]]
    .assert_eq(&signers(&["why", "foo"]).stdout);
    signers(&["remove", "foo", "github:bob"]);
    signers(&["remove", "other"]);
    let after = signers_file(&app).replace(", reason = \"maintains 2.x\"", "");
    assert_eq!(after, before);
    let args = ["signers", "remove", "other"];
    let output = world.cargo(&app, args).failed().normalised();
    expect![[r#"
        $ cargo signers remove other
        error: nothing of that is said of `other` in `[SANDBOX]/app/Cargo.signers`

        help: `cargo signers list` shows what is
    "#]]
    .assert_eq(&super::told(&output));
}

#[test]
fn what_cannot_be_meant_is_an_error() {
    let world = World::new();
    let app = world.app();
    for (args, error) in [
        (&["allow", "foo"][..], "nothing is said of what to accept"),
        (
            &["allow", "foo", "--unsigned"],
            "to accept what nobody signed needs a reason",
        ),
        (&["allow", "foo", "octocat"], "`octocat` is not an identity"),
        (
            &["allow", "foo@newest", "github:a"],
            "`newest` is no requirement",
        ),
        (
            &["allow", "foo", "--key", "ed25519:x"],
            "`ed25519:x` is not a key",
        ),
        (
            &[
                "allow",
                "foo",
                "--key",
                "ed25519:11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
            ],
            "a withdrawn key is accepted for one version only",
        ),
        (
            &["allow", "foo", "github:a", "--unsigned"],
            "it goes with no signer and no key",
        ),
        (
            &["allow", "foo", "github:a", "--reason", "a\nb"],
            "a reason is one line of text",
        ),
    ] {
        let run = world.user.cargo(&consign_testbed::consign(), &app);
        let output = run.args(["signers"]).args(args).run().failed();
        assert!(output.stderr.contains(error), "{args:?}: {}", output.stderr);
    }
    let output = world
        .cargo(
            world.sandbox.path(),
            ["signers", "allow", "foo", "github:a"],
        )
        .failed();
    assert!(
        output.stderr.contains("there is no workspace here"),
        "{}",
        output.stderr
    );
}

/// A release whose key was deleted, and that somebody has looked at.
#[test]
fn release_of_a_withdrawn_key_can_be_kept() {
    let world = World::with_foo(["1.0.0"]);
    let app = world.app();
    world.cargo(&app, ["fetch"]).succeeded();
    let other = super::key_of("github:octocat");
    world.keys.publish("octocat", &other.public_armored());
    let output = world.cargo(&app, ["verify", "--refresh"]).ended_with(1);
    world.do_what_it_says(&app, &output.stderr);
    world.cargo(&app, ["verify", "--refresh"]).succeeded();
    world
        .cargo(&app, ["build", "--require-signatures"])
        .succeeded();
}

/// What was withdrawn stays so, also where nobody can be asked any more.
#[test]
fn withdrawn_key_is_remembered() {
    let world = World::with_foo(["1.0.0"]);
    let app = world.app();
    world.cargo(&app, ["fetch"]).succeeded();
    let other = super::key_of("github:octocat");
    world.keys.publish("octocat", &other.public_armored());
    world.cargo(&app, ["verify", "--refresh"]).ended_with(1);
    world.cargo(&app, ["build"]).failed();
    world.keys.stop();
    world.cargo(&app, ["build"]).failed();
}
