//! Starting: the data directory, its lock, the state, the logs and their threads.

use std::collections::{BTreeMap, HashMap};
use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use stele_engine::error::StoreError;
use stele_engine::ids::Origin;
use stele_engine::io::{Disk, Guards, ProtectedDisk, RealDisk, SealedFiles, guard_sealed, sealed_files};
use stele_engine::log::{Log, OpenReport, Options};
use tokio::sync::watch;

use super::{ServeError, ServeOptions};
use crate::app::{App, Tenant, Types};
use crate::auth::Scopes;
use crate::jobs::{self, Bells, Ticket};
use crate::routes::event_types;
use crate::state::{
    self, KeyRow, Keys, OrgRow, Plan, ReportStatus, RetentionRow, Sessions, SettingsRow, State, Users,
    VerifiedRow,
};

/// The organization that a first start makes.
const FIRST_ORG: &str = "default";

/// Holds the data directory for this process until dropped.
pub struct DirLock {
    _file: File,
}

/// Makes the data directory where it is missing, and locks it.
///
/// # Errors
/// [`ServeError::Locked`] when another process holds it.
pub fn lock(data: &Path) -> Result<DirLock, ServeError> {
    let io = |path: &Path, doing| {
        let path = path.to_owned();
        move |source| ServeError::Io { path, doing, source }
    };
    fs::create_dir_all(data).map_err(io(data, "making the data directory"))?;
    let path = data.join("LOCK");
    let file = File::options()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .open(&path)
        .map_err(io(&path, "opening"))?;
    match file.try_lock() {
        Ok(()) => Ok(DirLock { _file: file }),
        Err(TryLockError::WouldBlock) => Err(ServeError::Locked { path }),
        Err(TryLockError::Error(source)) => Err(ServeError::Io { path, doing: "locking", source }),
    }
}

/// Opens state and logs, and starts their threads. The second value is the first key, where one was
/// made and must be shown.
///
/// # Errors
/// What cannot be opened. A damaged log is opened read-only instead.
pub fn open(options: ServeOptions) -> Result<(Arc<App>, Option<String>), ServeError> {
    check(&options)?;
    let state = Arc::new(State::open(&options.data)?);
    let (shown, made) = first_start(&options, &state)?;
    let failed = |detail| ServeError::State { path: options.data.join("state.redb"), detail };
    let keys = Arc::new(Keys::load(state.keys()?).map_err(failed)?);
    if let Some(given) = options.admin_key.as_deref().filter(|_| !made)
        && keys.authenticate(given).is_none()
    {
        tracing::warn!(
            "STELE_ADMIN_KEY is not a key of this data directory and is ignored: it sets the key of a first start"
        );
    }
    let users = Arc::new(Users::load(state.users()?));
    let sessions = Arc::new(Sessions::load(state.sessions()?).map_err(failed)?);
    let archive = options.archive.open(&options.data, disk(&options)?)?;
    tell_verity(&options);
    sweep_archive(&archive.describe(), &options);
    let app = Arc::new(App::new(options, Arc::clone(&state), keys, users, sessions, archive));
    let mut types: HashMap<String, BTreeMap<_, _>> = HashMap::new();
    for (org, row) in state.event_types()? {
        types.entry(org).or_default().insert(row.event_type.clone(), row);
    }
    let verified: HashMap<String, VerifiedRow> = state.verified()?.into_iter().collect();
    let chosen: HashMap<String, SettingsRow> = state.settings()?.into_iter().collect();
    let policies: HashMap<String, RetentionRow> = state.retention()?.into_iter().collect();
    for org in state.orgs()? {
        let dir = log_dir(&app.options.data, &org.log_id);
        let (log, report) = open_log(&dir, &app.options)?;
        sweep(&dir, &app.options)?;
        tell(&org, &report);
        tell_guards(&org, &dir, &app.options);
        let rows = types.remove(&org.id).unwrap_or_default();
        let proved = verified.get(&org.log_id).copied();
        let settings = chosen.get(&org.id).copied().unwrap_or_default();
        let tenant = tenant(&app, org, log, report.damage, rows, proved, settings)?;
        if let Some(policy) = policies.get(&tenant.org.id) {
            tenant.set_retention(*policy, tenant.org.plan);
        }
        app.add_tenant(tenant);
    }
    for (org, row) in state.all_reports()? {
        if matches!(row.status, ReportStatus::Pending | ReportStatus::Running) {
            app.desk.put(Ticket { org, id: row.id });
        }
    }
    for (org, row) in state.all_exports()? {
        if row.is_due() {
            app.exports.desk.put(Ticket { org, id: row.id });
        }
    }
    for (org, row) in state.all_restores()? {
        if row.is_open() || row.untold {
            app.tiers.put(Ticket { org, id: row.id });
        }
    }
    Ok((app, shown))
}

