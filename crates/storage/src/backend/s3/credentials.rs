//! Credentials for signing requests: the configured key pair, or the AWS credential chain.

use opendal::HttpTransporter;
use reqsign_aws_v4::{
    Credential, DefaultCredentialProvider, IMDSv2CredentialProvider, RequestSigner, StaticCredentialProvider,
};
use reqsign_core::{Context, OsEnv, ProvideCredentialChain, Signer};
use reqsign_file_read_tokio::TokioFileRead;
use secrecy::ExposeSecret;

use super::config::S3Credentials;

/// Builds the credential provider that OpenDAL's requests and our own requests use.
pub(super) fn build_provider(credentials: &S3Credentials) -> ProvideCredentialChain<Credential> {
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

/// Builds the signer of our own requests; it caches credentials until they expire.
pub(super) fn build_signer(
    credentials: &S3Credentials,
    region: &str,
    http: HttpTransporter,
) -> Signer<Credential> {
    let context = Context::new().with_file_read(TokioFileRead).with_env(OsEnv).with_http_send(http);
    Signer::new(context, build_provider(credentials), RequestSigner::new("s3", region))
}
