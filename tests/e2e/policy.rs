//! Where it is said that signatures are required, and what holds where several places say it.

use std::fs;
use std::path::{Path, PathBuf};

use consign_testbed::Output;
use expect_test::expect;

use crate::World;

/// `foo`, which nobody signed, and a program that uses it.
fn unsigned() -> (World, PathBuf) {
    let world = World::new();
    world.publish_unsigned(world.library("foo", "1.0.0"));
    let app = world.app();
    (world, app)
}

/// Writes `.cargo/config.toml` of a project.
fn project_config(folder: &Path, toml: &str) {
    fs::create_dir_all(folder.join(".cargo")).unwrap();
    fs::write(folder.join(".cargo/config.toml"), toml).unwrap();
}

/// The line that says who requires signatures.
fn required_by(output: Output) -> String {
    let stderr = output.failed().normalised().stderr;
    let line = stderr
        .lines()
        .find(|line| line.contains(" is not signed, and "));
    line.unwrap_or_else(|| panic!("{stderr}")).trim().to_owned()
}

#[test]
fn flag_counts_before_and_after_the_command() {
    let (world, app) = unsigned();
    let by = "version 1.0.0 is not signed, and signatures are required by `--require-signatures`";
    assert_eq!(
        required_by(world.cargo(&app, ["--require-signatures", "fetch"])),
        by
    );
    assert_eq!(
        required_by(world.cargo(&app, ["fetch", "--require-signatures"])),
        by
    );
}

#[test]
fn flag_counts_in_an_alias() {
    let (world, app) = unsigned();
    world.user.add_config(
        "[alias]\nstrict = \"fetch --require-signatures\"\nplain = \"fetch\"\n\
         outer = \"--require-signatures plain\"",
    );
    for args in [
        &["strict"][..],
        &["plain", "--require-signatures"],
        &["--require-signatures", "plain"],
    ] {
        let output = world
            .user
            .cargo(&consign_testbed::consign(), &app)
            .args(args)
            .run();
        required_by(output);
    }
}

#[test]
fn flag_counts_on_every_command_that_resolves() {
    let (world, app) = unsigned();
    for command in [
        "build",
        "check",
        "run",
        "test",
        "doc",
        "metadata",
        "tree",
        "update",
        "generate-lockfile",
        "vendor",
        "package",
    ] {
        let output = world.cargo(&app, [command, "--require-signatures"]);
        assert_eq!(
            output.status,
            Some(101),
            "cargo {command}: {}",
            output.stderr
        );
        assert!(
            output.stderr.contains("is not signed"),
            "cargo {command}: {}",
            output.stderr
        );
    }
    assert!(!app.join("Cargo.lock").exists(), "a lockfile was written");
}

#[test]
fn configuration_of_the_user_counts() {
    let (world, app) = unsigned();
    world.user.add_config("[signing]\nunsigned = \"deny\"");
    expect!["version 1.0.0 is not signed, and signatures are required by `[SANDBOX]/homes/user/config.toml`"]
        .assert_eq(&required_by(world.cargo(&app, ["fetch"])));
}

#[test]
fn environment_counts() {
    let (world, app) = unsigned();
    let run = world.run(&app, ["fetch"]);
    let output = run.env("CARGO_SIGNING_UNSIGNED", "deny").run();
    expect!["version 1.0.0 is not signed, and signatures are required by the environment variable `CARGO_SIGNING_UNSIGNED`"].assert_eq(&required_by(output));
}

#[test]
fn config_argument_counts() {
    let (world, app) = unsigned();
    let output = world.cargo(&app, ["fetch", "--config", "signing.unsigned='deny'"]);
    expect!["version 1.0.0 is not signed, and signatures are required by the command line"]
        .assert_eq(&required_by(output));
}

#[test]
fn project_raises() {
    let (world, app) = unsigned();
    project_config(&app, "[signing]\nunsigned = \"deny\"");
    expect!["version 1.0.0 is not signed, and signatures are required by `[SANDBOX]/app/.cargo/config.toml`"]
        .assert_eq(&required_by(world.cargo(&app, ["fetch"])));
}