/// Opens a log. Opening writes; where the disk is full, the log is opened for reading only, so that
/// what it holds can still be asked for.
fn open_log(dir: &Path, options: &ServeOptions) -> Result<(Log, OpenReport), ServeError> {
    let disk = disk(options)?;
    match Log::open(Arc::clone(&disk), dir, log_options(options)) {
        Err(full @ StoreError::Full { .. }) => {
            let (log, mut report) = Log::open_read_only(disk, dir)?;
            report.damage.push(format!("{full}; make room and start again to write"));
            Ok((log, report))
        }
        opened => Ok(opened?),
    }
}

/// The disk that logs are written through.
fn disk(options: &ServeOptions) -> Result<Arc<dyn Disk>, ServeError> {
    let guards = guards(options);
    if guards == Guards::default() {
        return Ok(Arc::new(RealDisk));
    }
    let made = ProtectedDisk::new(&options.data, guards).map_err(|error| {
        let data = options.data.display();
        ServeError::Option(format!(
            "--immutable: the attribute cannot be set in {data} ({error}): it takes CAP_LINUX_IMMUTABLE and a file system such as ext4, XFS or btrfs"
        ))
    })?;
    Ok(Arc::new(made))
}

/// What sealed files are asked to get.
fn guards(options: &ServeOptions) -> Guards {
    Guards { immutable: options.immutable, verity: options.fs_verity }
}

/// Folders of a log that hold sealed files.
fn sealed_folders(dir: &Path) -> [PathBuf; 2] {
    ["segments", "ids"].map(|folder| dir.join(folder))
}

/// How many files of a log are sealed, and how many of them the system guards.
///
/// # Errors
/// A folder cannot be read.
pub fn sealed_in(dir: &Path) -> Result<SealedFiles, StoreError> {
    sealed_files(&sealed_folders(dir)).map_err(StoreError::io(dir, "looking at the sealed files of"))
}

/// Guards what was sealed before that was asked for, or before a crash. Only the attribute is required.
fn sweep(dir: &Path, options: &ServeOptions) -> Result<(), ServeError> {
    let guards = guards(options);
    if guards == Guards::default() {
        return Ok(());
    }
    for folder in sealed_folders(dir).into_iter().filter(|folder| folder.is_dir()) {
        match guard_sealed(&folder, guards) {
            Err(source) if guards.immutable => {
                return Err(ServeError::Io { path: folder, doing: "protecting", source });
            }
            Err(error) => tracing::warn!(%error, "files in {} go without fs-verity", folder.display()),
            Ok(()) => {}
        }
    }
    Ok(())
}

/// The same for an archive in a directory. An archive holds up no start.
fn sweep_archive(store: &str, options: &ServeOptions) {
    let guards = guards(options);
    let Some(dir) = store.strip_prefix("file://").map(Path::new) else { return };
    if guards == Guards::default() || !dir.is_dir() {
        return;
    }
    if let Err(error) = guard_sealed(dir, guards) {
        tracing::warn!(%error, "objects in {} cannot be protected", dir.display());
    }
}

/// Says where fs-verity is asked for and cannot be had.
fn tell_verity(options: &ServeOptions) {
    if options.fs_verity
        && let Err(error) = ProtectedDisk::verity_in(&options.data)
    {
        tracing::warn!(
            "--fs-verity: files in {} cannot have it ({error}) and go without: it takes a kernel with CONFIG_FS_VERITY, and ext4 or f2fs with the feature `verity`, or btrfs",
            options.data.display()
        );
    }
}

/// Says how many files are guarded, where that is asked for.
fn tell_guards(org: &OrgRow, dir: &Path, options: &ServeOptions) {
    if guards(options) == Guards::default() {
        return;
    }
    match sealed_in(dir) {
        Ok(SealedFiles { files, immutable, verity }) => {
            tracing::info!(org = org.id, files, immutable, verity, "sealed files");
        }
        Err(error) => tracing::warn!(org = org.id, %error, "sealed files cannot be counted"),
    }
}

/// The options of all logs.
#[cfg(not(debug_assertions))]
fn log_options(_: &ServeOptions) -> Options {
    Options::default()
}

/// The same where tests may ask for small segments, with index events to match.
#[cfg(debug_assertions)]
fn log_options(options: &ServeOptions) -> Options {
    let base = Options::default();
    let Some(records) = options.segment_records else { return base };
    Options { segment_records_max: records, epoch_records_max: u64::from(records / 2), ..base }
}

fn check(options: &ServeOptions) -> Result<(), ServeError> {
    let probe = format!("{}/stele/{}", options.site, "0".repeat(32));
    if options.site.is_empty() || options.site.contains('/') {
        return Err(ServeError::Option("the site is a name without `/`, such as example.com".to_owned()));
    }
    Origin::new(&probe).map_err(|e| ServeError::Option(format!("the site makes no origin: {e}")))?;
    if let Some(key) = &options.admin_key {
        if key.is_empty() || !key.bytes().all(|b| b.is_ascii_graphic()) {
            return Err(ServeError::Option("STELE_ADMIN_KEY is visible ASCII without spaces".to_owned()));
        }
        if key.len() < 24 {
            tracing::warn!("STELE_ADMIN_KEY has {} characters; take at least 24 random ones", key.len());
        }
    }
    Ok(())
}

