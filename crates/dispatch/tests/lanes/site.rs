//! A declared vhost, a partner's lane, dispatchers as real processes, and what stands in front of the workers.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use valet_broker::{
    BrokerConfig, Disposition, FeedOptions, Outgoing, Password, Purpose, Session, TlsConfig,
    management::{Existing, Login, LoginNames, Management},
    topology::{LaneNumbers, Role, Topology, TopologyOptions, names},
};
use valet_grant::GrantUrl;
use valet_protocol::{
    Grants, Input, JobId, JobMessage, Lane, LaneRecord, Limits, Output, PresetRef, Priority, amqp,
};
use valet_testkit::{Broker, Process, Program, Vhost, wait_for};

/// Longest wait for anything in a test, on a busy machine.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// What every sample's signature starts with: the right shape, no key behind it.
pub const SIGNATURE: &str = "c2FtcGxlLXNpZ25hdHVyZS1vZi1ub2JvZHktYXQt";

pub struct Site<'a> {
    pub broker: &'a Broker,
    pub vhost: Vhost<'a>,
    pub names: LoginNames,
    logins: Vec<Login>,
}

impl<'a> Site<'a> {
    /// A vhost with topology and logins of its own.
    pub async fn on(broker: &'a Broker) -> Self {
        let vhost = broker.vhost();
        let names = LoginNames::with_prefix(&vhost);
        let options =
            TopologyOptions { publishers: vec![names.producer.clone()], ..TopologyOptions::default() };
        let management = management(broker, &vhost);
        management.declare(&Topology::standard(&options)).await.expect("the topology is declared");
        let logins = management.provision(&names, Existing::Keep).await.expect("logins are made");
        Self { broker, vhost, names, logins }
    }

    fn password(&self, role: Role) -> Password {
        let login = self.logins.iter().find(|login| login.role == role).expect("every role has a login");
        login.password.clone().expect("it was made just now")
    }

    fn config(&self, role: Role) -> BrokerConfig {
        BrokerConfig::parse(&self.vhost.amqp_url())
            .expect("testkit gives a URL")
            .with_login(self.names.of(role), self.password(role))
    }

    pub async fn producer(&self) -> Session {
        Session::connect(self.config(Role::Producer), Purpose::Producer).await.expect("the producer connects")
    }

    /// Declares a partner's lane as `change` leaves it; its login connects.
    pub async fn partner(&self, lane: &str, change: impl FnOnce(&mut LaneRecord)) -> Partner {
        let login = format!("{}-{lane}", self.vhost.name());
        let mut record = LaneRecord::partner(lane.parse().expect("a lane's name"), login.clone());
        change(&mut record);
        let management = management(self.broker, &self.vhost);
        management.declare_lane(&record, &LaneNumbers::default()).await.expect("the lane is declared");
        let write = format!(r"^in\.{lane}(\.(high|low))?$");
        let read = format!(r"^events\.{lane}$");
        self.broker.add_login(&login, "partner", "", &self.vhost, ["^$", &write, &read]);
        let config = BrokerConfig::parse(&self.vhost.amqp_url()).expect("testkit gives a URL");
        let config = config.with_login(login.as_str(), "partner");
        let session = Session::connect(config, Purpose::Probe).await.expect("the partner connects");
        Partner { record, session }
    }

    pub async fn declare(&self, record: &LaneRecord) {
        let management = management(self.broker, &self.vhost);
        management.publish_lane_record(record).await.expect("the record is told");
    }

    /// Starts a dispatcher.
    pub fn dispatcher(&self, name: &str) -> Process {
        Program::new(env!("CARGO_BIN_EXE_valet-dispatch"))
            .arg("run")
            .env("VALET_BROKER_URL", self.vhost.amqp_url())
            .env("VALET_BROKER_USERNAME", self.names.of(Role::Dispatcher))
            .env("VALET_BROKER_PASSWORD", self.password(Role::Dispatcher).expose())
            .env("VALET_DISPATCH_NAME", name)
            .env("VALET_LOG_LEVEL", "debug")
            .start()
    }

    /// Takes messages off a queue, with everything that the broker knows of them.
    pub fn take(&self, queue: &str) -> Vec<Value> {
        let path = format!("/api/queues/{}/{queue}/get", self.vhost.name());
        let body = json!({ "count": 1000, "ackmode": "ack_requeue_false", "encoding": "auto" });
        let answer = self.broker.api("POST", &path, Some(body));
        answer.as_array().cloned().unwrap_or_default()
    }

