//! The door: every request, REST and gRPC, passes it before a handler sees it, and every answer on its way back.

mod attempts;
mod body;
mod browser;
mod credentials;
mod keys;
mod refusal;
mod request_id;
mod unread;

use std::net::IpAddr;
use std::num::NonZeroU32;
use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use axum::extract::{MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::Response;
use futures::FutureExt;
use governor::clock::{Clock, DefaultClock};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};
use http::{HeaderMap, HeaderValue, Method};
use secrecy::SecretString;
use tracing::Instrument;

pub(crate) use request_id::{HEADER as REQUEST_ID, RequestId};

use attempts::Attempts;
use credentials::Shown;
use keys::Keys;
use refusal::{Form, Refusal};

use super::accept::Peer;
use super::{Caller, Limits, Role, Settings, audit, metrics};

/// How often what the door remembers of callers is looked through.
const TIDIED: Duration = Duration::from_mins(1);

/// What the door knows.
pub(super) struct Door {
    keys: Keys,
    attempts: Attempts,
    rate: Option<DefaultKeyedRateLimiter<IpAddr>>,
    limits: Limits,
    large: body::Turns,
    metrics_open: bool,
    /// Where only this machine is served, the names it may be called by.
    own_names: Option<Vec<String>>,
    /// Requests whose handlers have not answered yet.
    open: AtomicUsize,
}

impl Door {
    /// A door that forgets callers who have not come for a while; `alone` where it serves this machine only, without
    /// names.
    pub(super) fn new(settings: &Settings, alone: bool) -> Arc<Self> {
        let named = [Some(&settings.listen), settings.grpc_listen.as_ref()];
        let own_names = || named.into_iter().flatten().filter_map(|listen| listen.host.clone()).collect();
        let quota = |rate: NonZeroU32| Quota::per_second(rate).allow_burst(rate.saturating_mul(BURST));
        let door = Arc::new(Self {
            keys: Keys::new(settings.access.clone()),
            attempts: Attempts::default(),
            rate: settings.limits.requests_per_second.map(|rate| RateLimiter::keyed(quota(rate))),
            limits: settings.limits.clone(),
            large: body::Turns::default(),
            metrics_open: settings.access.metrics_open,
            own_names: alone.then(own_names),
            open: AtomicUsize::new(0),
        });
        tokio::spawn(tidy(Arc::downgrade(&door)));
        door
    }

    /// How many requests wait for their answers.
    pub(super) fn open(&self) -> usize {
        self.open.load(Ordering::Acquire)
    }

    /// What is counted of a request before it is answered.
    fn enter(self: &Arc<Self>) -> Inside {
        self.open.fetch_add(1, Ordering::AcqRel);
        Inside(Arc::clone(self))
    }

    /// Refuses who asks too often.
    fn count(&self, peer: &Peer) -> Result<(), Refusal> {
        let Some(rate) = &self.rate else { return Ok(()) };
        rate.check_key(&peer.client()).map_err(|early| {
            let wait = early.wait_time_from(DefaultClock::default().now());
            Refusal::too_many("more requests a second than this server takes from one client", wait)
        })
    }

    /// Finds out who asks: by the header, else by the certificate of the connection.
    async fn caller(&self, headers: &HeaderMap, peer: &Peer) -> Result<Caller, Refusal> {
        if self.keys.is_open() {
            return Ok(Caller::anyone());
        }
        let found = match credentials::shown(headers) {
            Shown::Nothing => {
                let known = self.keys.of_certificate(&peer.names);
                return known.ok_or_else(|| Refusal::unknown(&unnamed(&peer.names)));
            }
            // Nobody guesses a token, and looking one up is cheap: there is nothing to slow down.
            Shown::Token(token) => self.keys.of_token(&token),
            Shown::Password(user, password) => match self.keys.remembered(&user, &password) {
                None => self.login(peer.client(), &user, &password).await?,
                found => found,
            },
            Shown::Unreadable => None,
        };
        found.ok_or_else(|| {
            metrics::refused_login();
            Refusal::unknown("the token, user or password is not known here")
        })
    }

    /// Whose password it is. Hashing is dear, so who guessed before waits before it and not after it.
    async fn login(
        &self,
        from: IpAddr,
        user: &str,
        password: &SecretString,
    ) -> Result<Option<Caller>, Refusal> {
        if let Some(wait) = self.attempts.wait(from, Instant::now()) {
            return Err(too_often(wait));
        }
        let attempt = || self.attempts.begin(from, Instant::now()).map_err(too_often);
        let found = self.keys.of_password(user, password, attempt).await?;
        if found.is_some() {
            self.attempts.right(from);
        }
        Ok(found)
    }

