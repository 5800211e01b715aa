//! What a thief of the worker's broker login cannot do: enqueue a job, forge one for a later attempt, read what
//! others left. Tried with a bare AMQP client.

use lapin::options::{BasicGetOptions, BasicPublishOptions, ConfirmSelectOptions, QueueDeclareOptions};
use lapin::types::FieldTable;
use lapin::{BasicProperties, Channel, Connection, ConnectionProperties};

use super::say::{self, Promises};
use super::scene::Scene;

/// How RabbitMQ says that a login lacks the right.
const REFUSED: &str = "ACCESS_REFUSED";

/// Logs in as the worker and tries.
pub(super) fn attack(scene: &Scene, promises: &mut Promises) -> Result<(), String> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
    let runtime = runtime.map_err(|cause| format!("no runtime: {cause}"))?;
    let url = login_url(scene)?;
    runtime.block_on(try_all(&url, promises))
}

async fn try_all(url: &str, promises: &mut Promises) -> Result<(), String> {
    let connected = Connection::connect(url, ConnectionProperties::default()).await;
    let connection = connected.map_err(|cause| format!("the worker's login: {cause}"))?;
    let got = take(&connection, "jobs.r0").await;
    promises.hold(got.is_ok(), format!("{:44} allowed: the login works", "take a job from jobs.r0"));
    for (exchange, key, about) in [
        ("jobs", "r0", "publish a job"),
        ("", "jobs.r0", "publish a job straight into the queue"),
        ("", "jobs.r1", "forge a job's second attempt"),
    ] {
        told(about, publish(&connection, exchange, key).await, promises);
    }
    for (queue, about) in [("dead", "read the dead letters"), ("events.log", "read other workers' reports")] {
        told(about, take(&connection, queue).await, promises);
    }
    told("declare a queue of its own", declare(&connection).await, promises);
    // The last refusal closed a channel, not the connection.
    connection.close(200, "done".into()).await.map_err(|cause| format!("the worker's login: {cause}"))
}

/// A refusal closes its channel: each try has its own.
async fn channel(connection: &Connection) -> lapin::Result<Channel> {
    connection.create_channel().await
}

async fn publish(connection: &Connection, exchange: &str, key: &str) -> lapin::Result<()> {
    let channel = channel(connection).await?;
    channel.confirm_select(ConfirmSelectOptions::default()).await?;
    let options = BasicPublishOptions::default();
    let properties = BasicProperties::default();
    channel.basic_publish(exchange.into(), key.into(), options, b"{}", properties).await?.await.map(drop)
}

async fn take(connection: &Connection, queue: &str) -> lapin::Result<()> {
    channel(connection).await?.basic_get(queue.into(), BasicGetOptions::default()).await.map(drop)
}

async fn declare(connection: &Connection) -> lapin::Result<()> {
    let channel = channel(connection).await?;
    let (options, arguments) = (QueueDeclareOptions::default(), FieldTable::default());
    channel.queue_declare("mine".into(), options, arguments).await.map(drop)
}

fn told(about: &str, outcome: lapin::Result<()>, promises: &mut Promises) {
    let answer = match outcome {
        Ok(()) => "ALLOWED".to_owned(),
        Err(error) => error.to_string(),
    };
    promises.hold(answer.contains(REFUSED), format!("{about:44} {}", short(&answer)));
}

/// The broker's words, without its own name and the user's.
fn short(answer: &str) -> &str {
    let from = answer.find(REFUSED).unwrap_or(0);
    let to = answer[from..].find(" in vhost").map_or(answer.len(), |end| from + end);
    &answer[from..to]
}

/// The AMQP URL of the worker's login, out of its settings file.
fn login_url(scene: &Scene) -> Result<String, String> {
    let path = scene.login("worker");
    let text = std::fs::read_to_string(&path).map_err(|cause| format!("{}: {cause}", path.display()))?;
    let value = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(&format!("{name} = ")));
        line.map(|value| value.trim_matches('"').to_owned())
            .ok_or_else(|| format!("no {name} in worker.toml"))
    };
    let (url, username, password) = (value("url")?, value("username")?, value("password")?);
    say::remark(format!("Logged in as {username}, as a thief of its password would:"));
    Ok(url.replacen("amqp://", &format!("amqp://{username}:{password}@"), 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_told_in_short() {
        let whole = "protocol error: 403 ACCESS_REFUSED - access to exchange 'jobs' in vhost 'v' refused";
        assert_eq!(short(whole), "ACCESS_REFUSED - access to exchange 'jobs'");
        assert_eq!(short("ALLOWED"), "ALLOWED");
    }
}
