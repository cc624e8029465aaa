//! What the registry does, one function a request. Nothing here knows of HTTP.
//!
//! What a publish goes through, in this order: the request is read; the name must be new or the
//! user's own; the version must be new; the archive must unpack and be that package; the index line
//! is made from the request, with the two signature fields as they were sent; if they claim a
//! signature it must fit that line, that archive and this registry. Only then is anything written.

use std::path::Path;

use consign_statement::index::Entry;
use consign_statement::{Digest, RegistryId, Release, publish};
use semver::Version;
use serde::{Deserialize, Serialize};

use crate::archive::{self, MAX_UNPACKED};
use crate::error::Error;
use crate::line::{InvalidLine, Line, SignatureFields};
use crate::name::{Key, Name};
use crate::package::{About, Package};
use crate::signature;
use crate::store::{Item, Store, StoreError};
use crate::token::{Tokens, User};
use crate::upload::Upload;

/// The most bytes of a version number: it must fit in a file name.
const MAX_VERSION: usize = 200;

/// A registry: what it keeps, and who it is.
#[derive(Debug)]
pub struct Registry {
    store: Store,
    tokens: Tokens,
    identity: RegistryId,
}

/// One result of a search, as the Web API has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Hit {
    /// The package's name.
    pub name: String,
    /// Its highest version that is not yanked, or its highest.
    pub max_version: String,
    /// That version's description.
    pub description: Option<String>,
}

impl Registry {
    /// Opens the registry at `root` for this process alone.
    ///
    /// `identity` is what its index is known by, and what signatures must be made for.
    pub fn open(root: &Path, identity: RegistryId) -> Result<Registry, StoreError> {
        Ok(Registry {
            store: Store::open(root)?,
            tokens: Tokens::at(root),
            identity,
        })
    }

    /// Whose token this is.
    pub fn user(&self, token: &str) -> Result<User, Error> {
        self.tokens.user(token)?.ok_or(Error::UnknownToken)
    }

    /// The index file at this path below the index's root.
    pub fn index(&self, path: &str) -> Result<Vec<u8>, Error> {
        let (_, name) = path.rsplit_once('/').ok_or(Error::NoPage)?;
        let name: Name = name.parse().map_err(|_| Error::NoPage)?;
        if path != name.index_path() {
            return Err(Error::NoPage);
        }
        Package::load_index(&self.store, &name)?.ok_or(Error::NoPackage(name))
    }

    /// The bytes of a version.
    pub fn archive(&self, name: &str, version: &str) -> Result<Vec<u8>, Error> {
        let (name, version) = (name.parse::<Name>()?, parse_version(version)?);
        let package = self.package(&name)?;
        line(&package, &version)?;
        self.bytes(&name.key(), &version)
    }

    /// Takes a new version.
    pub fn publish(&self, user: &User, upload: &Upload<'_>) -> Result<(), Error> {
        let request: publish::Request<'_> = from_json(upload.metadata)?;
        let signature: SignatureFields = from_json(upload.metadata)?;
        let name: Name = request.name.parse()?;
        let version = parse_version(&request.vers)?;

        let writer = self.store.writer(&name.key());
        let mut package = match Package::load(&self.store, &name.key())? {
            None => Package::new(name.clone(), vec![user.clone()]),
            Some(package) if *package.name() != name => {
                return Err(Error::NameTaken {
                    asked: name,
                    existing: package.name().clone(),
                });
            }
            Some(package) => package,
        };
        must_own(user, &package)?;
        if let Some(existing) = package.same_version(&version) {
            return Err(Error::Duplicate {
                name,
                version,
                existing: existing.version().clone(),
            });
        }

        let manifest = archive::check(upload.archive, &name, &version, MAX_UNPACKED)?;
        let entry = Entry::from_request(&request, &Digest::of(upload.archive));
        let line = Line::from_entry(&entry)?.with_signature(&signature)?;
        self.check(&line, upload.archive)?;
        let about = About {
            description: manifest.description,
        };
        Ok(package.add(&writer, line, upload.archive, &about)?)
    }

    /// Attaches a signature to a version that is there: that of its first signer, or one more; one who signed
    /// before signs anew. `fields` is a JSON object with `signature` and `key_locator`.
    ///
    /// Only owners sign here: anybody else could fill the few places that there are.
    pub fn sign(&self, user: &User, name: &str, version: &str, fields: &[u8]) -> Result<(), Error> {
        let (name, version) = (name.parse::<Name>()?, parse_version(version)?);
        let fields: SignatureFields = from_json(fields)?;
        if fields.signature.is_none() || fields.key_locator.is_none() {
            return Err(Error::Malformed(
                "`signature` and `key_locator` are both needed".into(),
            ));
        }
        let writer = self.store.writer(&name.key());
        let mut package = self.package(&name)?;
        must_own(user, &package)?;
        let line = line(&package, &version)?;
        let archive = self.bytes(&name.key(), &version)?;
        let release = Release::from_index(&line.entry()?)?;
        let alone = serde_json::to_vec(&fields).map_err(InvalidLine::from)?;
        signature::check(&alone, &release, &archive, &self.identity)?;
        let line = signature::added(line, &fields)?;
        Ok(package.replace(&writer, line)?)
    }

