//! Asks providers which keys an account publishes, and remembers what they answered.
//!
//! A question costs a round trip to somebody else's host, so it is asked as rarely as can be:
//!
//! - once for each identity in one command, all of them side by side;
//! - not at all where the remembered answer has the key in question. A key that it does not have
//!   is new, and asked about once;
//! - again where the remembered answer is older than `signing.max-key-age` and the resolver is at
//!   work, which goes to the network anyway: also about what it keeps of `Cargo.lock`. So a key that its
//!   owner deleted is found out, and a locked build asks nobody. The host is told what it answered then, and need not say it again;
//! - never of a host that did not answer in this command, but for a connection that broke ([`again`]).
//!
//! Where an identity that is known, by these answers or by a signers file, shows a key that is not, its
//! provider is also asked for the number of the account, which must be the one that is recorded. Before that
//! nothing of the new key is remembered.
//!
//! What is known of one identity, and so what to ask next, is in [`known`]; what outlives the
//! command, in [`memory`] and [`numbers`]. The network is [`net`](super::net)'s.

mod again;
mod known;
mod memory;
pub(super) mod numbers;

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::fs;
use std::io::{ErrorKind, Read as _};
use std::path::Path;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use consign_identity::Identity;
use consign_identity::account::{self, AccountAnswer, AccountNumber, OtherAccount, Standing};
use consign_identity::answer::{Answer, Cached, MAX_BODY, NoAnswer, Validators};
use consign_identity::forge::Forge;
use consign_identity::provider::{Location, Provider, Question, When};
use consign_identity::transport::{Headers, Method, Request, Response};
use consign_policy::{KeyAnswer, Unanswered};
use consign_statement::{PublicKey, SignedFields};
use url::Url;
use zeroize::Zeroizing;

use self::again::Broken;
pub(super) use self::known::Unconfirmed;
use self::known::{Asked, Known, Place};
use super::config::Policy;
use super::context::{lock, unix_now};
use super::net::{Network, Transfers};
use super::report;
use crate::{CargoResult, GlobalContext};

/// How long all the asking of one command may take.
const TIME_LIMIT: Duration = Duration::from_secs(10);
/// How many questions are asked at a time.
const AT_A_TIME: usize = 16;

/// Whether a remembered answer will do however old it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Freshness {
    /// It will: this is no new resolution.
    AsStored,
    /// It will if it is not older than `signing.max-key-age`: this is newly chosen.
    Resolving,
    /// The same, of what `Cargo.lock` names, and keeps while the rest is resolved anew.
    Kept,
    /// It will not: everybody is asked again.
    Anew,
}

/// What an identity is known to have signed in this command: with which keys, and as which account.
pub(super) type SignedBy<'a> =
    &'a dyn Fn(&Identity) -> CargoResult<Vec<(PublicKey, AccountNumber)>>;

/// What providers answered, in this command and before it.
#[derive(Debug, Default)]
pub(super) struct Answers(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    known: HashMap<Identity, Known>,
    /// Hosts that did not answer in this command, and how.
    silent_hosts: HashMap<String, Silence>,
    /// What was answered about the numbers of accounts, in this command.
    accounts: HashMap<Identity, AccountAnswer>,
    /// How long this command has waited for answers.
    waited: Duration,
}

/// No answer, of a host that will not be asked again.
#[derive(Debug, Clone)]
struct Silence {
    /// There is no such host.
    no_such_host: bool,
    why: NoAnswer,
}

impl Answers {
    /// Makes sure that [`key`](Self::key) has an answer for each of `wanted`, if there is one to be
    /// had. `signed_by` is asked where an account shows a new key.
    pub(super) fn fetch(
        &self,
        gctx: &GlobalContext,
        wanted: &[(Identity, PublicKey)],
        freshness: Freshness,
        signed_by: SignedBy<'_>,
    ) -> CargoResult<()> {
        let policy = gctx.signing.policy(gctx)?;
        let mut keys: BTreeMap<&Identity, Vec<PublicKey>> = BTreeMap::new();
        for (identity, key) in wanted {
            keys.entry(identity).or_default().push(*key);
        }
        // Whoever comes second wants the same answers, and waits for them here.
        let state = &mut *lock(&self.0);
        for identity in keys.keys().copied() {
            if !state.known.contains_key(identity) {
                let known = know(gctx, policy, identity)?;
                state.known.insert(identity.clone(), known);
            }
        }
        let mut asking = Asking::new(gctx, policy, keys, freshness, state)?;
        asking.ask()?;
        asking.ask_for_numbers(signed_by)?;
        asking.say_what_is_old()
    }

