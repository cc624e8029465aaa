//! What is new, and what comes from git.

use std::path::Path;
use std::process::Command;

use expect_test::expect;

use crate::World;

#[test]
fn new_signer_is_said_where_that_is_asked_for() {
    let world = World::with_foo(["1.0.0"]);
    world.user.add_config("[signing]\nnew-signer = \"warn\"");
    let app = world.app();
    let output = world.cargo(&app, ["fetch"]).succeeded().normalised();
    expect![[r#"
            Updating `demo` index
        warning: `foo v1.0.0 (registry `demo`)` is signed as `github:octocat`, who was not seen to sign this package before
             Locking 1 package to latest Rust [RUST] compatible version
         Downloading crates ...
          Downloaded foo v1.0.0 (registry `demo`) (published by GitHub user @octocat)
    "#]].assert_eq(&output.stderr);
    // It was recorded: the next time it is not new.
    let output = world.cargo(&app, ["build"]).succeeded();
    assert!(!output.stderr.contains("warning"), "{}", output.stderr);
}

#[test]
fn new_signer_is_no_candidate_where_that_is_denied() {
    let world = World::with_foo(["1.0.0"]);
    world.user.add_config("[signing]\nnew-signer = \"deny\"");
    let app = world.app();
    let output = world.cargo(&app, ["fetch"]).failed().normalised();
    expect![[r#"
            Updating `demo` index
        error: failed to select a version for the requirement `foo = "^1"`
          version 1.0.0 is signed as `github:octocat`, who was not seen to sign this package before, and new signers are refused by `[SANDBOX]/homes/user/config.toml`
        location searched: `demo` index
        required by package `app v0.1.0 ([SANDBOX]/app)`

        help: find out, not by way of the registry, whether `github:octocat` is one of the authors of `foo`. If so, accept it with `cargo signers allow --registry demo foo github:octocat --reason WHY`
    "#]].assert_eq(&output.stderr);
    assert!(
        world.keys.requests().is_empty(),
        "nobody is asked about whom nobody would accept"
    );
    world.do_what_it_says(&app, &output.stderr);
    world.cargo(&app, ["fetch"]).succeeded();
}

#[test]
fn project_can_deny_new_signers_and_cannot_allow_them() {
    let world = World::with_foo(["1.0.0"]);
    let app = world.app();
    let config = |toml: &str| {
        std::fs::create_dir_all(app.join(".cargo")).unwrap();
        std::fs::write(app.join(".cargo/config.toml"), toml).unwrap();
    };
    config("[signing]\nnew-signer = \"deny\"");
    let output = world.cargo(&app, ["fetch"]).failed();
    assert!(
        output.stderr.contains("new signers are refused by"),
        "{}",
        output.stderr
    );
    config("[signing]\nnew-signer = \"record\"");
    let run = world
        .run(&app, ["fetch"])
        .env("CARGO_SIGNING_NEW_SIGNER", "deny");
    run.run().failed();
    world.cargo(&app, ["fetch"]).succeeded();
}

#[test]
fn levels_can_be_set_for_one_registry() {
    let world = World::with_foo(["1.0.0"]);
    let app = world.app();
    world.user.add_config(
        "[signing]\nnew-signer = \"deny\"\n[signing.registries.demo]\nnew-signer = \"record\"",
    );
    world.cargo(&app, ["fetch"]).succeeded();
    let run = world.run(&app, ["fetch"]);
    let run = run
        .env("CARGO_SIGNING_REGISTRIES_DEMO_NEW_KEY", "maybe")
        .run()
        .failed();
    assert!(
        run.stderr
            .contains("`maybe` is not one of `record`, `warn` and `deny`"),
        "{}",
        run.stderr
    );
}

/// A library in a git repository of its own, and a program that depends on it.
pub fn with_git_dependency(world: &World) -> std::path::PathBuf {
    let library = world.sandbox.package("gitlib").write();
    let git = |args: &[&str]| {
        let output = Command::new("git")
            .args([
                "-c",
                "user.name=a",
                "-c",
                "user.email=a@example.org",
                "-c",
                "commit.gpgsign=false",
            ])
            .args(args)
            // So that the commit is the same whenever it is made.
            .env("GIT_AUTHOR_DATE", "2025-01-01T00:00:00Z")
            .env("GIT_COMMITTER_DATE", "2025-01-01T00:00:00Z")
            .current_dir(&library)
            .output()
            .unwrap();
        assert!(output.status.success(), "{output:?}");
    };
    git(&["init", "-q"]);
    git(&["add", "."]);
    git(&["commit", "-qm", "first"]);
    let url = format!("file://{}", library.display());
    let app = world.sandbox.package("app");
    app.dependency_line(&format!("gitlib = {{ git = \"{url}\" }}"))
        .program("")
        .write()
}

fn set_git(world: &World, level: &str, app: &Path) -> consign_testbed::Run {
    world.run(app, ["build"]).env("CARGO_SIGNING_GIT", level)
}

#[test]
fn git_dependencies_are_said_or_refused_where_that_is_asked_for() {
    let world = World::new();
    let app = with_git_dependency(&world);
    let output = set_git(&world, "deny", &app).run().failed();
    for said in [
        "error: refusing what comes from git, where nobody signs: `gitlib v0.1.0 (file://",
        "git dependencies are refused by the environment variable `CARGO_SIGNING_GIT`",
        "help: depend on a release from a registry, or change the rule in the environment variable",
    ] {
        assert!(output.stderr.contains(said), "{}", output.stderr);
    }
    let output = set_git(&world, "warn", &app).run().succeeded();
    let said = "warning: 1 package comes from git, where nobody signs: `gitlib v0.1.0 (file://";
    assert!(output.stderr.contains(said), "{}", output.stderr);
    let output = world.cargo(&app, ["build"]).succeeded();
    assert!(!output.stderr.contains("warning"), "{}", output.stderr);
    // Also what is locked, and has been built.
    set_git(&world, "deny", &app).run().failed();
}
