//! What the registry answers, byte by byte, where stock cargo would not notice or would not ask.

#![allow(clippy::unwrap_used)]

mod support;

use serde_json::json;
use support::{
    Registry, Server, archive, archive_of, failure, path, request, send, success, upload,
};

const NEW: &str = "/api/v1/crates/new";

#[test]
fn config_says_where_everything_is() {
    let registry = Registry::start();
    let url = &registry.server.url;
    let config = registry.server.get("/index/config.json").accepted();
    assert_eq!(
        config,
        json!({ "dl": format!("{url}/api/v1/crates"), "api": url })
    );

    let elsewhere = Registry::start_with(&["--url", "https://crates.example/r/"]);
    let config = elsewhere.server.get("/index/config.json").accepted();
    assert_eq!(config["api"], "https://crates.example/r");
}

#[test]
fn a_publish_leaves_one_index_line_and_the_bytes() {
    let registry = Registry::start();
    let mut request = request("Foo", "1.0.0");
    request["features"] = json!({ "a": [], "b": ["dep:x"] });
    request["links"] = json!("z");
    request["rust_version"] = json!("1.70");
    request["deps"] = json!([{
        "name": "x", "version_req": "^1", "features": ["f"], "optional": true,
        "default_features": false, "target": "cfg(unix)", "kind": "normal", "registry": null,
        "explicit_name_in_toml": "y",
    }]);
    let bytes = archive("Foo", "1.0.0");
    let reply = registry.server.publish(&registry.alice, &request, &bytes);
    assert_eq!(
        reply.accepted(),
        json!({ "warnings": { "invalid_categories": [], "invalid_badges": [], "other": [] } })
    );

    let cksum = consign_statement::Digest::of(&bytes).to_string();
    assert_eq!(
        registry.lines("3/f/foo"),
        [json!({
            "name": "Foo", "vers": "1.0.0", "cksum": cksum, "yanked": false, "v": 2,
            "deps": [{
                "name": "y", "package": "x", "req": "^1", "features": ["f"], "optional": true,
                "default_features": false, "target": "cfg(unix)", "kind": "normal",
            }],
            "features": { "a": [] }, "features2": { "b": ["dep:x"] },
            "links": "z", "rust_version": "1.70",
        })]
    );
    let download = registry.server.get("/api/v1/crates/Foo/1.0.0/download");
    assert_eq!((download.status, download.body), (200, bytes));
}

#[test]
fn an_index_file_that_is_known_is_not_sent_again() {
    let registry = Registry::start();
    registry.publish("foo", "1.0.0").accepted();
    let ask = |tag: &str| {
        let headers = [("if-none-match", tag)];
        send(&registry.server.url, "GET", "/index/3/f/foo", &headers, b"").unwrap()
    };
    let tag = registry.server.get("/index/3/f/foo").headers["etag"].clone();
    for known in [tag.clone(), format!("\"x\", W/{tag}"), "*".into()] {
        let reply = ask(&known);
        assert_eq!((reply.status, reply.body.len()), (304, 0));
        assert_eq!(reply.headers["etag"], tag);
    }
    assert_eq!(ask("\"x\"").status, 200);
    registry.publish("foo", "1.0.1").accepted();
    assert_eq!(ask(&tag).status, 200);
}

#[test]
fn what_is_not_there_is_404() {
    let registry = Registry::start();
    registry.publish("foo", "1.0.0").accepted();
    for path in [
        "/",
        "/index/3/f/Foo",
        "/index/3/b/foo",
        "/index/foo",
        "/index/",
        "/index/3/b/bar",
        "/index/3/f/..%2ffoo",
        "/index/../packages/foo/index",
        "/index/%ff",
        "/api/v1/crates/foo/1.0.1/download",
        "/api/v1/crates/bar/1.0.0/download",
        "/api/v1/crates/bar/owners",
        "/api/v2/crates",
    ] {
        registry.server.get(path).refusal(404);
    }
    let send = |method, path| registry.server.send(method, path, &registry.alice, b"");
    send("DELETE", "/api/v1/crates/foo/1.0.1/yank").refusal(404);
    send("DELETE", "/api/v1/crates/bar/1.0.0/yank").refusal(404);
    send("POST", NEW).refusal(405);
}

