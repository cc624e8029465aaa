//! What is signed by a key that its identity publishes is accepted.

use expect_test::expect;

use crate::World;
use crate::gnupg::Keyring;

#[test]
fn signed_package_is_accepted_and_its_publisher_named() {
    let world = World::with_foo(["1.0.0"]);
    let app = world.app();
    let output = world
        .cargo(&app, ["build", "--require-signatures"])
        .succeeded()
        .normalised();
    expect![[r#"
        Updating `demo` index
             Locking 1 package to latest Rust [RUST] compatible version
         Downloading crates ...
          Downloaded foo v1.0.0 (registry `demo`) (published by GitHub user @octocat)
           Compiling foo v1.0.0 (registry `demo`)
           Compiling app v0.1.0 ([SANDBOX]/app)
            Finished `dev` profile [unoptimized + debuginfo] target(s) in [TIME]s
    "#]]
    .assert_eq(output.stderr.trim_start());
}

#[test]
fn program_that_uses_it_runs() {
    let world = World::with_foo(["1.0.0"]);
    let output = world.cargo(&world.app(), ["run", "--quiet", "--require-signatures"]);
    assert_eq!(output.succeeded().stdout, "foo 1.0.0\n");
}

#[test]
fn publisher_is_named_where_nothing_is_required() {
    let world = World::with_foo(["1.0.0"]);
    let output = world.cargo(&world.app(), ["fetch"]).succeeded();
    assert!(
        output.stderr.contains(
            "Downloaded foo v1.0.0 (registry `demo`) (published by GitHub user @octocat)"
        ),
        "{}",
        output.stderr
    );
}

#[test]
fn publisher_of_an_unsigned_package_is_not_named() {
    let world = World::new();
    world.publish_unsigned(world.library("foo", "1.0.0"));
    let output = world.cargo(&world.app(), ["fetch"]).succeeded();
    assert!(!output.stderr.contains("published by"), "{}", output.stderr);
}

#[test]
fn older_signed_version_is_chosen() {
    let world = World::with_foo(["1.0.0", "1.0.1"]);
    world.publish_unsigned(world.library("foo", "1.0.2"));
    let app = world.app();
    world.fetch(&app).succeeded();
    assert_eq!(world.locked(&app, "foo"), "1.0.1");
}

#[test]
fn package_is_installed_when_signatures_are_required() {
    let world = World::with_foo(["1.0.0"]);
    let tool = world
        .sandbox
        .package("tool")
        .version("1.0.0")
        .dependency("foo", "1");
    world.publish(tool.program("println!(\"{}\", foo::name());"));
    let output = world
        .cargo(
            world.sandbox.path(),
            ["install", "tool", "--debug", "--require-signatures"],
        )
        .succeeded();
    assert!(
        output.stderr.contains(
            "Downloaded tool v1.0.0 (registry `demo`) (published by GitHub user @octocat)"
        ),
        "{}",
        output.stderr
    );
    assert!(
        world
            .user
            .path()
            .join("bin")
            .join(format!("tool{}", std::env::consts::EXE_SUFFIX))
            .is_file()
    );
}

#[test]
fn locked_build_with_nothing_to_do_asks_nobody() {
    let world = World::with_foo(["1.0.0"]);
    let app = world.app();
    world
        .cargo(&app, ["build", "--require-signatures"])
        .succeeded();
    let asked = world.keys.requests().len();
    world.registry.stop();
    world.keys.stop();
    let output = world
        .cargo(&app, ["build", "--locked", "--require-signatures"])
        .succeeded()
        .normalised();
    assert_eq!(
        output.stderr,
        "    Finished `dev` profile [unoptimized + debuginfo] target(s) in [TIME]s\n"
    );
    assert_eq!(world.keys.requests().len(), asked);
}

#[test]
fn identity_is_asked_for_once_however_many_packages_it_signed() {
    let world = World::with_foo(["1.0.0"]);
    for name in ["a", "b", "c"] {
        world.publish(world.library(name, "1.0.0").dependency("foo", "1"));
    }
    // Who publishes is a user too, and asked before.
    let asked = world.keys.requests().len();
    let app = world
        .sandbox
        .package("app")
        .dependency("a", "1")
        .dependency("b", "1")
        .dependency("c", "1")
        .program("")
        .write();
    world
        .cargo(&app, ["build", "--require-signatures"])
        .succeeded();
    assert_eq!(
        world.keys.requests()[asked..],
        ["GET /octocat.gpg HTTP/1.1"]
    );
    // And not again by the next command, which finds the same key.
    std::fs::remove_file(app.join("Cargo.lock")).unwrap();
    world
        .cargo(&app, ["build", "--require-signatures"])
        .succeeded();
    assert_eq!(world.keys.requests().len(), asked + 1);
}

#[test]
fn offline_build_uses_the_answers_that_were_given() {
    let world = World::with_foo(["1.0.0"]);
    let app = world.app();
    world.fetch(&app).succeeded();
    world.registry.stop();
    world.keys.stop();
    std::fs::remove_file(app.join("Cargo.lock")).unwrap();
    world
        .cargo(&app, ["build", "--offline", "--require-signatures"])
        .succeeded();
}

#[test]
fn offline_build_without_an_answer_says_so() {
    let world = World::with_foo(["1.0.0"]);
    let app = world.app();
    world.fetch(&app).succeeded();
    // Nor was the key seen here before.
    std::fs::remove_dir_all(world.user.path().join("signing")).unwrap();
    std::fs::remove_file(app.join("Cargo.lock")).unwrap();
    let output = world
        .cargo(&app, ["build", "--offline", "--require-signatures"])
        .failed()
        .normalised();
    expect![[r#"
        error: refusing `foo v1.0.0 (registry `demo`)`: it is signed as `github:octocat`, and its key could not be checked: the network is off (`--offline`, or `net.offline`)
        signatures are required by `--require-signatures`

        help: run the command once with the network, so that the key can be asked for
    "#]].assert_eq(&output.stderr);
}

#[test]
fn key_that_gnupg_made_signs() {
    let world = World::new();
    let Some(gnupg) = Keyring::with_key_of(&world, "octocat@example.org") else {
        return;
    };
    let folder = world.octocat.path().join("signing/keys/github/octocat");
    std::fs::remove_dir_all(&folder).unwrap();
    std::fs::create_dir_all(&folder).unwrap();
    let file = folder.join("mine.asc");
    std::fs::write(&file, gnupg.secret()).unwrap();
    crate::keys::set_mode(&file, 0o600);
    world.keys.publish("octocat", &gnupg.public());
    world.publish(world.library("foo", "1.0.0"));
    let output = world.cargo(&world.app(), ["run", "--quiet", "--require-signatures"]);
    assert_eq!(output.succeeded().stdout, "foo 1.0.0\n");
}

#[test]
fn metadata_and_info_tell_the_signer() {
    let world = World::with_foo(["1.0.0"]);
    world.publish_unsigned(world.library("bar", "1.0.0"));
    let app = world.sandbox.package("app").dependency("foo", "1");
    let app = app.dependency("bar", "1").program("").write();
    world.cargo(&app, ["fetch"]).succeeded();
    let args = ["metadata", "--format-version=1"];
    let output = world.cargo(&app, args).succeeded();
    assert_eq!(output.stderr, "");
    let metadata: serde_json::Value = serde_json::from_str(&output.stdout).unwrap();
    let packages = metadata["packages"].as_array().unwrap();
    for package in packages {
        let signer = package.get("signer").and_then(|signer| signer.as_str());
        let expected = (package["name"] == "foo").then_some("github:octocat");
        assert_eq!(signer, expected, "{package}");
        // Where there is none, nothing is there that stock cargo does not print.
        assert_eq!(package.get("signer").is_some(), expected.is_some());
    }
    let output = world.cargo(&app, ["info", "foo"]).succeeded();
    let line = "      Signed foo v1.0.0 by GitHub user @octocat\n";
    assert!(output.stderr.contains(line), "{}", output.stderr);
    let output = world.cargo(&app, ["info", "--quiet", "foo"]).succeeded();
    assert!(!output.stderr.contains("Signed"), "{}", output.stderr);
    let output = world.cargo(&app, ["info", "bar"]).succeeded();
    assert!(!output.stderr.contains("Signed"), "{}", output.stderr);
}

#[test]
fn tree_tells_the_signer_where_that_is_asked_for() {
    let world = World::with_foo(["1.0.0"]);
    world.publish_unsigned(world.library("bar", "1.0.0"));
    let app = world.sandbox.package("app").dependency("foo", "1");
    let app = app.dependency("bar", "1").program("").write();
    world.cargo(&app, ["fetch"]).succeeded();
    let output = world.cargo(&app, ["tree", "--format", "{p}: {signer}"]);
    let output = output.succeeded().normalised();
    expect![[r#"
        app v0.1.0 ([SANDBOX]/app): 
        ├── bar v1.0.0 (registry `demo`): 
        └── foo v1.0.0 (registry `demo`): github:octocat
    "#]]
    .assert_eq(&output.stdout);
    assert_eq!(output.stderr, "");
    // Nobody is named who is not verified.
    world.keys.publish(
        "octocat",
        &crate::world::other_key("octocat").public_armored(),
    );
    world.cargo(&app, ["verify", "--refresh"]).ended_with(1);
    let output = world.cargo(&app, ["tree", "--format", "{signer}"]);
    assert!(!output.stdout.contains("octocat"), "{}", output.stdout);
    // Where it is not asked for, nothing is checked.
    world.keys.stop();
    std::fs::remove_dir_all(world.user.path().join("signing")).unwrap();
    let output = world.cargo(&app, ["tree"]).succeeded();
    assert_eq!(output.stderr, "");
}
