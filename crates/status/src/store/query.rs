//! Questions to the store.

use std::collections::BTreeMap;

use jiff::Timestamp;
use sqlx::Row;
use valet_protocol::JobId;

use super::filter::{Filter, Page, Sql, Value, Way};
use super::{Store, failed, feed};
use crate::error::StatusError;
use crate::record::JobRecord;
use crate::state::State;

/// Up to so many jobs are put in order faster than an index gives them in order.
const COMMON: i64 = 5_000;

/// The order of answers, and what is compared with a page's last job: time of submission, then id.
type Place = (i64, String);

impl Store {
    /// The record of one job.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn job(&self, id: JobId) -> Result<Option<JobRecord>, StatusError> {
        Ok(self.jobs(&[id]).await?.remove(&id))
    }

    /// The records of these jobs, as far as there are any.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn jobs(&self, ids: &[JobId]) -> Result<BTreeMap<JobId, JobRecord>, StatusError> {
        let mut connection = self.pool.acquire().await.map_err(failed("read"))?;
        feed::load(&mut connection, ids).await
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
        let after = match page.after {
            Some(id) => self.job(id).await?.map(|job| (job.begun_at().as_millisecond(), id.to_string())),
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
        let ids: Vec<JobId> = found.iter().filter_map(|(_, id)| id.parse().ok()).collect();
        let mut records = self.jobs(&ids).await?;
        let mut listed: Vec<JobRecord> = ids.iter().filter_map(|id| records.remove(id)).collect();
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
        sql.push("SELECT j.begun_ms, j.id");
        filter.conditions(&mut sql, state, way, self.dialect);
        if let Some((begun, id)) = after {
            sql.push(" AND (j.begun_ms, j.id) < (");
            sql.bind(Value::Whole(*begun));
            sql.push(", ");
            sql.bind(Value::Text(id.clone()));
            sql.push(")");
        }
        sql.push(way.order());
        sql.bind(Value::Whole(i64::try_from(limit).unwrap_or(i64::MAX)));
        let rows = sql.query().fetch_all(&self.pool).await.map_err(failed("read"))?;
        let place = |row: &sqlx::any::AnyRow| Ok((row.try_get(0)?, row.try_get(1)?));
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
