//! The network, as identity providers are asked by way of it.
//!
//! Proxy, certificates and all else are those of the user's own configuration: a project that could
//! name a proxy and a certificate authority could answer for everyone. Redirects are not followed,
//! since what another address says is not what the provider says. What comes back is bounded, in
//! bytes and in time.
//!
//! [`Network`] sends one request at a time, for whoever publishes a key; [`Transfers`] sends many side
//! by side, over one connection where the host can do that, for whoever looks up keys.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::{Context as _, bail};
use consign_identity::answer::MAX_BODY;
use consign_identity::transport::{Headers, Method, Request, Response, Transport, Unreachable};
use curl::easy::{Easy, List};
use curl::multi::{EasyHandle, Multi};
use zeroize::Zeroizing;

use super::context::lock;
use crate::util::network::http::{HttpTimeout, http_handle_and_timeout};
use crate::{CargoResult, GlobalContext};

/// How long a request may take where cargo's own limit was lifted (`http.timeout = 0`).
const TIME_LIMIT: Duration = Duration::from_secs(30);

/// The network, as the user's own configuration has it.
pub struct Network {
    own: GlobalContext,
}

impl Network {
    /// Fails where the network may not be used.
    pub fn new(gctx: &GlobalContext) -> CargoResult<Network> {
        if let Some(flag) = gctx.offline_flag() {
            bail!("an identity provider has to be asked, but {flag} was specified");
        }
        Ok(Network {
            own: gctx.signing.outside_projects(gctx)?,
        })
    }

    /// A transfer that is ready to begin, and where its response will be. It takes no more than
    /// `time`, and no more than cargo gives any server.
    fn prepare(&self, request: &Request, time: Duration) -> CargoResult<(Easy, Received)> {
        let (mut easy, cargos) = http_handle_and_timeout(&self.own)?;
        let limit = patience(&cargos).map_or(time, |limit| limit.min(time));
        cargos.configure(&mut easy)?;
        // curl takes zero for no limit at all.
        easy.timeout(limit.max(Duration::from_millis(1)))?;
        easy.url(request.url.as_str())?;
        easy.follow_location(false)?;
        if request.url.scheme() == "https" {
            let multiplexing = self.own.http_config()?.multiplexing.unwrap_or(true);
            crate::try_old_curl_http2_pipewait!(multiplexing, easy);
        }
        match request.method {
            Method::Get => easy.get(true)?,
            Method::Post => {
                easy.post(true)?;
                easy.post_fields_copy(&request.body)?;
            }
            Method::Delete => easy.custom_request(request.method.as_str())?,
        }
        let mut headers = List::new();
        for (name, value) in &request.headers {
            headers.append(&Zeroizing::new(format!("{name}: {}", value.as_str())))?;
        }
        // A body is short: it is sent without asking first whether it is welcome.
        headers.append("expect:")?;
        easy.http_headers(headers)?;

        let received = Received::default();
        let (head, body) = (received.clone(), received.clone());
        easy.header_function(move |line| {
            lock(&head.0).headers.push_line(line);
            true
        })?;
        easy.write_function(move |data| Ok(body.take(data)))?;
        Ok((easy, received))
    }
}

/// How long cargo waits for a server that says nothing, if not for ever.
fn patience(timeout: &HttpTimeout) -> Option<Duration> {
    (!timeout.dur.is_zero()).then_some(timeout.dur)
}

impl Transport for Network {
    fn send(&self, request: &Request) -> Result<Response, Unreachable> {
        self.send_within(request, None)
    }
}

/// The network, for requests that may take no longer than what time is left.
pub(super) struct Within<'n> {
    network: &'n Network,
    time: Duration,
}

impl Transport for Within<'_> {
    fn send(&self, request: &Request) -> Result<Response, Unreachable> {
        self.network.send_within(request, Some(self.time))
    }
}

impl Network {
    /// The same, for requests that take no longer than `time` each.
    pub(super) fn within(&self, time: Duration) -> Within<'_> {
        Within {
            network: self,
            time,
        }
    }

    fn send_within(
        &self,
        request: &Request,
        time: Option<Duration>,
    ) -> Result<Response, Unreachable> {
        let send = || -> CargoResult<Result<Response, Failure>> {
            let limit = patience(&HttpTimeout::new(&self.own)?).unwrap_or(TIME_LIMIT);
            let limit = time.map_or(limit, |time| time.min(limit));
            let (mut easy, received) = self.prepare(request, limit)?;
            // There may be a token in it: cargo's `http.debug` would log what it does not know for one.
            easy.verbose(false)?;
            let result = easy.perform();
            received.response(&mut easy, result)
        };
        match send() {
            Ok(Ok(response)) => Ok(response),
            Ok(Err(failure)) => Err(Unreachable(failure.why)),
            Err(error) => Err(Unreachable(format!("{error:#}"))),
        }
    }
}

