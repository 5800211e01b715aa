//! What is on the broker now, as far as the topology is concerned.

use super::{Management, ManagementError};
use crate::BrokerVersion;
use serde_json::Value;

/// Lists of the vhost, as the management API gives them.
pub(super) struct State {
    exchanges: Vec<Value>,
    queues: Vec<Value>,
    bindings: Vec<Value>,
    policies: Vec<Value>,
    pub(super) version: BrokerVersion,
}

impl State {
    pub(super) async fn read(management: &Management) -> Result<Self, ManagementError> {
        Ok(Self {
            exchanges: list(management, "exchanges").await?,
            queues: list(management, "queues").await?,
            bindings: list(management, "bindings").await?,
            policies: list(management, "policies").await?,
            version: management.version().await?,
        })
    }

    pub(super) fn exchange(&self, name: &str) -> Option<&Value> {
        named(&self.exchanges, name)
    }

    pub(super) fn queue(&self, name: &str) -> Option<&Value> {
        named(&self.queues, name)
    }

    pub(super) fn policy(&self, name: &str) -> Option<&Value> {
        named(&self.policies, name)
    }

    /// All but the automatic ones of the default exchange.
    pub(super) fn bindings(&self) -> impl Iterator<Item = &Value> {
        self.bindings.iter().filter(|binding| binding["source"] != "")
    }
}

fn named<'a>(list: &'a [Value], name: &str) -> Option<&'a Value> {
    list.iter().find(|item| item["name"] == name)
}

async fn list(management: &Management, kind: &str) -> Result<Vec<Value>, ManagementError> {
    match management.http.get(&management.path(kind)).await? {
        Some(Value::Array(items)) => Ok(items),
        // No such vhost: nothing is there.
        _ => Ok(Vec::new()),
    }
}
