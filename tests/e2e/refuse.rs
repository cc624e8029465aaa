//! A registry, a mirror or a cache that lies is found out, whatever it lies about.

use std::fs;
use std::path::{Path, PathBuf};

use consign_statement::Digest;
use consign_testbed::{Registry, consign, crate_with_changed_file};
use expect_test::expect;
use serde_json::{Value, json};

use crate::World;

#[test]
fn unsigned_package_is_refused_when_signatures_are_required() {
    let world = World::new();
    world.publish_unsigned(world.library("foo", "1.0.0"));
    expect![[r#"
            Updating `demo` index
        error: failed to select a version for the requirement `foo = "^1"`
          version 1.0.0 is not signed, and signatures are required by `--require-signatures`
        location searched: `demo` index
        required by package `app v0.1.0 ([SANDBOX]/app)`

        help: choose a version that is signed, ask its authors to sign, or leave out `--require-signatures`
    "#]]
    .assert_eq(&world.refusal(&world.app()));
}

#[test]
fn every_refused_version_is_listed_with_its_reason() {
    let world = World::with_foo(["1.0.0", "1.0.2"]);
    world.publish_unsigned(world.library("foo", "1.0.1"));
    world.registry.edit_line("foo", "1.0.2", |line| {
        line["signature"] = json!({ "v": 2, "proof": [] });
    });
    world
        .keys
        .publish("octocat", &other_key("octocat").public_armored());
    expect![[r#"
            Updating `demo` index
        warning: `foo v1.0.0 (registry `demo`)` is passed over: it is signed as `github:octocat` with a key that this account does not publish: ed25519:[KEY]
        help: choose another version, or ask whoever owns `github:octocat` whether they signed this one
        error: failed to select a version for the requirement `foo = "^1"`
          version 1.0.0 is signed as `github:octocat` with a key that this account does not publish: ed25519:[KEY]
          version 1.0.1 is not signed, and signatures are required by `--require-signatures`
          version 1.0.2 counts as not signed (its signature is in version 2 of the format; this Consign reads version 1), and signatures are required by `--require-signatures`
        location searched: `demo` index
        required by package `app v0.1.0 ([SANDBOX]/app)`

        help: choose a version that is signed, ask its authors to sign, or leave out `--require-signatures`
    "#]].assert_eq(&world.refusal(&world.app()));
}

#[test]
fn unsigned_package_in_the_lockfile_is_refused() {
    let world = World::with_foo(["1.0.0"]);
    world.publish_unsigned(world.library("foo", "1.0.1"));
    let app = world.app();
    world.cargo(&app, ["build"]).succeeded();
    assert_eq!(world.locked(&app, "foo"), "1.0.1");
    let output = world
        .cargo(&app, ["build", "--locked", "--require-signatures"])
        .failed()
        .normalised();
    expect![[r#"
        error: failed to select a version for the requirement `foo = "^1"` (locked to 1.0.1)
          version 1.0.1 is not signed, and signatures are required by `--require-signatures`
        location searched: `demo` index
        required by package `app v0.1.0 ([SANDBOX]/app)`

        help: choose a version that is signed, ask its authors to sign, or leave out `--require-signatures`
    "#]]
    .assert_eq(&output.stderr);
}

#[test]
fn dependency_that_is_unsigned_is_refused_with_who_wants_it() {
    let world = World::new();
    world.publish_unsigned(world.library("foo", "1.0.0"));
    world.publish(
        world
            .library("bar", "1.0.0")
            .dependency("foo", "1")
            .file("src/lib.rs", "pub use foo::name;"),
    );
    expect![[r#"
            Updating `demo` index
        error: failed to select a version for the requirement `foo = "^1"`
          version 1.0.0 is not signed, and signatures are required by `--require-signatures`
        location searched: `demo` index
        required by package `bar v1.0.0 (registry `demo`)`
            ... which satisfies dependency `bar = "^1"` of package `app v0.1.0 ([SANDBOX]/app)`

        help: choose a version that is signed, ask its authors to sign, or leave out `--require-signatures`
    "#]]
    .assert_eq(&world.refusal(&world.app_with("bar", "1")));
}

/// Other bytes under the name of a version, and the checksum in the index to go with them.
pub fn swap_bytes(registry: &Registry, name: &str, version: &str) {
    let path = registry.crate_path(name, version);
    let bytes = crate_with_changed_file(
        &fs::read(&path).unwrap(),
        "src/lib.rs",
        b"pub fn name() -> &'static str { \"evil\" }",
    );
    fs::write(&path, &bytes).unwrap();
    registry.edit_line(name, version, |line| {
        line["cksum"] = Digest::of(&bytes).to_string().into();
    });
}

#[test]
fn tampered_crate_is_refused() {
    let world = World::with_foo(["1.0.0"]);
    swap_bytes(&world.registry, "foo", "1.0.0");
    let app = world.app();
    expect![[r#"
            Updating `demo` index
        error: refusing `foo v1.0.0 (registry `demo`)`: it was tampered with: the signature does not fit the index entry

        help: do not build it: what the registry, a mirror or a cache serves is not what was published. Tell the registry and the package's authors
    "#]].assert_eq(&world.refusal(&app));
    assert!(!app.join("Cargo.lock").exists(), "a lockfile was written");
    assert!(unpacked(&world, "foo-1.0.0").is_none());
}

#[test]
fn tampered_crate_is_refused_where_nothing_is_required() {
    let world = World::with_foo(["1.0.0"]);
    swap_bytes(&world.registry, "foo", "1.0.0");
    world.cargo(&world.app(), ["fetch"]).failed();
}

#[test]
fn tampered_crate_is_refused_though_an_older_version_would_do() {
    let world = World::with_foo(["1.0.0", "1.0.1"]);
    swap_bytes(&world.registry, "foo", "1.0.1");
    world.fetch(&world.app()).failed();
}

#[test]
fn edited_crate_in_the_cache_is_refused() {
    let world = World::with_foo(["1.0.0"]);
    let app = world.app();
    world
        .cargo(&app, ["build", "--require-signatures"])
        .succeeded();
    edit_cached(&world);
    let output = world
        .cargo(&app, ["build", "--locked", "--require-signatures"])
        .failed()
        .normalised();
    expect![[r#"
        error: failed to download `foo v1.0.0 (registry `demo`)`

        Caused by:
          unable to get packages from source

        Caused by:
          failed to unpack package `foo v1.0.0 (registry `demo`)`

        Caused by:
          refusing `foo v1.0.0 (registry `demo`)`: its archive is not the one that `github:octocat` signed
          signed: [SHA256]
          found:  [SHA256]

          help: remove `[SANDBOX]/homes/user/registry/cache/*/foo-1.0.0.crate`, so that it is downloaded again; if the error stays, tell the registry and the package's authors
    "#]].assert_eq(&output.stderr);
    // It is not the flag that makes the difference.
    world.cargo(&app, ["build", "--locked"]).failed();
}

#[test]
fn vendoring_from_an_edited_cache_is_refused() {
    let world = World::with_foo(["1.0.0"]);
    let app = world.app();
    world.fetch(&app).succeeded();
    edit_cached(&world);
    let output = world
        .cargo(&app, ["vendor", "--locked", "--require-signatures"])
        .failed()
        .normalised();
    expect![[r#"
        error: failed to sync

        Caused by:
          failed to download packages for [SANDBOX]/app

        Caused by:
          failed to download `foo v1.0.0 (registry `demo`)`

        Caused by:
          unable to get packages from source

        Caused by:
          failed to unpack package `foo v1.0.0 (registry `demo`)`

        Caused by:
          refusing `foo v1.0.0 (registry `demo`)`: its archive is not the one that `github:octocat` signed
          signed: [SHA256]
          found:  [SHA256]

          help: remove `[SANDBOX]/homes/user/registry/cache/*/foo-1.0.0.crate`, so that it is downloaded again; if the error stays, tell the registry and the package's authors
    "#]].assert_eq(&output.stderr);
}

/// Changes a file in the archive of `foo` 1.0.0 that the user's cargo keeps, and has it unpacked
/// anew.
fn edit_cached(world: &World) {
    let cached = below(&world.user.path().join("registry/cache"), "foo-1.0.0.crate").unwrap();
    let changed = b"pub fn name() -> &'static str { \"evil\" }";
    let bytes = crate_with_changed_file(&fs::read(&cached).unwrap(), "src/lib.rs", changed);
    fs::write(&cached, bytes).unwrap();
    fs::remove_dir_all(unpacked(world, "foo-1.0.0").unwrap()).unwrap();
    let _ = fs::remove_dir_all(world.sandbox.path().join("app/target"));
}

/// The folder into which the user's cargo has unpacked a package.
fn unpacked(world: &World, package: &str) -> Option<PathBuf> {
    below(&world.user.path().join("registry/src"), package)
}

/// What is called `name` in one of the folders in `folder`.
fn below(folder: &Path, name: &str) -> Option<PathBuf> {
    let folders = fs::read_dir(folder).ok()?;
    folders
        .map(|folder| folder.unwrap().path().join(name))
        .find(|path| path.exists())
}

/// Whatever of a signed entry is changed, the command stops and says that it was tampered with.
#[track_caller]
fn changed_entry_is_refused(change: impl FnOnce(&mut Value)) {
    let world = World::with_foo(["1.0.0"]);
    world.publish_unsigned(world.library("evil", "1.0.0"));
    world.registry.edit_line("foo", "1.0.0", change);
    let refusal = world.refusal(&world.app());
    let expected = "error: refusing `foo v1.0.0 (registry `demo`)`: it was tampered with: ";
    assert!(refusal.contains(expected), "{refusal}");
}

#[test]
fn changed_dependency_in_the_index_is_refused() {
    let world = World::with_foo(["1.0.0"]);
    world.publish_unsigned(world.library("evil", "1.0.0"));
    world.registry.edit_line("foo", "1.0.0", |line| {
        line["deps"] = json!([{
            "name": "evil", "req": "^1", "features": [], "optional": false,
            "default_features": true, "target": null, "kind": "normal",
        }]);
    });
    let app = world.app();
    let output = world.cargo(&app, ["fetch"]).failed().normalised();
    expect![[r#"
            Updating `demo` index
        error: refusing `foo v1.0.0 (registry `demo`)`: it was tampered with: the signature does not fit the index entry

        help: do not build it: what the registry, a mirror or a cache serves is not what was published. Tell the registry and the package's authors
    "#]].assert_eq(&output.stderr);
    assert!(!app.join("Cargo.lock").exists(), "a lockfile was written");
}

#[test]
fn added_feature_in_the_index_is_refused() {
    changed_entry_is_refused(|line| line["features"] = json!({ "extra": [] }));
}

#[test]
fn added_new_style_feature_in_the_index_is_refused() {
    changed_entry_is_refused(|line| line["features2"] = json!({ "extra": [] }));
}

#[test]
fn added_links_in_the_index_is_refused() {
    changed_entry_is_refused(|line| line["links"] = json!("z"));
}

#[test]
fn added_rust_version_in_the_index_is_refused() {
    changed_entry_is_refused(|line| line["rust_version"] = json!("1.60"));
}

#[test]
fn changed_checksum_in_the_index_is_refused() {
    changed_entry_is_refused(|line| line["cksum"] = json!("0".repeat(64)));
}

#[test]
fn changed_time_of_signing_is_refused() {
    changed_entry_is_refused(|line| line["signature"]["time"] = json!(1));
}

#[test]
fn other_user_in_the_key_locator_is_refused() {
    changed_entry_is_refused(|line| line["key_locator"]["user"] = json!("torvalds"));
}

#[test]
fn account_number_that_was_not_signed_is_refused() {
    changed_entry_is_refused(|line| line["key_locator"]["account"] = json!(583_231));
}

#[test]
fn what_the_registry_says_on_its_own_is_not_signed() {
    let world = World::with_foo(["1.0.0"]);
    world.registry.edit_line("foo", "1.0.0", |line| {
        line["pubtime"] = json!("2026-01-01T00:00:00Z");
        line["yanked"] = json!(false);
        line["something-else"] = json!({ "a": 1 });
    });
    world.fetch(&world.app()).succeeded();
}

#[test]
fn signature_of_another_version_is_refused() {
    let world = World::with_foo(["1.0.0"]);
    world.publish_unsigned(world.library("foo", "1.0.1"));
    copy_signature(&world, ("foo", "1.0.0"), ("foo", "1.0.1"));
    expect![[r#"
            Updating `demo` index
        error: refusing `foo v1.0.1 (registry `demo`)`: it was tampered with: the signature does not fit the index entry

        help: do not build it: what the registry, a mirror or a cache serves is not what was published. Tell the registry and the package's authors
    "#]].assert_eq(&world.refusal(&world.app()));
}

#[test]
fn signature_of_another_package_is_refused() {
    let world = World::with_foo(["1.0.0"]);
    world.publish_unsigned(world.library("bar", "1.0.0"));
    copy_signature(&world, ("foo", "1.0.0"), ("bar", "1.0.0"));
    expect![[r#"
            Updating `demo` index
        error: refusing `bar v1.0.0 (registry `demo`)`: it was tampered with: the signature does not fit the index entry

        help: do not build it: what the registry, a mirror or a cache serves is not what was published. Tell the registry and the package's authors
    "#]].assert_eq(&world.refusal(&world.app_with("bar", "1")));
}

fn copy_signature(world: &World, from: (&str, &str), to: (&str, &str)) {
    let from = world.registry.line(from.0, from.1);
    world.registry.edit_line(to.0, to.1, |line| {
        line["key_locator"] = from["key_locator"].clone();
        line["signature"] = from["signature"].clone();
    });
}

#[test]
fn older_version_under_a_newer_number_is_refused() {
    let world = World::with_foo(["1.0.0"]);
    // All of 1.0.0, bytes and signature, offered as 1.0.9.
    let old = world.registry.line("foo", "1.0.0");
    let mut new = old.clone();
    new["vers"] = json!("1.0.9");
    world
        .registry
        .write_index("foo", &format!("{old}\n{new}\n"));
    let from = world.registry.crate_path("foo", "1.0.0");
    fs::copy(from, world.registry.crate_path("foo", "1.0.9")).unwrap();
    world.fetch(&world.app()).failed();
}

#[test]
fn signature_for_another_registry_is_refused() {
    let world = World::with_foo(["1.0.0"]);
    let copy = Registry::start(&world.sandbox);
    copy_packages(&world.registry, &copy);
    let user = world.sandbox.home("user-of-the-copy");
    user.use_registry(&copy, None);
    user.use_keys(&world.keys);
    let fetch = |args: &[&str]| {
        user.cargo(&consign(), &world.app())
            .args(["fetch"])
            .args(args)
            .run()
            .failed()
            .normalised()
    };
    expect![[r#"
            Updating `demo` index
        warning: `foo v1.0.0 (registry `demo`)` is passed over: it is signed for another registry: for `http://127.0.0.1:[PORT]/index`, not for `http://127.0.0.1:[PORT]/index`
        help: a signature is good in one registry only; if this is meant to be a mirror of `http://127.0.0.1:[PORT]/index`, configure it as a replacement of that source
        error: failed to select a version for the requirement `foo = "^1"`
          version 1.0.0 is signed for another registry: for `http://127.0.0.1:[PORT]/index`, not for `http://127.0.0.1:[PORT]/index`
        location searched: `demo` index
        required by package `app v0.1.0 ([SANDBOX]/app)`
    "#]].assert_eq(&fetch(&["--require-signatures"]).stderr);
    fetch(&[]);
}

/// What somebody does who downloads a registry and serves it as his own.
pub fn copy_packages(from: &Registry, to: &Registry) {
    for package in fs::read_dir(from.root().join("packages")).unwrap() {
        let package = package.unwrap();
        let folder = to.root().join("packages").join(package.file_name());
        fs::create_dir_all(&folder).unwrap();
        for file in fs::read_dir(package.path()).unwrap() {
            let file = file.unwrap();
            fs::copy(file.path(), folder.join(file.file_name())).unwrap();
        }
    }
}

#[test]
fn stripped_signature_is_refused() {
    let world = World::with_foo(["1.0.0"]);
    world.registry.edit_line("foo", "1.0.0", |line| {
        let line = line.as_object_mut().unwrap();
        line.remove("signature");
        line.remove("key_locator");
    });
    expect![[r#"
            Updating `demo` index
        error: failed to select a version for the requirement `foo = "^1"`
          version 1.0.0 is not signed, and signatures are required by `--require-signatures`
        location searched: `demo` index
        required by package `app v0.1.0 ([SANDBOX]/app)`

        help: choose a version that is signed, ask its authors to sign, or leave out `--require-signatures`
    "#]]
    .assert_eq(&world.refusal(&world.app()));
}

#[test]
fn strangers_key_that_claims_the_identity_is_refused() {
    let world = World::new();
    world.publish_unsigned(world.library("foo", "1.0.0"));
    let fields =
        world
            .registry
            .signed_fields("foo", "1.0.0", &world.identity(), &other_key("octocat"));
    world.registry.edit_line("foo", "1.0.0", |line| {
        line["key_locator"] = fields["key_locator"].clone();
        line["signature"] = fields["signature"].clone();
    });
    expect![[r#"
            Updating `demo` index
        warning: `foo v1.0.0 (registry `demo`)` is passed over: it is signed as `github:octocat` with a key that this account does not publish: ed25519:[KEY]
        help: choose another version, or ask whoever owns `github:octocat` whether they signed this one
        error: failed to select a version for the requirement `foo = "^1"`
          version 1.0.0 is signed as `github:octocat` with a key that this account does not publish: ed25519:[KEY]
        location searched: `demo` index
        required by package `app v0.1.0 ([SANDBOX]/app)`
    "#]].assert_eq(&world.refusal(&world.app()));
    world.cargo(&world.app(), ["fetch"]).failed();
}

/// A key that claims to be of `github:USER`, as anybody could make one.
pub fn other_key(user: &str) -> consign_identity::openpgp::SecretKey {
    let identity = format!("github:{user}").parse().unwrap();
    consign_identity::openpgp::SecretKey::generate(
        &identity,
        1_700_000_000,
        consign_identity::openpgp::OsRng,
    )
    .unwrap()
}

#[test]
fn unsigned_program_is_not_installed_when_signatures_are_required() {
    let world = World::new();
    world.publish_unsigned(world.library("tool", "1.0.0").program(""));
    let output = world
        .cargo(
            world.sandbox.path(),
            ["install", "tool", "--require-signatures"],
        )
        .failed()
        .normalised();
    expect![[r#"
            Updating `demo` index
        error: refusing `tool v1.0.0 (registry `demo`)`: it is not signed
        signatures are required by `--require-signatures`

        help: choose a version that is signed, ask its authors to sign, or leave out `--require-signatures`
    "#]].assert_eq(&output.stderr);
}

#[test]
fn tampered_program_is_not_installed() {
    let world = World::new();
    world.publish(world.library("tool", "1.0.0").program(""));
    world
        .registry
        .edit_line("tool", "1.0.0", |line| line["links"] = json!("z"));
    let output = world
        .cargo(world.sandbox.path(), ["install", "tool"])
        .failed()
        .normalised();
    expect![[r#"
            Updating `demo` index
        error: refusing `tool v1.0.0 (registry `demo`)`: it was tampered with: the signature does not fit the index entry

        help: do not build it: what the registry, a mirror or a cache serves is not what was published. Tell the registry and the package's authors
    "#]].assert_eq(&output.stderr);
}

#[test]
fn installing_does_not_look_for_another_version() {
    let world = World::new();
    world.publish(world.library("tool", "1.0.0").program(""));
    world.publish_unsigned(world.library("tool", "1.0.1").program(""));
    let args = ["install", "tool", "--require-signatures"];
    let output = world.cargo(world.sandbox.path(), args).failed();
    assert!(
        output.stderr.contains("refusing `tool v1.0.1 "),
        "{}",
        output.stderr
    );
}

#[test]
fn program_with_an_unsigned_dependency_is_not_installed() {
    let world = World::new();
    world.publish_unsigned(world.library("foo", "1.0.0"));
    let tool = world.library("tool", "1.0.0").dependency("foo", "1");
    world.publish(tool.program("println!(\"{}\", foo::name());"));
    let args = ["install", "tool", "--debug", "--require-signatures"];
    let output = world.cargo(world.sandbox.path(), args).failed();
    assert!(
        output.stderr.contains("version 1.0.0 is not signed"),
        "{}",
        output.stderr
    );
}

#[test]
fn unpacked_package_is_checked_before_it_is_compiled() {
    let world = World::with_foo(["1.0.0"]);
    swap_bytes(&world.registry, "foo", "1.0.0");
    let app = world.app();
    // Stock cargo writes the lockfile and unpacks the sources.
    let stock = world.user.cargo(&consign_testbed::stock(), &app);
    stock.args(["fetch"]).run().succeeded();
    let output = world
        .cargo(&app, ["build", "--locked"])
        .failed()
        .normalised();
    expect![[r#"
        error: refusing `foo v1.0.0 (registry `demo`)`: it was tampered with: the signature does not fit the index entry

        help: do not build it: what the registry, a mirror or a cache serves is not what was published. Tell the registry and the package's authors
    "#]].assert_eq(&output.stderr);
    world
        .cargo(&app, ["build", "--locked", "--require-signatures"])
        .failed();
}

#[test]
fn unpacked_package_that_is_unsigned_is_not_compiled_when_signatures_are_required() {
    let world = World::new();
    world.publish_unsigned(world.library("foo", "1.0.0"));
    let app = world.app();
    let stock = world.user.cargo(&consign_testbed::stock(), &app);
    stock.args(["fetch"]).run().succeeded();
    world.registry.stop();
    world
        .cargo(&app, ["build", "--offline", "--require-signatures"])
        .failed();
}

/// `cargo add` and `cargo info` look for a package by name: that it is there, and not signed, is
/// another answer than that there is none.
#[test]
fn looking_for_an_unsigned_package_says_that_it_is_not_signed() {
    let world = World::new();
    world.publish_unsigned(world.library("bar", "1.0.0"));
    world.publish(world.library("foo", "1.0.0"));
    let app = world.app();
    for command in ["info", "add"] {
        let output = world
            .cargo(
                &app,
                [command, "--registry", "demo", "--require-signatures", "bar"],
            )
            .failed();
        assert!(
            output.stderr.contains(
                "warning: versions of `bar` that are not signed are left out: \
                 signatures are required by `--require-signatures`"
            ),
            "{}",
            output.stderr
        );
    }
}
