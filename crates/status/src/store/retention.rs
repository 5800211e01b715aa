//! Old jobs leave the store, a few at a time, so that nobody waits long for the writer.
//! Must never delete a job that is not old any more.

use jiff::{SignedDuration, Timestamp};
use sqlx::{AnyConnection, AssertSqlSafe, Row};

use super::row::places;
use super::{Store, failed, feed};
use crate::error::StatusError;

/// Jobs deleted in one transaction.
const BATCH: usize = 500;

/// Jobs that have ended. The condition stands twice: what is deleted must be old when it is deleted.
const ENDED: &str = "DELETE FROM valet_jobs WHERE ended_ms < $1 AND (id, lane) IN \
     (SELECT id, lane FROM valet_jobs WHERE ended_ms < $1 LIMIT $2) RETURNING id";
/// Jobs of which nothing is heard any more.
const SILENT: &str = "DELETE FROM valet_jobs WHERE heard_ms < $1 AND (id, lane) IN \
     (SELECT id, lane FROM valet_jobs WHERE state IN ('unseen', 'queued', 'running', 'retrying', 'reminting') \
     AND heard_ms < $1 LIMIT $2) RETURNING id";

impl Store {
    /// Deletes jobs that ended before `before`, and jobs of which nothing was heard since; at most `batches` times
    /// 500. Gives the number deleted.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn clear_out(&self, before: Timestamp, batches: u32) -> Result<u64, StatusError> {
        let mut deleted = 0;
        for _ in 0..batches {
            match self.clear_out_batch(before).await? {
                0 => break,
                jobs => deleted += jobs,
            }
        }
        Ok(deleted)
    }

    async fn clear_out_batch(&self, before: Timestamp) -> Result<u64, StatusError> {
        let mut transaction = self.pool.begin().await.map_err(failed("clear out"))?;
        // A feeder must not come between: a job that begins anew just now stays, with all that is known of it.
        feed::lock_all(&mut transaction, self.dialect).await?;
        let mut ids = delete_jobs(&mut transaction, ENDED, before).await?;
        if ids.is_empty() {
            ids = delete_jobs(&mut transaction, SILENT, before).await?;
        }
        if ids.is_empty() {
            return Ok(0);
        }
        for table in ["valet_tags", "valet_records"] {
            // By id, which finds them quickly; another lane's job of the same id is still there, and keeps its own.
            let sql = format!(
                "DELETE FROM {table} WHERE id IN {} AND NOT EXISTS \
                 (SELECT 1 FROM valet_jobs j WHERE j.id = {table}.id AND j.lane = {table}.lane)",
                places(1, ids.len())
            );
            let query = ids.iter().fold(sqlx::query(AssertSqlSafe(sql)), |query, id| query.bind(id.clone()));
            query.execute(&mut *transaction).await.map_err(failed("clear out"))?;
        }
        transaction.commit().await.map_err(failed("clear out"))?;
        Ok(ids.len() as u64)
    }

    /// Whether it is time to clear out, at most once every `every`; notes that it is done now.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn take_turn(
        &self,
        log: &str,
        every: SignedDuration,
        now: Timestamp,
    ) -> Result<bool, StatusError> {
        let due = now.checked_sub(every).unwrap_or(Timestamp::UNIX_EPOCH);
        let mut connection = self.pool.acquire().await.map_err(failed("write"))?;
        feed::lock(&mut connection, log).await?;
        let done = sqlx::query("UPDATE valet_log SET trimmed_ms = $1 WHERE name = $2 AND trimmed_ms <= $3")
            .bind(now.as_millisecond())
            .bind(log)
            .bind(due.as_millisecond())
            .execute(&mut *connection)
            .await
            .map_err(failed("write"))?;
        Ok(done.rows_affected() > 0)
    }
}

/// Deletes the rows of jobs that are older, at most [`BATCH`]; gives their ids.
async fn delete_jobs(
    connection: &mut AnyConnection,
    sql: &'static str,
    before: Timestamp,
) -> Result<Vec<String>, StatusError> {
    let query = sqlx::query(sql).bind(before.as_millisecond()).bind(BATCH as i64);
    let rows = query.fetch_all(connection).await.map_err(failed("clear out"))?;
    let id = |row: &sqlx::any::AnyRow| row.try_get::<String, _>(0);
    rows.iter().map(id).collect::<Result<_, _>>().map_err(failed("clear out"))
}
