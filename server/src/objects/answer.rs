//! What a store said, as an outcome: which status and which code of an error mean what, and what to do.

use hyper::{HeaderMap, StatusCode};
use stele_engine::archive::ObjectError;

/// An answer, read whole.
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    /// The object, or the words of the store.
    pub body: Vec<u8>,
}

/// What was asked for, and the permission it takes.
#[derive(Clone, Copy)]
pub struct Doing {
    pub what: &'static str,
    pub permission: &'static str,
}

/// Characters of a store's own message that are repeated.
const MESSAGE_CHARS_MAX: usize = 200;

impl Answer {
    /// A header, where it is text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The version that the store names; S3 says `null` where it keeps none.
    pub fn version(&self, header: &str) -> Option<String> {
        self.header(header).filter(|version| !matches!(*version, "" | "null")).map(str::to_owned)
    }

    /// The object's size by the answer to HEAD.
    ///
    /// # Errors
    /// The store does not say.
    pub fn size(&self) -> Result<u64, ObjectError> {
        self.header("content-length")
            .and_then(|size| size.parse().ok())
            .ok_or_else(|| ObjectError::Other("the store does not say how large it is".to_owned()))
    }

    /// Text of an element of the XML that the store answered with; these documents are flat and small.
    pub fn element(&self, name: &str) -> Option<String> {
        let text = std::str::from_utf8(&self.body).ok()?;
        let (_, rest) = text.split_once(&format!("<{name}>"))?;
        let (value, _) = rest.split_once(&format!("</{name}>"))?;
        Some(value.to_owned())
    }

    /// The store's name for an error; empty where it gives none.
    pub fn code(&self) -> String {
        self.element("Code").unwrap_or_default()
    }

    /// True when the same request may work later.
    pub fn is_passing(&self) -> bool {
        let later = matches!(self.status.as_u16(), 408 | 429 | 500 | 502 | 503 | 504);
        later
            || (!self.status.is_success()
                && matches!(
                    self.code().as_str(),
                    "SlowDown"
                        | "InternalError"
                        | "RequestTimeout"
                        | "OperationAborted"
                        | "ConditionalRequestConflict"
                ))
    }

    /// Status, code and message, for people.
    pub fn words(&self) -> String {
        let message = self.element("Message").or_else(|| json_message(&self.body)).unwrap_or_default();
        let parts = [self.status.as_str().to_owned(), plain(&self.code()), plain(&message)];
        let parts: Vec<String> = parts.into_iter().filter(|part| !part.is_empty()).collect();
        format!("the store answered {}", parts.join(" "))
    }

    /// Why it did not do what was asked; none when it did.
    pub fn refused(&self, doing: Doing) -> Option<ObjectError> {
        (!self.status.is_success()).then(|| self.refusal(doing))
    }

    /// Why it did not do what was asked.
    pub fn refusal(&self, doing: Doing) -> ObjectError {
        let words = self.words();
        match (self.status.as_u16(), self.code().as_str()) {
            (_, "NoSuchBucket") => ObjectError::Other(format!("there is no such bucket ({words})")),
            (404, _) => ObjectError::NotFound,
            (412, _) => ObjectError::Exists,
            (_, "InvalidObjectState") => {
                ObjectError::NotYet("the store keeps it where it must be asked for first".to_owned())
            }
            (_, "InvalidAccessKeyId" | "SignatureDoesNotMatch" | "InvalidToken" | "ExpiredToken")
            | (401, _) => ObjectError::Denied(format!(
                "the credentials are not accepted; check key, secret and token ({words})"
            )),
            (_, "RequestTimeTooSkewed") => {
                ObjectError::Denied(format!("this machine's clock is off; set it right ({words})"))
            }
            (403, _) => ObjectError::Denied(format!(
                "{} is not allowed: a lock stands against it, or the credentials lack {} ({words})",
                doing.what, doing.permission
            )),
            (301 | 307 | 308, _)
            | (_, "AuthorizationHeaderMalformed" | "IllegalLocationConstraintException") => {
                let region = self.header("x-amz-bucket-region").map(|r| format!(", `{}`", plain(r)));
                let region = region.unwrap_or_default();
                ObjectError::Other(format!(
                    "the bucket is in another region{region}; set the region ({words})"
                ))
            }
            _ => ObjectError::Other(format!("{} failed: {words}", doing.what)),
        }
    }
}

/// The message of Google's JSON interface.
fn json_message(body: &[u8]) -> Option<String> {
    let value: serde_json::Value = serde_json::from_slice(body).ok()?;
    value["error"]["message"].as_str().map(str::to_owned)
}

/// A stranger's text, fit for a log line.
fn plain(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(MESSAGE_CHARS_MAX).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const DOING: Doing = Doing { what: "creating it", permission: "s3:PutObject" };

    fn answer(status: u16, body: &str) -> Answer {
        let status = StatusCode::from_u16(status).unwrap();
        Answer { status, headers: HeaderMap::new(), body: body.as_bytes().to_vec() }
    }

    fn error(status: u16, code: &str) -> Answer {
        answer(status, &format!("<Error><Code>{code}</Code><Message>be\nware</Message></Error>"))
    }

    #[test]
    fn what_may_pass_is_tried_again_and_nothing_else() {
        for (status, code) in
            [(503, "SlowDown"), (500, ""), (409, "OperationAborted"), (400, "RequestTimeout")]
        {
            assert!(error(status, code).is_passing(), "{status} {code}");
        }
        for (status, code) in
            [(403, "AccessDenied"), (412, "PreconditionFailed"), (409, "BucketAlreadyExists")]
        {
            assert!(!error(status, code).is_passing(), "{status} {code}");
        }
        assert!(!answer(200, "<Code>SlowDown</Code>").is_passing(), "an object may hold any text");
    }

    #[test]
    fn refusals_say_what_to_do() {
        let cases = [
            (403, "SignatureDoesNotMatch", "credentials are not accepted"),
            (400, "ExpiredToken", "credentials are not accepted"),
            (403, "RequestTimeTooSkewed", "clock"),
            (403, "AccessDenied", "s3:PutObject"),
            (301, "PermanentRedirect", "another region"),
            (404, "NoSuchBucket", "no such bucket"),
            (400, "InvalidRequest", "creating it failed"),
        ];
        for (status, code, part) in cases {
            let text = error(status, code).refusal(DOING).to_string();
            assert!(text.contains(part) && text.contains(code), "{status} {code}: {text}");
            assert!(!text.contains('\n'), "{text}");
        }
        assert_eq!(error(404, "NoSuchKey").refusal(DOING), ObjectError::NotFound);
        assert_eq!(error(412, "PreconditionFailed").refusal(DOING), ObjectError::Exists);
        assert!(matches!(error(403, "InvalidObjectState").refusal(DOING), ObjectError::NotYet(_)));
    }

    #[test]
    fn words_of_any_form_are_repeated_shortened() {
        assert!(
            answer(403, r#"{"error":{"message":"no storage.objects.get"}}"#)
                .words()
                .contains("storage.objects.get")
        );
        assert_eq!(answer(502, "<html>").words(), "the store answered 502");
        let long = format!("<Code>{}</Code>", "x".repeat(10_000));
        assert!(answer(400, &long).words().len() < 300);
        assert_eq!(Answer { body: vec![0xff, 0xfe], ..answer(500, "") }.code(), "");
    }
}
