//! The guard: it checks every request of REST and gRPC by the policy of its route before the handler runs.

mod authentication;
mod body;
mod browser;
mod credentials;
mod drain_body;
mod known_callers;
mod password_attempts;
mod rate_limit;
mod refusal;
mod unmatched;

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::{MatchedPath, Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use futures::FutureExt;
use http::HeaderValue;
use http::request::Parts;
use tracing::Instrument;

use authentication::Authenticator;
use rate_limit::RateLimit;
use refusal::Refusal;

use super::caller::Caller;
use super::grpc::deadline::grpc_timeout;
use super::peer::Peer;
use super::policy::{AllowedCallers, BodyMode, DeclaredRoutes, Effect, Policy, PolicyTable, RefusalForm};
use super::request_id::{HEADER as REQUEST_ID, RequestId};
use super::settings::{ServerLimits, Settings};
use super::{audit, metrics};

/// Checks requests; shared by all listeners.
pub(super) struct Guard {
    authenticator: Authenticator,
    rate_limit: RateLimit,
    limits: ServerLimits,
    large_bodies: body::Queue,
    /// The host names of the server, if it serves only this machine.
    own_names: Option<Vec<String>>,
    /// The number of requests without an answer.
    pending: AtomicUsize,
}

impl Guard {
    /// Creates the guard; `loopback_only` states that the server requires no authentication and serves only this machine.
    pub(super) fn new(settings: &Settings, loopback_only: bool) -> Arc<Self> {
        let listeners = [Some(&settings.listen), settings.grpc_listen.as_ref()];
        let own_names = || listeners.into_iter().flatten().filter_map(|listen| listen.host.clone()).collect();
        Arc::new(Self {
            authenticator: Authenticator::new(settings.access.clone()),
            rate_limit: RateLimit::new(settings.limits.requests_per_second),
            limits: settings.limits.clone(),
            large_bodies: body::Queue::default(),
            own_names: loopback_only.then(own_names),
            pending: AtomicUsize::new(0),
        })
    }

    /// Puts the guard around routes. A request whose route has no policy is refused.
    pub(super) fn protect(self: &Arc<Self>, routes: DeclaredRoutes) -> Router {
        let state = (Arc::clone(self), Arc::new(routes.policies));
        // The routes are matched before the layer runs, so that it sees their templates.
        routes.router.layer(from_fn_with_state(state, check_and_answer))
    }

    /// Returns the number of requests without an answer.
    pub(super) fn pending(&self) -> usize {
        self.pending.load(Ordering::Acquire)
    }

    /// Counts a request as pending until the result is dropped.
    fn count_pending(self: &Arc<Self>) -> Pending {
        self.pending.fetch_add(1, Ordering::AcqRel);
        Pending(Arc::clone(self))
    }

    /// Checks everything but the body; returns the caller, if one is authenticated.
    async fn check(&self, head: &Parts, peer: &Peer, policy: Policy) -> Result<Option<Caller>, Refusal> {
        self.rate_limit.check(peer)?;
        if head_size(head) > self.limits.max_header {
            return Err(Refusal::large_head(self.limits.max_header));
        }
        if self.own_names.as_ref().is_some_and(|own| browser::has_foreign_host(head, own)) {
            return Err(Refusal::foreign_host());
        }
        if browser::is_cross_site_change(head) {
            return Err(Refusal::cross_site());
        }
        let caller = self.authenticator.authenticate(&head.headers, peer).await;
        match policy.callers {
            AllowedCallers::Anyone => Ok(caller.ok()),
            AllowedCallers::Role(role) => {
                let caller = caller?;
                caller.require(role).map_err(Refusal::forbidden)?;
                Ok(Some(caller))
            }
        }
    }

    /// Reads the body and answers the request within the time that it may take.
    async fn answer<F: Future<Output = Response>>(
        &self,
        request: Request,
        policy: Policy,
        id: &str,
        handler: impl FnOnce(Request) -> F,
    ) -> Result<Response, Refusal> {
        let time_limit = self.time_limit(&request, policy);
        let answer = async {
            let request = match policy.body {
                BodyMode::Buffered => body::buffer(request, &self.limits, &self.large_bodies).await?,
                BodyMode::Streamed => body::stream(request, self.limits.body_timeout),
            };
            AssertUnwindSafe(handler(request)).catch_unwind().await.map_err(|_| Refusal::panicked(id))
        };
        match time_limit {
            Some(limit) => {
                tokio::time::timeout(limit, answer).await.map_err(|_| Refusal::slow_response(limit))?
            }
            None => answer.await,
        }
    }

    /// Returns the time that an answer may take: the server's limit for routes that read, and the caller's for gRPC.
    fn time_limit(&self, request: &Request, policy: Policy) -> Option<Duration> {
        let of_server = (policy.effect == Effect::Reads).then_some(self.limits.request_timeout);
        let of_caller = match policy.refusals {
            RefusalForm::GrpcStatus => grpc_timeout(request.headers()),
            RefusalForm::Envelope | RefusalForm::Problem => None,
        };
        of_server.into_iter().chain(of_caller).min()
    }
}

/// A request without an answer.
struct Pending(Arc<Guard>);

impl Drop for Pending {
    fn drop(&mut self) {
        self.0.pending.fetch_sub(1, Ordering::AcqRel);
    }
}

/// Returns the size of a head as HTTP/1 writes it, without the parts that all heads have, in bytes.
fn head_size(head: &Parts) -> usize {
    let target = head.uri.path_and_query().map_or(0, |target| target.as_str().len());
    let headers = head.headers.iter();
    target + headers.map(|(name, value)| name.as_str().len() + value.len() + ": \r\n".len()).sum::<usize>()
}

/// Checks a request by the policy of its route, answers it, and records both.
async fn check_and_answer(
    State((guard, policies)): State<(Arc<Guard>, Arc<PolicyTable>)>,
    request: Request,
    next: Next,
) -> Response {
    let pending = guard.count_pending();
    let started = Instant::now();
    let id = RequestId::from_headers(request.headers());
    let peer = request.extensions().get::<Peer>().cloned().unwrap_or_default();
    let request = drain_body::drain_when_dropped(request);
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let route = request.extensions().get::<MatchedPath>().map(|path| path.as_str().to_owned());
    // The template of all calls of a gRPC service is the same, so their policies are declared by path.
    let declared =
        [route.as_deref(), Some(&path)].into_iter().flatten().find_map(|path| policies.find(&method, path));
    let policy = declared.unwrap_or_else(|| unmatched::policy(&request, route.as_deref(), &policies));
    // An error span, so that it exists at every log level: audit lines need it.
    let span =
        tracing::error_span!("request", id = %id.id, from = %peer.address, method = %method, path = %path);
    let (mut head, body) = request.into_parts();
    head.extensions.insert(id.clone());
    let answered = async {
        let checked = guard.check(&head, &peer, policy).await;
        let caller = checked.as_ref().ok().cloned().flatten();
        let answer = async {
            if let Some(caller) = checked? {
                head.extensions.insert(caller);
            }
            let handler = async |request| match declared {
                Some(_) => next.run(request).await,
                None => unmatched::answer(&request, policy.refusals, route.as_deref(), &policies),
            };
            guard.answer(Request::from_parts(head, body), policy, &id.id, handler).await
        };
        let (answer, recorded) = audit::watch_for_line(answer).await;
        let mut response = answer.unwrap_or_else(|refusal| {
            refusal.log();
            refusal.into_response(policy.refusals, &id.id)
        });
        if let Ok(id) = HeaderValue::from_str(&id.id) {
            response.headers_mut().insert(REQUEST_ID, id);
        }
        if !recorded
            && policy.effect == Effect::Changes
            && let Some(status) = refusal::refused_status(&response, policy.refusals)
        {
            audit::record_refusal(caller.as_ref(), &format!("{method} {path}"), &status);
        }
        let took = started.elapsed();
        tracing::debug!(status = response.status().as_u16(), seconds = took.as_secs_f64(), "answered");
        metrics::count_response(&method, route, response.status(), took);
        response
    };
    let response = answered.instrument(span).await;
    drop(pending);
    response
}

#[cfg(test)]
mod tests;
