//! Asks providers which keys an account publishes, and remembers what they answered.
//!
//! A question costs a round trip to somebody else's host, so it is asked as rarely as can be:
//!
//! - once for each identity in one command, all of them side by side;
//! - not at all where the remembered answer has the key in question. A key that it does not have
//!   is new, and asked about once;
//! - again where the remembered answer is older than [`MAX_AGE`] and the resolver is at work, which
//!   goes to the network anyway. So a key that its owner deleted is found out, and a locked build
//!   asks nobody.
//!
//! Answers are kept in `$CARGO_HOME/signing/answers`, under a digest of the address that was asked:
//! a name that is later given to another address does not inherit its answers. The network is used as
//! the user's own configuration says, whatever a project's files say of proxies and certificates. `$CARGO_HOME/signing`
//! is no cache. What is in it must not come from elsewhere.

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::io::{ErrorKind, Read as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use consign_identity::Identity;
use consign_identity::answer::{Answer, Cached, MAX_BODY, NoAnswer};
use consign_identity::provider::{Location, Provider};
use consign_policy::{KeyAnswer, Unanswered, Withdrawn};
use consign_statement::{Digest, PublicKey, SignedFields};
use curl::easy::Easy;
use curl::multi::{EasyHandle, Multi};

use super::context::{lock, unix_now};
use crate::util::network::http::http_handle;
use crate::{CargoResult, GlobalContext};

/// How old a remembered answer may be when the resolver is at work.
const MAX_AGE: Duration = Duration::from_secs(7 * 24 * 60 * 60);
/// How long all the asking of one command may take.
const TIME_LIMIT: Duration = Duration::from_secs(10);
/// How many questions are asked at a time.
const AT_A_TIME: usize = 16;

/// Whether a remembered answer will do however old it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Freshness {
    /// It will: this is no new resolution.
    AsStored,
    /// It will if it is not older than [`MAX_AGE`].
    Resolving,
}

/// What providers answered, in this command and before it.
#[derive(Debug, Default)]
pub(super) struct Answers {
    known: Mutex<HashMap<Identity, Known>>,
    /// How long this command has waited for answers.
    waited: Mutex<Duration>,
}

/// An answer that said something, and when it was given.
#[derive(Debug, Clone)]
struct Remembered {
    asked: u64,
    answer: Answer,
}

/// What is known of one identity.
#[derive(Debug, Clone)]
struct Known {
    /// The last answer that said something.
    remembered: Option<Remembered>,
    /// Why nothing was learnt in this command, and from which address.
    failed: Option<Unanswered>,
    /// Whether it was asked in this command, and so will not be again.
    asked: bool,
}

impl Answers {
    /// Makes sure that [`key`](Self::key) has an answer for each of `wanted`, if there is one to be
    /// had.
    pub(super) fn fetch(
        &self,
        gctx: &GlobalContext,
        wanted: &[(Identity, PublicKey)],
        freshness: Freshness,
    ) -> CargoResult<()> {
        let policy = gctx.signing.policy(gctx)?;
        let now = unix_now()?;
        let mut questions = BTreeMap::new();
        let mut known = lock(&self.known);
        for (identity, key) in wanted {
            let place = policy
                .providers()
                .get(identity.provider())
                .ok_or_else(|| Unanswered::NoProvider(identity.provider().to_owned()))
                .and_then(|provider| match provider.location(identity.user()) {
                    Ok(location) => Ok((provider, location)),
                    Err(invalid) => Err(Unanswered::Failed(invalid.to_string())),
                });
            let (provider, location) = match place {
                Ok(place) => place,
                Err(why) => {
                    let nothing = Known {
                        remembered: None,
                        failed: Some(why),
                        asked: true,
                    };
                    known.insert(identity.clone(), nothing);
                    continue;
                }
            };
            let entry = known.entry(identity.clone()).or_insert_with(|| Known {
                remembered: recall(gctx, &location),
                failed: None,
                asked: false,
            });
            let will_do = entry.remembered.as_ref().is_some_and(|last| {
                let age = Duration::from_secs(now.saturating_sub(last.asked));
                last.answer.find(key).is_some()
                    && (freshness == Freshness::AsStored || age <= MAX_AGE)
            });
            if !will_do && !entry.asked {
                questions.insert(identity.clone(), (provider, location));
            }
        }
        drop(known);

        let begun = Instant::now();
        let left = TIME_LIMIT.saturating_sub(*lock(&self.waited));
        let answers = ask_all(gctx, &questions, begun + left)?;
        *lock(&self.waited) += begun.elapsed();
        let mut known = lock(&self.known);
        for (identity, answer) in answers {
            let (Some(entry), Some((_, location))) =
                (known.get_mut(&identity), questions.get(&identity))
            else {
                continue;
            };
            entry.asked = true;
            match answer {
                Answer::NoAnswer(NoAnswer::Offline) => entry.failed = Some(Unanswered::Offline),
                Answer::NoAnswer(why) => {
                    let why = format!("`{}`: {why}", address(location));
                    entry.failed = Some(Unanswered::Failed(why));
                }
                // Says nothing about keys: what is remembered of the account stays as it was.
                Answer::NoSuchAccount if entry.remembered.is_some() => {}
                answer => {
                    // Whoever cannot remember asks again: on a disk that cannot be written to, say.
                    if let Err(error) = remember(gctx, location, now, &answer) {
                        gctx.shell().warn(format!("{error:#}"))?;
                    }
                    entry.remembered = Some(Remembered { asked: now, answer });
                }
            }
        }
        Ok(())
    }

