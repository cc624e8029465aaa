//! Which signers file serves, who writes it, and when.

use std::fs;

use expect_test::expect;

use super::{sightings, signers_file};
use crate::World;

const DEMO: &str = "[registry.\"http://127.0.0.1:[PORT]/index\".package]";

/// A text with what differs from run to run replaced.
fn normal(text: &str) -> String {
    consign_testbed::normalised(text)
}

#[test]
fn what_is_seen_first_is_kept_outside_of_the_project() {
    let world = World::with_foo(["1.0.0"]);
    let app = world.app();
    world.cargo(&app, ["build"]).succeeded();
    assert!(!app.join("Cargo.signers").exists());
    let seen = sightings(&world);
    assert_eq!(seen.len(), 1);
    expect![[r#"
        # Who may sign what this workspace is built from. `cargo signers` changes it; review it like code.
        version = 1

        [identity]
        "github:octocat" = { keys = ["ed25519:[KEY]"] }

        [registry."http://127.0.0.1:[PORT]/index".package]
        foo = { signers = ["github:octocat"], since = ["1.0.0"] }
    "#]]
    .assert_eq(&normal(&seen[0]));
}

#[test]
fn what_is_not_signed_leaves_no_trace() {
    let world = World::new();
    world.publish_unsigned(world.library("foo", "1.0.0"));
    world.cargo(&world.app(), ["build"]).succeeded();
    assert!(!world.user.path().join("signing").exists());
}

#[test]
fn lockfile_that_comes_with_the_project_is_recorded_when_it_is_first_built() {
    let world = World::with_foo(["1.0.0"]);
    let app = world.app();
    let stock = world.user.cargo(&consign_testbed::stock(), &app);
    stock.args(["generate-lockfile"]).run().succeeded();
    assert!(sightings(&world).is_empty());
    world.cargo(&app, ["build"]).succeeded();
    assert!(sightings(&world)[0].contains("foo = {"));
}

#[test]
fn locked_command_records_nothing() {
    let world = World::with_foo(["1.0.0"]);
    let app = world.app();
    let stock = world.user.cargo(&consign_testbed::stock(), &app);
    stock.args(["fetch"]).run().succeeded();
    for flag in ["--locked", "--frozen"] {
        world.cargo(&app, ["build", flag]).succeeded();
        assert!(sightings(&world).is_empty(), "{flag}");
    }
    world.cargo(&app, ["update", "--dry-run"]).succeeded();
    assert!(sightings(&world).is_empty());
}

#[test]
fn workspaces_do_not_see_what_another_saw() {
    let world = World::with_foo(["1.0.0"]);
    world.cargo(&world.app(), ["build"]).succeeded();
    let eve = world.stranger("eve");
    world.publish_foo_as("1.0.1", "github:eve", &eve);
    let other = world.sandbox.package("other").dependency("foo", "1");
    let other = other.program("").write();
    world.cargo(&other, ["build"]).succeeded();
    assert_eq!(world.locked(&other, "foo"), "1.0.1");
    assert_eq!(sightings(&world).len(), 2);
}

#[test]
fn workspace_that_has_a_file_records_there() {
    let world = World::with_foo(["1.0.0"]);
    world.publish(world.library("bar", "1.0.0"));
    let app = world.app();
    fs::write(app.join("Cargo.signers"), "# Ours.\nversion = 1\n").unwrap();
    world.cargo(&app, ["build"]).succeeded();
    let file = normal(&signers_file(&app));
    assert!(file.starts_with("# Ours.\nversion = 1\n"), "{file}");
    let section =
        format!("{DEMO}\nfoo = {{ signers = [\"github:octocat\"], since = [\"1.0.0\"] }}\n");
    assert!(file.contains(&section), "{file}");
    assert!(sightings(&world).is_empty());
}

#[test]
fn locked_build_fails_for_want_of_a_record_in_the_file() {
    let world = World::with_foo(["1.0.0"]);
    let app = world.app();
    world.cargo(&app, ["build"]).succeeded();
    fs::write(app.join("Cargo.signers"), "version = 1\n").unwrap();
    let output = world
        .cargo(&app, ["build", "--locked"])
        .failed()
        .normalised();
    expect![[r#"
        error: failed to select a version for the requirement `foo = "^1"` (locked to 1.0.0)
          version 1.0.0 is signed as `github:octocat`, who was not seen to sign this package before, and new signers are refused by `--locked`
        location searched: `demo` index
        required by package `app v0.1.0 ([SANDBOX]/app)`

        help: run the command where you work, without `--locked`; review what it adds to `Cargo.signers`, and commit that
    "#]]
    .assert_eq(&output.stderr);
    assert_eq!(signers_file(&app), "version = 1\n");
}

#[test]
fn locked_build_with_a_file_asks_nobody() {
    let world = World::with_foo(["1.0.0"]);
    let app = world.app();
    world.cargo(&app, ["build"]).succeeded();
    world.cargo(&app, ["signers", "init"]).succeeded();
    fs::remove_dir_all(world.user.path().join("signing")).unwrap();
    fs::remove_dir_all(app.join("target")).unwrap();
    world.keys.stop();
    world
        .cargo(&app, ["build", "--locked", "--require-signatures"])
        .succeeded();
}

#[test]
fn file_that_cannot_be_read_is_an_error_with_the_place() {
    let world = World::with_foo(["1.0.0"]);
    let app = world.app();
    let text =
        "version = 1\n[registry.\"https://a.example/index\".package]\nfoo = { signer = [] }\n";
    fs::write(app.join("Cargo.signers"), text).unwrap();
    for command in ["build", "fetch", "update", "verify"] {
        let output = world.cargo(&app, [command]).failed().normalised();
        let error = "error: failed to read the signers file `[SANDBOX]/app/Cargo.signers`\n\n\
                     Caused by:\n  line 3, column 9: unknown key `signer`: the keys here are `signers`, ";
        assert!(
            output.stderr.contains(error),
            "{command}: {}",
            output.stderr
        );
    }
    assert_eq!(signers_file(&app), text);
}

#[test]
fn file_of_a_member_or_of_a_dependency_is_not_read() {
    let world = World::with_foo(["1.0.0"]);
    let app = world.app();
    let member = world.sandbox.package("member").folder("app/member").write();
    let manifest = fs::read_to_string(app.join("Cargo.toml")).unwrap();
    let manifest = format!("{manifest}\n[workspace]\nmembers = [\"member\"]\n");
    fs::write(app.join("Cargo.toml"), manifest).unwrap();
    fs::write(member.join("Cargo.signers"), "not a signers file").unwrap();
    world.cargo(&member, ["build"]).succeeded();
    // The same from elsewhere.
    let path = app.join("Cargo.toml");
    let args = ["build", "--manifest-path", path.to_str().unwrap()];
    world.cargo(world.sandbox.path(), args).succeeded();
    assert_eq!(sightings(&world).len(), 1);
}

#[test]
fn file_in_the_cache_is_not_read() {
    let world = World::with_foo(["1.0.0"]);
    let app = world.app();
    world.cargo(&app, ["fetch"]).succeeded();
    let sources = world.user.path().join("registry/src");
    let sources = fs::read_dir(sources)
        .unwrap()
        .next()
        .unwrap()
        .unwrap()
        .path();
    let foo = sources.join("foo-1.0.0");
    fs::write(foo.join("Cargo.signers"), "not a signers file").unwrap();
    world
        .cargo(&foo, ["metadata", "--format-version=1"])
        .succeeded();
}

/// Nor one in a vendored folder, or in the clone of a git dependency, though the user stands there.
#[test]
fn file_in_a_vendored_folder_or_a_clone_is_not_read() {
    let world = World::with_foo(["1.0.0"]);
    let app = world.app();
    world.cargo(&app, ["vendor"]).succeeded();
    let from_git = super::levels::with_git_dependency(&world);
    world.cargo(&from_git, ["fetch"]).succeeded();
    let only = |folder: std::path::PathBuf| {
        let mut inside = fs::read_dir(folder).unwrap();
        inside.next().unwrap().unwrap().path()
    };
    let clone = only(only(world.user.path().join("git/checkouts")));
    let metadata = ["metadata", "--format-version=1"];
    fs::write(clone.join("Cargo.signers"), "not a signers file").unwrap();
    world.cargo(&clone, metadata).succeeded();
    // A workspace of one's own may look like a vendored package; so it is said.
    let vendored = app.join("vendor/foo");
    fs::write(vendored.join("Cargo.signers"), "not a signers file").unwrap();
    let output = world.cargo(&vendored, metadata).failed();
    let why = "what a vendored package says of signers is not read";
    assert!(output.stderr.contains(why), "{}", output.stderr);
}

#[test]
fn signers_file_is_not_packaged() {
    let world = World::with_foo(["1.0.0"]);
    let app = world.app();
    world.cargo(&app, ["build"]).succeeded();
    world.cargo(&app, ["signers", "init"]).succeeded();
    let listed = world
        .cargo(&app, ["package", "--list", "--allow-dirty"])
        .succeeded();
    assert!(
        !listed.stdout.contains("Cargo.signers"),
        "{}",
        listed.stdout
    );
    assert!(listed.stdout.contains("Cargo.toml\n"), "{}", listed.stdout);
}

#[test]
fn package_is_verified_by_the_file_of_its_workspace() {
    let world = World::with_foo(["1.0.0"]);
    let app = world.app();
    world.cargo(&app, ["build"]).succeeded();
    world.cargo(&app, ["signers", "init"]).succeeded();
    let eve = world.stranger("eve");
    world.publish_foo_as("1.0.1", "github:eve", &eve);
    fs::remove_file(app.join("Cargo.lock")).unwrap();
    let output = world.cargo(&app, ["package", "--allow-dirty"]).succeeded();
    assert!(
        output.stderr.contains("is passed over"),
        "{}",
        output.stderr
    );
    assert!(sightings(&world).is_empty());
}

#[test]
fn installing_records_in_the_users_own_file() {
    let world = World::new();
    let tool = |version| world.library("tool", version).program("");
    world.publish(tool("1.0.0"));
    let folder = world.sandbox.path();
    world
        .cargo(folder, ["install", "tool", "--debug"])
        .succeeded();
    let file = world.user.path().join("signing/Cargo.signers");
    let text = fs::read_to_string(&file).unwrap();
    assert!(
        text.contains("tool = { signers = [\"github:octocat\"]"),
        "{text}"
    );
    // From then on it is expected, from whatever folder, and whatever a project there says.
    world.publish_unsigned(tool("1.0.1"));
    let project = world.sandbox.package("project").write();
    fs::write(project.join("Cargo.signers"), "version = 1\n").unwrap();
    let output = world
        .cargo(&project, ["install", "tool", "--debug"])
        .failed();
    let why = "is not signed, and `github:octocat` signs this package since 1.0.0";
    assert!(output.stderr.contains(why), "{}", output.stderr);
    assert!(
        output.stderr.contains("cargo signers allow --user "),
        "{}",
        output.stderr
    );
    world.do_what_it_says(&project, &output.stderr);
    world
        .cargo(&project, ["install", "tool", "--debug"])
        .succeeded();
}

#[test]
fn users_own_file_serves_a_workspace_that_has_none_and_is_not_written_by_it() {
    let world = World::with_foo(["1.0.0"]);
    let app = world.app();
    world
        .cargo(&app, ["signers", "allow", "--user", "foo", "github:ann"])
        .succeeded();
    let file = world.user.path().join("signing/Cargo.signers");
    let before = fs::read_to_string(&file).unwrap();
    let output = world.cargo(&app, ["build"]).failed();
    let why = "is signed as `github:octocat`, and `github:ann` signs this package";
    assert!(output.stderr.contains(why), "{}", output.stderr);
    world
        .cargo(
            &app,
            ["signers", "allow", "--user", "foo", "github:octocat"],
        )
        .succeeded();
    let before = fs::read_to_string(&file).unwrap().len() - before.len();
    assert!(before > 0);
    let before = fs::read_to_string(&file).unwrap();
    world.cargo(&app, ["build"]).succeeded();
    assert_eq!(fs::read_to_string(&file).unwrap(), before);
}

#[test]
fn two_who_record_at_once_lose_nothing() {
    const PACKAGES: usize = 6;
    let world = World::new();
    let app = world.app_with("p0", "1");
    fs::write(app.join("Cargo.signers"), "version = 1\n").unwrap();
    for i in 0..PACKAGES {
        world.publish(world.library(&format!("p{i}"), "1.0.0"));
    }
    // Each from a copy of the project of its own, with one file for all.
    let file = app.join("Cargo.signers");
    std::thread::scope(|scope| {
        for i in 0..PACKAGES {
            let (user, file) = (&world.user, &file);
            let name = format!("copy{i}");
            let copy = world
                .sandbox
                .package(&name)
                .dependency(&format!("p{i}"), "1");
            let copy = copy.program("").write();
            std::os::unix::fs::symlink(file, copy.join("Cargo.signers")).unwrap();
            let fetch = user
                .cargo(&consign_testbed::consign(), &copy)
                .args(["fetch"]);
            scope.spawn(move || fetch.run().succeeded());
        }
    });
    let text = signers_file(&app);
    for i in 0..PACKAGES {
        assert!(text.contains(&format!("p{i} = {{ signers")), "{text}");
    }
}

/// A mirror that is used by its own address: that it is the registry for which the packages were signed, is
/// for the signers file to say.
#[test]
fn another_address_of_a_registry_is_known_where_the_file_says_so() {
    let world = World::with_foo(["1.0.0"]);
    let mirror = consign_testbed::Registry::start(&world.sandbox);
    crate::world::copy_packages(&world.registry, &mirror);
    let user = world.sandbox.home("user-of-the-mirror");
    user.use_registry(&mirror, None);
    user.use_keys(&world.keys);
    let app = world.app();
    let fetch = || {
        user.cargo(&consign_testbed::consign(), &app)
            .args(["fetch"])
            .run()
    };
    let output = fetch().failed();
    assert!(
        output.stderr.contains("is signed for another registry"),
        "{}",
        output.stderr
    );
    let also = format!(
        "version = 1\n\n[registry.\"{}\"]\nalso = [\"{}\"]\n",
        world.registry.identity(),
        mirror.identity()
    );
    fs::write(app.join("Cargo.signers"), &also).unwrap();
    let output = fetch().succeeded();
    assert!(
        output
            .stderr
            .contains("(published by GitHub user @octocat)"),
        "{}",
        output.stderr
    );
    // What is recorded is recorded of the registry that it is.
    let recorded = signers_file(&app);
    let section = format!(
        "[registry.\"{}\".package]\nfoo = {{",
        world.registry.identity()
    );
    assert!(recorded.contains(&section), "{recorded}");
    let output = user
        .cargo(&consign_testbed::consign(), &app)
        .args(["build", "--locked"])
        .run();
    output.succeeded();
}
