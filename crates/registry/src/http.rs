//! The registry over HTTP: cargo's sparse index and Web API, as cargo's reference has them.
//!
//! ```text
//! GET    /index/config.json
//! GET    /index/se/rd/serde                          ETag, If-None-Match
//! GET    /api/v1/crates?q=TEXT&per_page=N
//! GET    /api/v1/crates/NAME/VERSION/download
//! PUT    /api/v1/crates/new                          token
//! DELETE /api/v1/crates/NAME/VERSION/yank            token
//! PUT    /api/v1/crates/NAME/VERSION/unyank          token
//! GET    /api/v1/crates/NAME/owners
//! PUT    /api/v1/crates/NAME/owners                  token
//! DELETE /api/v1/crates/NAME/owners                  token
//! PUT    /api/v1/crates/NAME/VERSION/signature       token
//! GET    /me
//! ```
//!
//! All but the last two are cargo's. `signature` takes `{"signature": …, "key_locator": …}` for a
//! version that is there, which is what `cargo sign` sends. `/me` tells a person how to get a token.
//!
//! A handler reads its request, calls the one function of [`Registry`] that does the work, on a
//! thread that may block, and writes the answer down. Whatever is refused is answered with
//! `{"errors": [{"detail": …}]}`, which cargo shows.

use std::sync::Arc;
use std::time::Instant;

use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{FromRequestParts, Path, Query, Request, State};
use axum::http::header::{
    AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, ETAG, HeaderMap, HeaderValue, IF_NONE_MATCH,
    WWW_AUTHENTICATE,
};
use axum::http::request::Parts;
use axum::http::{StatusCode, Uri};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, put};
use axum::{Json, Router};
use consign_statement::Digest;
use http_body_util::LengthLimitError;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::error::Error;
use crate::registry::Registry;
use crate::token::User;
use crate::upload::{FRAME, MAX_METADATA, Upload};

/// The most bytes of a request body other than an upload.
const MAX_BODY: usize = 64 * 1024;

/// What is read of a body whose sender is refused anyway. A connection that is closed on bytes that
/// nobody read is reset, and with that the answer may be lost.
const MAX_REFUSED: usize = 1024 * 1024;

/// How a registry is served.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The address at which clients see it, without a `/` at the end.
    pub base_url: String,
    /// Whether the index and downloads need a token too.
    pub auth_required: bool,
    /// The most bytes of a `.crate`.
    pub max_upload: usize,
    /// Whether each request gets a line on standard error.
    pub verbose: bool,
}

struct Server {
    registry: Registry,
    settings: Settings,
}

type Shared = State<Arc<Server>>;

/// Serves `registry`.
pub fn router(registry: Registry, settings: Settings) -> Router {
    let server = Arc::new(Server { registry, settings });
    let version = "/api/v1/crates/{name}/{version}";
    Router::new()
        .route("/index/config.json", get(config))
        .route("/index/{*path}", get(index))
        .route("/api/v1/crates", get(search))
        .route("/api/v1/crates/new", put(publish))
        .route(
            "/api/v1/crates/{name}/owners",
            get(owners).put(add_owners).delete(remove_owners),
        )
        .route(&format!("{version}/download"), get(download))
        .route(&format!("{version}/yank"), delete(yank))
        .route(&format!("{version}/unyank"), put(unyank))
        .route(&format!("{version}/signature"), put(sign))
        .route("/me", get(me))
        .fallback(async || Error::NoPage)
        .method_not_allowed_fallback(async || Error::Method)
        .layer(from_fn_with_state(server.clone(), around))
        .with_state(server)
}

/// What is the same for every request: who may ask at all, and the log.
async fn around(State(server): Shared, request: Request, next: Next) -> Response {
    let started = Instant::now();
    let (method, uri) = (request.method().clone(), request.uri().clone());
    let mut response = match admitted(&server, uri.path(), request.headers()).await {
        Ok(()) => next.run(request).await,
        Err(error) => error.into_response(),
    };
    if response.status() == StatusCode::UNAUTHORIZED {
        let challenge = format!("Cargo login_url=\"{}/me\"", server.settings.base_url);
        if let Ok(challenge) = HeaderValue::try_from(challenge) {
            response.headers_mut().insert(WWW_AUTHENTICATE, challenge);
        }
    }
    if server.settings.verbose {
        let (status, took) = (response.status().as_u16(), started.elapsed());
        eprintln!("{method} {uri} {status} {} ms", took.as_millis());
    }
    response
}

