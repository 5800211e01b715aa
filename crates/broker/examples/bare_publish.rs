//! The yardstick of `cargo xtask bench enqueue`: the shortest lapin loop that publishes with confirms.
//! Knows nothing of Valet but where a job goes.
//!
//! `bare_publish AMQP_URL MESSAGE_FILE MESSAGES WINDOW`: publishes one message so many times, keeps `window`
//! confirms open, checks each, and prints the seconds. The file is what RabbitMQ's management API answered to
//! `get` (payload in base64, with its properties). The connection is open before the clock starts.

use std::error::Error;
use std::time::Instant;

use base64::{Engine, engine::general_purpose::STANDARD};
use futures::{StreamExt, stream::FuturesUnordered};
use lapin::options::{BasicPublishOptions, ConfirmSelectOptions};
use lapin::{BasicProperties, Channel, Confirmation, Connection, ConnectionProperties};
use serde_json::Value;
use valet_broker::topology::names;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [url, file, messages, window] = arguments.as_slice() else {
        return Err("bare_publish AMQP_URL MESSAGE_FILE MESSAGES WINDOW".into());
    };
    let message: Value = serde_json::from_slice(&std::fs::read(file)?)?;
    let body = STANDARD.decode(message["payload"].as_str().ok_or("no payload")?)?;
    let properties = properties(&message["properties"]);
    let connection = Connection::connect(url, ConnectionProperties::default()).await?;
    let channel = connection.create_channel().await?;
    channel.confirm_select(ConfirmSelectOptions::default()).await?;

    let begun = Instant::now();
    publish_all(&channel, messages.parse()?, window.parse()?, &body, &properties).await?;
    println!("{}", begun.elapsed().as_secs_f64());
    Ok(())
}

async fn publish_all(
    channel: &Channel,
    messages: usize,
    window: usize,
    body: &[u8],
    properties: &BasicProperties,
) -> Result<(), Box<dyn Error>> {
    let mut open = FuturesUnordered::new();
    for number in 0..messages {
        if open.len() >= window {
            check(open.next().await)?;
        }
        let own = properties.clone().with_message_id(number.to_string().into());
        let options = BasicPublishOptions { mandatory: true, ..BasicPublishOptions::default() };
        let (exchange, key) = (names::JOBS.into(), names::JOBS_KEY.into());
        open.push(channel.basic_publish(exchange, key, options, body, own).await?);
    }
    while let Some(confirmed) = open.next().await {
        check(Some(confirmed))?;
    }
    Ok(())
}

fn check(confirmed: Option<lapin::Result<Confirmation>>) -> Result<(), Box<dyn Error>> {
    match confirmed {
        Some(Ok(Confirmation::Ack(None))) => Ok(()),
        other => Err(format!("not confirmed: {other:?}").into()),
    }
}

/// The properties that cost the broker something, as the job had them.
fn properties(job: &Value) -> BasicProperties {
    const PERSISTENT: u8 = 2;
    let text = |name: &str| job[name].as_str().unwrap_or_default().to_owned();
    let priority = job["priority"].as_u64().and_then(|priority| u8::try_from(priority).ok());
    BasicProperties::default()
        .with_delivery_mode(PERSISTENT)
        .with_type(text("type").into())
        .with_content_type(text("content_type").into())
        .with_expiration(text("expiration").into())
        .with_timestamp(job["timestamp"].as_u64().unwrap_or_default())
        .with_priority(priority.unwrap_or_default())
}
