//! Signs a release that is out already.
//!
//! [`Released::fetch`] gets the index line and the archive from the registry itself, whatever stands in for
//! it here. What a user is shown of them ([`Released::words`], [`Released::compare`]) is read from the very
//! bytes that [`Released::sign`] then makes a statement of: the line as it is in the index, since that is what
//! everybody checks the signature against, and the archive as it was when it was read.
//!
//! Where it goes ([`Released::send`]) is a page that few registries have:
//! `PUT api/v1/crates/NAME/VERSION/signature`, as `docs/registries.md` tells it.

mod changes;

use std::collections::{BTreeMap, HashSet};
use std::fs;
use std::path::PathBuf;

use anyhow::{Context as _, bail};
use cargo_credential::Operation;
use consign_statement::tree;
use consign_statement::{
    Digest, Locator, RegistryId, Release, SignedFields, Signer as _, cosignatures, index,
};
use curl::easy::List;
use semver::Version;
use serde::Deserialize;

use super::carried::{Doing, look_at, summary_of};
use super::context::registry_id;
use super::entry::{SharedEntry, keep_all_lines};
use super::inspect::unpacked_limit;
use super::keys::{self, Signer};
use super::report;
use super::sources::config;
use super::verify::cache_name;
use crate::core::package::PackageSet;
use crate::core::resolver::CliFeatures;
use crate::core::{PackageId, Workspace};
use crate::ops::registry::{RegistrySourceIds, get_source_id};
use crate::ops::{self, PackageMessageFormat, PackageOpts, Packages, RegistryOrIndex};
use crate::sources::SourceConfigMap;
use crate::sources::source::SourceMap;
use crate::util::auth;
use crate::util::cache_lock::CacheLockMode;
use crate::util::network::http::http_handle;
use crate::{CargoResult, GlobalContext};

pub use self::changes::Change;

/// The most bytes of an answer that are read.
const MAX_ANSWER: usize = 1 << 16;

/// A release as it is in its registry, and who will sign it.
pub struct Released {
    id: PackageId,
    sources: RegistrySourceIds,
    registry: RegistryId,
    entry: SharedEntry,
    release: Release,
    /// The files of the archive.
    files: BTreeMap<String, Vec<u8>>,
    tree: Digest,
    signer: Signer,
}

impl Released {
    /// Fetches version `version` of the package `name`, and finds the key that would sign it.
    pub fn fetch(
        gctx: &GlobalContext,
        registry: Option<&RegistryOrIndex>,
        name: &str,
        version: &Version,
    ) -> CargoResult<Released> {
        let sources = get_source_id(gctx, registry)?;
        let registry = registry_id(sources.original)?;
        let Some(signer) = keys::signer(gctx, Some(&registry))? else {
            bail!(
                "there is no signing key\n\n\
                 help: make one with `cargo key new --sign-as github:USER`"
            );
        };
        let id = PackageId::new(name.into(), version.clone(), sources.original);
        let (entry, path, packed) = fetched(gctx, id)?;

        // Everything from here on is of these bytes.
        let release = Release::from_index(entry.entry())
            .with_context(|| format!("the index entry of `{id}` cannot be signed"))?;
        let found = Digest::of(&packed);
        if release.cksum() != Some(&found) {
            bail!(
                "the archive of `{id}` has the checksum {found}, and its index entry names {}\n\n\
                 help: the file in the cache was changed; remove `{}`, and it is downloaded again",
                entry.entry().cksum.escape_debug(),
                path.display()
            );
        }
        let limit = unpacked_limit(packed.len() as u64);
        let vers = version.to_string();
        let tree = tree::of_crate(&packed[..], name, &vers, limit)
            .context("the package holds something that cannot be signed")?;
        let files = changes::files(&packed, name, &vers, limit)?;
        Ok(Released {
            id,
            sources,
            registry,
            entry,
            release,
            files,
            tree,
            signer,
        })
    }

    /// What is called by name in messages: `foo v1.0.0`.
    pub fn package(&self) -> String {
        format!("{} v{}", self.id.name(), self.id.version())
    }

    /// Who will sign.
    pub fn signer(&self, gctx: &GlobalContext) -> CargoResult<String> {
        Ok(gctx.signing.policy(gctx)?.display(&self.signer.identity))
    }

