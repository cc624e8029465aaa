//! Each operation over a transport that answers in the documented shapes, and in bad ones.

#![allow(clippy::unwrap_used)]

use super::*;
use crate::answer::{Again, MAX_BODY};
use crate::openpgp::KeyState;
use crate::provider::{Definition, Providers};
use crate::transport::scripted::Script;

const ARMORED: &str = include_str!("../../tests/data/gpg-ed25519.asc");
const OTHER: &str = include_str!("../../tests/data/gpg-revoked-no-reason.asc");
const SSH: &str =
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIEl6E8lbJ3CBJoBJKAlDNC+65YguhFlhq+cZyJirQ4Md";

const ME: &str = r#"{"login":"Octocat","id":583231,"type":"User"}"#;
const GITHUB: &str = "https://api.github.com";
const KEYS: &str = "GET https://github.com/octocat.gpg";

fn key() -> PublishedKey {
    openpgp::read_public(ARMORED.as_bytes()).unwrap().remove(0)
}

fn half(key: &PublishedKey) -> PublicHalf<'_> {
    PublicHalf {
        armored: ARMORED,
        key,
    }
}

fn token() -> Token {
    Token::new("ghp_secret").unwrap()
}

fn unasked(text: &str) -> Result<String, String> {
    panic!("asked to sign {text}")
}

/// A preset, and providers of one's own with the names of their kinds.
fn provider(name: &str) -> Provider {
    let mut providers = Providers::presets();
    for kind in ["forgejo", "gitea"] {
        let definition = Definition {
            kind: Some(kind),
            host: Some("https://git.corp.example/forge/"),
            ..Definition::default()
        };
        providers.define_as(kind, &definition).unwrap();
    }
    providers.get(name).unwrap().clone()
}

