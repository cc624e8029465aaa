//! Keys that are found by an e-mail address, in the Web Key Directory of its domain, over HTTPS.
//!
//! All hosts are behind one proxy, with certificates of a certificate authority that the test's user
//! trusts. A host that the proxy is not used for does not exist: it would have to be found by the
//! name of a reserved domain.

use std::fs::{self, File};
use std::process::Command;

use consign_identity::Identity;
use consign_identity::openpgp::SecretKey;
use consign_testbed::{Authority, KeyServer, Output, Reply, Run, consign, skipped};
use expect_test::expect;

use crate::World;
use crate::gnupg::Keyring;

/// The keys of plain@example.org, as GnuPG made and exported them.
const SECRET: &[u8] = include_bytes!("../../crates/identity/tests/data/gpg-ed25519.secret.asc");
const ARMORED: &[u8] = include_bytes!("../../crates/identity/tests/data/gpg-ed25519.asc");
const BINARY: &[u8] = include_bytes!("../../crates/identity/tests/data/gpg-ed25519.pgp");

/// Where they are, by both methods of the draft.
const ADVANCED: &str = "https://openpgpkey.example.org/.well-known/openpgpkey/example.org/hu/\
                        pdng7bgzpwz8h4dqkfcm6scjbgi7j3n5?l=plain";
const DIRECT: &str = "https://example.org/.well-known/openpgpkey/hu/\
                      pdng7bgzpwz8h4dqkfcm6scjbgi7j3n5?l=plain";

/// `foo`, signed as `wkd:plain@example.org`, and the web that its user sees.
struct Web {
    world: World,
    proxy: KeyServer,
}

impl Web {
    fn new() -> Web {
        let key = SecretKey::from_armored(SECRET).unwrap();
        Web::signed_by("wkd:plain@example.org", &key)
    }

    fn signed_by(identity: &str, key: &SecretKey) -> Web {
        let world = World::new();
        let proxy = KeyServer::proxy(Authority::new(&world.sandbox));
        world.user.use_proxy(&proxy);
        world.publish_unsigned(world.library("foo", "1.0.0"));
        let identity: Identity = identity.parse().unwrap();
        let token = world.registry.token("octocat");
        world.registry.sign("foo", "1.0.0", &identity, key, &token);
        Web { world, proxy }
    }

    fn with(self, url: &str, reply: Reply) -> Web {
        self.proxy.route(url, reply);
        self
    }

    fn fetch(&self) -> Run {
        let app = self.world.app();
        self.world.run(&app, ["fetch", "--require-signatures"])
    }

    /// The same, where `host` is looked for without the proxy.
    fn fetch_without(&self, host: &str) -> Run {
        let direct = format!("127.0.0.1,localhost,{host}");
        self.fetch()
            .env("no_proxy", &direct)
            .env("NO_PROXY", &direct)
    }

    /// What was asked for, without what led there.
    fn asked(&self) -> Vec<String> {
        let requests = self.proxy.requests().into_iter();
        let gets = requests.filter_map(|line| {
            let url = line.strip_prefix("GET ")?.strip_suffix(" HTTP/1.1")?;
            Some(url.to_owned())
        });
        gets.collect()
    }
}

#[track_caller]
fn is_accepted(output: Output) {
    let output = output.succeeded();
    let published = "(published by plain@example.org)";
    assert!(output.stderr.contains(published), "{}", output.stderr);
}

/// The reason for which foo is refused.
#[track_caller]
fn refusal(output: Output) -> String {
    let stderr = output.failed().normalised().stderr;
    let reason = stderr.split_once(" is signed as ").unwrap().1;
    reason.lines().next().unwrap().to_owned()
}

#[test]
fn address_is_looked_up_at_the_directory_of_its_domain() {
    let web = Web::new().with(ADVANCED, Reply::body(BINARY));
    is_accepted(web.fetch().run());
    assert_eq!(web.asked(), [ADVANCED]);
}

#[test]
fn domain_itself_is_asked_where_there_is_no_host_for_its_directory() {
    let web = Web::new().with(DIRECT, Reply::body(BINARY));
    is_accepted(web.fetch_without("openpgpkey.example.org").run());
    assert_eq!(web.asked(), [DIRECT]);
    // What is remembered is found again, whichever host it came from.
    web.world.forget_registry();
    is_accepted(web.fetch_without("openpgpkey.example.org").run());
    assert_eq!(web.asked(), [DIRECT]);
}

/// Were it otherwise, whoever can make a host fail could choose who answers for it.
#[test]
fn host_that_fails_lets_no_other_answer_for_it() {
    let web = Web::new()
        .with(ADVANCED, Reply::status(500))
        .with(DIRECT, Reply::body(BINARY));
    let reason = refusal(web.fetch().run());
    assert!(
        reason.contains("it failed; try again later (HTTP status 500)"),
        "{reason}"
    );
    assert_eq!(web.asked(), [ADVANCED]);
}

