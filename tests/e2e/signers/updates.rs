//! What `cargo update` and the resolver make of it.

use expect_test::expect;

use crate::World;

#[test]
fn update_names_signers_that_are_new() {
    let world = World::with_foo(["1.0.0"]);
    world.publish_unsigned(world.library("bar", "1.0.0"));
    let app = world
        .sandbox
        .package("app")
        .dependency("foo", "1")
        .dependency("bar", "1");
    let app = app.program("").write();
    world.cargo(&app, ["fetch"]).succeeded();
    let ann = world.stranger("ann");
    world
        .cargo(&app, ["signers", "allow", "foo", "github:ann"])
        .succeeded();
    world.publish_foo_as("1.0.1", "github:ann", &ann);
    world.publish(world.library("bar", "1.0.1"));
    let output = world.cargo(&app, ["update"]).succeeded().normalised();
    expect![[r#"
        $ cargo update
            Updating `demo` index
              Signed bar v1.0.1 by GitHub user @octocat (nothing is known of who signed v1.0.0)
              Signed foo v1.0.1 by GitHub user @ann (v1.0.0 was by GitHub user @octocat)
             Locking 2 packages to latest Rust [RUST] compatible versions
            Updating bar v1.0.0 (registry `demo`) -> v1.0.1
            Updating foo v1.0.0 (registry `demo`) -> v1.0.1
    "#]]
    .assert_eq(&super::told(&output));
    // By the same as before: nothing is said.
    world.publish_foo_as("1.0.2", "github:ann", &ann);
    let output = world.cargo(&app, ["update"]).succeeded();
    assert!(!output.stderr.contains("Signed"), "{}", output.stderr);
}

#[test]
fn precise_names_a_version_that_is_refused() {
    let world = World::with_foo(["1.0.0"]);
    let app = world.app();
    world.cargo(&app, ["fetch"]).succeeded();
    let eve = world.stranger("eve");
    world.publish_foo_as("1.0.1", "github:eve", &eve);
    let args = ["update", "foo", "--precise", "1.0.1"];
    let output = world.cargo(&app, args).failed().normalised();
    expect![[r#"
        $ cargo update foo --precise 1.0.1
            Updating `demo` index
        error: failed to select a version for the requirement `foo = "^1"`
          version 1.0.1 is signed as `github:eve`, and `github:octocat` signs this package since 1.0.0 (known from what was seen here before)
        location searched: `demo` index
        required by package `app v0.1.0 ([SANDBOX]/app)`

        help: ask the authors of `foo`, not by way of the registry, whether `github:eve` is one of them. If so, accept it with `cargo signers allow --registry demo foo github:eve --reason WHY`
    "#]].assert_eq(&super::told(&output));
    assert_eq!(world.locked(&app, "foo"), "1.0.0");
    // As ever, with one that is not.
    world.publish_foo_as("1.0.2", "github:octocat", &world.secret_key());
    let args = ["update", "foo", "--precise", "1.0.2"];
    world.cargo(&app, args).succeeded();
    assert_eq!(world.locked(&app, "foo"), "1.0.2");
}

/// Where no version is left, the reason of each is told.
#[test]
fn every_version_by_somebody_else_is_listed() {
    let world = World::new();
    let eve = world.stranger("eve");
    for version in ["1.0.0", "1.0.1"] {
        world.publish_foo_as(version, "github:eve", &eve);
    }
    let app = world.app();
    world
        .cargo(&app, ["signers", "allow", "foo", "github:octocat"])
        .succeeded();
    let output = world.cargo(&app, ["fetch"]).failed().normalised();
    expect![[r#"
        $ cargo fetch
            Updating `demo` index
        error: failed to select a version for the requirement `foo = "^1"`
          version 1.0.0 is signed as `github:eve`, and `github:octocat` signs this package (known from what was seen here before)
          version 1.0.1 is signed as `github:eve`, and `github:octocat` signs this package (known from what was seen here before)
        location searched: `demo` index
        required by package `app v0.1.0 ([SANDBOX]/app)`

        help: ask the authors of `foo`, not by way of the registry, whether `github:eve` is one of them. If so, accept it with `cargo signers allow --registry demo foo github:eve --reason WHY`
    "#]].assert_eq(&super::told(&output));
}

/// A locked build does not even look at newer versions.
#[test]
fn locked_build_says_nothing_of_newer_versions() {
    let world = World::with_foo(["1.0.0"]);
    let app = world.app();
    world.cargo(&app, ["build"]).succeeded();
    let eve = world.stranger("eve");
    world.publish_foo_as("1.0.1", "github:eve", &eve);
    for args in [&["build"][..], &["build", "--locked"]] {
        let run = world
            .user
            .cargo(&consign_testbed::consign(), &app)
            .args(args.iter().copied());
        let output = run.run().succeeded();
        assert!(!output.stderr.contains("foo"), "{}", output.stderr);
    }
}

/// What is passed over is as if it had been yanked: the rest of the resolution is stock cargo's, with
/// what conflicts, features, `links`, `rust-version` and `[patch]`.
#[test]
fn rest_of_the_resolution_is_stocks() {
    let world = World::new();
    let links = |version| {
        let native = world.library("native", version);
        native
            .package_line("links = \"z\"")
            .file("build.rs", "fn main() {}")
    };
    let by_eve = world.library("foo", "1.0.1").feature("new", &[]);
    world.publish(world.library("foo", "1.0.0"));
    let eve = world.stranger("eve");
    world.publish_unsigned(by_eve);
    let identity = "github:eve".parse().unwrap();
    let token = world.registry.token("octocat");
    world.registry.sign("foo", "1.0.1", &identity, &eve, &token);
    for package in [
        links("1.0.0"),
        links("2.0.0"),
        // Its newest version cannot be used beside `native` 1.
        world.library("linking", "1.0.0").dependency("native", "1"),
        world.library("linking", "1.1.0").dependency("native", "2"),
        // Its newest version needs what only eve's version has.
        world.library("wanting", "1.0.0").dependency("foo", "1"),
        world.library("wanting", "1.1.0").dependency_line(
            "foo = { version = \"1\", registry = \"demo\", features = [\"new\"] }",
        ),
        world.library("modern", "1.0.0"),
        world
            .library("modern", "1.1.0")
            .package_line("rust-version = \"1.95\""),
        world.library("patched", "1.0.0"),
    ] {
        world.publish(package);
    }
    let patch = world.sandbox.package("patched").version("1.0.5").write();
    let mut app = world
        .sandbox
        .package("app")
        .package_line("rust-version = \"1.85\"");
    for name in ["native", "linking", "wanting", "modern", "patched"] {
        app = app.dependency(name, "1");
    }
    let patch = format!("[patch.demo]\npatched = {{ path = '{}' }}", patch.display());
    let app = app.manifest(&patch).program("").write();
    let octocat = [
        "signers",
        "allow",
        "--registry",
        "demo",
        "foo",
        "github:octocat",
    ];
    world.cargo(&app, octocat).succeeded();

    let lockfile = || std::fs::read_to_string(app.join("Cargo.lock")).unwrap();
    world.cargo(&app, ["generate-lockfile"]).succeeded();
    let ours = lockfile();
    for (name, version) in [
        ("foo", "1.0.0"),
        ("linking", "1.0.0"),
        ("wanting", "1.0.0"),
        ("modern", "1.0.0"),
        ("patched", "1.0.5"),
    ] {
        assert_eq!(world.locked(&app, name), version, "{name}");
    }
    for package in ["wanting", "foo", "linking"] {
        world.cargo(&app, ["update", "-p", package]).succeeded();
        assert_eq!(lockfile(), ours, "{package}");
    }
    world
        .registry
        .edit_line("foo", "1.0.1", |line| line["yanked"] = true.into());
    std::fs::remove_file(app.join("Cargo.lock")).unwrap();
    let stock = world.sandbox.home("stock");
    stock.use_registry(&world.registry, None);
    let stock = stock.cargo(&consign_testbed::stock(), &app);
    stock.args(["generate-lockfile"]).run().succeeded();
    assert_eq!(lockfile(), ours);
}
