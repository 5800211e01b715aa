//! A record as rows: what it is found by, and all of it.

use sqlx::any::AnyArguments;
use sqlx::query::Query;
use sqlx::{Any, AnyConnection, AssertSqlSafe};

use super::failed;
use crate::error::StatusError;
use crate::record::JobRecord;

/// Rows written by one statement: round trips are what costs with a database far away.
const ROWS_MAX: usize = 64;

const JOBS: &str = "INSERT INTO valet_jobs (id, lane, state, begun_ms, heard_ms, ended_ms, preset, version, reason, \
     names, to_verify) VALUES ";
const JOBS_AGAIN: &str = " ON CONFLICT (id, lane) DO UPDATE SET state = excluded.state, begun_ms = excluded.begun_ms, \
     heard_ms = excluded.heard_ms, ended_ms = excluded.ended_ms, preset = excluded.preset, \
     version = excluded.version, reason = excluded.reason, names = excluded.names, to_verify = excluded.to_verify";
const RECORDS: &str = "INSERT INTO valet_records (id, lane, body) VALUES ";
const RECORDS_AGAIN: &str = " ON CONFLICT (id, lane) DO UPDATE SET body = excluded.body";
const TAGS: &str = "INSERT INTO valet_tags (id, lane, name, value, begun_ms) VALUES ";
const TAGS_AGAIN: &str =
    " ON CONFLICT (id, lane, name) DO UPDATE SET value = excluded.value, begun_ms = excluded.begun_ms";

type Statement<'q> = Query<'q, Any, AnyArguments>;

/// Writes records, over those of the same jobs. `tagged`: tags are written as well.
pub(super) async fn write(
    connection: &mut AnyConnection,
    records: &[&JobRecord],
    tagged: &[&JobRecord],
) -> Result<(), StatusError> {
    for chunk in records.chunks(ROWS_MAX) {
        let sql = format!("{JOBS}{}{JOBS_AGAIN}", places(chunk.len(), 11));
        let query =
            chunk.iter().fold(sqlx::query(AssertSqlSafe(sql)), |query, record| bind_job(query, record));
        query.execute(&mut *connection).await.map_err(failed("write"))?;
        let sql = format!("{RECORDS}{}{RECORDS_AGAIN}", places(chunk.len(), 3));
        let mut query = sqlx::query(AssertSqlSafe(sql));
        for record in chunk {
            let body = serde_json::to_string(record).map_err(|cause| StatusError::Record { cause })?;
            query = query.bind(record.id.to_string()).bind(record.lane.to_string()).bind(body);
        }
        query.execute(&mut *connection).await.map_err(failed("write"))?;
    }
    write_tags(connection, tagged).await
}

async fn write_tags(connection: &mut AnyConnection, records: &[&JobRecord]) -> Result<(), StatusError> {
    for record in records {
        sqlx::query("DELETE FROM valet_tags WHERE id = $1 AND lane = $2")
            .bind(record.id.to_string())
            .bind(record.lane.to_string())
            .execute(&mut *connection)
            .await
            .map_err(failed("write"))?;
    }
    let tags = |record: &&&JobRecord| {
        let (key, begun) = (record.key(), record.begun_at().as_millisecond());
        let tag = move |(name, value): (&String, &String)| (key.clone(), name.clone(), value.clone(), begun);
        record.tags.iter().map(tag).collect::<Vec<_>>()
    };
    let rows: Vec<_> = records.iter().flat_map(|record| tags(&record)).collect();
    for chunk in rows.chunks(ROWS_MAX) {
        let sql = format!("{TAGS}{}{TAGS_AGAIN}", places(chunk.len(), 5));
        let mut query = sqlx::query(AssertSqlSafe(sql));
        for (key, name, value, begun) in chunk {
            query =
                query.bind(key.id.to_string()).bind(key.lane.to_string()).bind(name).bind(value).bind(begun);
        }
        query.execute(&mut *connection).await.map_err(failed("write"))?;
    }
    Ok(())
}

fn bind_job<'q>(query: Statement<'q>, record: &JobRecord) -> Statement<'q> {
    let (preset, version) = match record.preset.as_deref().and_then(|preset| preset.rsplit_once('@')) {
        Some((name, version)) => (Some(name.to_owned()), version.parse::<i64>().ok()),
        None => (None, None),
    };
    query
        .bind(record.id.to_string())
        .bind(record.lane.to_string())
        .bind(record.state.word())
        .bind(record.begun_at().as_millisecond())
        .bind(record.time.unwrap_or(record.begun_at()).as_millisecond())
        .bind(record.ended_at.map(|time| time.as_millisecond()))
        .bind(preset)
        .bind(version)
        .bind(record.reason.map(|reason| reason.code().to_owned()))
        .bind(names(record))
        .bind(i64::from(record.to_verify().is_some()))
}

/// What a search by text looks through: the names of input and output, in lower case.
fn names(record: &JobRecord) -> String {
    let output = record.output.as_ref().map(|output| &output.blob).or(record.output_blob.as_ref());
    let parts = [record.input_blob.as_ref(), output];
    let parts: Vec<_> = parts.into_iter().flatten().map(|name| name.to_lowercase()).collect();
    parts.join("\n")
}

/// `($1, $2), ($3, $4)`.
pub(super) fn places(rows: usize, columns: usize) -> String {
    let row = |row: usize| {
        let places: Vec<_> = (1..=columns).map(|column| format!("${}", row * columns + column)).collect();
        format!("({})", places.join(", "))
    };
    (0..rows).map(row).collect::<Vec<_>>().join(", ")
}

/// A record out of its text.
pub(super) fn record(body: &str) -> Result<JobRecord, StatusError> {
    serde_json::from_str(body).map_err(|cause| StatusError::Record { cause })
}
