//! The signers file as its readers, its editors and git see it.

#![allow(clippy::unwrap_used)]

use std::fs;
use std::path::Path;
use std::process::Command;

use consign_identity::Identity;
use consign_signers::{Account, Changes, Package, Signer, Signers, SignersFile};
use consign_statement::{PublicKey, RegistryId};
use expect_test::expect;

const KEY: &str = "ed25519:11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";

fn key() -> PublicKey {
    KEY.parse().unwrap()
}

fn identity(text: &str) -> Identity {
    text.parse().unwrap()
}

fn registry() -> RegistryId {
    RegistryId::crates_io()
}

/// A package that `signer` signs since 1.0.0.
fn signed_by(signer: &str) -> Package {
    let mut package = Package::default();
    package.signers.insert(Signer::new(identity(signer), None));
    package.note_signed(&"1.0.0".parse().unwrap());
    package
}

fn package(name: &str, package: Option<Package>) -> Changes {
    let mut changes = Changes::default();
    changes
        .packages
        .insert((registry(), name.to_owned()), package);
    changes
}

fn everything() -> SignersFile {
    let mut changes = Changes::default();
    let account = Account {
        number: Some(583231.try_into().unwrap()),
        keys: [key()].into(),
    };
    let only_keys = Account {
        number: None,
        ..account.clone()
    };
    changes
        .identities
        .insert(identity("github:octocat"), Some(account));
    changes
        .identities
        .insert(identity("wkd:a@example.org"), Some(only_keys));
    let mut full = signed_by("github:octocat");
    full.signers.insert(Signer::new(
        identity("github:bob"),
        Some(&"^2".parse().unwrap()),
    ));
    full.note_signed(&"0.4.2".parse().unwrap());
    full.unsigned = vec!["<0.3.0".parse().unwrap(), "=0.3.1".parse().unwrap()];
    full.keep.insert("1.0.3".parse().unwrap(), key());
    full.reason = Some("she said \"yes\" in C:\\mail".parse().unwrap());
    for (name, package) in [
        ("foo", full),
        ("bar", signed_by("github:octocat")),
        ("h\u{e9}", signed_by("github:a")),
    ] {
        changes
            .packages
            .insert((registry(), name.to_owned()), Some(package));
    }
    let corp = RegistryId::from_index_url("https://corp.example/index").unwrap();
    changes
        .packages
        .insert((corp, "in-house".to_owned()), Some(signed_by("corp:mona")));
    SignersFile::new().with(&changes).unwrap()
}

