//! Credentials for signing requests: the configured key pair, or the AWS credential chain.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{Request, Response, StatusCode, Uri};
use opendal::HttpTransporter;
use reqsign_aws_v4::{
    Credential, DefaultCredentialProvider, IMDSv2CredentialProvider, RequestSigner, StaticCredentialProvider,
};
use reqsign_core::time::Timestamp;
use reqsign_core::{
    Context, Error, HttpSend, OsEnv, ProvideCredential, ProvideCredentialChain, Signer, SigningCredential,
};
use reqsign_file_read_tokio::TokioFileRead;
use secrecy::ExposeSecret;
use tokio::time::{sleep, timeout};

use super::config::S3Credentials;

/// The time limit of all requests together for one set of credentials.
const PROVIDER_LIMIT: Duration = Duration::from_secs(10);

/// The time limit of one such request; the metadata service of an instance answers within milliseconds.
const ATTEMPT_LIMIT: Duration = Duration::from_secs(4);

/// The pause before a request for credentials is sent again.
const RETRY_DELAY: Duration = Duration::from_millis(300);

/// How long credentials that could not be renewed are used before the next attempt.
const RENEWAL_PAUSE: Duration = Duration::from_secs(15);

/// Builds the signer of all requests to a bucket; it caches credentials until they expire.
pub(super) fn build_signer(
    credentials: &S3Credentials,
    region: &str,
    http: HttpTransporter,
) -> Signer<Credential> {
    let refusal = LastRefusal::default();
    let http = PatientHttp { http, refusal: refusal.clone() };
    let context = Context::new().with_file_read(TokioFileRead).with_env(OsEnv).with_http_send(http);
    let provider = RenewingProvider { chain: build_chain(credentials), refusal, previous: Mutex::new(None) };
    Signer::new(context, provider, RequestSigner::new("s3", region))
}

fn build_chain(credentials: &S3Credentials) -> ProvideCredentialChain<Credential> {
    let chain = ProvideCredentialChain::new();
    match credentials {
        S3Credentials::Static { access_key_id, secret_access_key, session_token } => {
            let provider = StaticCredentialProvider::new(access_key_id, secret_access_key.expose_secret());
            match session_token {
                Some(token) => chain.push(provider.with_session_token(token.expose_secret())),
                None => chain.push(provider),
            }
        }
        S3Credentials::Chain { iam_endpoint } => {
            let mut builder = DefaultCredentialProvider::builder();
            if let Some(endpoint) = iam_endpoint {
                builder = builder.imds(IMDSv2CredentialProvider::new().with_endpoint(endpoint));
            }
            chain.push(builder.build())
        }
    }
}

/// Provides credentials of a chain, and the previous ones while they are valid and cannot be renewed.
#[derive(Debug)]
struct RenewingProvider {
    chain: ProvideCredentialChain<Credential>,
    refusal: LastRefusal,
    previous: Mutex<Option<Previous>>,
}

#[derive(Clone, Debug)]
struct Previous {
    credential: Credential,
    /// The time of the last attempt to renew it, if that failed.
    failed_at: Option<Instant>,
}

impl RenewingProvider {
    fn lock_previous(&self) -> MutexGuard<'_, Option<Previous>> {
        self.previous.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ProvideCredential for RenewingProvider {
    type Credential = Credential;

    async fn provide_credential(&self, context: &Context) -> reqsign_core::Result<Option<Credential>> {
        let previous = self.lock_previous().clone();
        let usable = previous.filter(|previous| previous.credential.is_valid_at(Timestamp::now()));
        if let Some(Previous { credential, failed_at: Some(failed_at) }) = &usable
            && failed_at.elapsed() < RENEWAL_PAUSE
        {
            return Ok(Some(credential.clone()));
        }
        self.refusal.lock().take();
        let mut provided = self.chain.provide_credential(context).await;
        if let Ok(Some(credential)) = &provided {
            *self.lock_previous() = Some(Previous { credential: credential.clone(), failed_at: None });
            return provided;
        }
        if let Some(refusal) = self.refusal.lock().take() {
            provided = Err(Error::unexpected(refusal.text).set_retryable(refusal.is_temporary));
        }
        let Some(Previous { credential, .. }) = usable else { return provided };
        tracing::warn!("the credentials cannot be renewed; the previous ones are used until they expire");
        let previous = Previous { credential: credential.clone(), failed_at: Some(Instant::now()) };
        *self.lock_previous() = Some(previous);
        Ok(Some(credential))
    }
}

/// The last answer with which a provider refused credentials; clones share it.
///
/// A chain passes over the errors of its providers, so they reach the user in this way.
#[derive(Clone, Debug, Default)]
struct LastRefusal(Arc<Mutex<Option<Refusal>>>);

#[derive(Debug)]
struct Refusal {
    /// Such as `http://169.254.169.254 answered 429`.
    text: String,
    /// Whether a later request may succeed.
    is_temporary: bool,
}

impl LastRefusal {
    fn lock(&self) -> MutexGuard<'_, Option<Refusal>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Sends the requests of credential providers, and sends a request again while the provider is in trouble.
#[derive(Debug)]
struct PatientHttp {
    http: HttpTransporter,
    refusal: LastRefusal,
}

impl PatientHttp {
    /// Records an answer without credentials. The URL may contain a token, so only its host is kept.
    fn record_refusal(&self, url: &Uri, status: StatusCode) {
        let (scheme, host) = (url.scheme_str().unwrap_or_default(), url.host().unwrap_or_default());
        let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
        let text = format!("{scheme}://{host}{port} answered {}", status.as_u16());
        *self.refusal.lock() = Some(Refusal { text, is_temporary: is_temporary(status) });
    }
}

fn is_temporary(status: StatusCode) -> bool {
    status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS
}

impl HttpSend for PatientHttp {
    async fn http_send(&self, request: Request<Bytes>) -> reqsign_core::Result<Response<Bytes>> {
        let started = Instant::now();
        loop {
            let attempt = timeout(ATTEMPT_LIMIT, self.http.http_send(request.clone())).await;
            let may_succeed = match &attempt {
                Ok(Ok(response)) => {
                    if !response.status().is_success() {
                        self.record_refusal(request.uri(), response.status());
                    }
                    is_temporary(response.status())
                }
                Ok(Err(error)) => error.is_retryable(),
                Err(_) => true,
            };
            if !may_succeed || started.elapsed() + RETRY_DELAY + ATTEMPT_LIMIT > PROVIDER_LIMIT {
                return attempt.unwrap_or_else(|_| {
                    Err(Error::unexpected("the provider of credentials does not answer").set_retryable(true))
                });
            }
            sleep(RETRY_DELAY).await;
        }
    }
}