    /// Makes sure that [`account`](Self::account) has an answer for each of `identities` whose provider
    /// has numbers.
    pub(super) fn fetch_accounts(
        &self,
        gctx: &GlobalContext,
        identities: &[&Identity],
    ) -> CargoResult<()> {
        let policy = gctx.signing.policy(gctx)?;
        let state = &mut *lock(&self.0);
        let mut asking = Asking::new(gctx, policy, BTreeMap::new(), Freshness::AsStored, state)?;
        for identity in identities {
            if let Some(provider) = provider(gctx, identity)? {
                asking.number(provider, identity)?;
            }
        }
        Ok(())
    }

    /// Whether the account of `identity` is perhaps another than it was.
    pub(super) fn is_doubted(&self, identity: &Identity) -> bool {
        let state = lock(&self.0);
        let known = state.known.get(identity);
        known.is_some_and(|known| known.doubt.is_some())
    }

    /// What was answered about an account; `None` where nobody was asked, or its provider has no numbers.
    pub(super) fn account(&self, identity: &Identity) -> Option<AccountAnswer> {
        lock(&self.0).accounts.get(identity).cloned()
    }

    /// Whether what `identity` last answered, in whatever command, was without this key, or its answer is
    /// at hand and kept nowhere else: in a folder.
    pub(super) fn lacks(
        &self,
        gctx: &GlobalContext,
        identity: &Identity,
        key: &PublicKey,
    ) -> CargoResult<bool> {
        let policy = gctx.signing.policy(gctx)?;
        let state = &mut *lock(&self.0);
        if !state.known.contains_key(identity) {
            let known = know(gctx, policy, identity)?;
            state.known.insert(identity.clone(), known);
        }
        Ok(state
            .known
            .get(identity)
            .is_some_and(|known| known.is_at_hand() || known.lacks(key)))
    }

    /// Whether `identity` publishes the key that signed, and whether it counts, by what was
    /// [fetched](Self::fetch).
    pub(super) fn key(&self, identity: &Identity, fields: &SignedFields) -> KeyAnswer {
        match lock(&self.0).known.get(identity) {
            Some(known) => known.key(fields),
            None => KeyAnswer::Unanswered(Unanswered::Failed("it was not asked".to_owned())),
        }
    }

    /// What is not confirmed of `identity` that was to be [fetched](Self::fetch) anew.
    pub(super) fn unconfirmed(&self, identity: &Identity) -> Option<Unconfirmed> {
        lock(&self.0).known.get(identity)?.unconfirmed()
    }

    /// The host that answers for `identity`, or else the name of its provider.
    pub(super) fn host(&self, identity: &Identity) -> String {
        let state = lock(&self.0);
        let places = state.known.get(identity).map(|known| &known.places);
        match places {
            Some(Ok(places)) if !places.is_empty() => host(places[0].question.location()),
            _ => identity.provider().to_owned(),
        }
    }
}

/// What is known of an identity before anybody is asked in this command.
fn know(gctx: &GlobalContext, policy: &Policy, identity: &Identity) -> CargoResult<Known> {
    let Some(provider) = policy.providers().get(identity.provider()) else {
        let name = identity.provider().to_owned();
        return Ok(Known::nowhere(Unanswered::NoProvider(name)));
    };
    let known = gctx.signing.serving(gctx)?.account(identity);
    let known = known.unwrap_or_default();
    let number = numbers::recorded(gctx, provider, identity.user())?;
    // What is remembered is what the account of that number answered.
    let is_of_another = matches!((known.number, number), (Some(one), Some(other)) if one != other);
    let place = |question: Question| {
        let recorded = match is_of_another {
            true => None,
            false => memory::recall(gctx, question.location()),
        };
        Place {
            question,
            remembered: recorded.clone(),
            recorded,
            asked: Asked::NotYet,
            is_held: false,
        }
    };
    Ok(match provider.questions(identity.user()) {
        Ok(questions) => Known {
            places: Ok(questions.into_iter().map(place).collect()),
            // What people have looked at goes before what was answered here.
            number: known.number.or(number),
            keys: known.keys,
            doubt: None,
        },
        Err(invalid) => Known::nowhere(Unanswered::Failed(invalid.to_string())),
    })
}