#[test]
fn a_new_file_is_sorted_and_has_a_line_for_each() {
    expect![[r#"
        # Who may sign what this workspace is built from. `cargo signers` changes it; review it like code.
        version = 1

        [identity]
        "github:octocat" = { account = 583231, keys = ["ed25519:11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"] }
        "wkd:a@example.org" = { keys = ["ed25519:11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"] }

        [registry."https://corp.example/index".package]
        in-house = { signers = ["corp:mona"], since = ["1.0.0"] }

        [registry."https://github.com/rust-lang/crates.io-index".package]
        bar = { signers = ["github:octocat"], since = ["1.0.0"] }
        foo = { signers = [{ identity = "github:bob", versions = "^2" }, "github:octocat"], since = ["0.4.2", "1.0.0"], unsigned = ["<0.3.0", "=0.3.1"], keep = { "1.0.3" = "ed25519:11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo" }, reason = "she said \"yes\" in C:\\mail" }
        "hé" = { signers = ["github:a"], since = ["1.0.0"] }
    "#]]
    .assert_eq(everything().text());
}

#[test]
fn what_is_written_is_what_is_read() {
    let file = everything();
    assert_eq!(Signers::read(file.text()).unwrap(), *file.signers());
    let foo = file.signers().package(&registry(), "foo").unwrap();
    assert!(
        foo.signers
            .iter()
            .any(|signer| signer.to_string() == "github:bob (^2)")
    );
    assert_eq!(foo.unsigned.len(), 2);
    assert_eq!(foo.keep[&"1.0.3".parse().unwrap()], key());
    // Written again, it is the same.
    let mut changes = Changes::default();
    for (name, package) in &file.signers().registries[&registry()].packages {
        changes
            .packages
            .insert((registry(), name.clone()), Some(package.clone()));
    }
    assert_eq!(file.with(&changes).unwrap().text(), file.text());
}

#[test]
fn a_change_leaves_everything_else_as_it_is() {
    let text = "\
# Ours.
version = 1   # the only one

# People:
[identity]
\"github:octocat\" = { keys = [] , account = 583231 }

[registry.\"https://github.com/rust-lang/crates.io-index\".package]
zlib = {signers=['github:z']} # signs by hand
# Read by Ann.
bar = { unsigned = \"*\",   reason = 'no keys' }

# The rest is new.
foo = { signers = [\"github:octocat\"] }
# That is all.
";
    let file = SignersFile::read(text.to_owned()).unwrap();
    let mut changes = package("zlib", Some(signed_by("github:z")));
    for (name, package) in [
        ("foo", None),
        ("baz", Some(signed_by("github:a"))),
        ("aaa", Some(signed_by("github:a"))),
        ("zz", Some(signed_by("github:z"))),
    ] {
        changes
            .packages
            .insert((registry(), name.to_owned()), package);
    }
    let account = Account {
        number: None,
        keys: [key()].into(),
    };
    changes
        .identities
        .insert(identity("github:ann"), Some(account));
    let changed = file.with(&changes).unwrap();
    expect![[r##"
        # Ours.
        version = 1   # the only one

        # People:
        [identity]
        "github:ann" = { keys = ["ed25519:11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"] }
        "github:octocat" = { keys = [] , account = 583231 }

        [registry."https://github.com/rust-lang/crates.io-index".package]
        aaa = { signers = ["github:a"], since = ["1.0.0"] }
        baz = { signers = ["github:a"], since = ["1.0.0"] }
        zlib = { signers = ["github:z"], since = ["1.0.0"] } # signs by hand
        # Read by Ann.
        bar = { unsigned = "*",   reason = 'no keys' }

        # The rest is new.
        zz = { signers = ["github:z"], since = ["1.0.0"] }
        # That is all.
    "##]]
    .assert_eq(changed.text());
    assert_eq!(
        changed.with(&Changes::default()).unwrap().text(),
        changed.text()
    );
}

#[test]
fn sections_are_added_where_they_belong_and_line_ends_are_kept() {
    let text = "version = 1\r\n\r\n[registry.\"https://m.example/index\".package]\r\nm = { unsigned = \"*\" }";
    let mut file = SignersFile::read(text.to_owned()).unwrap();
    for url in ["https://z.example/index", "https://a.example/index"] {
        let id = RegistryId::from_index_url(url).unwrap();
        let mut changes = Changes::default();
        changes
            .packages
            .insert((id, "foo".to_owned()), Some(signed_by("github:a")));
        file = file.with(&changes).unwrap();
    }
    let account = Account {
        number: None,
        keys: [key()].into(),
    };
    let mut changes = Changes::default();
    changes
        .identities
        .insert(identity("github:a"), Some(account));
    file = file.with(&changes).unwrap();
    let lines: Vec<_> = file.text().split("\r\n").collect();
    assert!(lines.iter().all(|line| !line.contains('\n')), "{lines:?}");
    let headers: Vec<_> = lines.iter().filter(|line| line.starts_with('[')).collect();
    assert_eq!(
        headers,
        [
            &"[identity]",
            &"[registry.\"https://a.example/index\".package]",
            &"[registry.\"https://m.example/index\".package]",
            &"[registry.\"https://z.example/index\".package]",
        ]
    );
}

/// The message for a text that is no signers file.
fn fault(text: &str) -> String {
    Signers::read(text).unwrap_err().to_string()
}

/// The message for a line about a package.
fn fault_in(line: &str) -> String {
    fault(&format!(
        "version = 1\n[registry.\"https://a.example/index\".package]\n{line}\n"
    ))
}

#[test]
fn what_is_not_understood_is_an_error_with_its_place() {
    for (text, message) in [
        ("", "line 1, column 1: there is no `version = 1`"),
        (
            "version = 2",
            "line 1, column 1: it is in version 2 of the format; this Consign reads version 1",
        ),
        (
            "version = \"1\"",
            "line 1, column 1: `version` is not the number 1",
        ),
        (
            "version = 1\n\nsigner = 1",
            "line 3, column 1: unknown key `signer`: the keys here are `version`, `identity`, `registry`",
        ),
        ("version = 1\nfoo = [", "line 2, column 8: "),
        (
            "version = 1\nidentity = {}",
            "line 2, column 1: `identity` is not a table with a `[header]`",
        ),
        (
            "version = 1\n[identity]\n\"Github:a\" = {}",
            "line 3, column 1: `Github:a`: `Github` cannot be",
        ),
        (
            "version = 1\n[identity]\n\"github:a\" = {}",
            "line 3, column 1: nothing is said",
        ),
        (
            "version = 1\n[identity.\"github:a\"]\nkeys = []",
            "line 2, column 11: `github:a` is not written in one line",
        ),
        (
            "version = 1\n[identity]\n\"github:a\" = { account = 0 }",
            "line 3, column 16: `account` is not",
        ),
        (
            "version = 1\n[identity]\n\"github:a\" = { keys = [\"ssh-ed25519 AAAA\"] }",
            "line 3, column 24: `ssh-ed25519 AAAA`: not `ed25519:`",
        ),
        (
            "version = 1\n[registry.\"https://A.example/index/\".package]",
            "line 2, column 11: `https://A.example/index/`: ",
        ),
        (
            "version = 1\n[registry.\"https://a.example/i\"]\nmirror = 1",
            "unknown key `mirror`: the keys here are `also`, `package`",
        ),
        (
            "version = 1\n[registry.\"https://a.example/i\"]\nalso = [\"https://b.example/i\", 1]",
            "`also` is not a text in quotes",
        ),
        (
            "version = 1\n[registry.\"https://a.example/i\"]\nalso = [\"https://b.example/i\"]\n[registry.\"https://b.example/i\".package]",
            "`https://b.example/i` is said to be more than one registry",
        ),
        (
            "version = 1\n<<<<<<< HEAD\n=======\n>>>>>>> other",
            "line 2, column 9: a merge left its marks here: keep the lines that are to count",
        ),
    ] {
        let found = fault(text);
        assert!(found.contains(message), "{text:?}: {found}");
    }
    for (line, message) in [
        (
            "foo = {}",
            "line 3, column 1: nothing is said of who may sign this package",
        ),
        (
            "foo = 1",
            "line 3, column 1: `foo` is not written in one line, as `foo = { … }`",
        ),
        ("foo.signers = [\"github:a\"]", "is not written in one line"),
        (
            "foo = { signer = [\"github:a\"] }",
            "line 3, column 9: unknown key `signer`: the keys here are `signers`, `since`, ",
        ),
        ("foo = { signers = [] }", "`signers` names nobody"),
        (
            "foo = { signers = [\"octocat\"] }",
            "line 3, column 20: `octocat`: `octocat` is not an identity",
        ),
        (
            "foo = { signers = [\"github:a\", \"github:a\"] }",
            "the same signer twice",
        ),
        (
            "foo = { signers = [{ versions = \"1\" }] }",
            "a signer without an `identity`",
        ),
        (
            "foo = { signers = [{ identity = \"github:a\", version = \"1\" }] }",
            "unknown key `version`: the keys here are `identity`, `versions`",
        ),
        (
            "foo = { signers = [\"github:a\"], since = [\"1\"] }",
            "line 3, column 42: `1`: ",
        ),
        (
            "foo = { signers = [\"github:a\"], since = [\"1.0.0\", \"1.2.0\"] }",
            "`since` has two versions that are compatible",
        ),
        (
            "foo = { unsigned = \"*\", since = [\"1.0.0\"] }",
            "there is `since`, and nobody in `signers`",
        ),
        (
            "foo = { unsigned = \"newest\" }",
            "line 3, column 20: `newest`: ",
        ),
        ("foo = { unsigned = true }", "`unsigned` is not a list"),
        (
            "foo = { keep = [\"1.0.0\"] }",
            "`keep` is not a table of versions",
        ),
        (
            "foo = { unsigned = \"*\", reason = \"\" }",
            "a reason cannot be empty",
        ),
        (
            "foo = { unsigned = \"*\", reason = \"a\\nb\" }",
            "a reason is one line of text",
        ),
        (
            "foo = { signers = [\"github:a\"], threshold = 2 }",
            "`threshold` can only be 1",
        ),
        (
            "foo = { unsigned = \"*\" }\nfoo = { unsigned = \"*\" }",
            "line 4, column 1: this is said a second time",
        ),
        (
            "\"fo\\u001bo\" = { unsigned = \"*\" }",
            "no package has this name",
        ),
    ] {
        let found = fault_in(line);
        assert!(found.contains(message), "{line:?}: {found}");
    }
}

#[test]
fn another_address_of_a_registry_is_known() {
    let text =
        "version = 1\n[registry.\"https://a.example/i\"]\nalso = [\"https://b.example/i\"]\n";
    let signers = Signers::read(text).unwrap();
    let (a, b) = (
        "https://a.example/i".parse().unwrap(),
        "https://b.example/i".parse().unwrap(),
    );
    assert_eq!(signers.original(&b), Some(&a));
    assert_eq!(signers.original(&a), None);
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

/// Both sides add a package and an identity at the same place, which is a conflict in any other file.
#[test]
fn git_merges_branches_that_add_different_packages() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let path = folder.join("Cargo.signers");
    let base = everything();
    fs::write(&path, base.text()).unwrap();
    fs::write(
        folder.join(".gitattributes"),
        format!("{}\n", consign_signers::GIT_ATTRIBUTES),
    )
    .unwrap();
    git(folder, &["init", "-q", "-b", "main"]);
    git(folder, &["add", "."]);
    git(folder, &["commit", "-qm", "base"]);
    let sides = [("ours", ["c1", "c3"]), ("theirs", ["c2", "c4"])];
    for (branch, names) in sides {
        git(folder, &["checkout", "-qb", branch, "main"]);
        let mut changes = Changes::default();
        for name in names {
            let signer = format!("github:{name}");
            changes
                .packages
                .insert((registry(), name.to_owned()), Some(signed_by(&signer)));
            let account = Account {
                number: None,
                keys: [key()].into(),
            };
            changes.identities.insert(identity(&signer), Some(account));
        }
        fs::write(&path, base.with(&changes).unwrap().text()).unwrap();
        git(folder, &["commit", "-qam", branch]);
    }
    git(folder, &["merge", "-q", "ours", "-m", "both"]);
    let merged = Signers::read(&fs::read_to_string(&path).unwrap()).unwrap();
    for name in ["c1", "c2", "c3", "c4", "foo"] {
        assert!(merged.package(&registry(), name).is_some(), "{name}");
    }
    assert_eq!(merged.identities.len(), 6);
}

/// Both sides say something else of the same package: the file cannot be read until somebody has
/// decided, and the error names the line.
#[test]
fn what_two_branches_say_of_one_package_is_not_merged_in_silence() {
    let base = SignersFile::new();
    let ours = base
        .with(&package("foo", Some(signed_by("github:a"))))
        .unwrap();
    let theirs = base
        .with(&package("foo", Some(signed_by("github:b"))))
        .unwrap();
    let line = theirs.text().lines().last().unwrap();
    let merged = format!("{}{line}\n", ours.text());
    assert!(
        fault(&merged).contains("line 6, column 1: this is said a second time"),
        "{}",
        fault(&merged)
    );
}
