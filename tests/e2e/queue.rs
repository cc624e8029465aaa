//! How the patches are worked on: `cargo xtask edit`.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use consign_testbed::{Sandbox, stock, xtask};

/// What a line beside a patch says, and what it may say as well.
const WORDS: [&str; 2] = ["What is known of signers.", "Who signed what."];

/// Saves in a patch of its own.
const NEW: [&str; 5] = [
    "--save",
    "--new=the-end",
    "--for=Readers know where it ends.",
    "--why-not-less=It is one line.",
    "--fails-without=nothing_does",
];

/// A copy of the patches, and a place to lay the source out.
struct Queue {
    sandbox: Sandbox,
}

impl Queue {
    fn new() -> Queue {
        let sandbox = Sandbox::new();
        for name in ["cargo", "crates-io"] {
            let to = sandbox.path().join("patches").join(name);
            fs::create_dir_all(&to).unwrap();
            let from = Path::new(env!("CARGO_MANIFEST_DIR"))
                .join("patches")
                .join(name);
            for patch in fs::read_dir(from).unwrap() {
                let patch = patch.unwrap();
                fs::copy(patch.path(), to.join(patch.file_name())).unwrap();
            }
        }
        Queue { sandbox }
    }

    /// One whose source is laid out, which changes no patch.
    fn opened() -> Queue {
        let queue = Queue::new();
        let before = queue.patches();
        queue.edit(&[]).unwrap();
        assert_eq!(queue.patches(), before);
        queue
    }

    /// Runs the chore, and gives what it prints where it succeeds, or else what it complains of.
    fn edit(&self, args: &[&str]) -> Result<String, String> {
        let output = Command::new(xtask())
            .args(["edit", "--patches=patches", "--tree=tree"])
            .args(args)
            .current_dir(self.sandbox.path())
            .env("CARGO", stock())
            .output()
            .unwrap();
        let [stdout, stderr] =
            [output.stdout, output.stderr].map(|text| String::from_utf8(text).unwrap());
        match output.status.success() {
            true => Ok(stdout),
            false => Err(stderr),
        }
    }

    /// Runs git in the source that was laid out.
    fn git(&self, args: &[&str]) {
        let status = Command::new("git")
            .args(["-c", "user.name=ann", "-c", "user.email=ann@example.com"])
            .args(args)
            .current_dir(self.sandbox.path().join("tree/cargo"))
            .status()
            .unwrap();
        assert!(status.success());
    }

    /// A file that one of the patches changes.
    fn source(&self) -> PathBuf {
        let file = "tree/cargo/src/cargo/util/context/mod.rs";
        self.sandbox.path().join(file)
    }

    /// Changes a line of it that a patch adds. Gives what it was, and what it is.
    fn reword(&self) -> [String; 2] {
        let source = fs::read_to_string(self.source()).unwrap();
        let changed = source.replace(WORDS[0], WORDS[1]);
        assert_ne!(changed, source);
        fs::write(self.source(), &changed).unwrap();
        [source, changed]
    }

    /// Every patch of cargo, by name.
    fn patches(&self) -> BTreeMap<String, String> {
        let folder = self.sandbox.path().join("patches/cargo");
        let patches = fs::read_dir(folder).unwrap().map(|patch| {
            let path = patch.unwrap().path();
            let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
            (name, fs::read_to_string(path).unwrap())
        });
        patches.collect()
    }
}

#[test]
fn what_is_changed_beside_a_patch_is_saved_in_it() {
    let queue = Queue::opened();
    let before = queue.patches();
    // Nothing was changed, so nothing is.
    queue.edit(&["--save"]).unwrap();
    assert_eq!(queue.patches(), before);

    queue.reword();
    // What is not saved is not lost.
    let refused = queue.edit(&[]).unwrap_err();
    assert!(refused.contains("has changes"), "{refused}");
    queue.edit(&["--save"]).unwrap();
    let mut after = before;
    let patch = after.get_mut("context-holds-signing").unwrap();
    let [old, new] = WORDS.map(|words| format!("+    /// {words}"));
    *patch = patch.replace(&old, &new);
    assert_eq!(queue.patches(), after);
    // Once saved it can be laid out anew.
    queue.edit(&[]).unwrap();
    let source = fs::read_to_string(queue.source()).unwrap();
    assert!(source.contains(WORDS[1]));
}

