//! Outputs that nobody has compared with storage yet, and what storage said of them.

use jiff::Timestamp;
use sqlx::Row;
use valet_protocol::JobKey;

use super::{Store, failed, feed, row};
use crate::error::StatusError;
use crate::record::JobRecord;
use crate::verdict::Sight;

impl Store {
    /// Jobs whose outputs are to be compared, oldest first; only those behind `after`.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn to_verify(
        &self,
        limit: u32,
        after: Option<&JobRecord>,
    ) -> Result<Vec<JobRecord>, StatusError> {
        let sql = "SELECT r.body FROM valet_jobs j JOIN valet_records r ON r.id = j.id AND r.lane = j.lane WHERE j.to_verify = 1 \
                   AND (j.begun_ms, j.id, j.lane) > ($1, $2, $3) ORDER BY j.begun_ms, j.id, j.lane LIMIT $4";
        let (begun, id, lane) = match after {
            Some(job) => (job.begun_at().as_millisecond(), job.id.to_string(), job.lane.to_string()),
            None => (i64::MIN, String::new(), String::new()),
        };
        let query = sqlx::query(sql).bind(begun).bind(id).bind(lane).bind(i64::from(limit));
        let rows = query.fetch_all(&self.pool).await.map_err(failed("read"))?;
        let record =
            |found: &sqlx::any::AnyRow| row::record(&found.try_get::<String, _>(0).map_err(failed("read"))?);
        rows.iter().map(record).collect()
    }

    /// Takes in what storage said of a job's output; gives the record as it is then. Storage's word on a job that
    /// was judged meanwhile changes nothing.
    ///
    /// # Errors
    /// When the store cannot be read or written.
    pub async fn judge(
        &self,
        job: &JobKey,
        sight: &Sight,
        now: Timestamp,
    ) -> Result<Option<JobRecord>, StatusError> {
        let mut transaction = self.pool.begin().await.map_err(failed("write"))?;
        // A report must not come between reading and writing: its feeder would write over this word.
        feed::lock_all(&mut transaction, self.dialect).await?;
        let Some(mut record) = feed::load(&mut transaction, vec![job.id]).await?.remove(job) else {
            return Ok(None);
        };
        if record.to_verify().is_some() {
            record.judge(sight, now);
            row::write(&mut transaction, &[&record], &[]).await?;
        }
        transaction.commit().await.map_err(failed("write"))?;
        Ok(Some(record))
    }
}
