//! One request and its answer: signed, within time limits, bounded in size, and tried again when the
//! trouble may pass.

use std::error::Error as _;
use std::time::Duration;

use http_body_util::BodyExt;
use hyper::body::Bytes;
use hyper::header::{AUTHORIZATION, CONTENT_LENGTH, HeaderName, HeaderValue};
use hyper::{Method, Request};
use object_store::client::{HttpClient, HttpError, HttpErrorKind, HttpRequest, HttpResponse};
use ring::digest::{SHA256, digest};
use stele_engine::archive::ObjectError;
use tokio::runtime::Handle;
use tokio::time::{sleep, timeout};

use super::answer::Answer;
use super::credentials::{Signer, install_tls};
use super::{Halt, OpenError, Patience, StoreOptions};

/// Bytes of an answer that is no object: what a store says about errors and buckets.
pub const WORDS_BYTES_MAX: u64 = 64 << 10;
/// Longest pause between two attempts.
const PAUSE_MAX: Duration = Duration::from_secs(10);
/// Longest time for the bytes of one request, whatever its size.
const MOVE_MAX: Duration = Duration::from_secs(3600);
/// Between two looks at whether the caller still waits.
const HALT_LOOK: Duration = Duration::from_millis(50);

/// A request, before it is signed.
pub struct Ask {
    /// GET, HEAD, PUT or POST.
    pub method: Method,
    /// All of it; its path and query need no escaping.
    pub url: String,
    /// Beside those of the signature.
    pub headers: Vec<(&'static str, String)>,
    /// Empty but for PUT and POST.
    pub body: Bytes,
    /// SHA-256 of the body.
    pub sha256: [u8; 32],
    /// Bytes that a good answer may have.
    pub max: u64,
}

impl Ask {
    /// A request without a body, for a short answer.
    pub fn new(method: Method, url: String) -> Self {
        Self {
            method,
            url,
            headers: Vec::new(),
            body: Bytes::new(),
            sha256: sha256(&[]),
            max: WORDS_BYTES_MAX,
        }
    }

    /// Sends these bytes.
    pub fn body(self, body: Bytes) -> Self {
        Self { sha256: sha256(&body), body, ..self }
    }