async fn admitted(server: &Arc<Server>, path: &str, headers: &HeaderMap) -> Result<(), Error> {
    if !server.settings.auth_required || path == "/me" {
        return Ok(());
    }
    match user(server, headers).await {
        Ok(_) => Ok(()),
        // Here only this answer makes cargo say that it was the token.
        Err(Error::UnknownToken) if path.starts_with("/index/") => Err(Error::NoToken),
        Err(error) => Err(error),
    }
}

async fn config(State(server): Shared) -> Json<Value> {
    let base = &server.settings.base_url;
    let mut config = json!({ "dl": format!("{base}/api/v1/crates"), "api": base });
    if server.settings.auth_required {
        config["auth-required"] = Value::Bool(true);
    }
    Json(config)
}

async fn index(
    State(server): Shared,
    At(path): At<String>,
    headers: HeaderMap,
) -> Result<Response, Error> {
    let lines = blocking(&server, move |registry| registry.index(&path)).await?;
    let etag = format!("\"{}\"", Digest::of(&lines));
    if headers
        .get_all(IF_NONE_MATCH)
        .iter()
        .any(|value| names(value, &etag))
    {
        return Ok((StatusCode::NOT_MODIFIED, [(ETAG, etag)]).into_response());
    }
    let text = (CONTENT_TYPE, "text/plain; charset=utf-8".to_owned());
    Ok(([text, (ETAG, etag)], lines).into_response())
}

/// Whether an `If-None-Match` names this tag, by the weak comparison (RFC 9110, section 13.1.2).
fn names(if_none_match: &HeaderValue, etag: &str) -> bool {
    if_none_match.to_str().is_ok_and(|list| {
        list.split(',')
            .map(str::trim)
            .any(|tag| tag == "*" || tag.strip_prefix("W/").unwrap_or(tag) == etag)
    })
}

async fn download(
    State(server): Shared,
    At((name, version)): At<(String, String)>,
) -> Result<Response, Error> {
    let bytes = blocking(&server, move |registry| registry.archive(&name, &version)).await?;
    Ok(([(CONTENT_TYPE, "application/gzip")], bytes).into_response())
}

async fn publish(State(server): Shared, request: Request) -> Result<Json<Value>, Error> {
    let max_upload = server.settings.max_upload;
    let limit = max_upload.saturating_add(MAX_METADATA + FRAME);
    let (user, body) = user_and_body(&server, request, limit).await?;
    blocking(&server, move |registry| {
        registry.publish(&user, &Upload::parse(&body, max_upload)?)
    })
    .await?;
    Ok(Json(json!({
        "warnings": { "invalid_categories": [], "invalid_badges": [], "other": [] }
    })))
}

async fn sign(
    State(server): Shared,
    At((name, version)): At<(String, String)>,
    request: Request,
) -> Result<Json<Value>, Error> {
    let (user, body) = user_and_body(&server, request, MAX_BODY).await?;
    blocking(&server, move |registry| {
        registry.sign(&user, &name, &version, &body)
    })
    .await?;
    Ok(Json(json!({ "ok": true })))
}

async fn yank(server: Shared, at: At<(String, String)>, request: Request) -> Answer {
    set_yanked(server, at, request, true).await
}

async fn unyank(server: Shared, at: At<(String, String)>, request: Request) -> Answer {
    set_yanked(server, at, request, false).await
}

async fn set_yanked(
    State(server): Shared,
    At((name, version)): At<(String, String)>,
    request: Request,
    yanked: bool,
) -> Answer {
    let (user, _) = user_and_body(&server, request, MAX_BODY).await?;
    blocking(&server, move |registry| {
        registry.set_yanked(&user, &name, &version, yanked)
    })
    .await?;
    Ok(Json(json!({ "ok": true })))
}

async fn owners(State(server): Shared, At(name): At<String>) -> Answer {
    let owners = blocking(&server, move |registry| registry.owners(&name)).await?;
    let user = |user: &User| json!({ "id": user.id(), "login": user.as_str(), "name": null });
    let users: Vec<Value> = owners.iter().map(user).collect();
    Ok(Json(json!({ "users": users })))
}

#[derive(Deserialize)]
struct Users {
    users: Vec<String>,
}

