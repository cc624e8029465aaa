//! A crate of one file, and what becomes of its patch in a later release.

use std::fs;
use std::path::Path;

use consign_patchset::{PatchSet, Upgraded};
use sha2::{Digest as _, Sha256};
use tempfile::TempDir;

const PUBLISHED: &str = "fn one() {}\nfn two() {}\nfn three() {}\n";
/// As published, with a line more at the end.
const LATER: &str = "fn one() {}\nfn two() {}\nfn three() {}\nfn four() {}\n";
const OTHER: &str = "fn one() {}\nfn drei() {}\n";

/// Carries a patch of `src/greet.rs` to a release that has `files`.
fn upgraded(files: &[(&str, &[u8])]) -> Upgraded {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let at = |path: &str| folder.path().join(path);
    write(&folder, "old/src/greet.rs", PUBLISHED.as_bytes());
    fs::create_dir_all(at("new")).expect("new/");
    for (path, text) in files {
        write(&folder, &format!("new/{path}"), text);
    }
    let sha256 = hex::encode(Sha256::digest(PUBLISHED));
    let patch = format!(
        "For: a test\nWhy-not-less: it is one line\nFails-without: this test\n\
         Sha256: {sha256}  src/greet.rs\n\n--- a/src/greet.rs\n+++ b/src/greet.rs\n\
         @@ -1,2 +1,3 @@\n fn one() {{}}\n+fn between() {{}}\n fn two() {{}}\n"
    );
    write(&folder, "patches/greet.patch", patch.as_bytes());
    let set = PatchSet::read(&at("patches")).expect("the patches");
    let (old, new) = (at("old"), at("new"));
    set.upgraded((&old, "1.0.0"), (&new, "1.1.0"))
        .expect("an upgrade")
}

fn write(folder: &TempDir, path: &str, text: &[u8]) {
    let path = folder.path().join(path);
    fs::create_dir_all(path.parent().unwrap_or(Path::new(""))).expect("a folder");
    fs::write(path, text).expect("a file");
}

fn moved(upgraded: &Upgraded) -> Vec<&str> {
    upgraded.moved.values().map(String::as_str).collect()
}

#[test]
fn file_in_another_folder_is_followed() {
    let upgraded = upgraded(&[
        ("greet.rs", LATER.as_bytes()),
        ("other.rs", PUBLISHED.as_bytes()),
    ]);
    assert_eq!(moved(&upgraded), ["greet.rs"]);
    assert_eq!((upgraded.carried, upgraded.conflicts), (1, Vec::new()));
}

#[test]
fn file_of_another_name_is_followed() {
    let upgraded = upgraded(&[
        ("src/hello.rs", LATER.as_bytes()),
        ("src/other.rs", OTHER.as_bytes()),
        ("etc/greet.ico", &[0xff, 0xfe]),
    ]);
    assert_eq!(moved(&upgraded), ["src/hello.rs"]);
    assert_eq!((upgraded.carried, upgraded.conflicts), (1, Vec::new()));
}

#[test]
fn file_that_is_gone_is_a_conflict() {
    let upgraded = upgraded(&[("src/other.rs", OTHER.as_bytes())]);
    assert_eq!(upgraded.carried, 0);
    let [conflict] = &upgraded.conflicts[..] else {
        panic!("{:?}", upgraded.conflicts);
    };
    assert_eq!((&*conflict.file, conflict.line), ("src/greet.rs", None));
}