/// No response came.
#[derive(Debug)]
pub(super) struct Failure {
    /// The host does not exist: its name could not be resolved.
    pub(super) no_such_host: bool,
    /// There was a connection, and it broke.
    pub(super) broken: Option<curl::Error>,
    /// Why, in a phrase.
    pub(super) why: String,
}

impl Failure {
    fn of(error: &curl::Error) -> Failure {
        let mut why = error.description().to_owned();
        // It repeats the host and says how long it took, or what is wrong with a certificate.
        let says_more = !error.is_couldnt_connect()
            && !error.is_couldnt_resolve_host()
            && !error.is_operation_timedout();
        if let Some(more) = error.extra_description().filter(|_| says_more) {
            let printable = |c: char| if c.is_control() { '\u{fffd}' } else { c };
            why += &format!(" ({})", more.chars().map(printable).collect::<String>());
        }
        let broke = error.is_recv_error()
            || error.is_send_error()
            || error.is_http2_error()
            || error.is_http2_stream_error()
            || error.is_ssl_connect_error()
            || error.is_partial_file();
        Failure {
            no_such_host: error.is_couldnt_resolve_host(),
            broken: broke.then(|| error.clone()),
            why,
        }
    }
}

/// What has come so far.
#[derive(Clone, Default)]
struct Received(Arc<Mutex<Parts>>);

#[derive(Default)]
struct Parts {
    headers: Headers,
    body: Zeroizing<Vec<u8>>,
}

impl Received {
    /// Takes as much as is read of a body. Fewer bytes than came end the transfer.
    fn take(&self, data: &[u8]) -> usize {
        let body = &mut lock(&self.0).body;
        let taken = data.len().min((MAX_BODY + 1).saturating_sub(body.len()));
        body.extend_from_slice(&data[..taken]);
        taken
    }

    /// The response, after a transfer that ended so.
    fn response(
        self,
        easy: &mut Easy,
        result: Result<(), curl::Error>,
    ) -> CargoResult<Result<Response, Failure>> {
        let Parts { headers, body } = std::mem::take(&mut *lock(&self.0));
        if let Err(error) = result
            && body.len() <= MAX_BODY
        {
            return Ok(Err(Failure::of(&error)));
        }
        Ok(Ok(Response {
            status: easy.response_code()?,
            headers,
            body,
        }))
    }
}

/// Requests that are under way side by side.
pub(super) struct Transfers<'n> {
    network: &'n Network,
    multi: Multi,
    running: HashMap<usize, (EasyHandle, Received)>,
}

/// A request that is done: its number, and what came of it.
pub(super) type Done = (usize, Result<Response, Failure>);

impl<'n> Transfers<'n> {
    pub(super) fn over(network: &'n Network) -> Transfers<'n> {
        Transfers {
            network,
            multi: Multi::new(),
            running: HashMap::new(),
        }
    }

    /// How many are under way.
    pub(super) fn len(&self) -> usize {
        self.running.len()
    }

    /// Starts `request`, which takes no more than `time`, under a number of its own.
    pub(super) fn start(
        &mut self,
        number: usize,
        request: &Request,
        time: Duration,
    ) -> CargoResult<()> {
        tracing::trace!("asking `{}`", request.url);
        let (easy, received) = self.network.prepare(request, time)?;
        let mut handle = self.multi.add(easy)?;
        handle.set_token(number)?;
        self.running.insert(number, (handle, received));
        Ok(())
    }

    /// Waits until one is done, if any is under way, and takes all that are.
    pub(super) fn finish(&mut self) -> CargoResult<Vec<Done>> {
        loop {
            self.multi.perform()?;
            let mut ended = Vec::new();
            self.multi.messages(|message| {
                let ending = message.token().ok().and_then(|number| {
                    let (handle, _) = self.running.get(&number)?;
                    Some((number, message.result_for(handle)?))
                });
                ended.extend(ending);
            });
            let mut done = Vec::new();
            for (number, result) in ended {
                let (handle, received) = self
                    .running
                    .remove(&number)
                    .context("a transfer ended that was not under way")?;
                let mut easy = self.multi.remove(handle)?;
                done.push((number, received.response(&mut easy, result)?));
            }
            if !done.is_empty() || self.running.is_empty() {
                return Ok(done);
            }
            self.multi.wait(&mut [], Duration::from_millis(250))?;
        }
    }
}
