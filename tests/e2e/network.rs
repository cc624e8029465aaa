//! What is sent to a provider by whoever publishes a key there: one request at a time, over the
//! user's own network.

use cargo::GlobalContext;
use cargo::core::Shell;
use cargo::signing::Network;
use consign_identity::answer::MAX_BODY;
use consign_identity::transport::{Method, Request, Transport as _};
use consign_testbed::{KeyServer, Reply, Sandbox};

/// A server, and somebody who asks it.
struct Scene {
    server: KeyServer,
    sandbox: Sandbox,
}

impl Scene {
    fn new() -> Scene {
        let sandbox = Sandbox::new();
        // What the machine says of proxies is not for a server on the machine itself.
        sandbox.home("user").add_config("[http]\nproxy = \"\"");
        Scene {
            server: KeyServer::start(),
            sandbox,
        }
    }

    /// Somebody in the folder of a project.
    fn context(&self) -> GlobalContext {
        let project = self.sandbox.path().join("project");
        std::fs::create_dir_all(&project).unwrap();
        let home = self.sandbox.home("user").path().to_owned();
        let shell = Shell::from_write(Box::new(std::io::sink()));
        GlobalContext::new(shell, project, home)
    }

    fn network(&self) -> Network {
        Network::new(&self.context()).unwrap()
    }

    fn request(&self, method: Method, path: &str) -> Request {
        Request {
            method,
            url: format!("{}{path}", self.server.url()).parse().unwrap(),
            headers: Vec::new(),
            body: Vec::new().into(),
        }
    }
}

#[test]
fn request_arrives_as_it_is() {
    let scene = Scene::new();
    let reply = Reply::body("made").header("X-Number", "7");
    scene.server.route("/user/keys", reply);
    let mut request = scene.request(Method::Post, "/user/keys?page=1");
    let token = "Bearer secret".to_owned().into();
    request.headers.push(("authorization", token));
    let json = "application/json".to_owned().into();
    request.headers.push(("content-type", json));
    request.body = b"{}".to_vec().into();
    let response = scene.network().send(&request).unwrap();
    assert_eq!((response.status, &response.body[..]), (200, &b"made"[..]));
    assert_eq!(response.headers.get("x-number"), Some("7"));

    let head = &scene.server.heads()[0];
    assert!(
        head.starts_with("POST /user/keys?page=1 HTTP/1.1"),
        "{head}"
    );
    for line in [
        "authorization: Bearer secret",
        "content-type: application/json",
        "content-length: 2",
    ] {
        assert!(head.lines().any(|l| l == line), "{head}");
    }
    assert!(head.contains("\nuser-agent: cargo/"), "{head}");
    assert!(!head.contains("\nexpect:"), "{head}");
}

#[test]
fn deletion_is_a_method_of_its_own() {
    let scene = Scene::new();
    scene.server.route("/user/keys/7", Reply::status(204));
    let request = scene.request(Method::Delete, "/user/keys/7");
    let response = scene.network().send(&request).unwrap();
    assert_eq!(response.status, 204);
    assert_eq!(scene.server.requests(), ["DELETE /user/keys/7 HTTP/1.1"]);
}

/// With it would go the token.
#[test]
fn redirect_is_handed_back() {
    let scene = Scene::new();
    let reply = Reply::status(307).header("location", "/elsewhere");
    scene.server.route("/user", reply);
    let request = scene.request(Method::Get, "/user");
    assert_eq!(scene.network().send(&request).unwrap().status, 307);
    assert_eq!(scene.server.requests().len(), 1);
}

#[test]
fn endless_body_is_cut() {
    let scene = Scene::new();
    scene.server.route("/user", Reply::endless());
    let request = scene.request(Method::Get, "/user");
    let response = scene.network().send(&request).unwrap();
    assert_eq!(response.body.len(), MAX_BODY + 1);
}

#[test]
fn host_that_is_gone_is_said() {
    let scene = Scene::new();
    let mut request = scene.request(Method::Get, "/user");
    // A port that no server is given by chance, as the one of a server that was stopped may be.
    request.url = "http://127.0.0.1:1/user".parse().unwrap();
    let error = scene.network().send(&request).unwrap_err();
    assert_eq!(error.to_string(), "Could not connect to server");
}

#[test]
fn nothing_is_sent_where_the_network_is_off() {
    let scene = Scene::new();
    let mut gctx = scene.context();
    gctx.configure(0, true, None, false, false, true, &None, &[], &[])
        .unwrap();
    let Err(error) = Network::new(&gctx) else {
        panic!("there is a network")
    };
    assert_eq!(
        error.to_string(),
        "an identity provider has to be asked, but --offline was specified"
    );
}

/// A proxy that a project names would be shown the token.
#[test]
fn project_does_not_choose_the_proxy() {
    let scene = Scene::new();
    scene.server.route("/user", Reply::body("ada"));
    let gctx = scene.context();
    let config = gctx.cwd().join(".cargo");
    std::fs::create_dir_all(&config).unwrap();
    let elsewhere = "[http]\nproxy = \"http://127.0.0.1:1\"";
    std::fs::write(config.join("config.toml"), elsewhere).unwrap();
    let request = scene.request(Method::Get, "/user");
    let response = Network::new(&gctx).unwrap().send(&request).unwrap();
    assert_eq!(&response.body[..], b"ada");
}
