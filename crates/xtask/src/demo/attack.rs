//! The acts in which the registry turns hostile, one lie at a time.
//!
//! Each lie is told, tried by somebody with stock cargo and by somebody with Consign, each on a new
//! machine, and taken back.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, ensure};
use consign_statement::Digest;
use consign_testbed::crate_with_changed_file;
use serde_json::{Value, json};

use super::shell::{Answer, Person};
use super::stage::{Cargo, Stage};
use super::story::{Cast, DETAILS, Goods, MARK, RECEIPT, RECEIPT_LIB, consumer, log_in};
use super::table::{Outcome, Row};

/// One lie.
struct Attack {
    title: &'static str,
    /// The same, for the table.
    served: &'static str,
    explanation: &'static str,
    /// The package whose files are changed. They are put back afterwards.
    package: &'static str,
    /// Tells the lie, and gives what to tell the audience about it.
    tell: fn(&mut Stage, &Cast, &Goods) -> anyhow::Result<String>,
    /// Where mallory's code leaves a trace.
    trace: Trace,
    /// What Consign must say of it.
    refusal: &'static [&'static str],
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Trace {
    /// In what carol's program prints.
    Printed,
    /// In a file that is written while it is compiled.
    File,
}

/// The file of [`Trace::File`], in `~/.cargo`.
const TRACE_FILE: &str = "mallory-was-here.txt";

const ATTACKS: [Attack; 5] = [
    Attack {
        title: "Other bytes, and a checksum that fits them",
        served: "other bytes, and their checksum",
        explanation: "From now on the registry is Mallory's. It serves another itoa, and changes \
                      the checksum in the index to match. The one check that cargo makes is passed.",
        package: "itoa",
        tell: swap_bytes,
        trace: Trace::Printed,
        refusal: &["refusing `itoa v", "tampered with"],
    },
    Attack {
        title: "One dependency more",
        served: "one dependency more in the index",
        explanation: "The bytes of serde_json stay as they are. Only its index entry now says that \
                      it needs one package more. That one is Mallory's own, signed by Mallory.",
        package: "serde_json",
        tell: add_dependency,
        trace: Trace::File,
        refusal: &["refusing `serde_json v", "tampered with"],
    },
    Attack {
        title: "The signature of another version",
        served: "another version's signature",
        explanation: "A receipt 1.0.1 appears, with Mallory's code in it and with the signature \
                      that Alice made for 1.0.0.",
        package: "receipt",
        tell: reuse_signature,
        trace: Trace::Printed,
        refusal: &["refusing `receipt v1.0.1", "tampered with"],
    },
    Attack {
        title: "No signature at all",
        served: "other bytes, signature stripped",
        explanation: "The other itoa again, now with its signature taken away, as if Bob had never \
                      signed it. This is what `--require-signatures` is for: without it, Consign \
                      accepts what nobody signed, as cargo does. In a configuration file, \
                      `signing.unsigned = \"deny\"` asks for the same.",
        package: "itoa",
        tell: strip_signature,
        trace: Trace::Printed,
        refusal: &["failed to select a version", "`itoa = ", "is not signed"],
    },
    Attack {
        title: "A stranger who claims to be Alice",
        served: "other bytes, signed by a stranger",
        explanation: "Mallory makes a key that says `github:alice`, and signs a changed receipt \
                      1.0.0 with it. The signature is flawless. But the key is not on Alice's \
                      account, and Mallory cannot put it there.",
        package: "receipt",
        tell: claim_identity,
        trace: Trace::Printed,
        refusal: &[
            "failed to select a version",
            "`receipt = ",
            "signed as `github:alice` with a key that this account does not publish",
        ],
    },
];

/// Plays all of them.
pub fn play_all(stage: &mut Stage, cast: &Cast, goods: &Goods) -> Vec<Row> {
    ATTACKS
        .iter()
        .map(|attack| play(stage, cast, goods, attack))
        .collect()
}

fn play(stage: &mut Stage, cast: &Cast, goods: &Goods, attack: &Attack) -> Row {
    stage.act(attack.title, attack.explanation);
    let tried = Saved::of(stage, attack.package).and_then(|saved| {
        let tried = try_both(stage, cast, goods, attack);
        saved.put_back()?;
        tried
    });
    let (stock, consign) = tried.unwrap_or_else(|error| {
        stage.failed("this cannot be played", &format!("{error:#}"));
        (Outcome::Failed, Outcome::Failed)
    });
    Row {
        act: stage.number(),
        served: attack.served,
        stock,
        consign,
    }
}

fn try_both(
    stage: &mut Stage,
    cast: &Cast,
    goods: &Goods,
    attack: &Attack,
) -> anyhow::Result<(Outcome, Outcome)> {
    let told = (attack.tell)(stage, cast, goods)?;
    stage.screen.gap();
    stage.screen.aside(&told);
    let stock = try_stock(stage, attack);
    stage.screen.verdict(Cargo::Stock, stock);
    let consign = try_consign(stage, attack);
    stage.screen.verdict(Cargo::Consign, consign);
    Ok((stock, consign))
}

