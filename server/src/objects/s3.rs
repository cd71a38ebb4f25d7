//! Amazon S3 and what speaks its protocol: conditional creation, versions, Object Lock in mode
//! COMPLIANCE, delete markers, and classes from which an object must be restored first.

use std::sync::atomic::{AtomicBool, Ordering};

use data_encoding::BASE64;
use hyper::Method;
use hyper::body::Bytes;
use jiff::Timestamp;
use stele_engine::archive::{ObjectError, ObjectStore, Put};
use tokio::runtime::Handle;

use super::address::{Bucket, endpoint};
use super::answer::{Answer, Doing};
use super::credentials::Signer;
use super::wire::{Ask, Wire, sha256};
use super::{Lock, OpenError, StoreOptions};

const CREATE: Doing = Doing { what: "creating it", permission: "s3:PutObject and s3:PutObjectRetention" };
const READ: Doing = Doing { what: "reading it", permission: "s3:GetObject and s3:GetObjectVersion" };
const LOOK: Doing =
    Doing { what: "looking at it", permission: "s3:GetObject, s3:GetObjectVersion and s3:ListBucket" };
const RETAIN: Doing = Doing { what: "lengthening its lock", permission: "s3:PutObjectRetention" };
const RESTORE: Doing = Doing { what: "restoring it from its class", permission: "s3:RestoreObject" };
const ASK_LOCK: Doing =
    Doing { what: "asking for the bucket's lock", permission: "s3:GetBucketObjectLockConfiguration" };
const ASK_VERSIONS: Doing = Doing { what: "asking for its versioning", permission: "s3:GetBucketVersioning" };

const VERSION: &str = "x-amz-version-id";
const LOCK_MODE: &str = "x-amz-object-lock-mode";
const LOCK_UNTIL: &str = "x-amz-object-lock-retain-until-date";
const CHECKSUM: &str = "x-amz-checksum-sha256";
const CHECKSUM_MODE: &str = "x-amz-checksum-mode";
/// Says which checksum there is; some stores look for this one where a lock makes a checksum a duty.
const CHECKSUM_KIND: &str = "x-amz-sdk-checksum-algorithm";

/// A bucket of S3.
pub struct S3 {
    bucket: Bucket,
    /// Of the bucket, without a slash at its end.
    base: String,
    wire: Wire,
    lock: Lock,
    /// The bucket was seen to do what is required.
    fit: AtomicBool,
}

impl S3 {
    /// Asks the bucket whether it locks and keeps versions. One that does not answer for now, or not to these
    /// credentials, is asked again before the first object.
    ///
    /// # Errors
    /// As [`super::open`].
    pub fn open(bucket: Bucket, options: &StoreOptions, runtime: &Handle) -> Result<Self, OpenError> {
        let (region, base) = place(&bucket, options)?;
        let signer = Signer::aws(&bucket.name, &region, options)?;
        let wire = Wire::new(signer, options, runtime)?;
        let lock = options.lock.unwrap_or(Lock::Required);
        let store = Self { bucket, base, wire, lock, fit: AtomicBool::new(false) };
        let url = store.bucket.url();
        match (store.check_bucket(), lock) {
            (Ok(None), _) => {}
            (Ok(Some(what)), Lock::Required) => return Err(OpenError::Unfit { url, what }),
            // What the credentials may do can be set right while the server runs, as a service can come back.
            (Err(error @ (ObjectError::Temporary(_) | ObjectError::Denied(_))), Lock::Required) => {
                tracing::warn!(store = url, %error, "archive: the bucket was not seen to lock: nothing is archived before it is");
            }
            (Err(error), Lock::Required) => {
                return Err(OpenError::Unreachable { url, what: error.to_string() });
            }
            (Ok(Some(what)), Lock::Off) => tracing::warn!(store = url, "archive: {what}"),
            (Err(error), Lock::Off) => {
                tracing::warn!(store = url, %error, "archive: the bucket was not checked")
            }
        }
        if lock == Lock::Off {
            tracing::warn!(
                store = url,
                "archive: objects are not locked; who may delete in the bucket can delete them"
            );
        }
        Ok(store)
    }

    /// What the bucket lacks of what is required, in words; none when nothing.
    fn check_bucket(&self) -> Result<Option<String>, ObjectError> {
        let lacks = match self.lock {
            Lock::Required => self.lacks_lock()?,
            Lock::Off => self.lacks_versions()?,
        };
        if lacks.is_none() {
            self.fit.store(true, Ordering::Relaxed);
        }
        Ok(lacks)
    }

