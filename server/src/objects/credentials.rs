//! Who asks: credentials from the environment or the machine's metadata service, and signatures.

use std::time::Duration;

use hyper::header::{AUTHORIZATION, HeaderValue};
use object_store::aws::{AmazonS3Builder, AwsAuthorizer, AwsCredentialProvider};
use object_store::client::HttpRequest;
use object_store::gcp::{GcpCredentialProvider, GoogleCloudStorageBuilder};
use object_store::{BackoffConfig, RetryConfig};
use stele_engine::archive::ObjectError;

use super::wire::innermost;
use super::{OpenError, StoreOptions};

/// Variables that are credentials or say where to get them. Others of the crate's (such as one that
/// accepts invalid certificates) are not taken.
const AWS: [&str; 12] = [
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_ROLE_ARN",
    "AWS_ROLE_SESSION_NAME",
    "AWS_ENDPOINT_URL_STS",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
    "AWS_METADATA_ENDPOINT",
    "AWS_IMDSV1_FALLBACK",
];
const GOOGLE: [&str; 5] = [
    "GOOGLE_APPLICATION_CREDENTIALS",
    "GOOGLE_SERVICE_ACCOUNT",
    "GOOGLE_SERVICE_ACCOUNT_PATH",
    "GOOGLE_SERVICE_ACCOUNT_KEY",
    "GOOGLE_BEARER_TOKEN",
];

/// Signs requests.
pub enum Signer {
    /// AWS Signature Version 4.
    Aws {
        /// Keys, fetched again before they expire.
        credentials: AwsCredentialProvider,
        /// Part of what is signed.
        region: String,
    },
    /// An OAuth token.
    Google {
        /// Tokens, fetched again before they expire.
        credentials: GcpCredentialProvider,
    },
}

/// Attempts to fetch credentials; a request's own attempts come on top.
fn retry() -> RetryConfig {
    RetryConfig { max_retries: 2, retry_timeout: Duration::from_secs(20), backoff: BackoffConfig::default() }
}

impl Signer {
    /// # Errors
    /// [`OpenError::Usage`]: the variables contradict each other, or name a file that cannot be read.
    pub fn aws(bucket: &str, region: &str, options: &StoreOptions) -> Result<Self, OpenError> {
        install_tls();
        let mut builder = AmazonS3Builder::new().with_bucket_name(bucket).with_region(region);
        for name in AWS {
            let Some(value) = options.variable(&[name]) else { continue };
            let key = name.to_ascii_lowercase().parse().map_err(|e| wrong(&e))?;
            builder = builder.with_config(key, value);
        }
        let store = builder.with_retry(retry()).build().map_err(|e| wrong(&e))?;
        Ok(Self::Aws { credentials: store.credentials().clone(), region: region.to_owned() })
    }

    /// # Errors
    /// As [`Signer::aws`].
    pub fn google(bucket: &str, options: &StoreOptions) -> Result<Self, OpenError> {
        install_tls();
        let mut builder = GoogleCloudStorageBuilder::new().with_bucket_name(bucket);
        for name in GOOGLE {
            let Some(value) = options.variable(&[name]) else { continue };
            let key = name.to_ascii_lowercase().parse().map_err(|e| wrong(&e))?;
            builder = builder.with_config(key, value);
        }
        let store = builder.with_retry(retry()).build().map_err(|e| wrong(&e))?;
        Ok(Self::Google { credentials: store.credentials().clone() })
    }

    /// Adds what proves who asks; `sha256` is that of the body.
    ///
    /// # Errors
    /// [`ObjectError::Temporary`]: there were no credentials to be had.
    pub async fn sign(&self, request: &mut HttpRequest, sha256: &[u8]) -> Result<(), ObjectError> {
        match self {
            Self::Aws { credentials, region } => {
                let credential = credentials.get_credential().await.map_err(|e| none(&e, AWS_HELP))?;
                AwsAuthorizer::new(&credential, "s3", region)
                    .try_authorize(request, Some(sha256))
                    .map_err(|e| ObjectError::Other(format!("could not be signed: {}", innermost(&e))))
            }
            Self::Google { credentials } => {
                let credential = credentials.get_credential().await.map_err(|e| none(&e, GOOGLE_HELP))?;
                let value = HeaderValue::try_from(format!("Bearer {}", credential.bearer));
                let value = value.map_err(|_| ObjectError::Denied("the token is none".to_owned()))?;
                request.headers_mut().insert(AUTHORIZATION, value);
                Ok(())
            }
        }
    }
}

const AWS_HELP: &str = "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or run with a role";
const GOOGLE_HELP: &str = "set GOOGLE_APPLICATION_CREDENTIALS, or run with a service account";

fn none(error: &object_store::Error, help: &str) -> ObjectError {
    ObjectError::Temporary(format!("no credentials ({help}): {}", innermost(error)))
}

fn wrong(error: &object_store::Error) -> OpenError {
    OpenError::Usage(format!("archive credentials: {}", innermost(error)))
}

/// The crates for HTTPS are built without a default provider of cryptography and panic without one.
pub fn install_tls() {
    // Fails when the process has one already, which is then the one to use.
    let _ = rustls::crypto::ring::default_provider().install_default();
}
