//! The patches themselves.

use std::fs;
use std::path::{Path, PathBuf};

use consign_patchset::PatchSet;

/// The folders of patches, one for each crate that is patched.
fn folders() -> Vec<PathBuf> {
    let patches = Path::new(env!("CARGO_MANIFEST_DIR")).join("patches");
    let folders = fs::read_dir(patches)
        .unwrap()
        .map(|folder| folder.unwrap().path());
    folders.filter(|path| path.is_dir()).collect()
}

#[test]
fn patches_stay_small() {
    let figures = folders()
        .into_iter()
        .map(|folder| PatchSet::read(&folder).unwrap().figures());
    let sum = figures.fold((0, 0, 0), |sum, figures| {
        (
            sum.0 + figures.added,
            sum.1 + figures.removed,
            sum.2 + figures.files,
        )
    });
    let (added, removed, files) = sum;
    assert!(added <= 150, "{added} lines added");
    assert!(removed <= 20, "{removed} lines removed");
    assert!(files <= 20, "{files} files touched");
}

#[test]
fn every_patch_names_a_test_that_exists() {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/e2e");
    let mut sources = String::new();
    for folder in [tests.join("attacks"), tests.join("signers"), tests] {
        for file in fs::read_dir(folder).unwrap() {
            let path = file.unwrap().path();
            if path.is_file() {
                sources += &fs::read_to_string(path).unwrap();
            }
        }
    }
    for folder in folders() {
        for patch in fs::read_dir(folder).unwrap() {
            let patch = patch.unwrap().path();
            let text = fs::read_to_string(&patch).unwrap();
            let header = text
                .lines()
                .find_map(|line| line.strip_prefix("Fails-without: "));
            let named = header.unwrap_or_else(|| panic!("{} names no test", patch.display()));
            // Without some of them nothing compiles, which is as good.
            if !named.starts_with("every end-to-end test") {
                assert!(
                    sources.contains(&format!("#[test]\nfn {named}()")),
                    "{} names the test `{named}`, which is not there",
                    patch.display()
                );
            }
        }
    }
}
