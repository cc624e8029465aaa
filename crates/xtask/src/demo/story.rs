//! The acts in which all goes well: keys are made, packages are signed, a build is what was signed.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use serde_json::Value;

use super::shell::{Answer, Person};
use super::stage::{Cargo, Stage};
use super::table::{Outcome, Row};
use crate::mirror::registry_packages;

/// What mallory's code says where it runs.
pub const MARK: &str = "mallory's code is running here, with all your rights";

/// What the program of the consumer prints, if nobody meddled with it.
pub const RECEIPT: &str = r#"{"cents":350,"item":"tea"}"#;

/// What is of no interest where something else is shown.
pub const DETAILS: &[&str] = &[
    "Updating",
    "Locking",
    "Adding",
    "Downloading",
    "Downloaded",
    "Compiling",
];

/// The real packages that are wanted, with the versions that this play was written for.
const WANTED: [&str; 2] = ["serde_json = \"=1.0.154\"", "itoa = \"=1.0.19\""];

/// Those of them that bob answers for. The others are alice's.
const BOBS: [&str; 3] = ["itoa", "memchr", "zmij"];

/// Who plays.
pub struct Cast {
    /// Publishes `receipt`.
    pub alice: Person,
    /// Maintains `itoa` and others.
    pub bob: Person,
    /// Runs the registry, in the end.
    pub mallory: Person,
}

/// The real packages.
pub struct Goods {
    /// Names and versions.
    pub packages: Vec<(String, String)>,
    /// Who downloaded them, and so has their files.
    pub importer: Person,
}

impl Goods {
    /// The folder in which cargo unpacked a package that is among them.
    pub fn source(&self, name: &str) -> anyhow::Result<PathBuf> {
        let registries = self.importer.home.path().join("registry/src");
        let package = format!("{name}-{}", self.version(name)?);
        fs::read_dir(&registries)
            .with_context(|| format!("cannot read `{}`", registries.display()))?
            .filter_map(|registry| Some(registry.ok()?.path().join(&package)))
            .find(|folder| folder.is_dir())
            .with_context(|| format!("`{package}` is not unpacked"))
    }

    /// The version of a package that is among them.
    pub fn version(&self, name: &str) -> anyhow::Result<&str> {
        let found = self.packages.iter().find(|(n, _)| n == name);
        let (_, version) = found.with_context(|| format!("no `{name}` was imported"))?;
        Ok(version)
    }
}

/// The acts up to an honest build. `None` where what follows would make no sense.
pub fn play(stage: &mut Stage) -> Option<(Cast, Goods, Row)> {
    let cast = identities(stage)?;
    let goods = packages(stage, &cast)?;
    let honest = honest_build(stage);
    Some((cast, goods, honest))
}

fn identities(stage: &mut Stage) -> Option<Cast> {
    stage.act(
        "Two logins",
        "Alice and Bob log in to the registry, each on a new machine, and say as whom they sign. That \
         makes a signing key and puts its public half where their GitHub account shows it to everybody; \
         the registry never sees it. On a terminal `cargo login` would ask for it. An identity is an \
         account that people know; there is no new one to learn.",
    );
    let cast = Cast {
        alice: Person::new(&stage.sandbox, "alice", "alice"),
        bob: Person::new(&stage.sandbox, "bob", "bob"),
        mallory: Person::new(&stage.sandbox, "mallory", "mallory"),
    };
    log_in(stage, &cast.alice, "alice", usize::MAX)?;
    log_in(stage, &cast.bob, "bob", 3)?;
    Some(cast)
}

/// Logs in to the registry, and signs as `github:USER` from then on. So many `lines` are shown. `None`
/// where that did not go as told.
pub fn log_in(stage: &mut Stage, person: &Person, user: &str, lines: usize) -> Option<()> {
    let token = stage.registry.token(user);
    person.home.use_registry(&stage.registry, None);
    person.home.use_forge(&stage.forge);
    let made = stage
        .types(
            person,
            Cargo::Consign,
            &format!("login --sign-as github:{user}"),
        )
        .given(&format!("{token}\n"))
        .with_token_of(user)
        .showing(lines)
        .hiding(&["Updating"])
        .says("Login token for `demo` saved")
        .says(format!("of GitHub user @{user}"))
        .says("Published signing key")
        .enter();
    made.as_told.then_some(())
}