fn try_stock(stage: &mut Stage, attack: &Attack) -> Outcome {
    let (carol, shop) = consumer(stage, &format!("{}-stock", stage.number()));
    let mut typing = stage
        .types(&carol, Cargo::Stock, "run")
        .in_folder(&shop)
        .hiding(DETAILS)
        .says(RECEIPT);
    if attack.trace == Trace::Printed {
        typing = typing.says(MARK);
    }
    let answer = typing.enter();
    if attack.trace == Trace::File {
        let left = show_trace(stage, &carol);
        stage.expect(left, "mallory's code left its trace", &answer.all);
    }
    outcome(&answer, &carol)
}

fn try_consign(stage: &mut Stage, attack: &Attack) -> Outcome {
    let (carol, shop) = consumer(stage, &format!("{}-consign", stage.number()));
    let mut typing = stage
        .types(&carol, Cargo::Consign, "run --require-signatures")
        .in_folder(&shop)
        .hiding(DETAILS)
        .fails()
        // Refused before anything is even downloaded.
        .never_says("Downloaded")
        .never_says("Compiling")
        .never_says(MARK);
    for phrase in attack.refusal {
        typing = typing.says(*phrase);
    }
    let answer = typing.enter();
    let left = trace(&carol).is_some();
    stage.expect(!left, "mallory's code left no trace", &answer.all);
    outcome(&answer, &carol)
}

/// What came of a try.
fn outcome(answer: &Answer, carol: &Person) -> Outcome {
    let harmed = answer.all.contains(MARK) || trace(carol).is_some();
    match (harmed, answer.success, answer.as_told) {
        (true, ..) => Outcome::Harmed,
        (false, true, _) => Outcome::Unaware,
        (false, false, true) => Outcome::Refused,
        // For another reason than the one that it should have found.
        (false, false, false) => Outcome::Failed,
    }
}

fn trace(carol: &Person) -> Option<String> {
    fs::read_to_string(carol.home.path().join(TRACE_FILE)).ok()
}

/// Shows the trace that mallory's code left. Whether there is one.
fn show_trace(stage: &mut Stage, carol: &Person) -> bool {
    let Some(text) = trace(carol) else {
        return false;
    };
    let command = format!("cat ~/.cargo/{TRACE_FILE}");
    stage.screen.typed("carol", "~/shop", &command, None);
    stage.screen.alarm(&text);
    text.contains(MARK)
}

fn swap_bytes(stage: &mut Stage, _: &Cast, goods: &Goods) -> anyhow::Result<String> {
    let version = goods.version("itoa")?;
    let other = other_itoa(stage, goods)?;
    let (was, is) = replace(stage, "itoa", version, &other)?;
    Ok(format!(
        "itoa {version} in the index: the checksum was {was:.12}…, and is {is:.12}… now"
    ))
}

fn strip_signature(stage: &mut Stage, _: &Cast, goods: &Goods) -> anyhow::Result<String> {
    let version = goods.version("itoa")?;
    let other = other_itoa(stage, goods)?;
    replace(stage, "itoa", version, &other)?;
    stage.registry.edit_line("itoa", version, |line| {
        if let Some(line) = line.as_object_mut() {
            line.remove("signature");
            line.remove("key_locator");
        }
    });
    Ok(format!(
        "itoa {version} in the index: `signature` and `key_locator` are gone"
    ))
}

/// itoa with a line of mallory's where it formats a number.
fn other_itoa(stage: &Stage, goods: &Goods) -> anyhow::Result<Vec<u8>> {
    const HERE: &str = "pub fn format<I: Integer>(&mut self, i: I) -> &str {\n";
    let version = goods.version("itoa")?;
    let honest = fs::read_to_string(goods.source("itoa")?.join("src/lib.rs"))?;
    ensure!(
        honest.contains(HERE),
        "itoa {version} is not the one that this play was written for"
    );
    let other = honest.replace(HERE, &format!("{HERE}std::println!({MARK:?});\n"));
    changed(
        stage,
        "itoa",
        version,
        &format!("{other}\nextern crate std;\n"),
    )
}

fn add_dependency(stage: &mut Stage, cast: &Cast, goods: &Goods) -> anyhow::Result<String> {
    let mallory = &cast.mallory;
    log_in(stage, mallory, "mallory", 3).context("mallory has no key")?;
    let build = format!(
        "fn main() {{\n    let home = std::env::var(\"CARGO_HOME\").unwrap();\n    \
         std::fs::write(home + \"/{TRACE_FILE}\", \"{MARK}\\n\").unwrap();\n}}\n"
    );
    let folder = stage
        .sandbox
        .package("telemetry")
        .folder("people/mallory/telemetry")
        .version("1.0.0")
        .file("build.rs", build)
        .write();
    stage
        .types(mallory, Cargo::Consign, "publish")
        .in_folder(&folder)
        .hiding(DETAILS)
        .says("Published telemetry v1.0.0")
        .enter();
    let version = goods.version("serde_json")?;
    stage.registry.edit_line("serde_json", version, |line| {
        if let Some(deps) = line["deps"].as_array_mut() {
            deps.push(json!({
                "name": "telemetry", "req": "^1", "features": [], "optional": false,
                "default_features": true, "target": null, "kind": "normal",
            }));
        }
    });
    Ok(format!(
        "serde_json {version} in the index: `deps` has `telemetry = \"^1\"` in it now, a package \
         with a build script"
    ))
}

