//! Logins by signed token on a real node: what a token opens and what it does not, and how programs live through
//! the end of one.
#![allow(clippy::unwrap_used, reason = "a test has nobody to return an error to")]

mod support;

use lapin::{
    Confirmation, Connection, ConnectionProperties,
    options::{BasicGetOptions, BasicPublishOptions, ConfirmSelectOptions},
};
use serde_json::json;
use std::time::{Duration, Instant};
use support::{Site, eventually, in_time, quick, settle_next, submit};
use tokio::sync::watch;
use valet_broker::{
    BrokerConfig, ConnectError, Disposition, LinkState, Purpose, Session, TokenError,
    topology::{LaneScope, Role, Scopes},
};
use valet_testkit::{Broker, BrokerOptions, Folder, TokenIssuer};

const HOUR: Duration = Duration::from_secs(3600);
/// The life of a short token.
const SHORT: Duration = Duration::from_secs(5);

fn node(issuer: &TokenIssuer) -> Broker {
    Broker::start_with(&BrokerOptions { oauth: Some(issuer.broker()), ..BrokerOptions::default() })
}

/// Two partners' lanes, and a queue of reports for each.
fn lanes(site: &Site<'_>) {
    for lane in ["acme", "zeta"] {
        let path = |kind: &str, name: &str| format!("/api/{kind}/{}/{name}", site.vhost.name());
        let durable = Some(json!({ "durable": true }));
        for name in [format!("in.{lane}"), format!("in.{lane}.low"), format!("in.{lane}.high")] {
            let exchange = Some(json!({ "type": "fanout", "durable": true }));
            site.broker.api("PUT", &path("exchanges", &name), exchange);
            site.broker.api("PUT", &path("queues", &name), durable.clone());
            let binding = format!("/api/bindings/{}/e/{name}/q/{name}", site.vhost.name());
            site.broker.api("POST", &binding, Some(json!({})));
        }
        site.broker.api("PUT", &path("queues", &format!("events.{lane}")), durable.clone());
    }
}

/// The scopes of a partner's token.
fn acme(site: &Site<'_>, scope: LaneScope) -> Vec<String> {
    Scopes::new("rabbitmq", site.vhost.name()).of_lane(&"acme".parse().unwrap(), scope)
}

/// A bare client with a token: any partner's.
async fn client(site: &Site<'_>, token: &str) -> lapin::Result<Connection> {
    let address = site.vhost.amqp_url();
    let address = address.trim_start_matches("amqp://");
    Connection::connect(&format!("amqp://acme:{token}@{address}"), ConnectionProperties::default()).await
}

/// Publishes and waits for the confirm, on a channel of its own.
async fn publish(connection: &Connection, exchange: &str, key: &str) -> lapin::Result<()> {
    let channel = connection.create_channel().await?;
    channel.confirm_select(ConfirmSelectOptions::default()).await?;
    let options = BasicPublishOptions { mandatory: true, ..BasicPublishOptions::default() };
    let sent = channel.basic_publish(exchange.into(), key.into(), options, b"{}", Default::default()).await?;
    let confirmed = sent.await?;
    assert!(matches!(confirmed, Confirmation::Ack(None)), "{exchange}: {confirmed:?}");
    Ok(())
}

async fn read(connection: &Connection, queue: &str) -> lapin::Result<()> {
    let channel = connection.create_channel().await?;
    channel.basic_get(queue.into(), BasicGetOptions::default()).await.map(drop)
}

