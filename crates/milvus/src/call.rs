//! The one way every call goes: credentials and database, a deadline, repetition, and the reply's status.

use std::fmt::Display;
use std::time::Duration;

use backon::BackoffBuilder;
use backon::ExponentialBuilder;
use metrics::{counter, histogram};
use proto::milvus::milvus_service_client::MilvusServiceClient;
use tokio::time::{Instant, sleep, timeout};
use tonic::metadata::{Ascii, MetadataValue};
use tonic::transport::Channel;
use tonic::{Request, Response};

use crate::config::Limits;
use crate::error::{ErrorKind, MilvusError};
use crate::status::{Again, Failure, Reply, failure, rpc_failure};

/// How long a try took, seconds, however it ended.
const CALL_SECONDS: &str = "milvus_backup_milvus_call_seconds";
/// Calls sent again.
const RETRIES: &str = "milvus_backup_milvus_retries_total";

pub(crate) type Client = MilvusServiceClient<Channel>;

/// A channel to the server, with who we are and how long we wait.
#[derive(Clone, Debug)]
pub(crate) struct Rpc {
    pub(crate) client: Client,
    pub(crate) authorization: Option<MetadataValue<Ascii>>,
    pub(crate) limits: Limits,
}

/// What is asked, in words and in its manner.
#[derive(Clone, Copy)]
pub(crate) struct Call<'a> {
    /// A verb and its noun: "describe collection".
    what: &'static str,
    /// What it is done to.
    about: &'a (dyn Display + Sync),
    /// Sent beside the message, for calls whose message names no database.
    database: &'a str,
    /// Whether doing it twice equals doing it once.
    repeatable: bool,
    /// A refusal that the server takes back a moment later, so that the call is sent again as after an outage.
    passing: Option<ErrorKind>,
}

impl<'a> Call<'a> {
    /// A call that may be sent again when its outcome is unknown.
    pub(crate) fn new(what: &'static str, about: &'a (dyn Display + Sync), database: &'a str) -> Self {
        Self { what, about, database, repeatable: true, passing: None }
    }

    /// A call that is sent again only when the server has surely not done it.
    pub(crate) fn once(what: &'static str, about: &'a (dyn Display + Sync), database: &'a str) -> Self {
        Self { repeatable: false, ..Self::new(what, about, database) }
    }

    /// Sends the call again also after a refusal of this kind, for as long as after an outage.
    pub(crate) fn repeated_after(self, passing: ErrorKind) -> Self {
        Self { passing: Some(passing), ..self }
    }

    /// The call in words.
    pub(crate) fn words(&self) -> String {
        format!("{} {}", self.what, self.about)
    }

    /// A failure of this call that this side found.
    pub(crate) fn fails(&self, kind: ErrorKind, reason: impl Into<String>) -> MilvusError {
        MilvusError::new(kind, self.words(), reason)
    }

    fn repeats_after(&self, failure: &Failure) -> bool {
        match failure.again {
            Again::Never => self.passing == Some(failure.kind),
            Again::MaybeDone => self.repeatable,
            Again::NotDone => true,
        }
    }
}

/// The name of a method of the generated client, and the closure that sends one request by it.
macro_rules! rpc {
    ($method:ident) => {
        (stringify!($method), |mut client: $crate::call::Client, request| async move {
            client.$method(request).await
        })
    };
}
pub(crate) use rpc;

impl Rpc {
    /// Sends a request until it is answered, refused for good, or its time is up.
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
        let limits = self.limits;
        let begun = Instant::now();
        let mut delays = delays();
        loop {
            let attempt = send(self.client.clone(), self.request(call, request.clone())?);
            let sent = Instant::now();
            let answer = timeout(limits.attempt, attempt).await;
            histogram!(CALL_SECONDS, "call" => method).record(sent.elapsed().as_secs_f64());
            let failed = match answer {
                Ok(Ok(reply)) => match reply.get_ref().status().and_then(failure) {
                    None => return Ok(reply.into_inner()),
                    Some(failed) => failed,
                },
                Ok(Err(status)) => rpc_failure(&status),
                Err(_) => Failure {
                    kind: ErrorKind::Timeout,
                    reason: format!("no answer within {:?}", limits.attempt),
                    again: Again::MaybeDone,
                },
            };
            let patience = if failed.kind == ErrorKind::RateLimited { limits.busy } else { limits.outage };
            let delay = delays.next().unwrap_or(LONGEST_DELAY);
            if !call.repeats_after(&failed) || begun.elapsed() + delay > patience {
                let temporary = failed.again != Again::Never;
                return Err(call.fails(failed.kind, failed.reason).temporary(temporary));
            }
            tracing::debug!(call = call.words(), reason = failed.reason, ?delay, "trying again");
            counter!(RETRIES, "call" => method).increment(1);
            sleep(delay).await;
        }
    }

    fn request<Q>(&self, call: Call<'_>, message: Q) -> Result<Request<Q>, MilvusError> {
        let mut request = Request::new(message);
        let metadata = request.metadata_mut();
        if let Some(authorization) = &self.authorization {
            metadata.insert("authorization", authorization.clone());
        }
        if !call.database.is_empty() {
            let database = MetadataValue::try_from(call.database).map_err(|_| {
                call.fails(ErrorKind::Invalid, "the database's name holds forbidden characters")
            })?;
            metadata.insert("dbname", database);
        }
        Ok(request)
    }
}

const LONGEST_DELAY: Duration = Duration::from_secs(5);

/// The growing pauses between tries.
pub(crate) fn delays() -> impl Iterator<Item = Duration> {
    ExponentialBuilder::default()
        .with_min_delay(Duration::from_millis(200))
        .with_max_delay(LONGEST_DELAY)
        .with_jitter()
        .without_max_times()
        .build()
}
