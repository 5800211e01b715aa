//! RabbitMQ's management HTTP API: declare, check, provision.

use crate::{Password, TlsConfig, topology::Topology};

/// The three logins' names.
#[derive(Clone, Debug)]
pub struct LoginNames {
    /// May declare topology in the vhost.
    pub provisioner: String,
    /// May publish jobs and read reports and dead letters.
    pub producer: String,
    /// May consume jobs and publish reports.
    pub worker: String,
}

impl Default for LoginNames {
    fn default() -> Self {
        Self {
            provisioner: "valet-provisioner".into(),
            producer: "valet-producer".into(),
            worker: "valet-worker".into(),
        }
    }
}

/// What to do with a login that exists already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Existing {
    /// Keep its password.
    Keep,
    /// Give it a new one.
    Rotate,
}

/// One login after provisioning.
#[derive(Clone, Debug)]
pub struct Login {
    /// `provisioner`, `producer` or `worker`.
    pub role: &'static str,
    /// User name.
    pub name: String,
    /// The new password; `None` when an existing login was kept.
    pub password: Option<Password>,
}

/// What a declare changed; empty the second time.
#[derive(Clone, Debug, Default)]
pub struct Declared {
    /// `created queue jobs.r0`, `set policy …`, one each.
    pub changes: Vec<String>,
    /// What the operator must know, e.g. a limit that this broker version cannot set per queue.
    pub notes: Vec<String>,
}

/// One difference between what is and what should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// `queue jobs.r0`, `binding events → x`, `login valet-worker`, …
    pub subject: String,
    /// What differs: wanted and found.
    pub problem: String,
    /// Whether declaring (and provisioning) again repairs it.
    pub repaired_by_declare: bool,
}

/// Why the management API did not do what was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ManagementError {
    /// Not a usable URL.
    #[error("the management URL is not usable: {problem}")]
    Url {
        /// What is wrong.
        problem: &'static str,
    },
}

/// A client of the management API, bound to one vhost.
#[derive(Debug)]
pub struct Management;

impl Management {
    /// `url` is e.g. `https://broker:15671`; `tls.ca_pem` works as for AMQP.
    pub fn new(
        url: &str,
        username: &str,
        password: Password,
        vhost: &str,
        tls: &TlsConfig,
    ) -> Result<Self, ManagementError> {
        let _ = (url, username, password, vhost, tls);
        todo!()
    }
    /// Creates the vhost if it is not there. True if it was created.
    pub async fn ensure_vhost(&self) -> Result<bool, ManagementError> {
        todo!()
    }
    /// Declares exchanges, queues, bindings and policies. Idempotent.
    pub async fn declare(&self, topology: &Topology) -> Result<Declared, ManagementError> {
        let _ = topology;
        todo!()
    }
    /// Creates the three logins with the least rights and sets their permissions.
    pub async fn provision(&self, names: &LoginNames, existing: Existing) -> Result<Vec<Login>, ManagementError> {
        let _ = (names, existing);
        todo!()
    }
    /// Everything that differs; empty when all is as it should be.
    pub async fn check(&self, topology: &Topology, names: &LoginNames) -> Result<Vec<Difference>, ManagementError> {
        let _ = (topology, names);
        todo!()
    }
}