    /// Whether `identity` publishes the key that signed, and whether it counts, by what was
    /// [fetched](Self::fetch).
    pub(super) fn key(&self, identity: &Identity, fields: &SignedFields) -> KeyAnswer {
        let known = lock(&self.known);
        let Some(known) = known.get(identity) else {
            return KeyAnswer::Unanswered(Unanswered::Failed("it was not asked".to_owned()));
        };
        let remembered = known.remembered.as_ref().map(|last| &last.answer);
        let found = remembered.and_then(|answer| answer.find(fields.locator.key()));
        match (found, remembered, &known.failed) {
            (Some(key), _, _) => match key.check(fields.signature.time) {
                Ok(()) => KeyAnswer::Published,
                Err(fault) => KeyAnswer::Withdrawn(Withdrawn::Fault(fault)),
            },
            // What is remembered is older than the key may be.
            (None, _, Some(why)) => KeyAnswer::Unanswered(why.clone()),
            (None, Some(Answer::NoSuchAccount), None) => {
                KeyAnswer::Withdrawn(Withdrawn::NoSuchAccount)
            }
            (None, Some(_), None) => KeyAnswer::Withdrawn(Withdrawn::NotPublished),
            (None, None, None) => {
                KeyAnswer::Unanswered(Unanswered::Failed("it was not asked".to_owned()))
            }
        }
    }
}

type Questions<'p> = BTreeMap<Identity, (&'p Provider, Location)>;

fn ask_all(
    gctx: &GlobalContext,
    questions: &Questions<'_>,
    deadline: Instant,
) -> CargoResult<HashMap<Identity, Answer>> {
    let mut answers = HashMap::new();
    let mut urls = Vec::new();
    for (identity, (provider, location)) in questions {
        match location {
            Location::File(path) => {
                answers.insert(identity.clone(), read_file(provider, path));
            }
            Location::Url(_) if gctx.offline_flag().is_some() => {
                answers.insert(identity.clone(), Answer::NoAnswer(NoAnswer::Offline));
            }
            Location::Url(url) => urls.push((identity, *provider, url)),
        }
    }
    if !urls.is_empty() {
        download(gctx, &urls, deadline, &mut answers)?;
    }
    Ok(answers)
}

/// The folder says as much as a web server does: no file is no such account.
fn read_file(provider: &Provider, path: &Path) -> Answer {
    let unreachable =
        |error: std::io::Error| Answer::NoAnswer(NoAnswer::Unreachable(error.to_string()));
    // A folder that is not there is not one in which the file is missing.
    if let Some(folder) = path.parent()
        && let Err(error) = fs::metadata(folder)
    {
        return unreachable(error);
    }
    let file = match fs::File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Answer::NoSuchAccount,
        Err(error) => return unreachable(error),
    };
    let mut body = Vec::new();
    match file.take(MAX_BODY as u64 + 1).read_to_end(&mut body) {
        Ok(_) => provider.read(200, &body),
        Err(error) => unreachable(error),
    }
}

/// A question that is being asked.
struct Transfer {
    handle: EasyHandle,
    index: usize,
    body: Arc<Mutex<Vec<u8>>>,
}

