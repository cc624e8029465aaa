//! Which of several keys signs.

use std::fs;

use consign_testbed::{Home, consign};
use expect_test::expect;

use crate::World;
use crate::keys::{key, refused_to_publish};
use crate::world::{key_file, other_key};

/// Makes another key for `github:octocat` in the same home.
fn second_key(world: &World) -> String {
    let other = world.sandbox.home("other");
    other.use_keys(&world.keys);
    key(world, &other, ["new", "--sign-as", "github:octocat"]).succeeded();
    let file = key_file(&other, "octocat");
    let folder = key_file(&world.octocat, "octocat");
    let name = file.file_name().unwrap().to_owned();
    fs::copy(&file, folder.with_file_name(&name)).unwrap();
    name.to_str().unwrap().trim_end_matches(".asc").to_owned()
}

/// Who signed version 1.0.0 of `foo`, and with which key.
fn signer_of_foo(world: &World) -> (String, String) {
    let line = world.registry.line("foo", "1.0.0");
    let locator = |name: &str| line["key_locator"][name].as_str().unwrap().to_owned();
    (
        format!("{}:{}", locator("provider"), locator("user")),
        locator("key"),
    )
}

/// The line of `cargo key list` with this fingerprint.
fn listed(world: &World, home: &Home, fingerprint: &str) -> String {
    let list = key(world, home, ["list"]).succeeded().stdout;
    let mut lines = list.lines();
    lines
        .find(|line| line.contains(fingerprint))
        .unwrap()
        .to_owned()
}

