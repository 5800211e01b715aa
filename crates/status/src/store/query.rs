//! Questions to the store.

use std::collections::BTreeMap;

use jiff::Timestamp;
use sqlx::Row;
use valet_protocol::{JobId, JobKey};

use super::filter::{Filter, Page, Sql, Value, Way};
use super::{Store, failed, feed};
use crate::error::StatusError;
use crate::record::JobRecord;
use crate::state::State;

/// Up to so many jobs are put in order faster than an index gives them in order.
const COMMON: i64 = 5_000;

/// The order of answers, and what is compared with a page's last job: time of submission, then id, then lane.
type Place = (i64, String, String);

impl Store {
    /// The record of one job.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn job(&self, job: &JobKey) -> Result<Option<JobRecord>, StatusError> {
        Ok(self.named(&[job.id]).await?.remove(job))
    }

    /// The records of these jobs, as far as there are any.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn jobs(&self, jobs: &[JobKey]) -> Result<BTreeMap<JobKey, JobRecord>, StatusError> {
        let ids: Vec<JobId> = jobs.iter().map(|job| job.id).collect();
        let mut named = self.named(&ids).await?;
        Ok(jobs.iter().filter_map(|job| named.remove_entry(job)).collect())
    }

    /// The records of all jobs of these ids: two lanes may have the same one.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn named(&self, ids: &[JobId]) -> Result<BTreeMap<JobKey, JobRecord>, StatusError> {
        let mut connection = self.pool.acquire().await.map_err(failed("read"))?;
        feed::load(&mut connection, ids.to_vec()).await
    }

    /// The records that match, newest first. `now` tells which running jobs are silent.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn list(
        &self,
        filter: &Filter,
        page: Page,
        now: Timestamp,
    ) -> Result<Vec<JobRecord>, StatusError> {
        let place =
            |job: JobRecord| (job.begun_at().as_millisecond(), job.id.to_string(), job.lane.to_string());
        let after = match &page.after {
            Some(job) => self.job(job).await?.map(place),
            None => None,
        };
        let mut found: Vec<Place> = Vec::new();
        let common = self.are_common(&filter.tags).await?;
        for state in filter.each_state() {
            let way = filter.way(state, common);
            found.extend(self.find(filter, state, way, page.limit, after.as_ref()).await?);
        }
        found.sort_unstable_by(|one, other| other.cmp(one));
        found.truncate(page.limit);
        let key = |(_, id, lane): &Place| Some(JobKey::new(lane.parse().ok()?, id.parse().ok()?));
        let jobs: Vec<JobKey> = found.iter().filter_map(key).collect();
        let mut records = self.jobs(&jobs).await?;
        let mut listed: Vec<JobRecord> = jobs.iter().filter_map(|job| records.remove(job)).collect();
        listed.iter_mut().for_each(|record| record.mark_silence(now));
        Ok(listed)
    }

    async fn find(
        &self,
        filter: &Filter,
        state: Option<State>,
        way: Way,
        limit: usize,
        after: Option<&Place>,
    ) -> Result<Vec<Place>, StatusError> {
        let mut sql = Sql::default();
        sql.push("SELECT j.begun_ms, j.id, j.lane");
        filter.conditions(&mut sql, state, way, self.dialect);
        if let Some((begun, id, lane)) = after {
            sql.push(" AND (j.begun_ms, j.id, j.lane) < (");
            sql.bind(Value::Whole(*begun));
            for text in [id, lane] {
                sql.push(", ");
                sql.bind(Value::Text(text.clone()));
            }
            sql.push(")");
        }
        sql.push(way.order());
        sql.bind(Value::Whole(i64::try_from(limit).unwrap_or(i64::MAX)));
        let rows = sql.query().fetch_all(&self.pool).await.map_err(failed("read"))?;
        let place = |row: &sqlx::any::AnyRow| Ok((row.try_get(0)?, row.try_get(1)?, row.try_get(2)?));
        rows.iter().map(place).collect::<Result<_, _>>().map_err(failed("read"))
    }

    /// Whether each of these labels is on more than [`COMMON`] jobs.
    async fn are_common(&self, tags: &[(String, String)]) -> Result<bool, StatusError> {
        for (name, value) in tags {
            let sql = "SELECT 1 FROM valet_tags WHERE name = $1 AND value = $2 LIMIT 1 OFFSET $3";
            let row = sqlx::query(sql).bind(name).bind(value).bind(COMMON).fetch_optional(&self.pool).await;
            if row.map_err(failed("read"))?.is_none() {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// How many jobs match, by state.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn count(&self, filter: &Filter) -> Result<BTreeMap<State, u64>, StatusError> {
        let mut counts = BTreeMap::new();
        for state in filter.each_state() {
            let mut sql = Sql::default();
            sql.push("SELECT j.state, COUNT(*)");
            filter.conditions(&mut sql, state, Way::Ids, self.dialect);
            sql.push(" GROUP BY j.state");
            for row in sql.query().fetch_all(&self.pool).await.map_err(failed("read"))? {
                let word: String = row.try_get(0).map_err(failed("read"))?;
                let number: i64 = row.try_get(1).map_err(failed("read"))?;
                if let Ok(state) = word.parse() {
                    counts.insert(state, u64::try_from(number).unwrap_or_default());
                }
            }
        }
        Ok(counts)
    }
}