#[test]
fn project_does_not_lower() {
    let (world, app) = unsigned();
    world.user.add_config("[signing]\nunsigned = \"deny\"");
    project_config(
        &app,
        "[signing]\nunsigned = \"allow\"\n[signing.registries.demo]\nunsigned = \"allow\"",
    );
    required_by(world.cargo(&app, ["fetch"]));
}

#[test]
fn project_does_not_lower_by_giving_the_registry_another_name() {
    let (world, app) = unsigned();
    world
        .user
        .add_config("[signing.registries.demo]\nunsigned = \"deny\"");
    project_config(
        &app,
        &format!(
            "[registries.demo]\nindex = \"sparse+http://127.0.0.1:9/\"\n\
             [registries.same]\nindex = \"{}\"",
            world.registry.index_url()
        ),
    );
    world
        .sandbox
        .package("app")
        .dependency_line("foo = { version = \"1\", registry = \"same\" }")
        .program("println!(\"{}\", foo::name());")
        .write();
    required_by(world.cargo(&app, ["fetch"]));
}

#[test]
fn user_lowers_what_the_environment_does_not() {
    let (world, app) = unsigned();
    world.user.add_config("[signing]\nunsigned = \"deny\"");
    let run = |value| {
        world
            .run(&app, ["fetch"])
            .env("CARGO_SIGNING_UNSIGNED", value)
            .run()
    };
    run("allow").succeeded();
    fs::remove_file(app.join("Cargo.lock")).unwrap();
    // The command line comes before the environment.
    world
        .run(&app, ["fetch", "--config", "signing.unsigned='allow'"])
        .env("CARGO_SIGNING_UNSIGNED", "deny")
        .run()
        .succeeded();
}

#[test]
fn flag_is_over_all_else() {
    let (world, app) = unsigned();
    world
        .user
        .add_config("[signing.registries.demo]\nunsigned = \"allow\"");
    let run = world.run(
        &app,
        [
            "fetch",
            "--require-signatures",
            "--config",
            "signing.unsigned='allow'",
        ],
    );
    required_by(run.env("CARGO_SIGNING_UNSIGNED", "allow").run());
}

#[test]
fn registry_of_its_own_setting() {
    let (world, app) = unsigned();
    world.user.add_config(
        "[signing]\nunsigned = \"deny\"\n[signing.registries.demo]\nunsigned = \"allow\"",
    );
    world.cargo(&app, ["fetch"]).succeeded();
    fs::remove_file(app.join("Cargo.lock")).unwrap();
    let run = world
        .run(&app, ["fetch"])
        .env("CARGO_SIGNING_REGISTRIES_DEMO_UNSIGNED", "deny");
    required_by(run.run());
}

#[test]
fn warning_is_one_line() {
    let (world, app) = unsigned();
    for name in ["bar", "baz"] {
        world.publish_unsigned(world.library(name, "1.0.0"));
    }
    world
        .sandbox
        .package("app")
        .dependency("foo", "1")
        .dependency("bar", "1")
        .dependency("baz", "1")
        .program("")
        .write();
    world.user.add_config("[signing]\nunsigned = \"warn\"");
    let output = world.cargo(&app, ["fetch"]).succeeded();
    let warnings: Vec<_> = output
        .stderr
        .lines()
        .filter(|l| l.starts_with("warning"))
        .collect();
    expect!["warning: 3 packages are not signed: `bar v1.0.0`, `baz v1.0.0`, `foo v1.0.0`"]
        .assert_eq(&warnings.join("\n"));
}

