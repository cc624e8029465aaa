//! Signatures that travel in the package, where the index keeps none.
//!
//! What is told of registries by others is played here by our own, whose index forgets what they do not
//! keep; [`crate::registries`] has the real ones.

use std::fs;
use std::path::{Path, PathBuf};

use consign_statement::carrier::{self, Carried, Carrier};
use consign_testbed::{consign, crate_with_changed_file, stock};
use expect_test::expect;
use serde_json::{Value, json};

use crate::World;
use crate::world::other_key;

const RUN: [&str; 3] = ["run", "--quiet", "--require-signatures"];
const NAME: &str = carrier::NAME;

/// `foo` in these versions, whose index says nothing of signatures.
fn with_foo<const N: usize>(versions: [&str; N]) -> World {
    let world = World::new();
    for version in versions {
        world.publish_elsewhere(world.library("foo", version));
    }
    world
}

/// What an archive carries.
fn carried(archive: &Path, name: &str, version: &str) -> Option<Carrier> {
    let archive = fs::read(archive).unwrap();
    let bytes = carrier::in_crate(&archive[..], name, version)?.unwrap();
    match Carrier::from_json(&bytes).unwrap() {
        Carried::Signature(carrier) => Some(carrier),
        Carried::UnknownVersion(v) => panic!("version {v}"),
    }
}

/// The bytes that are served for a version, with another file in them.
fn with_other_file(world: &World, version: &str, path: &str, content: &[u8]) -> Vec<u8> {
    let archive = fs::read(world.registry.crate_path("foo", version)).unwrap();
    crate_with_changed_file(&archive, path, content)
}

/// What was said, whatever it is lined up with.
fn lines(stderr: &str) -> String {
    let lines = stderr.lines().map(str::trim_start);
    lines.map(|line| format!("{line}\n")).collect()
}

