//! A partner's lane with its login, made as an operator would.

use super::{PATIENCE, Site};
use lapin::{Connection, ConnectionProperties};
use serde_json::json;
use valet_broker::{BrokerConfig, Purpose, Session, topology::LaneNumbers};
use valet_protocol::{LaneRecord, Priority};

pub struct Partner {
    pub record: LaneRecord,
    pub login: String,
    pub password: String,
}

/// A lane that takes a few messages only, and a login that connects a few times only.
pub fn numbers() -> LaneNumbers {
    LaneNumbers { length_max: 5, connections_max: 2, channels_max: 4, ..LaneNumbers::default() }
}

impl Partner {
    /// With a login of its own on the shared broker, whose logins all vhosts share.
    pub async fn new(site: &Site<'_>, lane: &str) -> Self {
        let login = format!("{}-{lane}", site.vhost.name());
        let record = LaneRecord::partner(lane.parse().expect("a lane's name"), login.clone());
        assert_eq!(record.priority_max, Priority::Normal);
        let password = uuid::Uuid::new_v4().simple().to_string();
        site.management().declare_lane(&record, &numbers()).await.expect("the lane is declared");
        let write = format!(r"^in\.{lane}(\.low)?$");
        let read = format!(r"^events\.{lane}$");
        site.broker.add_login(&login, &password, "", &site.vhost, ["^$", &write, &read]);
        for (limit, value) in
            [("max-connections", numbers().connections_max), ("max-channels", numbers().channels_max)]
        {
            site.broker.api(
                "PUT",
                &format!("/api/user-limits/{login}/{limit}"),
                Some(json!({ "value": value })),
            );
        }
        Self { record, login, password }
    }

    pub fn config(&self, site: &Site<'_>) -> BrokerConfig {
        let config = BrokerConfig::parse(&site.vhost.amqp_url()).expect("testkit gives a URL");
        config.with_login(self.login.as_str(), self.password.as_str())
    }

    pub async fn session(&self, site: &Site<'_>) -> Session {
        Session::connect(self.config(site), Purpose::Probe).await.expect("the partner connects")
    }

    /// A bare client with the partner's login: what an attacker would use.
    pub async fn connection(&self, site: &Site<'_>) -> lapin::Result<Connection> {
        let address = site.vhost.amqp_url();
        let address = address.trim_start_matches("amqp://");
        let url = format!("amqp://{}:{}@{address}", self.login, self.password);
        let connecting = Connection::connect(&url, ConnectionProperties::default());
        tokio::time::timeout(PATIENCE, connecting).await.expect("the broker answers")
    }
}