    /// Adds a header.
    pub fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// Takes a long answer.
    pub fn max(self, max: u64) -> Self {
        Self { max, ..self }
    }
}

/// SHA-256.
pub fn sha256(bytes: &[u8]) -> [u8; 32] {
    let mut hash = [0; 32];
    hash.copy_from_slice(digest(&SHA256, bytes).as_ref());
    hash
}

/// The way to one service.
pub struct Wire {
    client: HttpClient,
    runtime: Handle,
    signer: Signer,
    patience: Patience,
    halt: Option<Halt>,
}

/// Why one attempt failed.
enum Trouble {
    /// The next one may not.
    Passing(String),
    /// So would every other.
    Lasting(ObjectError),
}

impl Wire {
    /// # Errors
    /// [`OpenError::Usage`]: TLS could not be set up, for want of certificates to trust.
    pub fn new(signer: Signer, options: &StoreOptions, runtime: &Handle) -> Result<Self, OpenError> {
        install_tls();
        let client = reqwest::Client::builder()
            .user_agent(concat!("stele/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(options.patience.connect)
            // A signature is for one host: to follow would only hide that the region is wrong.
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .map_err(|e| OpenError::Usage(format!("archive: TLS could not be set up: {}", innermost(&e))))?;
        Ok(Self {
            client: HttpClient::new(client),
            runtime: runtime.clone(),
            signer,
            patience: options.patience,
            halt: options.halt.clone(),
        })
    }

    /// Makes the request and returns the answer, whatever its status. Blocks.
    ///
    /// # Errors
    /// [`ObjectError::Temporary`]: no answer, or only ones that say to come again, in all attempts.
    /// [`ObjectError::Other`]: an answer larger than asked for.
    pub fn call(&self, ask: &Ask) -> Result<Answer, ObjectError> {
        self.runtime.block_on(async {
            tokio::select! {
                biased;
                () = self.halted() => Err(ObjectError::Temporary("the call was ended by a stop".to_owned())),
                done = self.attempts(ask) => done,
            }
        })
    }

    async fn halted(&self) {
        match &self.halt {
            None => std::future::pending().await,
            Some(halt) => {
                while !halt() {
                    sleep(HALT_LOOK).await;
                }
            }
        }
    }

    async fn attempts(&self, ask: &Ask) -> Result<Answer, ObjectError> {
        let mut pause = self.patience.backoff;
        let mut attempt = 1;
        loop {
            let trouble = match self.attempt(ask).await {
                Ok(answer) if !answer.is_passing() => return Ok(answer),
                Ok(answer) => answer.words(),
                Err(Trouble::Lasting(error)) => return Err(error),
                Err(Trouble::Passing(what)) => what,
            };
            if attempt >= self.patience.attempts {
                return Err(ObjectError::Temporary(format!("{trouble} (tried {attempt} times)")));
            }
            tracing::debug!(attempt, trouble, url = ask.url, "object store: trying again");
            sleep(spread(pause)).await;
            pause = (pause * 2).min(PAUSE_MAX);
            attempt += 1;
        }
    }

    async fn attempt(&self, ask: &Ask) -> Result<Answer, Trouble> {
        let request = self.request(ask).await?;
        let sending = self.limit(ask.body.len() as u64);
        let response = match timeout(sending, self.client.execute(request)).await {
            Ok(response) => response.map_err(|e| Trouble::Passing(broken(&e)))?,
            Err(_) => return Err(Trouble::Passing(format!("no answer within {}", seconds(sending)))),
        };
        self.read(ask, response).await
    }

    /// Time for a request that moves so many bytes.
    fn limit(&self, bytes: u64) -> Duration {
        let moving = Duration::from_secs(bytes / self.patience.rate_min.max(1));
        self.patience.answer + moving.min(MOVE_MAX)
    }

    async fn request(&self, ask: &Ask) -> Result<HttpRequest, Trouble> {
        let lasting = |what: String| Trouble::Lasting(ObjectError::Other(what));
        let mut request = Request::builder()
            .method(ask.method.clone())
            .uri(&ask.url)
            .body(ask.body.clone().into())
            .map_err(|e| lasting(format!("{}: {e}", ask.url)))?;
        for (name, value) in &ask.headers {
            let value = HeaderValue::from_str(value).map_err(|e| lasting(format!("header {name}: {e}")))?;
            request.headers_mut().insert(HeaderName::from_static(name), value);
        }
        // The body of a PUT may be empty, and stores still want to be told.
        if matches!(ask.method, Method::PUT | Method::POST) {
            request.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from(ask.body.len()));
        }
        self.signer.sign(&mut request, &ask.sha256).await.map_err(Trouble::Lasting)?;
        if let Some(value) = request.headers_mut().get_mut(AUTHORIZATION) {
            value.set_sensitive(true);
        }
        Ok(request)
    }

    /// Reads the body of an answer, up to the limit that fits its status.
    async fn read(&self, ask: &Ask, response: HttpResponse) -> Result<Answer, Trouble> {
        let (parts, mut body) = response.into_parts();
        let good = parts.status.is_success();
        let max = if good { ask.max } else { WORDS_BYTES_MAX };
        let stated = parts.headers.get(CONTENT_LENGTH).and_then(|v| v.to_str().ok()?.parse::<u64>().ok());
        let mut bytes = Vec::new();
        if ask.method != Method::HEAD {
            if good && stated.is_some_and(|stated| stated > max) {
                return Err(Trouble::Lasting(too_large(max)));
            }
            let expected = stated.unwrap_or(max).min(max);
            let receiving = self.limit(expected);
            let reading = async {
                // Memory grows with what arrives, not with what a header says.
                bytes.reserve_exact(usize::try_from(expected.min(1 << 20)).unwrap_or(0));
                while let Some(frame) = timeout(self.patience.answer, body.frame()).await.transpose() {
                    let frame =
                        frame.map_err(|_| Trouble::Passing("the answer stopped half-way".to_owned()))?;
                    let frame = frame.map_err(|e| Trouble::Passing(broken(&e)))?;
                    let Ok(data) = frame.into_data() else { continue };
                    if (bytes.len() + data.len()) as u64 > max {
                        // The rest of an error's words is nothing to insist on.
                        return if good { Err(Trouble::Lasting(too_large(max))) } else { Ok(()) };
                    }
                    bytes.extend_from_slice(&data);
                }
                Ok(())
            };
            let late =
                |_| Trouble::Passing(format!("the answer was not whole within {}", seconds(receiving)));
            timeout(receiving, reading).await.map_err(late)??;
        }
        Ok(Answer { status: parts.status, headers: parts.headers, body: bytes })
    }
}

fn too_large(max: u64) -> ObjectError {
    ObjectError::Other(format!("is larger than the {max} bytes it can have; not all of it was read"))
}

/// A pause of half to all of this, so that many callers do not come back at one moment.
fn spread(pause: Duration) -> Duration {
    let mut byte = [0xff];
    // Without randomness the whole pause does as well.
    let _ = getrandom::fill(&mut byte);
    pause.mul_f64(0.5 + f64::from(byte[0]) / 510.0)
}

fn seconds(duration: Duration) -> String {
    format!("{} s", duration.as_secs_f64())
}

fn broken(error: &HttpError) -> String {
    let cause = error.source().map_or_else(|| error.to_string(), innermost);
    match error.kind() {
        HttpErrorKind::Connect => format!("cannot connect: {cause}"),
        HttpErrorKind::Timeout => format!("no connection in time: {cause}"),
        _ => format!("the connection broke: {cause}"),
    }
}

/// The first cause of an error, where the layers above only repeat that there was one.
pub fn innermost(error: &(dyn std::error::Error + 'static)) -> String {
    let mut at = error;
    while let Some(deeper) = at.source() {
        at = deeper;
    }
    at.to_string()
}
