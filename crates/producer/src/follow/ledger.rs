//! The status store together with the name of the log that it is fed from.
//! Must never take a store for up to date that nobody keeps so.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use valet_broker::Session;
use valet_protocol::JobKey;
use valet_status::{StatusError, Store};

use super::feed::Feed;
use super::place;
use crate::config::Config;
use crate::exit::Exit;
use crate::failure::{Failure, Outcome};
use crate::follow::JobState;

/// `valet collect` says once a second that the store is up to date; after this time somebody else must look.
const FRESH: SignedDuration = SignedDuration::from_secs(3);
/// How often a command that is not `valet collect` clears out old jobs.
const CLEAR_OUT_EVERY: SignedDuration = SignedDuration::from_hours(24);
/// The most batches of 500 jobs it clears out: nobody should wait for it.
const CLEAR_OUT_BATCHES: u32 = 4;

/// An open store and the log that it is fed from.
#[derive(Debug, Clone)]
pub struct Ledger {
    store: Store,
    log: String,
    retention: SignedDuration,
}

impl Ledger {
    /// Opens the store that the settings name.
    ///
    /// # Errors
    /// Exit 64 when its address is wrong, 69 when it cannot be opened.
    pub async fn open(config: &Config) -> Outcome<Self> {
        let log = config.broker()?.address();
        let url = place::store(config, &log).map_err(|error| store_failure(&error))?;
        let store = Store::open(&url).await.map_err(|error| store_failure(&error))?;
        let retention = SignedDuration::from_hours(24 * i64::from(config.status.retention_days));
        Ok(Self { store, log, retention })
    }

    /// The store.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// The log's name in the store: the broker's address.
    pub fn log(&self) -> &str {
        &self.log
    }

    /// Whether a `valet collect` keeps the store up to date just now.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn is_fresh(&self) -> Outcome<bool> {
        let fed = self.store.fresh_at(&self.log).await.map_err(|error| store_failure(&error))?;
        Ok(fed.is_some_and(|fed| Timestamp::now().duration_since(fed).abs() <= FRESH))
    }

    /// Reads the log on to its end, over this session.
    ///
    /// # Errors
    /// When the log cannot be read or the store cannot be written.
    pub async fn sync(&self, session: &Session) -> Outcome {
        Feed::open(self, session).await?.catch_up().await?;
        self.clear_out_when_due(CLEAR_OUT_EVERY, CLEAR_OUT_BATCHES).await
    }

    /// Brings the store up to date, over a session of its own unless a collector does it already. When the broker
    /// does not answer, the failure comes back as a value: what the store knows can be shown all the same.
    ///
    /// # Errors
    /// When the broker refuses us, or the store cannot be read.
    pub async fn refresh(&self, config: &Config) -> Outcome<Option<Failure>> {
        if self.is_fresh().await? {
            return Ok(None);
        }
        match self.read_on(config).await {
            Ok(()) => Ok(None),
            Err(failure) if failure.exit() == Exit::Unavailable => {
                Ok(Some(failure.because("what is shown is what the status store knew before")))
            }
            Err(failure) => Err(failure),
        }
    }

    async fn read_on(&self, config: &Config) -> Outcome {
        let session = config.reader().await?;
        let synced = self.sync(&session).await;
        session.close().await;
        synced
    }

    /// The records of these jobs; of those that nobody has heard of, empty ones. In the order of `jobs`.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn states(&self, jobs: &[JobKey]) -> Outcome<Vec<JobState>> {
        let mut known: BTreeMap<_, _> = self.store.jobs(jobs).await.map_err(|error| store_failure(&error))?;
        let now = Timestamp::now();
        known.values_mut().for_each(|job| job.mark_silence(now));
        let state = |job: &JobKey| known.get(job).cloned().unwrap_or_else(|| JobState::unseen(job.clone()));
        Ok(jobs.iter().map(state).collect())
    }

    /// Deletes jobs that are older than the setting says, if nobody did so for a while.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn clear_out_when_due(&self, every: SignedDuration, batches: u32) -> Outcome {
        let now = Timestamp::now();
        let before = now.checked_sub(self.retention).unwrap_or(Timestamp::UNIX_EPOCH);
        let is_due = self.store.take_turn(&self.log, every, now).await;
        if is_due.map_err(|error| store_failure(&error))? {
            let deleted = self.store.clear_out(before, batches).await;
            let deleted = deleted.map_err(|error| store_failure(&error))?;
            if deleted > 0 {
                tracing::info!(jobs = deleted, %before, "cleared out of the status store");
            }
        }
        Ok(())
    }
}

/// The store's error as a failure of a verb.
pub fn store_failure(error: &StatusError) -> Failure {
    let exit = if matches!(error, StatusError::Url { .. }) { Exit::Config } else { Exit::Unavailable };
    Failure::from_error(exit, error).advise(error.advice())
}
