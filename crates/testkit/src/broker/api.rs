//! RabbitMQ's management API, as far as tests set things up or look at them with it.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};

use super::{Broker, Vhost};
use crate::http;

/// Status and JSON body (`Null` when there is none) of an answer.
type Answer = (u16, Value);

impl Broker {
    /// Calls the management API as the administrator: `api("GET", "/api/overview", None)`.
    ///
    /// # Panics
    /// When there is no answer, or its status is not 2xx.
    #[track_caller]
    pub fn api(&self, method: &str, path: &str, body: Option<Value>) -> Value {
        match self.try_api(method, path, body) {
            Ok((200..=299, value)) => value,
            Ok((status, value)) => panic!("{method} {path}: {status} {value}"),
            Err(cause) => panic!("{method} {path}: {cause}"),
        }
    }

    /// [`Broker::api`] that returns every status.
    ///
    /// # Errors
    /// When there is no answer, with the reason.
    pub fn try_api(&self, method: &str, path: &str, body: Option<Value>) -> Result<Answer, String> {
        let login = format!("Basic {}", STANDARD.encode(format!("{}:{}", self.username(), self.password())));
        let headers = [("authorization", login.as_str()), ("content-type", "application/json")];
        let url = format!("{}{path}", self.management_url());
        let body = body.map(|b| b.to_string()).unwrap_or_default();
        let answer = http::send(method, &url, &headers, body).map_err(|e| e.to_string())?;
        Ok((answer.status, serde_json::from_slice(&answer.body).unwrap_or(Value::Null)))
    }

    /// Adds (or changes) a login with rights in one virtual host; `rights` are the patterns configure, write
    /// and read. `tags` as in RabbitMQ: `""`, `"policymaker"`, `"administrator"`.
    ///
    /// # Panics
    /// When the node refuses.
    pub fn add_login(&self, name: &str, password: &str, tags: &str, vhost: &str, rights: [&str; 3]) {
        let [configure, write, read] = rights;
        self.api(
            "PUT",
            &format!("/api/users/{}", segment(name)),
            Some(json!({"password": password, "tags": tags})),
        );
        let path = format!("/api/permissions/{}/{}", segment(vhost), segment(name));
        self.api("PUT", &path, Some(json!({"configure": configure, "write": write, "read": read})));
    }

    /// Cuts every client connection in a virtual host from the broker's side; returns how many. A new
    /// connection takes up to a second to show up here.
    ///
    /// # Panics
    /// When the node refuses.
    pub fn close_connections(&self, vhost: &str) -> usize {
        let list = self.api("GET", &format!("/api/vhosts/{}/connections", segment(vhost)), None);
        let names = list.as_array().into_iter().flatten().filter_map(|c| c["name"].as_str());
        names.map(|name| self.try_api("DELETE", &format!("/api/connections/{}", segment(name)), None)).count()
    }

    pub(super) fn make_vhost(&self, name: &str) {
        self.api("PUT", &format!("/api/vhosts/{}", segment(name)), Some(json!({})));
        let path = format!("/api/permissions/{}/{}", segment(name), segment(self.username()));
        self.api("PUT", &path, Some(json!({"configure": ".*", "write": ".*", "read": ".*"})));
    }
}

impl Vhost<'_> {
    /// Messages in a queue as the management API counts them (ready and unacknowledged; up to a second
    /// old), or `None` when there is no such queue.
    ///
    /// # Panics
    /// When the node does not answer.
    pub fn queue_depth(&self, queue: &str) -> Option<u64> {
        let path = format!("/api/queues/{}/{}", segment(self.name()), segment(queue));
        let (_, value) = self.broker().try_api("GET", &path, None).expect("the management API answers");
        value["messages"].as_u64()
    }

    /// Depths of all queues, `name=messages`, sorted: a last state for [`crate::wait_for`].
    ///
    /// # Panics
    /// When the node does not answer.
    pub fn queue_depths(&self) -> String {
        let list = self.broker().api("GET", &format!("/api/queues/{}", segment(self.name())), None);
        let mut text = String::new();
        for queue in list.as_array().into_iter().flatten() {
            let _ = write!(text, "{}={} ", queue["name"].as_str().unwrap_or_default(), queue["messages"]);
        }
        text
    }
}

/// `text` as one segment of a URL's path.
pub(super) fn segment(text: &str) -> String {
    utf8_percent_encode(text, NON_ALPHANUMERIC).to_string()
}