/// One round of questions.
struct Asking<'a> {
    gctx: &'a GlobalContext,
    /// The keys that are looked for.
    keys: BTreeMap<&'a Identity, Vec<PublicKey>>,
    freshness: Freshness,
    max_age: Duration,
    now: u64,
    deadline: Instant,
    /// Who is to be asked about next, and which place.
    waiting: VecDeque<(&'a Identity, usize)>,
    state: &'a mut State,
}

impl<'a> Asking<'a> {
    fn new(
        gctx: &'a GlobalContext,
        policy: &Policy,
        keys: BTreeMap<&'a Identity, Vec<PublicKey>>,
        freshness: Freshness,
        state: &'a mut State,
    ) -> CargoResult<Asking<'a>> {
        Ok(Asking {
            gctx,
            keys,
            freshness,
            max_age: policy.max_key_age(),
            now: unix_now()?,
            deadline: Instant::now() + TIME_LIMIT.saturating_sub(state.waited),
            waiting: VecDeque::new(),
            state,
        })
    }

    fn ask(&mut self) -> CargoResult<()> {
        let identities: Vec<&'a Identity> = self.keys.keys().copied().collect();
        for identity in identities {
            self.go_on(identity);
        }
        self.ask_nearby()?;
        if self.waiting.is_empty() {
            return Ok(());
        }
        let network = Network::new(self.gctx)?;
        let begun = Instant::now();
        let result = self.ask_over(&network);
        self.state.waited += begun.elapsed();
        result
    }

    /// Asks what needs no network, and for what the network may not be used.
    fn ask_nearby(&mut self) -> CargoResult<()> {
        let offline = self.gctx.offline_flag().is_some();
        let mut remote = VecDeque::new();
        while let Some((identity, index)) = self.waiting.pop_front() {
            let question = self.place(identity, index)?.question.clone();
            match question.location() {
                Location::File(path) => {
                    let answer = read_file(&question, path);
                    self.learn(identity, index, answer, Validators::default())?;
                }
                Location::Url(_) if offline => {
                    let answer = Answer::NoAnswer(NoAnswer::Offline);
                    self.learn(identity, index, answer, Validators::default())?;
                }
                Location::Url(_) => remote.push_back((identity, index)),
            }
        }
        self.waiting = remote;
        Ok(())
    }

    fn ask_over(&mut self, network: &Network) -> CargoResult<()> {
        let mut transfers = Transfers::over(network);
        let mut under_way = HashMap::new();
        let mut broken = Broken::default();
        let mut number = 0;
        while !self.waiting.is_empty() || transfers.len() > 0 {
            while transfers.len() < AT_A_TIME
                && let Some((identity, index)) = self.waiting.pop_front()
            {
                let Some(request) = request(self.place(identity, index)?) else {
                    continue;
                };
                let left = self.deadline.saturating_duration_since(Instant::now());
                if let Some(silence) = self.silence(&request.url) {
                    self.meet(identity, index, silence)?;
                } else if left.is_zero() {
                    let why = "there was no time left to ask".to_owned();
                    let answer = Answer::NoAnswer(NoAnswer::Unreachable(why));
                    self.learn(identity, index, answer, Validators::default())?;
                } else {
                    transfers.start(number, &request, left)?;
                    under_way.insert(number, (identity, index));
                    number += 1;
                }
            }
            for (asked, result) in transfers.finish()? {
                let Some((identity, index)) = under_way.remove(&asked) else {
                    continue;
                };
                match result {
                    Ok(response) => self.hear(identity, index, &response)?,
                    Err(failure) => {
                        let host = host(self.place(identity, index)?.question.location());
                        let (numbers, deadline) = ((asked, number), self.deadline);
                        let of = host.clone();
                        if broken.may_ask_again(self.gctx, of, numbers, &failure, deadline)? {
                            self.waiting.push_back((identity, index));
                            continue;
                        }
                        let silence = Silence {
                            no_such_host: failure.no_such_host,
                            why: NoAnswer::Unreachable(failure.why),
                        };
                        self.state.silent_hosts.insert(host, silence.clone());
                        self.meet(identity, index, silence)?;
                    }
                }
            }
        }
        Ok(())
    }

    fn silence(&self, url: &Url) -> Option<Silence> {
        self.state.silent_hosts.get(&origin(url)).cloned()
    }

    /// What a host answered.
    fn hear(
        &mut self,
        identity: &'a Identity,
        index: usize,
        response: &Response,
    ) -> CargoResult<()> {
        let Response {
            status,
            headers,
            body,
        } = response;
        let place = self.place(identity, index)?;
        // "The same as then", to a question that said what was answered then.
        if *status == 304
            && let Some(last) = &place.remembered
            && last.validators().headers().next().is_some()
        {
            let (answer, validators) = (last.clone().into_answer(), last.validators().clone());
            return self.learn(identity, index, answer, validators);
        }
        let answer = place.question.read(*status, headers, body);
        if let Answer::NoAnswer(why) = &answer
            && is_of_the_host(why)
        {
            let host = host(place.question.location());
            let silence = Silence {
                no_such_host: false,
                why: why.clone(),
            };
            self.state.silent_hosts.insert(host, silence);
        }
        self.learn(identity, index, answer, Validators::of(headers))
    }

    /// No answer came from a host, and none will.
    fn meet(&mut self, identity: &'a Identity, index: usize, silence: Silence) -> CargoResult<()> {
        let next = self.places(identity)?.get(index + 1);
        let instead = next.is_some_and(|next| next.question.when() == When::NoSuchHost);
        if silence.no_such_host && instead {
            self.place(identity, index)?.asked = Asked::NoSuchHost;
            self.go_on(identity);
            return Ok(());
        }
        let answer = Answer::NoAnswer(silence.why);
        self.learn(identity, index, answer, Validators::default())
    }

    /// Takes note of an answer, and goes on to what it leaves open.
    fn learn(
        &mut self,
        identity: &'a Identity,
        index: usize,
        answer: Answer,
        validators: Validators,
    ) -> CargoResult<()> {
        let (gctx, now) = (self.gctx, self.now);
        // Where there are no numbers, there is nothing to wait for.
        let has_number = provider(gctx, identity)?
            .is_some_and(|provider| matches!(provider.account_url(identity.user()), Ok(Some(_))));
        let known = self.state.known.get(identity);
        let is_held = has_number && known.is_some_and(|known| known.is_new(&answer));
        let place = self.place(identity, index)?;
        place.asked = match answer {
            Answer::NoAnswer(why) => Asked::Failed(why),
            // Says nothing about keys: what is remembered of the account stays as it was.
            Answer::NoSuchAccount if place.remembered.is_some() => Asked::NoSuchAccount,
            answer => {
                let answer = Cached::new(now, &answer)
                    .context("an answer that says something can be kept")?
                    .with_validators(validators);
                place.remembered = Some(answer);
                place.is_held = is_held;
                if !is_held {
                    remember(gctx, place)?;
                }
                Asked::Answered
            }
        };
        self.go_on(identity);
        Ok(())
    }

    /// Finds out whether the identities that show a new key are still who they were, and remembers
    /// what was answered of their keys where they are.
    fn ask_for_numbers(&mut self, signed_by: SignedBy<'_>) -> CargoResult<()> {
        let gctx = self.gctx;
        let shows_a_new_key = |identity: &&'a Identity| {
            let known = self.state.known.get(*identity);
            let mut places = known
                .and_then(|known| known.places.as_ref().ok())
                .into_iter()
                .flatten();
            places.any(|place| place.is_held)
        };
        let identities: Vec<&'a Identity> =
            self.keys.keys().copied().filter(shows_a_new_key).collect();
        if identities.is_empty() {
            return Ok(());
        }
        for identity in identities {
            let Some(provider) = provider(gctx, identity)? else {
                continue;
            };
            let Some(answer) = self.number(provider, identity)? else {
                continue;
            };
            let Some(known) = self.state.known.get_mut(identity) else {
                continue;
            };
            // What an entry claims is compared when it is checked.
            let standing = match account::judge(known.number, None, Some(&answer)) {
                // Nothing is recorded, but what was signed by a key that is says whose the name was.
                Standing::Unrecorded(Some(found)) => {
                    match known.signed_as_another(&signed_by(identity)?, found) {
                        Some(signed) => Standing::Other(OtherAccount::Signed { signed, found }),
                        None => Standing::Unrecorded(Some(found)),
                    }
                }
                other => other,
            };
            let number = match standing {
                Standing::Same => known.number,
                Standing::Unrecorded(number) => number,
                _ => None,
            };
            if let Some(number) = number
                && numbers::recorded(gctx, provider, identity.user())? != Some(number)
            {
                if let Err(error) = numbers::record(gctx, provider, identity.user(), number) {
                    gctx.shell().warn(format!("{error:#}"))?;
                }
                known.number = Some(number);
            }
            let Known { places, keys, .. } = known;
            for place in places.iter_mut().flatten().filter(|p| p.is_held) {
                place.is_held = false;
                match standing {
                    Standing::Same | Standing::Unrecorded(_) => remember(gctx, place)?,
                    _ => place.without_new_keys(&standing, keys),
                }
            }
            known.doubt = match standing {
                Standing::Same | Standing::Unrecorded(_) => None,
                doubt => Some(doubt),
            };
        }
        Ok(())
    }

    /// What `provider` answers to "which account has this name?", once a command; `None` where it has no
    /// numbers.
    fn number(
        &mut self,
        provider: &Provider,
        identity: &Identity,
    ) -> CargoResult<Option<AccountAnswer>> {
        let Ok(Some(url)) = provider.account_url(identity.user()) else {
            return Ok(None);
        };
        if let Some(known) = self.state.accounts.get(identity) {
            return Ok(Some(known.clone()));
        }
        let begun = Instant::now();
        let answer = self.ask_for_number(provider, identity, &url)?;
        self.state.waited += begun.elapsed();
        let accounts = &mut self.state.accounts;
        accounts.insert(identity.clone(), answer.clone());
        Ok(Some(answer))
    }

    fn ask_for_number(
        &mut self,
        provider: &Provider,
        identity: &Identity,
        url: &Url,
    ) -> CargoResult<AccountAnswer> {
        let unreachable =
            |why: &str| AccountAnswer::NoAnswer(NoAnswer::Unreachable(why.to_owned()));
        if self.gctx.offline_flag().is_some() {
            return Ok(AccountAnswer::NoAnswer(NoAnswer::Offline));
        }
        if let Some(silence) = self.silence(url) {
            return Ok(AccountAnswer::NoAnswer(silence.why));
        }
        let left = self.deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Ok(unreachable("there was no time left to ask"));
        }
        let network = Network::new(self.gctx)?;
        let network = network.within(left);
        let Some(forge) = Forge::of(provider, &network) else {
            return Ok(AccountAnswer::NoAnswer(NoAnswer::NoNumbers));
        };
        let answer = forge.account(identity.user())?;
        if let AccountAnswer::NoAnswer(why) = &answer
            && (is_of_the_host(why) || matches!(why, NoAnswer::Unreachable(_)))
        {
            let silence = Silence {
                no_such_host: false,
                why: why.clone(),
            };
            self.state.silent_hosts.insert(origin(url), silence);
        }
        Ok(answer)
    }

    /// Puts the next question about `identity` in the queue, if there is one.
    fn go_on(&mut self, identity: &'a Identity) {
        let is_old = |answer: &Cached| self.is_old(answer.asked());
        let next = match (self.state.known.get(identity), self.keys.get(identity)) {
            (Some(known), Some(keys)) => known.next(keys, is_old),
            _ => None,
        };
        self.waiting.extend(next.map(|index| (identity, index)));
    }

    fn is_old(&self, asked: u64) -> bool {
        match self.freshness {
            Freshness::AsStored => false,
            // A clock that was wrong may have made it later than now, and so new for ever.
            Freshness::Resolving | Freshness::Kept => {
                asked > self.now || self.age(asked) > self.max_age
            }
            Freshness::Anew => true,
        }
    }

    fn age(&self, asked: u64) -> Duration {
        Duration::from_secs(self.now.saturating_sub(asked))
    }

    /// Tells of answers that are used for want of newer ones, once for each host.
    fn say_what_is_old(&self) -> CargoResult<()> {
        // Who asks everybody again is told of each package that was not answered for.
        if self.freshness == Freshness::Anew {
            return Ok(());
        }
        for (identity, keys) in &self.keys {
            let known = self.state.known.get(*identity);
            let relied_upon = known.and_then(|known| known.relied_upon(keys));
            if let Some((question, why, asked)) = relied_upon
                && self.is_old(asked)
            {
                let what = format!("old answers: {}", host(question.location()));
                let warning = report::old_answer(identity, why, self.age(asked));
                self.gctx.signing.warn_once(self.gctx, what, warning)?;
            }
        }
        Ok(())
    }

    fn places(&mut self, identity: &Identity) -> CargoResult<&mut Vec<Place>> {
        let known = self.state.known.get_mut(identity);
        known
            .and_then(|known| known.places.as_mut().ok())
            .context("an identity that is asked about is known")
    }

    fn place(&mut self, identity: &Identity, index: usize) -> CargoResult<&mut Place> {
        let place = self.places(identity)?.get_mut(index);
        place.context("a place that is asked is known")
    }
}

