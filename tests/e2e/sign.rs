//! `cargo sign`: a signature for a version that is out already.

use std::path::Path;

use consign_testbed::{Home, Output, Type, consign, has_terminal};
use expect_test::expect;
use serde_json::Value;

use crate::World;

/// A world in which `foo` 1.0.0 is out, and nobody signed it; and its checkout.
fn with_unsigned() -> (World, std::path::PathBuf) {
    let world = World::new();
    world.publish_unsigned(world.library("bar", "1.0.0"));
    let package = world
        .library("foo", "1.0.0")
        .package_line("rust-version = \"1.85\"")
        .feature("std", &["dep:bar"])
        .dependency_line(
            "bar = { version = \"1\", optional = true, default-features = false, registry = \"demo\" }",
        );
    world.publish_unsigned(package);
    let folder = world.sandbox.path().join("foo-1.0.0");
    (world, folder)
}

/// `cargo sign foo@1.0.0 --yes` by the one whose home this is.
fn sign(home: &Home, folder: &Path) -> Output {
    let sign = home.cargo(&consign(), folder);
    sign.args(["sign", "foo@1.0.0", "--yes"]).run()
}

/// What was said, whatever it is lined up with.
fn lines(stderr: &str) -> String {
    let lines = stderr.lines().map(str::trim_start);
    lines.map(|line| format!("{line}\n")).collect()
}

/// Another maintainer, who has a key and owns `foo`, too.
fn hubot(world: &World) -> Home {
    let hubot = world.sandbox.home("hubot");
    hubot.use_registry(&world.registry, Some(&world.registry.token("hubot")));
    hubot.use_keys(&world.keys);
    world.make_key(&hubot, "hubot");
    let add = world.octocat.cargo(&consign(), world.sandbox.path());
    add.args(["owner", "--add", "hubot", "foo"])
        .run()
        .succeeded();
    hubot
}