    /// Lets a request through to its handler, or not.
    async fn admit(
        &self,
        request: Request,
        next: Next,
        peer: &Peer,
        form: Form,
        who: &mut Option<Caller>,
    ) -> Result<Response, Refusal> {
        self.count(peer)?;
        if head_size(&request) > self.limits.max_header {
            return Err(Refusal::large_head(self.limits.max_header));
        }
        if self.own_names.as_ref().is_some_and(|own| browser::is_misled(&request, own)) {
            return Err(Refusal::misled());
        }
        if browser::is_forged(&request) {
            return Err(Refusal::forged());
        }
        let mut request = request;
        let path = request.uri().path().to_owned();
        let caller = self.caller(request.headers(), peer).await;
        if is_public(&path) {
            if let Ok(caller) = caller {
                request.extensions_mut().insert(caller);
            }
        } else {
            match caller {
                Err(_) if path == METRICS && self.metrics_open => {}
                Err(refusal) => return Err(refusal),
                Ok(caller) => {
                    *who = Some(caller.clone());
                    caller.may(Role::Read).map_err(Refusal::forbidden)?;
                    request.extensions_mut().insert(caller);
                }
            }
        }
        let wait = self.patience(&request, form);
        let answer = async {
            let request = if path.starts_with(REFLECTION) {
                body::streamed(request, &self.limits)
            } else {
                body::whole(request, &self.limits, &self.large).await?
            };
            AssertUnwindSafe(next.run(request)).catch_unwind().await.map_err(|_| Refusal::broken())
        };
        match wait {
            Some(wait) => tokio::time::timeout(wait, answer).await.map_err(|_| Refusal::slow_answer(wait))?,
            None => answer.await,
        }
    }

    /// How long a handler may take: what the caller says in a gRPC call, and what the server allows, but for changes,
    /// which last as long as their job where the caller waits for it.
    fn patience(&self, request: &Request, form: Form) -> Option<Duration> {
        if form != Form::Grpc {
            let reads = matches!(*request.method(), Method::GET | Method::HEAD);
            return reads.then_some(self.limits.request_timeout);
        }
        let method = request.uri().path().rsplit('/').next().unwrap_or_default();
        let reads = ["Get", "List", "Check"].iter().any(|verb| method.starts_with(verb));
        let asked =
            request.headers().get("grpc-timeout").and_then(|value| grpc_timeout(value.to_str().ok()?));
        let allowed = reads.then_some(self.limits.request_timeout);
        asked.into_iter().chain(allowed).min()
    }
}

/// So many seconds' worth of requests may come at once.
const BURST: NonZeroU32 = NonZeroU32::MIN.saturating_add(1);
/// Where the only calls are that take more than one message.
const REFLECTION: &str = "/grpc.reflection.";
/// Names of a certificate that are told, and how much of each, characters.
const NAMES_TOLD: (usize, usize) = (4, 64);
/// Where metrics are.
pub(super) const METRICS: &str = "/metrics";

/// What needs no name: that the server is there, and how to speak to it.
fn is_public(path: &str) -> bool {
    matches!(path, "/" | "/api/v1/hello" | "/healthz" | "/readyz")
        || path.starts_with("/api/v1/docs")
        || path.starts_with("/api/v2/openapi")
        || path.starts_with("/grpc.health.v1.Health/")
}

/// Whether a request is a call of gRPC, and to be answered as one.
pub(super) fn is_grpc(request: &Request) -> bool {
    Form::of(request.uri().path(), request.headers()) == Form::Grpc
}

/// The size of a head as HTTP/1 writes it, but for what all have, bytes.
fn head_size(request: &Request) -> usize {
    let target = request.uri().path_and_query().map_or(0, |target| target.as_str().len());
    let headers = request.headers().iter();
    target + headers.map(|(name, value)| name.as_str().len() + value.len() + ": \r\n".len()).sum::<usize>()
}

/// Why nobody is known who shows nothing but a connection, which may have a certificate with these names.
fn unnamed(names: &[String]) -> String {
    if names.is_empty() {
        return "this needs a token, a password or a certificate".to_owned();
    }
    let (most, longest) = NAMES_TOLD;
    let told: Vec<String> =
        names.iter().take(most).map(|name| name.chars().take(longest).collect()).collect();
    format!("none of the names of the certificate is in server.client_names: {told:?}")
}

fn too_often(wait: Duration) -> Refusal {
    metrics::refused_login();
    Refusal::too_many("too many wrong passwords from this address", wait)
}

/// The time of a `grpc-timeout` header: up to eight digits and a unit.
pub(crate) fn grpc_timeout(text: &str) -> Option<Duration> {
    let (number, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let number: u64 = number.parse().ok().filter(|_| number.len() <= 8)?;
    Some(match unit {
        "H" => Duration::from_secs(number * 3600),
        "M" => Duration::from_secs(number * 60),
        "S" => Duration::from_secs(number),
        "m" => Duration::from_millis(number),
        "u" => Duration::from_micros(number),
        "n" => Duration::from_nanos(number),
        _ => return None,
    })
}

/// Whether what is asked for is a change, going by what can be seen from outside.
fn changes(method: &Method, path: &str, form: Form) -> bool {
    const READING: [&str; 5] = ["Get", "List", "Check", "Watch", "ServerReflection"];
    let call = path.rsplit('/').next().unwrap_or_default();
    match form {
        Form::Grpc => !READING.iter().any(|verb| call.starts_with(verb)),
        Form::Envelope | Form::Problem => !matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS),
    }
}