fn packages(stage: &mut Stage, cast: &Cast) -> Option<Goods> {
    stage.act(
        "Real packages, and one of Alice's own",
        "The registry takes over serde_json with everything that it depends on, as crates.io has \
         them. Alice and Bob sign them, as their authors would by publishing with Consign.",
    );
    let importer = Person::new(&stage.sandbox, "registry", "importer");
    let mut wanted = stage
        .sandbox
        .package("wanted")
        .folder("people/importer/wanted");
    for line in WANTED {
        wanted = wanted.dependency_line(line);
    }
    let folder = wanted.write();
    let fetched = stage
        .types(&importer, Cargo::Stock, "fetch")
        .in_folder(&folder)
        .hiding(&["Updating", "Locking", "Adding", "Downloading"])
        .outside()
        .says("Downloaded serde_json v")
        .enter();
    if !fetched.as_told {
        return None;
    }
    stage.registry.import(importer.home.path(), &[]);
    let goods = Goods {
        packages: downloaded(stage, &importer, &folder)?,
        importer,
    };
    stage.screen.gap();
    for (person, user) in [(&cast.alice, "alice"), (&cast.bob, "bob")] {
        sign_imported(stage, &goods, person, user)?;
    }

    stage.screen.gap();
    stage.screen.paragraph(
        "Alice's own package `receipt` uses serde_json. She publishes it as she always did: where \
         there is a key, `cargo publish` signs.",
    );
    let receipt = stage
        .sandbox
        .package("receipt")
        .folder("people/alice/receipt")
        .version("1.0.0")
        .dependency("serde_json", "1")
        .file("src/lib.rs", RECEIPT_LIB)
        .write();
    let published = stage
        .types(&cast.alice, Cargo::Consign, "publish")
        .in_folder(&receipt)
        .hiding(DETAILS)
        .says("Signing receipt v1.0.0 as GitHub user @alice")
        .says("Published receipt v1.0.0")
        .enter();
    if !published.as_told {
        return None;
    }
    let line = stage.registry.line("receipt", "1.0.0");
    stage.screen.gap();
    stage.screen.paragraph(
        "What the registry keeps of it, in the index entry. The key only says which one to look \
         for: whose it is, GitHub is asked.",
    );
    for field in ["key_locator", "signature"] {
        stage
            .screen
            .written(&format!("\"{field}\": {}", spaced(&line[field])));
    }
    Some(goods)
}

/// `src/lib.rs` of alice's package.
pub const RECEIPT_LIB: &str = r#"//! Receipts in JSON.

/// The receipt for one item.
pub fn receipt(item: &str, cents: u64) -> String {
    serde_json::json!({ "item": item, "cents": cents }).to_string()
}
"#;

/// What `cargo fetch` brought, by name and version.
fn downloaded(stage: &mut Stage, who: &Person, folder: &Path) -> Option<Vec<(String, String)>> {
    let output = who
        .home
        .cargo(stage.program(Cargo::Stock), folder)
        .args(["metadata", "--format-version=1", "--locked", "--offline"])
        .run();
    let metadata: Value = serde_json::from_str(&output.stdout).unwrap_or_default();
    let found = registry_packages(&metadata);
    let is_so = !found.is_empty();
    stage
        .expect(is_so, "cargo tells what it fetched", &output.stderr)
        .then_some(found)
}

fn sign_imported(stage: &mut Stage, goods: &Goods, person: &Person, user: &str) -> Option<()> {
    let (identity, key) = match (format!("github:{user}").parse(), person.key(user)) {
        (Ok(identity), Ok(key)) => (identity, key),
        (_, Err(error)) => {
            stage.failed("the key cannot be read", &format!("{error:#}"));
            return None;
        }
        (Err(_), _) => return None,
    };
    let token = stage.registry.token(consign_testbed::IMPORTER);
    let mut signed = Vec::new();
    for (name, version) in &goods.packages {
        if BOBS.contains(&name.as_str()) == (user == "bob") {
            stage.registry.sign(name, version, &identity, &key, &token);
            signed.push(format!("{name} {version}"));
        }
    }
    stage
        .screen
        .good(&format!("{user} signed {}", signed.join(", ")));
    Some(())
}

/// JSON with a space where people put one.
fn spaced(value: &Value) -> String {
    value
        .to_string()
        .replace(",\"", ", \"")
        .replace("\":", "\": ")
}