    /// What would be signed, a line each.
    pub fn words(&self) -> Vec<String> {
        let entry = self.entry.entry();
        let mut lines = vec![
            format!("{}, for the registry {}", self.package(), self.registry),
            format!("checksum: {}", entry.cksum),
        ];
        let one = |name: &str, value: &Option<_>| {
            let value = value.as_deref()?;
            Some(format!("{name}: {}", str::escape_debug(value)))
        };
        lines.extend(one("links", &entry.links));
        lines.extend(one("rust-version", &entry.rust_version));
        let signers = cosignatures::signers(self.entry.line(), &self.release, &self.registry);
        for signer in signers {
            let locator = signer.locator();
            lines.push(format!(
                "signed already: as {}:{}, whose keys were not asked for",
                locator.provider(),
                locator.user()
            ));
        }
        lines.extend(section("dependencies", entry.deps.iter().map(dependency)));
        let features = entry.features.iter();
        let features = features.chain(entry.features2.iter().flatten());
        lines.extend(section(
            "features",
            features.map(|(name, values)| format!("{} = {values:?}", name.escape_debug())),
        ));
        let size = |(path, content): (&String, &Vec<u8>)| {
            format!("{:>9}  {}", content.len(), path.escape_debug())
        };
        lines.extend(section("files", self.files.iter().map(size)));
        lines
    }

    /// In what the files differ from those of the package in `ws`, packaged as `cargo package` would; `None`
    /// where the package is not in this workspace.
    pub fn compare(&self, ws: &Workspace<'_>) -> CargoResult<Option<Vec<Change>>> {
        let of_name = |package: &&crate::core::Package| package.name() == self.id.name();
        let Some(package) = ws.members().find(of_name) else {
            return Ok(None);
        };
        let gctx = ws.gctx();
        if package.version() != self.id.version() {
            gctx.shell().note(format!(
                "`{}` is of version {}: what would be signed is not compared with it",
                package.root().display(),
                package.version()
            ))?;
            return Ok(None);
        }
        let options = PackageOpts {
            gctx,
            list: false,
            fmt: PackageMessageFormat::Human,
            check_metadata: false,
            allow_dirty: true,
            include_lockfile: true,
            verify: false,
            jobs: None,
            keep_going: false,
            to_package: Packages::Packages(vec![package.name().to_string()]),
            targets: Vec::new(),
            cli_features: CliFeatures::new_all(true),
            reg_or_index: None,
            dry_run: false,
        };
        let packaged = ops::package(ws, &options).with_context(|| {
            format!(
                "failed to package `{}`, to compare it",
                package.root().display()
            )
        })?;
        let archive = packaged.first().context("nothing was packaged")?;
        let packed = fs::read(archive.path())?;
        let limit = unpacked_limit(packed.len() as u64);
        let (name, vers) = (self.id.name(), self.id.version().to_string());
        let here = changes::files(&packed, &name, &vers, limit)?;
        Ok(Some(changes::between(&here, &self.files)))
    }

    /// Signs it.
    pub fn sign(&self, gctx: &GlobalContext) -> CargoResult<SignedFields> {
        let signer = &self.signer;
        let locator = Locator::new(
            signer.identity.provider(),
            signer.identity.user(),
            signer.account,
            signer.key.public_key(),
        )?;
        let time = gctx.signing.signing_time(gctx, signer)?;
        let (release, registry, tree) = (&self.release, &self.registry, &self.tree);
        let fields = consign_statement::sign(release, registry, tree, locator, time, &signer.key)
            .with_context(|| format!("failed to sign `{}`", self.package()))?;
        // The way everyone else will check it.
        consign_statement::verify(release, registry, &fields)?;
        Ok(fields)
    }

    /// Sends a signature to the registry.
    pub fn send(&self, gctx: &GlobalContext, fields: &SignedFields) -> CargoResult<()> {
        let original = &self.sources.original;
        let named = original.to_string();
        let Some(api) = api(gctx, &self.sources)? else {
            bail!(report::takes_no_signatures(&named));
        };
        let (name, vers) = (self.id.name(), self.id.version().to_string());
        let cksum = &self.entry.entry().cksum;
        let operation = Operation::Publish {
            name: &name,
            vers: &vers,
            cksum,
        };
        let token = auth::auth_token(gctx, original, None, operation, Vec::new(), false)?;
        let url = format!("{api}/api/v1/crates/{name}/{vers}/signature");
        let body = serde_json::to_vec(fields)?;
        let (status, answer) = put(gctx, &url, &token, &body)
            .with_context(|| format!("failed to send the signature to {named}"))?;
        match Answer::read(status, &answer) {
            Answer::Taken => Ok(()),
            Answer::NoSuchPage => bail!(report::takes_no_signatures(&named)),
            Answer::Refused(why) => bail!("{named} does not take the signature: {why}"),
        }
    }
}

/// A line for each, indented below a heading; nothing where there is none.
fn section(heading: &str, lines: impl Iterator<Item = String>) -> Vec<String> {
    let mut lines: Vec<_> = lines.map(|line| format!("  {line}")).collect();
    if !lines.is_empty() {
        lines.insert(0, format!("{heading}:"));
    }
    lines
}