/// A request that is not answered yet.
struct Inside(Arc<Door>);

impl Drop for Inside {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Ordering::AcqRel);
    }
}

/// The door as a layer around all routes.
pub(super) async fn pass(State(door): State<Arc<Door>>, request: Request, next: Next) -> Response {
    let inside = door.enter();
    let started = Instant::now();
    let id = RequestId::of(request.headers());
    let peer = request.extensions().get::<Peer>().cloned().unwrap_or_default();
    let form = Form::of(request.uri().path(), request.headers());
    let mut request = unread::read_on(request);
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let route = request.extensions().get::<MatchedPath>().map(|path| path.as_str().to_owned());
    // An error span, so that it is there whatever the level of the log: lines of the audit need it.
    let span = tracing::error_span!("request", id = %id.id, from = %peer.address, method = %method, path = %request.uri().path());
    request.extensions_mut().insert(id.clone());
    let answered = async {
        let mut who = None;
        let admitted = door.admit(request, next, &peer, form, &mut who);
        let (admitted, recorded) = audit::noticing(admitted).await;
        let mut response = match admitted {
            Ok(response) => response,
            Err(refusal) => {
                refusal.log();
                refusal.answer(form, &id.id)
            }
        };
        if let Ok(id) = HeaderValue::from_str(&id.id) {
            response.headers_mut().insert(REQUEST_ID, id);
        }
        if !recorded
            && changes(&method, &path, form)
            && let Some(status) = refusal::status_of(&response, form)
        {
            audit::refused(who.as_ref(), &format!("{method} {path}"), &status);
        }
        let took = started.elapsed();
        tracing::debug!(status = response.status().as_u16(), seconds = took.as_secs_f64(), "answered");
        metrics::answered(&method, route, response.status(), took);
        response
    };
    let response = answered.instrument(span).await;
    drop(inside);
    response
}

async fn tidy(door: Weak<Door>) {
    loop {
        tokio::time::sleep(TIDIED).await;
        let Some(door) = door.upgrade() else { return };
        if let Some(rate) = &door.rate {
            rate.retain_recent();
            rate.shrink_to_fit();
        }
    }
}

#[cfg(test)]
mod tests {
    use axum::Router;
    use axum::body::Body;
    use axum::routing::{get, post};
    use http::StatusCode;
    use http_body_util::BodyExt;
    use tower::ServiceExt;

    use super::*;

    /// Answers that pass the door of a server without names.
    fn behind_the_door(routes: Router) -> Router {
        let settings = Settings::without_authentication();
        routes.layer(axum::middleware::from_fn_with_state(Door::new(&settings, false), pass))
    }

    async fn breaks() -> &'static str {
        panic!("broken on purpose, with a secret")
    }

    #[tokio::test]
    async fn a_handler_that_breaks_is_an_answer_and_not_the_end() {
        let routes = Router::new().route("/api/v1/list", get(breaks)).route("/api/v2/jobs", get(breaks));
        let routes = routes.route("/a.Service/Get", post(breaks)).route("/fine", get(async || "fine"));
        let app = behind_the_door(routes);
        let ask = async |request: http::request::Builder| {
            let response = app.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
            let (head, body) = response.into_parts();
            (head, String::from_utf8(body.collect().await.unwrap().to_bytes().to_vec()).unwrap())
        };
        for path in ["/api/v1/list", "/api/v2/jobs"] {
            let (head, body) = ask(http::Request::get(path).header("x-request-id", "mine")).await;
            assert_eq!(head.status, StatusCode::INTERNAL_SERVER_ERROR);
            assert_eq!(head.headers[&REQUEST_ID], "mine");
            assert!(body.contains("the server made a mistake") && !body.contains("secret"), "{body}");
        }
        let call = http::Request::post("/a.Service/Get").header("content-type", "application/grpc");
        let (head, _) = ask(call).await;
        assert_eq!(head.status, StatusCode::OK);
        assert_eq!(head.headers["grpc-status"], "13");
        assert_eq!(ask(http::Request::get("/fine")).await.1, "fine");
    }

    #[test]
    fn deadlines_of_grpc_calls_are_read() {
        assert_eq!(grpc_timeout("5S"), Some(Duration::from_secs(5)));
        assert_eq!(grpc_timeout("100m"), Some(Duration::from_millis(100)));
        for wrong in ["", "S", "5", "5x", "123456789S", "-1S", "5é"] {
            assert_eq!(grpc_timeout(wrong), None, "{wrong}");
        }
    }
}
