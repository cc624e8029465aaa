//! What holds of the `[signing]` table, and who says so.
//!
//! Cargo's own merge of its configuration files would tell something else: there what lies nearest to the
//! project wins, and here a project's files may only raise what the user asks for.

use std::collections::BTreeMap;

use consign_policy::Effective;

use super::{MAX_KEY_AGE, Place, Policy, ProviderTable, Setting};

/// A setting that holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    /// Its whole name: `signing.unsigned`.
    pub key: String,
    /// What it is set to, as TOML.
    pub value: String,
    /// The place that says so, in words.
    pub origin: String,
}

impl Held {
    fn new(key: &str, value: impl serde::Serialize, origin: Option<&str>) -> Held {
        Held {
            key: format!("signing.{key}"),
            // A string or a list of strings, which are written the same in both.
            value: serde_json::to_string(&value).unwrap_or_default(),
            origin: origin.unwrap_or("the default").to_owned(),
        }
    }

    fn level(key: &str, word: String, set: &Effective) -> Held {
        Held::new(key, word, set.origin.as_deref())
    }
}

impl Policy {
    /// All settings that hold: those that have a default, and those that some place sets.
    pub fn held(&self) -> Vec<Held> {
        let mut held = Vec::new();
        for setting in Setting::ALL {
            let set = match (setting, self.required_by()) {
                (Setting::Unsigned, Some(origin)) => Effective {
                    level: consign_policy::Level::Deny,
                    origin: Some(origin),
                },
                _ => self.general(|place| place.levels.get(&setting).copied()),
            };
            held.push(Held::level(setting.name(), setting.word(set.level), &set));
        }
        for (key, set) in [
            ("git", self.git()),
            ("unsigned-publish", self.unsigned_publish()),
        ] {
            held.push(Held::level(key, set.level.to_string(), &set));
        }
        let age = self.first(|place| place.max_key_age.as_ref());
        let (age, origin) = match age {
            Some((age, origin)) => (*age, Some(origin)),
            None => (MAX_KEY_AGE, None),
        };
        let age = format!("{} seconds", age.as_secs());
        held.push(Held::new("max-key-age", age, origin));
        held.extend(self.users("identity", |place| place.identity.as_ref()));
        held.extend(self.users("key", |place| place.key.as_ref()));
        held.extend(self.users("passphrase-command", |place| {
            place.passphrase_command.as_ref()
        }));
        self.held_of_registries(&mut held);
        self.held_of_providers(&mut held);
        held
    }

    /// What the first of the user's places says, and which that is.
    fn first<'p, T>(&'p self, of: impl Fn(&'p Place) -> Option<&'p T>) -> Option<(&'p T, &'p str)> {
        let mut places = self.user.iter();
        places.find_map(|place| Some((of(place)?, place.origin.as_str())))
    }

    fn users<'p, T: serde::Serialize + 'p>(
        &'p self,
        key: &str,
        of: impl Fn(&'p Place) -> Option<&'p T>,
    ) -> Option<Held> {
        let (value, origin) = self.first(of)?;
        Some(Held::new(key, value, Some(origin)))
    }

    fn held_of_registries(&self, held: &mut Vec<Held>) {
        for (name, named) in &self.named {
            for setting in Setting::ALL {
                let mut places = self.user.iter().chain(&self.project);
                let is_set = places.any(|place| {
                    let registry = place.registries.get(name);
                    registry.is_some_and(|levels| levels.contains_key(&setting))
                });
                let registries = named.any.iter();
                let strictest = registries
                    .map(|registry| self.level(setting, registry))
                    .max_by_key(|set| set.level);
                if let Some(set) = strictest.filter(|_| is_set) {
                    let key = format!("registries.{name}.{}", setting.name());
                    held.push(Held::level(&key, setting.word(set.level), &set));
                }
            }
            let key = format!("registries.{name}.identity");
            held.extend(self.users(&key, |place| place.publishers.get(name)));
            let key = format!("registries.{name}.key");
            held.extend(self.users(&key, |place| place.publishers_keys.get(name)));
        }
    }

    fn held_of_providers(&self, held: &mut Vec<Held>) {
        let mut providers: BTreeMap<&str, (&ProviderTable, &str)> = BTreeMap::new();
        // The first one defines it.
        for place in self.user.iter().chain(&self.project) {
            for (name, table) in &place.identities {
                providers.entry(name).or_insert((table, &place.origin));
            }
        }
        for (name, (table, origin)) in providers {
            for (key, value) in [
                ("kind", &table.kind),
                ("host", &table.host),
                ("keys", &table.keys),
                ("display", &table.display),
                ("client-id", &table.client_id),
            ] {
                if let Some(value) = value {
                    let key = format!("identities.{name}.{key}");
                    held.push(Held::new(&key, value, Some(origin)));
                }
            }
        }
    }
}