fn honest_build(stage: &mut Stage) -> Row {
    stage.act(
        "A build that says who made what goes into it",
        "Carol has a program that uses `receipt`. Her cargo knows the address of the registry, and \
         where to ask for the keys of GitHub accounts. That is all.",
    );
    let (carol, shop) = consumer(stage, "honest");
    let asked = stage.forge.requests().len();
    let built = stage
        .types(&carol, Cargo::Consign, "build --require-signatures")
        .in_folder(&shop)
        .hiding(&["Locking", "Adding", "Compiling"])
        .says("Downloaded receipt v1.0.0 (registry `demo`) (published by GitHub user @alice)")
        .says("(published by GitHub user @bob)")
        .says("Finished")
        .enter();
    let mut requests = stage.forge.requests().split_off(asked);
    requests.sort();
    if stage.expect(
        requests == ["GET /alice.gpg", "GET /bob.gpg"],
        "the forge was asked twice, once for alice and once for bob",
        &requests.join("\n"),
    ) {
        stage
            .screen
            .good("the forge was asked twice: for alice and for bob");
    }

    stage.screen.gap();
    stage.screen.paragraph(
        "Carol now builds and runs by her lockfile. What is known need not be asked again.",
    );
    let asked = stage.forge.requests().len();
    stage
        .types(&carol, Cargo::Consign, "run --locked --require-signatures")
        .in_folder(&shop)
        .says(RECEIPT)
        .enter();
    let requests = stage.forge.requests().split_off(asked);
    if stage.expect(
        requests.is_empty(),
        "the forge was not asked",
        &requests.join("\n"),
    ) {
        stage.screen.good("the forge was not asked");
    }

    stage.screen.gap();
    stage.screen.paragraph(
        "Stock cargo builds from the same registry as if nothing were signed. From here on, each \
         try is made on a new machine of Carol's, with nothing cached.",
    );
    let (carol, shop) = consumer(stage, "honest-stock");
    let stock = stage
        .types(&carol, Cargo::Stock, "run")
        .in_folder(&shop)
        .hiding(DETAILS)
        .says(RECEIPT)
        .enter();
    let outcome = |answer: &Answer, good| match answer.as_told {
        true => good,
        false => Outcome::Failed,
    };
    Row {
        act: stage.number(),
        served: "what was published",
        stock: outcome(&stock, Outcome::Built),
        consign: outcome(&built, Outcome::BuiltAndSaid),
    }
}

/// A new machine of carol's, called `id`, and the folder of her program.
pub fn consumer(stage: &Stage, id: &str) -> (Person, PathBuf) {
    let id = format!("carol-{id}");
    let carol = Person::new(&stage.sandbox, "carol", &id);
    carol.home.use_registry(&stage.registry, None);
    carol.home.use_forge(&stage.forge);
    let shop = stage
        .sandbox
        .package("shop")
        .folder(&format!("people/{id}/shop"))
        .dependency("receipt", "1")
        .program(r#"println!("{}", receipt::receipt("tea", 350));"#)
        .write();
    (carol, shop)
}

/// With everything as it was, all is well again. The consumer and her program go on from there.
pub fn end_well(stage: &mut Stage) -> (Person, PathBuf) {
    stage.act(
        "Everything put back",
        "The registry serves what was published again. Consign builds it again: what it refused \
         was what the registry had done, and nothing else.",
    );
    let (carol, shop) = consumer(stage, "again");
    // What is answered is old at once, as it is after a week elsewhere.
    carol.home.add_config("[signing]\nmax-key-age = \"0 days\"");
    stage
        .types(&carol, Cargo::Consign, "run --require-signatures")
        .in_folder(&shop)
        .hiding(DETAILS)
        .says(RECEIPT)
        .never_says(MARK)
        .enter();
    (carol, shop)
}

/// A key is lost, and revoked where everyone already looks.
pub fn revocation(stage: &mut Stage, cast: &Cast, carol: &Person, shop: &Path) {
    stage.act(
        "A lost key",
        "Alice has lost the laptop that had her key, and revokes it from a copy. It is deleted from her \
         account, which is where every build looks. The registry has no say in it.",
    );
    stage
        .types(
            &cast.alice,
            Cargo::Consign,
            "key revoke --compromised --yes",
        )
        .with_token_of("alice")
        .showing(2)
        .says("Deleted signing key")
        .enter();
    stage.screen.gap();
    stage
        .screen
        .paragraph(
            "Carol is where she was, with a lockfile that names what Alice signed. (What an account \
             answered is good for seven days; hers has the setting for none.) Her next update asks again, \
             and from then on nothing is built that was signed with the key.",
        );
    let refusal = "signed as `github:alice` with a key that this account does not publish";
    stage
        .types(carol, Cargo::Consign, "update")
        .in_folder(shop)
        .hiding(&["Updating", "help:"])
        .fails()
        .says(refusal)
        .enter();
    stage
        .types(carol, Cargo::Consign, "clean")
        .in_folder(shop)
        .enter();
    stage
        .types(carol, Cargo::Consign, "run --locked --require-signatures")
        .in_folder(shop)
        .hiding(&["help:"])
        .fails()
        .says(refusal)
        .never_says(RECEIPT)
        .enter();
}