#[test]
fn address_that_the_directory_does_not_have_is_no_account() {
    let web = Web::new()
        .with(ADVANCED, Reply::status(404))
        .with(DIRECT, Reply::body(BINARY));
    expect!["`wkd:plain@example.org`, and there is no such account"]
        .assert_eq(&refusal(web.fetch().run()));
    assert_eq!(web.asked(), [ADVANCED]);
}

#[test]
fn armored_key_is_no_answer_of_a_directory() {
    let web = Web::new().with(ADVANCED, Reply::body(ARMORED));
    let reason = refusal(web.fetch().run());
    assert!(
        reason.contains("it answered with an armored key instead of keys"),
        "{reason}"
    );
}

/// A directory may hand out whatever it likes under an address.
#[test]
fn key_of_another_address_does_not_count() {
    let key = SecretKey::from_armored(SECRET).unwrap();
    let ada = "https://openpgpkey.example.org/.well-known/openpgpkey/example.org/hu/\
               huin1uygftjfco69ypidm11zuqef9jyy?l=ada";
    let web = Web::signed_by("wkd:ada@example.org", &key).with(ada, Reply::body(BINARY));
    expect!["`wkd:ada@example.org` with a key that this account does not publish: ed25519:[KEY]"]
        .assert_eq(&refusal(web.fetch().run()));
}

#[test]
fn host_with_a_certificate_of_somebody_unknown_is_no_answer() {
    let web = Web::new().with(ADVANCED, Reply::body(BINARY));
    // Another authority of the same name.
    let other = web.world.sandbox.path().join("other.pem");
    let real = fs::read(web.proxy.authority().unwrap().file()).unwrap();
    Authority::new(&web.world.sandbox);
    let theirs = web.world.sandbox.path().join("authority.pem");
    fs::copy(&theirs, &other).unwrap();
    fs::write(&theirs, real).unwrap();
    let reason = refusal(web.fetch().env("CARGO_HTTP_CAINFO", &other).run());
    assert!(reason.contains("it could not be asked: SSL "), "{reason}");
    assert_eq!(web.asked(), [""; 0]);
}

#[test]
fn one_host_can_be_the_directory_of_many_domains() {
    let key = SecretKey::from_armored(SECRET).unwrap();
    let web = Web::signed_by("corp:plain@example.org", &key);
    let url = web.world.keys.url();
    web.world.user.add_config(&format!(
        "[signing.identities.corp]\nkind = \"wkd\"\nhost = \"{url}\""
    ));
    let (_, path) = ADVANCED.split_once(".well-known").unwrap();
    let path = format!("/.well-known{path}");
    web.world.keys.route(&path, Reply::body(BINARY));
    web.fetch().run().succeeded();
}

/// GnuPG makes the folder, and a web server serves it as it is.
#[test]
fn directory_that_gnupg_made_is_read() {
    let world = World::new();
    let Some(gnupg) = Keyring::with_key_of(&world, "joe.doe@keys.example") else {
        return;
    };
    let folder = world.sandbox.path().join("openpgpkey");
    if gnupg.install(&folder).is_none() {
        return;
    }
    let key = SecretKey::from_armored(gnupg.secret().as_bytes()).unwrap();
    let web = Web::signed_by("wkd:joe.doe@keys.example", &key);
    let root = "https://openpgpkey.keys.example/.well-known/openpgpkey/keys.example/hu/";
    let mut files = fs::read_dir(folder.join("keys.example/hu")).unwrap();
    let file = files.next().unwrap().unwrap();
    let url = format!("{root}{}", file.file_name().to_str().unwrap());
    let reply = Reply::body(fs::read(file.path()).unwrap());
    let web = web.with(&url, reply);
    web.fetch().run().succeeded();
    assert_eq!(web.asked(), [format!("{url}?l=joe.doe")]);
}

#[test]
fn key_of_our_own_making_counts_in_a_directory() {
    let world = World::new();
    let home = world.sandbox.home("ada");
    let key = |args: &[&str]| {
        home.cargo(&consign(), world.sandbox.path())
            .args(args)
            .run()
    };
    let identity = "wkd:ada@example.org";
    key(&["key", "new", "--sign-as", identity]).succeeded();
    let public = key(&["key", "show", identity]).succeeded().stdout;
    let gnupg = world.sandbox.path().join("dearmor");
    fs::write(&gnupg, public).unwrap();
    let mut dearmor = Command::new("gpg");
    dearmor.arg("--dearmor").stdin(File::open(&gnupg).unwrap());
    let Ok(output) = dearmor.output() else {
        skipped("there is no gpg");
        return;
    };
    let binary = output.stdout;
    let folder = home.path().join("signing/keys/wkd/ada@example.org");
    let file = fs::read_dir(folder).unwrap().next().unwrap().unwrap();
    let secret = SecretKey::from_armored(&fs::read(file.path()).unwrap()).unwrap();
    let ada = "https://openpgpkey.example.org/.well-known/openpgpkey/example.org/hu/\
               huin1uygftjfco69ypidm11zuqef9jyy?l=ada";
    let web = Web::signed_by(identity, &secret).with(ada, Reply::body(binary));
    web.fetch().run().succeeded();
}
