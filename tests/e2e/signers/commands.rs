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
        note: read it, and commit it: with `--locked`, who is not in it is not accepted; other builds add whom they see for the first time
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
             Changed `foo` of `http://127.0.0.1:[PORT]/index` in `[SANDBOX]/app/Cargo.signers`: `github:bob` may sign the versions ^2
    "#]]
    .assert_eq(&super::told(&output));
    let output = signers(&["allow", "foo@^2", "github:bob"]);
    expect![[r#"
        $ cargo signers allow foo@^2 github:bob
           Unchanged `foo` of `http://127.0.0.1:[PORT]/index` in `[SANDBOX]/app/Cargo.signers`: `github:bob` may sign the versions ^2
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
        error: nothing of that is said of `other` of `http://127.0.0.1:[PORT]/index` in `[SANDBOX]/app/Cargo.signers`

        help: `cargo signers list` shows what is
    "#]]
    .assert_eq(&super::told(&output));
}

/// What the user's own file says does not count beside what this workspace saw.
#[test]
fn rule_that_another_file_overrides_is_told_as_such() {
    let world = World::with_foo(["1.0.0"]);
    let app = world.app();
    world.cargo(&app, ["build"]).succeeded();
    let args = ["signers", "allow", "--user", "foo", "github:octocat"];
    world.cargo(&app, args).succeeded();
    let listed = world.cargo(&app, ["signers", "list"]).succeeded();
    let listed = listed.normalised().stdout;
    let own = listed.split("signing/Cargo.signers):").nth(1).unwrap();
    let note = "[does not count: `[SANDBOX]/homes/user/signing/workspaces/";
    assert!(own.contains(note), "{listed}");
    assert_eq!(listed.matches("does not count").count(), 1, "{listed}");
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
        (
            &["allow", "foo", "github:a", "--reason", "WHY"],
            "`WHY` is no reason",
        ),
        (
            &["allow", "foo", "nosuch:a"],
            "no identity provider `nosuch` is known",
        ),
        (&["allow", "foo", "github:a.b"], "`a.b`"),
        (&["allow", "foo bar", "github:a"], "invalid character ` `"),
        (&["why", "foo bar"], "invalid character ` `"),
        (&["remove", "foo bar"], "invalid character ` `"),
        (
            &["remove", "foo@^1"],
            "nothing is said of what to take back",
        ),
        (
            &["remove", "foo", "github:a", "--unsigned"],
            "one thing is taken back at a time",
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

#[test]
fn workspace_that_is_named_is_the_one_that_is_changed_and_told_of() {
    let world = World::with_foo(["1.0.0"]);
    let app = world.app();
    world.cargo(&app, ["generate-lockfile"]).succeeded();
    world.cargo(&app, ["signers", "init"]).succeeded();
    let here = world.sandbox.package("here").program("").write();
    fs::write(here.join("Cargo.signers"), "version = 1\n").unwrap();
    let manifest = app.join("Cargo.toml").display().to_string();
    let signers = |args: &[&str]| {
        let run = world.user.cargo(&consign_testbed::consign(), &here);
        let run = run.args(["signers"]).args(args.iter().copied());
        run.args(["--manifest-path", &manifest]).run().succeeded()
    };
    signers(&["allow", "foo", "github:ann"]);
    let foo = "github:ann, github:octocat; since 1.0.0";
    for told in [signers(&["list"]), signers(&["why", "foo"])] {
        assert!(told.stdout.contains(foo), "{}", told.stdout);
    }
    signers(&["remove", "foo", "github:ann"]);
    assert!(
        !signers_file(&app).contains("github:ann\""),
        "{}",
        signers_file(&app)
    );
    assert_eq!(signers_file(&here), "version = 1\n");
}

/// The user may leave out which registry it is where that is said already.
#[test]
fn registry_is_the_one_that_the_file_has_the_package_from() {
    let world = World::with_foo(["1.0.0"]);
    let app = world.sandbox.package("app").program("").write();
    let index = "http://127.0.0.1:1/index";
    world
        .user
        .add_config(&format!("[registries.other]\nindex = \"sparse+{index}/\""));
    let registry = ["--registry", "other"];
    let allow = ["signers", "allow", "zeta", "github:ann"];
    world.run(&app, allow).args(registry).run().succeeded();
    let why = world.cargo(&app, ["signers", "why", "zeta"]).succeeded();
    assert!(why.stdout.contains("  github:ann\n"), "{}", why.stdout);
    let output = world.cargo(&app, ["signers", "remove", "zeta"]).succeeded();
    let at = format!("`zeta` of `{index}` in `");
    assert!(output.stderr.contains(&at), "{}", output.stderr);
    // Where nothing says so, it is the one that is cargo's default.
    let output = world.run(&app, allow).run().succeeded();
    let at = format!("`zeta` of `{}` in `", world.registry.identity());
    assert!(output.stderr.contains(&at), "{}", output.stderr);
    // In several it has to be said.
    world.run(&app, allow).args(registry).run().succeeded();
    let output = world.cargo(&app, ["signers", "remove", "zeta"]).failed();
    let said = "`zeta` is in several registries";
    assert!(output.stderr.contains(said), "{}", output.stderr);
    // Of what serves `cargo install`, too.
    let users = ["signers", "allow", "--user", "tool", "github:ann"];
    world.run(&app, users).args(registry).run().succeeded();
    let why = world.cargo(&app, ["signers", "why", "tool", "--user"]);
    let why = why.succeeded().stdout;
    assert!(why.contains("  github:ann\n"), "{why}");
}

#[test]
fn full_version_is_that_version_and_no_other() {
    let world = World::new();
    let app = world.app();
    let allow = |what: &str, told: &str| {
        let args = ["signers", "allow", what, "--unsigned", "--reason", "read"];
        let output = world.cargo(&app, args).succeeded();
        let told = format!("Cargo.signers`: {told}\n");
        assert!(output.stderr.ends_with(&told), "{}", output.stderr);
    };
    fs::write(app.join("Cargo.signers"), "version = 1\n").unwrap();
    allow("foo@1.0.0", "the versions =1.0.0 need not be signed");
    allow("bar", "no version has to be signed");
    allow("baz@1.2", "the versions ^1.2 need not be signed");
    let file = signers_file(&app);
    for line in [
        "foo = { unsigned = \"=1.0.0\"",
        "baz = { unsigned = \"^1.2\"",
    ] {
        assert!(file.contains(line), "{file}");
    }
}

#[test]
fn last_signer_is_not_taken_away() {
    let world = World::with_foo(["1.0.0"]);
    let app = world.app();
    world.cargo(&app, ["generate-lockfile"]).succeeded();
    world.cargo(&app, ["signers", "init"]).succeeded();
    let before = signers_file(&app);
    let remove = ["signers", "remove", "foo"];
    let output = world.run(&app, remove).args(["github:octocat"]).run();
    expect![[r#"
        error: nobody would be left who may sign `foo`, and whoever signs it next would be trusted at first sight

        help: first say who may, with `cargo signers allow foo IDENTITY`; or have all that is said of it forgotten, with `cargo signers remove foo`
    "#]].assert_eq(&output.failed().normalised().stderr);
    assert_eq!(signers_file(&app), before);
    // What is taken back apart from that leaves the rest.
    let unsigned = [
        "signers",
        "allow",
        "foo@2.0.0",
        "--unsigned",
        "--reason",
        "read",
    ];
    world.cargo(&app, unsigned).succeeded();
    world
        .run(&app, remove)
        .args(["--unsigned"])
        .run()
        .succeeded();
    let key = super::key_of("github:octocat").public_key().to_string();
    let keep = ["signers", "allow", "foo@1.0.0", "--key", &key];
    world.cargo(&app, keep).succeeded();
    assert!(signers_file(&app).contains("keep = "));
    world
        .run(&app, remove)
        .args(["--key", &key])
        .run()
        .succeeded();
    let after = signers_file(&app).replace(", reason = \"read\"", "");
    assert_eq!(after, before);
    let output = world.run(&app, remove).run().succeeded();
    let note = "is trusted at first sight again, unless `new-signer` says otherwise";
    assert!(output.stderr.contains(note), "{}", output.stderr);
}

/// Why it is refused is asked just when the lockfile could not be brought up to date.
#[test]
fn what_is_expected_is_told_also_where_the_lockfile_is_not_up_to_date() {
    let world = World::with_foo(["1.0.0"]);
    let app = world.app();
    world.cargo(&app, ["generate-lockfile"]).succeeded();
    let manifest = fs::read_to_string(app.join("Cargo.toml")).unwrap();
    let changed = manifest.replace("version = \"1\"", "version = \"2\"");
    assert_ne!(manifest, changed);
    fs::write(app.join("Cargo.toml"), changed).unwrap();
    let output = world.cargo(&app, ["signers", "why", "foo"]).succeeded();
    assert!(
        output.stdout.contains("github:octocat; since 1.0.0"),
        "{}",
        output.stdout
    );
    let warning = "warning: what `Cargo.lock` names could not be looked at";
    assert!(output.stderr.contains(warning), "{}", output.stderr);
}

#[test]
fn what_is_accepted_unsigned_is_told_without_help() {
    let world = World::new();
    world.publish_unsigned(world.library("foo", "1.0.0"));
    let app = world.app();
    world.cargo(&app, ["generate-lockfile"]).succeeded();
    world.cargo(&app, ["signers", "init"]).succeeded();
    let why = world.cargo(&app, ["signers", "why", "foo"]).succeeded();
    let said = "v1.0.0: unsigned: it is not signed, which is accepted\n";
    assert!(why.stdout.ends_with(said), "{}", why.stdout);
}

#[test]
fn list_does_not_pass_over_a_broken_configuration() {
    let world = World::new();
    let app = world.app();
    let list = world.run(&app, ["signers", "list"]);
    let output = list.env("CARGO_SIGNING_UNSIGNED", "deyn").run().failed();
    assert!(output.stderr.contains("`deyn`"), "{}", output.stderr);
}

/// Otherwise the key would be refused next, with another command.
#[test]
fn one_command_accepts_a_new_signer_where_new_keys_are_refused_too() {
    let world = World::with_foo(["1.0.0"]);
    let app = world.app();
    world
        .user
        .add_config("[signing]\nnew-signer = \"deny\"\nnew-key = \"deny\"");
    let output = world.cargo(&app, ["fetch"]).failed();
    world.do_what_it_says(&app, &output.stderr);
    world
        .cargo(&app, ["build", "--require-signatures"])
        .succeeded();
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

/// The same of an account that is there no longer, at first sight of the package.
#[test]
fn release_of_an_account_that_is_gone_can_be_kept() {
    let world = World::with_foo(["1.0.0"]);
    let app = world.app();
    world.keys.withdraw("octocat");
    let output = world.cargo(&app, ["fetch"]).failed();
    world.do_what_it_says(&app, &output.stderr);
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