    fn lacks_lock(&self) -> Result<Option<String>, ObjectError> {
        let answer = self.wire.call(&Ask::new(Method::GET, format!("{}?object-lock=", self.base)))?;
        if answer.status.is_success() && answer.element("ObjectLockEnabled").as_deref() == Some("Enabled") {
            return Ok(None);
        }
        if !answer.status.is_success() && answer.code() != "ObjectLockConfigurationNotFoundError" {
            return Err(named_bucket(answer.refusal(ASK_LOCK)));
        }
        Ok(Some(
            "the bucket has no Object Lock, so its objects could be deleted: turn it on (which turns on \
             versioning), or go without by --archive-lock off"
                .to_owned(),
        ))
    }

    fn lacks_versions(&self) -> Result<Option<String>, ObjectError> {
        let answer = self.wire.call(&Ask::new(Method::GET, format!("{}?versioning=", self.base)))?;
        if !answer.status.is_success() {
            return Err(named_bucket(answer.refusal(ASK_VERSIONS)));
        }
        let on = answer.element("Status").as_deref() == Some("Enabled");
        Ok((!on).then(|| "the bucket keeps no versions: an object that is overwritten is gone".to_owned()))
    }

    fn url(&self, name: &str, query: &[(&str, &str)], version: Option<&str>) -> Result<String, ObjectError> {
        let mut url = format!("{}/{}", self.base, self.bucket.key(name)?);
        let version = version.map(version_id).transpose()?.map(|version| ("versionId", version));
        for (at, (key, value)) in query.iter().copied().chain(version).enumerate() {
            url.push(if at == 0 { '?' } else { '&' });
            url.push_str(key);
            url.push('=');
            url.push_str(value);
        }
        Ok(url)
    }

    fn look(&self, name: &str, version: Option<&str>) -> Result<Answer, ObjectError> {
        let ask = Ask::new(Method::HEAD, self.url(name, &[], version)?).header(CHECKSUM_MODE, "ENABLED");
        self.wire.call(&ask)
    }

    /// Why an object was not found or not given. One that is missing may be hidden by a delete marker: some
    /// stores say so with the answer, and the others by their list of versions.
    fn refusal(
        &self,
        answer: &Answer,
        doing: Doing,
        name: &str,
        version: Option<&str>,
    ) -> Result<ObjectError, ObjectError> {
        let error = answer.refusal(doing);
        let marked = answer.header("x-amz-delete-marker") == Some("true");
        let hidden =
            marked || (error == ObjectError::NotFound && version.is_none() && self.is_marked(name)?);
        Ok(if hidden { ObjectError::Other(HIDDEN.to_owned()) } else { error })
    }

    /// True when the newest of an object's versions is a delete marker.
    fn is_marked(&self, name: &str) -> Result<bool, ObjectError> {
        let key = self.bucket.key(name)?;
        // The first entry is the newest version of the first name that begins so: this one, if there is one.
        let url = format!("{}?max-keys=1&prefix={}&versions=", self.base, key.replace('/', "%2F"));
        let answer = self.wire.call(&Ask::new(Method::GET, url))?;
        Ok(answer.status.is_success()
            && answer.element("DeleteMarker").is_some()
            && answer.element("Key").as_deref() == Some(key.as_str()))
    }

    /// Fails unless the store says that the object is locked until then.
    fn confirm(&self, name: &str, version: Option<&str>, until: Timestamp) -> Result<(), ObjectError> {
        let answer = self.look(name, version)?;
        if !answer.status.is_success() {
            return Err(answer.refusal(LOOK));
        }
        match locked_until(&answer) {
            Some(locked) if locked >= until => Ok(()),
            found => Err(ObjectError::Other(format!(
                "the store has it, but locked {} instead of until {until} (to see locks the credentials need \
                 s3:GetObjectRetention)",
                found.map_or_else(|| "not at all".to_owned(), |found| format!("until {found}"))
            ))),
        }
    }

    /// Locks the object that was there already, when it is the same: of an earlier attempt whose answer
    /// was lost, before its lock was confirmed. What is another object stays as it is.
    fn lock_same(&self, name: &str, bytes: &[u8], hash: &str, until_us: u64) -> Result<(), ObjectError> {
        let answer = self.look(name, None)?;
        let same = answer.status.is_success()
            && answer.size()? == bytes.len() as u64
            && answer.header(CHECKSUM).is_none_or(|found| found == hash);
        match same {
            true => self.retain(name, answer.version(VERSION).as_deref(), until_us),
            false => Ok(()),
        }
    }
}

impl ObjectStore for S3 {
    fn describe(&self) -> String {
        self.bucket.url()
    }

