//! What one place says in its `[signing]` table: a file, the environment, or the command line.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, bail};
use consign_identity::provider::Definition;
use consign_policy::{InvalidLevel, Level};

use crate::core::gc::parse_time_span;
use crate::signing::keys::environment::{SECRET_KEY, SECRET_KEY_PASSPHRASE};
use crate::util::context::{ConfigValue as CV, Definition as Source};
use crate::{CargoResult, GlobalContext};

/// A setting that has a level, for all registries or for one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Setting {
    /// `unsigned`
    Unsigned,
    /// `new-signer`
    NewSigner,
    /// `new-key`
    NewKey,
}

impl Setting {
    /// All there are.
    pub const ALL: [Setting; 3] = [Setting::Unsigned, Setting::NewSigner, Setting::NewKey];

    /// Its key.
    pub fn name(self) -> &'static str {
        match self {
            Setting::Unsigned => "unsigned",
            Setting::NewSigner => "new-signer",
            Setting::NewKey => "new-key",
        }
    }

    fn of(name: &str) -> Option<Setting> {
        let mut all = Setting::ALL.into_iter();
        all.find(|setting| setting.name() == name)
    }

    /// Reads its level.
    fn level(self, text: &str) -> Result<Level, InvalidLevel> {
        match self {
            Setting::Unsigned => text.parse(),
            Setting::NewSigner | Setting::NewKey => Level::of_what_is_new(text),
        }
    }

    /// The word for a level of it.
    pub fn word(self, level: Level) -> String {
        match (self, level) {
            (Setting::NewSigner | Setting::NewKey, Level::Allow) => "record".to_owned(),
            _ => level.to_string(),
        }
    }
}

/// What one place says.
#[derive(Debug, Default)]
pub(super) struct Place {
    pub(super) origin: String,
    /// `--require-signatures`: over all else.
    pub(super) require: bool,
    pub(super) levels: BTreeMap<Setting, Level>,
    pub(super) registries: BTreeMap<String, BTreeMap<Setting, Level>>,
    pub(super) git: Option<Level>,
    pub(super) unsigned_publish: Option<Level>,
    pub(super) identity: Option<String>,
    /// Who publishes to the registries of these names.
    pub(super) publishers: BTreeMap<String, String>,
    /// With which keys.
    pub(super) publishers_keys: BTreeMap<String, String>,
    pub(super) key: Option<String>,
    pub(super) passphrase_command: Option<Vec<String>>,
    pub(super) max_key_age: Option<Duration>,
    pub(super) identities: BTreeMap<String, ProviderTable>,
}

/// One `[signing.identities.NAME]`.
#[derive(Debug, Default)]
pub(super) struct ProviderTable {
    pub(super) kind: Option<String>,
    pub(super) host: Option<String>,
    pub(super) keys: Option<String>,
    pub(super) display: Option<String>,
    pub(super) client_id: Option<String>,
}