#[test]
fn refusal_says_how_to_accept_what_is_in_the_lockfile() {
    let (world, app) = unsigned();
    world.cargo(&app, ["build"]).succeeded();
    world.user.add_config("[signing]\nunsigned = \"deny\"");
    fs::remove_dir_all(app.join("target")).unwrap();
    fs::remove_dir_all(world.user.path().join("registry/src")).unwrap();
    expect![[r#"
        error: failed to download `foo v1.0.0 (registry `demo`)`

        Caused by:
          unable to get packages from source

        Caused by:
          failed to unpack package `foo v1.0.0 (registry `demo`)`

        Caused by:
          refusing `foo v1.0.0 (registry `demo`)`: it is not signed
          signatures are required by `[SANDBOX]/homes/user/config.toml`

          help: choose a version that is signed, ask its authors to sign, accept it with `cargo signers allow --registry demo foo@=1.0.0 --unsigned --reason WHY`, or accept it unsigned with `signing.registries.demo.unsigned = "allow"` in `[SANDBOX]/homes/user/config.toml`
    "#]]
    .assert_eq(&world.cargo(&app, ["build"]).failed().normalised().stderr);
    // And as it says, it is.
    let allow = "signing.registries.demo.unsigned = \"allow\"";
    world.cargo(&app, ["build", "--config", allow]).succeeded();
}

/// Another project may know the registry, so it is no fault; but the name may also be misspelt.
#[test]
fn rule_for_a_registry_that_nobody_knows_is_said() {
    let (world, app) = unsigned();
    project_config(&app, "[signing.registries.nowhere]\nunsigned = \"deny\"");
    let output = world.cargo(&app, ["fetch"]).succeeded().normalised();
    expect![[r#"
        warning: `signing.registries.nowhere` in `[SANDBOX]/app/.cargo/config.toml` is for a registry that is not configured here
            Updating `demo` index
             Locking 1 package to latest Rust [RUST] compatible version
         Downloading crates ...
          Downloaded foo v1.0.0 (registry `demo`)
    "#]].assert_eq(&output.stderr);
}

#[test]
fn faults_in_configuration_name_setting_and_file() {
    let (world, app) = unsigned();
    let mut told = String::new();
    for toml in [
        "[signing]\nunsigned = true",
        "[signing]\nunsigned = \"never\"",
        "[signing]\nunsinged = \"deny\"",
        "[signing]\nunsigned-publish = \"warn\"",
        "[signing]\nrequire-signatures = \"yes\"",
        "signing = \"deny\"",
        "[signing.registries.demo]\nunsigend = \"deny\"",
        "[signing.registries]\ndemo = \"deny\"",
        "[signing.identities.corp]\ndisplay = \"Corp user @{user}\"",
        "[signing.identities.corp]\nkeys = \"http://keys.example/{user}.gpg\"",
        "[signing.identities.corp]\nkeys = \"https://keys.example/all.gpg\"",
        "[signing.identities.corp]\nkeys = [\"https://keys.example/{user}.gpg\"]",
        "[signing.identities.corp]\nkey = \"https://keys.example/{user}.gpg\"",
        "[signing.identities.Corp]\nkeys = \"https://keys.example/{user}.gpg\"",
        "[signing.identities.corp]\nhost = \"https://git.corp.example\"",
        "[signing.identities.corp]\nkind = \"cvs\"\nhost = \"https://git.corp.example\"",
        "[signing.identities.corp]\nkind = \"gitlab\"\nhost = \"http://git.corp.example\"",
        "[signing.identities.github]\nkind = \"github\"\nhost = \"https://git.corp.example\"",
        "[signing]\nmax-key-age = \"a week\"",
        "[signing]\nmax-key-age = \"9999999999999999 days\"",
        "[signing]\nmax-key-age = 7",
    ] {
        project_config(&app, toml);
        let output = world.cargo(&app, ["fetch"]).failed().normalised();
        told += &format!("# {}\n{}\n", toml.replace('\n', " "), output.stderr);
    }
    expect![[r##"
        # [signing] unsigned = true
        error: expected a string, but found a boolean for `signing.unsigned` in [SANDBOX]/app/.cargo/config.toml

        # [signing] unsigned = "never"
        error: invalid `signing.unsigned` in [SANDBOX]/app/.cargo/config.toml

        Caused by:
          `never` is not one of `allow`, `warn` and `deny`

        # [signing] unsinged = "deny"
        error: unknown setting `signing.unsinged` in [SANDBOX]/app/.cargo/config.toml

        help: the settings there are `unsigned`, `new-signer`, `new-key`, `git`, `unsigned-publish`, `identity`, `key`, `passphrase-command`, `max-key-age`, `identities`, `registries`

        # [signing] unsigned-publish = "warn"
        error: invalid `signing.unsigned-publish` in [SANDBOX]/app/.cargo/config.toml: it is `allow` or `deny`

        # [signing] require-signatures = "yes"
        error: expected a bool, but found a string for `signing.require-signatures` in [SANDBOX]/app/.cargo/config.toml

        # signing = "deny"
        error: failed to parse manifest at `[SANDBOX]/app/Cargo.toml`

        Caused by:
          could not load Cargo configuration

        Caused by:
          failed to merge configuration at `[SANDBOX]/homes/user/config.toml`

        Caused by:
          failed to merge key `signing` between [SANDBOX]/app/.cargo/config.toml and [SANDBOX]/homes/user/config.toml

        Caused by:
          failed to merge config value from `[SANDBOX]/homes/user/config.toml` into `[SANDBOX]/app/.cargo/config.toml`: expected string, but found table

        # [signing.registries.demo] unsigend = "deny"
        error: unknown setting `signing.registries.demo.unsigend` in [SANDBOX]/app/.cargo/config.toml

        help: the settings there are `unsigned`, `new-signer`, `new-key`, `identity`, `key`

        # [signing.registries] demo = "deny"
        error: expected a table, but found a string for `signing.registries.demo` in [SANDBOX]/app/.cargo/config.toml

        # [signing.identities.corp] display = "Corp user @{user}"
        error: `signing.identities.corp.display` in `[SANDBOX]/app/.cargo/config.toml`: how users are called in messages is not for a project to say

        help: leave it out; they are called by their identity, `corp:USER`

        # [signing.identities.corp] keys = "http://keys.example/{user}.gpg"
        error: invalid `signing.identities.corp` in `[SANDBOX]/app/.cargo/config.toml`

        Caused by:
          `http://keys.example/{user}.gpg` must begin with `https://`: over `http://` anyone on the way could answer with a key of their own (allowed to this machine only)

        # [signing.identities.corp] keys = "https://keys.example/all.gpg"
        error: invalid `signing.identities.corp` in `[SANDBOX]/app/.cargo/config.toml`

        Caused by:
          `https://keys.example/all.gpg` must contain `{user}` once

        # [signing.identities.corp] keys = ["https://keys.example/{user}.gpg"]
        error: expected a string, but found a array for `signing.identities.corp.keys` in [SANDBOX]/app/.cargo/config.toml

        # [signing.identities.corp] key = "https://keys.example/{user}.gpg"
        error: unknown setting `signing.identities.corp.key` in [SANDBOX]/app/.cargo/config.toml

        help: the settings there are `kind`, `host`, `keys`, `display`, `client-id`

        # [signing.identities.Corp] keys = "https://keys.example/{user}.gpg"
        error: invalid `signing.identities.Corp` in `[SANDBOX]/app/.cargo/config.toml`

        Caused by:
          `Corp` cannot be the name of an identity provider: it must be written in lower case

        # [signing.identities.corp] host = "https://git.corp.example"
        error: invalid `signing.identities.corp` in `[SANDBOX]/app/.cargo/config.toml`

        Caused by:
          it has a `host` and no `kind`, which is one of `github`, `gitlab`, `forgejo`, `gitea`, `wkd`

        # [signing.identities.corp] kind = "cvs" host = "https://git.corp.example"
        error: invalid `signing.identities.corp` in `[SANDBOX]/app/.cargo/config.toml`

        Caused by:
          `cvs` is no kind of identity provider: it is one of `github`, `gitlab`, `forgejo`, `gitea`, `wkd`

        # [signing.identities.corp] kind = "gitlab" host = "http://git.corp.example"
        error: invalid `signing.identities.corp` in `[SANDBOX]/app/.cargo/config.toml`

        Caused by:
          `http://git.corp.example/{user}.gpg` must begin with `https://`: over `http://` anyone on the way could answer with a key of their own (allowed to this machine only)

        # [signing.identities.github] kind = "github" host = "https://git.corp.example"
        error: `signing.identities.github` in `[SANDBOX]/app/.cargo/config.toml` would replace the one that is defined by `[SANDBOX]/homes/user/config.toml`

        help: a project can add an identity provider, but not redefine one; give it another name

        # [signing] max-key-age = "a week"
        error: invalid `signing.max-key-age` in [SANDBOX]/app/.cargo/config.toml

        Caused by:
          expected a value of the form "N seconds/minutes/days/weeks/months", got: "a week"

        # [signing] max-key-age = "9999999999999999 days"
        error: invalid `signing.max-key-age` in [SANDBOX]/app/.cargo/config.toml

        Caused by:
          "9999999999999999 days" is a number of more than 9 digits

        # [signing] max-key-age = 7
        error: expected a string, but found a integer for `signing.max-key-age` in [SANDBOX]/app/.cargo/config.toml

    "##]].assert_eq(&told);
}

#[test]
fn faults_in_the_environment_name_the_variable() {
    let (world, app) = unsigned();
    let mut told = String::new();
    for (name, value) in [
        ("CARGO_SIGNING_UNSIGNED", "DENY"),
        ("CARGO_SIGNING_UNSINGED", "deny"),
        ("CARGO_SIGNING_REGISTRIES_DEMO_UNSIGNED", ""),
        ("CARGO_SIGNING_IDENTITIES_CORP_DISPLAY", "Corp user @{user}"),
        ("CARGO_SIGNING_IDENTITIES_CORP_KIND", "gitlab"),
        ("CARGO_SIGNING_IDENTITIES_CORP_HOST", "git.corp.example"),
        ("CARGO_SIGNING_MAX_KEY_AGE", "7"),
    ] {
        let output = world.run(&app, ["fetch"]).env(name, value).run().failed();
        told += &output.stderr;
    }
    expect![[r#"
        error: invalid environment variable `CARGO_SIGNING_UNSIGNED`

        Caused by:
          `DENY` is not one of `allow`, `warn` and `deny`
        error: unknown environment variable `CARGO_SIGNING_UNSINGED`: there is no such setting of `signing`
        error: invalid environment variable `CARGO_SIGNING_REGISTRIES_DEMO_UNSIGNED`

        Caused by:
          `` is not one of `allow`, `warn` and `deny`
        error: invalid `signing.identities.corp` in the environment variable `CARGO_SIGNING_IDENTITIES_CORP_DISPLAY`

        Caused by:
          it has neither `host`, with a `kind`, nor `keys`, so that keys are nowhere
        error: invalid `signing.identities.corp` in the environment variable `CARGO_SIGNING_IDENTITIES_CORP_KIND`

        Caused by:
          it has neither `host`, with a `kind`, nor `keys`, so that keys are nowhere
        error: invalid `signing.identities.corp` in the environment variable `CARGO_SIGNING_IDENTITIES_CORP_HOST`

        Caused by:
          it has a `host` and no `kind`, which is one of `github`, `gitlab`, `forgejo`, `gitea`, `wkd`
        error: invalid environment variable `CARGO_SIGNING_MAX_KEY_AGE`

        Caused by:
          expected a value of the form "N seconds/minutes/days/weeks/months", got: "7"
    "#]].assert_eq(&told);
}

#[test]
fn identity_that_is_none_is_said_when_publishing() {
    let world = World::new();
    world
        .octocat
        .add_config("[signing]\nidentity = \"octocat\"");
    let folder = world.library("foo", "1.0.0").write();
    let output = world
        .octocat
        .cargo(&consign_testbed::consign(), &folder)
        .args(["publish", "--no-verify"])
        .run()
        .failed()
        .normalised();
    expect![[r#"
        error: invalid `signing.identity` in `[SANDBOX]/homes/octocat/config.toml`

        Caused by:
          `octocat` is not an identity, which is `provider:user`, as in `github:octocat`
    "#]]
    .assert_eq(&output.stderr);
}

#[test]
fn project_cannot_redefine_a_provider() {
    let world = World::with_foo(["1.0.0"]);
    let app = world.app();
    let mut told = String::new();
    for name in ["github", "gitlab"] {
        project_config(
            &app,
            &format!("[signing.identities.{name}]\nkeys = \"https://evil.example/{{user}}.gpg\""),
        );
        told += &world.cargo(&app, ["fetch"]).failed().normalised().stderr;
    }
    expect![[r#"
        error: `signing.identities.github` in `[SANDBOX]/app/.cargo/config.toml` would replace the one that is defined by `[SANDBOX]/homes/user/config.toml`

        help: a project can add an identity provider, but not redefine one; give it another name
        error: `signing.identities.gitlab` in `[SANDBOX]/app/.cargo/config.toml` would replace the one that is defined by Consign itself

        help: a project can add an identity provider, but not redefine one; give it another name
    "#]].assert_eq(&told);
}

#[test]
fn project_can_add_a_provider() {
    let world = World::with_foo(["1.0.0"]);
    let app = world.app();
    project_config(
        &app,
        "[signing.identities.corp]\nkeys = \"https://corp.example/{user}.gpg\"",
    );
    world.fetch(&app).succeeded();
}

#[test]
fn project_does_not_say_who_publishes() {
    let world = World::new();
    let folder = world.library("foo", "1.0.0").write();
    project_config(&folder, "[signing]\nidentity = \"github:somebody-else\"");
    let output = world
        .octocat
        .cargo(&consign_testbed::consign(), &folder)
        .args(["publish", "--no-verify", "--allow-dirty"])
        .run()
        .succeeded()
        .normalised();
    let (_, from_warning) = output.stderr.split_once("warning: ").unwrap();
    expect![[r#"
        `signing.identity` in `[SANDBOX]/foo-1.0.0/.cargo/config.toml` is ignored: who publishes is not for a project to say
        help: set it in `[SANDBOX]/homes/octocat/config.toml`
            Updating `demo` index
           Packaging foo v1.0.0 ([SANDBOX]/foo-1.0.0)
            Packaged 4 files, [SIZE]
           Uploading foo v1.0.0 ([SANDBOX]/foo-1.0.0)
             Signing foo v1.0.0 as GitHub user @octocat
            Uploaded foo v1.0.0 to registry `demo`
        note: waiting for foo v1.0.0 to be available at registry `demo`
        help: you may press ctrl-c to skip waiting; the crate should be available shortly
           Published foo v1.0.0 at registry `demo`
    "#]].assert_eq(from_warning);
    let line = world.registry.line("foo", "1.0.0");
    assert_eq!(line["key_locator"]["user"], "octocat");
}

/// `cargo config` is not stable in this cargo; `cargo signers why` is its place for what holds.
#[test]
fn settings_are_told_with_where_they_come_from() {
    let (world, app) = unsigned();
    world.user.add_config("[signing]\nnew-signer = \"warn\"");
    project_config(
        &app,
        "[signing]\nunsigned = \"deny\"\nnew-signer = \"record\"",
    );
    let run = world.run(&app, ["signers", "why", "foo"]);
    let output = run.env("CARGO_SIGNING_NEW_KEY", "deny").run().succeeded();
    let settings = output.normalised().stdout;
    let settings: String = settings
        .lines()
        .filter(|line| line.contains(" = "))
        .map(|line| format!("{}\n", line.trim_start()))
        .collect();
    expect![[r#"
          unsigned = "deny", by `[SANDBOX]/app/.cargo/config.toml`
          new-signer = "warn", by `[SANDBOX]/homes/user/config.toml`
          new-key = "deny", by the environment variable `CARGO_SIGNING_NEW_KEY`
    "#]]
    .assert_eq(&settings);
}

/// What cargo's own merge says is another thing: there the project would win.
#[test]
fn settings_that_hold_are_told_with_who_says_so() {
    let world = World::new();
    let app = world.app();
    world.user.add_config("[signing]\nunsigned = \"deny\"");
    let folder = app.join(".cargo");
    fs::create_dir_all(&folder).unwrap();
    fs::write(
        folder.join("config.toml"),
        "[signing]\nunsigned = \"allow\"\nnew-signer = \"warn\"\n",
    )
    .unwrap();
    let get = |key: &str| world.cargo(&app, ["config", "get", key]);
    let told = get("signing").succeeded().normalised().stdout;
    for line in [
        "signing.unsigned = \"deny\" # `[SANDBOX]/homes/user/config.toml`\n",
        "signing.new-signer = \"warn\" # `[SANDBOX]/app/.cargo/config.toml`\n",
        "signing.new-key = \"record\" # the default\n",
        "signing.max-key-age = \"604800 seconds\" # the default\n",
    ] {
        assert!(told.contains(line), "{told}");
    }
    let one = get("signing.unsigned").succeeded().stdout;
    assert_eq!(one.lines().count(), 1, "{one}");
    let run = world.run(&app, ["config", "get", "signing.unsigned"]);
    let flag = run.args(["--require-signatures"]).run().succeeded().stdout;
    assert!(flag.ends_with("# `--require-signatures`\n"), "{flag}");
    get("signing.nothing").failed();
    // All else is upstream's.
    let other = get("net.offline").failed().stderr;
    assert!(other.contains("unstable"), "{other}");
}
