//! Walls around the worker: it never starts with storage authority in reach, and the broker's logins can do
//! their own work and nothing else.

use lapin::options::{
    BasicConsumeOptions, BasicGetOptions, BasicPublishOptions, ConfirmSelectOptions, ExchangeDeclareOptions,
    QueueBindOptions, QueueDeclareOptions, QueueDeleteOptions, QueuePurgeOptions,
};
use lapin::types::FieldTable;
use lapin::{BasicProperties, Connection, ExchangeKind};
use valet_testkit::{Folder, Program, Sas};

use crate::backstage::{channel, connect};
use crate::stage::{COMMAND_TIMEOUT, Stage};

/// Starts a worker with this in addition; it must refuse with exit 64, name `name`, and not say `value`.
#[track_caller]
fn expect_refusal(program: Program, name: &str, value: &str) {
    let finished = program.run(COMMAND_TIMEOUT);
    assert_eq!(finished.code, Some(64), "{name}: {}{}", finished.stdout, finished.stderr);
    assert!(finished.stderr.contains(name), "{name} is not named: {}", finished.stderr);
    let said = format!("{}{}", finished.stdout, finished.stderr);
    assert!(!said.contains(value), "{name}'s value is told: {said}");
    assert!(!said.contains("taking jobs"), "{said}");
}

#[test]
fn a_worker_with_a_storage_key_in_its_environment_does_not_start() {
    let stage = Stage::new();
    let (account, key) = (stage.storage.account(), stage.storage.key());
    let connection = format!("DefaultEndpointsProtocol=https;AccountName={account};AccountKey={key}");
    let sas = stage.storage.sas_url(&Sas::read(&stage.input, "blob"));
    let token = sas.split_once('?').expect("a query").1.to_owned();
    for (name, value) in [
        ("AZURE_STORAGE_KEY", key),
        ("AZURE_STORAGE_ACCOUNT_KEY", key),
        ("AZURE_STORAGE_CONNECTION_STRING", &connection),
        ("AzureWebJobsStorage", &connection),
        ("AZURE_STORAGE_SAS_TOKEN", &token),
        ("AZURE_CLIENT_SECRET", "some~secret~of~a~principal"),
        ("ARM_ACCESS_KEY", key),
        ("VALET_STORAGE_ACCOUNT_KEY", key),
        ("VALET_STORAGE_ACCOUNT_KEY_FILE", "/run/secrets/account-key"),
        ("MY_STORAGE_SECRET", key),
        ("COMPANY_DSN", &connection),
        ("SOME_URL", &sas),
    ] {
        expect_refusal(stage.worker_program().env(name, value), name, value);
    }
}

#[test]
fn a_worker_with_a_storage_key_in_its_configuration_does_not_start() {
    let stage = Stage::new();
    let (account, key) = (stage.storage.account(), stage.storage.key());
    let connection = format!("AccountName={account};AccountKey={key};EndpointSuffix=core.windows.net");
    let folder = Folder::new("config");
    let login = std::fs::read_to_string(stage.login("worker")).expect("the login's file");
    for (number, (name, value)) in [
        ("storage.account_key", key),
        ("storage.account_key_file", "/run/secrets/account-key"),
        ("storage.connection_string", &connection),
        ("notes.dsn", &connection),
    ]
    .into_iter()
    .enumerate()
    {
        let (table, field) = name.split_once('.').expect("a dotted name");
        let text = format!("{login}\n[{table}]\n{field} = \"{value}\"\n");
        let path = folder.write(&format!("{number}.toml"), text);
        expect_refusal(Program::bin("valet-worker").args(["run", "--config"]).arg(path), name, value);
    }
}

#[test]
fn all_that_a_worker_must_not_have_is_told_at_once() {
    let stage = Stage::new();
    let program = stage.worker_program().env("AZURE_STORAGE_KEY", stage.storage.key());
    let program = program.env("ARM_CLIENT_SECRET", "secret").env("VALET_WORKER_SLOTS", "none");
    let finished = program.run(COMMAND_TIMEOUT).expect_code(64);
    for name in ["AZURE_STORAGE_KEY", "ARM_CLIENT_SECRET", "worker.slots"] {
        assert!(finished.stderr.contains(name), "{name}: {}", finished.stderr);
    }
}

/// A job that nobody knows.
const JOB: &str = "01976d2a-7f00-7abc-8def-0123456789ab";

/// An outcome that must be the broker's refusal, and nothing else.
#[track_caller]
fn denied<T: std::fmt::Debug>(what: &str, outcome: lapin::Result<T>) {
    let refusal = outcome.as_ref().err().is_some_and(|error| error.to_string().contains("ACCESS_REFUSED"));
    assert!(refusal, "{what}: {outcome:?}");
}

