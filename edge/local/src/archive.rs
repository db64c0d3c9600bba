//! What went over the wire, written to files beside the database, off the order path.
//!
//! While work is [`watched`], every request to an exchange is remembered; whoever writes the order's
//! record down hands what was remembered to the one thread that writes files. It waits for nothing,
//! and nothing waits for it: what it cannot keep up with is dropped, and counted.

use core::time::Duration;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fs::File;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::time::Instant;

use hoox_connector::socket::Witness;
use hoox_connector::{Clock, Request, SystemClock, Venue};
pub(crate) use hoox_router::watched;
use hoox_router::{
    Archive, ArchiveUnavailable, Dossier, Exchanged, Record, RefusedSignal, archive,
};
use hoox_router::{is_watched, saw};
use tokio::sync::oneshot;

/// The directory of the objects, in the data directory.
pub(crate) const DIRECTORY: &str = "logs";

/// How many dossiers may wait to be written.
const WAITING_MAX: usize = 4_096;

/// How long dossiers gather before they are written, and how long writing them takes. A new file makes
/// the database's next sync slow, for which orders wait: so one sync in many is slow, instead of each;
/// and none waits for hundreds of files.
const GATHER: Duration = Duration::from_millis(250);

/// How many files are written between two pauses.
const FILES: usize = 8;

/// By how much the thread that writes gives way to others (nice(2)).
#[cfg(target_os = "linux")]
const NICENESS: i32 = 10;

/// How many old files are removed at a time, between new ones that are written.
const FORGET_SLICE: usize = 256;

/// Whose order goes over a socket, and its frame as soon as it is sent.
struct Frame {
    account: (Venue, bool),
    sent: RefCell<Option<(Exchanged, Instant)>>,
}

tokio::task_local! {
    static FRAME: Frame;
}

/// Shows the frames of [`watched_frames`] to the archive.
pub(crate) const FRAMES: Witness = Witness {
    sent: |request: &Request<'_>| {
        let _ = FRAME.try_with(|frame| {
            let exchanged = Exchanged::over_socket(request, SystemClock.now());
            frame.sent.replace(Some((exchanged, Instant::now())));
        });
    },
    answered: |answer| {
        let _ = FRAME.try_with(|frame| {
            let Some((exchanged, at)) = frame.sent.take() else { return };
            saw(frame.account, exchanged.answered_by_frame(answer, at.elapsed()));
        });
    },
};

/// Remembers, where it is watched, the frame with which `placing` sends one order over a socket.
pub(crate) async fn watched_frames<F: Future>(account: (Venue, bool), placing: F) -> F::Output {
    match is_watched() {
        true => FRAME.scope(Frame { account, sent: RefCell::default() }, placing).await,
        false => placing.await,
    }
}

/// The sending end of the thread that writes.
#[derive(Debug, Clone)]
pub(crate) struct Archivist {
    queue: SyncSender<Job>,
    dropped: Arc<AtomicU64>,
}

#[derive(Debug)]
enum Job {
    File(Box<Dossier>),
    /// Removes the days before this one.
    Forget(String),
    /// Tells when everything before it is written.
    Flush(oneshot::Sender<()>),
}

impl Archivist {
    /// Starts the thread; it ends when the last handle goes.
    pub(crate) fn start(data_dir: &Path) -> anyhow::Result<Self> {
        let (queue, jobs) = sync_channel(WAITING_MAX);
        let dropped = Arc::new(AtomicU64::new(0));
        let files = Files { root: data_dir.to_owned() };
        let counted = Arc::clone(&dropped);
        let runtime = tokio::runtime::Builder::new_current_thread().build()?;
        let work = move || work(&files, &runtime, &jobs, &counted);
        std::thread::Builder::new().name("hoox-archive".into()).spawn(work)?;
        Ok(Self { queue, dropped })
    }

    /// Files what was sent for the order of a record.
    pub(crate) fn file(&self, record: &Record) {
        if let Some(dossier) = Dossier::of(record) {
            self.send(Job::File(Box::new(dossier)));
        }
    }

    /// Files what was sent for a signal that came to no order.
    pub(crate) fn file_refusal(&self, refusal: &RefusedSignal) {
        for dossier in Dossier::of_refusal(refusal) {
            self.send(Job::File(Box::new(dossier)));
        }
    }

    /// Removes the days before `day`, soon.
    pub(crate) fn forget_before(&self, day: String) {
        self.send(Job::Forget(day));
    }

    /// Waits until everything handed over so far is written, or has failed to be.
    pub(crate) async fn flush(&self) {
        let (done, written) = oneshot::channel();
        self.send(Job::Flush(done));
        let _ = written.await;
    }

