//! Sending of every call: credentials and database, time limits, retries, and the status of the reply.

use std::fmt::Display;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use backon::BackoffBuilder;
use backon::ExponentialBuilder;
use metrics::{counter, histogram};
use proto::milvus::milvus_service_client::MilvusServiceClient;
use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout};
use tonic::metadata::{Ascii, MetadataValue};
use tonic::transport::Channel;
use tonic::{Request, Response};

use crate::config::CallLimits;
use crate::error::{MilvusError, MilvusErrorKind};
use crate::status::{Failure, Reply, Retry, rpc_failure, status_failure};

/// Histogram: duration of one attempt in seconds, successful or not, by `call`.
const CALL_SECONDS: &str = "milvus_backup_milvus_call_seconds";
/// Counter: retried calls, by `call`.
const RETRIES: &str = "milvus_backup_milvus_retries_total";

pub(crate) type Client = MilvusServiceClient<Channel>;

/// A channel to the server, with the credentials and the time limits of its calls.
#[derive(Clone, Debug)]
pub(crate) struct Rpc {
    pub(crate) client: Client,
    pub(crate) authorization: Option<MetadataValue<Ascii>>,
    pub(crate) limits: CallLimits,
    /// The number of answers with which the server limited the rate of requests.
    pub(crate) rate_limited: Arc<AtomicU64>,
    /// The number of attempts for which the server could not be reached.
    pub(crate) unreachable: Arc<AtomicU64>,
    /// Why the last attempt did not reach the server; `None` if it did.
    pub(crate) outage: watch::Sender<Option<String>>,
}

/// Describes a call for errors and logs, and determines when it is retried.
#[derive(Clone, Copy)]
pub(crate) struct Call<'a> {
    /// A verb with its object, such as "describe collection".
    action: &'static str,
    /// The name of the object of the call, such as that of the collection.
    subject: &'a (dyn Display + Sync),
    /// The database, sent as metadata for messages that have no field for it; empty for none.
    database: &'a str,
    /// Whether the call has the same effect if it is executed twice.
    repeatable: bool,
    /// A kind of error that is temporary for this call, so that it is retried as after an outage.
    temporary_kind: Option<MilvusErrorKind>,
    /// Whether the caller retries the call itself.
    retried_by_caller: bool,
}

impl<'a> Call<'a> {
    /// Describes a call that may be retried when its outcome is unknown.
    pub(crate) fn new(action: &'static str, subject: &'a (dyn Display + Sync), database: &'a str) -> Self {
        Self { action, subject, database, repeatable: true, temporary_kind: None, retried_by_caller: false }
    }

    /// Describes a call that is retried only if the server has certainly not executed it.
    pub(crate) fn unrepeatable(
        action: &'static str,
        subject: &'a (dyn Display + Sync),
        database: &'a str,
    ) -> Self {
        Self { repeatable: false, ..Self::new(action, subject, database) }
    }

    /// Also retries the call after errors of this kind, for as long as after an outage.
    pub(crate) fn retried_after(self, kind: MilvusErrorKind) -> Self {
        Self { temporary_kind: Some(kind), ..self }
    }

    /// Never retries the call, because the caller does, who wants to know at once that the server does not answer.
    pub(crate) fn retried_by_caller(self) -> Self {
        Self { retried_by_caller: true, ..self }
    }

    /// Describes the call for errors and logs, such as "describe collection default.books".
    pub(crate) fn describe(&self) -> String {
        format!("{} {}", self.action, self.subject)
    }

    /// Makes an error of this call that the client itself detected.
    pub(crate) fn error(&self, kind: MilvusErrorKind, reason: impl Into<String>) -> MilvusError {
        MilvusError::new(kind, self.describe(), reason)
    }

    fn is_retried_after(&self, failure: &Failure) -> bool {
        if self.retried_by_caller {
            return false;
        }
        match failure.retry {
            Retry::Never => self.temporary_kind == Some(failure.kind),
            Retry::IfRepeatable => self.repeatable,
            Retry::Always => true,
        }
    }
}

/// Expands to the name of a method of the generated client and a closure that calls it with one request.
macro_rules! rpc {
    ($method:ident) => {
        (stringify!($method), |mut client: $crate::call::Client, request| async move {
            client.$method(request).await
        })
    };
}
pub(crate) use rpc;

