//! Feeding the store from the log of reports, and the place in the log up to which it was fed.
//!
//! The log is a stream with offsets. If it was made anew, offsets start again: so the place holds a mark, which
//! report stood right before it. Who reads on begins there and compares.
//! Must never count a report twice.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use sqlx::{AnyConnection, AssertSqlSafe, Row};
use valet_protocol::{JobId, JobKey, Report, ReportKind};

use super::row::{self, places};
use super::{Dialect, Store, failed};
use crate::error::StatusError;
use crate::record::JobRecord;

/// Records read by one statement.
const IDS_MAX: usize = 256;

/// Where to read on in a log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The offset after the last one that was taken in.
    pub next: u64,
    /// Which report stood before it, by [`Store::mark`].
    pub mark: String,
}

/// A message of the log, as the store takes it.
#[derive(Debug, Clone, PartialEq)]
pub enum Message {
    /// A report.
    Report(Box<Report>),
    /// No report. It changes nothing but the place; the text tells it from others, as far as anything does.
    Other(String),
}

/// What a batch brought.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Fed {
    /// Reports that nobody had fed before.
    pub reports: usize,
    /// Jobs that they changed.
    pub jobs: usize,
}

impl Message {
    fn report(&self) -> Option<&Report> {
        match self {
            Self::Report(report) => Some(report),
            Self::Other(_) => None,
        }
    }
}

impl Store {
    /// The place up to which the store was fed from the log of this name.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn place(&self, log: &str) -> Result<Option<Place>, StatusError> {
        let mut connection = self.pool.acquire().await.map_err(failed("read"))?;
        place(&mut connection, log).await
    }

    /// What tells one message of a log from another one at the same offset of another log.
    pub fn mark(message: &Message) -> String {
        match message {
            Message::Report(report) => format!("{} {}", report.id(), report.time),
            Message::Other(text) => text.clone(),
        }
    }

    /// Takes in messages of the log, in order, each with its offset. Those that were fed before are skipped. All of
    /// it or nothing is written.
    ///
    /// # Errors
    /// When the store cannot be read or written; then nothing of the batch was.
    pub async fn feed(&self, log: &str, batch: &[(u64, Message)]) -> Result<Fed, StatusError> {
        let Some((last, last_message)) = batch.last() else { return Ok(Fed::default()) };
        let mut transaction = self.pool.begin().await.map_err(failed("write"))?;
        lock(&mut transaction, log).await?;
        let next = place(&mut transaction, log).await?.map_or(0, |place| place.next);
        let unread = batch.iter().filter(|(at, _)| *at >= next);
        let new: Vec<&Report> = unread.filter_map(|(_, message)| message.report()).collect();
        let mut fed = Fed { reports: new.len(), jobs: 0 };
        if *last >= next {
            fed.jobs = fold(&mut transaction, &new).await?;
            sqlx::query("UPDATE valet_log SET next_offset = $1, mark = $2 WHERE name = $3")
                .bind(whole(*last).saturating_add(1))
                .bind(Self::mark(last_message))
                .bind(log)
                .execute(&mut *transaction)
                .await
                .map_err(failed("write"))?;
        }
        transaction.commit().await.map_err(failed("write"))?;
        Ok(fed)
    }

    /// Begins anew with a log that was made anew, unless somebody else has done so since `seen` was read.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn restart(&self, log: &str, seen: &Place) -> Result<(), StatusError> {
        sqlx::query(
            "UPDATE valet_log SET next_offset = 0, mark = '', fed_ms = 0 WHERE name = $1 AND mark = $2",
        )
        .bind(log)
        .bind(&seen.mark)
        .execute(&self.pool)
        .await
        .map_err(failed("write"))?;
        Ok(())
    }

    /// Notes that at `now` the store knows all that is in the log.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn mark_fresh(&self, log: &str, now: Timestamp) -> Result<(), StatusError> {
        // The log's row is there from the first report on, and a log may be empty.
        let sql = "INSERT INTO valet_log (name, next_offset, mark, fed_ms, trimmed_ms) VALUES ($1, 0, '', $2, 0) \
                   ON CONFLICT (name) DO UPDATE SET fed_ms = excluded.fed_ms";
        let marked = sqlx::query(sql).bind(log).bind(now.as_millisecond()).execute(&self.pool).await;
        marked.map_err(failed("write"))?;
        Ok(())
    }

    /// When the store last knew all that was in the log.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn fresh_at(&self, log: &str) -> Result<Option<Timestamp>, StatusError> {
        let row = sqlx::query("SELECT fed_ms FROM valet_log WHERE name = $1")
            .bind(log)
            .fetch_optional(&self.pool)
            .await
            .map_err(failed("read"))?;
        let Some(row) = row else { return Ok(None) };
        let fed: i64 = row.try_get(0).map_err(failed("read"))?;
        Ok(Timestamp::from_millisecond(fed).ok().filter(|time| *time > Timestamp::UNIX_EPOCH))
    }
}

