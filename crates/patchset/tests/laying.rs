//! A crate of one file, and what may happen when patches are laid over it.

use std::error::Error as _;
use std::fs;

use consign_patchset::PatchSet;
use tempfile::TempDir;

const PUBLISHED: &str = "fn one() {}\nfn two() {}\nfn three() {}\n";
const SHA256: &str = "b3fde5b42b4b0d5f5ea5e3c7bb8ef8f1b6a2d9b9ea6cf6bb05b4ed9c9ab8d7a0";

/// A folder with `lib.rs` and a patch file for each of `diffs`.
struct Crate {
    folder: TempDir,
}

impl Crate {
    fn new(diffs: &[(&str, &str)]) -> Crate {
        let folder = tempfile::tempdir().expect("a temporary folder");
        fs::create_dir_all(folder.path().join("patches")).expect("patches/");
        fs::write(folder.path().join("lib.rs"), PUBLISHED).expect("lib.rs");
        for (name, diff) in diffs {
            fs::write(folder.path().join("patches").join(name), diff).expect("a patch");
        }
        Crate { folder }
    }

    /// The text of `lib.rs` after laying, or the error and its cause.
    fn lay(&self) -> Result<String, String> {
        PatchSet::read(&self.folder.path().join("patches"))
            .and_then(|set| set.lay(self.folder.path()))
            .map(|()| self.text())
            .map_err(|error| match error.source() {
                Some(cause) => format!("{error}: {cause}"),
                None => error.to_string(),
            })
    }

    fn text(&self) -> String {
        fs::read_to_string(self.folder.path().join("lib.rs")).expect("lib.rs")
    }
}

fn patch(sha256: &str, hunk: &str) -> String {
    format!(
        "For: a test\n  in two lines\nWhy-not-less: it is one line\nFails-without: this test\n\
         Sha256: {sha256}  lib.rs\n\n--- a/lib.rs\n+++ b/lib.rs\n{hunk}"
    )
}

fn published_sha256() -> String {
    use sha2::{Digest as _, Sha256};
    hex::encode(Sha256::digest(PUBLISHED))
}

#[test]
fn patches_that_fit_are_laid() {
    let first = patch(
        &published_sha256(),
        "@@ -1,2 +1,3 @@\n fn one() {}\n+fn between() {}\n fn two() {}\n",
    );
    let second = patch(
        &published_sha256(),
        "@@ -3 +3 @@\n-fn three() {}\n+fn drei() {}\n",
    );
    let krate = Crate::new(&[("a.patch", &first), ("b.patch", &second)]);
    assert_eq!(
        krate.lay().as_deref(),
        Ok("fn one() {}\nfn between() {}\nfn two() {}\nfn drei() {}\n")
    );

    let set = PatchSet::read(&krate.folder.path().join("patches")).expect("well-formed");
    let figures = set.figures();
    assert_eq!((figures.added, figures.removed, figures.files), (2, 1, 1));
    assert_eq!(set.patches()[0].about().purpose, "a test in two lines");
}

#[test]
fn a_patch_without_context_goes_behind_the_line_it_names() {
    let text = patch(&published_sha256(), "@@ -1,0 +2 @@\n+fn between() {}\n");
    assert_eq!(
        Crate::new(&[("a.patch", &text)]).lay().as_deref(),
        Ok("fn one() {}\nfn between() {}\nfn two() {}\nfn three() {}\n")
    );
}

#[test]
fn a_patch_that_does_not_apply_names_patch_file_and_line_and_changes_nothing() {
    let fits = patch(&published_sha256(), "@@ -1,0 +2 @@\n+fn between() {}\n");
    let does_not = patch(
        &published_sha256(),
        "@@ -3 +3 @@\n-fn vier() {}\n+fn drei() {}\n",
    );
    let krate = Crate::new(&[("a.patch", &fits), ("b.patch", &does_not)]);
    assert_eq!(
        krate.lay(),
        Err("patch `b.patch` cannot be laid over `lib.rs`: \
             line 3 should be `fn vier() {}` but is `fn three() {}`"
            .to_owned())
    );
    assert_eq!(krate.text(), PUBLISHED);
}

#[test]
fn a_patch_that_applies_twice_is_refused() {
    let text = patch(&published_sha256(), "@@ -1,0 +2 @@\n+fn between() {}\n");
    let krate = Crate::new(&[("a.patch", &text), ("copy-of-a.patch", &text)]);
    assert_eq!(
        krate.lay(),
        Err("patch `copy-of-a.patch` cannot be laid over `lib.rs`: \
             line 2 is changed by `a.patch` already"
            .to_owned())
    );

    // And laid over what it has been laid over before, it meets another file.
    let krate = Crate::new(&[("a.patch", &text)]);
    krate.lay().expect("the first time");
    let error = krate.lay().expect_err("the second time");
    assert!(
        error.contains("was written against another `lib.rs`"),
        "{error}"
    );
}

#[test]
fn another_upstream_file_is_refused() {
    let text = patch(SHA256, "@@ -1,0 +2 @@\n+fn between() {}\n");
    let krate = Crate::new(&[("a.patch", &text)]);
    assert_eq!(
        krate.lay(),
        Err(format!(
            "patch `a.patch` was written against another `lib.rs`: \
             its checksum should be {SHA256} but is {}",
            published_sha256()
        ))
    );
    assert_eq!(krate.text(), PUBLISHED);
}

#[test]
fn a_file_that_upstream_no_longer_has_is_named() {
    let text = patch(&published_sha256(), "@@ -1,0 +2 @@\n+fn between() {}\n")
        .replace("lib.rs", "gone.rs");
    let error = Crate::new(&[("a.patch", &text)])
        .lay()
        .expect_err("no such file");
    assert!(
        error.contains("failed to read `") && error.contains("gone.rs"),
        "{error}"
    );
}

#[test]
fn a_header_must_be_whole() {
    let hunk = "@@ -1,0 +2 @@\n+fn between() {}\n";
    let good = patch(&published_sha256(), hunk);
    for (text, wanted) in [
        (
            good.replace("For: a test\n  in two lines\n", ""),
            "the header has no `For:`",
        ),
        (
            good.replace("Why-not-less: it is one line\n", ""),
            "no `Why-not-less:`",
        ),
        (
            good.replace("Fails-without: this test\n", ""),
            "no `Fails-without:`",
        ),
        (
            good.replace("Fails-without:", "Fails-wihout:"),
            "line 4 of the header is not a field",
        ),
        (
            good.replace("  lib.rs\n\n", "  other.rs\n\n"),
            "no `Sha256:` for `lib.rs`",
        ),
        (patch("abcd", hunk), "line 5: `Sha256:` wants 64"),
        (
            good.replace(hunk, "@@ -1 +1 @@\n fn one() {}\n"),
            "changes nothing",
        ),
        (
            good.replace("+++ b/lib.rs", "+++ b/other.rs"),
            "does not add, remove or rename",
        ),
    ] {
        let error = Crate::new(&[("a.patch", &text)]).lay().expect_err(wanted);
        assert!(
            error.starts_with("patch `a.patch` is not well-formed: ") && error.contains(wanted),
            "{error}"
        );
    }
}

#[test]
fn what_is_read_is_written_again_to_the_byte() {
    for folder in ["../../patches/cargo", "../../patches/crates-io"] {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
        let set = PatchSet::read(&folder).expect("the patches are there");
        assert!(!set.patches().is_empty());
        for patch in set.patches() {
            let text = fs::read_to_string(folder.join(patch.name())).expect("it was read before");
            assert_eq!(patch.to_string(), text);
        }
    }
}