impl Users {
    fn parse(body: &[u8]) -> Result<Vec<String>, Error> {
        let users: Users =
            serde_json::from_slice(body).map_err(|e| Error::Malformed(e.to_string()))?;
        Ok(users.users)
    }
}

async fn add_owners(State(server): Shared, At(name): At<String>, request: Request) -> Answer {
    let (user, body) = user_and_body(&server, request, MAX_BODY).await?;
    let users = Users::parse(&body)?;
    let msg = format!("now an owner of {name}: {}", users.join(", "));
    blocking(&server, move |registry| {
        registry.add_owners(&user, &name, &users)
    })
    .await?;
    Ok(Json(json!({ "ok": true, "msg": msg })))
}

async fn remove_owners(State(server): Shared, At(name): At<String>, request: Request) -> Answer {
    let (user, body) = user_and_body(&server, request, MAX_BODY).await?;
    let users = Users::parse(&body)?;
    let msg = format!("no longer an owner of {name}: {}", users.join(", "));
    blocking(&server, move |registry| {
        registry.remove_owners(&user, &name, &users)
    })
    .await?;
    Ok(Json(json!({ "ok": true, "msg": msg })))
}

#[derive(Deserialize)]
struct Search {
    #[serde(default)]
    q: String,
    #[serde(default = "ten")]
    per_page: usize,
}

fn ten() -> usize {
    10
}

async fn search(State(server): Shared, uri: Uri) -> Answer {
    let Query(Search { q, per_page }) =
        Query::try_from_uri(&uri).map_err(|e| Error::Malformed(e.body_text()))?;
    let limit = per_page.min(100);
    let (crates, total) = blocking(&server, move |registry| registry.search(&q, limit)).await?;
    Ok(Json(
        json!({ "crates": crates, "meta": { "total": total } }),
    ))
}

async fn me() -> &'static str {
    "Tokens of this registry are made by whoever runs it, with\n\n    \
     consign-registry token new --root DIR --user NAME\n\n\
     and given to cargo with `cargo login --registry NAME`, which reads the token from its input.\n"
}

type Answer = Result<Json<Value>, Error>;

/// Who asks, and what: for everything that changes something.
async fn user_and_body(
    server: &Arc<Server>,
    request: Request,
    limit: usize,
) -> Result<(User, Bytes), Error> {
    let user = user(server, request.headers()).await;
    let limit = if user.is_ok() { limit } else { MAX_REFUSED };
    let body = read(request, limit).await;
    Ok((user?, body?))
}

async fn user(server: &Arc<Server>, headers: &HeaderMap) -> Result<User, Error> {
    let token = headers.get(AUTHORIZATION).ok_or(Error::NoToken)?;
    let token = token.to_str().map_err(|_| Error::UnknownToken)?.to_owned();
    blocking(server, move |registry| registry.user(&token)).await
}

/// Reads the body. One that says beforehand that it is too long is not read at all, which a client
/// that waits for leave to send it, as curl does, is glad of.
async fn read(request: Request<Body>, limit: usize) -> Result<Bytes, Error> {
    let announced = request.headers().get(CONTENT_LENGTH);
    let announced = announced.and_then(|length| length.to_str().ok()?.parse::<usize>().ok());
    if announced.is_some_and(|length| length > limit) {
        return Err(Error::TooLarge(limit));
    }
    let body = to_bytes(request.into_body(), limit).await;
    body.map_err(|error| {
        if error.into_inner().is::<LengthLimitError>() {
            Error::TooLarge(limit)
        } else {
            Error::Malformed("the body ends too soon".into())
        }
    })
}

/// Runs what reads or writes files where it may block.
async fn blocking<T: Send + 'static>(
    server: &Arc<Server>,
    work: impl FnOnce(&Registry) -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    let server = server.clone();
    tokio::task::spawn_blocking(move || work(&server.registry))
        .await
        .unwrap_or_else(|e| Err(Error::Internal(e.to_string())))
}

/// [`Path`], refusing in the API's form.
struct At<T>(T);

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for At<T> {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<At<T>, Error> {
        match Path::from_request_parts(parts, state).await {
            Ok(Path(value)) => Ok(At(value)),
            Err(_) => Err(Error::NoPage),
        }
    }
}

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        if let Some(reason) = self.for_the_operator() {
            eprintln!("error: {reason}");
        }
        let errors = json!({ "errors": [{ "detail": self.to_string() }] });
        (self.status(), Json(errors)).into_response()
    }
}