#[track_caller]
fn assert_refused(what: &str, outcome: lapin::Result<()>) {
    let text = outcome.expect_err(what).to_string();
    assert!(text.contains("ACCESS_REFUSED"), "{what}: {text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn heavy_a_partners_token_opens_its_own_lane_and_nothing_else() {
    let issuer = TokenIssuer::new();
    let broker = node(&issuer);
    let site = Site::on(&broker, quick()).await;
    lanes(&site);
    let plain = client(&site, &issuer.token("acme", &acme(&site, LaneScope::default()), HOUR)).await.unwrap();
    for lane in ["in.acme", "in.acme.low"] {
        publish(&plain, lane, "any.key").await.unwrap_or_else(|error| panic!("{lane}: {error}"));
    }
    for (exchange, key) in [
        ("in.acme.high", ""),
        ("in.zeta", ""),
        ("", "in.zeta"),
        ("", "in.acme"),
        ("jobs", "r0"),
        ("events", "acme.0192aaaa-0000-7000-8000-000000000000.succeeded"),
        ("dead", "dead"),
    ] {
        assert_refused(exchange, publish(&plain, exchange, key).await);
    }
    for queue in ["in.acme", "events.acme", "events.zeta", "jobs.r0", "dead", "events.log"] {
        assert_refused(queue, read(&plain, queue).await);
    }
    let scope = LaneScope { high: true, reports: true };
    let more = client(&site, &issuer.token("acme", &acme(&site, scope), HOUR)).await.unwrap();
    publish(&more, "in.acme.high", "").await.unwrap();
    read(&more, "events.acme").await.unwrap();
    for queue in ["events.zeta", "in.acme", "events.log"] {
        assert_refused(queue, read(&more, queue).await);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn heavy_bad_tokens_are_refused_and_good_ones_end() {
    let issuer = TokenIssuer::new();
    let broker = node(&issuer);
    let site = Site::on(&broker, quick()).await;
    lanes(&site);
    let scopes = acme(&site, LaneScope::default());
    for (what, token) in [
        ("expired", issuer.expired("acme", &scopes)),
        ("another key", TokenIssuer::new().token("acme", &scopes, HOUR)),
        ("no signature", issuer.unsigned("acme", &scopes, HOUR)),
    ] {
        assert_refused(what, client(&site, &token).await.map(drop));
    }
    // The broker would take one that never ends, for ever. Ours does not.
    let folder = Folder::new("endless");
    let file = folder.write("token", issuer.endless("acme", &scopes));
    let error = BrokerConfig::parse(&site.vhost.amqp_url()).unwrap().with_token_file(file).unwrap_err();
    assert!(matches!(error, TokenError::Malformed { .. }), "{error:?}");

    let open = client(&site, &issuer.token("acme", &scopes, SHORT)).await.unwrap();
    publish(&open, "in.acme", "").await.unwrap();
    let text = eventually("the open connection's token to end", async || {
        match publish(&open, "in.acme", "").await {
            Ok(()) => Err("it still publishes"),
            Err(error) => Ok(error.to_string()),
        }
    })
    .await;
    // The outbox knows the end of a token by these words.
    assert!(text.contains("token has expired"), "{text}");
}

/// A program's login by token, whose file is written anew.
struct Holder<'a> {
    issuer: &'a TokenIssuer,
    folder: Folder,
    login: String,
    scopes: Vec<String>,
}

impl<'a> Holder<'a> {
    fn new(site: &Site<'_>, issuer: &'a TokenIssuer, role: Role) -> Self {
        let scopes = Scopes::new("rabbitmq", site.vhost.name()).of_role(role);
        let login = site.names.of(role).to_owned();
        Self { issuer, folder: Folder::new("holder"), login, scopes }
    }

    /// Replaces the file as `valet topology token --out` does: whole.
    fn renew(&self, lifetime: Duration) {
        let token = self.issuer.token(&self.login, &self.scopes, lifetime);
        let beside = self.folder.write("token.new", token);
        std::fs::rename(beside, self.folder.join("token")).unwrap();
    }

    async fn session(&self, site: &Site<'_>, purpose: Purpose) -> Session {
        let config = BrokerConfig::parse(&site.vhost.amqp_url()).unwrap();
        let config = config.with_token_file(self.folder.join("token")).unwrap();
        assert_eq!(config.username(), Some(self.login.as_str()));
        Session::connect(config, purpose).await.expect("the token's scopes are the role's rights")
    }
}

fn links(session: &Session) -> [watch::Receiver<LinkState>; 2] {
    let mut links = [session.publish_state(), session.consume_state()];
    links.iter_mut().for_each(watch::Receiver::mark_unchanged);
    links
}

#[tokio::test(flavor = "multi_thread")]
async fn heavy_jobs_go_on_over_the_ends_of_tokens_without_a_reconnect() {
    let issuer = TokenIssuer::new();
    let broker = node(&issuer);
    let site = Site::on(&broker, quick()).await;
    let holders = [Role::Producer, Role::Worker].map(|role| Holder::new(&site, &issuer, role));
    holders.iter().for_each(|holder| holder.renew(SHORT));
    let producer = holders[0].session(&site, Purpose::Producer).await;
    let worker = holders[1].session(&site, Purpose::Worker).await;
    let mut feed = worker.feed(support::feed_options());
    let links = [links(&producer), links(&worker)];
    let (begun, mut renewed, mut count) = (Instant::now(), Instant::now(), 0);
    while begun.elapsed() < SHORT * 7 / 2 {
        if renewed.elapsed() > SHORT / 2 {
            holders.iter().for_each(|holder| holder.renew(SHORT));
            renewed = Instant::now();
        }
        submit(&producer, &format!("job-{count}")).await;
        settle_next(&mut feed, Disposition::Ack).await;
        count += 1;
    }
    for link in links.iter().flatten() {
        assert!(!link.has_changed().unwrap(), "a connection was lost: {:?}", link.borrow());
    }
    assert!(count > 10, "{count} jobs");
    site.depth("jobs.r0", 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn heavy_a_token_that_is_not_renewed_is_told_of_and_no_message_is_lost() {
    let issuer = TokenIssuer::new();
    let broker = node(&issuer);
    let site = Site::on(&broker, quick()).await;
    let holder = Holder::new(&site, &issuer, Role::Producer);
    holder.renew(SHORT);
    let producer = holder.session(&site, Purpose::Producer).await;
    let mut warning = producer.token_warning();
    let told = in_time(warning.wait_for(Option::is_some)).await.unwrap().clone().unwrap();
    assert!(told.contains("expires at") && told.contains("no newer one"), "{told}");
    let mut state = producer.publish_state();
    in_time(state.wait_for(|state| matches!(state, LinkState::Connecting { .. }))).await.unwrap();
    let receipt = producer.publisher().publish(support::job("between")).await;
    holder.renew(HOUR);
    in_time(receipt).await.expect("it is confirmed once there is a token again");
    in_time(warning.wait_for(Option::is_none)).await.unwrap();
    site.depth("jobs.r0", 1).await;

    // Another's token in the file is no way to become another.
    let other = Holder::new(&site, &issuer, Role::Worker);
    let config = BrokerConfig::parse(&site.vhost.amqp_url()).unwrap();
    let config = config.with_token_file(holder.folder.join("token")).unwrap();
    other.renew(HOUR);
    std::fs::copy(other.folder.join("token"), holder.folder.join("token")).unwrap();
    let error = Session::connect(config, Purpose::Probe).await.err().unwrap();
    assert!(matches!(error, ConnectError::Token { .. }), "{error:?}");
}
