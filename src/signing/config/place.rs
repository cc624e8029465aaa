//! What one place says in its `[signing]` table: a file, the environment, or the command line.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use consign_policy::Level;

use crate::signing::keys::environment::{SECRET_KEY, SECRET_KEY_PASSPHRASE};
use crate::util::context::{ConfigValue as CV, Definition};
use crate::{CargoResult, GlobalContext};

/// What one place says.
#[derive(Debug, Default)]
pub(super) struct Place {
    pub(super) origin: String,
    /// `--require-signatures`: over all else.
    pub(super) require: bool,
    pub(super) unsigned: Option<Level>,
    pub(super) registries: BTreeMap<String, Level>,
    pub(super) unsigned_publish: Option<Level>,
    pub(super) identity: Option<String>,
    /// Who publishes to the registries of these names.
    pub(super) publishers: BTreeMap<String, String>,
    pub(super) key: Option<String>,
    pub(super) passphrase_command: Option<Vec<String>>,
    pub(super) identities: BTreeMap<String, ProviderTable>,
}

/// One `[signing.identities.NAME]`.
#[derive(Debug, Default)]
pub(super) struct ProviderTable {
    pub(super) keys: Option<String>,
    pub(super) display: Option<String>,
    pub(super) client_id: Option<String>,
}

impl Place {
    /// Reads a `[signing]` table. `file` is the file that it is in.
    pub(super) fn read(signing: &CV, file: &Path) -> CargoResult<Place> {
        let origin = match signing.definition() {
            Definition::Cli(None) => "the command line".to_owned(),
            other => format!("`{other}`"),
        };
        let mut place = Place {
            origin,
            ..Place::default()
        };
        for (key, value) in table(signing, "signing")? {
            match key {
                "require-signatures" => {
                    place.require = value.boolean("signing.require-signatures")?.0;
                    if place.require && matches!(value.definition(), Definition::Cli(None)) {
                        place.origin = "`--require-signatures`".to_owned();
                    }
                }
                "unsigned" => place.unsigned = Some(level(value, "signing.unsigned")?),
                "unsigned-publish" => {
                    let name = "signing.unsigned-publish";
                    let level = level(value, name)?;
                    if level == Level::Warn {
                        bail!(
                            "invalid `{name}` in {}: it is `allow` or `deny`",
                            value.definition()
                        );
                    }
                    place.unsigned_publish = Some(level);
                }
                "identity" => place.identity = Some(string(value, "signing.identity")?.to_owned()),
                "key" => place.key = Some(string(value, "signing.key")?.to_owned()),
                "passphrase-command" => {
                    let words = value.string_list("signing.passphrase-command")?;
                    place.passphrase_command = Some(words.into_iter().map(|w| w.0).collect());
                }
                "identities" => {
                    for (name, provider) in table(value, "signing.identities")? {
                        let at = format!("signing.identities.{name}");
                        let provider = ProviderTable::read(provider, &at, file)?;
                        place.identities.insert(name.to_owned(), provider);
                    }
                }
                "registries" => {
                    for (name, registry) in table(value, "signing.registries")? {
                        let at = format!("signing.registries.{name}");
                        for (key, value) in table(registry, &at)? {
                            match key {
                                "unsigned" => {
                                    let level = level(value, &format!("{at}.unsigned"))?;
                                    place.registries.insert(name.to_owned(), level);
                                }
                                "identity" => {
                                    let identity = string(value, &format!("{at}.identity"))?;
                                    place.publishers.insert(name.to_owned(), identity.to_owned());
                                }
                                _ => return unknown(value, &at, key, &["unsigned", "identity"]),
                            }
                        }
                    }
                }
                _ => {
                    let known = [
                        "unsigned",
                        "unsigned-publish",
                        "identity",
                        "key",
                        "passphrase-command",
                        "identities",
                        "registries",
                    ];
                    return unknown(value, "signing", key, &known);
                }
            }
        }
        Ok(place)
    }