    /// Yanks a version, or takes that back.
    pub fn set_yanked(
        &self,
        user: &User,
        name: &str,
        version: &str,
        yanked: bool,
    ) -> Result<(), Error> {
        let (name, version) = (name.parse::<Name>()?, parse_version(version)?);
        let writer = self.store.writer(&name.key());
        let mut package = self.package(&name)?;
        must_own(user, &package)?;
        let line = line(&package, &version)?.with_yanked(yanked)?;
        Ok(package.replace(&writer, line)?)
    }

    /// Who owns a package.
    pub fn owners(&self, name: &str) -> Result<Vec<User>, Error> {
        Ok(self.package(&name.parse()?)?.owners().to_vec())
    }

    /// Makes these users owners of a package too.
    pub fn add_owners(&self, user: &User, name: &str, more: &[String]) -> Result<(), Error> {
        let name: Name = name.parse()?;
        let writer = self.store.writer(&name.key());
        let mut package = self.package(&name)?;
        must_own(user, &package)?;
        let mut owners = package.owners().to_vec();
        for new in parse_users(more)? {
            if !self.tokens.knows(&new)? {
                return Err(Error::UnknownUser(new));
            }
            if !owners.contains(&new) {
                owners.push(new);
            }
        }
        Ok(package.set_owners(&writer, owners)?)
    }

    /// Takes these users from the owners of a package.
    pub fn remove_owners(&self, user: &User, name: &str, fewer: &[String]) -> Result<(), Error> {
        let name: Name = name.parse()?;
        let writer = self.store.writer(&name.key());
        let mut package = self.package(&name)?;
        must_own(user, &package)?;
        let mut owners = package.owners().to_vec();
        for user in parse_users(fewer)? {
            let Some(at) = owners.iter().position(|owner| *owner == user) else {
                return Err(Error::NoSuchOwner { user, name });
            };
            owners.remove(at);
        }
        if owners.is_empty() {
            return Err(Error::LastOwner(name));
        }
        Ok(package.set_owners(&writer, owners)?)
    }

    /// The packages whose name or description has `query` in it, case and `-` against `_` aside:
    /// the one of that very name first, then by name. Gives the first `limit`, and how many there
    /// are.
    pub fn search(&self, query: &str, limit: usize) -> Result<(Vec<Hit>, usize), Error> {
        let fold = |text: &str| text.to_lowercase().replace('-', "_");
        let query = fold(query);
        let mut hits = Vec::new();
        for key in self.store.keys()? {
            let Some(package) = Package::load(&self.store, &key)? else {
                continue;
            };
            let Some(newest) = package.newest() else {
                continue;
            };
            let description = self.about(&key, newest.version())?.description;
            let in_description = || description.as_deref().map(fold).unwrap_or_default();
            if key.as_str().contains(&query) || in_description().contains(&query) {
                let hit = Hit {
                    name: package.name().to_string(),
                    max_version: newest.version().to_string(),
                    description,
                };
                hits.push((key.as_str() != query, hit));
            }
        }
        // A stable sort: those that are left stay in the order of their names.
        hits.sort_by_key(|(not_the_very_name, _)| *not_the_very_name);
        let total = hits.len();
        Ok((
            hits.into_iter().take(limit).map(|(_, hit)| hit).collect(),
            total,
        ))
    }

    /// Checks a line that is about to be stored, as those who will fetch it would.
    fn check(&self, line: &Line, archive: &[u8]) -> Result<(), Error> {
        let release = Release::from_index(&line.entry()?)?;
        let line = line.as_str().as_bytes();
        Ok(signature::check(line, &release, archive, &self.identity)?)
    }

    fn package(&self, name: &Name) -> Result<Package, Error> {
        let package = Package::load(&self.store, &name.key())?;
        package.ok_or_else(|| Error::NoPackage(name.clone()))
    }

    fn bytes(&self, key: &Key, version: &Version) -> Result<Vec<u8>, Error> {
        let item = Item::Archive(version);
        let bytes = self.store.read(key, item)?;
        Ok(bytes.ok_or_else(|| self.store.damaged(key, item, "it is missing"))?)
    }

    fn about(&self, key: &Key, version: &Version) -> Result<About, Error> {
        let item = Item::About(version);
        let Some(bytes) = self.store.read(key, item)? else {
            return Ok(About::default());
        };
        Ok(serde_json::from_slice(&bytes).map_err(|e| self.store.damaged(key, item, e))?)
    }
}

fn must_own(user: &User, package: &Package) -> Result<(), Error> {
    if package.owners().contains(user) {
        return Ok(());
    }
    Err(Error::NotOwner {
        user: user.clone(),
        name: package.name().clone(),
    })
}

fn line<'a>(package: &'a Package, version: &Version) -> Result<&'a Line, Error> {
    package.line(version).ok_or_else(|| Error::NoVersion {
        name: package.name().clone(),
        version: version.clone(),
    })
}

fn from_json<'a, T: Deserialize<'a>>(json: &'a [u8]) -> Result<T, Error> {
    serde_json::from_slice(json).map_err(|e| Error::Malformed(e.to_string()))
}

fn parse_version(text: &str) -> Result<Version, Error> {
    let wrong = |reason: String| Error::Version {
        version: text.chars().take(MAX_VERSION).collect(),
        reason,
    };
    if text.len() > MAX_VERSION {
        return Err(wrong(format!("it is longer than {MAX_VERSION} characters")));
    }
    text.parse()
        .map_err(|e: semver::Error| wrong(e.to_string()))
}

fn parse_users(users: &[String]) -> Result<Vec<User>, Error> {
    Ok(users
        .iter()
        .map(|user| user.parse())
        .collect::<Result<_, _>>()?)
}
