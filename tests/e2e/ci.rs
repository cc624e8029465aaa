//! The workflow in `docs/ci`, tried step by step: in a clone of the project, by a user who has nothing yet.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use consign_testbed::{Home, Output, consign};

use crate::World;

const DOCS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs");

fn workflow() -> String {
    fs::read_to_string(Path::new(DOCS).join("ci/workflow.yml")).unwrap()
}

/// The commands of the workflow, in order.
fn steps() -> Vec<String> {
    let text = workflow();
    let lines = text
        .lines()
        .filter_map(|line| line.trim().strip_prefix("run: "));
    lines.map(str::to_owned).collect()
}

#[test]
fn workflow_is_the_one_that_is_told() {
    let told = fs::read_to_string(Path::new(DOCS).join("ci.md")).unwrap();
    assert!(told.contains(&format!("```yaml\n{}```\n", workflow())));
    let steps = steps();
    assert_eq!(steps.len(), 5, "{steps:?}");
    for step in &steps[1..] {
        assert!(told.contains(step.split(" --").next().unwrap()), "{step}");
    }
}

fn git(folder: &Path, args: &[&str]) {
    let output = Command::new("git")
        .args([
            "-c",
            "user.name=a",
            "-c",
            "user.email=a@example.org",
            "-c",
            "commit.gpgsign=false",
        ])
        .args(args)
        .current_dir(folder)
        .output()
        .unwrap();
    assert!(output.status.success(), "git {args:?}: {output:?}");
}

/// A machine of the CI's: a home that knows the registry and nothing else, and what its steps put first on
/// the path.
struct Machine {
    home: Home,
    folder: PathBuf,
    github_path: PathBuf,
}

impl Machine {
    /// One with a clone of the project.
    fn with_a_clone_of(world: &World, app: &Path, name: &str) -> Machine {
        let home = world.sandbox.home(name);
        home.use_registry(&world.registry, None);
        home.use_keys(&world.keys);
        let folder = world.sandbox.path().join(name);
        git(
            world.sandbox.path(),
            &["clone", "-q", app.to_str().unwrap(), name],
        );
        let github_path = world.sandbox.path().join(format!("{name}-path"));
        fs::write(&github_path, "").unwrap();
        Machine {
            home,
            folder,
            github_path,
        }
    }

    fn run(&self, step: &str) -> Output {
        let added = fs::read_to_string(&self.github_path).unwrap();
        let added: String = added.lines().map(|line| format!("{line}:")).collect();
        let run = self.home.cargo(Path::new("bash"), &self.folder);
        run.args(["-euo", "pipefail", "-c", step])
            .env("PATH", added + &std::env::var("PATH").unwrap())
            .env("GITHUB_PATH", &self.github_path)
            .env("CONSIGN_BIN", consign().parent().unwrap())
            .run()
    }
}

/// The project of the recipe: taken in as it stands, and committed.
fn project(world: &World) -> PathBuf {
    world.publish(world.library("foo", "1.0.0"));
    world.publish_unsigned(world.library("old", "0.3.1"));
    let app = world.sandbox.package("app").dependency("foo", "1");
    let app = app.dependency("old", "0.3").program("").write();
    fs::write(app.join(".gitignore"), "/target\n").unwrap();
    git(&app, &["init", "-q", "-b", "main"]);
    world.cargo(&app, ["build"]).succeeded();
    world.cargo(&app, ["signers", "init"]).succeeded();
    git(&app, &["add", "."]);
    git(
        &app,
        &["commit", "-qm", "Write down who signs what we build"],
    );
    app
}

#[test]
fn every_step_passes_in_a_fresh_clone() {
    let world = World::new();
    let app = project(&world);
    let machine = Machine::with_a_clone_of(&world, &app, "ci");
    for step in steps() {
        machine.run(&step).succeeded();
    }
    git(&machine.folder, &["diff", "--exit-code"]);
    // No provider is asked but by the step that says so.
    let other = Machine::with_a_clone_of(&world, &app, "ci-again");
    world.keys.stop();
    let steps = steps();
    let (last, others) = steps.split_last().unwrap();
    for step in others {
        other.run(step).succeeded();
    }
    assert!(last.contains("--refresh"));
}

#[test]
fn pull_request_that_brings_somebody_new_does_not_pass() {
    let world = World::new();
    let app = project(&world);
    // Somebody updates with stock cargo, which knows nothing of signers.
    let eve = world.stranger("eve");
    world.publish_foo_as("1.0.1", "github:eve", &eve);
    let stock = world.user.cargo(&consign_testbed::stock(), &app);
    stock.args(["update"]).run().succeeded();
    git(&app, &["commit", "-qam", "Update foo"]);
    let machine = Machine::with_a_clone_of(&world, &app, "ci");
    let steps = steps();
    machine.run(&steps[0]).succeeded();
    let output = machine.run(&steps[1]).failed();
    let why = "is signed as `github:eve`, and `github:octocat` signs this package since 1.0.0";
    assert!(output.stderr.contains(why), "{}", output.stderr);
    // One reviewed line, and it does.
    world.do_what_it_says(&app, &output.stderr);
    world.cargo(&app, ["build"]).succeeded();
    git(&app, &["commit", "-qam", "Accept eve"]);
    let machine = Machine::with_a_clone_of(&world, &app, "ci-reviewed");
    for step in steps {
        machine.run(&step).succeeded();
    }
}
