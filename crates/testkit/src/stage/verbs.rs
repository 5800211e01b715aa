//! What a test has the producer do and say, and what it does to queues and containers itself.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::{COMMAND_TIMEOUT, Stage};

impl Stage<'_> {
    /// Puts bytes into the input container and returns the blob's `container/blob`.
    ///
    /// # Panics
    /// When storage refuses.
    pub fn put(&self, blob: &str, bytes: impl AsRef<[u8]>) -> String {
        self.storage.put(&self.input, blob, bytes);
        format!("{}/{blob}", self.input)
    }

    /// `container/blob` of an output.
    pub fn target(&self, blob: &str) -> String {
        format!("{}/{blob}", self.output)
    }

    /// Runs `valet --json` with these arguments, expects `code`, and returns one value a line.
    ///
    /// # Panics
    /// When it ends with another code, or says what is no JSON.
    #[track_caller]
    pub fn json(&self, code: i32, arguments: &[&str]) -> Vec<Value> {
        let finished = self.valet().arg("--json").args(arguments).run(COMMAND_TIMEOUT).expect_code(code);
        let lines = finished.stdout.lines();
        lines.map(|line| serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}"))).collect()
    }

    /// Submits one job and returns its id.
    ///
    /// # Panics
    /// When it is refused.
    #[track_caller]
    pub fn submit(&self, input: &str, output: &str, arguments: &[&str]) -> String {
        let all = [&["submit", input, output], arguments].concat();
        let told = self.json(0, &all);
        told[0]["id"].as_str().unwrap_or_else(|| panic!("no id in {told:?}")).to_owned()
    }

    /// Runs one job to its end, expects exit code `code`, and returns how it ended.
    ///
    /// # Panics
    /// When the code is another.
    #[track_caller]
    pub fn run(&self, code: i32, input: &str, output: &str, arguments: &[&str]) -> Value {
        let told = self.json(code, &[&["run", input, output], arguments].concat());
        told.into_iter().next_back().unwrap_or_default()
    }

    /// Waits for the end of a job, expects exit code `code`, and returns how it ended.
    ///
    /// # Panics
    /// When the code is another.
    #[track_caller]
    pub fn wait(&self, code: i32, job: &str) -> Value {
        self.json(code, &["wait", job, "--timeout", "90s"]).into_iter().next_back().unwrap_or_default()
    }

    /// All reports of a job so far, oldest first.
    ///
    /// # Panics
    /// When they cannot be read.
    #[track_caller]
    pub fn reports(&self, job: &str) -> Vec<Value> {
        self.json(0, &["events", "--job", job, "--since", "first", "--no-follow"])
    }

    /// All dead and expired letters.
    ///
    /// # Panics
    /// When they cannot be read.
    #[track_caller]
    pub fn dead(&self) -> Vec<Value> {
        self.json(0, &["dead", "ls"])
    }

    /// Puts bytes on the exchange `jobs` as somebody would who may, with no help of `valet`.
    ///
    /// # Panics
    /// When the broker refuses, or no queue takes them.
    pub fn publish(&self, body: &[u8], properties: Value) {
        let answer = self.try_publish(body, properties);
        assert_eq!(answer, Ok(true), "is it routed?");
    }

    /// [`Stage::publish`], and whether a queue took them.
    ///
    /// # Errors
    /// When the broker does not answer, or refuses.
    pub fn try_publish(&self, body: &[u8], mut properties: Value) -> Result<bool, String> {
        properties["user_id"] = self.broker.username().into();
        let path = format!("/api/exchanges/{}/jobs/publish", self.vhost.name());
        let message = json!({
            "properties": properties,
            "routing_key": "r0",
            "payload": STANDARD.encode(body),
            "payload_encoding": "base64",
        });
        match self.broker.try_api("POST", &path, Some(message))? {
            (200, answer) => Ok(answer["routed"] == true),
            (status, answer) => Err(format!("{status} {answer}")),
        }
    }
}