    fn locks(&self) -> bool {
        self.lock == Lock::Required
    }

    fn check(&self) -> Result<(), ObjectError> {
        if self.lock == Lock::Off || self.fit.load(Ordering::Relaxed) {
            return Ok(());
        }
        self.check_bucket()?.map_or(Ok(()), |what| Err(ObjectError::Other(what)))
    }

    fn put_new(&self, name: &str, bytes: &[u8], retain_until_us: Option<u64>) -> Result<Put, ObjectError> {
        self.check()?;
        let until_us = retain_until_us.filter(|_| self.lock == Lock::Required);
        let until = until_us.map(moment).transpose()?;
        let mut ask = Ask::new(Method::PUT, self.url(name, &[], None)?)
            .body(Bytes::copy_from_slice(bytes))
            .header("if-none-match", "*")
            .header("content-type", "application/octet-stream");
        let hash = BASE64.encode(&ask.sha256);
        ask = ask.header(CHECKSUM, hash.clone()).header(CHECKSUM_KIND, "SHA256");
        if let Some(until) = until {
            ask = ask.header(LOCK_MODE, "COMPLIANCE").header(LOCK_UNTIL, until.to_string());
        }
        let answer = self.wire.call(&ask)?;
        if !answer.status.is_success() {
            let refusal = answer.refusal(CREATE);
            if let (ObjectError::Exists, Some(until_us)) = (&refusal, until_us) {
                self.lock_same(name, bytes, &hash, until_us)?;
            }
            return Err(named_bucket(refusal));
        }
        let version = answer.version(VERSION);
        if let Some(until) = until {
            self.confirm(name, version.as_deref(), until)?;
        }
        Ok(Put { bytes: bytes.len() as u64, version })
    }

    fn get(&self, name: &str, version: Option<&str>, max: u64) -> Result<Vec<u8>, ObjectError> {
        let ask = Ask::new(Method::GET, self.url(name, &[], version)?).header(CHECKSUM_MODE, "ENABLED");
        let answer = self.wire.call(&ask.max(max))?;
        if !answer.status.is_success() {
            return Err(self.refusal(&answer, READ, name, version)?);
        }
        // Of an object in parts it is a hash of hashes, which ends in their number.
        let stored = answer.header(CHECKSUM).filter(|hash| !hash.contains('-'));
        if stored.is_some_and(|stored| stored != BASE64.encode(&sha256(&answer.body))) {
            return Err(ObjectError::Temporary(
                "what arrived is not what the store has a checksum of".to_owned(),
            ));
        }
        Ok(answer.body)
    }

    fn head(&self, name: &str) -> Result<Option<Put>, ObjectError> {
        let answer = self.look(name, None)?;
        if answer.status.is_success() {
            return Ok(Some(Put { bytes: answer.size()?, version: answer.version(VERSION) }));
        }
        match self.refusal(&answer, LOOK, name, None)? {
            ObjectError::NotFound => Ok(None),
            error => Err(error),
        }
    }

    fn retain(&self, name: &str, version: Option<&str>, until_us: u64) -> Result<(), ObjectError> {
        if self.lock == Lock::Off {
            return Ok(());
        }
        let until = moment(until_us)?;
        let answer = self.look(name, version)?;
        if !answer.status.is_success() {
            return Err(self.refusal(&answer, LOOK, name, version)?);
        }
        // Not every store refuses a shorter date; so none is ever asked for one.
        if locked_until(&answer).is_some_and(|locked| locked >= until) {
            return Ok(());
        }
        let version = version.map(str::to_owned).or_else(|| answer.version(VERSION));
        let body = format!(
            "<Retention xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Mode>COMPLIANCE</Mode>\
             <RetainUntilDate>{until}</RetainUntilDate></Retention>"
        );
        let answer =
            self.wire.call(&self.xml(Method::PUT, name, "retention", version.as_deref(), body)?)?;
        if !answer.status.is_success() {
            return Err(answer.refusal(RETAIN));
        }
        self.confirm(name, version.as_deref(), until)
    }

    fn request(&self, name: &str, version: Option<&str>, days: u32) -> Result<bool, ObjectError> {
        let answer = self.look(name, version)?;
        if !answer.status.is_success() {
            return Err(self.refusal(&answer, LOOK, name, version)?);
        }
        match readiness(&answer) {
            Readiness::Now => return Ok(true),
            Readiness::UnderWay => return Ok(false),
            Readiness::OnRequest => {}
        }
        // An object of this class comes back for good; a number of days is refused there.
        let tiering = answer.header("x-amz-storage-class") == Some("INTELLIGENT_TIERING");
        let days = if tiering { String::new() } else { format!("<Days>{}</Days>", days.max(1)) };
        let body = format!(
            "<RestoreRequest xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">{days}\
             <GlacierJobParameters><Tier>Standard</Tier></GlacierJobParameters></RestoreRequest>"
        );
        let answer = self.wire.call(&self.xml(Method::POST, name, "restore", version, body)?)?;
        match answer.status.is_success() || answer.code() == "RestoreAlreadyInProgress" {
            true => Ok(false),
            false => Err(answer.refusal(RESTORE)),
        }
    }
}