#[test]
fn version_that_is_out_is_signed_and_then_accepted() {
    let (world, folder) = with_unsigned();
    let app = world.app();
    let refusal = world.refusal(&app);
    assert!(refusal.contains("is not signed"), "{refusal}");
    let output = sign(&world.octocat, &folder).succeeded().normalised();
    expect![[r#"
        foo v1.0.0, for the registry http://127.0.0.1:[PORT]/index
        checksum: [SHA256]
        rust-version: 1.85
        dependencies:
          bar ^1 (optional, no default features)
        features:
          std = ["dep:bar"]
        files:
                344  Cargo.lock
                917  Cargo.toml
                260  Cargo.toml.orig
                 50  src/lib.rs
        no difference from the checkout in [SANDBOX]/foo-1.0.0
    "#]]
    .assert_eq(&output.stdout);
    expect![[r#"
        Updating `demo` index
        Downloading crates ...
        Downloaded foo v1.0.0 (registry `demo`)
        Packaging foo v1.0.0 ([SANDBOX]/foo-1.0.0)
        Updating `demo` index
        Packaged 4 files, [SIZE]
        Signing foo v1.0.0 as GitHub user @octocat
        Signed foo v1.0.0
    "#]]
    .assert_eq(&lines(&output.stderr));
    let output = world.cargo(&app, ["run", "--quiet", "--require-signatures"]);
    assert_eq!(output.succeeded().stdout, "foo 1.0.0\n");
}

#[test]
fn what_the_registry_has_is_shown_where_it_is_not_the_checkout() {
    let (world, folder) = with_unsigned();
    let archive = std::fs::read(world.registry.crate_path("foo", "1.0.0")).unwrap();
    let evil = b"pub fn name() -> &'static str {\n    \"evil\x1b[2J\"\n}\n";
    let evil = consign_testbed::crate_with_changed_file(&archive, "src/lib.rs", evil);
    let build = b"fn main() {}\n";
    let evil = consign_testbed::crate_with_first_file(&evil, "foo-1.0.0/build.rs", build);
    world.serve_instead("foo", "1.0.0", &evil);
    let output = sign(&world.octocat, &folder).succeeded().normalised();
    let at = output.stdout.find("differences").unwrap();
    expect![[r#"
        differences from the checkout in [SANDBOX]/foo-1.0.0:
          build.rs (only in the release)
            @@ -0,0 +1 @@
            +fn main() {}
          src/lib.rs
            @@ -1,3 +1,3 @@
             pub fn name() -> &'static str {
            -    "foo 1.0.0"
            +    "evil\u{1b}[2J"
             }
    "#]]
    .assert_eq(&output.stdout[at..]);
}

#[test]
fn it_is_asked_on_a_terminal_and_nowhere_else() {
    if !has_terminal() {
        return;
    }
    let (world, _) = with_unsigned();
    let run = || {
        let run = world.octocat.cargo(&consign(), world.sandbox.path());
        run.args(["sign", "foo@1.0.0"])
    };
    let question = "sign foo v1.0.0 as GitHub user @octocat? [yes/no] ";
    let no = run().on_terminal(&[(question, Type::Plain("no"))]).failed();
    assert!(no.stdout.contains("nothing was signed"), "{}", no.stdout);
    let nobody = run().run().failed().stderr;
    assert!(
        nobody.contains("add `--yes` to do it without asking"),
        "{nobody}"
    );
    let line = || world.registry.line("foo", "1.0.0");
    assert_eq!(line().get("signature"), None);
    run()
        .on_terminal(&[(question, Type::Plain("yes"))])
        .succeeded();
    assert_eq!(line()["key_locator"]["user"], "octocat");
}

#[test]
fn second_maintainer_signs_beside_the_first() {
    let world = World::with_foo(["1.0.0"]);
    let hubot = hubot(&world);
    let before = world.registry.line("foo", "1.0.0");
    let output = sign(&hubot, world.sandbox.path()).succeeded();
    let first = "signed already: as github:octocat, whose keys were not asked for\n";
    assert!(output.stdout.contains(first), "{}", output.stdout);
    let after = world.registry.line("foo", "1.0.0");
    assert_eq!(after["signature"], before["signature"]);
    let users: Vec<_> = after["cosignatures"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| &one["key_locator"]["user"])
        .collect();
    assert_eq!(users, ["hubot"]);
    // Who builds goes by the first, and stock cargo by none.
    let app = world.app();
    let output = world.fetch(&app).succeeded().stderr;
    assert!(
        output.contains("published by GitHub user @octocat"),
        "{output}"
    );
    let stock = world
        .user
        .cargo(&consign_testbed::stock(), &world.app())
        .args(["build"]);
    stock.run().succeeded();
}

#[test]
fn package_of_somebody_else_is_not_signed() {
    let (world, _) = with_unsigned();
    let mallory = world.sandbox.home("mallory");
    mallory.use_registry(&world.registry, Some(&world.registry.token("mallory")));
    mallory.use_keys(&world.keys);
    world.make_key(&mallory, "mallory");
    let refused = sign(&mallory, world.sandbox.path()).failed().normalised();
    expect![[r#"
            Updating `demo` index
         Downloading crates ...
          Downloaded foo v1.0.0 (registry `demo`)
        note: there is no checkout of foo v1.0.0 here to compare it with
             Signing foo v1.0.0 as GitHub user @mallory
        error: registry `demo` does not take the signature: `mallory` is not an owner of `foo`
    "#]]
    .assert_eq(&refused.stderr);
    assert_eq!(
        world.registry.line("foo", "1.0.0").get("signature"),
        None::<&Value>
    );
}

#[test]
fn what_cannot_be_signed_says_why() {
    let (world, folder) = with_unsigned();
    let run = |home: &Home, args: &[&str]| {
        let run = home.cargo(&consign(), world.sandbox.path()).args(["sign"]);
        run.args(args).run().failed().normalised().stderr
    };
    let keyless = world.sandbox.home("keyless");
    keyless.use_registry(&world.registry, None);
    let mut told = run(&keyless, &["foo@1.0.0", "--yes"]);
    for release in ["foo", "foo@1", "foo@1.0.1"] {
        told += &run(&world.octocat, &[release, "--yes"]);
    }
    // The bytes in the cache are not those that the index names.
    sign(&world.octocat, &folder).succeeded();
    let archive = world.registry.crate_path("foo", "1.0.0");
    let cached = world.octocat.path().join("registry/cache");
    let cached = std::fs::read_dir(cached).unwrap().next().unwrap().unwrap();
    let other = std::fs::read(archive).unwrap();
    let other = consign_testbed::crate_with_changed_file(&other, "src/lib.rs", b"");
    std::fs::write(cached.path().join("foo-1.0.0.crate"), other).unwrap();
    let folder = cached.file_name().into_string().unwrap();
    told += &run(&world.octocat, &["foo@1.0.0", "--yes"]).replace(&folder, "[REGISTRY]");
    expect![[r#"
        error: there is no signing key

        help: make one with `cargo key new --sign-as github:USER`
        error: `foo` is not of the form `NAME@VERSION`
        error: `foo@1` does not name one version in full

        Caused by:
          unexpected end of input while parsing major version number
            Updating `demo` index
        error: there is no version 1.0.1 of `foo` in registry `demo`
            Updating `demo` index
        error: the archive of `foo v1.0.0 (registry `demo`)` has the checksum [SHA256], and its index entry names [SHA256]

        help: the file in the cache was changed; remove `[SANDBOX]/homes/octocat/registry/cache/[REGISTRY]/foo-1.0.0.crate`, and it is downloaded again
    "#]].assert_eq(&told);
}

#[test]
fn registry_that_takes_no_signatures_is_named() {
    let (world, _) = with_unsigned();
    let line = world.registry.line("foo", "1.0.0");
    let archive = std::fs::read(world.registry.crate_path("foo", "1.0.0")).unwrap();
    // Files and nothing else, as a mirror has them.
    let files = world.sandbox.path().join("files");
    std::fs::create_dir_all(files.join("3/f")).unwrap();
    std::fs::write(files.join("3/f/foo"), format!("{line}\n")).unwrap();
    std::fs::write(files.join("foo-1.0.0.crate"), archive).unwrap();
    let git = |args: &[&str]| {
        let mut git = std::process::Command::new("git");
        git.args(["-c", "user.name=t", "-c", "user.email=t@t"]);
        let output = git.args(args).current_dir(&files).output().unwrap();
        assert!(output.status.success(), "{output:?}");
    };
    let sign_there = |config: Value| {
        std::fs::write(files.join("config.json"), config.to_string()).unwrap();
        git(&["init", "--quiet"]);
        git(&["add", "."]);
        git(&["commit", "--quiet", "--allow-empty", "--message", "index"]);
        let index = format!("file://{}", files.display());
        let run = world.octocat.cargo(&consign(), world.sandbox.path());
        let run = run.env("CARGO_REGISTRIES_FILES_INDEX", &index);
        let run = run.env("CARGO_REGISTRIES_FILES_TOKEN", "token");
        run.args(["sign", "foo@1.0.0", "--yes", "--registry", "files"])
            .run()
            .failed()
            .normalised()
            .stderr
    };
    let dl = format!("file://{}/{{crate}}-{{version}}.crate", files.display());
    let nothing = sign_there(serde_json::json!({ "dl": dl }));
    // A server, which knows nothing of such a page.
    let elsewhere = format!("{}/nowhere", world.registry.url());
    let no_page = sign_there(serde_json::json!({ "dl": dl, "api": elsewhere }));
    expect![[r#"
            Updating `files` index
         Downloading crates ...
          Downloaded foo v1.0.0 (registry `files`)
        note: there is no checkout of foo v1.0.0 here to compare it with
             Signing foo v1.0.0 as GitHub user @octocat
        error: registry `files` takes no signatures for versions that are out

        help: sign the next version: `cargo publish` puts the signature into the package, which every registry keeps
            Updating `files` index
        note: there is no checkout of foo v1.0.0 here to compare it with
             Signing foo v1.0.0 as GitHub user @octocat
        error: registry `files` takes no signatures for versions that are out

        help: sign the next version: `cargo publish` puts the signature into the package, which every registry keeps
    "#]].assert_eq(&(nothing + &no_page));
}
