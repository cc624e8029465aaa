//! The `[signing]` table.
//!
//! Cargo merges the values of all its configuration files, and what lies nearest to the project
//! wins. For settings that protect the user that is the wrong way round: a project comes from
//! somewhere else. So the table is read from each place by itself. The user's own places are the
//! command line, the environment and `$CARGO_HOME/config.toml`, in this order; files of the project
//! may ask for more, name providers that nobody has defined yet, and nothing else. So may an alias, which
//! could be a project's.
//!
//! ```toml
//! [signing]
//! unsigned = "allow"               # "allow", "warn" or "deny": a release without a signature
//! new-signer = "record"            # "record", "warn" or "deny": a signer not seen before of a package
//! new-key = "record"               # "record", "warn" or "deny": a key not seen before of a signer
//! git = "allow"                    # "allow", "warn" or "deny": git dependencies, which nobody signs for
//! unsigned-publish = "allow"       # "allow" or "deny": publishing without a key
//! identity = "github:octocat"      # who publishes from here
//! key = "06408AA8"                 # with which key: the end of its fingerprint
//! passphrase-command = ["pass", "show", "signing"]  # what prints the key's passphrase
//! max-key-age = "7 days"           # how old what a provider said may be when resolving anew
//!
//! [signing.identities.corp]        # a provider of one's own: a forge, or where its keys are (`keys`)
//! kind = "gitlab"
//! host = "https://git.corp.example"
//! display = "Corp user @{user}"
//! client-id = "Iv1.0123456789abcdef"  # for logging in there to publish a key
//!
//! [signing.registries.corp]        # per registry; crates.io as `crates-io`
//! unsigned = "deny"                # and new-signer, new-key
//! identity = "corp:mona"           # who publishes there
//! key = "9C0B3F21"                 # and with which key
//! ```
//!
//! A key that is not known is an error: a misspelt setting would protect nobody.

mod place;
mod tell;

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use anyhow::{Context as _, bail};
use consign_identity::Identity;
use consign_identity::provider::Providers;
use consign_policy::{Effective, Layer, Level, effective};
use consign_statement::RegistryId;

pub use self::place::Setting;
use self::place::{Place, ProviderTable};
pub use self::tell::Held;
use crate::sources::CRATES_IO_REGISTRY;
use crate::util::context::{ConfigValue as CV, Definition};
use crate::{CargoResult, GlobalContext};

/// How old a remembered answer may be when the resolver is at work, where nothing else is configured.
const MAX_KEY_AGE: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// What the `[signing]` tables of all places come to.
#[derive(Debug)]
pub struct Policy {
    /// Whether `--require-signatures` was given. Not one of the places: an alias of a project's is part
    /// of the command line, and may hold a `--config` argument that says otherwise.
    flag: bool,
    user: Vec<Place>,
    project: Vec<Place>,
    /// What each name in `[signing.registries]` stands for.
    named: BTreeMap<String, Named>,
    providers: Providers,
}

/// The registries that a name stands for.
#[derive(Debug, Default)]
struct Named {
    /// By the user's own configuration.
    user: Vec<RegistryId>,
    /// By any.
    any: Vec<RegistryId>,
}

