//! How the patches are worked on: `cargo xtask edit`.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use consign_testbed::{Sandbox, stock, xtask};

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

    /// A file that one of the patches changes.
    fn source(&self) -> PathBuf {
        let file = "tree/cargo/src/cargo/util/context/mod.rs";
        self.sandbox.path().join(file)
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
    let queue = Queue::new();
    let before = queue.patches();
    queue.edit(&[]).unwrap();
    // Nothing was changed, so nothing is.
    queue.edit(&["--save"]).unwrap();
    assert_eq!(queue.patches(), before);

    let source = fs::read_to_string(queue.source()).unwrap();
    let (old, new) = ("What is known of signers.", "Who signed what.");
    assert!(source.contains(old));
    fs::write(queue.source(), source.replace(old, new)).unwrap();
    // What is not saved is not lost.
    let refused = queue.edit(&[]).unwrap_err();
    assert!(refused.contains("has changes"), "{refused}");
    queue.edit(&["--save"]).unwrap();
    let mut after = before;
    let patch = after.get_mut("context-holds-signing").unwrap();
    *patch = patch.replace(&format!("+    /// {old}"), &format!("+    /// {new}"));
    assert_eq!(queue.patches(), after);
    // Once saved it can be laid out anew.
    queue.edit(&[]).unwrap();
    assert!(fs::read_to_string(queue.source()).unwrap().contains(new));
}

#[test]
fn what_is_changed_elsewhere_is_a_patch_with_a_header_of_its_own() {
    let queue = Queue::new();
    let before = queue.patches();
    queue.edit(&[]).unwrap();
    let source = fs::read_to_string(queue.source()).unwrap();
    fs::write(queue.source(), format!("{source}\n// The end.\n")).unwrap();
    let refused = queue.edit(&["--save"]).unwrap_err();
    assert!(
        refused.contains("no patch does anything there") && refused.contains("`--into NAME`"),
        "{refused}"
    );
    assert_eq!(queue.patches(), before);
    let header = [
        "--save",
        "--new=the-end",
        "--for=Readers know where it ends.",
        "--why-not-less=It is one line.",
        "--fails-without=nothing_does",
    ];
    queue.edit(&header).unwrap();
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