    fn send(&self, job: Job) {
        if let Err(TrySendError::Full(_)) = self.queue.try_send(job) {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }
}

fn work(
    files: &Files,
    runtime: &tokio::runtime::Runtime,
    jobs: &Receiver<Job>,
    dropped: &AtomicU64,
) {
    give_way();
    let mut trouble = Trouble::default();
    let mut forgetting: Option<String> = None;
    loop {
        let first = match forgetting {
            None => jobs.recv().map_err(|_| RecvTimeoutError::Disconnected),
            Some(_) => jobs.recv_timeout(GATHER),
        };
        if matches!(first, Err(RecvTimeoutError::Disconnected)) {
            return;
        }
        if first.is_ok() {
            std::thread::sleep(GATHER);
        }
        let mut dossiers: BTreeMap<String, Box<Dossier>> = BTreeMap::new();
        let mut flushed = Vec::new();
        for job in first.into_iter().chain(jobs.try_iter().take(WAITING_MAX)) {
            match job {
                Job::File(dossier) => match dossiers.entry(dossier.key()) {
                    Entry::Occupied(mut earlier) => earlier.get_mut().join(*dossier),
                    Entry::Vacant(entry) => drop(entry.insert(dossier)),
                },
                Job::Forget(day) => forgetting = Some(day),
                Job::Flush(done) => flushed.push(done),
            }
        }
        let rounds = u32::try_from(dossiers.len().div_ceil(FILES)).unwrap_or(u32::MAX);
        for (written, dossier) in (1..).zip(dossiers.values()) {
            trouble.met(runtime.block_on(archive(files, dossier)));
            if written % FILES == 0 && flushed.is_empty() {
                std::thread::sleep(GATHER / rounds);
            }
        }
        if let Some(day) = &forgetting {
            let done = files.forget_before(day, FORGET_SLICE);
            let is_over = done.as_ref().copied().unwrap_or(true);
            trouble.met(done.map(drop).map_err(unavailable));
            forgetting = forgetting.filter(|_| !is_over);
        }
        let dropped = dropped.swap(0, Ordering::Relaxed);
        if dropped > 0 {
            tracing::warn!(dropped, "more requests and answers than can be written down");
        }
        for done in flushed {
            let _ = done.send(());
        }
    }
}

/// Whoever places orders comes first where there is too little of the processor for all.
fn give_way() {
    // Elsewhere this would be about the whole process, not about one thread of it.
    #[cfg(target_os = "linux")]
    if let Err(error) = rustix::process::nice(NICENESS) {
        tracing::debug!(%error, "writing files down takes as much of the processor as orders");
    }
}

/// Tells of failures once, until it works again.
#[derive(Debug, Default)]
struct Trouble(bool);

impl Trouble {
    fn met(&mut self, result: Result<(), ArchiveUnavailable>) {
        match result {
            Ok(()) if self.0 => tracing::info!("requests and answers are written down again"),
            Err(error) if !self.0 => {
                tracing::error!(%error, "requests and answers are not written down; orders go on");
            }
            _ => return,
        }
        self.0 = !self.0;
    }
}

/// Objects as files of a directory.
#[derive(Debug)]
pub(crate) struct Files {
    root: PathBuf,
}

impl Archive for Files {
    async fn read(&self, key: &str) -> Result<Option<Vec<u8>>, ArchiveUnavailable> {
        match std::fs::read(self.root.join(key)) {
            Ok(object) => Ok(Some(object)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(unavailable(error)),
        }
    }

    async fn write(&self, key: &str, object: &[u8]) -> Result<(), ArchiveUnavailable> {
        std::fs::write(self.root.join(key), object).map_err(unavailable)
    }

    async fn create(&self, key: &str, object: &[u8]) -> Result<bool, ArchiveUnavailable> {
        let path = self.root.join(key);
        let mut created = File::create_new(&path);
        if created.as_ref().is_err_and(|error| error.kind() == ErrorKind::NotFound) {
            let directory = path.parent().unwrap_or(&self.root);
            std::fs::create_dir_all(directory).map_err(unavailable)?;
            created = File::create_new(&path);
        }
        match created {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(false),
            created => {
                created.and_then(|mut file| file.write_all(object)).map_err(unavailable)?;
                Ok(true)
            }
        }
    }
}

impl Files {
    /// Removes so many files at most of `logs/{exchange}/{SYMBOL}/{day}` of the days before this one;
    /// tells whether nothing is left of them.
    fn forget_before(&self, day: &str, mut max: usize) -> std::io::Result<bool> {
        let is_day = |name: &str| name.len() == 10 && name.as_bytes().get(4) == Some(&b'-');
        for exchange in directories(&self.root.join(DIRECTORY))? {
            for symbol in directories(&exchange)? {
                for of_day in directories(&symbol)? {
                    let name = of_day.file_name().and_then(|name| name.to_str());
                    if !name.is_some_and(|name| is_day(name) && name < day) {
                        continue;
                    }
                    for file in std::fs::read_dir(&of_day)? {
                        let Some(left) = max.checked_sub(1) else { return Ok(false) };
                        max = left;
                        std::fs::remove_file(file?.path())?;
                    }
                    std::fs::remove_dir(&of_day)?;
                }
            }
        }
        Ok(true)
    }
}

/// The directories in a directory; none if it does not exist.
fn directories(directory: &Path) -> std::io::Result<Vec<PathBuf>> {
    let entries = match std::fs::read_dir(directory) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let mut found = Vec::new();
    for entry in entries {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            found.push(entry.path());
        }
    }
    Ok(found)
}

fn unavailable(error: std::io::Error) -> ArchiveUnavailable {
    ArchiveUnavailable(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_days_that_are_over_are_forgotten() {
        let directory = tempfile::tempdir().unwrap();
        let files = Files { root: directory.path().to_owned() };
        assert!(files.forget_before("2026-02-01", 1).unwrap());
        let path = |day: &str| directory.path().join("logs/bybit/BTCUSDT").join(day);
        for day in ["2025-12-31", "2026-01-31", "2026-02-01", "notes"] {
            std::fs::create_dir_all(path(day)).unwrap();
            std::fs::write(path(day).join("order-1.json"), "{}").unwrap();
        }
        let slices = [(); 3].map(|()| files.forget_before("2026-02-01", 1).unwrap());
        assert_eq!(slices, [false, true, true]);
        let left =
            ["2025-12-31", "2026-01-31", "2026-02-01", "notes"].map(|day| path(day).exists());
        assert_eq!(left, [false, false, true, true]);
    }
}