fn tell(org: &OrgRow, report: &OpenReport) {
    for note in &report.notes {
        tracing::info!(org = org.id, note, "opened");
    }
    for damage in &report.damage {
        tracing::error!(org = org.id, damage, "this log is read-only");
    }
}

/// `<data>/orgs/<log-id>`.
pub fn log_dir(data: &Path, log_id: &str) -> PathBuf {
    data.join("orgs").join(log_id)
}

/// Makes the first organization and key where there is none. Returns the key to show, and whether
/// this was the first start.
fn first_start(options: &ServeOptions, state: &State) -> Result<(Option<String>, bool), ServeError> {
    if !state.orgs()?.is_empty() {
        return Ok((None, false));
    }
    let scopes: Vec<String> = Scopes::NAMES.iter().map(|n| (*n).to_owned()).collect();
    let given = options.admin_key.as_deref();
    let (key, token) = state::make(FIRST_ORG, "first key", &scopes, None, given)?;
    let (org, _log) = make_org(options, FIRST_ORG, FIRST_ORG, Plan::Pro)?;
    state.put_org(&org, &KeyRow { instance: true, ..key })?;
    Ok((given.is_none().then_some(token), true))
}

/// Makes the log of a new organization. The organization is not in the state yet: until it is, a
/// crash leaves nothing but an unused directory.
///
/// # Errors
/// The log cannot be made.
pub fn make_org(
    options: &ServeOptions,
    id: &str,
    name: &str,
    plan: Plan,
) -> Result<(OrgRow, Log), ServeError> {
    let randomness = |source| ServeError::Io { path: "randomness".into(), doing: "reading", source };
    let log_id = state::random_hex(16).map_err(randomness)?;
    let mut secret = [0; 32];
    getrandom::fill(&mut secret).map_err(|e| randomness(std::io::Error::other(e)))?;
    let origin = format!("{}/stele/{log_id}", options.site);
    let dir = log_dir(&options.data, &log_id);
    let log = Log::create(disk(options)?, &dir, &origin, secret, log_options(options))?;
    let org = OrgRow {
        v: 1,
        id: id.to_owned(),
        name: name.to_owned(),
        plan,
        log_id,
        origin,
        created_us: state::now_us(),
    };
    Ok((org, log))
}

/// Starts the threads of a log.
///
/// # Errors
/// The system gives no threads.
pub fn tenant(
    app: &App,
    org: OrgRow,
    log: Log,
    damage: Vec<String>,
    rows: BTreeMap<String, state::EventTypeRow>,
    verified: Option<VerifiedRow>,
    settings: SettingsRow,
) -> Result<Tenant, ServeError> {
    let failed = |source| ServeError::Io { path: "threads".into(), doing: "starting", source };
    let taxonomy = event_types::taxonomy(&rows).map_err(|detail| ServeError::State {
        path: app.options.data.join("state.redb"),
        detail: format!("event types of {}: {detail}", org.id),
    })?;
    let log = Arc::new(log);
    let bells = Bells::default();
    let (publish, position) = watch::channel(log.head().size);
    let queued = app.options.limits.queued_requests;
    let (queue, writer) = jobs::writer(Arc::clone(&log), queued, publish, bells.clone()).map_err(failed)?;
    app.threads.add(writer);
    app.threads.add(jobs::worker(Arc::clone(&log), Arc::clone(&bells.worker)).map_err(failed)?);
    app.threads.add(jobs::leveller(Arc::clone(&log), Arc::clone(&bells.leveller)).map_err(failed)?);
    app.threads.add(jobs::signer(Arc::clone(&log), Arc::clone(&bells.signer)).map_err(failed)?);
    let indexer = jobs::indexer(Arc::clone(&log), queue.clone(), Arc::clone(&bells.indexer));
    app.threads.add(indexer.map_err(failed)?);
    bells.ring();
    let types = Types { rows, taxonomy: Arc::new(taxonomy) };
    Ok(Tenant::new(org, log, queue, position, bells, damage, types, verified, settings))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_holder_of_the_directory_is_refused_by_name() {
        let dir = tempfile::tempdir().unwrap();
        let held = lock(&dir.path().join("data")).unwrap();
        let error = lock(&dir.path().join("data")).err().unwrap();
        assert!(error.to_string().contains("another process holds"), "{error}");
        assert_eq!(error.exit_code(), 3);
        drop(held);
        lock(&dir.path().join("data")).unwrap();
    }
}