impl Policy {
    pub(super) fn read(gctx: &GlobalContext) -> CargoResult<Policy> {
        let home = gctx.home().as_path_unlocked();
        let mut home_files = Vec::new();
        let mut project = Vec::new();
        // From the innermost folder outwards, and `$CARGO_HOME` last.
        for file in gctx.load_values_unmerged()? {
            let CV::Table(mut table, Definition::Path(path)) = file else {
                continue;
            };
            let Some(signing) = table.remove("signing") else {
                continue;
            };
            let place = Place::read(&signing, &path)?;
            match path.parent() == Some(home) {
                true => home_files.push(place),
                false => project.push(place),
            }
        }
        let (typed, alias) = gctx.signing.arguments(gctx)?;
        let cli = arguments(gctx, typed)?.unwrap_or_default();
        // The alias may be a project's.
        if let Some(alias) = alias
            .map(|alias| arguments(gctx, alias))
            .transpose()?
            .flatten()
        {
            let origin = "an alias".to_owned();
            project.push(Place { origin, ..alias });
        }
        let mut user = vec![cli, Place::read_env(gctx)?];
        user.append(&mut home_files);

        for place in &project {
            let publishers = place.publishers_own().into_iter();
            let publishers = publishers.map(|setting| (setting, "who publishes"));
            let age = place.max_key_age.map(|_| "max-key-age".to_owned());
            let age = age.map(|setting| (setting, "when a provider is asked again"));
            for (setting, what) in publishers.chain(age) {
                gctx.shell().warn(format!(
                    "`signing.{setting}` in {} is ignored: {what} is not for a project to say\n\
                     help: set it in `{}`",
                    place.origin,
                    gctx.diagnostic_home_config()
                ))?;
            }
        }
        let mut policy = Policy {
            flag: gctx.signing.is_flag_given(),
            providers: providers(&user, &project)?,
            named: BTreeMap::new(),
            user,
            project,
        };
        policy.named = policy.name_registries(gctx)?;
        Ok(policy)
    }

    /// The place that requires signatures of every registry, over all else.
    fn required_by(&self) -> Option<String> {
        if self.flag {
            return Some("`--require-signatures`".to_owned());
        }
        let mut places = self.user.iter().chain(&self.project);
        let place = places.find(|place| place.require)?;
        Some(place.origin.clone())
    }

    /// Whether signatures are required of every registry.
    pub fn requires_signatures(&self) -> bool {
        self.required_by().is_some()
    }

    /// The level of a setting for what comes from `registry`, and which place says so.
    pub fn level(&self, setting: Setting, registry: &RegistryId) -> Effective {
        if let (Setting::Unsigned, Some(origin)) = (setting, self.required_by()) {
            return Effective {
                level: Level::Deny,
                origin: Some(origin),
            };
        }
        let layer = |place: &Place, general, is_named: &dyn Fn(&Named) -> bool| {
            let named = place.registries.iter();
            let named = named.filter(|(name, _)| self.named.get(*name).is_some_and(is_named));
            Layer {
                origin: place.origin.clone(),
                general,
                registry: named
                    .filter_map(|(_, levels)| levels.get(&setting).copied())
                    .collect(),
            }
        };
        let general = |place: &Place| place.levels.get(&setting).copied();
        // A project may give a name of the user's to another registry. What the user says of the
        // name holds for the registry that it is the user's name of, and may raise what holds for
        // the other.
        let is_users = |named: &Named| named.user.contains(registry);
        let user = self.user.iter();
        let user: Vec<Layer> = user
            .map(|place| layer(place, general(place), &is_users))
            .collect();
        let stands_for = |named: &Named| named.any.contains(registry);
        let given_to = |named: &Named| stands_for(named) && !named.user.contains(registry);
        let raised = self.user.iter().map(|place| layer(place, None, &given_to));
        let project = self.project.iter();
        let project = project.map(|place| layer(place, general(place), &stands_for));
        let project: Vec<Layer> = raised.chain(project).collect();
        effective(&user, &project)
    }

    /// How git dependencies are treated, which nobody signs for, and which place says so.
    pub(super) fn git(&self) -> Effective {
        self.general(|place| place.git)
    }

    /// Whether publishing without a key is forbidden, and which place says so.
    pub(super) fn unsigned_publish(&self) -> Effective {
        self.general(|place| place.unsigned_publish)
    }

    /// The level of a setting that knows no registries.
    fn general(&self, of: impl Fn(&Place) -> Option<Level>) -> Effective {
        let layers = |places: &[Place]| -> Vec<Layer> {
            let layer = |place: &Place| Layer {
                origin: place.origin.clone(),
                general: of(place),
                ..Layer::default()
            };
            places.iter().map(layer).collect()
        };
        effective(&layers(&self.user), &layers(&self.project))
    }