/// Publishes and waits for the broker's word.
async fn publish(connection: &Connection, exchange: &str, key: &str) -> lapin::Result<()> {
    let channel = channel(connection).await;
    channel.confirm_select(ConfirmSelectOptions::default()).await?;
    let (options, properties) = (BasicPublishOptions::default(), BasicProperties::default());
    let sent = channel.basic_publish(exchange.into(), key.into(), options, b"{}", properties).await?;
    sent.await.map(|_| ())
}

async fn read(connection: &Connection, queue: &str) -> lapin::Result<()> {
    channel(connection).await.basic_get(queue.into(), BasicGetOptions::default()).await.map(|_| ())
}

async fn consume(connection: &Connection, queue: &str) -> lapin::Result<()> {
    let (options, table) = (BasicConsumeOptions::default(), FieldTable::default());
    channel(connection).await.basic_consume(queue.into(), "thief".into(), options, table).await.map(|_| ())
}

/// Nothing on the broker may be made, changed or removed.
async fn expect_no_configuring(connection: &Connection) {
    let table = FieldTable::default;
    let queue = QueueDeclareOptions { durable: true, ..QueueDeclareOptions::default() };
    denied("declare a queue", channel(connection).await.queue_declare("mine".into(), queue, table()).await);
    let (exchange, bind) = (ExchangeDeclareOptions::default(), QueueBindOptions::default());
    let free = channel(connection).await;
    let declared = free.exchange_declare("mine".into(), ExchangeKind::Fanout, exchange, table()).await;
    denied("declare an exchange", declared);
    let free = channel(connection).await;
    let bound = free.queue_bind("jobs.r0".into(), "events".into(), "#".into(), bind, table()).await;
    denied("bind a queue", bound);
    let deleted =
        channel(connection).await.queue_delete("jobs.r0".into(), QueueDeleteOptions::default()).await;
    denied("delete a queue", deleted);
}

fn run(promise: impl Future<Output = ()>) {
    tokio::runtime::Runtime::new().expect("a runtime").block_on(promise);
}

#[test]
fn a_stolen_worker_login_enqueues_nothing_and_reads_nothing_but_jobs() {
    let stage = Stage::new();
    run(async {
        let thief = connect(&stage, "worker").await;
        for (exchange, key) in [
            ("jobs", "r0"),
            ("", "jobs.r0"),
            ("", "dead"),
            ("jobs.dlx0", "r0"),
            ("control", &format!("cancel.{JOB}")),
            ("amq.topic", "x"),
            ("events", &format!("default.{JOB}.submitted")),
            ("events", &format!("default.{JOB}.reminted")),
        ] {
            denied(&format!("publish to {exchange:?}/{key}"), publish(&thief, exchange, key).await);
        }
        for queue in ["dead", "expired", "events.log", "retry.1", "retry.2"] {
            denied(&format!("read {queue}"), read(&thief, queue).await);
            denied(&format!("consume {queue}"), consume(&thief, queue).await);
        }
        for log in ["control.log", "topology.log"] {
            // Not a matter of rights: a stream cannot be purged, and to try ends the connection.
            let another = connect(&stage, "worker").await;
            let purged = channel(&another).await.queue_purge(log.into(), QueuePurgeOptions::default()).await;
            assert!(purged.is_err(), "orders and numbers can be wiped out: {log}");
        }
        expect_no_configuring(&thief).await;
        read(&thief, "jobs.r0").await.expect("its own work is open to it");
    });
}

#[test]
fn a_stolen_producer_login_takes_no_jobs_and_forges_no_reports() {
    let stage = Stage::new();
    run(async {
        let thief = connect(&stage, "producer").await;
        for queue in ["jobs.r0", "jobs.r1", "jobs.r2", "retry.1", "retry.2"] {
            denied(&format!("read {queue}"), read(&thief, queue).await);
            denied(&format!("consume {queue}"), consume(&thief, queue).await);
            let purged = channel(&thief).await.queue_purge(queue.into(), QueuePurgeOptions::default()).await;
            denied(&format!("purge {queue}"), purged);
        }
        for word in ["accepted", "started", "progress", "succeeded", "failed", "retrying"] {
            let key = format!("default.{JOB}.{word}");
            denied(&format!("report {word}"), publish(&thief, "events", &key).await);
        }
        for queue in ["jobs.r0", "jobs.r1", "jobs.ended", "dead"] {
            denied(&format!("publish straight into {queue}"), publish(&thief, "", queue).await);
        }
        expect_no_configuring(&thief).await;
        publish(&thief, "jobs", "r0").await.expect("its own work is open to it");
    });
}
