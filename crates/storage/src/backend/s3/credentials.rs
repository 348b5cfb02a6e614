//! Credentials for signing requests: the configured key pair, or the AWS credential chain.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{Request, Response};
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
    let context =
        Context::new().with_file_read(TokioFileRead).with_env(OsEnv).with_http_send(PatientHttp(http));
    Signer::new(context, RenewingProvider::new(build_chain(credentials)), RequestSigner::new("s3", region))
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
    previous: Mutex<Option<Previous>>,
}

#[derive(Clone, Debug)]
struct Previous {
    credential: Credential,
    /// The time of the last attempt to renew it, if that failed.
    failed_at: Option<Instant>,
}

impl RenewingProvider {
    fn new(chain: ProvideCredentialChain<Credential>) -> Self {
        Self { chain, previous: Mutex::new(None) }
    }

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
        let provided = self.chain.provide_credential(context).await;
        if let Ok(Some(credential)) = &provided {
            *self.lock_previous() = Some(Previous { credential: credential.clone(), failed_at: None });
            return provided;
        }
        let Some(Previous { credential, .. }) = usable else { return provided };
        tracing::warn!("the credentials cannot be renewed; the previous ones are used until they expire");
        let previous = Previous { credential: credential.clone(), failed_at: Some(Instant::now()) };
        *self.lock_previous() = Some(previous);
        Ok(Some(credential))
    }
}

/// Sends the requests of credential providers, and sends a request again while the provider is in trouble.
#[derive(Debug)]
struct PatientHttp(HttpTransporter);

impl HttpSend for PatientHttp {
    async fn http_send(&self, request: Request<Bytes>) -> reqsign_core::Result<Response<Bytes>> {
        let started = Instant::now();
        loop {
            let attempt = timeout(ATTEMPT_LIMIT, self.0.http_send(request.clone())).await;
            let is_temporary = match &attempt {
                Ok(Ok(response)) => response.status().is_server_error(),
                Ok(Err(error)) => error.is_retryable(),
                Err(_) => true,
            };
            if !is_temporary || started.elapsed() + RETRY_DELAY + ATTEMPT_LIMIT > PROVIDER_LIMIT {
                return attempt.unwrap_or_else(|_| {
                    Err(Error::unexpected("the provider of credentials does not answer").set_retryable(true))
                });
            }
            sleep(RETRY_DELAY).await;
        }
    }
}
