//! RabbitMQ's management HTTP API: declare, check, provision.
//!
//! The only module that changes anything on a broker, and only `valet topology`, `partner` and `lane` (and tests)
//! call it. Must never log or return a password but the one it just made.

mod check;
mod declare;
mod http;
mod lane_commands;
mod lanes;
mod logins;
mod partners;
mod state;

pub use check::Difference;
pub use declare::Declared;
pub use http::ManagementError;
pub use lane_commands::{lane_commands, remove_commands, rotate_commands};
pub use lanes::{DEPTH_AGE_MAX, LaneDepth};
pub use logins::{Existing, Login, LoginNames};
pub use partners::{PartnerLogin, partner_right};

use crate::{BrokerVersion, Password, TlsConfig, version};
use http::{Http, segment};
use serde_json::json;

/// A client of the management API, bound to one vhost.
#[derive(Debug)]
pub struct Management {
    http: Http,
    vhost: String,
}

impl Management {
    /// `url` is e.g. `https://broker:15671`; `tls` works as for AMQP (a given CA alone is trusted).
    pub fn new(
        url: &str,
        username: &str,
        password: Password,
        vhost: &str,
        tls: &TlsConfig,
    ) -> Result<Self, ManagementError> {
        Ok(Self { http: Http::new(url, username, password, tls)?, vhost: vhost.to_owned() })
    }

    /// Creates the vhost if it is not there, and gives this login all rights in it (the management
    /// API needs them to declare). True if it was created.
    ///
    /// Needs the tag `administrator`.
    pub async fn ensure_vhost(&self) -> Result<bool, ManagementError> {
        let vhost = segment(&self.vhost);
        let created = self.http.get(&format!("/api/vhosts/{vhost}")).await?.is_none();
        if created {
            self.http.put(&format!("/api/vhosts/{vhost}"), &json!({})).await?;
        }
        let rights = format!("/api/permissions/{vhost}/{}", segment(self.http.username()));
        if self.http.get(&rights).await?.is_none() {
            let all = json!({ "configure": ".*", "write": ".*", "read": ".*" });
            self.http.put(&rights, &all).await?;
        }
        Ok(created)
    }

    /// The broker's version.
    pub async fn version(&self) -> Result<BrokerVersion, ManagementError> {
        let overview = self.http.get("/api/overview").await?.unwrap_or_default();
        let version = overview["rabbitmq_version"].as_str().and_then(BrokerVersion::parse);
        // One that does not say is treated as the oldest: it is then asked for the least.
        Ok(version.unwrap_or(version::OLDEST))
    }

    /// `/api/<kind>/<vhost>`
    fn path(&self, kind: &str) -> String {
        format!("/api/{kind}/{}", segment(&self.vhost))
    }
}