/// Remembers what a place answered, beyond this command.
fn remember(gctx: &GlobalContext, place: &Place) -> CargoResult<()> {
    let Some(answer) = &place.remembered else {
        return Ok(());
    };
    // Whoever cannot remember asks again: on a disk that cannot be written to, say.
    match memory::remember(gctx, place.question.location(), answer) {
        Ok(()) => Ok(()),
        Err(error) => gctx.shell().warn(format!("{error:#}")),
    }
}

fn provider<'g>(gctx: &'g GlobalContext, identity: &Identity) -> CargoResult<Option<&'g Provider>> {
    let providers = gctx.signing.policy(gctx)?.providers();
    Ok(providers.get(identity.provider()))
}

/// Whether it is the host that does not answer, and not only to this question.
fn is_of_the_host(why: &NoAnswer) -> bool {
    matches!(
        why,
        NoAnswer::Limited { .. } | NoAnswer::Status(429 | 500..)
    )
}

/// What is sent to ask at a place, where that is a URL. The host hears what it answered before.
fn request(place: &Place) -> Option<Request> {
    let Location::Url(url) = place.question.location() else {
        return None;
    };
    let last = place.remembered.iter();
    let headers = last.flat_map(|last| last.validators().headers());
    let headers = headers.map(|(name, value)| (name, Zeroizing::new(value.to_owned())));
    Some(Request {
        method: Method::Get,
        url: url.clone(),
        headers: headers.collect(),
        body: Zeroizing::default(),
    })
}

/// The folder says as much as a web server does: no file is no such account.
fn read_file(question: &Question, path: &Path) -> Answer {
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
        Ok(_) => question.read(200, &Headers::default(), &body),
        Err(error) => unreachable(error),
    }
}

/// Who answers at a location: scheme, host and port, or the folder.
fn host(location: &Location) -> String {
    match location {
        Location::Url(url) => origin(url),
        Location::File(path) => path.parent().unwrap_or(path).display().to_string(),
    }
}

fn origin(url: &Url) -> String {
    url.origin().ascii_serialization()
}

/// A location as it is configured: a URL or a path.
fn address(location: &Location) -> String {
    match location {
        Location::Url(url) => url.as_str().to_owned(),
        Location::File(path) => path.display().to_string(),
    }
}
