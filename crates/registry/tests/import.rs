//! Packages from a `$CARGO_HOME`: real ones of crates.io, which stock cargo fetches first. That test
//! needs the network; the others make a home of their own.

#![allow(clippy::unwrap_used)]

mod support;

use std::fs;
use std::process::Output;

use consign_statement::Digest;
use serde_json::json;
use support::{Cargo, Registry, Server, archive, failure, path, success, token};
use tempfile::TempDir;

/// A `$CARGO_HOME` with one package, as cargo leaves it.
struct Home(TempDir);

impl Home {
    /// With the versions 1.0.0 and 2.0.0 of `Foo` in the index, and the first one downloaded. The
    /// members are added to the line of the first.
    fn new(members: &str) -> Home {
        let home = Home(TempDir::new().unwrap());
        let (line, cksum) = (home.line(members), "0".repeat(64));
        let later = format!(r#"{{"name":"Foo","vers":"2.0.0","deps":[],"cksum":"{cksum}"}}"#);
        let mut cache = vec![3, 2, 0, 0, 0];
        for text in ["etag: \"x\"", "1.0.0", &line, "2.0.0", &later] {
            cache.extend(text.as_bytes());
            cache.push(0);
        }
        home.write("registry/index/example-0/.cache/3/f/foo", &cache);
        let bytes = archive("Foo", "1.0.0");
        home.write("registry/cache/example-0/Foo-1.0.0.crate", &bytes);
        home
    }

    fn line(&self, members: &str) -> String {
        let cksum = Digest::of(&archive("Foo", "1.0.0"));
        format!(r#"{{"name":"Foo","vers":"1.0.0","deps":[],"cksum":"{cksum}"{members}}}"#)
    }

    fn write(&self, path: &str, bytes: &[u8]) {
        let path = self.0.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }

    fn import(&self, root: &TempDir, args: &[&str]) -> Output {
        let (root, home) = (path(root.path()), path(self.0.path()));
        let import = ["import", "--root", root, "--cargo-home", home];
        support::registry(&[&import, args].concat())
    }
}

#[test]
fn real_packages_are_served_to_stock_cargo() {
    let fetched = Cargo::new("http://127.0.0.1:1");
    fetched.consumer("itoa = \"=1.0.17\"\nquote = \"=1.0.44\"", "");
    success(&fetched.run("consumer", &["fetch"]));

    let root = TempDir::new().unwrap();
    let (folder, home) = (path(root.path()), fetched.home());
    let import = ["import", "--root", folder, "--cargo-home", path(&home)];
    let imported = success(&support::registry(&import));
    for package in [
        "itoa 1.0.17",
        "quote 1.0.44",
        "proc-macro2 1.0.",
        "unicode-ident 1.0.",
    ] {
        assert!(
            imported.contains(&format!("imported {package}")),
            "{imported}"
        );
    }
    let again = success(&support::registry(&import));
    assert!(
        again.contains("skipped itoa 1.0.17: it is there already"),
        "{again}"
    );
    assert_eq!(again.lines().count(), 4, "{again}");

    let server = Server::start(root.path(), &[]);
    let cargo = Cargo::new(&server.url);
    cargo.consumer(
        "itoa = { version = \"1\", registry = \"local\" }\n\
         quote = { version = \"1\", registry = \"local\" }",
        "let n = itoa::Buffer::new().format(7).to_owned(); println!(\"{}\", quote::quote!(f(#n)));",
    );
    assert_eq!(success(&cargo.run("consumer", &["run"])), "f (\"7\")\n");
    let lock = fs::read_to_string(cargo.home().join("../consumer/Cargo.lock")).unwrap();
    assert!(!lock.contains("crates.io"), "{lock}");
}

#[test]
fn a_line_is_imported_as_it_is_with_its_signature() {
    let members = r#","later":[1.50],"signature":{"v":1, "sig":"x"},"key_locator":{"user":"a"}"#;
    let home = Home::new(members);
    let root = TempDir::new().unwrap();
    let imported = success(&home.import(&root, &[]));
    assert_eq!(imported, "imported Foo 1.0.0\n");
    let server = Server::start(root.path(), &[]);
    assert_eq!(
        server.get("/index/3/f/foo").text(),
        home.line(members) + "\n"
    );
    let download = server.get("/api/v1/crates/Foo/1.0.0/download");
    assert_eq!(download.body, archive("Foo", "1.0.0"));
}

#[test]
fn an_imported_package_belongs_to_the_owner_that_was_named() {
    let (home, root) = (Home::new(""), TempDir::new().unwrap());
    let alice = token(root.path(), "alice");
    success(&home.import(&root, &["Foo@1.0.0"]));
    let publish = |server: &Server| {
        let archive = archive("Foo", "1.1.0");
        server.publish(&alice, &support::request("Foo", "1.1.0"), &archive)
    };
    let server = Server::start(root.path(), &[]);
    publish(&server).refusal(403);
    drop(server);

    // Named later, she owns what is there already.
    success(&home.import(&root, &["--owner", "alice", "foo"]));
    let server = Server::start(root.path(), &[]);
    publish(&server).accepted();
    let owners = server.get("/api/v1/crates/Foo/owners").accepted();
    assert_eq!(owners["users"][0]["login"], "alice");
}

#[test]
fn what_is_asked_for_and_was_not_downloaded_is_an_error() {
    let (home, root) = (Home::new(""), TempDir::new().unwrap());
    for wanted in ["bar", "Foo@2.0.0", "Foo@1.0.0+x"] {
        let refused = failure(&home.import(&root, &[wanted]));
        assert!(
            refused.contains(&format!("no downloaded version of `{wanted}`")),
            "{refused}"
        );
    }
    let refused = failure(&home.import(&root, &["Foo@one"]));
    assert!(refused.contains("no version after the `@`"), "{refused}");
}

#[test]
fn bytes_that_are_not_those_of_the_line_are_an_error() {
    let (home, root) = (Home::new(""), TempDir::new().unwrap());
    let other = archive("Foo", "1.0.1");
    home.write("registry/cache/example-0/Foo-1.0.0.crate", &other);
    let refused = failure(&home.import(&root, &[]));
    let found = Digest::of(&other);
    assert!(
        refused.contains(&format!("has the SHA-256 {found}, but its index line says")),
        "{refused}"
    );
    let server = Server::start(root.path(), &[]);
    assert_eq!(server.get("/index/3/f/foo").status, 404);
}

#[test]
fn a_cache_of_another_format_is_an_error() {
    let (home, root) = (Home::new(""), TempDir::new().unwrap());
    for bytes in [&b""[..], b"\x02\x02\0\0\0x\0", b"{}"] {
        home.write("registry/index/example-0/.cache/3/f/foo", bytes);
        let refused = failure(&home.import(&root, &[]));
        assert!(refused.contains("is not an index cache"), "{refused}");
    }
    home.write(
        "registry/index/example-0/.cache/3/f/foo",
        b"\x03\x02\0\0\0etag\x001.0.0\0{\"name\":\0",
    );
    let refused = failure(&home.import(&root, &[]));
    assert!(refused.contains("holds a line that is none"), "{refused}");
}

#[test]
fn a_name_that_is_taken_is_skipped() {
    let registry = Registry::start();
    registry.publish("foo", "1.0.0").accepted();
    let Registry { root, server, .. } = registry;
    drop(server);
    let home = Home::new("");
    let skipped = success(&home.import(&root, &[]));
    assert_eq!(skipped, "skipped Foo 1.0.0: its name is taken by `foo`\n");
    let server = Server::start(root.path(), &[]);
    let hits = server.get("/api/v1/crates?q=foo").accepted();
    assert_eq!(hits["crates"][0]["name"], json!("foo"));
}