impl Place {
    /// Reads a `[signing]` table. `file` is the file that it is in.
    pub(super) fn read(signing: &CV, file: &Path) -> CargoResult<Place> {
        let origin = match signing.definition() {
            Source::Cli(None) => "the command line".to_owned(),
            other => format!("`{other}`"),
        };
        let mut place = Place {
            origin,
            ..Place::default()
        };
        for (key, value) in table(signing, "signing")? {
            if let Some(setting) = Setting::of(key) {
                let level = level_of(setting, value, &format!("signing.{key}"))?;
                place.levels.insert(setting, level);
                continue;
            }
            match key {
                "require-signatures" => {
                    place.require = value.boolean("signing.require-signatures")?.0;
                    if place.require && matches!(value.definition(), Source::Cli(None)) {
                        place.origin = "`--require-signatures`".to_owned();
                    }
                }
                "git" => place.git = Some(level(value, "signing.git")?),
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
                "max-key-age" => {
                    let name = "signing.max-key-age";
                    let age = time_span(string(value, name)?)
                        .with_context(|| format!("invalid `{name}` in {}", value.definition()))?;
                    place.max_key_age = Some(age);
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
                            if let Some(setting) = Setting::of(key) {
                                let level = level_of(setting, value, &format!("{at}.{key}"))?;
                                let levels = place.registries.entry(name.to_owned());
                                levels.or_default().insert(setting, level);
                                continue;
                            }
                            match key {
                                "identity" => {
                                    let identity = string(value, &format!("{at}.identity"))?;
                                    place
                                        .publishers
                                        .insert(name.to_owned(), identity.to_owned());
                                }
                                "key" => {
                                    let tail = string(value, &format!("{at}.key"))?;
                                    place
                                        .publishers_keys
                                        .insert(name.to_owned(), tail.to_owned());
                                }
                                _ => {
                                    let known =
                                        ["unsigned", "new-signer", "new-key", "identity", "key"];
                                    return unknown(value, &at, key, &known);
                                }
                            }
                        }
                    }
                }
                _ => {
                    let known = [
                        "unsigned",
                        "new-signer",
                        "new-key",
                        "git",
                        "unsigned-publish",
                        "identity",
                        "key",
                        "passphrase-command",
                        "max-key-age",
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
            let level_of = |setting: Setting| {
                let level = setting.level(value);
                level.with_context(|| format!("invalid environment variable `{name}`"))
            };
            let variable =
                |setting: &Setting| setting.name().to_ascii_uppercase().replace('-', "_");
            let general = Setting::ALL.into_iter().find(|s| variable(s) == key);
            let of_registry = Setting::ALL.into_iter().find_map(|setting| {
                let suffix = format!("_{}", variable(&setting));
                Some((setting, strip(key, "REGISTRIES_", &suffix)?))
            });
            if let Some(setting) = general {
                place.levels.insert(setting, level_of(setting)?);
            } else if key == "GIT" {
                place.git = Some(as_level()?);
            } else if key == "REQUIRE_SIGNATURES" {
                place.require = value
                    .parse()
                    .with_context(|| format!("invalid environment variable `{name}`"))?;
            } else if key == "UNSIGNED_PUBLISH" {
                place.unsigned_publish = Some(as_level()?);
            } else if key == "IDENTITY" {
                place.identity = Some(value.to_owned());
            } else if key == "MAX_KEY_AGE" {
                let age = time_span(value)
                    .with_context(|| format!("invalid environment variable `{name}`"))?;
                place.max_key_age = Some(age);
            } else if key == "PASSPHRASE_COMMAND" {
                let words = value.split_whitespace().map(str::to_owned);
                place.passphrase_command = Some(words.collect());
            } else if let Some(registry) = strip(key, "REGISTRIES_", "_IDENTITY") {
                place.publishers.insert(lower(registry), value.to_owned());
            } else if let Some((setting, registry)) = of_registry {
                let levels = place.registries.entry(lower(registry)).or_default();
                levels.insert(setting, level_of(setting)?);
            } else if let Some((provider, setting)) = PROVIDER_SETTINGS.iter().find_map(|name| {
                let suffix = format!("_{}", name.to_ascii_uppercase().replace('-', "_"));
                Some((strip(key, "IDENTITIES_", &suffix)?, name))
            }) {
                let provider = place.identities.entry(lower(provider)).or_default();
                provider.set(setting, value.to_owned());
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
        let of_registry =
            |setting: &'static str| move |name: &String| format!("registries.{name}.{setting}");
        let of_provider = |(name, provider): (&String, &ProviderTable)| {
            let setting = format!("identities.{name}.client-id");
            provider.client_id.as_ref().map(|_| setting)
        };
        let general = [
            ("identity", self.identity.is_some()),
            ("key", self.key.is_some()),
            ("passphrase-command", self.passphrase_command.is_some()),
        ];
        let general = general.into_iter().filter(|(_, there)| *there);
        general
            .map(|(setting, _)| setting.to_owned())
            .chain(self.publishers.keys().map(of_registry("identity")))
            .chain(self.publishers_keys.keys().map(of_registry("key")))
            .chain(self.identities.iter().filter_map(of_provider))
            .collect()
    }
}

/// The settings of `[signing.identities.NAME]`.
const PROVIDER_SETTINGS: [&str; 5] = ["kind", "host", "keys", "display", "client-id"];

impl ProviderTable {
    fn read(value: &CV, at: &str, file: &Path) -> CargoResult<ProviderTable> {
        let mut provider = ProviderTable::default();
        for (key, value) in table(value, at)? {
            if !PROVIDER_SETTINGS.contains(&key) {
                return unknown(value, at, key, &PROVIDER_SETTINGS);
            }
            let text = string(value, &format!("{at}.{key}"))?;
            provider.set(
                key,
                match key {
                    "keys" => absolute(text, file),
                    _ => text.to_owned(),
                },
            );
        }
        Ok(provider)
    }

    /// Sets one of [`PROVIDER_SETTINGS`].
    fn set(&mut self, setting: &str, value: String) {
        let place = match setting {
            "kind" => &mut self.kind,
            "host" => &mut self.host,
            "keys" => &mut self.keys,
            "client-id" => &mut self.client_id,
            _ => &mut self.display,
        };
        *place = Some(value);
    }

    /// Whether it says nothing of where the keys are, and leaves what is built in as it is.
    pub(super) fn defines_nothing(&self) -> bool {
        self.client_id.is_some() && self.definition() == Definition::default()
    }

    pub(super) fn definition(&self) -> Definition<'_> {
        Definition {
            kind: self.kind.as_deref(),
            host: self.host.as_deref(),
            keys: self.keys.as_deref(),
            display: self.display.as_deref(),
        }
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

/// A time span as cargo's configuration has them, such as `7 days`. Cargo's own reader does not look
/// whether what it multiplies overflows: a number of so many digits is none that anybody means.
fn time_span(text: &str) -> CargoResult<Duration> {
    const MAX_DIGITS: usize = 9;
    if text.bytes().take_while(u8::is_ascii_digit).count() > MAX_DIGITS {
        bail!("{text:?} is a number of more than {MAX_DIGITS} digits");
    }
    parse_time_span(text)
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

fn level_of(setting: Setting, value: &CV, at: &str) -> CargoResult<Level> {
    setting
        .level(string(value, at)?)
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