    /// Who publishes to `registry` from here, where it is configured: by the first place that says
    /// so, of the registry or else of all.
    pub(super) fn identity(&self, registry: Option<&RegistryId>) -> CargoResult<Option<Identity>> {
        let found = self.publishers(
            "identity",
            registry,
            |place| &place.publishers,
            |place| place.identity.as_deref(),
        )?;
        let parsed = found.map(|(setting, place, text)| {
            let context = || format!("invalid `{setting}` in {}", place.origin);
            text.parse().with_context(context)
        });
        parsed.transpose()
    }

    /// The setting that says which key signs what is published to `registry`, and what it says: the
    /// fingerprint, or its end.
    pub(super) fn key(&self, registry: Option<&RegistryId>) -> CargoResult<Option<(String, &str)>> {
        let found = self.publishers(
            "key",
            registry,
            |place| &place.publishers_keys,
            |place| place.key.as_deref(),
        )?;
        Ok(found.map(|(setting, _, text)| (setting, text)))
    }

    /// What the first place says that says anything of a setting: of `registry`, or else of all.
    fn publishers<'p>(
        &'p self,
        name: &str,
        registry: Option<&RegistryId>,
        by_registry: impl Fn(&'p Place) -> &'p BTreeMap<String, String>,
        of_all: impl Fn(&'p Place) -> Option<&'p str>,
    ) -> CargoResult<Option<(String, &'p Place, &'p str)>> {
        for place in &self.user {
            let mut named = by_registry(place).iter().filter(|(name, _)| {
                let named = self.named.get(*name);
                named.is_some_and(|n| registry.is_some_and(|registry| n.user.contains(registry)))
            });
            match (named.next(), named.next(), of_all(place)) {
                (Some((one, first)), Some((other, second)), _) if first != second => bail!(
                    "`signing.registries.{one}.{name}` and `signing.registries.{other}.{name}` \
                     in {} differ, and `{one}` and `{other}` are the same registry",
                    place.origin
                ),
                (Some((registry, text)), _, _) => {
                    let setting = format!("signing.registries.{registry}.{name}");
                    return Ok(Some((setting, place, text)));
                }
                (None, _, Some(text)) => {
                    return Ok(Some((format!("signing.{name}"), place, text)));
                }
                (None, _, None) => {}
            }
        }
        Ok(None)
    }

    /// The program that prints the passphrase of a key, with its arguments.
    pub(super) fn passphrase_command(&self) -> Option<&[String]> {
        let mut places = self.user.iter();
        places.find_map(|place| place.passphrase_command.as_deref())
    }

    /// By which name Consign is known to the provider `name`, for logging in there.
    pub(super) fn client_id(&self, name: &str) -> Option<&str> {
        let mut places = self.user.iter();
        places.find_map(|place| place.identities.get(name)?.client_id.as_deref())
    }

    /// How old a remembered answer may be when the resolver is at work.
    pub(super) fn max_key_age(&self) -> Duration {
        let configured = self.user.iter().find_map(|place| place.max_key_age);
        configured.unwrap_or(MAX_KEY_AGE)
    }

    /// Everybody who may be asked for keys.
    pub fn providers(&self) -> &Providers {
        &self.providers
    }

    /// How messages call an identity: `GitHub user @octocat`.
    pub fn display(&self, identity: &Identity) -> String {
        match self.providers.get(identity.provider()) {
            Some(provider) => provider.display(identity.user()),
            None => identity.to_string(),
        }
    }

    fn name_registries(&self, gctx: &GlobalContext) -> CargoResult<BTreeMap<String, Named>> {
        let places = self.user.iter().chain(&self.project);
        let names = places.flat_map(|place| {
            let names = place.registries.keys().chain(place.publishers.keys());
            let names = names.chain(place.publishers_keys.keys());
            names.map(move |name| (place, name))
        });
        let names: BTreeMap<&String, &Place> = names.map(|(place, name)| (name, place)).collect();
        let mut named = BTreeMap::new();
        if names.is_empty() {
            return Ok(named);
        }
        let own = gctx.signing.outside_projects(gctx)?;
        let files = gctx.load_values_unmerged()?;
        for (name, place) in names {
            if name == CRATES_IO_REGISTRY {
                let ids = vec![RegistryId::crates_io()];
                let both = Named {
                    user: ids.clone(),
                    any: ids,
                };
                named.insert(name.clone(), both);
                continue;
            }
            let user = index(&own, name)?;
            let mut any: Vec<_> = user.iter().cloned().chain(index(gctx, name)?).collect();
            for index in files.iter().filter_map(|file| registry_index(file, name)) {
                any.push(RegistryId::from_index_url(index)?);
            }
            if any.is_empty() {
                // Some other project may know it; but the name may also be misspelt.
                gctx.shell().warn(format!(
                    "`signing.registries.{name}` in {} is for a registry that is not configured here",
                    place.origin
                ))?;
            }
            let user = user.into_iter().collect();
            named.insert(name.clone(), Named { user, any });
        }
        Ok(named)
    }
}

/// What `--config` arguments say of signing, if they do.
fn arguments(gctx: &GlobalContext, table: CV) -> CargoResult<Option<Place>> {
    let CV::Table(mut table, _) = table else {
        bail!("the `--config` arguments are not a table");
    };
    let signing = table.remove("signing");
    let place = signing.map(|signing| Place::read(&signing, gctx.cwd()));
    place.transpose()
}

/// The registry that a context knows by this name.
fn index(gctx: &GlobalContext, name: &str) -> CargoResult<Option<RegistryId>> {
    let configured = gctx.get::<Option<String>>(&format!("registries.{name}.index"))?;
    if configured.is_none() {
        return Ok(None);
    }
    let url = gctx.get_registry_index(name)?;
    Ok(Some(RegistryId::from_index_url(url.as_str())?))
}

/// `registries.NAME.index` in one file.
fn registry_index<'f>(file: &'f CV, name: &str) -> Option<&'f str> {
    let table = |value: &'f CV, key: &str| match value {
        CV::Table(table, _) => table.get(key),
        _ => None,
    };
    match table(table(table(file, "registries")?, name)?, "index")? {
        CV::String(index, _) => Some(index),
        _ => None,
    }
}