impl S3 {
    /// A request about an object whose body is a small document, with the checksum that such ones need.
    fn xml(
        &self,
        method: Method,
        name: &str,
        what: &str,
        version: Option<&str>,
        body: String,
    ) -> Result<Ask, ObjectError> {
        let ask = Ask::new(method, self.url(name, &[(what, "")], version)?).body(body.into());
        let hash = BASE64.encode(&ask.sha256);
        Ok(ask
            .header("content-type", "application/xml")
            .header(CHECKSUM_KIND, "SHA256")
            .header(CHECKSUM, hash))
    }
}

/// Region, and base URL of the bucket.
fn place(bucket: &Bucket, options: &StoreOptions) -> Result<(String, String), OpenError> {
    let region =
        options.region.as_deref().or_else(|| options.variable(&["AWS_REGION", "AWS_DEFAULT_REGION"]));
    let variables = ["AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT"];
    let service = options.endpoint.as_deref().or_else(|| options.variable(&variables));
    let plain = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'-';
    if let Some(region) = region.filter(|region| region.is_empty() || !region.bytes().all(plain)) {
        return Err(OpenError::Usage(format!("archive region `{region}`: takes one such as eu-central-1")));
    }
    let base = match (service, region) {
        (Some(service), _) => endpoint(service, options)?,
        (None, Some(region)) => {
            let suffix = if region.starts_with("cn-") { ".cn" } else { "" };
            format!("https://s3.{region}.amazonaws.com{suffix}")
        }
        (None, None) => {
            let what = "which region is it in? Set --archive-region or AWS_REGION";
            return Err(OpenError::Usage(format!("archive `{}`: {what}", bucket.url())));
        }
    };
    Ok((region.unwrap_or("us-east-1").to_owned(), format!("{base}/{}", bucket.name)))
}

/// A version id that can stand in a URL as it is.
fn version_id(version: &str) -> Result<&str, ObjectError> {
    let plain = |c: u8| c.is_ascii_alphanumeric() || matches!(c, b'-' | b'.' | b'_');
    match !version.is_empty() && version.len() <= 1024 && version.bytes().all(plain) {
        true => Ok(version),
        false => Err(ObjectError::Other("the version id is none".to_owned())),
    }
}

/// Stores count locks in seconds; the next one, so that a lock is never shorter than asked for.
fn moment(us: u64) -> Result<Timestamp, ObjectError> {
    i64::try_from(us.div_ceil(1_000_000))
        .ok()
        .and_then(|seconds| Timestamp::from_second(seconds).ok())
        .ok_or_else(|| ObjectError::Other("cannot be locked until after the year 9999".to_owned()))
}

/// Until when nobody can delete it; none where somebody can.
fn locked_until(answer: &Answer) -> Option<Timestamp> {
    let mode = answer.header(LOCK_MODE)?;
    // A lock of mode GOVERNANCE gives way to who has the permission.
    (mode == "COMPLIANCE").then(|| answer.header(LOCK_UNTIL)?.parse().ok()).flatten()
}

/// What is said of an object that is not missing but hidden by a delete marker, which nothing of ours makes.
const HIDDEN: &str = "somebody deleted it: a delete marker hides it. Its versions can still be read; remove the \
                      marker, and find out who set it";

enum Readiness {
    Now,
    UnderWay,
    OnRequest,
}

fn readiness(answer: &Answer) -> Readiness {
    let class = answer.header("x-amz-storage-class").unwrap_or_default();
    let delayed =
        matches!(class, "GLACIER" | "DEEP_ARCHIVE") || answer.header("x-amz-archive-status").is_some();
    match answer.header("x-amz-restore") {
        Some(restore) if restore.contains("ongoing-request=\"true\"") => Readiness::UnderWay,
        Some(restore) if restore.contains("ongoing-request=\"false\"") => Readiness::Now,
        _ if delayed => Readiness::OnRequest,
        _ => Readiness::Now,
    }
}

