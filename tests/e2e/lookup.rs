//! How often a provider is asked: as rarely as can be. And what holds while it does not answer.

use std::time::{Duration, Instant};

use consign_identity::Identity;
use consign_identity::openpgp::SecretKey;
use consign_testbed::{Output, PackageBuilder, Registry, Reply};
use expect_test::expect;

use crate::World;
use crate::world::other_key;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// A user who has fetched `foo`, octocat's, some time ago.
fn fetched(ago: Duration) -> World {
    let world = World::with_foo(["1.0.0"]);
    world.fetch(&world.app()).succeeded();
    world.age_answers(ago);
    world.forget_registry();
    world
}

/// Octocat's key, served as a web server would that can tell whether it has changed.
fn tagged(world: &World, etag: &str) -> Reply {
    Reply::body(world.secret_key().public_armored()).header("etag", etag)
}

/// The value of a header in each request so far.
fn sent(world: &World, header: &str) -> Vec<String> {
    let heads = world.keys.heads().into_iter();
    let value = |head: String| {
        let mut lines = head.lines();
        let value = lines.find_map(|l| l.strip_prefix(header)?.strip_prefix(": "));
        value.unwrap_or_default().to_owned()
    };
    heads.map(value).collect()
}

/// The lines of the first warning.
fn warning(output: Output) -> String {
    let stderr = output.normalised().stderr;
    let (_, warning) = stderr.split_once("warning: ").unwrap();
    assert!(!warning.contains("warning: "), "{stderr}");
    let lines = warning.split_inclusive('\n').take(2);
    lines.collect()
}

#[test]
fn host_hears_who_is_asking() {
    let world = fetched(Duration::ZERO);
    let agents = sent(&world, "user-agent");
    assert!(agents[0].starts_with("cargo/"), "{agents:?}");
}

#[test]
fn answer_that_is_not_old_is_not_asked_for_again() {
    let world = fetched(6 * DAY);
    world.fetch(&world.app()).succeeded();
    assert_eq!(world.keys.requests().len(), 1);
}

#[test]
fn old_answer_is_asked_for_again_once() {
    let world = fetched(8 * DAY);
    world.fetch(&world.app()).succeeded();
    assert_eq!(world.keys.requests().len(), 2);
    world.forget_registry();
    world.fetch(&world.app()).succeeded();
    assert_eq!(world.keys.requests().len(), 2);
}

/// A host that says by what it knows its answer is told, and then need not repeat it.
#[test]
fn old_answer_is_confirmed_by_a_host_that_knows_it() {
    let world = World::with_foo(["1.0.0"]);
    world.keys.answer("octocat", tagged(&world, "\"one\""));
    world.fetch(&world.app()).succeeded();
    for _ in 0..2 {
        world.age_answers(8 * DAY);
        world.forget_registry();
        world.fetch(&world.app()).succeeded();
    }
    let etags = sent(&world, "if-none-match");
    assert_eq!(etags, ["", "\"one\"", "\"one\""]);
    // It is new again: nobody is asked.
    world.forget_registry();
    world.fetch(&world.app()).succeeded();
    assert_eq!(world.keys.requests().len(), 3);
}

#[test]
fn withdrawal_is_noticed_by_a_conditional_request() {
    let world = World::with_foo(["1.0.0"]);
    world.keys.answer("octocat", tagged(&world, "\"one\""));
    world.fetch(&world.app()).succeeded();
    world.age_answers(8 * DAY);
    world.forget_registry();
    let other = Reply::body(other_key("octocat").public_armored());
    let other = other.header("etag", "\"two\"");
    world.keys.answer("octocat", other);
    let refusal = world.refusal(&world.app());
    assert!(
        refusal.contains("with a key that this account does not publish"),
        "{refusal}"
    );
}

/// "Nothing has changed" says nothing to somebody who did not say since when.
#[test]
fn not_modified_is_no_answer_to_a_plain_question() {
    let world = World::with_foo(["1.0.0"]);
    world.keys.answer("octocat", Reply::status(304));
    let refusal = world.refusal(&world.app());
    assert!(refusal.contains("could not be checked"), "{refusal}");
}

#[test]
fn how_old_an_answer_may_be_is_the_users_to_say() {
    let world = fetched(2 * DAY);
    world.user.add_config("[signing]\nmax-key-age = \"1 day\"");
    world.fetch(&world.app()).succeeded();
    assert_eq!(world.keys.requests().len(), 2);
    world.age_answers(2 * DAY);
    world.forget_registry();
    // The environment comes before the file.
    let app = world.app();
    let run = world.run(&app, ["fetch", "--require-signatures"]);
    run.env("CARGO_SIGNING_MAX_KEY_AGE", "3 days")
        .run()
        .succeeded();
    assert_eq!(world.keys.requests().len(), 2);
}