fn providers(user: &[Place], project: &[Place]) -> CargoResult<Providers> {
    let mut providers = Providers::presets();
    let mut define = |place: &Place, name: &str, table: &ProviderTable| {
        if table.defines_nothing() && providers.get(name).is_some() {
            return Ok(());
        }
        let context = || format!("invalid `signing.identities.{name}` in {}", place.origin);
        providers
            .define_as(name, &table.definition())
            .with_context(context)
    };
    // The lowest rank first, so that a higher one replaces it.
    for place in user.iter().rev() {
        for (name, table) in &place.identities {
            define(place, name, table)?;
        }
    }
    let mut known: HashMap<&str, &str> = HashMap::new();
    let presets = Providers::presets();
    known.extend(presets.names().map(|name| (name, "Consign itself")));
    for place in user {
        known.extend(
            place
                .identities
                .keys()
                .map(|n| (n.as_str(), place.origin.as_str())),
        );
    }
    for place in project {
        for (name, table) in &place.identities {
            if table.display.is_some() {
                bail!(
                    "`signing.identities.{name}.display` in {}: how users are called in messages is \
                     not for a project to say\n\n\
                     help: leave it out; they are called by their identity, `{name}:USER`",
                    place.origin
                );
            }
            if let Some(by) = known.insert(name, &place.origin) {
                bail!(
                    "`signing.identities.{name}` in {} would replace the one that is defined by {by}\n\n\
                     help: a project can add an identity provider, but not redefine one; give it another name",
                    place.origin
                );
            }
            define(place, name, table)?;
        }
    }
    Ok(providers)
}
