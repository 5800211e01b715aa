//! The tables, as a list of steps that only ever grows.
//! Must never change a step that was released: stores remember its hash.

use sqlx::SqlSafeStr;
use sqlx::migrate::{Migration, MigrationType, Migrator};

/// The table in which a store remembers the steps that were taken; a database may be shared with others.
const STEPS: &str = "valet_status_steps";

/// `valet_jobs` holds what jobs are found by, narrow, so that even a search through all of them is quick;
/// `valet_records` holds the rest. Times are milliseconds since 1970.
const TABLES: &str = "
CREATE TABLE valet_jobs (
  id TEXT NOT NULL PRIMARY KEY,
  state TEXT NOT NULL,
  begun_ms BIGINT NOT NULL,
  heard_ms BIGINT NOT NULL,
  ended_ms BIGINT,
  lane TEXT,
  preset TEXT,
  version BIGINT,
  reason TEXT,
  names TEXT NOT NULL,
  to_verify BIGINT NOT NULL
);
CREATE INDEX valet_jobs_begun ON valet_jobs (begun_ms DESC, id DESC);
CREATE INDEX valet_jobs_state ON valet_jobs (state, begun_ms DESC, id DESC);
CREATE INDEX valet_jobs_lane ON valet_jobs (lane, begun_ms DESC, id DESC);
CREATE INDEX valet_jobs_preset ON valet_jobs (preset, begun_ms DESC, id DESC);
CREATE INDEX valet_jobs_reason ON valet_jobs (reason, begun_ms DESC, id DESC) WHERE reason IS NOT NULL;
CREATE INDEX valet_jobs_ended ON valet_jobs (ended_ms) WHERE ended_ms IS NOT NULL;
CREATE INDEX valet_jobs_verify ON valet_jobs (begun_ms) WHERE to_verify = 1;
CREATE TABLE valet_records (
  id TEXT NOT NULL PRIMARY KEY,
  body TEXT NOT NULL
);
CREATE TABLE valet_tags (
  id TEXT NOT NULL,
  name TEXT NOT NULL,
  value TEXT NOT NULL,
  begun_ms BIGINT NOT NULL,
  PRIMARY KEY (id, name)
);
CREATE INDEX valet_tags_value ON valet_tags (name, value, begun_ms DESC, id DESC);
CREATE TABLE valet_log (
  name TEXT NOT NULL PRIMARY KEY,
  next_offset BIGINT NOT NULL,
  mark TEXT NOT NULL,
  fed_ms BIGINT NOT NULL,
  trimmed_ms BIGINT NOT NULL
);
";

/// What makes or updates the tables.
pub(super) fn migrator() -> Migrator {
    let step = |version, name: &'static str, sql: &'static str| {
        Migration::new(version, name.into(), MigrationType::Simple, sql.into_sql_str(), false)
    };
    let mut migrator = Migrator::with_migrations(vec![step(1, "tables", TABLES)]);
    migrator.dangerous_set_table_name(STEPS);
    migrator
}