fn download(
    gctx: &GlobalContext,
    urls: &[(&Identity, &Provider, &url::Url)],
    deadline: Instant,
    answers: &mut HashMap<Identity, Answer>,
) -> CargoResult<()> {
    // A project that could name a proxy and a certificate authority could answer for everyone.
    let own = gctx.signing.outside_projects(gctx)?;
    let multi = Multi::new();
    let mut waiting = (0..urls.len()).rev().collect::<Vec<_>>();
    let mut running: HashMap<usize, Transfer> = HashMap::new();
    // A host that did not answer one question is not asked the next.
    let mut failed_hosts: HashMap<String, String> = HashMap::new();

    while !waiting.is_empty() || !running.is_empty() {
        while running.len() < AT_A_TIME
            && let Some(index) = waiting.pop()
        {
            let (identity, _, url) = urls[index];
            let left = deadline.saturating_duration_since(Instant::now());
            let too_late = left
                .is_zero()
                .then(|| "there was no time left to ask".to_owned());
            if let Some(why) = failed_hosts.get(&host(url)).cloned().or(too_late) {
                let answer = Answer::NoAnswer(NoAnswer::Unreachable(why));
                answers.insert(identity.clone(), answer);
                continue;
            }
            tracing::trace!("asking `{url}`");
            let body = Arc::new(Mutex::new(Vec::new()));
            let mut easy = http_handle(&own)?;
            question(&mut easy, url, left, Arc::clone(&body))?;
            let mut handle = multi.add(easy)?;
            handle.set_token(index)?;
            running.insert(
                index,
                Transfer {
                    handle,
                    index,
                    body,
                },
            );
        }
        multi.perform()?;
        let mut done = Vec::new();
        multi.messages(|message| {
            let result = message
                .token()
                .ok()
                .and_then(|index| Some((index, running.get(&index)?)))
                .and_then(|(index, at)| Some((index, message.result_for(&at.handle)?)));
            done.extend(result);
        });
        for (index, result) in done {
            let Some(Transfer {
                handle,
                index,
                body,
            }) = running.remove(&index)
            else {
                continue;
            };
            let mut easy = multi.remove(handle)?;
            let (identity, provider, url) = urls[index];
            let body = std::mem::take(&mut *lock(&body));
            let answer = if body.len() > MAX_BODY {
                Answer::NoAnswer(NoAnswer::TooLarge { limit: MAX_BODY })
            } else if let Err(error) = result {
                let why = match easy.take_error_buf() {
                    Some(more) => format!("{} ({more})", error.description()),
                    None => error.description().to_owned(),
                };
                failed_hosts.insert(host(url), why.clone());
                Answer::NoAnswer(NoAnswer::Unreachable(why))
            } else {
                provider.read(easy.response_code()?, &body)
            };
            answers.insert(identity.clone(), answer);
        }
        if !running.is_empty() {
            multi.wait(&mut [], Duration::from_millis(250))?;
        }
    }
    Ok(())
}

/// Makes `easy` ask `url` for at most `time`, and collect the body up to one byte more than is read.
fn question(
    easy: &mut Easy,
    url: &url::Url,
    time: Duration,
    body: Arc<Mutex<Vec<u8>>>,
) -> CargoResult<()> {
    easy.url(url.as_str())?;
    easy.get(true)?;
    easy.timeout(time)?;
    // What another address says is not what this provider says.
    easy.follow_location(false)?;
    easy.write_function(move |data| {
        let mut body = lock(&body);
        let room = (MAX_BODY + 1).saturating_sub(body.len());
        body.extend_from_slice(&data[..data.len().min(room)]);
        // Fewer bytes than came end the transfer.
        Ok(data.len().min(room))
    })?;
    Ok(())
}

fn host(url: &url::Url) -> String {
    url.origin().ascii_serialization()
}

/// A location as it is configured: a URL or a path.
fn address(location: &Location) -> String {
    match location {
        Location::Url(url) => url.as_str().to_owned(),
        Location::File(path) => path.display().to_string(),
    }
}

/// The file in which the answer of a location is kept.
fn path(gctx: &GlobalContext, location: &Location) -> PathBuf {
    gctx.home()
        .as_path_unlocked()
        .join("signing/answers")
        .join(format!("{}.json", Digest::of(address(location).as_bytes())))
}

/// The remembered answer. One that cannot be read is none, and is asked for again.
fn recall(gctx: &GlobalContext, location: &Location) -> Option<Remembered> {
    // A folder is at hand whenever it is needed.
    if matches!(location, Location::File(_)) {
        return None;
    }
    let path = path(gctx, location);
    let file = fs::File::open(&path).ok()?;
    let mut json = Vec::new();
    file.take(MAX_BODY as u64 + 1).read_to_end(&mut json).ok()?;
    match Cached::from_json(&json) {
        Ok(cached) => Some(Remembered {
            asked: cached.asked(),
            answer: cached.into_answer(),
        }),
        Err(error) => {
            tracing::debug!("ignoring `{}`: {error}", path.display());
            None
        }
    }
}

fn remember(
    gctx: &GlobalContext,
    location: &Location,
    asked: u64,
    answer: &Answer,
) -> CargoResult<()> {
    match (location, Cached::new(asked, answer)) {
        (Location::Url(_), Some(cached)) => {
            super::keys::write_new_version(&path(gctx, location), cached.to_json().as_bytes())
                .context("failed to remember what an identity provider answered")
        }
        _ => Ok(()),
    }
}
