//! A partner with its real login can fill its own lane and read its own reports, and can do nothing else.
#![allow(clippy::unwrap_used, reason = "a test has nobody to return an error to")]

mod support;

use lapin::{
    BasicProperties, Channel, Confirmation, Connection, ExchangeKind,
    options::{
        BasicConsumeOptions, BasicGetOptions, BasicPublishOptions, ConfirmSelectOptions, ExchangeBindOptions,
        ExchangeDeclareOptions, ExchangeDeleteOptions, QueueBindOptions, QueueDeclareOptions,
        QueueDeleteOptions, QueuePurgeOptions,
    },
    types::{AMQPValue, FieldArray, FieldTable},
};
use support::{
    Site, eventually, in_time,
    partner::{Partner, numbers},
    quick,
};
use valet_broker::{Disposition, Ending, LaneQueue, Stage};
use valet_protocol::Priority;
use valet_testkit::{Broker, BrokerOptions};

struct Attack<'a> {
    site: Site<'a>,
    acme: Partner,
    zeta: Partner,
    connection: Connection,
}

impl Attack<'_> {
    /// Two partners, of whom acme attacks.
    async fn begin() -> Self {
        Self::on(Site::shared().await).await
    }
}

impl<'a> Attack<'a> {
    async fn on(site: Site<'a>) -> Self {
        let zeta = Partner::new(&site, "zeta").await;
        let acme = Partner::new(&site, "acme").await;
        let connection = acme.connection(&site).await.unwrap();
        Self { site, acme, zeta, connection }
    }

    /// A refusal closes the channel, so each try has its own.
    async fn channel(&self) -> Channel {
        let channel = in_time(self.connection.create_channel()).await.unwrap();
        in_time(channel.confirm_select(ConfirmSelectOptions::default())).await.unwrap();
        channel
    }

    /// The other partner, who attacks nobody, publishes to its own lane.
    async fn zeta_publishes(&self, properties: BasicProperties) {
        let connection = self.zeta.connection(&self.site).await.unwrap();
        let channel = connection.create_channel().await.unwrap();
        channel.confirm_select(ConfirmSelectOptions::default()).await.unwrap();
        let outcome = publish(&channel, "in.zeta", "", properties, b"{}").await.unwrap();
        assert!(matches!(outcome, Confirmation::Ack(None)), "{outcome:?}");
    }

    async fn publish(
        &self,
        exchange: &str,
        key: &str,
        properties: BasicProperties,
    ) -> lapin::Result<Confirmation> {
        publish(&self.channel().await, exchange, key, properties, b"{}").await
    }
}

/// Publishes and waits for what the broker says, be it on the channel alone.
async fn publish(
    channel: &Channel,
    exchange: &str,
    key: &str,
    properties: BasicProperties,
    body: &[u8],
) -> lapin::Result<Confirmation> {
    let options = BasicPublishOptions { mandatory: true, ..BasicPublishOptions::default() };
    let sent = channel.basic_publish(exchange.into(), key.into(), options, body, properties);
    in_time(async { sent.await?.await }).await
}

fn says<T: std::fmt::Debug>(outcome: &lapin::Result<T>, word: &str) -> bool {
    outcome.as_ref().err().is_some_and(|error| error.to_string().contains(word))
}

fn refused<T: std::fmt::Debug>(outcome: &lapin::Result<T>) -> bool {
    says(outcome, "ACCESS_REFUSED")
}

