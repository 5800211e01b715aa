//! The logins: made with random passwords, kept when they exist, with the least rights.

use super::{Difference, Management, ManagementError, http::segment};
use crate::{Password, topology::Role};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use uuid::Uuid;
use zeroize::Zeroizing;

/// The logins' names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoginNames {
    /// May declare topology in the vhost.
    pub provisioner: String,
    /// May publish jobs and read reports and dead letters.
    pub producer: String,
    /// May consume jobs and publish reports.
    pub worker: String,
    /// May take from the lanes, hand to the workers, report and file.
    pub dispatcher: String,
}

impl Default for LoginNames {
    fn default() -> Self {
        Self::with_prefix("valet")
    }
}

impl LoginNames {
    /// `<prefix>-provisioner` and so on: for several Valets on one broker.
    pub fn with_prefix(prefix: &str) -> Self {
        let name = |role: Role| format!("{prefix}-{}", role.name());
        Self {
            provisioner: name(Role::Provisioner),
            producer: name(Role::Producer),
            worker: name(Role::Worker),
            dispatcher: name(Role::Dispatcher),
        }
    }

    /// The name for a role.
    pub fn of(&self, role: Role) -> &str {
        match role {
            Role::Provisioner => &self.provisioner,
            Role::Producer => &self.producer,
            Role::Worker => &self.worker,
            Role::Dispatcher => &self.dispatcher,
        }
    }
}

/// What to do with a login that exists already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Existing {
    /// Keep its password.
    Keep,
    /// Give it a new one. Connections that are open stay open.
    Rotate,
}

/// One login after provisioning.
#[derive(Clone, Debug)]
pub struct Login {
    /// What it is for.
    pub role: Role,
    /// User name.
    pub name: String,
    /// The new password; `None` when an existing login was kept. It exists nowhere else: the broker
    /// was given its hash.
    pub password: Option<Password>,
}

impl Management {
    /// Makes the logins if they are not there, and sets their rights in the vhost.
    ///
    /// Needs the tag `administrator`.
    pub async fn provision(
        &self,
        names: &LoginNames,
        existing: Existing,
    ) -> Result<Vec<Login>, ManagementError> {
        let mut logins = Vec::new();
        for role in Role::ALL {
            let name = names.of(role).to_owned();
            let password = self.ensure_user(&name, role, existing).await?;
            self.set_rights(&name, role).await?;
            logins.push(Login { role, name, password });
        }
        Ok(logins)
    }

    async fn ensure_user(
        &self,
        name: &str,
        role: Role,
        existing: Existing,
    ) -> Result<Option<Password>, ManagementError> {
        let path = format!("/api/users/{}", segment(name));
        if existing == Existing::Keep && self.http.get(&path).await?.is_some() {
            return Ok(None);
        }
        let password = random_password();
        let body = json!({
            "password_hash": hash(&password),
            "hashing_algorithm": "rabbit_password_hashing_sha256",
            "tags": role.tag(),
        });
        self.http.put(&path, &body).await?;
        Ok(Some(password))
    }

    async fn set_rights(&self, name: &str, role: Role) -> Result<(), ManagementError> {
        let right = role.right();
        let body = json!({ "configure": right.configure, "write": right.write, "read": right.read });
        self.http.put(&format!("{}/{}", self.path("permissions"), segment(name)), &body).await?;
        for topic in role.topic_rights() {
            let body = json!({ "exchange": topic.exchange, "write": topic.write, "read": topic.read });
            self.http.put(&format!("{}/{}", self.path("topic-permissions"), segment(name)), &body).await?;
        }
        Ok(())
    }

    pub(super) async fn check_logins(&self, names: &LoginNames) -> Result<Vec<Difference>, ManagementError> {
        let mut differences = Vec::new();
        for role in Role::ALL {
            let name = names.of(role);
            let subject = format!("login {name}");
            let Some(user) = self.http.get(&format!("/api/users/{}", segment(name))).await? else {
                differences.push(Difference::missing(subject));
                continue;
            };
            let found = tags(&user);
            if found != role.tag() {
                // The password of an existing login is kept, and so are its tags.
                let problem = format!("has the tags {found:?}, not {:?}", role.tag());
                differences.push(Difference::foreign(subject.clone(), problem));
            }
            differences.extend(self.check_rights(&subject, name, role).await?);
        }
        Ok(differences)
    }

    async fn check_rights(
        &self,
        subject: &str,
        name: &str,
        role: Role,
    ) -> Result<Vec<Difference>, ManagementError> {
        let mut differences = Vec::new();
        let mut differs =
            |problem: String| differences.push(Difference::declarable(subject.to_owned(), problem));
        let found = self.http.get(&format!("{}/{}", self.path("permissions"), segment(name))).await?;
        let found = found.unwrap_or_default();
        let right = role.right();
        for (verb, wanted) in [("configure", right.configure), ("write", right.write), ("read", right.read)] {
            if found[verb] != *wanted {
                differs(format!("may {verb} {}, not {wanted:?}", found[verb]));
            }
        }
        let found = self.http.get(&format!("{}/{}", self.path("topic-permissions"), segment(name))).await?;
        let found = found.as_ref().and_then(Value::as_array).cloned().unwrap_or_default();
        let rights = role.topic_rights();
        for wanted in &rights {
            let same = |topic: &Value| {
                topic["exchange"] == wanted.exchange
                    && topic["write"] == *wanted.write
                    && topic["read"] == *wanted.read
            };
            if !found.iter().any(same) {
                differs(format!("lacks the topic right to write {:?} on {}", wanted.write, wanted.exchange));
            }
        }
        let unasked = |topic: &&Value| !rights.iter().any(|wanted| topic["exchange"] == wanted.exchange);
        for topic in found.iter().filter(unasked) {
            let problem = format!("has a topic right on {}", topic["exchange"]);
            differences.push(Difference::foreign(subject.to_owned(), problem));
        }
        Ok(differences)
    }
}

/// Tags are a list from 3.9 on, and a comma-separated text before.
fn tags(user: &Value) -> String {
    match &user["tags"] {
        Value::Array(tags) => tags.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(","),
        other => other.as_str().unwrap_or_default().to_owned(),
    }
}

/// 244 random bits from the operating system (two version 4 UUIDs), as hex: safe in any shell.
pub(super) fn random_password() -> Password {
    let (first, second) = (Uuid::new_v4().simple(), Uuid::new_v4().simple());
    Password::from(Zeroizing::new(format!("{first}{second}")))
}

/// RabbitMQ's own form: base64(salt ‖ sha256(salt ‖ password)), so the password itself never
/// travels, nor shows in the management API's log.
pub(super) fn hash(password: &Password) -> String {
    let mut salted = Uuid::new_v4().as_bytes()[..4].to_vec();
    let mut digest = Sha256::new();
    digest.update(&salted);
    digest.update(password.expose().as_bytes());
    salted.extend(digest.finalize());
    STANDARD.encode(salted)
}