#[test]
fn whatever_changes_something_needs_a_token() {
    let registry = Registry::start();
    registry.publish("foo", "1.0.0").accepted();
    let stranger = registry.token("stranger");
    let users = br#"{"users":["stranger"]}"#;
    let body = upload(&request("foo", "1.0.1"), &archive("foo", "1.0.1"));
    let fields = br#"{"signature":{"v":2},"key_locator":{}}"#;
    for (method, path, body) in [
        ("PUT", NEW, &body[..]),
        ("DELETE", "/api/v1/crates/foo/1.0.0/yank", b""),
        ("PUT", "/api/v1/crates/foo/1.0.0/unyank", b""),
        ("PUT", "/api/v1/crates/foo/owners", users),
        ("DELETE", "/api/v1/crates/foo/owners", users),
        ("PUT", "/api/v1/crates/foo/1.0.0/signature", fields),
    ] {
        let with = |headers| send(&registry.server.url, method, path, headers, body).unwrap();
        with(&[]).refusal(401);
        with(&[("authorization", "consign_wrong")]).refusal(403);
        with(&[("authorization", "")]).refusal(403);
        let reason = with(&[("authorization", &stranger)]).refusal(403);
        assert_eq!(
            reason, "`stranger` is not an owner of `foo`",
            "{method} {path}"
        );
    }
}

#[test]
fn tokens_are_made_and_revoked_while_the_registry_is_served() {
    let registry = Registry::start();
    let root = path(registry.root.path());
    let list = || success(&support::registry(&["token", "list", "--root", root]));
    let id = list().split(' ').next().unwrap().to_owned();
    assert_eq!(list(), format!("{id}  alice  made today\n"));
    registry.publish("foo", "1.0.0").accepted();

    success(&support::registry(&[
        "token", "revoke", "--root", root, &id,
    ]));
    registry.publish("foo", "1.0.1").refusal(403);
    assert_eq!(list(), "");
    let again = support::registry(&["token", "revoke", "--root", root, &id]);
    assert!(failure(&again).contains("0 tokens have an id that begins with"));
}

#[test]
fn malformed_uploads_are_refused() {
    let registry = Registry::start();
    let put = |body: &[u8]| registry.server.send("PUT", NEW, &registry.alice, body);
    let bytes = archive("foo", "1.0.0");
    let whole = upload(&request("foo", "1.0.0"), &bytes);
    for length in [0, 3, 4, 10, whole.len() - 1] {
        let reason = put(&whole[..length]).refusal(400);
        assert!(reason.contains("the upload ends before its"), "{reason}");
    }
    let longer = [&whole[..], b"x"].concat();
    assert!(
        put(&longer)
            .refusal(400)
            .contains("1 bytes after its .crate file")
    );
    for json in [
        json!([]),
        json!(null),
        json!({ "name": "foo" }),
        json!({ "name": 1 }),
    ] {
        let reason = put(&upload(&json, &bytes)).refusal(400);
        assert!(reason.starts_with("malformed request: "), "{reason}");
    }
    let huge = [u32::MAX.to_le_bytes(); 3].concat();
    let reason = put(&huge).refusal(413);
    assert!(
        reason.contains("the metadata has 4294967295 bytes"),
        "{reason}"
    );
    assert_eq!(registry.server.get("/index/3/f/foo").status, 404);
}

#[test]
fn names_and_versions_that_are_none_are_refused() {
    let registry = Registry::start();
    let long = "x".repeat(65);
    for (name, reason) in [
        ("", "the package name is empty"),
        (&long, "the package name is longer than 64 characters"),
        (
            "9foo",
            "the package name `9foo` does not begin with an ASCII letter",
        ),
        (
            "a/../b",
            "the package name `a/../b` has something else in it",
        ),
        (
            "a\n\u{1b}[31m",
            "the package name `a\\n\\u{1b}[31m` has something else in it",
        ),
        ("COM1", "the package name `COM1` is reserved"),
    ] {
        let refused = (registry.server).publish(&registry.alice, &request(name, "1.0.0"), b"");
        let refused = refused.refusal(400);
        assert!(refused.starts_with(reason), "{refused}");
    }
    let long = format!("1.0.0-{}", "x".repeat(200));
    for version in ["", "1", "1.0", "v1.0.0", "1.0.0/..", "01.0.0", &long] {
        let refused = (registry.server).publish(&registry.alice, &request("foo", version), b"");
        let refused = refused.refusal(400);
        assert!(refused.contains("` is no version: "), "{refused}");
    }
}

#[test]
fn an_archive_that_is_not_the_package_is_refused() {
    let registry = Registry::start();
    let toml = b"[package]\nname = \"foo\"\nversion = \"1.0.0\"\n";
    let good: (&str, &[u8]) = ("foo-1.0.0/Cargo.toml", toml);
    for (bytes, reason) in [
        (b"no archive".to_vec(), "the .crate file does not unpack"),
        (archive("foo", "1.0.1"), "is not below `foo-1.0.0/`"),
        (
            archive_of(&[good, ("bar-1.0.0/x", b"")]),
            "`bar-1.0.0/x` in the .crate file is not below",
        ),
        (
            archive_of(&[("foo-1.0.0/x", b"")]),
            "the .crate file has no Cargo.toml",
        ),
        (
            archive_of(&[(
                "foo-1.0.0/Cargo.toml",
                b"[package]\nname = \"bar\"\nversion = \"1.0.0\"",
            )]),
            "is that of `bar 1.0.0`, not of `foo 1.0.0`",
        ),
    ] {
        let reply = registry
            .server
            .publish(&registry.alice, &request("foo", "1.0.0"), &bytes);
        let refused = reply.refusal(422);
        assert!(refused.contains(reason), "{refused}");
    }
    assert_eq!(registry.server.get("/index/3/f/foo").status, 404);
}

