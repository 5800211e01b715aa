//! A declared vhost with the logins, for tests. Never part of the library.
#![allow(dead_code, unreachable_pub, missing_docs, reason = "each test binary uses a part of it")]

pub mod late;
pub mod partner;

use std::{fmt::Display, time::Duration};
use tokio::sync::watch;
use valet_broker::{
    BrokerConfig, Disposition, EndedFeed, Feed, FeedOptions, Outgoing, Password, Purpose, Session, TlsConfig,
    management::{Existing, Login, LoginNames, Management},
    topology::{Role, Topology, TopologyOptions, names},
};
use valet_testkit::{Broker, Vhost};

/// Longest wait for anything in a test, on a busy machine.
pub const PATIENCE: Duration = Duration::from_secs(30);

pub struct Site<'a> {
    pub broker: &'a Broker,
    pub vhost: Vhost<'a>,
    pub names: LoginNames,
    pub topology: Topology,
    pub logins: Vec<Login>,
}

/// Short enough for tests.
pub fn quick() -> TopologyOptions {
    TopologyOptions {
        retry_1: Duration::from_millis(300),
        retry_2: Duration::from_millis(600),
        ..TopologyOptions::default()
    }
}

impl Site<'static> {
    pub async fn shared() -> Self {
        Site::on(Broker::shared(), quick()).await
    }
}

impl<'a> Site<'a> {
    /// A vhost with topology and logins of its own.
    pub async fn on(broker: &'a Broker, options: TopologyOptions) -> Self {
        let vhost = broker.vhost();
        let names = LoginNames::with_prefix(&vhost);
        let topology =
            Topology::standard(&TopologyOptions { publishers: vec![names.producer.clone()], ..options });
        let management = management(broker, &vhost);
        management.declare(&topology).await.expect("the topology is declared");
        let logins = management.provision(&names, Existing::Keep).await.expect("logins are made");
        Site { broker, vhost, names, topology, logins }
    }

    pub fn management(&self) -> Management {
        management(self.broker, &self.vhost)
    }

    pub fn password(&self, role: Role) -> Password {
        let login = self.logins.iter().find(|login| login.role == role).expect("every role has a login");
        login.password.clone().expect("it was made just now")
    }

    pub fn config(&self, role: Role) -> BrokerConfig {
        BrokerConfig::parse(&self.vhost.amqp_url())
            .expect("testkit gives a URL")
            .with_login(self.names.of(role), self.password(role))
            .with_connection_name(format!("test {}", role.name()))
    }

    /// A way to the broker on which a consumer's messages are held back until `is_free`.
    pub async fn config_held(&self, role: Role, is_free: watch::Receiver<bool>) -> BrokerConfig {
        let url = self.vhost.amqp_url();
        let address = url.trim_start_matches("amqp://").split('/').next().expect("an address").to_owned();
        let port = late::way(address.clone(), is_free).await;
        BrokerConfig::parse(&url.replace(&address, &format!("127.0.0.1:{port}")))
            .expect("a URL")
            .with_login(self.names.of(role), self.password(role))
    }

    pub async fn producer(&self) -> Session {
        Session::connect(self.config(Role::Producer), Purpose::Producer).await.expect("the producer connects")
    }

    pub async fn worker(&self) -> Session {
        Session::connect(self.config(Role::Worker), Purpose::Worker).await.expect("the worker connects")
    }

    pub async fn dispatcher(&self) -> Session {
        let config = self.config(Role::Dispatcher);
        Session::connect(config, Purpose::Dispatcher).await.expect("the dispatcher connects")
    }

    pub async fn feed(&self) -> (Session, Feed) {
        let session = self.worker().await;
        let feed = session.feed(feed_options());
        (session, feed)
    }

    /// Waits until so many consumers are on the vhost's queues.
    pub async fn consumers(&self, count: usize) {
        eventually(&format!("{count} consumers"), async || {
            let found = self.broker.api("GET", &format!("/api/consumers/{}", self.vhost.name()), None);
            if found.as_array().map(Vec::len) == Some(count) { Ok(()) } else { Err(found) }
        })
        .await;
    }

    /// Waits until a queue holds `count` messages, ready or in hand.
    pub async fn depth(&self, queue: &'static str, count: u64) {
        eventually(&format!("{count} messages in {queue}"), async || {
            let found = self.vhost.queue_depth(queue);
            if found == Some(count) { Ok(()) } else { Err(self.vhost.queue_depths()) }
        })
        .await;
    }
}

pub fn feed_options() -> FeedOptions {
    FeedOptions { retry_poll: Duration::from_millis(100), ..FeedOptions::new("test-worker") }
}

pub fn management(broker: &Broker, vhost: &str) -> Management {
    Management::new(
        &broker.management_url(),
        broker.username(),
        Password::from(broker.password()),
        vhost,
        &TlsConfig::default(),
    )
    .expect("testkit gives a URL")
}

pub fn job(id: &str) -> Outgoing {
    let mut message = Outgoing::new(names::JOBS, names::JOBS_KEY, id, format!("body of {id}"));
    message.type_ = Some("valet.job.v1".into());
    message.content_type = Some("application/json".into());
    message
}

/// Publishes and waits for the confirm.
pub async fn submit(session: &Session, id: &str) {
    session.publisher().publish(job(id)).await.await.expect("the job is confirmed");
}

/// Within the test's patience.
pub async fn in_time<T>(work: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, work).await.expect("it comes in time")
}

/// Puts the next ended job into `dead` as the broker left it.
pub async fn bury_ended(feed: &mut EndedFeed) {
    let ended = in_time(feed.next()).await.expect("the session is open");
    ended.settle(Disposition::Retry).await.expect("it is settled");
}

/// Cuts every connection from the broker's side, once so many are listed.
pub async fn cut_connections(site: &Site<'_>, count: usize) {
    eventually(&format!("{count} connections are listed"), async || {
        let path = format!("/api/vhosts/{}/connections", site.vhost.name());
        let listed = site.broker.api("GET", &path, None).as_array().map_or(0, Vec::len);
        if listed >= count { Ok(()) } else { Err(listed) }
    })
    .await;
    site.broker.close_connections(&site.vhost);
}

/// The next job within the test's patience.
pub async fn next(feed: &mut Feed) -> valet_broker::Delivery {
    tokio::time::timeout(PATIENCE, feed.next())
        .await
        .expect("a job comes in time")
        .expect("the session is open")
}

pub async fn settle_next(feed: &mut Feed, disposition: Disposition) -> String {
    let delivery = next(feed).await;
    let id = delivery.message_id().expect("jobs have ids").to_owned();
    delivery.settle(disposition).await.expect("the delivery is settled");
    id
}

/// [`valet_testkit::wait_for`] for async conditions.
pub async fn eventually<T, E: Display>(what: &str, mut look: impl AsyncFnMut() -> Result<T, E>) -> T {
    let end = tokio::time::Instant::now() + PATIENCE;
    let mut looks = tokio::time::interval(Duration::from_millis(20));
    loop {
        looks.tick().await;
        match look().await {
            Ok(value) => return value,
            Err(state) if tokio::time::Instant::now() > end => {
                panic!("waited for {what}; last state: {state}")
            }
            Err(_) => {}
        }
    }
}
