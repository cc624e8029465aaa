//! `cargo login` makes a signing key, and `cargo logout` keeps it.

use std::fs;

use consign_identity::openpgp::KeyState;
use consign_testbed::{Output, Software, Type, consign, has_terminal, stock};
use expect_test::expect;

use crate::World;
use crate::account::AtForge;

/// What is asked for by upstream's `cargo login`, and by ours.
const TOKEN: (&str, Type<'_>) = (" below", Type::Plain("a-token"));
const SIGN_AS: &str = "to decide later): ";

/// `cargo login` on a terminal, with these answers to what is asked about signing.
fn on_terminal(at: &AtForge, answers: &[&'static str]) -> Output {
    let answers = answers.iter().map(|answer| (SIGN_AS, Type::Plain(answer)));
    let dialogue: Vec<_> = [TOKEN].into_iter().chain(answers).collect();
    at.cargo(["login"]).on_terminal(&dialogue).normalised()
}

#[test]
fn login_makes_a_key_and_publishes_it() {
    if !has_terminal() {
        return;
    }
    let at = AtForge::of(Software::GitHub);
    let shown = on_terminal(&at, &["github:octocat"]).succeeded();
    expect![[r#"
            Updating `demo` index
        please paste the token found on http://127.0.0.1:[PORT]/me below
        a-token
               Login token for `demo` saved
        note: what you publish can be signed, so that whoever builds it can tell that it comes from you: with a key that is made here, and that your account at GitHub or elsewhere shows to everyone
        sign as (an account such as `github:octocat`; `no` for never; enter to decide later): github:octocat
             Created signing key [FINGERPRINT] of GitHub user @octocat
           Published signing key [FINGERPRINT] of GitHub user @octocat
        note: it can be seen, and deleted, at http://127.0.0.1:[PORT]/settings/keys
    "#]].assert_eq(&shown.stdout);
    assert_eq!(at.published(), [KeyState::Good]);
    // From then on nothing is asked, and publishing signs.
    on_terminal(&at, &[]).succeeded();
    let folder = at.world.library("foo", "1.0.0").write();
    let publish = at.home.cargo(&consign(), &folder);
    publish
        .args([
            "publish",
            "--no-verify",
            "--token",
            &at.world.registry.token("octocat"),
        ])
        .run()
        .succeeded();
    let line = at.world.registry.line("foo", "1.0.0");
    assert_eq!(line["key_locator"]["user"], "octocat");
}

#[test]
fn answer_no_is_remembered() {
    if !has_terminal() {
        return;
    }
    let at = AtForge::of(Software::GitHub);
    for no in ["N", "No", "no"] {
        let _ = fs::remove_file(at.home.path().join("signing/not-signing"));
        on_terminal(&at, &[no]).succeeded();
    }
    fs::remove_file(at.home.path().join("signing/not-signing")).unwrap();
    let asked = on_terminal(&at, &["no"]).succeeded().stdout;
    assert!(asked.contains(SIGN_AS), "{asked}");
    let again = on_terminal(&at, &[]).succeeded().stdout;
    assert!(!again.contains("sign as"), "{again}");
    assert!(!at.home.path().join("signing/keys").exists());
    // To say otherwise is to say it in so many words.
    let args = ["login", "--sign-as", "github:octocat"];
    at.cargo(args).stdin("a-token\n").run().succeeded();
    assert_eq!(at.published(), [KeyState::Good]);
}

#[test]
fn no_answer_leaves_it_open() {
    if !has_terminal() {
        return;
    }
    let at = AtForge::of(Software::GitHub);
    on_terminal(&at, &[""]).succeeded();
    let again = on_terminal(&at, &[""]).succeeded().stdout;
    assert!(again.contains(SIGN_AS), "{again}");
    assert!(!at.home.path().join("signing").exists());
}

#[test]
fn answer_that_is_no_account_is_asked_for_again() {
    if !has_terminal() {
        return;
    }
    let at = AtForge::of(Software::GitHub);
    let shown = on_terminal(&at, &["octocat", "hub:octocat", "github:Octocat", "no"]);
    expect![[r#"
            Updating `demo` index
        please paste the token found on http://127.0.0.1:[PORT]/me below
        a-token
               Login token for `demo` saved
        note: what you publish can be signed, so that whoever builds it can tell that it comes from you: with a key that is made here, and that your account at GitHub or elsewhere shows to everyone
        sign as (an account such as `github:octocat`; `no` for never; enter to decide later): octocat
        error: `octocat` is not an identity, which is `provider:user`, as in `github:octocat`
        sign as (an account such as `github:octocat`; `no` for never; enter to decide later): hub:octocat
        error: no identity provider `hub` is known

        help: those that are: codeberg, github, gitlab, wkd; one of your own is defined by `signing.identities.hub.keys`
        sign as (an account such as `github:octocat`; `no` for never; enter to decide later): github:Octocat
        error: `Octocat` cannot be the name of an account: it must be written in lower case
        sign as (an account such as `github:octocat`; `no` for never; enter to decide later): no
    "#]].assert_eq(&shown.succeeded().stdout);
}

#[test]
fn flag_makes_a_key_without_a_question() {
    let at = AtForge::of(Software::GitHub);
    let login = || {
        let args = ["login", "--sign-as", "github:octocat"];
        at.cargo(args).stdin("a-token\n").run().normalised()
    };
    expect![[r#"
            Updating `demo` index
               Login token for `demo` saved
             Created signing key [FINGERPRINT] of GitHub user @octocat
           Published signing key [FINGERPRINT] of GitHub user @octocat
        note: it can be seen, and deleted, at http://127.0.0.1:[PORT]/settings/keys
    "#]]
    .assert_eq(&login().succeeded().stderr);
    assert_eq!(at.published(), [KeyState::Good]);
    // Who logs in again has a key already, which is published already.
    expect![[r#"
               Login token for `demo` saved
           Unchanged signing key [FINGERPRINT] of GitHub user @octocat: it is published already
        note: it can be seen, and deleted, at http://127.0.0.1:[PORT]/settings/keys
    "#]]
    .assert_eq(&login().succeeded().stderr);
    assert_eq!(at.published(), [KeyState::Good]);
}

#[test]
fn without_a_token_of_the_provider_the_key_is_printed_with_the_page_for_it() {
    let at = AtForge::of(Software::GitHub);
    let args = ["login", "--sign-as", "github:octocat"];
    let run = at.cargo(args).env("GH_TOKEN", "").stdin("a-token\n");
    let output = run.run().succeeded().normalised();
    expect![[r#"
            Updating `demo` index
               Login token for `demo` saved
             Created signing key [FINGERPRINT] of GitHub user @octocat
        note: there is no token to publish the key with
              publish it at http://127.0.0.1:[PORT]/settings/gpg/new
    "#]]
    .assert_eq(&output.stderr);
    let key = "-----BEGIN PGP PUBLIC KEY BLOCK-----\n";
    assert!(output.stdout.contains(key), "{}", output.stdout);
}

#[test]
fn identity_that_cannot_be_is_told_before_anything_is_done() {
    let at = AtForge::of(Software::GitHub);
    let login = |identity| {
        let args = ["login", "--sign-as", identity];
        at.cargo(args).stdin("a-token\n").run().failed().stderr
    };
    let told = login("hub:octocat") + &login("github:octo.cat");
    expect![[r#"
        error: no identity provider `hub` is known

        help: those that are: codeberg, github, gitlab, wkd; one of your own is defined by `signing.identities.hub.keys`
        error: `octo.cat` cannot be the name of an account at the identity provider `github`: it contains `.`
    "#]].assert_eq(&told);
    assert!(!at.home.path().join("credentials.toml").exists());
}

#[test]
fn flag_says_no_once_and_for_all() {
    let at = AtForge::of(Software::GitHub);
    let login = at.cargo(["login", "--no-sign"]).stdin("a-token\n").run();
    let stderr = login.succeeded().normalised().stderr;
    assert_eq!(
        stderr,
        "    Updating `demo` index\n       Login token for `demo` saved\n"
    );
    if has_terminal() {
        let shown = on_terminal(&at, &[]).succeeded().stdout;
        assert!(!shown.contains("sign as"), "{shown}");
    }
}

#[test]
fn without_a_terminal_and_a_flag_login_and_logout_are_stock_cargos() {
    let world = World::new();
    let run = |program: &std::path::Path, name: &str| {
        let home = world.sandbox.home(name);
        home.use_registry(&world.registry, None);
        let run = |arg: &str| {
            let run = home.cargo(program, world.sandbox.path()).args([arg]);
            run.stdin("a-token\n").run().succeeded()
        };
        let printed = ["login", "login", "logout", "logout"].map(run);
        let printed = printed.map(|output| output.stdout + &output.stderr);
        let mut files: Vec<_> = fs::read_dir(home.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name())
            .collect();
        files.sort();
        (printed.map(|text| text.replace(name, "HOME")), files)
    };
    assert_eq!(run(&consign(), "ours"), run(&stock(), "theirs"));
}

#[test]
fn logout_keeps_the_keys_and_says_so() {
    let at = AtForge::of(Software::GitHub);
    let args = ["login", "--sign-as", "github:octocat"];
    at.cargo(args).stdin("a-token\n").run().succeeded();
    let output = at.cargo(["logout"]).run().succeeded().normalised();
    expect![[r#"
              Logout token for `demo` has been removed from local storage
        note: This does not revoke the token on the registry server.
            If you need to revoke the token, visit the `demo` website and follow the instructions there.
        note: the signing keys stay where they are: `cargo key list` lists them, and `cargo key revoke` withdraws one
    "#]].assert_eq(&output.stderr);
    let list = at.cargo(["key", "list"]).run().succeeded().stdout;
    assert!(list.trim_end().ends_with("signs"), "{list}");
}

#[test]
fn flag_that_says_no_says_what_it_does_not_change() {
    let at = AtForge::of(Software::GitHub);
    let login = |args: &[&str]| {
        let run = at.cargo(["login"]).args(args).stdin("a-token\n");
        run.run().succeeded().normalised().stderr
    };
    login(&["--sign-as", "github:octocat"]);
    let told = login(&["--no-sign"]);
    expect![[r#"
               Login token for `demo` saved
        warning: `--no-sign` changes nothing: the key [FINGERPRINT] of GitHub user @octocat is here, and signs what is published
        help: `cargo key retire github:octocat` ends it
    "#]].assert_eq(&told);
    let no = at.home.path().join("signing/not-signing");
    assert!(!no.exists());
    // And what was said before the key came here is said no more.
    fs::write(&no, "").unwrap();
    login(&["--sign-as", "github:octocat"]);
    assert!(!no.exists());
}