#[test]
fn an_entry_that_cargo_could_not_read_is_refused() {
    let registry = Registry::start();
    let mut request = request("foo", "1.0.0");
    request["deps"] = json!([{
        "name": "x", "version_req": "latest", "features": [], "optional": false,
        "default_features": true, "target": null, "kind": "normal",
    }]);
    let reply = registry
        .server
        .publish(&registry.alice, &request, &archive("foo", "1.0.0"));
    let reason = reply.refusal(422);
    assert!(
        reason.contains("`latest`, asked for of dependency `x`"),
        "{reason}"
    );
}

#[test]
fn bodies_are_bounded() {
    let registry = Registry::start_with(&["--max-upload-size", "1000"]);
    let long = vec![b' '; 3 * 1024 * 1024];
    // Announced and not sent: nothing is waited for.
    let announce = [
        ("authorization", &*registry.alice),
        ("content-length", "99999999999"),
    ];
    let url = &registry.server.url;
    let reason = send(url, "PUT", NEW, &announce, b"").unwrap().refusal(413);
    assert_eq!(
        reason,
        "the request has more than the 1049584 bytes that this registry takes"
    );
    // Sent in pieces that say nothing of the whole. The answer may come before all is sent.
    let chunked = [
        ("authorization", &*registry.alice),
        ("transfer-encoding", "chunked"),
    ];
    let chunk = [
        format!("{:x}\r\n", long.len()).as_bytes(),
        &long,
        b"\r\n0\r\n\r\n",
    ]
    .concat();
    if let Ok(reply) = send(url, "PUT", "/api/v1/crates/foo/owners", &chunked, &chunk) {
        assert!([400, 413].contains(&reply.status), "{}", reply.text());
    }
    registry.publish("foo", "1.0.0").accepted();
}

#[test]
fn the_folder_is_served_by_one_process_at_a_time() {
    let registry = Registry::start();
    let root = path(registry.root.path());
    let second = support::registry(&["serve", "--listen", "127.0.0.1:0", "--root", root]);
    assert!(failure(&second).contains("is in use by another process"));
    let home = tempfile::tempdir().unwrap();
    let import = ["import", "--root", root, "--cargo-home", path(home.path())];
    let refused = support::registry(&import);
    assert!(failure(&refused).contains("is in use by another process"));
    drop(registry.server);
    success(&support::registry(&import));
}

#[cfg(unix)]
#[test]
fn terminated_it_ends_well_and_logs_only_when_asked() {
    for (args, log) in [(&[][..], ""), (&["--verbose"], "GET /me 200 ")] {
        let root = tempfile::tempdir().unwrap();
        let server = Server::start(root.path(), args);
        let me = server.get("/me");
        assert!(
            me.text().contains("consign-registry token new"),
            "{}",
            me.text()
        );
        let (well, said) = server.terminate();
        assert!(well, "{said}");
        assert!(said.starts_with(log), "{said}");
        assert_eq!(said.lines().count(), log.lines().count(), "{said}");
    }
}

#[test]
fn versions_of_one_package_published_at_once_are_all_there() {
    let registry = Registry::start();
    registry.publish("foo", "1.0.0").accepted();
    std::thread::scope(|scope| {
        for thread in 1..=4 {
            let registry = &registry;
            scope.spawn(move || {
                for n in 0..5 {
                    registry
                        .publish("foo", &format!("1.{thread}.{n}"))
                        .accepted();
                }
            });
        }
    });
    assert_eq!(registry.lines("3/f/foo").len(), 21);
}

#[test]
fn of_one_version_published_twice_at_once_one_is_taken() {
    let registry = Registry::start();
    let statuses = std::thread::scope(|scope| {
        let publish = || registry.publish("foo", "1.0.0").status;
        let threads = [(); 8].map(|()| scope.spawn(publish));
        threads.map(|thread| thread.join().unwrap())
    });
    assert_eq!(
        statuses.iter().filter(|&&status| status == 200).count(),
        1,
        "{statuses:?}"
    );
    assert_eq!(registry.lines("3/f/foo").len(), 1);
}
