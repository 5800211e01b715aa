//! The tables, as a list of steps that only ever grows.
//! Must never change a step that was released: stores remember its hash.

use sqlx::SqlSafeStr;
use sqlx::migrate::{Migration, MigrationType, Migrator};

/// How many steps there are.
const STEPS_COUNT: usize = 2;

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

/// A job is known by its lane and its id. Neither database changes a primary key in place in the words of the other, so
/// the tables are written anew.
const LANES: &str = "
CREATE TABLE valet_jobs_by_lane (
  id TEXT NOT NULL,
  lane TEXT NOT NULL,
  state TEXT NOT NULL,
  begun_ms BIGINT NOT NULL,
  heard_ms BIGINT NOT NULL,
  ended_ms BIGINT,
  preset TEXT,
  version BIGINT,
  reason TEXT,
  names TEXT NOT NULL,
  to_verify BIGINT NOT NULL,
  PRIMARY KEY (id, lane)
);
INSERT INTO valet_jobs_by_lane (id, lane, state, begun_ms, heard_ms, ended_ms, preset, version, reason, names, to_verify)
  SELECT id, COALESCE(lane, 'default'), state, begun_ms, heard_ms, ended_ms, preset, version, reason, names, to_verify
  FROM valet_jobs;
CREATE TABLE valet_records_by_lane (
  id TEXT NOT NULL,
  lane TEXT NOT NULL,
  body TEXT NOT NULL,
  PRIMARY KEY (id, lane)
);
INSERT INTO valet_records_by_lane (id, lane, body)
  SELECT r.id, COALESCE(j.lane, 'default'), r.body FROM valet_records r JOIN valet_jobs j ON j.id = r.id;
CREATE TABLE valet_tags_by_lane (
  id TEXT NOT NULL,
  lane TEXT NOT NULL,
  name TEXT NOT NULL,
  value TEXT NOT NULL,
  begun_ms BIGINT NOT NULL,
  PRIMARY KEY (id, lane, name)
);
INSERT INTO valet_tags_by_lane (id, lane, name, value, begun_ms)
  SELECT t.id, COALESCE(j.lane, 'default'), t.name, t.value, t.begun_ms
  FROM valet_tags t JOIN valet_jobs j ON j.id = t.id;
DROP TABLE valet_jobs;
DROP TABLE valet_records;
DROP TABLE valet_tags;
ALTER TABLE valet_jobs_by_lane RENAME TO valet_jobs;
ALTER TABLE valet_records_by_lane RENAME TO valet_records;
ALTER TABLE valet_tags_by_lane RENAME TO valet_tags;
CREATE INDEX valet_jobs_begun ON valet_jobs (begun_ms DESC, id DESC, lane DESC);
CREATE INDEX valet_jobs_state ON valet_jobs (state, begun_ms DESC, id DESC, lane DESC);
CREATE INDEX valet_jobs_lane ON valet_jobs (lane, begun_ms DESC, id DESC);
CREATE INDEX valet_jobs_preset ON valet_jobs (preset, begun_ms DESC, id DESC, lane DESC);
CREATE INDEX valet_jobs_reason ON valet_jobs (reason, begun_ms DESC, id DESC, lane DESC) WHERE reason IS NOT NULL;
CREATE INDEX valet_jobs_ended ON valet_jobs (ended_ms) WHERE ended_ms IS NOT NULL;
CREATE INDEX valet_jobs_verify ON valet_jobs (begun_ms) WHERE to_verify = 1;
CREATE INDEX valet_tags_value ON valet_tags (name, value, begun_ms DESC, id DESC, lane DESC);
";

/// What makes or updates the tables.
pub(super) fn migrator() -> Migrator {
    migrator_to(STEPS_COUNT)
}

/// The first so many steps, for tests of what an older release left.
fn migrator_to(count: usize) -> Migrator {
    let step = |version, name: &'static str, sql: &'static str| {
        Migration::new(version, name.into(), MigrationType::Simple, sql.into_sql_str(), false)
    };
    let mut steps = vec![step(1, "tables", TABLES), step(2, "lanes", LANES)];
    steps.truncate(count);
    let mut migrator = Migrator::with_migrations(steps);
    migrator.dangerous_set_table_name(STEPS);
    migrator
}

#[cfg(test)]
mod tests {
    use sqlx::{AnyPool, Executor};
    use valet_protocol::{JobKey, Lane};
    use valet_testkit::Postgres;

    use super::*;
    use crate::{Filter, Page, Store, StoreUrl};

    /// Three jobs as the first release wrote them: of a lane, of another, and of none that was told.
    const OLD: &str = r#"
INSERT INTO valet_jobs (id, state, begun_ms, heard_ms, lane, names, to_verify) VALUES
  ('01920000-0000-7000-8000-000000000001', 'queued', 1, 1, 'default', 'a', 0),
  ('01920000-0000-7000-8000-000000000002', 'queued', 2, 2, 'acme', 'b', 0),
  ('01920000-0000-7000-8000-000000000003', 'unseen', 3, 3, NULL, '', 0);
INSERT INTO valet_records (id, body) VALUES
  ('01920000-0000-7000-8000-000000000001',
   '{"id":"01920000-0000-7000-8000-000000000001","state":"queued","lane":"default","tags":{"title":"42"}}'),
  ('01920000-0000-7000-8000-000000000002',
   '{"id":"01920000-0000-7000-8000-000000000002","state":"queued","lane":"acme"}'),
  ('01920000-0000-7000-8000-000000000003', '{"id":"01920000-0000-7000-8000-000000000003","state":"unseen"}');
INSERT INTO valet_tags (id, name, value, begun_ms) VALUES
  ('01920000-0000-7000-8000-000000000001', 'title', '42', 1);
"#;

    /// Opens a store that the first release made at `address`, and that is `url`.
    async fn open_old(address: &str, url: &StoreUrl) -> Store {
        sqlx::any::install_default_drivers();
        let pool = AnyPool::connect(address).await.expect("a database");
        migrator_to(1).run(&pool).await.expect("the first tables");
        pool.execute(OLD).await.expect("old rows");
        pool.close().await;
        Store::open(url).await.expect("the store opens")
    }

    async fn holds_all(store: Store) {
        let now = jiff::Timestamp::UNIX_EPOCH;
        let key = |lane: &str, number: u32| {
            let id = format!("01920000-0000-7000-8000-{number:012}");
            JobKey::new(lane.parse().expect("a lane"), id.parse().expect("an id"))
        };
        let tags = vec![("title".to_owned(), "42".to_owned())];
        for (filter, expected) in [
            (Filter::default(), vec![key("default", 3), key("acme", 2), key("default", 1)]),
            (Filter { tags, ..Filter::default() }, vec![key("default", 1)]),
            (
                Filter { lane: Some(Lane::default().to_string()), ..Filter::default() },
                vec![key("default", 3), key("default", 1)],
            ),
        ] {
            let jobs = store.list(&filter, Page::first(9), now).await.expect("a list");
            assert_eq!(jobs.iter().map(crate::JobRecord::key).collect::<Vec<_>>(), expected, "{filter:?}");
        }
        store.close().await;
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_store_of_the_first_release_keeps_its_jobs_under_their_lanes() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("status.db");
        let address = format!("sqlite://{}?mode=rwc", path.display());
        holds_all(open_old(&address, &StoreUrl::file(path)).await).await;
        let database = tokio::task::block_in_place(|| Postgres::shared().database());
        let url = StoreUrl::parse(&database.url(), None).expect("a URL");
        holds_all(open_old(&database.url(), &url).await).await;
    }
}
