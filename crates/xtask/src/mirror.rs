//! Real packages in a registry of our own, which stands in for crates.io by source replacement.
//!
//! They are taken over from the `CARGO_HOME` of whoever runs this, and signed for crates.io as if a
//! mirror had them from there with their signatures.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::Context as _;
use consign_identity::Identity;
use consign_identity::openpgp::{OsRng, SecretKey};
use consign_statement::RegistryId;
use consign_testbed::{Home, KeyServer, Registry};
use serde_json::Value;

/// How many accounts sign.
pub const IDENTITIES: usize = 100;

/// Has a home use the registry in the place of crates.io.
pub fn configure(home: &Home, registry: &Registry, keys: &KeyServer) {
    home.add_config(&format!(
        "[source.crates-io]\nreplace-with = \"mirror\"\n\
         [source.mirror]\nregistry = \"{}\"",
        registry.index_url()
    ));
    home.use_keys(keys);
}

/// Has the registry take the packages over from the `CARGO_HOME` of whoever runs this, and offer all of them.
pub fn import(registry: &Registry, packages: &[(String, String)]) -> anyhow::Result<()> {
    let home = match std::env::var_os("CARGO_HOME") {
        Some(home) => home.into(),
        None => std::env::home_dir()
            .context("no home directory")?
            .join(".cargo"),
    };
    let wanted: Vec<_> = packages.iter().map(|(n, v)| format!("{n}@{v}")).collect();
    let wanted: Vec<_> = wanted.iter().map(String::as_str).collect();
    registry.import(&home, &wanted);
    unyank(registry, packages)
}

/// Has the registry offer all of `packages`, as it did when the lockfile was made that names them: some may have
/// been yanked since, and without the lockfile nothing would choose these.
fn unyank(registry: &Registry, packages: &[(String, String)]) -> anyhow::Result<()> {
    let names: BTreeSet<_> = packages.iter().map(|(name, _)| name).collect();
    for name in names {
        let mut index = String::new();
        for line in registry.index(name).lines() {
            let mut line: Value = serde_json::from_str(line)?;
            line["yanked"] = false.into();
            index += &format!("{line}\n");
        }
        registry.write_index(name, &index);
    }
    Ok(())
}

/// Makes keys for [`IDENTITIES`] accounts, publishes them, and signs the packages with one after the
/// other.
pub fn sign(
    registry: &Registry,
    keys: &KeyServer,
    packages: &[(String, String)],
) -> anyhow::Result<()> {
    sign_by(registry, keys, packages, IDENTITIES)
}

/// The same, by this many accounts.
///
/// The registry would refuse a signature for crates.io that is offered to it. A mirror has it from
/// there, so it is put into the index as if it had come along.
pub fn sign_by(
    registry: &Registry,
    keys: &KeyServer,
    packages: &[(String, String)],
    identities: usize,
) -> anyhow::Result<()> {
    let signers = signers(keys, identities)?;
    let mut signatures: BTreeMap<&str, BTreeMap<&str, Value>> = BTreeMap::new();
    for ((name, version), (identity, key)) in packages.iter().zip(signers.iter().cycle()) {
        let crates_io = RegistryId::crates_io();
        let fields = registry.signed_fields_for(&crates_io, name, version, identity, key);
        signatures.entry(name).or_default().insert(version, fields);
    }
    // A package's index is one file, which is written once, however many versions are in it.
    for (name, versions) in signatures {
        let mut index = String::new();
        for line in registry.index(name).lines() {
            let mut line: Value = serde_json::from_str(line)?;
            let fields = line["vers"]
                .as_str()
                .and_then(|version| versions.get(version));
            if let Some(fields) = fields {
                for field in ["key_locator", "signature"] {
                    line[field] = fields[field].clone();
                }
            }
            index += &format!("{line}\n");
        }
        registry.write_index(name, &index);
    }
    Ok(())
}

/// Has the packages carry signatures for crates.io by [`IDENTITIES`] accounts in turn, as if they had been
/// published there so. Gives the old and the new checksum of each.
pub fn carry(
    registry: &Registry,
    keys: &KeyServer,
    packages: &[(String, String)],
) -> anyhow::Result<Vec<(String, String)>> {
    let signers = signers(keys, IDENTITIES)?;
    let mut checksums = Vec::new();
    for ((name, version), (identity, key)) in packages.iter().zip(signers.iter().cycle()) {
        let checksum = || {
            let line = registry.line(name, version);
            line["cksum"].as_str().map(str::to_owned)
        };
        let old = checksum();
        registry.carry(&RegistryId::crates_io(), name, version, identity, key);
        checksums.extend(old.zip(checksum()));
    }
    Ok(checksums)
}

/// This many accounts with a key each, which they publish.
fn signers(keys: &KeyServer, identities: usize) -> anyhow::Result<Vec<(Identity, SecretKey)>> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
    let mut signers = Vec::new();
    for n in 1..=identities {
        let user = format!("signer-{n}");
        let identity: Identity = format!("github:{user}").parse()?;
        let key = SecretKey::generate(&identity, now, OsRng)?;
        keys.publish(&user, &key.public_armored());
        signers.push((identity, key));
    }
    Ok(signers)
}

/// The packages from registries in what `cargo metadata` printed, by name and version.
pub fn registry_packages(metadata: &Value) -> Vec<(String, String)> {
    let packages = metadata["packages"].as_array().into_iter().flatten();
    packages
        .filter(|package| package["source"].is_string())
        .filter_map(|package| {
            let text = |field: &str| package[field].as_str().map(str::to_owned);
            Some((text("name")?, text("version")?))
        })
        .collect()
}