fn dependency(dep: &index::Dependency<'_>) -> String {
    let mut more = Vec::new();
    if let Some(package) = &dep.package
        && *package != dep.name
    {
        more.push(format!("is {package}"));
    }
    let kind = dep.kind.as_deref().filter(|kind| *kind != "normal");
    more.extend(kind.map(str::to_owned));
    if dep.optional {
        more.push("optional".to_owned());
    }
    if !dep.default_features {
        more.push("no default features".to_owned());
    }
    if !dep.features.is_empty() {
        more.push(format!("features {}", dep.features.join(" ")));
    }
    let target = dep.target.as_ref();
    more.extend(target.map(|target| format!("for {target}")));
    let registry = dep.registry.as_ref();
    more.extend(registry.map(|registry| format!("from {registry}")));
    let line = match more.is_empty() {
        true => format!("{} {}", dep.name, dep.req),
        false => format!("{} {} ({})", dep.name, dep.req, more.join(", ")),
    };
    line.escape_debug().to_string()
}

/// The entry and the archive of `id`, from its registry and nothing that stands in for it.
fn fetched(gctx: &GlobalContext, id: PackageId) -> CargoResult<(SharedEntry, PathBuf, Vec<u8>)> {
    keep_all_lines();
    let registry = id.source_id();
    let _lock = gctx.acquire_package_cache_lock(CacheLockMode::DownloadExclusive)?;
    let mut source = SourceConfigMap::empty(gctx)?.load(registry, &HashSet::new())?;
    source.invalidate_cache();
    let found = summary_of(&mut *source, id)?;
    let entry = found.and_then(|summary| summary.signed().cloned());
    let Some(entry) = entry else {
        bail!(
            "there is no version {} of `{}` in {registry}",
            id.version(),
            id.name()
        );
    };
    let folder = cache_name(source.replaced_source_id());
    let mut sources = SourceMap::new();
    sources.insert(source);
    look_at(
        gctx,
        &PackageSet::new(&[id], sources, gctx)?,
        &[id],
        Doing::Look,
    )?;
    let cache = gctx.registry_cache_path().join(folder);
    let path = cache.into_path_unlocked().join(id.tarball_name());
    let packed = fs::read(&path).with_context(|| format!("failed to read `{}`", path.display()))?;
    Ok((entry, path, packed))
}

/// Where the registry takes requests, if it does.
fn api(gctx: &GlobalContext, sources: &RegistrySourceIds) -> CargoResult<Option<String>> {
    let _lock = gctx.acquire_package_cache_lock(CacheLockMode::DownloadExclusive)?;
    Ok(config(gctx, sources.replacement)?.and_then(|config| config.api))
}

fn put(gctx: &GlobalContext, url: &str, token: &str, body: &[u8]) -> CargoResult<(u32, Vec<u8>)> {
    let mut easy = http_handle(gctx)?;
    easy.url(url)?;
    easy.custom_request("PUT")?;
    easy.post_fields_copy(body)?;
    let mut headers = List::new();
    headers.append("accept: application/json")?;
    headers.append("content-type: application/json")?;
    headers.append(&format!("authorization: {token}"))?;
    headers.append("expect:")?;
    easy.http_headers(headers)?;
    let mut answer = Vec::new();
    let mut transfer = easy.transfer();
    transfer.write_function(|bytes| {
        // What is longer is no answer to this.
        let room = MAX_ANSWER.saturating_sub(answer.len());
        answer.extend_from_slice(&bytes[..bytes.len().min(room)]);
        Ok(bytes.len())
    })?;
    transfer.perform()?;
    drop(transfer);
    Ok((easy.response_code()?, answer))
}

/// What a registry says of a signature.
#[derive(Debug, PartialEq, Eq)]
enum Answer {
    Taken,
    /// It knows nothing of signatures.
    NoSuchPage,
    /// Why it does not take this one.
    Refused(String),
}

impl Answer {
    fn read(status: u32, body: &[u8]) -> Answer {
        #[derive(Deserialize)]
        struct Taken {
            ok: bool,
        }
        #[derive(Deserialize)]
        struct Refused {
            errors: Vec<Detail>,
        }
        #[derive(Deserialize)]
        struct Detail {
            detail: String,
        }
        match status {
            200 => match serde_json::from_slice(body) {
                Ok(Taken { ok: true }) => Answer::Taken,
                // Whatever is there under any address: a page for people, say.
                _ => Answer::NoSuchPage,
            },
            404 | 405 | 501 => Answer::NoSuchPage,
            _ => match serde_json::from_slice(body) {
                Ok(Refused { errors }) if !errors.is_empty() => {
                    let all: Vec<_> = errors.iter().map(|error| error.detail.as_str()).collect();
                    Answer::Refused(all.join(", ").escape_debug().to_string())
                }
                _ => Answer::Refused(format!("it answers with the status {status}")),
            },
        }
    }
}