impl Rpc {
    /// Sends a request and retries temporary failures until it succeeds, fails permanently, or its time limit ends.
    pub(crate) async fn call<Q, R, F, S>(
        &self,
        call: Call<'_>,
        request: Q,
        (method, send): (&'static str, S),
    ) -> Result<R, MilvusError>
    where
        Q: Clone,
        R: Reply,
        F: Future<Output = Result<Response<R>, tonic::Status>>,
        S: Fn(Client, Request<Q>) -> F,
    {
        let request = self.with_metadata(call, request)?;
        let attempt = || {
            let mut copy = Request::new(request.get_ref().clone());
            copy.metadata_mut().clone_from(request.metadata());
            let answer = send(self.client.clone(), copy);
            async move {
                match answer.await {
                    Ok(reply) => match reply.get_ref().status().and_then(status_failure) {
                        None => Ok(reply.into_inner()),
                        Some(failed) => Err(failed),
                    },
                    Err(status) => Err(rpc_failure(&status)),
                }
            }
        };
        // Boxed to keep the futures of all callers small.
        Box::pin(self.attempt(call, method, attempt)).await
    }

    /// Makes attempts until one succeeds, one fails permanently, or the time limit ends.
    pub(crate) async fn attempt<R, F>(
        &self,
        call: Call<'_>,
        method: &'static str,
        send: impl Fn() -> F,
    ) -> Result<R, MilvusError>
    where
        F: Future<Output = Result<R, Failure>>,
    {
        let limits = self.limits;
        let started = Instant::now();
        let mut delays = retry_delays();
        loop {
            let sent = Instant::now();
            let answer = timeout(limits.attempt, send()).await;
            histogram!(CALL_SECONDS, "call" => method).record(sent.elapsed().as_secs_f64());
            let failed = match answer {
                Ok(Ok(reply)) => {
                    self.record_outage(None);
                    return Ok(reply);
                }
                Ok(Err(failed)) => failed,
                Err(_) => Failure {
                    kind: MilvusErrorKind::Timeout,
                    reason: format!("no answer within {:?}", limits.attempt),
                    retry: Retry::IfRepeatable,
                },
            };
            let is_rate_limited = failed.kind == MilvusErrorKind::RateLimited;
            self.rate_limited.fetch_add(u64::from(is_rate_limited), Ordering::Relaxed);
            let is_unreachable = failed.kind == MilvusErrorKind::Unreachable;
            self.unreachable.fetch_add(u64::from(is_unreachable), Ordering::Relaxed);
            self.record_outage(is_unreachable.then_some(&failed.reason));
            let limit = if is_rate_limited { limits.busy } else { limits.outage };
            let delay = delays.next().unwrap_or(MAX_RETRY_DELAY);
            if !call.is_retried_after(&failed) || started.elapsed() + delay > limit {
                return Err(call.error(failed.kind, failed.reason).retried(failed.retry));
            }
            tracing::debug!(call = call.describe(), reason = failed.reason, ?delay, "trying again");
            counter!(RETRIES, "call" => method).increment(1);
            sleep(delay).await;
        }
    }

    /// Records whether the server was reached, or why not.
    fn record_outage(&self, reason: Option<&String>) {
        self.outage.send_if_modified(|outage| {
            let is_new = outage.is_some() != reason.is_some();
            if is_new {
                *outage = reason.cloned();
            }
            is_new
        });
    }

    /// Wraps a message in a request with the credentials and the database as metadata.
    fn with_metadata<Q>(&self, call: Call<'_>, message: Q) -> Result<Request<Q>, MilvusError> {
        let mut request = Request::new(message);
        let metadata = request.metadata_mut();
        if let Some(authorization) = &self.authorization {
            metadata.insert("authorization", authorization.clone());
        }
        if !call.database.is_empty() {
            let database = MetadataValue::try_from(call.database).map_err(|_| {
                call.error(MilvusErrorKind::Invalid, "the name of the database contains invalid characters")
            })?;
            metadata.insert("dbname", database);
        }
        Ok(request)
    }
}

const MAX_RETRY_DELAY: Duration = Duration::from_secs(5);

/// Returns the growing, randomised delays between attempts, without end.
pub(crate) fn retry_delays() -> impl Iterator<Item = Duration> {
    ExponentialBuilder::default()
        .with_min_delay(Duration::from_millis(200))
        .with_max_delay(MAX_RETRY_DELAY)
        .with_jitter()
        .without_max_times()
        .build()
}