#[test]
fn what_is_changed_elsewhere_is_a_patch_with_a_header_of_its_own() {
    let queue = Queue::opened();
    let before = queue.patches();
    let source = fs::read_to_string(queue.source()).unwrap();
    fs::write(queue.source(), format!("{source}\n// The end.\n")).unwrap();
    let refused = queue.edit(&["--save"]).unwrap_err();
    assert!(
        refused.contains("no patch does anything there") && refused.contains("`--into NAME`"),
        "{refused}"
    );
    assert_eq!(queue.patches(), before);
    queue.edit(&NEW).unwrap();
    let mut after = queue.patches();
    let new = after.remove("the-end").unwrap();
    assert!(
        new.starts_with("For: Readers know where it ends.\n"),
        "{new}"
    );
    assert!(new.ends_with("+\n+// The end.\n"), "{new}");
    assert_eq!(after, before);

    // A patch that does nothing any more is none.
    fs::write(queue.source(), source).unwrap();
    let saved = queue.edit(&["--save"]).unwrap();
    assert!(
        saved.contains("the-end.patch does nothing any more"),
        "{saved}"
    );
    assert_eq!(queue.patches(), before);
}

#[test]
fn patch_that_no_change_needs_is_not_left_out_in_silence() {
    let queue = Queue::opened();
    let before = queue.patches();
    queue.reword();
    for args in [&["--save", "--into=misspelt"][..], &NEW] {
        let refused = queue.edit(args).unwrap_err();
        assert!(refused.contains("nothing is left for `"), "{refused}");
        assert_eq!(queue.patches(), before);
    }
}

#[test]
fn what_was_committed_and_not_saved_is_not_thrown_away() {
    let queue = Queue::opened();
    let [source, changed] = queue.reword();
    queue.git(&["commit", "--quiet", "--all", "--message=mine"]);
    let refused = queue.edit(&[]).unwrap_err();
    assert!(refused.contains("has changes"), "{refused}");
    assert_eq!(fs::read_to_string(queue.source()).unwrap(), changed);
    queue.edit(&["--discard"]).unwrap();
    assert_eq!(fs::read_to_string(queue.source()).unwrap(), source);
}

#[test]
fn folder_of_somebody_else_is_not_laid_over() {
    let queue = Queue::new();
    let theirs = queue.sandbox.path().join("tree/cargo");
    fs::create_dir_all(&theirs).unwrap();
    fs::write(theirs.join("file"), "precious").unwrap();
    let refused = |args: &[&str]| {
        let refused = queue.edit(args).unwrap_err();
        assert!(refused.contains("was not laid out by"), "{refused}");
        assert_eq!(fs::read_to_string(theirs.join("file")).unwrap(), "precious");
    };
    refused(&[]);
    queue.git(&["init", "--quiet"]);
    queue.git(&["add", "."]);
    queue.git(&["commit", "--quiet", "--message=theirs"]);
    refused(&[]);
    refused(&["--discard"]);
}

#[test]
fn patches_that_changed_meanwhile_are_not_undone() {
    let queue = Queue::opened();
    let patch = queue
        .sandbox
        .path()
        .join("patches/cargo/cache-is-cleaned.patch");
    let changed = fs::read_to_string(&patch)
        .unwrap()
        .replace("For: ", "For: all. ");
    fs::write(&patch, &changed).unwrap();
    let refused = queue.edit(&["--save"]).unwrap_err();
    assert!(refused.contains("saving would undo that"), "{refused}");
    assert_eq!(fs::read_to_string(&patch).unwrap(), changed);
}

#[test]
fn new_patch_has_a_name_and_says_something() {
    let queue = Queue::opened();
    let before = queue.patches();
    let source = fs::read_to_string(queue.source()).unwrap();
    fs::write(queue.source(), format!("{source}\n// The end.\n")).unwrap();
    let save = |name: &str, text: &str| {
        let args = [
            "--save",
            &format!("--new={name}"),
            &format!("--for={text}"),
            "--why-not-less=It is one line.",
            "--fails-without=nothing_does",
        ];
        queue.edit(&args).unwrap_err()
    };
    for name in ["../../evil", "a b", "a/b", "", ".patch"] {
        let refused = save(name, "Readers know where it ends.");
        assert!(refused.contains("is no name of a patch"), "{refused}");
    }
    let refused = save("the-end", "");
    assert!(refused.contains("the header has no `For:`"), "{refused}");
    assert_eq!(queue.patches(), before);
    assert!(!queue.sandbox.path().join("evil.patch").exists());
}