    /// Reads the variables that stand for the same keys, by cargo's rule: upper case, with `_` for
    /// `.` and `-`.
    pub(super) fn read_env(gctx: &GlobalContext) -> CargoResult<Place> {
        let mut place = Place::default();
        let mut origins = Vec::new();
        let prefix = "CARGO_SIGNING_";
        for (name, value) in gctx.env() {
            let Some(key) = name.strip_prefix(prefix) else {
                continue;
            };
            // A secret key and its passphrase, which are no settings and are never read as such.
            if [SECRET_KEY, SECRET_KEY_PASSPHRASE].contains(&name) {
                continue;
            }
            let as_level = || {
                value
                    .parse::<Level>()
                    .with_context(|| format!("invalid environment variable `{name}`"))
            };
            let lower = |name: &str| name.to_ascii_lowercase().replace('_', "-");
            if key == "UNSIGNED" {
                place.unsigned = Some(as_level()?);
            } else if key == "REQUIRE_SIGNATURES" {
                place.require = value
                    .parse()
                    .with_context(|| format!("invalid environment variable `{name}`"))?;
            } else if key == "UNSIGNED_PUBLISH" {
                place.unsigned_publish = Some(as_level()?);
            } else if key == "IDENTITY" {
                place.identity = Some(value.to_owned());
            } else if key == "PASSPHRASE_COMMAND" {
                let words = value.split_whitespace().map(str::to_owned);
                place.passphrase_command = Some(words.collect());
            } else if let Some(registry) = strip(key, "REGISTRIES_", "_IDENTITY") {
                place.publishers.insert(lower(registry), value.to_owned());
            } else if let Some(registry) = strip(key, "REGISTRIES_", "_UNSIGNED") {
                place.registries.insert(lower(registry), as_level()?);
            } else if let Some(provider) = strip(key, "IDENTITIES_", "_KEYS") {
                let provider = place.identities.entry(lower(provider)).or_default();
                provider.keys = Some(value.to_owned());
            } else if let Some(provider) = strip(key, "IDENTITIES_", "_CLIENT_ID") {
                let provider = place.identities.entry(lower(provider)).or_default();
                provider.client_id = Some(value.to_owned());
            } else if let Some(provider) = strip(key, "IDENTITIES_", "_DISPLAY") {
                let provider = place.identities.entry(lower(provider)).or_default();
                provider.display = Some(value.to_owned());
            } else {
                bail!(
                    "unknown environment variable `{name}`: there is no such setting of `signing`"
                );
            }
            origins.push(format!("`{name}`"));
        }
        place.origin = format!("the environment variable {}", origins.join(", "));
        Ok(place)
    }

    /// The settings in it that say who publishes, and how, which a project cannot.
    pub(super) fn publishers_own(&self) -> Vec<String> {
        let of_registry = |name: &String| format!("signing.registries.{name}.identity");
        let of_provider = |(name, provider): (&String, &ProviderTable)| {
            let setting = format!("signing.identities.{name}.client-id");
            provider.client_id.as_ref().map(|_| setting)
        };
        let general = [
            ("signing.identity", self.identity.is_some()),
            ("signing.key", self.key.is_some()),
            ("signing.passphrase-command", self.passphrase_command.is_some()),
        ];
        let general = general.into_iter().filter(|(_, there)| *there);
        general
            .map(|(setting, _)| setting.to_owned())
            .chain(self.publishers.keys().map(of_registry))
            .chain(self.identities.iter().filter_map(of_provider))
            .collect()
    }
}

impl ProviderTable {
    fn read(value: &CV, at: &str, file: &Path) -> CargoResult<ProviderTable> {
        let mut provider = ProviderTable::default();
        for (key, value) in table(value, at)? {
            match key {
                "keys" => {
                    let keys = string(value, &format!("{at}.keys"))?;
                    provider.keys = Some(absolute(keys, file));
                }
                "display" => {
                    provider.display = Some(string(value, &format!("{at}.display"))?.to_owned());
                }
                "client-id" => {
                    let client = string(value, &format!("{at}.client-id"))?;
                    provider.client_id = Some(client.to_owned());
                }
                _ => return unknown(value, at, key, &["keys", "display", "client-id"]),
            }
        }
        Ok(provider)
    }
}

/// A path in a configuration file is relative to the folder that `.cargo` is in, as everywhere in
/// cargo's configuration.
fn absolute(keys: &str, file: &Path) -> String {
    if keys.contains("://") || Path::new(keys).is_absolute() {
        return keys.to_owned();
    }
    let folder = match file.is_dir() {
        true => file.to_owned(),
        false => file
            .ancestors()
            .nth(2)
            .map(PathBuf::from)
            .unwrap_or_default(),
    };
    folder.join(keys).display().to_string()
}

fn strip<'k>(key: &'k str, prefix: &str, suffix: &str) -> Option<&'k str> {
    let name = key.strip_prefix(prefix)?.strip_suffix(suffix)?;
    (!name.is_empty()).then_some(name)
}

fn table<'t>(value: &'t CV, at: &str) -> CargoResult<Vec<(&'t str, &'t CV)>> {
    let (table, _) = value.table(at)?;
    let mut rows: Vec<_> = table.iter().map(|(k, v)| (k.as_str(), v)).collect();
    rows.sort_by_key(|(key, _)| *key);
    Ok(rows)
}

fn string<'v>(value: &'v CV, at: &str) -> CargoResult<&'v str> {
    Ok(value.string(at)?.0)
}

fn level(value: &CV, at: &str) -> CargoResult<Level> {
    string(value, at)?
        .parse()
        .with_context(|| format!("invalid `{at}` in {}", value.definition()))
}

fn unknown<T>(value: &CV, at: &str, key: &str, known: &[&str]) -> CargoResult<T> {
    bail!(
        "unknown setting `{at}.{key}` in {}\n\n\
         help: the settings there are `{}`",
        value.definition(),
        known.join("`, `")
    )
}
