//! `cargo publish` signs what it uploads.

use std::fs;

use consign_statement::{Claim, Release, index, verify};
use consign_testbed::{consign, stock};
use expect_test::expect;
use serde_json::Value;

use crate::World;
use crate::recorder::{Kept, Recorder};
use crate::world::{key_file, other_key};

#[test]
fn published_package_is_signed() {
    let world = World::new();
    let folder = world.library("foo", "1.0.0").write();
    let output = world
        .octocat
        .cargo(&consign(), &folder)
        .args(["publish", "--no-verify"])
        .run()
        .succeeded()
        .normalised();
    expect![[r#"
            Updating `demo` index
           Packaging foo v1.0.0 ([SANDBOX]/foo-1.0.0)
            Packaged 4 files, [SIZE]
           Uploading foo v1.0.0 ([SANDBOX]/foo-1.0.0)
             Signing foo v1.0.0 as GitHub user @octocat
            Uploaded foo v1.0.0 to registry `demo`
        note: waiting for foo v1.0.0 to be available at registry `demo`
        help: you may press ctrl-c to skip waiting; the crate should be available shortly
           Published foo v1.0.0 at registry `demo`
    "#]]
    .assert_eq(&output.stderr);

    let line = world.registry.line("foo", "1.0.0").to_string();
    let Claim::Signed(fields) = Claim::from_json(line.as_bytes()).unwrap() else {
        panic!("not signed: {line}");
    };
    assert_eq!(fields.locator.provider(), "github");
    assert_eq!(fields.locator.user(), "octocat");
    assert_eq!(*fields.locator.key(), world.secret_key().public_key());
    let entry: index::Entry<'_> = serde_json::from_str(&line).unwrap();
    let release = Release::from_index(&entry).unwrap();
    verify(&release, &world.registry.identity(), &fields).unwrap();
}

#[test]
fn every_kind_of_dependency_and_feature_is_signed_for() {
    let world = World::new();
    world.publish(world.library("foo", "1.0.0").feature("std", &[]));
    world.publish(world.library("helper", "1.0.0"));
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
             default-features = false, registry = \"demo\" }",
        )
        .manifest(
            "[build-dependencies]\nhelper = { version = \"1\", registry = \"demo\" }\n\
             [dev-dependencies]\nfoo = { version = \"1\", registry = \"demo\" }\n\
             [target.'cfg(unix)'.dependencies]\n\
             helper = { version = \"=1.0.0\", features = [], registry = \"demo\" }\n\
             [features]\ndefault = [\"x\", \"weak\"]\nweak = [\"renamed?/std\"]\n\
             x = [\"dep:renamed\"]\n",
        );
    world.publish(bar);
    let app = world.app_with("bar", "1");
    let output = world.cargo(&app, ["run", "--quiet", "--require-signatures"]);
    assert_eq!(output.succeeded().stdout, "foo 1.0.0\n");
}

#[test]
fn dry_run_signs_and_uploads_nothing() {
    let world = World::new();
    let folder = world.library("foo", "1.0.0").write();
    let output = world
        .octocat
        .cargo(&consign(), &folder)
        .args(["publish", "--no-verify", "--dry-run"])
        .run()
        .succeeded()
        .normalised();
    expect![[r#"
            Updating `demo` index
           Packaging foo v1.0.0 ([SANDBOX]/foo-1.0.0)
            Packaged 4 files, [SIZE]
           Uploading foo v1.0.0 ([SANDBOX]/foo-1.0.0)
             Signing foo v1.0.0 as GitHub user @octocat
        warning: aborting upload due to dry run
    "#]]
    .assert_eq(&output.stderr);
    assert!(!world.registry.crate_path("foo", "1.0.0").exists());
}

#[test]
fn workspace_is_published_when_signatures_are_required() {
    let world = World::new();
    let workspace = world.sandbox.path().join("workspace");
    let package = |name: &str| {
        world
            .sandbox
            .package(name)
            .folder(&format!("workspace/{name}"))
    };
    package("one").version("1.0.0").write();
    package("two")
        .version("1.0.0")
        .dependency_line("one = { path = \"../one\", version = \"1\", registry = \"demo\" }")
        .file(
            "src/lib.rs",
            "pub fn name() -> &'static str { one::name() }",
        )
        .write();
    let manifest = "[workspace]\nmembers = [\"one\", \"two\"]\nresolver = \"3\"\n";
    std::fs::write(workspace.join("Cargo.toml"), manifest).unwrap();

    let output = world
        .octocat
        .cargo(&consign(), &workspace)
        .args(["publish", "--workspace", "--require-signatures"])
        .run()
        .succeeded()
        .normalised();
    expect![[r#"
            Updating `demo` index
           Packaging one v1.0.0 ([SANDBOX]/workspace/one)
            Packaged 4 files, [SIZE]
           Packaging two v1.0.0 ([SANDBOX]/workspace/two)
            Updating `demo` index
            Packaged 4 files, [SIZE]
           Verifying one v1.0.0 ([SANDBOX]/workspace/one)
           Compiling one v1.0.0 ([SANDBOX]/workspace/target/package/one-1.0.0)
            Finished `dev` profile [unoptimized + debuginfo] target(s) in [TIME]s
           Verifying two v1.0.0 ([SANDBOX]/workspace/two)
            Updating `demo` index
           Unpacking one v1.0.0 (registry `[SANDBOX]/workspace/target/package/tmp-registry`)
           Compiling one v1.0.0 (registry `demo`)
           Compiling two v1.0.0 ([SANDBOX]/workspace/target/package/two-1.0.0)
            Finished `dev` profile [unoptimized + debuginfo] target(s) in [TIME]s
           Uploading one v1.0.0 ([SANDBOX]/workspace/one)
             Signing one v1.0.0 as GitHub user @octocat
            Uploaded one v1.0.0 to registry `demo`
        note: waiting for one v1.0.0 to be available at registry `demo`.
              1 remaining crate to be published
           Published one v1.0.0 at registry `demo`
           Uploading two v1.0.0 ([SANDBOX]/workspace/two)
             Signing two v1.0.0 as GitHub user @octocat
            Uploaded two v1.0.0 to registry `demo`
        note: waiting for two v1.0.0 to be available at registry `demo`
        help: you may press ctrl-c to skip waiting; the crate should be available shortly
           Published two v1.0.0 at registry `demo`
    "#]]
    .assert_eq(&output.stderr);

    let app = world.app_with("two", "1");
    let output = world.cargo(&app, ["run", "--quiet", "--require-signatures"]);
    assert_eq!(output.succeeded().stdout, "one 1.0.0\n");
}

#[test]
fn package_made_without_a_key_is_stocks() {
    let world = World::new();
    let nobody = world.sandbox.home("nobody");
    let folder = world
        .library("foo", "1.0.0")
        .feature("std", &[])
        .package_line("rust-version = \"1.85\"\nkeywords = [\"a\"]\ncategories = [\"b\"]")
        .write();
    let [by_us, by_stock] = [consign(), stock()].map(|cargo| {
        let recorder = Recorder::start();
        let output = nobody
            .cargo(&cargo, &folder)
            .args(["publish", "--no-verify", "--token", "t", "--index"])
            .args([recorder.index_url()])
            .run()
            .succeeded();
        (recorder.upload(), output.normalised().stderr)
    });
    let without_port = |json: &str| consign_testbed::normalised(json);
    assert_eq!(
        without_port(&by_us.0.metadata),
        without_port(&by_stock.0.metadata)
    );
    assert!(by_us.0.archive == by_stock.0.archive, "the archives differ");
    assert_eq!(by_us.1, by_stock.1);
}

#[test]
fn publishing_without_a_key_can_be_forbidden() {
    let world = World::new();
    let nobody = world.sandbox.home("nobody");
    nobody.use_registry(&world.registry, Some(&world.registry.token("nobody")));
    nobody.add_config("[signing]\nunsigned-publish = \"deny\"");
    let folder = world.library("foo", "1.0.0").write();
    let publish = |more: &[&str]| {
        nobody
            .cargo(&consign(), &folder)
            .args(["publish", "--no-verify"])
            .args(more)
            .run()
    };
    expect![[r#"
        error: there is no signing key, and `[SANDBOX]/homes/nobody/config.toml` forbids to publish without one

        help: make one with `cargo key new --sign-as github:USER`
    "#]].assert_eq(&publish(&[]).failed().normalised().stderr);
    expect![[r#"
        warning: there is no signing key, and `[SANDBOX]/homes/nobody/config.toml` forbids to publish without one

        help: make one with `cargo key new --sign-as github:USER`
            Updating `demo` index
           Packaging foo v1.0.0 ([SANDBOX]/foo-1.0.0)
            Packaged 4 files, [SIZE]
           Uploading foo v1.0.0 ([SANDBOX]/foo-1.0.0)
        warning: aborting upload due to dry run
    "#]].assert_eq(&publish(&["--dry-run"]).succeeded().normalised().stderr);
    assert!(!world.registry.crate_path("foo", "1.0.0").exists());
}

#[test]
fn package_that_cannot_be_signed_is_not_published() {
    let world = World::new();
    let folder = world
        .library("foo", "1.0.0")
        // An `e` and a combining acute accent: not in NFC.
        .file("caf\u{65}\u{301}.txt", "")
        .write();
    let output = world
        .octocat
        .cargo(&consign(), &folder)
        .args(["publish", "--no-verify"])
        .run()
        .failed()
        .normalised();
    expect![[r#"
            Updating `demo` index
           Packaging foo v1.0.0 ([SANDBOX]/foo-1.0.0)
        error: failed to sign `foo v1.0.0`

        Caused by:
          the package holds something that cannot be signed

        Caused by:
          `café.txt` is not in Unicode normalisation form C
    "#]]
    .assert_eq(&output.stderr);
    assert!(!world.registry.crate_path("foo", "1.0.0").exists());
}

/// What the registry makes of the signature is seen when its index has the package.
#[test]
fn index_without_the_signature_or_with_another_is_told_of() {
    let world = World::new();
    let folder = world.library("foo", "1.0.0").write();
    let told = |kept: Kept| {
        let recorder = Recorder::keeping(kept);
        let publish = world.octocat.cargo(&consign(), &folder);
        let publish = publish.args(["publish", "--no-verify", "--token", "t", "--index"]);
        let output = publish.args([recorder.index_url()]).run().succeeded();
        let stderr = output.normalised().stderr;
        let (_, after) = stderr.split_once("shortly\n").unwrap();
        after.trim_start().to_owned()
    };
    let keeps = |request: &Value| {
        let (locator, signature) = (&request["key_locator"], &request["signature"]);
        serde_json::json!({ "key_locator": locator, "signature": signature })
    };
    expect![[r#"
           Published foo v1.0.0 at registry `sparse+http://127.0.0.1:[PORT]/`
    "#]]
    .assert_eq(&told(keeps));
    expect![[r#"
        note: the index of registry `sparse+http://127.0.0.1:[PORT]/` says nothing of a signature: that of foo v1.0.0 travels in the package
           Published foo v1.0.0 at registry `sparse+http://127.0.0.1:[PORT]/`
    "#]].assert_eq(&told(|_| serde_json::json!({})));
    let other = |request: &Value| {
        let (locator, mut signature) = (&request["key_locator"], request["signature"].clone());
        signature["time"] = 1.into();
        serde_json::json!({ "key_locator": locator, "signature": signature })
    };
    expect![[r#"
        warning: the index of registry `sparse+http://127.0.0.1:[PORT]/` has another signature for foo v1.0.0 than was sent
        help: those who use the package will refuse it; ask whoever runs the registry
           Published foo v1.0.0 at registry `sparse+http://127.0.0.1:[PORT]/`
    "#]].assert_eq(&told(other));
}

#[test]
fn time_of_signing_can_be_given() {
    let world = World::new();
    // Made at 1700000000.
    let file = key_file(&world.octocat, "octocat");
    fs::write(&file, other_key("octocat").to_armored().as_str()).unwrap();
    let folder = world.library("foo", "1.0.0").write();
    let publish = |time: &str| {
        world
            .octocat
            .cargo(&consign(), &folder)
            .args(["publish", "--no-verify"])
            .env("SOURCE_DATE_EPOCH", time)
            .run()
    };
    let refused = |time| publish(time).failed().normalised().stderr;
    expect![[r#"
        error: `SOURCE_DATE_EPOCH` is not a number of seconds: `yesterday`

        Caused by:
          invalid digit found in string
    "#]]
    .assert_eq(&refused("yesterday"));
    expect![[r#"
        error: nobody could verify what the key [FINGERPRINT] signs at 1699999999, which `SOURCE_DATE_EPOCH` sets: the signature is dated before the key was made

        help: unset `SOURCE_DATE_EPOCH`, or set it to 1700000000, when the key was made, or later
    "#]].assert_eq(&refused("1699999999"));
    let future = refused("99999999999");
    assert!(
        future.contains("`SOURCE_DATE_EPOCH` is in the future: 99999999999"),
        "{future}"
    );
    assert!(!world.registry.crate_path("foo", "1.0.0").exists());
    publish("1763800000").succeeded();
    assert_eq!(
        world.registry.line("foo", "1.0.0")["signature"]["time"],
        1_763_800_000
    );
}

#[test]
fn registry_refuses_a_signature_that_does_not_fit() {
    let world = World::with_foo(["1.0.0"]);
    let line = world.registry.line("foo", "1.0.0");
    world.publish_unsigned(world.library("foo", "1.0.1"));
    let fields = serde_json::json!({
        "key_locator": line["key_locator"],
        "signature": line["signature"],
    });
    let answer =
        world
            .registry
            .put_signature("foo", "1.0.1", &fields, &world.registry.token("octocat"));
    expect![[r#"{"errors":[{"detail":"the signature is refused: the signature does not fit the index entry"}]}"#]].assert_eq(&answer.unwrap_err());
    assert!(
        world
            .registry
            .line("foo", "1.0.1")
            .get("signature")
            .is_none()
    );
}