#[test]
fn package_carries_its_signature() {
    let world = with_foo(["1.0.0"]);
    let app = world.app();
    let output = world.cargo(&app, ["run", "--require-signatures"]);
    let output = output.succeeded().normalised();
    expect![[r#"
        Updating `demo` index
        Downloading crates ...
        Downloaded foo v1.0.0 (registry `demo`) (published by GitHub user @octocat)
        Locking 1 package to latest Rust [RUST] compatible version
        Compiling foo v1.0.0 (registry `demo`)
        Compiling app v0.1.0 ([SANDBOX]/app)
        Finished `dev` profile [unoptimized + debuginfo] target(s) in [TIME]s
        Running `target/debug/app`
    "#]]
    .assert_eq(&lines(&output.stderr));
    assert_eq!(output.stdout, "foo 1.0.0\n");

    let archive = world.registry.crate_path("foo", "1.0.0");
    let carrier = carried(&archive, "foo", "1.0.0").unwrap();
    carrier.verify(&world.registry.identity()).unwrap();
}

#[test]
fn index_entry_is_signed_as_well_and_counts_alone() {
    let world = World::with_foo(["1.0.0"]);
    let archive = world.registry.crate_path("foo", "1.0.0");
    let carrier = carried(&archive, "foo", "1.0.0").unwrap();
    let line = world.registry.line("foo", "1.0.0");
    assert_eq!(line["signature"]["time"], carrier.fields().signature.time);
    assert_ne!(
        line["signature"]["tree"],
        carrier.fields().signature.tree.to_string()
    );
    // A withdrawn key is known before anything is downloaded.
    let other = other_key("octocat").public_armored();
    world.keys.publish("octocat", &other);
    let refusal = world.refusal(&world.app());
    assert!(!refusal.contains("Downloading"), "{refusal}");
}

#[test]
fn stock_cargo_builds_what_carries_a_signature() {
    let world = with_foo(["1.0.0"]);
    let app = world.app();
    let output = world.user.cargo(&stock(), &app).args(["run"]).run();
    assert_eq!(output.succeeded().stdout, "foo 1.0.0\n");
}

#[test]
fn unsigned_entry_is_as_ever_where_nothing_is_required() {
    let world = with_foo(["1.0.0"]);
    let app = world.app();
    let output = world.cargo(&app, ["run"]).succeeded().normalised();
    expect![[r#"
        Updating `demo` index
        Locking 1 package to latest Rust [RUST] compatible version
        Downloading crates ...
        Downloaded foo v1.0.0 (registry `demo`) (published by GitHub user @octocat)
        Compiling foo v1.0.0 (registry `demo`)
        Compiling app v0.1.0 ([SANDBOX]/app)
        Finished `dev` profile [unoptimized + debuginfo] target(s) in [TIME]s
        Running `target/debug/app`
    "#]]
    .assert_eq(&lines(&output.stderr));
}

#[test]
fn dry_run_puts_the_signature_in() {
    let world = World::new();
    let folder = world.library("foo", "1.0.0").write();
    let publish = world.octocat.cargo(&consign(), &folder);
    publish.args(["publish", "--dry-run"]).run().succeeded();
    let archive = folder.join("target/package/tmp-crate/foo-1.0.0.crate");
    assert!(carried(&archive, "foo", "1.0.0").is_some());
}

#[test]
fn packaging_alone_adds_nothing() {
    let world = World::new();
    let folder = world.library("foo", "1.0.0").write();
    let archive = folder.join("target/package/foo-1.0.0.crate");
    let mut archives = Vec::new();
    for cargo in [consign(), stock()] {
        let list = world.octocat.cargo(&cargo, &folder);
        let list = list.args(["package", "--list"]).run().succeeded();
        assert!(!list.stdout.contains(NAME), "{}", list.stdout);
        let package = world.octocat.cargo(&cargo, &folder);
        package.args(["package", "--no-verify"]).run().succeeded();
        archives.push(fs::read(&archive).unwrap());
    }
    assert_eq!(archives[0], archives[1]);
}

#[test]
fn package_without_a_key_is_stocks_byte_for_byte() {
    let world = World::new();
    let token = world.registry.token("nobody");
    let nobody = world.sandbox.home("nobody");
    nobody.use_registry(&world.registry, Some(&token));
    let folder = world.library("foo", "1.0.0").write();
    let publish = |cargo: &PathBuf, dry_run: &[&str]| {
        let publish = nobody.cargo(cargo, &folder);
        publish
            .args(["publish", "--no-verify"])
            .args(dry_run)
            .run()
            .succeeded();
        fs::read(folder.join("target/package/tmp-crate/foo-1.0.0.crate")).unwrap()
    };
    let by_stock = publish(&stock(), &["--dry-run"]);
    assert_eq!(publish(&consign(), &[]), by_stock);
    let served = fs::read(world.registry.crate_path("foo", "1.0.0")).unwrap();
    assert_eq!(served, by_stock);
}

#[test]
fn file_in_the_place_of_the_carrier_is_not_packaged() {
    let world = World::new();
    let folder = world
        .library("foo", "1.0.0")
        .package_line("include = [\"/src\", \".Cargo_Signature.json\"]")
        .file(".Cargo_Signature.json", "{}")
        .write();
    let package = |args: [&str; 2]| {
        let package = world.octocat.cargo(&consign(), &folder).args(args);
        package.run().failed().normalised().stderr
    };
    expect![[r#"
        error: `.Cargo_Signature.json` cannot be packaged: it is where `cargo publish` puts the signature

        help: remove it; it may have come with a copy of a published package
    "#]].assert_eq(&package(["package", "--list"]));
    let refused = package(["publish", "--no-verify"]);
    assert!(refused.contains("cannot be packaged"), "{refused}");
}

#[test]
fn members_of_a_workspace_carry_theirs() {
    let world = World::new();
    let workspace = world.sandbox.path().join("workspace");
    let package = |name: &str| {
        let package = world.sandbox.package(name).version("1.0.0");
        package.folder(&format!("workspace/{name}"))
    };
    package("one").write();
    package("foo")
        .dependency_line("one = { path = \"../one\", version = \"1\", registry = \"demo\" }")
        .file(
            "src/lib.rs",
            "pub fn name() -> &'static str { one::name() }",
        )
        .write();
    let manifest = "[workspace]\nmembers = [\"one\", \"foo\"]\nresolver = \"3\"\n";
    fs::write(workspace.join("Cargo.toml"), manifest).unwrap();
    let publish = world.octocat.cargo(&consign(), &workspace);
    publish
        .args(["publish", "--workspace", "--registry", "demo"])
        .run()
        .succeeded();
    for name in ["one", "foo"] {
        let archive = world.registry.crate_path(name, "1.0.0");
        assert!(carried(&archive, name, "1.0.0").is_some());
        world.index_forgets(name, "1.0.0");
    }
    let output = world.cargo(&world.app(), RUN).succeeded();
    assert_eq!(output.stdout, "one 1.0.0\n");
}

#[test]
fn every_kind_of_dependency_and_feature_is_compared() {
    let world = World::new();
    world.publish_elsewhere(world.library("foo", "1.0.0").feature("std", &[]));
    world.publish_elsewhere(world.library("helper", "1.0.0"));
    let bar = world
        .library("bar", "1.0.0+meta.7")
        .package_line("links = \"bar\"\nrust-version = \"1.85\"\nbuild = \"build.rs\"")
        .file("build.rs", "fn main() {}")
        .file(
            "src/lib.rs",
            "pub fn name() -> &'static str { renamed::name() }",
        )
        .dependency_line(
            "renamed = { package = \"foo\", version = \">=1, <2\", optional = true, \
             default-features = false, registry = \"demo\" }\n\
             implied = { package = \"helper\", version = \"1\", optional = true, registry = \"demo\" }",
        )
        .manifest(
            "[build-dependencies]\nhelper = { version = \"1\", registry = \"demo\" }\n\
             [dev-dependencies]\nfoo = { version = \"1\", registry = \"demo\" }\n\
             [target.'cfg( unix )'.dependencies]\n\
             helper = { version = \"=1.0.0\", features = [], registry = \"demo\" }\n\
             [features]\ndefault = [\"x\", \"weak\"]\nweak = [\"renamed?/std\"]\n\
             x = [\"dep:renamed\"]\n",
        );
    world.publish_elsewhere(bar);
    let app = world.app_with("bar", "1");
    assert_eq!(world.cargo(&app, RUN).succeeded().stdout, "foo 1.0.0\n");
}

#[test]
fn index_entry_that_differs_is_refused_though_the_bytes_are_right() {
    let world = World::new();
    world.publish_elsewhere(world.library("evil", "1.0.0"));
    let foo = world.library("foo", "1.0.0").feature("safe", &[]);
    world.publish_elsewhere(
        foo.package_line("links = \"foo\"")
            .file("build.rs", "fn main() {}"),
    );
    let honest = world.registry.index("foo");
    type Edit = fn(&mut Value);
    let edits: [(Edit, &str); 4] = [
        (
            |line| {
                line["deps"] = json!([{"name": "evil", "req": "^1", "features": [], "optional": false,
                "default_features": true, "target": null, "kind": "normal"}])
            },
            "its index entry has other dependencies than",
        ),
        (
            |line| line["features"]["default"] = json!(["safe"]),
            "its index entry has other features than",
        ),
        (
            |line| _ = line.as_object_mut().unwrap().remove("links"),
            "its index entry has another `links` than",
        ),
        (
            |line| line["rust_version"] = json!("1.0"),
            "its index entry has another `rust-version` than",
        ),
    ];
    let app = world.app();
    for (edit, why) in edits {
        world.registry.edit_line("foo", "1.0.0", edit);
        let refusal = world.refusal(&app);
        assert!(refusal.contains(why), "{refusal}");
        assert!(!app.join("Cargo.lock").exists());
        // Where nothing is required, it is found before anything is unpacked.
        let refusal = world.cargo(&app, ["fetch"]).failed().stderr;
        assert!(refusal.contains(why), "{refusal}");
        world.registry.write_index("foo", &honest);
        let _ = fs::remove_file(app.join("Cargo.lock"));
        fs::remove_dir_all(world.user.path().join("registry")).unwrap();
    }
    world.fetch(&app).succeeded();
}

#[test]
fn other_files_than_were_signed_are_refused() {
    let world = with_foo(["1.0.0"]);
    let evil = with_other_file(&world, "1.0.0", "src/lib.rs", b"");
    world.serve_instead("foo", "1.0.0", &evil);
    let app = world.app();
    expect![[r#"
            Updating `demo` index
         Downloading crates ...
        error: refusing `foo v1.0.0 (registry `demo`)`: the files in its archive are not those that `github:octocat` signed

        help: do not build it: tell the registry and the package's authors
    "#]].assert_eq(&world.refusal(&app));
    assert!(!app.join("Cargo.lock").exists());
    // Nothing lies where cargo would unpack it.
    let unpacked = world.user.path().join("registry/src");
    let folders = fs::read_dir(unpacked).into_iter().flatten();
    let inner = folders.flat_map(|folder| fs::read_dir(folder.unwrap().path()).unwrap());
    assert_eq!(inner.count(), 0);
}

#[test]
fn changed_carrier_is_refused() {
    let world = with_foo(["1.0.0"]);
    let archive = world.registry.crate_path("foo", "1.0.0");
    let carrier = carried(&archive, "foo", "1.0.0").unwrap();
    let text = String::from_utf8(carrier.bytes().to_vec()).unwrap();
    for (changed, why) in [
        (
            text.replace("octocat", "mallory"),
            "does not fit the statement",
        ),
        (format!("{text}\n"), "it is not in canonical form"),
        ("{}".to_owned(), "missing field `v`"),
    ] {
        let evil = with_other_file(&world, "1.0.0", NAME, changed.as_bytes());
        world.serve_instead("foo", "1.0.0", &evil);
        let app = world.app();
        for refusal in [world.fetch(&app), world.cargo(&app, ["fetch"])] {
            let refusal = refusal.failed().stderr;
            assert!(refusal.contains("was tampered with"), "{refusal}");
            assert!(refusal.contains(why), "{refusal}");
        }
        let _ = fs::remove_file(app.join("Cargo.lock"));
        fs::remove_dir_all(world.user.path().join("registry")).unwrap();
    }
}

/// It counts as none, and its package is downloaded like any that has none.
#[test]
fn carrier_in_a_later_version_of_the_format_is_no_hindrance() {
    let world = with_foo(["1.0.0"]);
    let later = with_other_file(&world, "1.0.0", NAME, b"{\"v\":99}");
    world.serve_instead("foo", "1.0.0", &later);
    let app = world.app();
    let output = world.cargo(&app, ["fetch"]).succeeded().normalised();
    expect![[r#"
        Updating `demo` index
        Locking 1 package to latest Rust [RUST] compatible version
        Downloading crates ...
        Downloaded foo v1.0.0 (registry `demo`)
    "#]]
    .assert_eq(&lines(&output.stderr));
    assert_eq!(world.cargo(&app, ["run"]).succeeded().stdout, "foo 1.0.0\n");
}

/// As where the disk is full, or the machine is switched off.
#[test]
fn archive_that_was_not_written_to_its_end_is_not_taken_for_one_without_a_signature() {
    let world = with_foo(["1.0.0"]);
    let app = world.app();
    world.fetch(&app).succeeded();
    let home = world.user.path().join("registry");
    let cache = fs::read_dir(home.join("cache")).unwrap();
    for registry in cache {
        let path = registry.unwrap().path().join("foo-1.0.0.crate");
        let archive = fs::read(&path).unwrap();
        fs::write(path, &archive[..10]).unwrap();
    }
    fs::remove_dir_all(home.join("src")).unwrap();
    let refusal = world.cargo(&app, ["fetch"]).failed().normalised().stderr;
    expect![[r#"
        error: failed to download `foo v1.0.0 (registry `demo`)`

        Caused by:
          unable to get packages from source

        Caused by:
          failed to unpack package `foo v1.0.0 (registry `demo`)`

        Caused by:
          refusing `foo v1.0.0 (registry `demo`)`: its archive is not the one that the index names
          named: [SHA256]
          found: [SHA256]

          help: remove `[SANDBOX]/homes/user/registry/cache/*/foo-1.0.0.crate`, so that it is downloaded again; if the error stays, tell the registry and the package's authors
    "#]].assert_eq(&refusal);
}

#[test]
fn carrier_of_another_version_counts_as_none() {
    let world = with_foo(["1.0.0", "1.0.1"]);
    let other = world.registry.crate_path("foo", "1.0.0");
    let other = carried(&other, "foo", "1.0.0").unwrap();
    let evil = with_other_file(&world, "1.0.1", NAME, other.bytes());
    world.serve_instead("foo", "1.0.1", &evil);
    let app = world.app();
    let output = world.cargo(&app, ["generate-lockfile", "--require-signatures"]);
    expect![[r#"
            Updating `demo` index
         Downloading crates ...
        warning: `foo v1.0.1 (registry `demo`)` counts as not signed: what it carries is the signature of `foo v1.0.0`
        help: tell its authors: the file came with a copy of another release
         Downloading crates ...
          Downloaded foo v1.0.0 (registry `demo`) (published by GitHub user @octocat)
             Locking 1 package to latest Rust [RUST] compatible version
    "#]].assert_eq(&output.succeeded().normalised().stderr);
    assert_eq!(world.locked(&app, "foo"), "1.0.0");
}

#[test]
fn carrier_for_another_registry_counts_as_none() {
    let world = with_foo(["1.0.0"]);
    let other = consign_testbed::Registry::start(&world.sandbox);
    crate::world::copy_packages(&world.registry, &other);
    other.restart();
    let user = world.sandbox.home("of-the-other");
    user.use_registry(&other, None);
    user.use_keys(&world.keys);
    let app = world.app();
    let run = user.cargo(&consign(), &app).args(["run"]).run();
    expect![[r#"
            Updating `demo` index
             Locking 1 package to latest Rust [RUST] compatible version
         Downloading crates ...
        warning: `foo v1.0.0 (registry `demo`)` counts as not signed: what it carries is a signature for another registry, for `http://127.0.0.1:[PORT]/index`, not for `http://127.0.0.1:[PORT]/index`
        help: if this is meant to be a mirror of `http://127.0.0.1:[PORT]/index`, configure it as a replacement of that source
          Downloaded foo v1.0.0 (registry `demo`)
           Compiling foo v1.0.0 (registry `demo`)
           Compiling app v0.1.0 ([SANDBOX]/app)
            Finished `dev` profile [unoptimized + debuginfo] target(s) in [TIME]s
             Running `target/debug/app`
    "#]].assert_eq(&run.succeeded().normalised().stderr);
    let build = user.cargo(&consign(), &app);
    let build = build.args(["build", "--locked", "--require-signatures"]);
    expect![[r#"
        warning: `foo v1.0.0 (registry `demo`)` counts as not signed: what it carries is a signature for another registry, for `http://127.0.0.1:[PORT]/index`, not for `http://127.0.0.1:[PORT]/index`
        help: if this is meant to be a mirror of `http://127.0.0.1:[PORT]/index`, configure it as a replacement of that source
        error: refusing `foo v1.0.0 (registry `demo`)`: it is not signed
        signatures are required by `--require-signatures`

        help: choose a version that is signed, ask its authors to sign, accept it with `cargo signers allow --registry demo foo@=1.0.0 --unsigned --reason WHY`, or leave out `--require-signatures`
    "#]].assert_eq(&build.run().failed().normalised().stderr);
    world.keep(other);
}

#[test]
fn older_version_is_taken_where_the_newest_carries_nothing() {
    let world = with_foo(["1.0.0", "1.1.0"]);
    world.publish_unsigned(world.library("foo", "1.2.0"));
    let app = world.app();
    let output = world.cargo(&app, ["run", "--require-signatures"]);
    let output = output.succeeded().normalised();
    expect![[r#"
        Updating `demo` index
        Downloading crates ...
        Downloading crates ...
        Downloaded foo v1.1.0 (registry `demo`) (published by GitHub user @octocat)
        Locking 1 package to latest Rust [RUST] compatible version
        Compiling foo v1.1.0 (registry `demo`)
        Compiling app v0.1.0 ([SANDBOX]/app)
        Finished `dev` profile [unoptimized + debuginfo] target(s) in [TIME]s
        Running `target/debug/app`
    "#]]
    .assert_eq(&lines(&output.stderr));
    assert_eq!(output.stdout, "foo 1.1.0\n");
}

#[test]
fn three_versions_are_tried_and_named() {
    let world = with_foo(["1.0.0"]);
    for version in ["1.1.0", "1.2.0", "1.3.0", "1.4.0"] {
        world.publish_unsigned(world.library("foo", version));
    }
    let app = world.app();
    expect![[r#"
            Updating `demo` index
         Downloading crates ...
         Downloading crates ...
         Downloading crates ...
        error: failed to select a version for the requirement `foo = "^1"`
          version 1.0.0 was not downloaded, after others that carry no signature
          version 1.1.0 was not downloaded, after others that carry no signature
          version 1.2.0 is not signed, and signatures are required by `--require-signatures`
          version 1.3.0 is not signed, and signatures are required by `--require-signatures`
          version 1.4.0 is not signed, and signatures are required by `--require-signatures`
        location searched: `demo` index
        required by package `app v0.1.0 ([SANDBOX]/app)`

        help: choose a version that is signed, ask its authors to sign, accept it with `cargo signers allow --registry demo foo@=1.4.0 --unsigned --reason WHY`, or leave out `--require-signatures`
    "#]].assert_eq(&world.refusal(&app));
    assert!(!app.join("Cargo.lock").exists());
}

#[test]
fn version_with_a_signature_in_the_index_is_found_behind_those_that_were_tried() {
    let world = World::with_foo(["1.0.0"]);
    for version in ["1.1.0", "1.2.0", "1.3.0", "1.4.0"] {
        world.publish_unsigned(world.library("foo", version));
    }
    let output = world.cargo(&world.app(), RUN).succeeded();
    assert_eq!(output.stdout, "foo 1.0.0\n");
}

#[test]
fn version_by_a_withdrawn_key_is_passed_over() {
    let world = with_foo(["1.0.0"]);
    let first = world.secret_key().public_armored();
    let folder = crate::world::key_file(&world.octocat, "octocat");
    fs::remove_file(folder).unwrap();
    world.make_key(&world.octocat, "octocat");
    world.publish_elsewhere(world.library("foo", "1.1.0"));
    world.keys.publish("octocat", &first);
    let app = world.app();
    let output = world.cargo(&app, ["run", "--require-signatures"]);
    let output = output.succeeded().normalised();
    expect![[r#"
        Updating `demo` index
        Downloading crates ...
        warning: `foo v1.1.0 (registry `demo`)` is passed over: it is signed as `github:octocat` with a key that this account does not publish: ed25519:[KEY]
        help: choose another version, or ask whoever owns `github:octocat` whether they signed this one. If so, they can publish the key, or you keep this version with `cargo signers allow --registry demo foo@1.1.0 --key ed25519:[KEY] --reason WHY`
        Downloading crates ...
        Downloaded foo v1.0.0 (registry `demo`) (published by GitHub user @octocat)
        Locking 1 package to latest Rust [RUST] compatible version
        Compiling foo v1.0.0 (registry `demo`)
        Compiling app v0.1.0 ([SANDBOX]/app)
        Finished `dev` profile [unoptimized + debuginfo] target(s) in [TIME]s
        Running `target/debug/app`
    "#]].assert_eq(&lines(&output.stderr));
    assert_eq!(output.stdout, "foo 1.0.0\n");
}

#[test]
fn package_in_the_lockfile_is_accepted_on_another_machine() {
    let world = with_foo(["1.0.0"]);
    let app = world.app();
    world.cargo(&app, ["generate-lockfile"]).succeeded();
    fs::remove_dir_all(world.user.path().join("registry")).unwrap();
    let output = world.cargo(&app, ["run", "--locked", "--require-signatures"]);
    let output = output.succeeded().normalised();
    expect![[r#"
        Updating `demo` index
        Downloading crates ...
        Downloaded foo v1.0.0 (registry `demo`) (published by GitHub user @octocat)
        Compiling foo v1.0.0 (registry `demo`)
        Compiling app v0.1.0 ([SANDBOX]/app)
        Finished `dev` profile [unoptimized + debuginfo] target(s) in [TIME]s
        Running `target/debug/app`
    "#]]
    .assert_eq(&lines(&output.stderr));
    // The second time nothing is to be done, and nothing is asked.
    world.registry.stop();
    world.keys.stop();
    let again = world.cargo(&app, ["run", "--locked", "--require-signatures"]);
    expect![[r#"
        Finished `dev` profile [unoptimized + debuginfo] target(s) in [TIME]s
        Running `target/debug/app`
    "#]]
    .assert_eq(&lines(&again.succeeded().normalised().stderr));
}

#[test]
fn what_another_platform_needs_is_judged_too() {
    let world = with_foo(["1.0.0"]);
    world.publish_unsigned(world.library("elsewhere", "1.0.0"));
    let app = |folder: &str, dependency: &str| {
        let manifest = format!(
            "[target.'cfg(windows)'.dependencies]\n\
             {dependency} = {{ version = \"1\", registry = \"demo\" }}\n"
        );
        let app = world.sandbox.package("app").folder(folder);
        app.manifest(&manifest).program("").write()
    };
    let good = app("good", "foo");
    let output = world.cargo(&good, ["check", "--quiet", "--require-signatures"]);
    output.succeeded();
    let cached = |name: &str| {
        let cache = world.user.path().join("registry/cache");
        let mut folders = fs::read_dir(cache).into_iter().flatten();
        folders.any(|folder| folder.unwrap().path().join(name).exists())
    };
    assert!(cached("foo-1.0.0.crate"));

    let bad = app("bad", "elsewhere");
    let refusal = world.refusal(&bad);
    assert!(refusal.contains("is not signed"), "{refusal}");
    // And where a lockfile names it, as soon as something is compiled.
    let manifest = fs::read_to_string(bad.join("Cargo.toml")).unwrap();
    let manifest = manifest.replace(
        "[dependencies]",
        "[dependencies]\nfoo = { version = \"1\", registry = \"demo\" }",
    );
    fs::write(bad.join("Cargo.toml"), manifest).unwrap();
    world.cargo(&bad, ["check"]).succeeded();
    fs::remove_dir_all(world.user.path().join("registry")).unwrap();
    assert!(!cached("elsewhere-1.0.0.crate"));
    let refusal = world.cargo(&bad, ["check", "--locked", "--require-signatures"]);
    let refusal = refusal.failed().stderr;
    assert!(refusal.contains("refusing `elsewhere v1.0.0"), "{refusal}");
}

#[test]
fn what_was_compiled_unsigned_is_refused_when_signatures_are_required() {
    let world = World::new();
    world.publish_unsigned(world.library("foo", "1.0.0"));
    let app = world.app();
    world.cargo(&app, ["run"]).succeeded();
    let refusal = world.cargo(&app, RUN).failed().normalised().stderr;
    expect![[r#"
        error: refusing `foo v1.0.0 (registry `demo`)`: it is not signed
        signatures are required by `--require-signatures`

        help: choose a version that is signed, ask its authors to sign, accept it with `cargo signers allow --registry demo foo@=1.0.0 --unsigned --reason WHY`, or leave out `--require-signatures`
    "#]].assert_eq(&refusal);
}

#[test]
fn changed_files_are_unpacked_again_and_the_carrier_with_them() {
    let world = with_foo(["1.0.0"]);
    let app = world.app();
    world.cargo(&app, RUN).succeeded();
    let sources = world.user.path().join("registry/src");
    let folder = fs::read_dir(sources).unwrap().next().unwrap().unwrap();
    let folder = folder.path().join("foo-1.0.0");
    for file in ["src/lib.rs", NAME] {
        let before = fs::read(folder.join(file)).unwrap();
        fs::write(
            folder.join(file),
            "pub fn name() -> &'static str { \"evil\" }",
        )
        .unwrap();
        fs::remove_dir_all(app.join("target")).unwrap();
        let output = world.cargo(&app, ["run", "--require-signatures"]);
        let output = output.succeeded();
        assert_eq!(output.stdout, "foo 1.0.0\n");
        let again = format!("was unpacked again, since not all was as it was signed (`{file}`)");
        assert!(output.stderr.contains(&again), "{}", output.stderr);
        assert_eq!(fs::read(folder.join(file)).unwrap(), before);
    }
}

#[test]
fn folder_that_stock_cargo_vendored_verifies() {
    let world = World::new();
    let foo = world.library("foo", "1.0.0");
    world.publish_elsewhere(
        foo.package_line("include = [\"/src\", \"/data\", \".gitignore\"]")
            .file(".gitignore", "target\n")
            .file("data/.gitattributes", "* text\n"),
    );
    let app = world.app();
    let vendor = world.user.cargo(&stock(), &app).args(["vendor"]);
    let config = vendor.run().succeeded().stdout;
    fs::create_dir_all(app.join(".cargo")).unwrap();
    fs::write(app.join(".cargo/config.toml"), config).unwrap();
    assert!(!app.join("vendor/foo/.gitignore").exists());
    let run = ["run", "--locked", "--require-signatures"];
    assert_eq!(world.cargo(&app, run).succeeded().stdout, "foo 1.0.0\n");

    for (file, content) in [("src/lib.rs", "x"), (".gitignore", "x"), (NAME, "{}")] {
        let path = app.join("vendor/foo").join(file);
        let before = fs::read(&path).ok();
        fs::write(&path, content).unwrap();
        fs::remove_dir_all(app.join("target")).unwrap();
        world.cargo(&app, run).failed();
        match before {
            Some(before) => fs::write(&path, before).unwrap(),
            None => fs::remove_file(&path).unwrap(),
        }
    }
    fs::remove_file(app.join("vendor/foo").join(NAME)).unwrap();
    let stripped = world.cargo(&app, run).failed().stderr;
    assert!(stripped.contains("is not signed"), "{stripped}");
}

#[test]
fn folder_is_vendored_with_what_it_carries() {
    let world = with_foo(["1.0.0"]);
    let app = world.app();
    let vendor = world.cargo(&app, ["vendor", "--require-signatures"]);
    let config = vendor.succeeded().stdout;
    fs::create_dir_all(app.join(".cargo")).unwrap();
    fs::write(app.join(".cargo/config.toml"), config).unwrap();
    let run = ["run", "--locked", "--require-signatures"];
    assert_eq!(world.cargo(&app, run).succeeded().stdout, "foo 1.0.0\n");
}

#[test]
fn program_is_installed_by_what_its_package_carries() {
    let world = World::new();
    let tool = |version| {
        world
            .library("tool", version)
            .program("println!(\"tool\");")
    };
    world.publish_elsewhere(tool("1.0.0"));
    let install = [
        "install",
        "tool",
        "--registry",
        "demo",
        "--require-signatures",
    ];
    world.cargo(world.sandbox.path(), install).succeeded();
    world.publish_unsigned(tool("1.0.1"));
    let refusal = world.cargo(world.sandbox.path(), install).failed();
    expect![[r#"
            Updating `demo` index
         Downloading crates ...
          Downloaded tool v1.0.1 (registry `demo`)
        error: failed to unpack package `tool v1.0.1 (registry `demo`)`

        Caused by:
          refusing `tool v1.0.1 (registry `demo`)`: it is not signed, and `github:octocat` signs this package since 1.0.0 (known from `[SANDBOX]/homes/user/signing/Cargo.signers`)

          help: somebody may have taken over `tool` at the registry: ask its authors. If they meant to publish this version unsigned, accept it with `cargo signers allow --user --registry demo tool@=1.0.1 --unsigned --reason WHY`
    "#]].assert_eq(&refusal.normalised().stderr);
}

#[test]
fn one_line_tells_of_what_carries_nothing_where_that_is_asked_for() {
    let world = with_foo(["1.0.0"]);
    world.publish_unsigned(world.library("bar", "1.0.0"));
    let app = world.sandbox.package("app").dependency("foo", "1");
    let app = app.dependency("bar", "1").program("").write();
    let check = world
        .run(&app, ["check"])
        .env("CARGO_SIGNING_UNSIGNED", "warn");
    let told = lines(&check.run().succeeded().stderr);
    for line in [
        "Downloaded foo v1.0.0 (registry `demo`) (published by GitHub user @octocat)",
        "Downloaded bar v1.0.0 (registry `demo`)",
        "warning: 1 package is not signed: `bar v1.0.0`",
    ] {
        assert!(told.lines().any(|told| told == line), "{told}");
    }
}

#[test]
fn what_was_fetched_is_built_and_verified_without_a_network() {
    let world = with_foo(["1.0.0"]);
    let app = world.app();
    world.cargo(&app, ["fetch"]).succeeded();
    for args in [
        &["verify", "--offline"][..],
        &["build", "--offline"],
        &["build", "--offline", "--require-signatures"],
        &["build", "--frozen", "--require-signatures"],
    ] {
        let _ = fs::remove_dir_all(app.join("target"));
        let run = world.user.cargo(&consign(), &app);
        run.args(args).run().succeeded();
    }
}

#[test]
fn versions_by_different_people_that_are_first_seen_together_are_both_theirs() {
    let world = with_foo(["1.0.0"]);
    let eve = world.sandbox.home("eve");
    eve.use_registry(&world.registry, Some(&world.registry.token("octocat")));
    eve.use_keys(&world.keys);
    world.make_key(&eve, "eve");
    let folder = world.library("foo", "2.0.0").write();
    let publish = eve.cargo(&consign(), &folder);
    let args = ["publish", "--no-verify", "--allow-signer-change"];
    publish.args(args).run().succeeded();
    world.index_forgets("foo", "2.0.0");
    let app = world.sandbox.package("app").dependency("foo", "1");
    let app = app
        .dependency_line("foo2 = { package = \"foo\", version = \"2\", registry = \"demo\" }")
        .program("")
        .write();
    for args in [
        &["generate-lockfile", "--require-signatures"][..],
        &["fetch", "--require-signatures"],
        &["build", "--locked"],
    ] {
        let run = world.user.cargo(&consign(), &app);
        run.args(args).run().succeeded();
    }
}

#[test]
fn nothing_is_downloaded_offline() {
    let world = with_foo(["1.0.0"]);
    let app = world.app();
    world.cargo(&app, RUN).succeeded();
    fs::remove_file(app.join("Cargo.lock")).unwrap();
    fs::remove_dir_all(app.join("target")).unwrap();
    world.registry.stop();
    let offline = ["run", "--offline", "--require-signatures"];
    assert_eq!(world.cargo(&app, offline).succeeded().stdout, "foo 1.0.0\n");
}