#[test]
fn the_same_key_in_two_files_is_refused() {
    let world = World::new();
    let file = key_file(&world.octocat, "octocat");
    fs::copy(&file, file.with_file_name("another.asc")).unwrap();
    expect![[r#"
        error: the key [FINGERPRINT] of `github:octocat` is in two files

        help: leave one of `[SANDBOX]/homes/octocat/signing/keys/github/octocat/[FINGERPRINT].asc` and `[SANDBOX]/homes/octocat/signing/keys/github/octocat/another.asc`
    "#]].assert_eq(&refused_to_publish(&world));
}

#[test]
fn of_two_keys_of_an_identity_one_is_chosen_by_the_end_of_its_fingerprint() {
    let world = World::new();
    let second = second_key(&world);
    let refused = refused_to_publish(&world);
    let (list, help) = refused.split_once("help: ").unwrap();
    assert_eq!(list.matches("github:octocat [FINGERPRINT]\n").count(), 2);
    assert!(help.contains("`signing.key = \""), "{help}");

    let tail = second[second.len() - 8..].to_lowercase();
    world
        .octocat
        .add_config(&format!("[signing]\nkey = \"{tail}\""));
    let line = listed(&world, &world.octocat, &second);
    assert!(line.ends_with("  signs"), "{line}");
    world.publish(world.library("foo", "1.0.0"));
    let (_, signed) = signer_of_foo(&world);
    assert!(line.contains(&signed), "{line}");
}

#[test]
fn key_that_is_not_there_does_not_sign() {
    let world = World::new();
    world
        .octocat
        .add_config("[signing]\nkey = \"0123456789ABCDEF\"");
    expect![[r#"
        error: there is no key `0123456789ABCDEF`, which `signing.key` names

        help: `cargo key list` lists those that are in `[SANDBOX]/homes/octocat/signing/keys`
    "#]]
    .assert_eq(&refused_to_publish(&world));
    let told = ["12345", "my-key"].map(|name| {
        let setting = format!("signing.key = \"{name}\"");
        let folder = world.library("foo", "1.0.0").write();
        let run = world.octocat.cargo(&consign(), &folder);
        run.args(["publish", "--no-verify", "--config", &setting])
            .run()
            .failed()
            .stderr
    });
    expect![[r#"
        error: `12345` is neither an identity, such as `github:octocat`, nor a fingerprint or the last 8 or more digits of one, which `signing.key` names
        error: `my-key` is neither an identity, such as `github:octocat`, nor a fingerprint or the last 8 or more digits of one, which `signing.key` names
    "#]].assert_eq(&told.concat());
}

#[test]
fn keys_of_two_identities_are_ambiguous_until_one_is_chosen() {
    let world = World::new();
    world.make_key(&world.octocat, "alice");
    expect![[r#"
        error: there are several signing keys:
          github:alice [FINGERPRINT]
          github:octocat [FINGERPRINT]

        help: say who is publishing, with `signing.identity = "github:alice"` in `[SANDBOX]/homes/octocat/config.toml`
    "#]].assert_eq(&refused_to_publish(&world));
    world
        .octocat
        .add_config("[signing]\nidentity = \"github:alice\"");
    world.publish(world.library("foo", "1.0.0"));
    assert_eq!(signer_of_foo(&world).0, "github:alice");
}

#[test]
fn key_that_is_retired_makes_room_for_the_next() {
    let world = World::new();
    key(&world, &world.octocat, ["retire", "--yes"]).succeeded();
    expect![[r#"
        error: no key that is here can sign any more:
          github:octocat [FINGERPRINT] (retired)

        help: make a new one with `cargo key new --sign-as github:octocat`
    "#]]
    .assert_eq(&refused_to_publish(&world));
    key(
        &world,
        &world.octocat,
        ["new", "--sign-as", "github:octocat"],
    )
    .succeeded();
    world.publish(world.library("foo", "1.0.0"));
    let list = key(&world, &world.octocat, ["list"]).succeeded().stdout;
    let (_, signed) = signer_of_foo(&world);
    let states: Vec<_> = list
        .lines()
        .map(|line| (line.contains(&signed), line.contains("  signs")))
        .collect();
    assert_eq!(
        states
            .iter()
            .filter(|(signed, says)| *signed && *says)
            .count(),
        1
    );
    assert_eq!(
        states
            .iter()
            .filter(|(signed, says)| !signed && !says)
            .count(),
        1
    );
}

#[test]
fn identity_without_a_key_does_not_publish() {
    let world = World::new();
    world
        .octocat
        .add_config("[signing]\nidentity = \"github:alice\"");
    expect![[r#"
        error: there is no key for `github:alice`, which is configured to publish

        help: make one with `cargo key new --sign-as github:alice`
    "#]]
    .assert_eq(&refused_to_publish(&world));
}

#[test]
fn each_registry_can_have_its_publisher() {
    let world = World::new();
    world.make_key(&world.octocat, "alice");
    world.octocat.add_config(
        "[signing]\nidentity = \"github:octocat\"\n\
         [signing.registries.demo]\nidentity = \"github:alice\"",
    );
    world.publish(world.library("foo", "1.0.0"));
    assert_eq!(signer_of_foo(&world).0, "github:alice");
    // The environment is nearer than the file, whatever the file says of one registry.
    let folder = world.library("foo", "2.0.0").write();
    let run = world.octocat.cargo(&consign(), &folder);
    run.args(["publish", "--no-verify", "--allow-signer-change"])
        .env("CARGO_SIGNING_IDENTITY", "github:octocat")
        .run()
        .succeeded();
    let line = world.registry.line("foo", "2.0.0");
    assert_eq!(line["key_locator"]["user"], "octocat");
}

#[test]
fn each_registry_can_have_its_key() {
    let world = World::new();
    let first = world.secret_key();
    let second = other_key("octocat");
    let run = world.octocat.cargo(&consign(), world.sandbox.path());
    let run = run.args(["key", "import", "-"]);
    run.stdin(second.to_armored().as_bytes()).run().succeeded();
    world.octocat.add_config(&format!(
        "[signing]\nkey = \"{}\"\n[signing.registries.demo]\nkey = \"{}\"",
        first.fingerprint(),
        second.fingerprint()
    ));
    world.publish(world.library("foo", "1.0.0"));
    assert_eq!(signer_of_foo(&world).1, second.public_key().to_string());
}

#[test]
fn project_does_not_say_who_publishes() {
    let world = World::new();
    let package = world.library("foo", "1.0.0").file(
        ".cargo/config.toml",
        "[signing]\nidentity = \"github:eve\"\nkey = \"0123456789ABCDEF\"\n\
         passphrase-command = [\"rm\", \"-rf\", \"/\"]\n\
         [signing.registries.demo]\nidentity = \"github:eve\"\n",
    );
    let folder = package.write();
    let run = world.octocat.cargo(&consign(), &folder);
    let output = run
        .args(["publish", "--no-verify", "--dry-run"])
        .run()
        .succeeded();
    expect![[r#"
        warning: `signing.identity` in `[SANDBOX]/foo-1.0.0/.cargo/config.toml` is ignored: who publishes is not for a project to say
        help: set it in `[SANDBOX]/homes/octocat/config.toml`
        warning: `signing.key` in `[SANDBOX]/foo-1.0.0/.cargo/config.toml` is ignored: who publishes is not for a project to say
        help: set it in `[SANDBOX]/homes/octocat/config.toml`
        warning: `signing.passphrase-command` in `[SANDBOX]/foo-1.0.0/.cargo/config.toml` is ignored: who publishes is not for a project to say
        help: set it in `[SANDBOX]/homes/octocat/config.toml`
        warning: `signing.registries.demo.identity` in `[SANDBOX]/foo-1.0.0/.cargo/config.toml` is ignored: who publishes is not for a project to say
        help: set it in `[SANDBOX]/homes/octocat/config.toml`
            Updating `demo` index
           Packaging foo v1.0.0 ([SANDBOX]/foo-1.0.0)
            Packaged 4 files, [SIZE]
           Uploading foo v1.0.0 ([SANDBOX]/foo-1.0.0)
             Signing foo v1.0.0 as GitHub user @octocat
        warning: aborting upload due to dry run
    "#]].assert_eq(&output.normalised().stderr);
}

/// A run of `cargo publish` of `foo` 1.0.0 in a home without keys, as in CI.
fn in_ci(world: &World) -> consign_testbed::Run {
    in_job(world, "ci")
}

fn in_job(world: &World, name: &str) -> consign_testbed::Run {
    let home = world.sandbox.home(name);
    home.use_registry(&world.registry, Some(&world.registry.token("octocat")));
    home.use_keys(&world.keys);
    let folder = world.library("foo", "1.0.0").write();
    let run = home.cargo(&consign(), &folder);
    run.args(["publish", "--no-verify"])
}

#[test]
fn key_in_the_environment_signs_as_whom_it_names() {
    let world = World::new();
    let exported = key(&world, &world.octocat, ["export"]).succeeded().stdout;
    let output = in_ci(&world).env("CARGO_SIGNING_KEY", &exported).run();
    let stderr = output.succeeded().stderr;
    assert!(
        stderr.contains("Signing foo v1.0.0 as GitHub user @octocat"),
        "{stderr}"
    );
    assert!(!stderr.contains("PRIVATE"), "{stderr}");
    assert_eq!(signer_of_foo(&world).0, "github:octocat");
}

#[test]
fn identity_in_the_environment_comes_before_the_one_that_the_key_names() {
    let world = World::new();
    let exported = key(&world, &world.octocat, ["export"]).succeeded().stdout;
    in_ci(&world)
        .env("CARGO_SIGNING_KEY", &exported)
        .env("CARGO_SIGNING_IDENTITY", "github:renamed")
        .run()
        .succeeded();
    assert_eq!(signer_of_foo(&world).0, "github:renamed");
}

/// What is published stays published, and everybody's build would end at its signature.
#[test]
fn nothing_is_published_as_an_identity_that_cannot_be() {
    let world = World::new();
    let exported = key(&world, &world.octocat, ["export"]).succeeded().stdout;
    for identity in ["github:octo.cat", "gihub:octocat", "wkd:octocat"] {
        let run = in_ci(&world).env("CARGO_SIGNING_KEY", &exported);
        let stderr = run
            .env("CARGO_SIGNING_IDENTITY", identity)
            .run()
            .failed()
            .stderr;
        assert!(!stderr.contains("Uploading"), "{stderr}");
        assert!(!stderr.contains("Packaging"), "{stderr}");
    }
}

#[test]
fn what_is_no_key_in_the_environment_is_an_error_that_does_not_show_it() {
    let world = World::new();
    let public = world.secret_key().public_armored();
    let cut = world.secret_key().to_armored()[..200].to_owned();
    let mut told = String::new();
    for (job, value) in [("one", "hunter2"), ("two", &public), ("three", &cut)] {
        let output = in_job(&world, job)
            .env("CARGO_SIGNING_KEY", value)
            .run()
            .failed();
        told += &output.normalised().stderr;
    }
    expect![[r#"
        error: failed to read the environment variable `CARGO_SIGNING_KEY`

        Caused by:
          it is the secret key itself, in many lines from `-----BEGIN PGP PRIVATE KEY BLOCK-----` on, and not the name of a key or of a file

          help: `cargo key export` prints it; which of the keys that are stored here signs is said by `signing.key` in `[SANDBOX]/homes/one/config.toml`
        error: failed to read the environment variable `CARGO_SIGNING_KEY`

        Caused by:
          a public key where a secret key is wanted

          help: export the secret key: `gpg --armor --export-secret-keys KEY`
        error: failed to read the environment variable `CARGO_SIGNING_KEY`

        Caused by:
          the armored key is cut off: no line `-----END PGP …-----`
    "#]].assert_eq(&told);
    assert!(!told.contains("hunter2"));
    assert!(!world.registry.crate_path("foo", "1.0.0").exists());
}

#[test]
fn empty_variable_is_no_key() {
    let world = World::new();
    // As a secret of the CI is that the job may not see.
    let output = in_ci(&world).env("CARGO_SIGNING_KEY", "");
    let stderr = output
        .env("CARGO_SIGNING_UNSIGNED_PUBLISH", "deny")
        .run()
        .failed()
        .stderr;
    expect![[r#"
        error: there is no signing key, and the environment variable `CARGO_SIGNING_UNSIGNED_PUBLISH` forbids to publish without one

        help: make one with `cargo key new --sign-as github:USER`
    "#]].assert_eq(&stderr);
}

#[test]
fn key_in_the_environment_is_not_shown_to_build_scripts_and_compilers() {
    let world = World::new();
    let script = "fn main() {\n    for name in [\"CARGO_SIGNING_KEY\", \"CARGO_SIGNING_KEY_PASSPHRASE\"] {\n        \
                  assert!(std::env::var_os(name).unwrap().is_empty(), \"{name}\");\n    }\n}\n";
    let folder = world
        .library("foo", "1.0.0")
        .file("build.rs", script)
        .file(
            "src/lib.rs",
            "pub const KEY: Option<&str> = option_env!(\"CARGO_SIGNING_KEY\");\n\
             const _: () = assert!(KEY.unwrap().is_empty());\n\
             #[test]\nfn not_here_either() {\n    assert!(std::env::var_os(\"CARGO_SIGNING_KEY\").unwrap().is_empty());\n}\n",
        )
        .write();
    let exported = key(&world, &world.octocat, ["export"]).succeeded().stdout;
    for args in [&["publish"][..], &["test"]] {
        let run = world.octocat.cargo(&consign(), &folder).args(args);
        run.env("CARGO_SIGNING_KEY", &exported)
            .env("CARGO_SIGNING_KEY_PASSPHRASE", "secret")
            .run()
            .succeeded();
    }
}
