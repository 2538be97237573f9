//! Jobs in SQLite: one row a job, its record as JSON. Survives `kill -9`: every change is a
//! transaction in the write-ahead log.

use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use rusqlite::{Connection, OptionalExtension, params};

use super::job::{Job, State};
use crate::exit::{Code, Failure};

/// How often a job may be begun: one that ends the server each time is given up.
const ATTEMPTS: u32 = 3;

/// The table of jobs.
pub(crate) struct Store {
    connection: Mutex<Connection>,
}

/// A key by which a client makes sure that a request counts once.
#[derive(Debug, Clone)]
pub(crate) struct Key {
    /// What the client sent.
    pub(crate) key: String,
    /// SHA-256 of the request it belongs to.
    pub(crate) digest: String,
}

/// What became of a new job.
pub(crate) enum Added {
    /// It waits.
    New(Job),
    /// The same request came before.
    Known(Job),
    /// The key came before, with another request.
    OtherRequest,
    /// Too many jobs wait.
    QueueFull,
    /// Too much space is in use.
    NoSpace,
}

/// How much the store may hold.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bounds {
    pub(crate) queue: usize,
    pub(crate) bytes: u64,
}

const SCHEMA: &str = "
PRAGMA journal_mode = WAL;
PRAGMA synchronous = NORMAL;
PRAGMA user_version = 1;
CREATE TABLE IF NOT EXISTS job (
    id TEXT PRIMARY KEY,
    version INTEGER NOT NULL,
    state TEXT NOT NULL,
    created INTEGER NOT NULL,
    finished INTEGER,
    bytes INTEGER NOT NULL,
    key TEXT UNIQUE,
    digest TEXT,
    record TEXT NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS by_version ON job (version);
CREATE INDEX IF NOT EXISTS by_state ON job (state, created);";

impl From<rusqlite::Error> for Failure {
    fn from(error: rusqlite::Error) -> Self {
        Self::new(Code::Output, format!("the store of jobs: {error}"))
    }
}

impl Store {
    /// Opens or makes the store.
    pub(crate) fn open(path: &Path) -> Result<Self, Failure> {
        let connection = Connection::open(path)?;
        connection.execute_batch(SCHEMA)?;
        Ok(Self { connection: Mutex::new(connection) })
    }

    fn lock(&self) -> MutexGuard<'_, Connection> {
        // A panic in between leaves no half statement behind.
        self.connection.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a job that waits.
    pub(crate) fn add(
        &self,
        mut job: Job,
        key: Option<&Key>,
        bounds: Bounds,
    ) -> Result<Added, Failure> {
        let mut connection = self.lock();
        let transaction = connection.transaction()?;
        if let Some(key) = key {
            let known = "SELECT digest, record FROM job WHERE key = ?1";
            let row = transaction
                .query_row(known, [&key.key], |row| {
                    Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?))
                })
                .optional()?;
            if let Some((digest, record)) = row {
                let same = digest == key.digest;
                return Ok(if same { Added::Known(read(&record)?) } else { Added::OtherRequest });
            }
        }
        let count = "SELECT count(*), (SELECT coalesce(sum(bytes), 0) FROM job) FROM job \
                     WHERE state = 'queued'";
        let (waiting, bytes): (u64, u64) =
            transaction.query_row(count, [], |row| Ok((row.get(0)?, row.get(1)?)))?;
        if waiting >= bounds.queue as u64 {
            return Ok(Added::QueueFull);
        }
        if bytes.saturating_add(job.bytes()) > bounds.bytes {
            return Ok(Added::NoSpace);
        }
        job.version = newest(&transaction)? + 1;
        transaction.execute(
            "INSERT INTO job VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
            params![
                job.id,
                job.version,
                job.state.name(),
                job.created,
                job.finished,
                job.bytes(),
                key.map(|key| &key.key),
                key.map(|key| &key.digest),
                write(&job)?
            ],
        )?;
        transaction.commit()?;
        Ok(Added::New(job))
    }

    /// A job, unless it was removed.
    pub(crate) fn get(&self, id: &str) -> Result<Option<Job>, Failure> {
        get(&self.lock(), id)
    }

    /// Changes a job if `change` says so; returns it with its new version.
    pub(crate) fn change(
        &self,
        id: &str,
        change: impl FnOnce(&mut Job) -> bool,
    ) -> Result<Option<Job>, Failure> {
        let mut connection = self.lock();
        let transaction = connection.transaction()?;
        let Some(mut job) = get(&transaction, id)? else { return Ok(None) };
        if !change(&mut job) {
            return Ok(None);
        }
        put(&transaction, &mut job)?;
        transaction.commit()?;
        Ok(Some(job))
    }

    /// Takes the job that has waited longest.
    pub(crate) fn take(&self) -> Result<Option<Job>, Failure> {
        let mut connection = self.lock();
        let transaction = connection.transaction()?;
        let next =
            "SELECT record FROM job WHERE state = 'queued' ORDER BY created, version LIMIT 1";
        let record: Option<String> =
            transaction.query_row(next, [], |row| row.get(0)).optional()?;
        let Some(mut job) = record.map(|record| read(&record)).transpose()? else {
            return Ok(None);
        };
        job.state = State::Running;
        job.attempts += 1;
        put(&transaction, &mut job)?;
        transaction.commit()?;
        Ok(Some(job))
    }

    /// The newest jobs, newest first.
    pub(crate) fn list(&self, limit: u32) -> Result<Vec<Job>, Failure> {
        let newest = "SELECT record FROM job WHERE state <> 'removed' \
                      ORDER BY created DESC, version DESC LIMIT ?1";
        self.records(newest, i64::from(limit))
    }

    /// What changed after a version, in order; removed jobs too.
    pub(crate) fn since(&self, version: u64) -> Result<Vec<Job>, Failure> {
        let after = "SELECT record FROM job WHERE version > ?1 ORDER BY version LIMIT 1000";
        self.records(after, i64::try_from(version).unwrap_or(i64::MAX))
    }

    /// Finished jobs that ended before a time.
    pub(crate) fn ended_before(&self, time: u64) -> Result<Vec<Job>, Failure> {
        let old = "SELECT record FROM job WHERE finished < ?1 AND state <> 'removed'";
        self.records(old, time as i64)
    }

    /// The version of the newest change.
    pub(crate) fn newest(&self) -> Result<u64, Failure> {
        Ok(newest(&self.lock())?)
    }

    /// How many jobs there are, by state.
    pub(crate) fn count(&self) -> Result<Vec<(String, u64)>, Failure> {
        let connection = self.lock();
        let mut statement = connection.prepare("SELECT state, count(*) FROM job GROUP BY state")?;
        let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    /// The ids of all jobs that have files.
    pub(crate) fn ids(&self) -> Result<Vec<String>, Failure> {
        let connection = self.lock();
        let mut statement = connection.prepare("SELECT id FROM job WHERE state <> 'removed'")?;
        let rows = statement.query_map([], |row| row.get(0))?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    /// After a start: what was being worked on waits again, or has failed too often.
    pub(crate) fn requeue(&self) -> Result<(), Failure> {
        for job in self.records("SELECT record FROM job WHERE state = 'running' AND ?1 = 0", 0)? {
            self.change(&job.id, |job| {
                if job.attempts < ATTEMPTS {
                    job.requeue();
                } else {
                    let error = format!("the server ended {ATTEMPTS} times while at it; given up");
                    job.finish(State::Failed, Some(error));
                }
                true
            })?;
        }
        Ok(())
    }

    /// Marks a job as gone, which events tell; forgets jobs that are long gone.
    pub(crate) fn remove(&self, id: &str) -> Result<Option<Job>, Failure> {
        let gone = self.change(id, |job| {
            job.state = State::Removed;
            job.photos.clear();
            true
        })?;
        if let Some(job) = &gone {
            let connection = self.lock();
            connection.execute("UPDATE job SET key = NULL WHERE id = ?1", [id])?;
            let old = job.version.saturating_sub(10_000);
            connection
                .execute("DELETE FROM job WHERE state = 'removed' AND version < ?1", [old])?;
        }
        Ok(gone)
    }

    fn records(&self, query: &str, parameter: i64) -> Result<Vec<Job>, Failure> {
        let connection = self.lock();
        let mut statement = connection.prepare(query)?;
        let rows = statement.query_map([parameter], |row| row.get::<_, String>(0))?;
        rows.map(|record| read(&record?)).collect()
    }
}

fn newest(connection: &Connection) -> rusqlite::Result<u64> {
    connection.query_row("SELECT coalesce(max(version), 0) FROM job", [], |row| row.get(0))
}

fn get(connection: &Connection, id: &str) -> Result<Option<Job>, Failure> {
    let find = "SELECT record FROM job WHERE id = ?1 AND state <> 'removed'";
    let record: Option<String> = connection.query_row(find, [id], |row| row.get(0)).optional()?;
    record.map(|record| read(&record)).transpose()
}

fn put(connection: &Connection, job: &mut Job) -> Result<(), Failure> {
    job.version = newest(connection)? + 1;
    connection.execute(
        "UPDATE job SET version = ?2, state = ?3, finished = ?4, bytes = ?5, record = ?6 \
         WHERE id = ?1",
        params![job.id, job.version, job.state.name(), job.finished, job.bytes(), write(job)?],
    )?;
    Ok(())
}

fn read(record: &str) -> Result<Job, Failure> {
    serde_json::from_str(record)
        .map_err(|error| Failure::new(Code::Machine, format!("a record of a job: {error}")))
}

fn write(job: &Job) -> Result<String, Failure> {
    serde_json::to_string(job)
        .map_err(|error| Failure::new(Code::Machine, format!("a record of a job: {error}")))
}

#[cfg(test)]
mod tests {
    use super::super::names::random;
    use super::super::settings::Settings;
    use super::*;

    const BOUNDS: Bounds = Bounds { queue: 3, bytes: 1 << 40 };

    fn store() -> (tempfile::TempDir, Store) {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("jobs.sqlite")).unwrap();
        (folder, store)
    }

    fn job() -> Job {
        Job::new(random(), Settings::default(), Vec::new())
    }

    fn add(store: &Store, key: Option<(&str, &str)>) -> Added {
        let key = key.map(|(key, digest)| Key { key: key.into(), digest: digest.into() });
        store.add(job(), key.as_ref(), BOUNDS).unwrap()
    }

    #[test]
    fn jobs_are_taken_in_order_and_the_queue_has_an_end() {
        let (_folder, store) = store();
        let ids: Vec<_> = (0..3)
            .map(|_| match add(&store, None) {
                Added::New(job) => job.id,
                _ => panic!("there was room"),
            })
            .collect();
        assert!(matches!(add(&store, None), Added::QueueFull));
        for id in ids {
            assert_eq!(store.take().unwrap().unwrap().id, id);
        }
        assert!(store.take().unwrap().is_none());
    }

    #[test]
    fn a_key_counts_once() {
        let (_folder, store) = store();
        let Added::New(first) = add(&store, Some(("k", "one"))) else { panic!("new") };
        let Added::Known(again) = add(&store, Some(("k", "one"))) else { panic!("known") };
        assert_eq!(first.id, again.id);
        assert!(matches!(add(&store, Some(("k", "two"))), Added::OtherRequest));
        store.remove(&first.id).unwrap();
        assert!(matches!(add(&store, Some(("k", "two"))), Added::New(_)));
    }

    #[test]
    fn what_ran_waits_again_after_a_start_but_not_for_ever() {
        let (folder, store) = store();
        add(&store, None);
        let mut store = store;
        for attempt in 1..=ATTEMPTS {
            let job = store.take().unwrap().unwrap();
            assert_eq!(job.attempts, attempt);
            drop(store);
            store = Store::open(&folder.path().join("jobs.sqlite")).unwrap();
            store.requeue().unwrap();
        }
        assert!(store.take().unwrap().is_none());
        assert_eq!(store.list(9).unwrap()[0].state, State::Failed);
    }

    #[test]
    fn versions_grow_and_tell_what_changed() {
        let (_folder, store) = store();
        let Added::New(job) = add(&store, None) else { panic!("new") };
        add(&store, None);
        let before = store.newest().unwrap();
        store
            .change(&job.id, |job| {
                job.progress = 0.5;
                true
            })
            .unwrap();
        let changed = store.since(before).unwrap();
        assert_eq!(changed.len(), 1);
        assert_eq!((changed[0].id.as_str(), changed[0].progress), (job.id.as_str(), 0.5));
        store.remove(&job.id).unwrap();
        assert!(store.get(&job.id).unwrap().is_none());
        assert_eq!(store.since(before).unwrap()[0].state, State::Removed);
    }
}