#[test]
fn how_old_an_answer_may_be_is_not_for_a_project_to_say() {
    let world = fetched(8 * DAY);
    let app = world.app();
    std::fs::create_dir_all(app.join(".cargo")).unwrap();
    let config = "[signing]\nmax-key-age = \"3 months\"";
    std::fs::write(app.join(".cargo/config.toml"), config).unwrap();
    expect![[r#"
        `signing.max-key-age` in `[SANDBOX]/app/.cargo/config.toml` is ignored: when a provider is asked again is not for a project to say
        help: set it in `[SANDBOX]/homes/user/config.toml`
    "#]].assert_eq(&warning(world.fetch(&app).succeeded()));
    assert_eq!(world.keys.requests().len(), 2);
}

#[test]
fn old_answer_is_used_where_no_newer_one_comes_and_its_age_is_told() {
    let world = fetched(8 * DAY);
    world.keys.answer("octocat", Reply::status(503));
    let output = world.fetch(&world.app()).succeeded();
    assert!(
        output
            .stderr
            .contains("(published by GitHub user @octocat)"),
        "{}",
        output.stderr
    );
    expect![[r#"
        could not find out whether `github:octocat` still publishes its keys: `http://127.0.0.1:[PORT]/octocat.gpg`: it failed; try again later (HTTP status 503)
        what was answered 8 days ago is used
    "#]].assert_eq(&warning(output));
}

#[test]
fn old_answer_is_used_without_a_word_where_the_network_is_off() {
    let world = World::with_foo(["1.0.0"]);
    let app = world.app();
    world.fetch(&app).succeeded();
    world.age_answers(8 * DAY);
    std::fs::remove_file(app.join("Cargo.lock")).unwrap();
    let build = ["build", "--offline", "--require-signatures"];
    let stderr = world.cargo(&app, build).succeeded().stderr;
    assert!(!stderr.contains("warning"), "{stderr}");
    world.age_answers(DAY);
    let build = ["build", "--frozen", "--require-signatures"];
    world.cargo(&app, build).succeeded();
    assert_eq!(world.keys.requests().len(), 1);
}

#[test]
fn locked_build_asks_for_a_key_that_was_never_seen() {
    let world = World::with_foo(["1.0.0"]);
    let app = world.app();
    world.fetch(&app).succeeded();
    std::fs::remove_dir_all(world.user.path().join("signing")).unwrap();
    let build = ["build", "--locked", "--require-signatures"];
    world.cargo(&app, build).succeeded();
    assert_eq!(world.keys.requests().len(), 2);
    std::fs::remove_dir_all(world.user.path().join("signing")).unwrap();
    std::fs::remove_dir_all(app.join("target")).unwrap();
    let build = ["build", "--frozen", "--require-signatures"];
    world.cargo(&app, build).failed();
    assert_eq!(world.keys.requests().len(), 2);
}

#[test]
fn reset_time_of_a_host_that_was_asked_too_often_is_told() {
    let world = World::with_foo(["1.0.0"]);
    let limited = Reply::status(429).header("retry-after", "90");
    world.keys.answer("octocat", limited);
    expect![[r#"
        could not find out which keys `github:octocat` publishes: `http://127.0.0.1:[PORT]/octocat.gpg`: it was asked too often: ask again in 90 seconds (HTTP status 429)
             Locking 1 package to latest Rust [RUST] compatible version
    "#]].assert_eq(&warning(world.cargo(&world.app(), ["fetch"]).succeeded()));
}

#[test]
fn answer_that_is_cut_off_is_none() {
    let world = World::with_foo(["1.0.0"]);
    let key = world.secret_key().public_armored();
    world.keys.answer("octocat", Reply::body(key).cut_off());
    let refusal = world.refusal(&world.app());
    assert!(
        refusal.contains("it could not be asked: Transferred a partial file"),
        "{refusal}"
    );
}

/// As often as cargo itself asks a registry again.
#[test]
fn host_is_asked_again_where_the_connection_broke() {
    let world = World::with_foo(["1.0.0"]);
    let key = world.secret_key().public_armored();
    let app = world.app();
    let fetch = || {
        let run = world.run(&app, ["fetch", "--require-signatures"]);
        let run = run.env("CARGO_NET_RETRY", "3");
        run.env("__CARGO_TEST_FIXED_RETRY_SLEEP_MS", "1").run()
    };
    let broken = Reply::body(key.clone()).cut_off();
    world.keys.answer("octocat", broken.clone());
    fetch().failed();
    assert_eq!(world.keys.requests().len(), 4);

    let reply = broken.clone().and_then(broken.and_then(Reply::body(key)));
    world.keys.answer("octocat", reply);
    let output = fetch().succeeded();
    for warning in [
        "warning: spurious network error (3 tries remaining): [18] Transferred a partial file",
        "warning: spurious network error (2 tries remaining): [18] Transferred a partial file",
    ] {
        assert!(output.stderr.contains(warning), "{}", output.stderr);
    }
    assert_eq!(world.keys.requests().len(), 7);
}

#[test]
fn redirect_to_another_scheme_is_not_followed() {
    let world = World::with_foo(["1.0.0"]);
    let location = format!("http://localhost{}", world.keys.template());
    let reply = Reply::status(301).header("location", &location);
    world.keys.answer("octocat", reply);
    let refusal = world.refusal(&world.app());
    assert!(refusal.contains("it sends elsewhere"), "{refusal}");
    assert_eq!(world.keys.requests().len(), 1);
}

/// An answer does not wait for longer than cargo waits for any server.
#[test]
fn cargos_own_time_limit_holds() {
    let world = World::with_foo(["1.0.0"]);
    let slow = Reply::body(world.secret_key().public_armored()).after(Duration::from_secs(5));
    world.keys.answer("octocat", slow);
    let app = world.app();
    let run = world.run(&app, ["fetch", "--require-signatures"]);
    let output = run.env("CARGO_HTTP_TIMEOUT", "1").run().failed();
    let told = "it could not be asked: Timeout was reached";
    assert!(output.stderr.contains(told), "{}", output.stderr);
}

/// A program that uses many packages, each of which somebody else signed.
struct Many {
    world: World,
    users: Vec<(String, SecretKey)>,
}

impl Many {
    /// Whose signatures are in the index.
    fn packages(count: usize) -> Many {
        Many::signed(count, |registry, name, identity, key| {
            registry.sign(name, "1.0.0", identity, key, &registry.token("octocat"));
        })
    }

    /// Whose signatures are in the packages.
    fn carriers(count: usize) -> Many {
        Many::signed(count, |registry, name, identity, key| {
            registry.carry(&registry.identity(), name, "1.0.0", identity, key);
        })
    }

    fn signed(count: usize, sign: impl Fn(&Registry, &str, &Identity, &SecretKey)) -> Many {
        let world = World::new();
        let mut users = Vec::new();
        for i in 0..count {
            let name = format!("dep{i}");
            world.publish_unsigned(world.library(&name, "1.0.0"));
            let user = format!("user{i}");
            let key = other_key(&user);
            let identity = format!("github:{user}").parse().unwrap();
            sign(&world.registry, &name, &identity, &key);
            users.push((user, key));
        }
        Many { world, users }
    }

    /// Whoever is asked for is answered with `reply`, given his key.
    fn answered(self, reply: impl Fn(String) -> Reply) -> Many {
        for (user, key) in &self.users {
            self.world.keys.answer(user, reply(key.public_armored()));
        }
        self
    }

    fn app(&self) -> std::path::PathBuf {
        let app: PackageBuilder = self.world.sandbox.package("app").program("");
        let deps = 0..self.users.len();
        deps.fold(app, |app, i| app.dependency(&format!("dep{i}"), "1"))
            .write()
    }
}

#[test]
fn identities_are_asked_for_side_by_side_and_once_each() {
    let many = Many::packages(12).answered(|key| Reply::body(key).after(Duration::from_secs(1)));
    let app = many.app();
    // One after the other it would be more than the ten seconds that there are.
    many.world.fetch(&app).succeeded();
    assert_eq!(many.world.keys.requests().len(), 12);
    many.world.forget_registry();
    many.world.fetch(&app).succeeded();
    assert_eq!(many.world.keys.requests().len(), 12);
}

/// Who signed is only known when a package is there.
#[test]
fn carried_signatures_are_asked_about_side_by_side() {
    let many = Many::carriers(12).answered(|key| Reply::body(key).after(Duration::from_secs(1)));
    let app = many.app();
    // One after the other it would be more than the ten seconds that there are.
    let output = many.world.fetch(&app).succeeded();
    for user in 0..12 {
        let publisher = format!("(published by GitHub user @user{user})");
        assert!(output.stderr.contains(&publisher), "{}", output.stderr);
    }
    assert_eq!(many.world.keys.requests().len(), 12);
}

#[test]
fn host_that_was_asked_too_often_is_left_alone() {
    let reply = |_| Reply::status(429).header("retry-after", "60");
    let many = Many::packages(24).answered(reply);
    let output = many.world.cargo(&many.app(), ["fetch"]).succeeded();
    // No more than were asked at the same time.
    let asked = many.world.keys.requests().len();
    assert!((1..24).contains(&asked), "{asked}");
    assert_eq!(output.stderr.matches("warning: ").count(), 1);
}

/// Says how long it takes to ask for the keys of 150 identities at a host that answers each in 100 ms:
/// what a resolution costs more than the same with all answers remembered.
#[test]
#[ignore = "a measurement: run by hand, alone, with `--nocapture`"]
fn cost_of_150_identities() {
    let slow = |key| Reply::body(key).after(Duration::from_millis(100));
    let many = Many::packages(150).answered(slow);
    let app = many.app();
    let took = || {
        let _ = std::fs::remove_file(app.join("Cargo.lock"));
        let begun = Instant::now();
        let resolve = ["generate-lockfile", "--require-signatures"];
        many.world.cargo(&app, resolve).succeeded();
        begun.elapsed()
    };
    took();
    let mut cold = Duration::MAX;
    let mut warm = Duration::MAX;
    for _ in 0..5 {
        warm = warm.min(took());
        std::fs::remove_dir_all(many.world.user.path().join("signing")).unwrap();
        cold = cold.min(took());
    }
    println!(
        "with all to ask: {cold:?}, with nothing to ask: {warm:?}, so asking: {:?}",
        cold - warm
    );
    assert_eq!(many.world.keys.requests().len(), 6 * 150);
}
