//! `cargo publish` tells the maintainer first what those would see who use the package.

use expect_test::expect;

use consign_testbed::{Home, Output, consign, stock};

use crate::World;

/// Publishes foo in this version, from a home.
fn publish(world: &World, home: &Home, version: &str, args: &[&str]) -> Output {
    let folder = world.library("foo", version).write();
    let run = home
        .cargo(&consign(), &folder)
        .args(["publish", "--no-verify"]);
    run.args(args.iter().copied()).run().normalised()
}

/// Somebody who may publish, and has no key.
fn without_key(world: &World) -> Home {
    let home = world.sandbox.home("keyless");
    home.use_registry(&world.registry, Some(&world.registry.token("octocat")));
    home.use_keys(&world.keys);
    home
}

#[test]
fn version_without_the_signature_of_the_one_before_is_not_published() {
    let world = World::with_foo(["1.0.0"]);
    let keyless = without_key(&world);
    let output = publish(&world, &keyless, "1.0.1", &[]).failed();
    expect![[r#"
            Updating `demo` index
           Packaging foo v1.0.1 ([SANDBOX]/foo-1.0.1)
            Packaged 4 files, [SIZE]
           Uploading foo v1.0.1 ([SANDBOX]/foo-1.0.1)
        error: whoever uses `foo` would refuse `foo v1.0.1`: v1.0.0 is signed as `github:octocat`, and this version would not be signed

        help: publish with a key of `github:octocat`; `cargo key list` shows those that are here. `--allow-signer-change` publishes it all the same
    "#]].assert_eq(&output.stderr);
    assert!(!world.registry.index("foo").contains("1.0.1"));
    // A dry run says so, and ends as ever.
    let output = publish(&world, &keyless, "1.0.1", &["--dry-run"]).succeeded();
    assert!(
        output
            .stderr
            .contains("warning: whoever uses `foo` would refuse"),
        "{}",
        output.stderr
    );
    publish(&world, &keyless, "1.0.1", &["--allow-signer-change"]).succeeded();
    assert!(world.registry.index("foo").contains("1.0.1"));
}

#[test]
fn version_by_somebody_else_is_not_published() {
    let world = World::with_foo(["1.0.0"]);
    let home = without_key(&world);
    world.make_key(&home, "ann");
    let output = publish(&world, &home, "1.0.1", &[]).failed();
    expect![[r#"
            Updating `demo` index
           Packaging foo v1.0.1 ([SANDBOX]/foo-1.0.1)
            Packaged 4 files, [SIZE]
           Uploading foo v1.0.1 ([SANDBOX]/foo-1.0.1)
        error: whoever uses `foo` would refuse `foo v1.0.1`: v1.0.0 is signed as `github:octocat`, and this version would be as `github:ann`

        help: publish as `github:octocat`, with `signing.identity`; or first tell them to run `cargo signers allow --registry demo foo github:ann`. `--allow-signer-change` publishes it all the same
    "#]].assert_eq(&output.stderr);
    publish(&world, &home, "1.0.1", &["--allow-signer-change"]).succeeded();
    // From then on it is ann's.
    publish(&world, &home, "1.0.2", &[]).succeeded();
}

#[test]
fn other_line_is_a_line_of_its_own() {
    let world = World::with_foo(["2.0.0"]);
    publish(&world, &without_key(&world), "1.0.1", &[]).succeeded();
}

#[test]
fn first_signature_is_no_change() {
    let world = World::new();
    let folder = world.library("foo", "1.0.0").write();
    let run = world.octocat.cargo(&stock(), &folder);
    run.args(["publish", "--no-verify"]).run().succeeded();
    publish(&world, &world.octocat, "1.0.1", &[]).succeeded();
}

#[test]
fn newer_line_without_a_signature_is_not_published() {
    let world = World::with_foo(["1.0.0"]);
    let output = publish(&world, &without_key(&world), "2.0.0", &[]).failed();
    let said = "whoever uses `foo` would refuse `foo v2.0.0`: v1.0.0 is signed";
    assert!(output.stderr.contains(said), "{}", output.stderr);
}

/// Who has built with it knows it.
#[test]
fn yanked_version_counts_as_well() {
    let world = World::with_foo(["1.0.0"]);
    let yank = world.octocat.cargo(&consign(), world.sandbox.path());
    let yank = yank.args(["yank", "foo@1.0.0", "--registry", "demo"]);
    yank.run().succeeded();
    publish(&world, &without_key(&world), "1.0.1", &[]).failed();
}

#[test]
fn version_below_the_first_signed_one_is_published_unsigned() {
    let world = World::with_foo(["1.5.0"]);
    publish(&world, &without_key(&world), "1.4.9", &[]).succeeded();
}
