//! Asks providers for the numbers of accounts.
//!
//! A name can change hands, and the number of its account cannot. It costs a question to another
//! interface, which many forges let nobody ask often. So it is asked only where it matters: where a known
//! name shows a key that was not seen before, and where the user says that somebody may sign.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use consign_identity::Identity;
use consign_identity::account::AccountAnswer;
use consign_identity::answer::NoAnswer;
use consign_identity::transport::{Method, Request, Response};
use url::Url;
use zeroize::Zeroizing;

use super::{AT_A_TIME, Answers, Silence, State, TIME_LIMIT, is_of_the_host, lock, origin};
use crate::signing::net::{Failure, Network, Transfers};
use crate::{CargoResult, GlobalContext};

impl Answers {
    /// Makes sure that [`account`](Self::account) has an answer for each of `identities` whose provider
    /// has numbers.
    pub(in crate::signing) fn fetch_accounts(
        &self,
        gctx: &GlobalContext,
        identities: &[&Identity],
    ) -> CargoResult<()> {
        let policy = gctx.signing.policy(gctx)?;
        let state = &mut *lock(&self.0);
        let mut waiting = Vec::new();
        for identity in identities {
            let Some(provider) = policy.providers().get(identity.provider()) else {
                continue;
            };
            if let Ok(Some(url)) = provider.account_url(identity.user())
                && !state.accounts.contains_key(*identity)
            {
                if gctx.offline_flag().is_some() {
                    let answer = AccountAnswer::NoAnswer(NoAnswer::Offline);
                    state.accounts.insert((*identity).clone(), answer);
                } else if !waiting.contains(&(*identity, url.clone())) {
                    waiting.push((identity, url));
                }
            }
        }
        if waiting.is_empty() {
            return Ok(());
        }
        let network = Network::new(gctx)?;
        let begun = Instant::now();
        let result = ask(gctx, &network, state, waiting);
        state.waited += begun.elapsed();
        result
    }

    /// What was answered about an account; `None` where the provider has no numbers.
    pub(in crate::signing) fn account(&self, identity: &Identity) -> Option<AccountAnswer> {
        lock(&self.0).accounts.get(identity).cloned()
    }
}

fn ask(
    gctx: &GlobalContext,
    network: &Network,
    state: &mut State,
    mut waiting: Vec<(&Identity, Url)>,
) -> CargoResult<()> {
    let policy = gctx.signing.policy(gctx)?;
    let deadline = Instant::now() + TIME_LIMIT.saturating_sub(state.waited);
    let mut transfers = Transfers::over(network);
    let mut under_way: HashMap<usize, (&Identity, Url)> = HashMap::new();
    let mut number = 0;
    while !waiting.is_empty() || transfers.len() > 0 {
        while transfers.len() < AT_A_TIME
            && let Some((identity, url)) = waiting.pop()
        {
            let left = deadline.saturating_duration_since(Instant::now());
            let silence = state.silent_hosts.get(&origin(&url)).cloned();
            let why = match (silence, left) {
                (Some(silence), _) => silence.why,
                (None, Duration::ZERO) => {
                    NoAnswer::Unreachable("there was no time left to ask".to_owned())
                }
                (None, left) => {
                    transfers.start(number, &request(&url), left)?;
                    under_way.insert(number, (identity, url));
                    number += 1;
                    continue;
                }
            };
            state
                .accounts
                .insert(identity.clone(), AccountAnswer::NoAnswer(why));
        }
        for (number, result) in transfers.finish()? {
            let Some((identity, url)) = under_way.remove(&number) else {
                continue;
            };
            let answer = match result {
                Ok(Response {
                    status,
                    headers,
                    body,
                }) => match policy.providers().get(identity.provider()) {
                    Some(provider) => {
                        provider.read_account(identity.user(), status, &headers, &body)
                    }
                    None => AccountAnswer::NoAnswer(NoAnswer::NoNumbers),
                },
                Err(Failure { why, .. }) => AccountAnswer::NoAnswer(NoAnswer::Unreachable(why)),
            };
            if let AccountAnswer::NoAnswer(why) = &answer
                && (is_of_the_host(why) || matches!(why, NoAnswer::Unreachable(_)))
            {
                let silence = Silence {
                    no_such_host: false,
                    why: why.clone(),
                };
                state.silent_hosts.insert(origin(&url), silence);
            }
            state.accounts.insert(identity.clone(), answer);
        }
    }
    Ok(())
}

fn request(url: &Url) -> Request {
    Request {
        method: Method::Get,
        url: url.clone(),
        headers: Vec::new(),
        body: Zeroizing::default(),
    }
}