    /// Takes messages off a queue until there are so many.
    pub fn take_all(&self, queue: &str, count: usize) -> Vec<Value> {
        let mut taken = Vec::new();
        wait_for(&format!("{count} messages in {queue}"), PATIENCE, || {
            taken.extend(self.take(queue));
            if taken.len() >= count {
                Ok(())
            } else {
                Err(format!("{}; {}", taken.len(), self.vhost.queue_depths()))
            }
        });
        taken
    }

    pub fn wait_depth(&self, queue: &str, count: u64) {
        wait_for(&format!("{count} messages in {queue}"), PATIENCE, || {
            if self.vhost.queue_depth(queue) == Some(count) { Ok(()) } else { Err(self.vhost.queue_depths()) }
        });
    }

    /// Does the workers' part until every id of `wanted` was seen: how often each came.
    pub async fn work_off(&self, wanted: &BTreeSet<String>) -> BTreeMap<String, u32> {
        let config = self.config(Role::Worker);
        let session = Session::connect(config, Purpose::Worker).await.expect("the worker connects");
        let mut feed = session.feed(FeedOptions::new("test-worker"));
        let mut seen: BTreeMap<String, u32> = BTreeMap::new();
        while !wanted.iter().all(|id| seen.contains_key(id)) {
            let next = tokio::time::timeout(PATIENCE, feed.next()).await;
            let Ok(Some(delivery)) = next else {
                let lost = wanted.iter().filter(|id| !seen.contains_key(*id)).count();
                panic!("{lost} of {} jobs did not come; {}", wanted.len(), self.vhost.queue_depths());
            };
            *seen.entry(delivery.message_id().expect("jobs have ids").to_owned()).or_default() += 1;
            // One that the broker takes back comes again, and counts again.
            let _ = delivery.settle(Disposition::Ack).await;
        }
        seen
    }
}

pub struct Partner {
    pub record: LaneRecord,
    pub session: Session,
}

impl Partner {
    pub async fn publish(&self, message: &JobMessage) {
        publish(&self.session, message).await;
    }

    pub async fn publish_raw(&self, body: &[u8]) {
        let exchange = names::lane_exchange(&self.record.lane, Priority::Normal);
        let outgoing = Outgoing::new(exchange, "", "raw", body);
        self.session.publisher().publish(outgoing).await.await.expect("the broker takes it");
    }
}

/// Publishes to the message's own lane, by its priority.
pub async fn publish(session: &Session, message: &JobMessage) {
    session.publisher().publish(outgoing(message)).await.await.expect("the broker takes it");
}

pub fn outgoing(message: &JobMessage) -> Outgoing {
    let exchange = names::lane_exchange(&message.lane, message.priority);
    let body = message.encode().expect("a sound message");
    let mut outgoing = Outgoing::new(exchange, "", message.id.to_string(), body);
    outgoing.type_ = Some(amqp::JOB_TYPE.to_owned());
    outgoing.content_type = Some(amqp::CONTENT_TYPE.to_owned());
    outgoing
}

/// A sound job of a lane, with an hour to go.
pub fn job(lane: &Lane) -> JobMessage {
    let now = Timestamp::now();
    let expiry = now + SignedDuration::from_hours(1);
    let seconds = |time: Timestamp| time.strftime("%Y-%m-%dT%H%%3A%M%%3A%SZ").to_string();
    let validity = format!("st={}&se={}", seconds(now - SignedDuration::from_mins(20)), seconds(expiry));
    let grant = |path: &str, rights: &str| {
        GrantUrl::new(format!(
            "https://acct.blob.core.windows.net/{path}?sv=2022-11-02&sr=b&{validity}&sp={rights}&spr=https&sig={SIGNATURE}{rights:A<3}%3D"
        ))
    };
    JobMessage {
        id: JobId::from_uuid(uuid::Uuid::now_v7()).expect("a UUIDv7"),
        lane: lane.clone(),
        grants: Grants::Open { input: grant("raw/a.mov", "r"), output: grant("out/a.jpg", "c") },
        input: Input::default(),
        output: Output::default(),
        preset: PresetRef { name: "thumbnail".into(), version: 1, params: serde_json::Map::new() },
        limits: Limits::default(),
        priority: Priority::Normal,
        tags: BTreeMap::new(),
        submitted_at: now,
        not_after: expiry,
        remints: 0,
        attempts_before: 0,
    }
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
