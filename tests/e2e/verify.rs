//! `cargo verify`: everything that `Cargo.lock` names is checked, and nothing is built.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use consign_testbed::{Registry, Reply};
use expect_test::expect;
use serde_json::Value;

use crate::World;

/// A program that depends on a signed `foo` and an unsigned `old`, both here.
fn fetched() -> (World, PathBuf) {
    let world = World::with_foo(["1.0.0"]);
    world.publish_unsigned(world.library("old", "0.3.1"));
    let app = world.sandbox.package("app").dependency("foo", "1");
    let app = app.dependency("old", "0.3").program("").write();
    world.cargo(&app, ["fetch"]).succeeded();
    (world, app)
}

/// The folder of a package below `registry/src`, or below `registry/cache`.
fn in_cache(world: &World, what: &str) -> PathBuf {
    let folder = world.user.path().join("registry").join(what);
    fs::read_dir(folder)
        .unwrap()
        .next()
        .unwrap()
        .unwrap()
        .path()
}

fn json(world: &World, app: &Path, args: &[&str], status: i32) -> Vec<Value> {
    let run = world.user.cargo(&consign_testbed::consign(), app);
    let run = run
        .args(["verify", "--message-format", "json"])
        .args(args.iter().copied());
    let output = run.run().ended_with(status);
    let lines = output.stdout.lines();
    lines
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

fn finding(lines: &[Value], name: &str) -> String {
    let line = lines.iter().find(|line| line["name"] == name).unwrap();
    line["finding"].as_str().unwrap().to_owned()
}

#[test]
fn everything_in_the_lockfile_is_told() {
    let (world, app) = fetched();
    let output = world.cargo(&app, ["verify"]).succeeded().normalised();
    let today = output
        .stdout
        .split("  ")
        .find(|cell| cell.starts_with("20"))
        .unwrap();
    let stdout = output.stdout.replace(today, "[DAY]");
    expect![[r#"
        foo  1.0.0  verified  GitHub user @octocat  ed25519:[KEY]  [DAY]  index
        old  0.3.1  unsigned
        app  0.1.0  path
    "#]]
    .assert_eq(&stdout);
    expect![[r#"
        $ cargo verify
            Verified 2 packages: 1 verified, 1 unsigned
    "#]]
    .assert_eq(&crate::signers::told(&output));
    assert!(!app.join("target").exists(), "nothing is built");
    let quiet = world.cargo(&app, ["verify", "--quiet"]).succeeded();
    assert_eq!(quiet.stderr, "");
}

#[test]
fn messages_have_a_schema() {
    let (world, app) = fetched();
    let lines = json(&world, &app, &[], 0);
    let sandbox = world.sandbox.path().display().to_string();
    let mut text = String::new();
    for mut line in lines {
        if !line["signed_at"].is_null() {
            line["signed_at"] = 1.into();
        }
        text += &format!("{line:#}\n");
    }
    expect![[r#"
        {
          "accepted": true,
          "carried_by": "index",
          "files": "verified",
          "finding": "verified",
          "key": "ed25519:[KEY]",
          "name": "foo",
          "reason": "package",
          "signed_at": 1,
          "signer": "github:octocat",
          "source": "sparse+http://127.0.0.1:[PORT]/index/",
          "v": 1,
          "version": "1.0.0"
        }
        {
          "accepted": true,
          "files": "verified",
          "finding": "unsigned",
          "name": "old",
          "reason": "package",
          "source": "sparse+http://127.0.0.1:[PORT]/index/",
          "v": 1,
          "version": "0.3.1"
        }
        {
          "accepted": true,
          "kind": "path",
          "name": "app",
          "reason": "other",
          "source": "path+file://[SANDBOX]/app",
          "v": 1,
          "version": "0.1.0"
        }
        {
          "ended_key": 0,
          "files_not_here": 0,
          "others": 1,
          "others_refused": 0,
          "packages": 2,
          "reason": "summary",
          "refused": 0,
          "unchecked": 0,
          "unknown_signer": 0,
          "unsigned": 1,
          "v": 1,
          "verified": 1
        }
    "#]]
    .assert_eq(&consign_testbed::normalised(
        &text.replace(&sandbox, "[SANDBOX]"),
    ));
}

#[test]
fn nothing_is_asked_of_anybody() {
    let (world, app) = fetched();
    let asked = world.keys.requests().len();
    world.registry.stop();
    world.keys.stop();
    for args in [
        &["verify"][..],
        &["verify", "--offline"],
        &["verify", "--locked"],
    ] {
        let run = world.user.cargo(&consign_testbed::consign(), &app);
        run.args(args.iter().copied()).run().succeeded();
    }
    assert_eq!(world.keys.requests().len(), asked);
}

#[test]
fn changed_files_are_found_wherever_they_lie() {
    let (world, app) = fetched();
    let source = in_cache(&world, "src").join("foo-1.0.0/src/lib.rs");
    let good = fs::read(&source).unwrap();
    fs::write(&source, "// evil").unwrap();
    assert_eq!(finding(&json(&world, &app, &[], 1), "foo"), "tampered");
    world.cargo(&app, ["verify", "--no-files"]).succeeded();
    world.cargo(&app, ["verify", "-p", "old"]).succeeded();
    let output = world.cargo(&app, ["verify", "-p", "foo"]).ended_with(1);
    assert!(
        output.stderr.contains("are not those that were signed"),
        "{}",
        output.stderr
    );
    fs::write(&source, good).unwrap();
    world.cargo(&app, ["verify"]).succeeded();
    // The archive of an unsigned package is the one that the lockfile names.
    for name in ["foo-1.0.0.crate", "old-0.3.1.crate"] {
        let archive = in_cache(&world, "cache").join(name);
        let good = fs::read(&archive).unwrap();
        fs::write(&archive, "evil").unwrap();
        world.cargo(&app, ["verify"]).ended_with(1);
        fs::write(&archive, good).unwrap();
    }
    world.cargo(&app, ["verify"]).succeeded();
}

#[test]
fn vendored_folder_is_verified_without_registry_and_network() {
    let (world, app) = fetched();
    let output = world.cargo(&app, ["vendor"]).succeeded();
    fs::create_dir_all(app.join(".cargo")).unwrap();
    fs::write(app.join(".cargo/config.toml"), output.stdout).unwrap();
    world.registry.stop();
    fs::remove_dir_all(world.user.path().join("registry")).unwrap();
    let lines = json(&world, &app, &[], 0);
    let foo = lines.iter().find(|line| line["name"] == "foo").unwrap();
    assert_eq!(foo["carried_by"], "vendored");
    assert_eq!(foo["files"], "verified");
    fs::write(app.join("vendor/foo/src/lib.rs"), "// evil").unwrap();
    assert_eq!(finding(&json(&world, &app, &[], 1), "foo"), "tampered");
}

#[test]
fn what_a_build_would_refuse_is_a_finding() {
    let (world, app) = fetched();
    world
        .cargo(&app, ["verify", "--require-signatures"])
        .ended_with(1);
    // Who signs it is somebody else than the file says.
    fs::write(
        app.join("Cargo.signers"),
        format!(
            "version = 1\n[registry.\"{}\".package]\nfoo = {{ signers = [\"github:ann\"] }}\n",
            world.registry.identity()
        ),
    )
    .unwrap();
    assert_eq!(finding(&json(&world, &app, &[], 1), "foo"), "wrong signer");
    // Nobody is said to.
    fs::write(app.join("Cargo.signers"), "version = 1\n").unwrap();
    assert_eq!(
        finding(&json(&world, &app, &[], 1), "foo"),
        "unknown signer"
    );
    assert_eq!(
        fs::read_to_string(app.join("Cargo.signers")).unwrap(),
        "version = 1\n"
    );
}

#[test]
fn deleted_key_is_found_by_asking_again() {
    let (world, app) = fetched();
    world.keys.publish(
        "octocat",
        &crate::world::other_key("octocat").public_armored(),
    );
    world.cargo(&app, ["verify"]).succeeded();
    assert_eq!(
        finding(&json(&world, &app, &["--refresh"], 1), "foo"),
        "withdrawn key"
    );
}

#[test]
fn nobody_to_ask_is_another_status_than_a_finding() {
    let (world, app) = fetched();
    fs::remove_dir_all(world.user.path().join("signing")).unwrap();
    world.keys.stop();
    assert_eq!(finding(&json(&world, &app, &[], 101), "foo"), "unchecked");
}

/// Who asks again wants to know what holds now: what was answered before is no answer to that.
#[test]
fn nobody_who_answers_again_is_told_as_such() {
    let (world, app) = fetched();
    world.cargo(&app, ["signers", "init"]).succeeded();
    let refresh = || {
        let output = world.cargo(&app, ["verify", "--refresh"]);
        let output = output.ended_with(101).normalised();
        assert!(
            output.stdout.contains("foo  1.0.0  unchecked"),
            "{}",
            output.stdout
        );
        output.stderr
    };
    for reply in [
        Reply::status(500),
        Reply::body("<html>sign in</html>"),
        Reply::body(""),
    ] {
        world.keys.answer("octocat", reply);
        assert!(
            refresh().contains("could not be checked: `http://127.0.0.1:[PORT]/octocat.gpg`: "),
            "{}",
            refresh()
        );
    }
    // A project cannot spare its users the question.
    world
        .keys
        .publish("octocat", &world.secret_key().public_armored());
    fs::create_dir_all(app.join(".cargo")).unwrap();
    fs::write(app.join(".cargo/config.toml"), "[net]\noffline = true").unwrap();
    let told = refresh();
    assert!(told.contains("the network is off"), "{told}");
    fs::remove_dir_all(app.join(".cargo")).unwrap();
    world.cargo(&app, ["verify", "--refresh"]).succeeded();
    world.keys.stop();
    let told = refresh();
    expect![[r#"
        warning: `foo v1.0.0 (registry `demo`)`: it is signed as `github:octocat`, and its key could not be checked: `http://127.0.0.1:[PORT]/octocat.gpg`: it could not be asked: Could not connect to server, and who signs this package is known, from `[SANDBOX]/app/Cargo.signers`
        help: see whether the address is right and can be reached, and try again
            Verified 2 packages: 1 unsigned, 1 unchecked
    "#]]
    .assert_eq(&told);
}

#[test]
fn folder_of_keys_that_is_gone_does_not_answer() {
    let world = World::new();
    let keys = world.sandbox.path().join("keys");
    fs::create_dir_all(&keys).unwrap();
    let template = keys.join("{user}.asc");
    let config = format!(
        "[signing.identities.team]\nkeys = \"{}\"",
        template.display()
    );
    world.user.add_config(&config);
    let ann = crate::signers::key_of("team:ann");
    fs::write(keys.join("ann.asc"), ann.public_armored()).unwrap();
    world.publish_foo_as("1.0.0", "team:ann", &ann);
    let app = world.app();
    world.cargo(&app, ["fetch"]).succeeded();
    world.cargo(&app, ["verify", "--refresh"]).succeeded();
    fs::remove_dir_all(&keys).unwrap();
    let output = world.cargo(&app, ["verify", "--refresh"]).ended_with(101);
    let folder = keys.display().to_string();
    assert!(output.stderr.contains(&folder), "{}", output.stderr);
}

#[test]
fn account_that_is_gone_is_told_and_what_is_recorded_of_it_stays_good() {
    let (world, app) = fetched();
    world.keys.withdraw("octocat");
    let warning = "warning: there is no account `github:octocat` any more";
    let output = world.cargo(&app, ["verify", "--refresh"]).succeeded();
    assert!(output.stderr.contains(warning), "{}", output.stderr);
    // Also where nothing but the file remembers the key.
    world.cargo(&app, ["signers", "init"]).succeeded();
    fs::remove_dir_all(world.user.path().join("signing/answers")).unwrap();
    let output = world.cargo(&app, ["verify", "--refresh"]).succeeded();
    assert!(output.stderr.contains(warning), "{}", output.stderr);
}

#[test]
fn to_ask_again_without_the_network_is_an_error() {
    let (world, app) = fetched();
    for off in ["--offline", "--frozen"] {
        let output = world.cargo(&app, ["verify", "--refresh", off]).failed();
        let said = format!("`--refresh` asks who is out there, and `{off}` forbids it");
        assert!(output.stderr.contains(&said), "{}", output.stderr);
    }
}

#[test]
fn git_dependency_is_a_finding_where_a_build_refuses_it() {
    let world = World::new();
    let app = crate::signers::levels::with_git_dependency(&world);
    world.cargo(&app, ["generate-lockfile"]).succeeded();
    let verify = |level: &str| {
        let run = world.run(&app, ["verify"]);
        run.env("CARGO_SIGNING_GIT", level).run()
    };
    verify("allow").succeeded();
    let output = verify("warn").succeeded();
    let said = "warning: 1 package comes from git, where nobody signs";
    assert!(output.stderr.contains(said), "{}", output.stderr);
    let output = verify("deny").ended_with(1).normalised();
    expect![[r#"
        $ cargo verify
        error: `gitlib v0.1.0 (file://[SANDBOX]/gitlib#2b663778)`: it comes from git, where nobody signs, and git dependencies are refused by the environment variable `CARGO_SIGNING_GIT`
        help: depend on a release from a registry, or change the rule in the environment variable `CARGO_SIGNING_GIT`
            Verified 0 packages; 1 from git refused
    "#]].assert_eq(&crate::signers::told(&output));
}

#[test]
fn first_sight_is_not_counted_as_verified() {
    let (world, app) = fetched();
    fs::remove_dir_all(world.user.path().join("signing/workspaces")).unwrap();
    let output = world.cargo(&app, ["verify"]).succeeded();
    assert!(
        output.stdout.contains("unknown signer"),
        "{}",
        output.stdout
    );
    let summary = "2 packages: 1 by an unknown signer, 1 unsigned";
    assert!(output.stderr.contains(summary), "{}", output.stderr);
}

#[test]
fn nobody_is_named_for_what_is_not_accepted() {
    let (world, app) = fetched();
    fs::write(
        in_cache(&world, "src").join("foo-1.0.0/src/lib.rs"),
        "// evil",
    )
    .unwrap();
    let output = world.cargo(&app, ["verify"]).ended_with(1).normalised();
    expect![[r#"
        foo  1.0.0  tampered  index
        old  0.3.1  unsigned
        app  0.1.0  path
    "#]]
    .assert_eq(&without_gaps(&output.stdout));
    let said = "so that it is unpacked again, which a build does by itself";
    assert!(output.stderr.contains(said), "{}", output.stderr);
    let lines = json(&world, &app, &[], 1);
    let foo = lines.iter().find(|line| line["name"] == "foo").unwrap();
    assert!(foo["signer"].is_null() && foo["key"].is_null(), "{foo}");
}

/// A table without the cells that are empty.
fn without_gaps(table: &str) -> String {
    let row = |line: &str| {
        let cells: Vec<_> = line.split("  ").map(str::trim).collect();
        let cells: Vec<_> = cells.into_iter().filter(|cell| !cell.is_empty()).collect();
        cells.join("  ") + "\n"
    };
    table.lines().map(row).collect()
}

#[test]
fn packages_of_one_name_are_told_apart() {
    let world = World::with_foo(["1.0.0"]);
    let other = Registry::start(&world.sandbox);
    let index = other.index_url();
    let registry = format!("[registries.other]\nindex = \"{index}\"");
    world.user.add_config(&registry);
    world.octocat.add_config(&format!(
        "{registry}\ntoken = \"{}\"",
        other.token("octocat")
    ));
    let foo = world.library("foo", "1.0.0").write();
    let publish = world.octocat.cargo(&consign_testbed::stock(), &foo);
    let publish = publish.args(["publish", "--no-verify", "--registry", "other"]);
    publish.run().succeeded();
    let app = world.app();
    let manifest = app.join("Cargo.toml");
    let mut toml = fs::read_to_string(&manifest).unwrap();
    toml += "\n[dependencies.second]\npackage = \"foo\"\nversion = \"1\"\nregistry = \"other\"\n";
    fs::write(&manifest, toml).unwrap();
    world.cargo(&app, ["generate-lockfile"]).succeeded();
    let output = world.cargo(&app, ["verify"]).succeeded();
    for version in ["1.0.0 (registry `demo`)", "1.0.0 (registry `other`)"] {
        assert!(output.stdout.contains(version), "{}", output.stdout);
    }
    world.keep(other);
}

#[test]
fn packages_that_are_not_here_are_no_finding() {
    let (world, app) = fetched();
    fs::remove_dir_all(world.user.path().join("registry/src")).unwrap();
    fs::remove_dir_all(world.user.path().join("registry/cache")).unwrap();
    let output = world.cargo(&app, ["verify"]).succeeded();
    // `old` may carry a signature, of which the index says nothing: it is downloaded.
    assert!(
        output.stderr.contains("(the files of 1 are not here)"),
        "{}",
        output.stderr
    );
}

#[test]
fn what_cannot_be_checked_as_a_whole_is_an_error() {
    let world = World::with_foo(["1.0.0"]);
    let app = world.app();
    let output = world.cargo(&app, ["verify"]).failed();
    assert!(
        output.stderr.contains("there is no `Cargo.lock`"),
        "{}",
        output.stderr
    );
    assert!(!app.join("Cargo.lock").exists());
    world.cargo(&app, ["fetch"]).succeeded();
    let output = world.cargo(&app, ["verify", "-p", "bar"]).failed();
    assert!(
        output
            .stderr
            .contains("`Cargo.lock` names no package `bar`"),
        "{}",
        output.stderr
    );
    world.publish(world.library("bar", "1.0.0"));
    let app = world
        .sandbox
        .package("app")
        .dependency("foo", "1")
        .dependency("bar", "1")
        .write();
    let output = world.cargo(&app, ["verify"]).failed();
    assert!(
        output.stderr.contains("`Cargo.lock` is not up to date"),
        "{}",
        output.stderr
    );
}

#[test]
fn git_and_path_dependencies_are_told_as_what_they_are() {
    let (world, app) = fetched();
    let lines = json(&world, &app, &[], 0);
    let kind_of = |lines: &[Value], name: &str| {
        let other = lines.iter().find(|line| line["name"] == name).unwrap();
        assert_eq!(other["reason"], "other");
        other["kind"].as_str().unwrap().to_owned()
    };
    assert_eq!(kind_of(&lines, "app"), "path");
    let app = crate::signers::levels::with_git_dependency(&world);
    world.cargo(&app, ["generate-lockfile"]).succeeded();
    let lines = json(&world, &app, &[], 0);
    assert_eq!(kind_of(&lines, "gitlib"), "git");
}

/// Half a second is how long cargo waits before it shows a bar.
#[test]
fn progress_is_shown_where_it_takes_long_and_on_a_terminal_alone() {
    if !consign_testbed::has_terminal() {
        return;
    }
    let (world, app) = fetched();
    let keys = world.secret_key().public_armored();
    let slow = || Reply::body(keys.clone()).after(Duration::from_millis(600));
    let bar = "Comparing [";
    let refresh = |quiet: &str| {
        world.keys.answer("octocat", slow());
        let line = format!(
            "unset CI TF_BUILD; stty cols 80; TERM=xterm exec \"$0\" verify --refresh {quiet}"
        );
        let consign = consign_testbed::consign();
        let run = world.user.cargo(Path::new("/bin/sh"), &app);
        let run = run.args(["-c", &line, consign.to_str().unwrap()]);
        run.on_terminal(&[]).succeeded().stdout
    };
    let shown = refresh("");
    assert!(shown.contains(bar), "{shown}");
    // It is gone when all is told.
    let last = shown.lines().last().unwrap();
    assert!(
        last.ends_with("2 packages: 1 verified, 1 unsigned"),
        "{shown}"
    );
    let quiet = refresh("--quiet");
    assert!(!quiet.contains(bar), "{quiet}");

    world.keys.answer("octocat", slow());
    let output = world.cargo(&app, ["verify", "--refresh"]).succeeded();
    assert!(!output.stderr.contains(bar), "{}", output.stderr);
    assert!(!output.stdout.contains(bar), "{}", output.stdout);
}

/// The members that `docs/verify.md` tells of, by `reason`.
fn told_members() -> BTreeMap<String, Vec<String>> {
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/verify.md");
    let page = fs::read_to_string(page).unwrap();
    let (_, schema) = page.split_once("## JSON").unwrap();
    let mut told = BTreeMap::<_, Vec<_>>::new();
    for part in schema.split("`\"reason\": \"").skip(1) {
        let (reason, rest) = part.split_once('"').unwrap();
        let rows = rest
            .lines()
            .filter_map(|line| line.strip_prefix("| `"))
            .filter_map(|row| row.split(" | ").next())
            .map(|cell| format!("`{cell}"));
        let members = told.entry(reason.to_owned()).or_default();
        for cell in rows {
            members.extend(cell.split('`').skip(1).step_by(2).map(str::to_owned));
        }
    }
    told
}

#[test]
fn messages_are_as_the_documentation_has_it() {
    let (world, app) = fetched();
    let mut all = json(&world, &app, &[], 0);
    all.extend(json(&world, &app, &["--require-signatures"], 1));
    fs::write(
        in_cache(&world, "src").join("foo-1.0.0/src/lib.rs"),
        "// evil",
    )
    .unwrap();
    all.extend(json(&world, &app, &[], 1));
    let git = crate::signers::levels::with_git_dependency(&world);
    world.cargo(&git, ["generate-lockfile"]).succeeded();
    let deny = ["--config", "signing.git='deny'"];
    all.extend(json(&world, &git, &deny, 1));
    let mut found = BTreeMap::<String, BTreeSet<String>>::new();
    for message in &all {
        assert_eq!(message["v"], 1);
        let members = message.as_object().unwrap().keys();
        let members = members.filter(|member| !["reason", "v"].contains(&member.as_str()));
        let reason = message["reason"].as_str().unwrap().to_owned();
        found.entry(reason).or_default().extend(members.cloned());
    }
    let told = told_members();
    let told: BTreeMap<_, BTreeSet<_>> = told
        .into_iter()
        .map(|(reason, members)| (reason, members.into_iter().collect()))
        .collect();
    assert_eq!(found, told);
    // What each can be is told, too.
    let page = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/verify.md")).unwrap();
    for message in all.iter().filter(|message| message["reason"] == "package") {
        for member in ["finding", "files", "carried_by"] {
            if let Some(value) = message[member].as_str() {
                assert!(page.contains(&format!("`{value}`")), "{member}: {value}");
            }
        }
    }
}