/// What `ask` gets of a provider that answers by `script`, and what was sent.
fn with<T>(name: &str, script: Script, ask: impl FnOnce(Forge<'_>) -> T) -> (T, Vec<String>) {
    let provider = provider(name);
    let got = ask(Forge::of(&provider, &script).unwrap());
    (got, script.sent())
}

fn publish(script: Script) -> (Result<Published, ForgeError>, Vec<String>) {
    with("github", script, |forge| {
        forge.publish("octocat", &token(), half(&key()), "laptop", &unasked)
    })
}

/// A script in which GitHub says whose the token is.
fn github() -> Script {
    Script::default().on(&format!("GET {GITHUB}/user"), 200, ME)
}

fn list() -> String {
    format!("GET {GITHUB}/user/gpg_keys?per_page=100&page=1")
}

fn add() -> String {
    format!("POST {GITHUB}/user/gpg_keys")
}

/// GitHub's entry for a key, of the documented shape.
fn entry(id: u64, raw_key: Option<&str>, key_id: &str) -> Value {
    serde_json::json!({
        "id": id, "primary_key_id": null, "key_id": "0000000000000000",
        "public_key": "xsBNBFayYZ...", "raw_key": raw_key, "emails": [], "can_sign": true,
        "created_at": "2016-03-24T11:31:04-06:00", "expires_at": null, "revoked": false,
        "subkeys": [{"id": 4, "key_id": key_id, "subkeys": [], "can_sign": true}],
    })
}

fn fault(result: Result<impl std::fmt::Debug, ForgeError>) -> Fault {
    result.unwrap_err().fault
}

#[test]
fn a_key_is_added_once() {
    let added = github().on(KEYS, 404, "").on(&add(), 201, "{}");
    let (published, sent) = publish(added);
    let expected = Published {
        how: How::Added,
        account: 583231.try_into().unwrap(),
        page: "https://github.com/settings/keys".parse().unwrap(),
    };
    assert_eq!(published, Ok(expected.clone()));
    // Whoever may see the page needs no token for it.
    assert_eq!(sent[1], "");
    let head = "accept: application/vnd.github+json\nx-github-api-version: 2022-11-28\n\
                authorization: Bearer ghp_secret\n";
    assert_eq!(sent[0], head);
    let body = sent[2].strip_prefix(head).unwrap();
    let body: Value = body
        .strip_prefix("content-type: application/json\n")
        .map(|body| serde_json::from_str(body).unwrap())
        .unwrap();
    let wanted = serde_json::json!({"armored_public_key": ARMORED, "name": "laptop"});
    assert_eq!(body, wanted);

    let (published, _) = publish(github().on(KEYS, 200, ARMORED));
    let how = How::AlreadyThere;
    assert_eq!(
        published,
        Ok(Published {
            how,
            ..expected.clone()
        })
    );

    // The page may be older than the list.
    let entries = Value::from(vec![entry(7, Some(ARMORED), "")]).to_string();
    let says = r#"{"message":"Validation Failed","errors":[{"message":"key_id already exists"}]}"#;
    let late = github()
        .on(KEYS, 200, OTHER)
        .on(&add(), 422, says)
        .on(&list(), 200, entries)
        .on(KEYS, 200, OTHER);
    assert_eq!(publish(late).0, Ok(Published { how, ..expected }));

    let other = Value::from(vec![entry(7, Some(OTHER), "")]).to_string();
    let refused = github()
        .on(KEYS, 503, "")
        .on(&add(), 422, says)
        .on(&list(), 200, other);
    let error = publish(refused).0.unwrap_err();
    assert_eq!(
        error.to_string(),
        "github.com: it refused: `Validation Failed; key_id already exists` (HTTP status 422)"
    );
}

#[test]
fn a_key_that_says_something_else_now_is_replaced() {
    let mut retired = key();
    retired.state = KeyState::Retired(9);
    let outdated = github().on(KEYS, 200, ARMORED);
    let (published, _) = with("github", outdated, |forge| {
        forge.publish("octocat", &token(), half(&retired), "laptop", &unasked)
    });
    assert_eq!(published.unwrap().how, How::Outdated);

    let replace = |script| {
        with("github", script, |forge| {
            forge.replace("octocat", &token(), half(&retired), "laptop", &unasked)
        })
        .0
    };
    let entries = Value::from(vec![entry(7, Some(ARMORED), "")]).to_string();
    let deleted = || {
        github()
            .on(&list(), 200, &entries)
            .on(&format!("DELETE {GITHUB}/user/gpg_keys/7"), 204, "")
    };
    assert_eq!(
        replace(deleted().on(&add(), 201, "{}")).unwrap().how,
        How::Added
    );
    let halfway = fault(replace(deleted().on(&add(), 500, "")));
    let why = Box::new(Fault::NoAnswer(NoAnswer::Status(500)));
    assert_eq!(halfway, Fault::OnlyDeleted(why));
    assert!(
        halfway.to_string().contains("until it is published"),
        "{halfway}"
    );
    // Nothing was there to be deleted, so nothing is lost.
    let none = github().on(&list(), 200, "[]").on(&add(), 500, "");
    assert_eq!(fault(replace(none)), NoAnswer::Status(500).into());
}

#[test]
fn a_token_of_another_account_publishes_nothing() {
    let other = r#"{"login":"mallory","id":7}"#;
    let script = || Script::default().on(&format!("GET {GITHUB}/user"), 200, other);
    let (published, _) = publish(script());
    let error = published.unwrap_err();
    assert_eq!(
        error.to_string(),
        "github.com: the token is of the account `mallory`, not of `octocat`"
    );
    let (withdrawn, _) = with("github", script(), |forge| {
        forge.withdraw("octocat", &token(), &key().fingerprint)
    });
    assert_eq!(withdrawn, Err(error));
}

#[test]
fn a_key_is_withdrawn_by_its_fingerprint() {
    let fingerprint = key().fingerprint;
    let withdraw = |script| {
        with("github", script, |forge| {
            forge.withdraw("octocat", &token(), &fingerprint)
        })
        .0
    };
    let delete = format!("DELETE {GITHUB}/user/gpg_keys/7");
    let id = key_id(&fingerprint);
    assert_eq!(id, fingerprint.to_string()[24..]);
    let others = entry(3, Some(OTHER), &id);
    for ours in [
        entry(7, Some(ARMORED), ""),
        // Uploaded long ago, or quoted twice, as in GitHub's own examples.
        entry(7, None, &id),
        entry(
            7,
            Some(&Value::from(ARMORED).to_string()),
            &id.to_ascii_lowercase(),
        ),
    ] {
        let entries = Value::from(vec![others.clone(), ours]).to_string();
        let script = github().on(&list(), 200, entries).on(&delete, 204, "");
        assert_eq!(withdraw(script), Ok(Withdrawn::Deleted));
    }
    // What is listed whole is not taken for ours by half of its name.
    let entries = Value::from(vec![others]).to_string();
    let script = github().on(&list(), 200, entries);
    assert_eq!(withdraw(script), Ok(Withdrawn::NotThere));

    let next = [("link", r#"<https://x.example/?page=2>; rel="next""#)];
    let second = format!("GET {GITHUB}/user/gpg_keys?per_page=100&page=2");
    let entries = Value::from(vec![entry(7, Some(ARMORED), "")]).to_string();
    let script = github()
        .with(&list(), 200, &next, "[]")
        .on(&second, 200, entries)
        .on(&delete, 204, "");
    assert_eq!(withdraw(script), Ok(Withdrawn::Deleted));
    let endless = (1..=MAX_PAGES).fold(github(), |script, page| {
        let url = format!("GET {GITHUB}/user/gpg_keys?per_page=100&page={page}");
        script.with(&url, 200, &next, "[]")
    });
    assert_eq!(fault(withdraw(endless)), NoAnswer::MorePages.into());
}

#[test]
fn a_token_that_may_not_is_told_what_it_needs() {
    let needs = |needs| Fault::Scope { needs };
    // GitHub says "not found" to a token that may write nothing.
    for status in [403, 404] {
        let script = github().on(KEYS, 404, "").on(&add(), status, "{}");
        assert_eq!(fault(publish(script).0), needs("write:gpg_key"));
        let script = github().on(&list(), status, r#"{"message":"Not Found"}"#);
        let (withdrawn, _) = with("github", script, |forge| {
            forge.withdraw("octocat", &token(), &key().fingerprint)
        });
        assert_eq!(fault(withdrawn), needs("admin:gpg_key"));
    }
    let whoami = |name, url: &str, status, body: &str| {
        let script = Script::default().on(&format!("GET {url}/user"), status, body);
        fault(with(name, script, |forge| forge.whoami(&token())).0)
    };
    let codeberg = whoami("codeberg", "https://codeberg.org/api/v1", 403, "{}");
    assert_eq!(codeberg, needs("write:user"));
    let job = r#"{"message":"Resource not accessible by integration"}"#;
    assert_eq!(whoami("github", GITHUB, 403, job), Fault::AppToken);
    assert_eq!(
        needs("write:gpg_key").to_string(),
        "the token is not allowed to do that: it needs the scope `write:gpg_key`"
    );
}

#[test]
fn bad_answers_are_told_apart() {
    let whoami = |status, headers: &[(&str, &str)], body: &str| {
        let script = Script::default().with(&format!("GET {GITHUB}/user"), status, headers, body);
        fault(with("github", script, |forge| forge.whoami(&token())).0)
    };
    let unexpected = || Fault::NoAnswer(NoAnswer::Unexpected);
    assert_eq!(whoami(401, &[], "{}"), Fault::Token);
    let reset = [("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", "5")];
    let at = Fault::Limited(Some(Again::At(5)));
    assert_eq!(whoami(403, &reset, ""), at);
    let soon = Fault::Limited(Some(Again::In(60)));
    assert_eq!(whoami(429, &[("retry-after", "60")], ""), soon);
    assert_eq!(
        soon.to_string(),
        "it was asked too often: ask again in 60 seconds"
    );
    let secondary = r#"{"message":"You have exceeded a secondary rate limit."}"#;
    assert_eq!(whoami(403, &[], secondary), Fault::Limited(None));
    assert_eq!(whoami(429, &[], ""), Fault::Limited(None));
    for status in [301, 500, 503] {
        assert_eq!(whoami(status, &[], ME), NoAnswer::Status(status).into());
    }
    // Also where it seems to say something of the token.
    for status in [200, 401, 403, 404, 422] {
        let page = NoAnswer::WebPage.into();
        assert_eq!(whoami(status, &[], "<html>"), page, "{status}");
    }
    assert_eq!(whoami(200, &[], ""), NoAnswer::Empty.into());
    let large = NoAnswer::TooLarge { limit: MAX_BODY };
    assert_eq!(whoami(200, &[], &" ".repeat(MAX_BODY + 1)), large.into());
    for body in [
        &ME[..20],
        "[]",
        "{}",
        r#"{"login":"octocat"}"#,
        r#"{"login":"octocat","id":0}"#,
        r#"{"login":"octocat","id":"583231"}"#,
        r#"{"login":7,"id":583231}"#,
    ] {
        assert_eq!(whoami(200, &[], body), unexpected(), "{body}");
    }
    let script = Script::default().unreachable(&format!("GET {GITHUB}/user"), "timed out");
    let (owner, _) = with("github", script, |forge| forge.whoami(&token()));
    let error = owner.unwrap_err().to_string();
    assert_eq!(error, "github.com: it could not be asked: timed out");
}

#[test]
fn a_token_that_is_sent_back_is_not_printed() {
    let says = r#"{"message":"no such token: ghp_secret\u001b[2J"}"#;
    let script = github()
        .on(KEYS, 404, "")
        .on(&add(), 400, says)
        .on(&list(), 404, "");
    let error = publish(script).0.unwrap_err();
    assert_eq!(
        error.to_string(),
        "github.com: it refused (HTTP status 400)"
    );
    assert!(!format!("{error:?}").contains("secret"), "{error:?}");
    let script = github()
        .on(KEYS, 404, "")
        .on(&add(), 400, "{\"message\":\"\\u001b[2J\"}");
    let error = publish(script.on(&list(), 404, ""))
        .0
        .unwrap_err()
        .to_string();
    assert_eq!(
        error,
        r"github.com: it refused: `\u{1b}[2J` (HTTP status 400)"
    );
}

#[test]
fn gitlab_s_keys_have_no_titles() {
    let api = "https://gitlab.com/api/v4";
    let me = r#"{"id":42,"username":"octocat","name":"O","state":"active"}"#;
    let start = || Script::default().on(&format!("GET {api}/user"), 200, me);
    let listed =
        serde_json::json!([{"id": 9, "key": OTHER}, {"id": 1, "key": ARMORED}]).to_string();
    let list = format!("GET {api}/user/gpg_keys?per_page=100&page=1");
    let script = start()
        .on("GET https://gitlab.com/octocat.gpg", 200, "")
        .on(&format!("POST {api}/user/gpg_keys"), 201, "{}");
    let (published, sent) = with("gitlab", script, |forge| {
        forge.publish("octocat", &token(), half(&key()), "laptop", &unasked)
    });
    let published = published.unwrap();
    assert_eq!((published.how, published.account.get()), (How::Added, 42));
    assert_eq!(
        published.page.as_str(),
        "https://gitlab.com/-/user_settings/gpg_keys"
    );
    let body = serde_json::json!({ "key": ARMORED }).to_string();
    assert!(sent[2].ends_with(&format!("\n{body}")), "{}", sent[2]);

    let script =
        start()
            .on(&list, 200, &listed)
            .on(&format!("DELETE {api}/user/gpg_keys/1"), 204, "");
    let withdraw = |script| {
        with("gitlab", script, |forge| {
            forge.withdraw("octocat", &token(), &key().fingerprint)
        })
        .0
    };
    assert_eq!(withdraw(script), Ok(Withdrawn::Deleted));
    let says = r#"{"error":"insufficient_scope","error_description":"more","scope":"api"}"#;
    assert_eq!(
        fault(withdraw(start().on(&list, 403, says))),
        Fault::Scope { needs: "api" }
    );
    // What is not there is not there.
    let missing = fault(withdraw(start().on(
        &list,
        404,
        r#"{"message":{"key":["x"]}}"#,
    )));
    assert_eq!(
        missing.to_string(),
        r#"it refused: `{"key":["x"]}` (HTTP status 404)"#
    );
}

#[test]
fn forgejo_is_shown_that_the_key_is_the_owner_s() {
    let api = "https://git.corp.example/forge/api/v1";
    let post = format!("POST {api}/user/gpg_keys");
    let challenge = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
    let start = |name: &str| {
        assert!(matches!(name, "forgejo" | "gitea"));
        Script::default()
            .on(&format!("GET {api}/user"), 200, ME)
            .on("GET https://git.corp.example/forge/octocat.gpg", 404, "")
            .on(&post, 404, r#"{"message":"None of the emails …"}"#)
    };
    let publish = |name, script, prove: Prove<'_>| {
        with(name, script, |forge| {
            forge.publish("octocat", &token(), half(&key()), "laptop", prove)
        })
    };
    for name in ["forgejo", "gitea"] {
        let script = start(name)
            .on(&format!("GET {api}/user/gpg_key_token"), 200, challenge)
            .on(&post, 201, "{}");
        let sign = |text: &str| Ok(format!("signed {text}"));
        let (published, sent) = publish(name, script, &sign);
        assert_eq!(published.unwrap().how, How::Added);
        let body = serde_json::json!({
            "armored_public_key": ARMORED,
            "armored_signature": format!("signed {challenge}"),
        });
        assert!(sent[4].ends_with(&format!("\n{body}")), "{}", sent[4]);
        assert!(sent[4].contains("authorization: token ghp_secret\n"));
    }
    // Not a text that would mean something once it is signed.
    for challenge in ["", "I owe you one.", "abc", &"a".repeat(129), "<html>"] {
        let script = start("forgejo").on(&format!("GET {api}/user/gpg_key_token"), 200, challenge);
        let (published, _) = publish("forgejo", script, &unasked);
        assert_eq!(fault(published), NoAnswer::Unexpected.into(), "{challenge}");
    }
    let script = start("forgejo").on(&format!("GET {api}/user/gpg_key_token"), 200, challenge);
    let (published, _) = publish("forgejo", script, &|_| Err("no key".to_owned()));
    assert_eq!(fault(published), Fault::Proof("no key".to_owned()));

    // Its list has nothing but key ids.
    let id = key_id(&key().fingerprint);
    let listed = serde_json::json!([{"id": 5, "key_id": id, "subkeys": []}]).to_string();
    let script = Script::default()
        .on(&format!("GET {api}/user"), 200, ME)
        .on(
            &format!("GET {api}/user/gpg_keys?limit=50&page=1"),
            200,
            listed,
        )
        .on(&format!("DELETE {api}/user/gpg_keys/5"), 204, "");
    let (withdrawn, _) = with("forgejo", script, |forge| {
        forge.withdraw("octocat", &token(), &key().fingerprint)
    });
    assert_eq!(withdrawn, Ok(Withdrawn::Deleted));
}

#[test]
fn ssh_keys_are_published_as_signing_keys() {
    let ssh = ssh::key(SSH).unwrap().unwrap();
    let list = format!("GET {GITHUB}/user/ssh_signing_keys?per_page=100&page=1");
    let listed = format!(r#"[{{"id":2,"key":"{SSH}","title":"t"}}]"#);
    let publish = |script| {
        with("github", script, |forge| {
            forge.publish_ssh("octocat", &token(), &ssh, "token")
        })
    };
    let script = github().on(&list, 200, "[]").on(
        &format!("POST {GITHUB}/user/ssh_signing_keys"),
        201,
        "{}",
    );
    let (published, sent) = publish(script);
    assert_eq!(published.unwrap().how, How::Added);
    let body = serde_json::json!({ "key": SSH, "title": "token" });
    assert!(sent[2].ends_with(&format!("\n{body}")), "{}", sent[2]);
    let (published, _) = publish(github().on(&list, 200, &listed));
    assert_eq!(published.unwrap().how, How::AlreadyThere);

    let withdraw = |script| {
        with("github", script, |forge| {
            forge.withdraw_ssh("octocat", &token(), &ssh)
        })
        .0
    };
    let delete = format!("DELETE {GITHUB}/user/ssh_signing_keys/2");
    let script = github().on(&list, 200, &listed).on(&delete, 204, "");
    assert_eq!(withdraw(script), Ok(Withdrawn::Deleted));
    let script = github().on(&list, 200, "[]");
    assert_eq!(withdraw(script), Ok(Withdrawn::NotThere));
    let script = github().on(&list, 200, &listed).on(&delete, 404, "{}");
    let needs = "admin:ssh_signing_key";
    assert_eq!(fault(withdraw(script)), Fault::Scope { needs });
}

#[test]
fn an_ssh_login_key_does_not_become_a_signing_key_in_silence() {
    let ssh = ssh::key(SSH).unwrap().unwrap();
    let api = "https://gitlab.com/api/v4";
    let me = r#"{"id":42,"username":"octocat"}"#;
    let list = format!("GET {api}/user/keys?per_page=100&page=1");
    let entry = |usage| format!(r#"[{{"id":2,"key":"{SSH} x","usage_type":"{usage}"}}]"#);
    let start = |usage| {
        Script::default()
            .on(&format!("GET {api}/user"), 200, me)
            .on(&list, 200, entry(usage))
    };
    let publish = |script| {
        with("gitlab", script, |forge| {
            forge.publish_ssh("octocat", &token(), &ssh, "token")
        })
    };
    assert_eq!(publish(start("signing")).0.unwrap().how, How::AlreadyThere);
    let taken = r#"{"message":{"fingerprint":["has already been taken"]}}"#;
    let script = start("auth")
        .on(&format!("POST {api}/user/keys"), 400, taken)
        .on(&list, 200, entry("auth"));
    let (published, sent) = publish(script);
    assert_eq!(fault(published), Fault::LoginKey);
    assert!(sent[2].contains(r#""usage_type":"signing""#), "{}", sent[2]);

    let script = Script::default();
    let (published, _) = with("forgejo", script, |forge| {
        forge.publish_ssh("octocat", &token(), &ssh, "token")
    });
    assert_eq!(fault(published), Fault::NoSshKeys);
}

#[test]
fn the_number_of_an_account_is_the_forge_s() {
    let number = |number: u64| AccountAnswer::Number(number.try_into().unwrap());
    let account = |name: &str, url: &str, status, body: &str| {
        let script = Script::default().on(&format!("GET {url}"), status, body);
        let (answer, sent) = with(name, script, |forge| forge.account("octocat").unwrap());
        assert!(!sent[0].contains("authorization"));
        answer
    };
    let github = format!("{GITHUB}/users/octocat");
    let gitlab = "https://gitlab.com/api/v4/users?username=octocat";
    let codeberg = "https://codeberg.org/api/v1/users/octocat";
    let listed = r#"[{"id":42,"username":"octocat","name":"O"}]"#;
    assert_eq!(account("github", &github, 200, ME), number(583231));
    assert_eq!(account("gitlab", gitlab, 200, listed), number(42));
    assert_eq!(account("codeberg", codeberg, 200, ME), number(583231));
    let gone = AccountAnswer::NoSuchAccount;
    assert_eq!(account("github", &github, 404, "{}"), gone);
    assert_eq!(account("gitlab", gitlab, 200, "[]"), gone);

    let no_answer = AccountAnswer::NoAnswer;
    for (name, url, body) in [
        // Another account's, by a name that is like this one.
        ("github", &*github, r#"{"login":"octocat2","id":7}"#),
        ("gitlab", gitlab, r#"[{"id":42,"username":"octocats"}]"#),
        (
            "gitlab",
            gitlab,
            &format!("[{},{}]", &listed[1..listed.len() - 1], ME),
        ),
        ("gitlab", gitlab, r#"{"id":42,"username":"octocat"}"#),
        ("github", &github, &ME[..9]),
    ] {
        let answer = account(name, url, 200, body);
        assert_eq!(answer, no_answer(NoAnswer::Unexpected), "{body}");
    }
    let failed = no_answer(NoAnswer::Status(500));
    assert_eq!(account("github", &github, 500, "{}"), failed);
    let page = no_answer(NoAnswer::WebPage);
    assert_eq!(account("github", &github, 200, "<html>"), page);
    let script = Script::default().unreachable(&format!("GET {github}"), "no route");
    let (answer, _) = with("github", script, |forge| forge.account("octocat").unwrap());
    assert_eq!(
        answer,
        no_answer(NoAnswer::Unreachable("no route".to_owned()))
    );
    with("github", Script::default(), |forge| {
        assert!(forge.account("../octocat").is_err());
    });
}

mod device_flow {
    use super::*;

    const CODE: &str = "POST https://github.com/login/device/code";
    const TOKEN: &str = "POST https://github.com/login/oauth/access_token";
    const BEGUN: &str = r#"{"device_code":"device_secret","user_code":"WDJB-MJHT",
        "verification_uri":"https://github.com/login/device","expires_in":900,"interval":5}"#;

    fn begin(name: &str, script: Script, purpose: Purpose) -> Option<ForgeError> {
        with(name, script, |forge| {
            DeviceFlow::begin(forge, "client", purpose).err()
        })
        .0
    }

    #[test]
    fn waits_until_the_user_is_done() {
        let granted =
            r#"{"access_token":"gho_secret","token_type":"bearer","scope":"repo,write:gpg_key"}"#;
        let script = Script::default()
            .on(CODE, 200, BEGUN)
            .on(TOKEN, 200, r#"{"error":"authorization_pending"}"#)
            .on(TOKEN, 200, r#"{"error":"slow_down","interval":12}"#)
            .on(TOKEN, 400, r#"{"error":"slow_down"}"#)
            .on(TOKEN, 200, granted);
        let (_, sent) = with("github", script, |forge| {
            let mut flow = DeviceFlow::begin(forge, "Iv1 &", Purpose::Publish).unwrap();
            assert_eq!(flow.user_code(), "WDJB-MJHT");
            let page = "https://github.com/login/device";
            assert_eq!(flow.verification_uri().as_str(), page);
            assert_eq!((flow.expires_in(), flow.interval()), (900, 5));
            assert_eq!(flow.poll(), Ok(Poll::Pending { wait: 5 }));
            assert_eq!(flow.poll(), Ok(Poll::SlowDown { wait: 12 }));
            assert_eq!(flow.poll(), Ok(Poll::SlowDown { wait: 17 }));
            assert_eq!(flow.interval(), 17);
            let token = Token::new("gho_secret").unwrap();
            let polled = flow.poll();
            assert!(!format!("{polled:?}").contains("secret"), "{polled:?}");
            assert_eq!(polled, Ok(Poll::Token(token)));
        });
        assert!(
            sent[0].ends_with("\nclient_id=Iv1+%26&scope=write%3Agpg_key"),
            "{}",
            sent[0]
        );
        assert!(
            sent[1].ends_with(
                "\nclient_id=Iv1+%26&device_code=device_secret\
                 &grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Adevice_code"
            ),
            "{}",
            sent[1]
        );
    }

    #[test]
    fn ends_as_the_user_or_the_provider_ends_it() {
        let poll = |purpose, status, body: &str| {
            let script = Script::default()
                .on(CODE, 200, BEGUN)
                .on(TOKEN, status, body);
            with("github", script, |forge| {
                DeviceFlow::begin(forge, "client", purpose).unwrap().poll()
            })
            .0
        };
        let says = |error| poll(Purpose::Publish, 200, &format!(r#"{{"error":"{error}"}}"#));
        assert_eq!(says("expired_token"), Ok(Poll::Expired));
        assert_eq!(says("access_denied"), Ok(Poll::Denied));
        let disabled = fault(says("device_flow_disabled"));
        assert_eq!(
            disabled,
            Fault::DeviceFlow("`device_flow_disabled`".to_owned())
        );

        let granted = |purpose, scope: &str| {
            let body = format!(r#"{{"access_token":"gho_secret","scope":"{scope}"}}"#);
            poll(purpose, 200, &body)
        };
        let token = Ok(Poll::Token(Token::new("gho_secret").unwrap()));
        let fewer = |needs| Ok(Poll::FewerScopes { needs });
        assert_eq!(granted(Purpose::Publish, "admin:gpg_key"), token);
        assert_eq!(granted(Purpose::Publish, "repo write:gpg_key"), token);
        assert_eq!(granted(Purpose::Publish, ""), fewer("write:gpg_key"));
        assert_eq!(
            granted(Purpose::Publish, "xwrite:gpg_key"),
            fewer("write:gpg_key")
        );
        assert_eq!(
            granted(Purpose::Withdraw, "write:gpg_key"),
            fewer("admin:gpg_key")
        );
        let ssh = granted(Purpose::PublishSsh, "write:gpg_key");
        assert_eq!(ssh, fewer("write:ssh_signing_key"));
        let ssh = granted(Purpose::WithdrawSsh, "admin:gpg_key");
        assert_eq!(ssh, fewer("admin:ssh_signing_key"));
        let silent = poll(Purpose::Publish, 200, r#"{"access_token":"gho_secret"}"#);
        assert_eq!(silent, token);

        for body in [
            "{}",
            r#"{"access_token":7}"#,
            r#"{"access_token":"a b"}"#,
            "[",
            "[7]",
        ] {
            let error = fault(poll(Purpose::Publish, 200, body));
            assert_eq!(error, NoAnswer::Unexpected.into(), "{body}");
        }
        let failed = fault(poll(Purpose::Publish, 502, "<html>"));
        assert_eq!(failed, NoAnswer::Status(502).into());
        assert_eq!(fault(poll(Purpose::Publish, 404, "")), Fault::NoDeviceFlow);
    }

    #[test]
    fn begins_only_on_a_page_of_the_provider() {
        let at = |page: &str| BEGUN.replace("https://github.com/login/device", page);
        let unexpected = Some(Fault::NoAnswer(NoAnswer::Unexpected));
        let answered = |body: &str| {
            let script = Script::default().on(CODE, 200, body);
            begin("github", script, Purpose::Publish).map(|error| error.fault)
        };
        assert_eq!(answered(&at("https://github.com/other")), None);
        for page in [
            "https://github.com.evil.example/login/device",
            "http://github.com/login/device",
            "https://github.com:444/",
            "javascript:alert(1)",
            "login",
        ] {
            assert_eq!(answered(&at(page)), unexpected, "{page}");
        }
        for code in ["", r"\u001b[2J", "A B", &"A".repeat(33)] {
            let body = BEGUN.replace("WDJB-MJHT", code);
            assert_eq!(answered(&body), unexpected, "{code}");
        }
        assert_eq!(answered(&BEGUN.replace("device_code", "x")), unexpected);
        let client = answered(r#"{"error":"incorrect_client_credentials"}"#);
        let words = "`incorrect_client_credentials`".to_owned();
        assert_eq!(client, Some(Fault::DeviceFlow(words)));
        let never = BEGUN.replace(r#""interval":5"#, r#""interval":0"#);
        let script = Script::default().on(CODE, 200, never);
        with("github", script, |forge| {
            let flow = DeviceFlow::begin(forge, "client", Purpose::Publish).unwrap();
            assert_eq!(flow.interval(), 1);
        });
        let none = begin("codeberg", Script::default(), Purpose::Publish).unwrap();
        assert_eq!(none.fault, Fault::NoDeviceFlow);
    }

    #[test]
    fn gitlab_has_its_own_addresses() {
        let begun = BEGUN.replace("github.com/login", "gitlab.com/oauth");
        let script = Script::default()
            .on("POST https://gitlab.com/oauth/authorize_device", 200, begun)
            .on(
                "POST https://gitlab.com/oauth/token",
                200,
                r#"{"access_token":"t","scope":"api"}"#,
            );
        let (polled, _) = with("gitlab", script, |forge| {
            DeviceFlow::begin(forge, "client", Purpose::Withdraw)
                .unwrap()
                .poll()
        });
        assert_eq!(polled, Ok(Poll::Token(Token::new("t").unwrap())));
    }
}
