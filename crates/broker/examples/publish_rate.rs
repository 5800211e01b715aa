//! Publish rates: our publisher next to a bare lapin loop with the same window, payload and broker.
//!
//! `cargo run -p valet-broker --example publish_rate [messages] [window] [rounds]`; needs RabbitMQ
//! installed. Rounds alternate, as other work on the machine changes all the time.

use futures::{StreamExt, stream::FuturesUnordered};
use lapin::{
    BasicProperties, Channel, Confirmation, Connection, ConnectionProperties,
    options::{BasicPublishOptions, ConfirmSelectOptions, QueuePurgeOptions},
};
use std::{error::Error, time::Instant};
use valet_broker::{
    BrokerConfig, Outgoing, Password, PublisherOptions, Purpose, Session, TlsConfig,
    management::Management,
    topology::{Topology, TopologyOptions, names},
};
use valet_testkit::Broker;

/// A job message with its two grants is about this large.
const BODY_BYTES: usize = 1500;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut numbers = std::env::args().skip(1).map(|text| text.parse::<usize>());
    let messages = numbers.next().transpose()?.unwrap_or(20_000);
    let window = numbers.next().transpose()?.unwrap_or(PublisherOptions::BULK_WINDOW);
    let rounds = numbers.next().transpose()?.unwrap_or(3);

    let broker = Broker::start();
    let vhost = broker.vhost();
    let password = || Password::from(broker.password());
    let management = Management::new(
        &broker.management_url(),
        broker.username(),
        password(),
        &vhost,
        &TlsConfig::default(),
    )?;
    management.declare(&Topology::standard(&TopologyOptions::default())).await?;
    let config = BrokerConfig::parse(&vhost.amqp_url())?.with_login(broker.username(), password());
    let session = Session::connect(config, Purpose::Producer).await?;
    let bare = Connection::connect(
        &format!("{}/{}", broker.amqp_url_with_login(), vhost.name()),
        ConnectionProperties::default(),
    )
    .await?;

    println!("{messages} messages of {BODY_BYTES} bytes, window {window}");
    for round in 1..=rounds {
        let bare_rate = rate(messages, publish_bare(&bare, messages, window)).await?;
        purge(&bare).await?;
        let our_rate = rate(messages, publish_ours(&session, messages, window)).await?;
        purge(&bare).await?;
        println!(
            "round {round}: bare {bare_rate:.0}/s, ours {our_rate:.0}/s, ratio {:.2}",
            our_rate / bare_rate
        );
    }
    Ok(())
}

async fn rate(
    messages: usize,
    work: impl Future<Output = Result<(), Box<dyn Error>>>,
) -> Result<f64, Box<dyn Error>> {
    let begun = Instant::now();
    work.await?;
    Ok(messages as f64 / begun.elapsed().as_secs_f64())
}

async fn purge(connection: &Connection) -> Result<(), Box<dyn Error>> {
    let channel = connection.create_channel().await?;
    channel.queue_purge(names::JOBS_R0.into(), QueuePurgeOptions::default()).await?;
    Ok(())
}

/// Publish, keep `window` confirms open, check each.
async fn publish_bare(connection: &Connection, messages: usize, window: usize) -> Result<(), Box<dyn Error>> {
    let channel = connection.create_channel().await?;
    channel.confirm_select(ConfirmSelectOptions::default()).await?;
    let body = vec![b'x'; BODY_BYTES];
    let mut open = FuturesUnordered::new();
    for number in 0..messages {
        if open.len() >= window {
            check(open.next().await)?;
        }
        open.push(send_bare(&channel, number, &body).await?);
    }
    while let Some(confirmed) = open.next().await {
        check(Some(confirmed))?;
    }
    Ok(())
}

async fn send_bare(channel: &Channel, number: usize, body: &[u8]) -> lapin::Result<lapin::PublisherConfirm> {
    let properties = BasicProperties::default()
        .with_delivery_mode(2)
        .with_message_id(number.to_string().into())
        .with_type("valet.job.v1".into())
        .with_content_type("application/json".into());
    let options = BasicPublishOptions { mandatory: true, ..BasicPublishOptions::default() };
    channel.basic_publish(names::JOBS.into(), names::JOBS_KEY.into(), options, body, properties).await
}

fn check(confirmed: Option<lapin::Result<Confirmation>>) -> Result<(), Box<dyn Error>> {
    match confirmed {
        Some(Ok(Confirmation::Ack(None))) => Ok(()),
        other => Err(format!("not confirmed: {other:?}").into()),
    }
}

async fn publish_ours(session: &Session, messages: usize, window: usize) -> Result<(), Box<dyn Error>> {
    let publisher = session.publisher_with(PublisherOptions { window, ..PublisherOptions::default() });
    let body = vec![b'x'; BODY_BYTES];
    let mut receipts = Vec::with_capacity(messages);
    for number in 0..messages {
        let mut message = Outgoing::new(names::JOBS, names::JOBS_KEY, number.to_string(), &body);
        message.type_ = Some("valet.job.v1".into());
        message.content_type = Some("application/json".into());
        receipts.push(publisher.publish(message).await);
    }
    for receipt in receipts {
        receipt.await?;
    }
    Ok(())
}
