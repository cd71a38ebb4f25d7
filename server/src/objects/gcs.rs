//! Google Cloud Storage: conditional creation, and generations as versions, by the XML interface.
//!
//! Objects are locked by the bucket's retention policy, which is a matter of the bucket alone: it is
//! checked here, and never changed.

use std::sync::OnceLock;

use hyper::Method;
use hyper::body::Bytes;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use stele_engine::archive::{ObjectError, ObjectStore, Put};
use tokio::runtime::Handle;

use super::address::{Bucket, endpoint};
use super::answer::{Answer, Doing};
use super::credentials::Signer;
use super::wire::{Ask, Wire};
use super::{Lock, OpenError, StoreOptions};

const CREATE: Doing = Doing { what: "creating it", permission: "storage.objects.create" };
const READ: Doing = Doing { what: "reading it", permission: "storage.objects.get" };
const LOOK: Doing = Doing { what: "looking at it", permission: "storage.objects.get" };
const ASK: Doing = Doing { what: "asking for the bucket's policy", permission: "storage.buckets.get" };

const GENERATION: &str = "x-goog-generation";
const SERVICE: &str = "https://storage.googleapis.com";

/// A bucket of Google Cloud Storage.
pub struct Gcs {
    bucket: Bucket,
    /// Base URL of the service.
    service: String,
    wire: Wire,
    lock: Lock,
    /// How long the bucket keeps each object from its creation, once that was seen to be locked.
    keeps: OnceLock<SignedDuration>,
}

impl Gcs {
    /// Asks the bucket for its retention policy. One that does not answer for now, or not to these
    /// credentials, is asked again before the first object.
    ///
    /// # Errors
    /// As [`super::open`].
    pub fn open(bucket: Bucket, options: &StoreOptions, runtime: &Handle) -> Result<Self, OpenError> {
        let service = options.endpoint.as_deref().or_else(|| options.variable(&["GOOGLE_BASE_URL"]));
        let service = endpoint(service.unwrap_or(SERVICE), options)?;
        let wire = Wire::new(Signer::google(&bucket.name, options)?, options, runtime)?;
        let lock = options.lock.unwrap_or(Lock::Required);
        let store = Self { bucket, service, wire, lock, keeps: OnceLock::new() };
        let url = store.bucket.url();
        if lock == Lock::Off {
            tracing::warn!(
                store = url,
                "archive: no lock is asked of the bucket; who may delete in it can delete objects"
            );
            return Ok(store);
        }
        match store.check_bucket() {
            Ok(Ok(_)) => Ok(store),
            Ok(Err(what)) => Err(OpenError::Unfit { url, what }),
            // What the credentials may do can be set right while the server runs, as a service can come back.
            Err(error @ (ObjectError::Temporary(_) | ObjectError::Denied(_))) => {
                tracing::warn!(store = url, %error, "archive: the bucket was not seen to lock: nothing is archived before it is");
                Ok(store)
            }
            Err(error) => Err(OpenError::Unreachable { url, what: error.to_string() }),
        }
    }

    /// How long the bucket keeps objects, or what it lacks.
    fn check_bucket(&self) -> Result<Result<SignedDuration, String>, ObjectError> {
        let url = format!("{}/storage/v1/b/{}?fields=retentionPolicy", self.service, self.bucket.name);
        let answer = self.wire.call(&Ask::new(Method::GET, url))?;
        let policy = match answer.refused(ASK) {
            None => json(&answer)?["retentionPolicy"].take(),
            Some(ObjectError::NotFound) => {
                return Err(ObjectError::Other("there is no such bucket".to_owned()));
            }
            Some(error) => return Err(error),
        };
        // A number of 64 bits is text in this interface.
        let seconds =
            policy["retentionPeriod"].as_str().and_then(|s| s.parse::<i64>().ok()).filter(|s| *s > 0);
        Ok(match (seconds, policy["isLocked"].as_bool()) {
            (Some(seconds), Some(true)) => Ok(*self.keeps.get_or_init(|| SignedDuration::from_secs(seconds))),
            (Some(_), _) => {
                Err("the bucket's retention policy is not locked, so it could be taken away: lock it \
                 (gcloud storage buckets update --lock-retention-period), or go without by --archive-lock off"
                    .to_owned())
            }
            (None, _) => {
                Err("the bucket has no retention policy, so its objects could be deleted: set one and lock \
                 it, or go without by --archive-lock off"
                    .to_owned())
            }
        })
    }

    /// How long the bucket keeps objects; it is asked until that was seen.
    fn kept_for(&self) -> Result<SignedDuration, ObjectError> {
        self.keeps.get().copied().map_or_else(|| self.check_bucket()?.map_err(ObjectError::Other), Ok)
    }

