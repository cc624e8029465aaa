//! What a project that was cloned from somewhere can do by its own files, and what it cannot: its
//! `.cargo/config.toml` comes from whoever wrote the project.

use std::fs;
use std::path::{Path, PathBuf};

use consign_testbed::{Registry, Reply, Run, consign};

use crate::World;
use crate::world::other_key;

/// Writes `.cargo/config.toml` of a project.
fn project_config(folder: &Path, toml: &str) {
    fs::create_dir_all(folder.join(".cargo")).unwrap();
    fs::write(folder.join(".cargo/config.toml"), toml).unwrap();
}

#[test]
fn project_cannot_choose_how_keys_are_asked_for() {
    let world = World::with_foo(["1.0.0"]);
    let app = world.app();
    // Everything but the key is at hand; and a proxy that nobody is behind would get no key.
    let stock = world.user.cargo(&consign_testbed::stock(), &app);
    stock.args(["fetch"]).run().succeeded();
    project_config(&app, "[http]\nproxy = \"http://127.0.0.1:1\"");
    through_proxies(world.run(&app, ["build", "--locked", "--require-signatures"]))
        .run()
        .succeeded();
    assert_eq!(world.keys.requests().len(), 1);
}

/// The testbed keeps loopback free of proxies; here they are what is tried.
fn through_proxies(run: Run) -> Run {
    run.env("no_proxy", "").env("NO_PROXY", "")
}

#[test]
fn users_own_proxy_is_used() {
    let world = World::with_foo(["1.0.0"]);
    let app = world.app();
    let stock = world.user.cargo(&consign_testbed::stock(), &app);
    stock.args(["fetch"]).run().succeeded();
    let proxy = ["--config", "http.proxy='http://127.0.0.1:1'"];
    let build = world.run(&app, ["build", "--locked", "--require-signatures"]);
    let output = through_proxies(build).args(proxy).run().failed();
    assert!(
        output.stderr.contains("could not be checked"),
        "{}",
        output.stderr
    );
}

#[test]
fn project_cannot_give_the_name_of_an_allowed_registry_to_another() {
    let world = World::new();
    world.publish_unsigned(world.library("foo", "1.0.0"));
    let app = world.app();
    let other = Registry::start(&world.sandbox);
    world.user.add_config(&format!(
        "[registries.other]\nindex = \"{}\"\n\
         [signing]\nunsigned = \"deny\"\n\
         [signing.registries.other]\nunsigned = \"allow\"",
        other.index_url()
    ));
    let index = world.registry.index_url();
    project_config(&app, &format!("[registries.other]\nindex = \"{index}\""));
    world.cargo(&app, ["build"]).failed();
}

#[test]
fn project_cannot_say_how_users_are_called() {
    let world = World::with_foo(["1.0.0"]);
    let app = world.app();
    let keys = world.keys.template();
    project_config(
        &app,
        &format!("[signing.identities.x]\nkeys = \"{keys}\"\ndisplay = \"GitHub user @{{user}}\""),
    );
    let output = world.cargo(&app, ["build"]).failed();
    assert!(
        output.stderr.contains("not for a project to say"),
        "{}",
        output.stderr
    );
}

/// A program called `cargo-inner` on the path, which runs a cargo of its own.
#[cfg(unix)]
fn program_that_runs_cargo(world: &World) -> PathBuf {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = world.sandbox.path().join("programs");
    fs::create_dir_all(&folder).unwrap();
    let program = folder.join("cargo-inner");
    fs::write(&program, "#!/bin/sh\nexec \"$CARGO\" build\n").unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    folder
}

#[cfg(unix)]
#[test]
fn flag_reaches_the_cargo_that_a_program_runs() {
    let world = World::new();
    world.publish_unsigned(world.library("foo", "1.0.0"));
    let app = world.app();
    let programs = program_that_runs_cargo(&world);
    let path = std::env::var("PATH").unwrap();
    let path = format!("{}:{path}", programs.display());
    let inner = |args: &[&str]| {
        let cargo = world.user.cargo(&consign(), &app).env("PATH", &path);
        cargo.args(args.iter().copied()).run()
    };
    // What the user says of one registry does not lift it, and neither does the environment.
    world
        .user
        .add_config("[signing.registries.demo]\nunsigned = \"allow\"");
    inner(&["--require-signatures", "inner"]).failed();
    inner(&["inner"]).succeeded();
}

/// Thirty versions that claim thirty accounts, each of which takes a while to be unknown: the asking
/// of one command has an end, and the command with it.
#[test]
fn asking_has_an_end_however_many_are_named() {
    const VERSIONS: usize = 30;
    let world = World::new();
    let token = world.registry.token("octocat");
    for i in 0..VERSIONS {
        let version = format!("1.0.{i}");
        world.publish_unsigned(world.library("foo", &version));
        let user = format!("nobody{i}");
        let identity = format!("github:{user}").parse().unwrap();
        let key = other_key(&user);
        world
            .registry
            .sign("foo", &version, &identity, &key, &token);
        let slow = Reply::status(404).after(std::time::Duration::from_secs(3));
        world.keys.answer(&user, slow);
    }
    let output = world.fetch(&world.app()).failed();
    assert!(
        world.keys.requests().len() < 6,
        "{:?}",
        world.keys.requests()
    );
    assert!(
        output.stderr.contains("could not be checked"),
        "{}",
        output.stderr
    );
}

#[test]
fn withdrawn_key_takes_with_it_all_that_it_signed() {
    let world = World::with_foo(["1.0.0", "1.0.1", "1.0.2"]);
    let other = other_key("octocat");
    world.keys.publish("octocat", &other.public_armored());
    let output = world.fetch(&world.app()).failed();
    assert_eq!(
        output.stderr.matches("is passed over").count(),
        1,
        "{}",
        output.stderr
    );
    for version in ["1.0.0", "1.0.1", "1.0.2"] {
        let line = format!("  version {version} is signed as `github:octocat` with a key that");
        assert!(output.stderr.contains(&line), "{}", output.stderr);
    }
}