/// Writes the log's row, so that this transaction is the only feeder until its end: in Postgres the row is
/// locked, in SQLite the database.
pub(super) async fn lock(connection: &mut AnyConnection, log: &str) -> Result<(), StatusError> {
    let sql = "INSERT INTO valet_log (name, next_offset, mark, fed_ms, trimmed_ms) VALUES ($1, 0, '', 0, 0) \
               ON CONFLICT (name) DO UPDATE SET name = excluded.name";
    sqlx::query(sql).bind(log).execute(connection).await.map_err(failed("write"))?;
    Ok(())
}

/// Takes the turn of every feeder until the end of this transaction: for who changes jobs without a report, and does
/// not know of which log they are.
pub(super) async fn lock_all(connection: &mut AnyConnection, dialect: Dialect) -> Result<(), StatusError> {
    let sql = match dialect {
        // A write takes the whole database.
        Dialect::Sqlite => "UPDATE valet_log SET name = name",
        // In order, so that two who do this at once do not wait for each other.
        Dialect::Postgres => "SELECT name FROM valet_log ORDER BY name FOR UPDATE",
    };
    sqlx::query(sql).execute(connection).await.map_err(failed("write"))?;
    Ok(())
}

async fn place(connection: &mut AnyConnection, log: &str) -> Result<Option<Place>, StatusError> {
    let row = sqlx::query("SELECT next_offset, mark FROM valet_log WHERE name = $1")
        .bind(log)
        .fetch_optional(connection)
        .await
        .map_err(failed("read"))?;
    let Some(row) = row else { return Ok(None) };
    let next: i64 = row.try_get(0).map_err(failed("read"))?;
    let mark: String = row.try_get(1).map_err(failed("read"))?;
    Ok(Some(Place { next: u64::try_from(next).unwrap_or_default(), mark }).filter(|place| place.next > 0))
}

/// Folds reports into the records of their jobs; the number of jobs that changed.
async fn fold(connection: &mut AnyConnection, reports: &[&Report]) -> Result<usize, StatusError> {
    let ids: BTreeSet<JobId> = reports.iter().map(|report| report.job).collect();
    let mut records = load(connection, ids.into_iter().collect()).await?;
    let (mut changed, mut tagged) = (BTreeSet::new(), BTreeSet::new());
    for report in reports {
        let job = report.key();
        let record = records.entry(job.clone()).or_insert_with(|| JobRecord::unseen(job.clone()));
        if record.apply(report) {
            if report.kind() == ReportKind::Submitted {
                tagged.insert(job.clone());
            }
            changed.insert(job);
        }
    }
    let pick = |jobs: BTreeSet<JobKey>| jobs.iter().filter_map(|job| records.get(job)).collect::<Vec<_>>();
    let (changed, tagged) = (pick(changed), pick(tagged));
    row::write(connection, &changed, &tagged).await?;
    Ok(changed.len())
}

/// The records of the jobs of these ids, in whatever lane.
pub(super) async fn load(
    connection: &mut AnyConnection,
    ids: Vec<JobId>,
) -> Result<BTreeMap<JobKey, JobRecord>, StatusError> {
    let mut records = BTreeMap::new();
    for chunk in ids.chunks(IDS_MAX) {
        let sql = format!("SELECT body FROM valet_records WHERE id IN {}", places(1, chunk.len()));
        let query =
            chunk.iter().fold(sqlx::query(AssertSqlSafe(sql)), |query, id| query.bind(id.to_string()));
        for found in query.fetch_all(&mut *connection).await.map_err(failed("read"))? {
            let record = row::record(&found.try_get::<String, _>(0).map_err(failed("read"))?)?;
            records.insert(record.key(), record);
        }
    }
    Ok(records)
}

fn whole(offset: u64) -> i64 {
    i64::try_from(offset).unwrap_or(i64::MAX)
}