/// Every queue of the topology and of both lanes, but the attacker's own reports.
fn queues(attack: &Attack<'_>) -> Vec<String> {
    let of_topology = attack.site.topology.queues.iter().map(|queue| queue.name.clone());
    let of_lanes = ["in.acme", "in.acme.low", "in.zeta", "in.zeta.low", "events.zeta"];
    of_topology.chain(of_lanes.map(str::to_owned)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn it_publishes_to_its_own_lane_alone() {
    let attack = Attack::begin().await;
    for own in ["in.acme", "in.acme.low"] {
        let outcome = attack.publish(own, "", BasicProperties::default()).await.unwrap();
        assert!(matches!(outcome, Confirmation::Ack(None)), "{own}: {outcome:?}");
    }
    let job = uuid::Uuid::now_v7();
    let exchanges = attack.site.topology.exchanges.iter().map(|exchange| exchange.name.clone());
    let others = ["in.zeta", "in.zeta.low", "in.acme.high", "amq.direct", "amq.fanout", "amq.topic", ""];
    for exchange in exchanges.chain(others.map(str::to_owned)) {
        for key in ["", "r0", "jobs.r0", "in.zeta", "dead", &format!("acme.{job}.succeeded")] {
            let outcome = attack.publish(&exchange, key, BasicProperties::default()).await;
            // A lane without high priority has no such exchange to be refused at.
            let is_none = exchange == "in.acme.high" && says(&outcome, "NOT_FOUND");
            assert!(refused(&outcome) || is_none, "{exchange:?}/{key}: {outcome:?}");
        }
    }
    for queue in ["jobs.r0", "dead", "in.zeta", "in.default", "events.log"] {
        attack.site.depth(queue, 0).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_key_or_header_leads_its_message_out_of_its_lane() {
    let attack = Attack::begin().await;
    let others = || -> AMQPValue {
        let names = ["jobs.r0", "in.zeta", "retry.1", "dead", "r0", "zeta.x"];
        let names: Vec<_> = names.iter().map(|name| AMQPValue::LongString((*name).into())).collect();
        AMQPValue::FieldArray(FieldArray::from(names))
    };
    let mut headers = FieldTable::default();
    headers.insert("CC".into(), others());
    headers.insert("BCC".into(), others());
    // Expires at once, and is dead-lettered with all that.
    let properties = BasicProperties::default().with_headers(headers).with_expiration("0".into());
    for key in ["jobs.r0", "in.zeta", "r0"] {
        let outcome = attack.publish("in.acme", key, properties.clone()).await.unwrap();
        assert!(matches!(outcome, Confirmation::Ack(None)), "{outcome:?}");
    }
    attack.site.depth("in.ended", 3).await;
    for queue in ["jobs.r0", "in.zeta", "retry.1", "dead", "in.acme"] {
        attack.site.depth(queue, 0).await;
    }
}

/// A message that expires at once, with a record of its way that nobody but its publisher wrote.
fn made_up(x_death: AMQPValue) -> BasicProperties {
    let mut headers = FieldTable::default();
    headers.insert("x-death".into(), x_death);
    headers.insert("x-first-death-queue".into(), AMQPValue::LongString("in.zeta".into()));
    headers.insert("x-first-death-reason".into(), AMQPValue::LongString("rejected".into()));
    BasicProperties::default().with_headers(headers).with_expiration("0".into())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_it_makes_up_of_a_messages_way_does_not_hide_where_it_was() {
    let attack = Attack::begin().await;
    let text = |text: &str| AMQPValue::LongString(text.into());
    let mut entry = FieldTable::default();
    entry.insert("queue".into(), text("in.zeta"));
    entry.insert("reason".into(), text("expired"));
    entry.insert("count".into(), AMQPValue::LongLongInt(1));
    let forged = AMQPValue::FieldArray(FieldArray::from(vec![AMQPValue::FieldTable(entry)]));
    attack.publish("in.acme", "", made_up(forged)).await.unwrap();
    let dispatcher = attack.site.dispatcher().await;
    let mut ended = dispatcher.lane_ended(16);
    let told = in_time(ended.next()).await.unwrap();
    let acme = LaneQueue { lane: attack.acme.record.lane.clone(), priority: Priority::Normal };
    assert!(told.endings().contains(&(acme, Ending::Expired)), "{:?}", told.endings());
    assert_eq!(told.queue(), "in.ended");
    told.ack().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_that_no_broker_ever_wrote_stops_no_other_lane() {
    let attack = Attack::begin().await;
    let text = |text: &str| AMQPValue::LongString(text.into());
    for nonsense in [text("nonsense"), AMQPValue::FieldArray(FieldArray::from(vec![text("nonsense")]))] {
        attack.publish("in.acme", "", made_up(nonsense)).await.unwrap();
    }
    let expires = BasicProperties::default().with_expiration("0".into()).with_message_id("theirs".into());
    attack.zeta_publishes(expires).await;
    let dispatcher = attack.site.dispatcher().await;
    let mut ended = dispatcher.lane_ended(16);
    let mut is_theirs = false;
    while !is_theirs {
        let told = in_time(ended.next()).await.unwrap();
        is_theirs = told.message_id() == Some("theirs");
        told.ack().await.unwrap();
    }
    // Nor does it stop the retries of jobs, which are moved by the same part of the broker.
    let jobs = attack.site.producer().await;
    support::submit(&jobs, "retried").await;
    let (_worker, mut feed) = attack.site.feed().await;
    assert_eq!(support::settle_next(&mut feed, Disposition::Retry).await, "retried");
    assert_eq!(support::next(&mut feed).await.stage(), Stage::Second);
}

#[tokio::test(flavor = "multi_thread")]
async fn it_takes_nothing_from_any_queue_but_its_reports() {
    let attack = Attack::begin().await;
    let own = attack.channel().await;
    in_time(own.basic_get("events.acme".into(), BasicGetOptions::default())).await.unwrap();
    for queue in queues(&attack) {
        let (get, consume) = (BasicGetOptions::default(), BasicConsumeOptions::default());
        let got = in_time(attack.channel().await.basic_get(queue.as_str().into(), get)).await;
        assert!(refused(&got), "get {queue}: {got:?}");
        let channel = attack.channel().await;
        let table = FieldTable::default();
        let consumes = in_time(channel.basic_consume(queue.as_str().into(), "".into(), consume, table)).await;
        assert!(refused(&consumes.map(|_| ())), "consume {queue}");
        let purge = QueuePurgeOptions::default();
        let purged = in_time(attack.channel().await.queue_purge(queue.as_str().into(), purge)).await;
        assert!(refused(&purged), "purge {queue}: {purged:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn it_declares_binds_and_deletes_nothing() {
    let attack = Attack::begin().await;
    let table = FieldTable::default;
    for exclusive in [false, true] {
        let options = QueueDeclareOptions { exclusive, ..QueueDeclareOptions::default() };
        for name in ["", "mine", "in.acme.mine", "dispatch.lead"] {
            let made = in_time(attack.channel().await.queue_declare(name.into(), options, table())).await;
            assert!(refused(&made), "queue {name:?}: {made:?}");
        }
    }
    let options = ExchangeDeclareOptions::default();
    let channel = attack.channel().await;
    let made = in_time(channel.exchange_declare("mine".into(), ExchangeKind::Fanout, options, table())).await;
    assert!(refused(&made), "{made:?}");
    for (queue, exchange, key) in [
        ("events.acme", "events", "#"),
        ("events.acme", "events", "zeta.#"),
        ("events.acme", "in.zeta", ""),
        ("events.acme", "in.acme", ""),
        ("jobs.r0", "in.acme", ""),
        ("in.zeta", "in.acme", ""),
    ] {
        let (queue, exchange, key) = (queue.into(), exchange.into(), key.into());
        let channel = attack.channel().await;
        let bound = channel.queue_bind(queue, exchange, key, QueueBindOptions::default(), table());
        let bound = in_time(bound).await;
        assert!(refused(&bound), "{bound:?}");
    }
    let options = ExchangeBindOptions::default();
    let channel = attack.channel().await;
    let bound =
        in_time(channel.exchange_bind("jobs".into(), "in.acme".into(), "r0".into(), options, table())).await;
    assert!(refused(&bound), "{bound:?}");
    let channel = attack.channel().await;
    let unbound = channel.queue_unbind("events.zeta".into(), "events".into(), "zeta.#".into(), table());
    assert!(refused(&in_time(unbound).await));
    for queue in queues(&attack).into_iter().chain(["events.acme".to_owned()]) {
        let channel = attack.channel().await;
        let deleted = channel.queue_delete(queue.as_str().into(), QueueDeleteOptions::default());
        let deleted = in_time(deleted).await;
        assert!(refused(&deleted), "{queue}: {deleted:?}");
    }
    for exchange in ["in.acme", "in.zeta", "jobs", "events", "dead"] {
        let channel = attack.channel().await;
        let deleted = channel.exchange_delete(exchange.into(), ExchangeDeleteOptions::default());
        let deleted = in_time(deleted).await;
        assert!(refused(&deleted), "{exchange}: {deleted:?}");
    }
    assert_eq!(attack.site.management().check(&attack.site.topology, None).await.unwrap(), vec![]);
}

#[tokio::test(flavor = "multi_thread")]
async fn it_publishes_under_no_name_but_its_own() {
    let attack = Attack::begin().await;
    let names = &attack.site.names;
    let zeta = attack.zeta.login.clone();
    for other in [names.producer.as_str(), names.dispatcher.as_str(), &zeta, "", "guest"] {
        let properties = BasicProperties::default().with_user_id(other.into());
        let outcome = attack.publish("in.acme", "", properties).await;
        assert!(says(&outcome, "PRECONDITION_FAILED"), "{other:?}: {outcome:?}");
    }
    let properties = BasicProperties::default().with_user_id(attack.acme.login.as_str().into());
    attack.publish("in.acme", "", properties).await.unwrap();
    attack.site.depth("in.acme", 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn it_opens_no_more_connections_and_channels_than_it_may() {
    let attack = Attack::begin().await;
    let second = attack.acme.connection(&attack.site).await.unwrap();
    for _ in 0..20 {
        let more = attack.acme.connection(&attack.site).await;
        assert!(says(&more.map(|_| ()), "connection"), "a third connection was let in");
    }
    let mut channels = Vec::new();
    let refusal = loop {
        match in_time(second.create_channel()).await {
            Ok(channel) => channels.push(channel),
            Err(error) => break error,
        }
        assert!(channels.len() <= numbers().channels_max as usize, "{} channels", channels.len());
    };
    assert_eq!(channels.len(), numbers().channels_max as usize, "{refusal}");
    // The refused channel cost its whole connection, and no other partner anything.
    attack.zeta_publishes(BasicProperties::default()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_lane_says_no_and_keeps_what_it_has() {
    let attack = Attack::begin().await;
    let channel = attack.channel().await;
    let mut taken = 0;
    eventually("a lane that is full", async || {
        match publish(&channel, "in.acme", "", BasicProperties::default(), b"{}").await.unwrap() {
            Confirmation::Nack(_) => Ok(()),
            Confirmation::Ack(None) => {
                taken += 1;
                Err(taken)
            }
            other => panic!("{other:?}"),
        }
    })
    .await;
    assert!(taken >= numbers().length_max, "{taken} were taken");
    attack.site.depth("in.acme", taken).await;
    attack.site.depth("in.ended", 0).await;
    // Other queues of the same lane, and other lanes, have room of their own.
    let outcome = attack.publish("in.acme.low", "", BasicProperties::default()).await.unwrap();
    assert!(matches!(outcome, Confirmation::Ack(None)), "{outcome:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn heavy_a_message_over_the_brokers_limit_is_refused() {
    let broker = Broker::start_with(&BrokerOptions { message_bytes_max: 65_536, ..BrokerOptions::default() });
    let attack = Attack::on(Site::on(&broker, quick()).await).await;
    for (bytes, fits) in [(65_536, true), (66_560, false), (16 << 20, false)] {
        let outcome =
            publish(&attack.channel().await, "in.acme", "", BasicProperties::default(), &vec![b' '; bytes])
                .await;
        assert_eq!(outcome.is_ok(), fits, "{bytes} bytes: {outcome:?}");
        assert!(fits || says(&outcome, "PRECONDITION_FAILED"), "{bytes} bytes: {outcome:?}");
    }
    attack.site.depth("in.acme", 1).await;
}