    /// Nothing is put into a bucket that would not keep it that long.
    fn must_keep(&self, until_us: u64) -> Result<(), ObjectError> {
        let keeps = self.kept_for()?;
        let until = moment(until_us)?;
        match Timestamp::now().checked_add(keeps) {
            Ok(kept) if kept < until => Err(ObjectError::Other(format!(
                "the bucket's retention policy would keep it until {kept}, but it must be kept until {until}: \
                 lengthen the policy"
            ))),
            _ => Ok(()),
        }
    }

    fn url(&self, name: &str, version: Option<&str>) -> Result<String, ObjectError> {
        let url = format!("{}/{}/{}", self.service, self.bucket.name, self.bucket.key(name)?);
        Ok(match version {
            None => url,
            Some(version) => format!("{url}?generation={}", generation(version)?),
        })
    }
}

impl ObjectStore for Gcs {
    fn describe(&self) -> String {
        self.bucket.url()
    }

    fn locks(&self) -> bool {
        self.lock == Lock::Required
    }

    fn check(&self) -> Result<(), ObjectError> {
        match self.lock {
            Lock::Off => Ok(()),
            Lock::Required => self.kept_for().map(drop),
        }
    }

    fn put_new(&self, name: &str, bytes: &[u8], retain_until_us: Option<u64>) -> Result<Put, ObjectError> {
        if let (Some(until_us), Lock::Required) = (retain_until_us, self.lock) {
            self.must_keep(until_us)?;
        }
        let ask = Ask::new(Method::PUT, self.url(name, None)?)
            .body(Bytes::copy_from_slice(bytes))
            .header("x-goog-if-generation-match", "0")
            .header("content-type", "application/octet-stream");
        let answer = self.wire.call(&ask)?;
        match answer.refused(CREATE) {
            None => Ok(Put { bytes: bytes.len() as u64, version: answer.version(GENERATION) }),
            Some(ObjectError::NotFound) => Err(ObjectError::Other("there is no such bucket".to_owned())),
            Some(error) => Err(error),
        }
    }

    fn get(&self, name: &str, version: Option<&str>, max: u64) -> Result<Vec<u8>, ObjectError> {
        let answer = self.wire.call(&Ask::new(Method::GET, self.url(name, version)?).max(max))?;
        answer.refused(READ).map_or(Ok(answer.body), Err)
    }

    fn head(&self, name: &str) -> Result<Option<Put>, ObjectError> {
        let answer = self.wire.call(&Ask::new(Method::HEAD, self.url(name, None)?))?;
        match answer.refused(LOOK) {
            None => Ok(Some(Put { bytes: answer.size()?, version: answer.version(GENERATION) })),
            Some(ObjectError::NotFound) => Ok(None),
            Some(error) => Err(error),
        }
    }

    fn retain(&self, name: &str, version: Option<&str>, until_us: u64) -> Result<(), ObjectError> {
        if self.lock == Lock::Off {
            return Ok(());
        }
        let key = self.bucket.key(name)?.replace('/', "%2F");
        let mut url = format!(
            "{}/storage/v1/b/{}/o/{key}?fields=retentionExpirationTime",
            self.service, self.bucket.name
        );
        if let Some(version) = version {
            url = format!("{url}&generation={}", generation(version)?);
        }
        let answer = self.wire.call(&Ask::new(Method::GET, url))?;
        if let Some(error) = answer.refused(LOOK) {
            return Err(error);
        }
        let until = moment(until_us)?;
        let kept =
            json(&answer)?["retentionExpirationTime"].as_str().and_then(|t| t.parse::<Timestamp>().ok());
        match kept {
            Some(kept) if kept >= until => Ok(()),
            _ => Err(ObjectError::Other(format!(
                "the bucket's retention policy keeps it {}, but it must be kept until {until}: lengthen the policy",
                kept.map_or_else(|| "for no time".to_owned(), |kept| format!("until {kept}"))
            ))),
        }
    }

    fn request(&self, name: &str, version: Option<&str>, _days: u32) -> Result<bool, ObjectError> {
        // Every class of this service answers at once.
        let answer = self.wire.call(&Ask::new(Method::HEAD, self.url(name, version)?))?;
        answer.refused(LOOK).map_or(Ok(true), Err)
    }
}

fn json(answer: &Answer) -> Result<Value, ObjectError> {
    serde_json::from_slice(&answer.body)
        .map_err(|e| ObjectError::Other(format!("the store's answer is no JSON: {e}")))
}

fn moment(us: u64) -> Result<Timestamp, ObjectError> {
    i64::try_from(us)
        .ok()
        .and_then(|us| Timestamp::from_microsecond(us).ok())
        .ok_or_else(|| ObjectError::Other("cannot be kept until after the year 9999".to_owned()))
}

fn generation(version: &str) -> Result<u64, ObjectError> {
    version.parse().map_err(|_| ObjectError::Other("the version is no generation".to_owned()))
}