/// Of a whole bucket, `not found` is no outcome.
fn named_bucket(error: ObjectError) -> ObjectError {
    match error {
        ObjectError::NotFound => ObjectError::Other("there is no such bucket".to_owned()),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use hyper::{HeaderMap, StatusCode};

    use super::super::address::Address;
    use super::*;

    fn bucket() -> Bucket {
        let Ok(Address::S3(bucket)) = Address::parse("s3://audit/log") else { panic!("an address of S3") };
        bucket
    }

    fn options(variables: &[(&str, &str)]) -> StoreOptions {
        let own = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        StoreOptions::new(variables.iter().map(own).collect::<BTreeMap<_, _>>())
    }

    fn answer(headers: &[(&'static str, &str)]) -> Answer {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.insert(*name, value.parse().unwrap());
        }
        Answer { status: StatusCode::OK, headers: map, body: Vec::new() }
    }

    #[test]
    fn the_bucket_is_found_by_region_or_endpoint() {
        let of = |variables: &[_]| place(&bucket(), &options(variables)).map_err(|e| e.to_string());
        let (region, base) = of(&[("AWS_REGION", "eu-central-1")]).unwrap();
        assert_eq!(
            (region.as_str(), base.as_str()),
            ("eu-central-1", "https://s3.eu-central-1.amazonaws.com/audit")
        );
        assert_eq!(
            of(&[("AWS_REGION", "cn-north-1")]).unwrap().1,
            "https://s3.cn-north-1.amazonaws.com.cn/audit"
        );
        let (region, base) = of(&[("AWS_ENDPOINT_URL", "https://minio.example.com:9000/")]).unwrap();
        assert_eq!((region.as_str(), base.as_str()), ("us-east-1", "https://minio.example.com:9000/audit"));
        assert!(of(&[]).unwrap_err().contains("--archive-region"));
        assert!(of(&[("AWS_REGION", "evil.example.com/")]).unwrap_err().contains("takes one such as"));
        let told =
            StoreOptions { region: Some("us-west-2".into()), ..options(&[("AWS_REGION", "eu-central-1")]) };
        assert_eq!(place(&bucket(), &told).unwrap().0, "us-west-2", "an option beats a variable");
    }

    #[test]
    fn dates_are_rounded_up_and_bounded() {
        assert_eq!(moment(1_795_933_249_000_001).unwrap().to_string(), "2026-11-29T06:20:50Z");
        assert_eq!(moment(1_795_933_249_000_000).unwrap().to_string(), "2026-11-29T06:20:49Z");
        assert!(moment(u64::MAX).is_err());
    }

    #[test]
    fn only_compliance_is_a_lock() {
        let lock = |mode, until| locked_until(&answer(&[(LOCK_MODE, mode), (LOCK_UNTIL, until)]));
        assert!(lock("COMPLIANCE", "2033-11-29T06:20:49Z").is_some());
        assert!(lock("COMPLIANCE", "2033-11-29T06:20:49.000Z").is_some());
        assert!(lock("GOVERNANCE", "2033-11-29T06:20:49Z").is_none());
        assert!(lock("COMPLIANCE", "soon").is_none());
        assert!(locked_until(&answer(&[])).is_none());
    }

    #[test]
    fn versions_that_are_none_are_refused() {
        for bad in ["", "a b", "x&acl", "x?y", "../x", &"x".repeat(1025)] {
            assert!(version_id(bad).is_err(), "{bad}");
        }
        assert!(version_id("3HL4kqtJvjVBH40Nrjfkd.-_").is_ok());
        assert_eq!(answer(&[(VERSION, "null")]).version(VERSION), None);
    }

    #[test]
    fn classes_that_must_be_asked_for_are_told_apart() {
        let is = |headers: &[_]| match readiness(&answer(headers)) {
            Readiness::Now => "now",
            Readiness::UnderWay => "under way",
            Readiness::OnRequest => "on request",
        };
        assert_eq!(is(&[]), "now");
        assert_eq!(is(&[("x-amz-storage-class", "GLACIER_IR")]), "now");
        assert_eq!(is(&[("x-amz-storage-class", "DEEP_ARCHIVE")]), "on request");
        let restore = "x-amz-restore";
        assert_eq!(
            is(&[("x-amz-storage-class", "GLACIER"), (restore, "ongoing-request=\"true\"")]),
            "under way"
        );
        assert_eq!(is(&[(restore, "ongoing-request=\"false\", expiry-date=\"Fri, 21 Dec 2029\"")]), "now");
        let tiering =
            [("x-amz-storage-class", "INTELLIGENT_TIERING"), ("x-amz-archive-status", "ARCHIVE_ACCESS")];
        assert_eq!(is(&tiering), "on request");
    }
}
