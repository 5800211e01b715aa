//! Who changes jobs without a report waits for the feeder, on Postgres too, where a read takes no turn.

use std::time::Duration;

use sqlx::{AnyConnection, Connection, Executor, Row};
use tokio::task::JoinHandle;
use valet_protocol::{Reason, Stored};
use valet_status::{Message, Sight, State, Store, StoreUrl};
use valet_testkit::postgres::Database;
use valet_testkit::{Postgres, wait_for};

use crate::common::*;

const LOG: &str = "amqp://broker/vhost";
const TIMEOUT: Duration = Duration::from_secs(30);

/// A store with one job that has succeeded.
async fn store(database: &Database<'_>) -> Store {
    let store = Store::open(&StoreUrl::parse(&database.url(), None).expect("a URL")).await.expect("a store");
    let told = [submitted(0), report(1, "w1", (1, 0), succeeded(Stored::Created))];
    let told: Vec<_> = (0..).zip(told.map(|report| Message::Report(Box::new(report)))).collect();
    store.feed(LOG, &told).await.expect("fed");
    store
}

/// A feeder in the midst of its batch.
async fn feeder(database: &Database<'_>) -> AnyConnection {
    let mut feeder = AnyConnection::connect(&database.url()).await.expect("the database answers");
    feeder.execute("BEGIN").await.expect("begun");
    feeder.execute("UPDATE valet_log SET name = name").await.expect("its turn");
    feeder
}

/// Waits until the task waits for the feeder, or has not done so and is over.
fn wait_until_it_waits<T>(database: &Database<'_>, task: &JoinHandle<T>) {
    let waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()";
    wait_for("a task that waits for its turn", TIMEOUT, || match database.run(waiting).trim() {
        "0" if !task.is_finished() => Err("it does not wait yet"),
        _ => Ok(()),
    });
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Runtime::new().expect("a runtime")
}

#[test]
fn storages_word_is_not_written_over_by_a_report_that_comes_at_once() {
    let database = Postgres::shared().database();
    runtime().block_on(async {
        let store = store(&database).await;
        let mut feeder = feeder(&database).await;
        let read = feeder.fetch_one("SELECT body FROM valet_records").await.expect("a record");
        let judge = store.clone();
        let judged = tokio::spawn(async move { judge.judge(&key(1), &Sight::Absent, at(9)).await });
        wait_until_it_waits(&database, &judged);
        // What the feeder has read is what it writes.
        let body: String = read.try_get(0).expect("a text");
        let written = sqlx::query("UPDATE valet_records SET body = $1").bind(body).execute(&mut feeder).await;
        written.expect("written");
        feeder.execute("COMMIT").await.expect("done");
        judged.await.expect("no panic").expect("judged").expect("a job");
        let job = store.job(&key(1)).await.expect("read").expect("kept");
        assert_eq!((job.state, job.reason), (State::Failed, Some(Reason::OutputMismatch)));
        store.close().await;
    });
}

#[test]
fn a_job_that_begins_anew_while_old_ones_leave_stays_whole() {
    let database = Postgres::shared().database();
    runtime().block_on(async {
        let store = store(&database).await;
        let mut feeder = feeder(&database).await;
        let anew = "UPDATE valet_jobs SET state = 'running', ended_ms = NULL, heard_ms = $1";
        let written = sqlx::query(anew).bind(at(5_000).as_millisecond()).execute(&mut feeder).await;
        written.expect("written");
        let clearer = store.clone();
        let cleared = tokio::spawn(async move { clearer.clear_out(at(1_000), 10).await });
        wait_until_it_waits(&database, &cleared);
        feeder.execute("COMMIT").await.expect("done");
        assert_eq!(cleared.await.expect("no panic").expect("cleared"), 0);
        assert_eq!(store.job(&key(1)).await.expect("read").map(|job| job.tags.len()), Some(1));
        assert_eq!(database.run("SELECT count(*) FROM valet_tags").trim(), "1");
        store.close().await;
    });
}