fn reuse_signature(stage: &mut Stage, cast: &Cast, _: &Goods) -> anyhow::Result<String> {
    let folder = stage
        .sandbox
        .package("receipt")
        .folder("people/mallory/receipt")
        .version("1.0.1")
        .dependency("serde_json", "1")
        .file("src/lib.rs", other_receipt())
        .write();
    let packed = cast
        .mallory
        .home
        .cargo(stage.program(Cargo::Stock), &folder)
        .args(["package", "--no-verify", "--quiet"])
        .run();
    ensure!(packed.status == Some(0), "{}", packed.stderr);
    let other = fs::read(folder.join("target/package/receipt-1.0.1.crate"))?;

    let registry = &stage.registry;
    fs::write(registry.crate_path("receipt", "1.0.1"), &other)?;
    let mut line = registry.line("receipt", "1.0.0");
    line["vers"] = "1.0.1".into();
    line["cksum"] = Digest::of(&other).to_string().into();
    let index = registry.index("receipt");
    registry.write_index("receipt", &format!("{index}{line}\n"));
    Ok(
        "receipt in the index: a line for 1.0.1, with `signature` and `key_locator` of 1.0.0"
            .to_owned(),
    )
}

fn claim_identity(stage: &mut Stage, cast: &Cast, _: &Goods) -> anyhow::Result<String> {
    let mallory = &cast.mallory;
    stage
        .types(mallory, Cargo::Consign, "key new --sign-as github:alice")
        .says("of GitHub user @alice")
        .enter();
    let key = mallory.key("alice")?;
    let identity = "github:alice".parse()?;

    let other = changed(stage, "receipt", "1.0.0", &other_receipt())?;
    replace(stage, "receipt", "1.0.0", &other)?;
    let registry = &stage.registry;
    let fields = registry.signed_fields("receipt", "1.0.0", &identity, &key);
    registry.edit_line("receipt", "1.0.0", |line| {
        for field in ["signature", "key_locator"] {
            line[field] = fields[field].clone();
        }
    });
    Ok(format!(
        "receipt 1.0.0 in the index: signed by github:alice, it says, with the key {}",
        key.public_key()
    ))
}

/// `src/lib.rs` of receipt with a line of mallory's.
fn other_receipt() -> String {
    RECEIPT_LIB.replace(
        "    serde_json",
        &format!("    println!({MARK:?});\n    serde_json"),
    )
}

/// The archive of a version with another `src/lib.rs`.
fn changed(stage: &Stage, name: &str, version: &str, lib: &str) -> anyhow::Result<Vec<u8>> {
    let bytes = fs::read(stage.registry.crate_path(name, version))?;
    Ok(crate_with_changed_file(
        &bytes,
        "src/lib.rs",
        lib.as_bytes(),
    ))
}

/// Has the registry serve other bytes, with their checksum. Gives the checksums: the one that was
/// published, and the one that is served now.
fn replace(
    stage: &Stage,
    name: &str,
    version: &str,
    bytes: &[u8],
) -> anyhow::Result<(String, String)> {
    let is = Digest::of(bytes).to_string();
    let mut was = Value::Null;
    fs::write(stage.registry.crate_path(name, version), bytes)?;
    stage.registry.edit_line(name, version, |line| {
        was = std::mem::replace(&mut line["cksum"], is.clone().into());
    });
    Ok((was.as_str().unwrap_or_default().to_owned(), is))
}

/// The files of a package as they are in the registry.
struct Saved {
    folder: PathBuf,
    files: Vec<(PathBuf, Vec<u8>)>,
}

impl Saved {
    fn of(stage: &Stage, name: &str) -> anyhow::Result<Saved> {
        let anything = stage.registry.crate_path(name, "0");
        let folder = anything.parent().context("no folder")?.to_owned();
        let files = paths(&folder)?
            .into_iter()
            .map(|path| Ok((path.clone(), fs::read(path)?)))
            .collect::<anyhow::Result<_>>()?;
        Ok(Saved { folder, files })
    }

    fn put_back(self) -> anyhow::Result<()> {
        for path in paths(&self.folder)? {
            fs::remove_file(path)?;
        }
        for (path, bytes) in self.files {
            fs::write(path, bytes)?;
        }
        Ok(())
    }
}

fn paths(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    fs::read_dir(folder)
        .with_context(|| format!("cannot read `{}`", folder.display()))?
        .map(|entry| Ok(entry?.path()))
        .collect()
}
