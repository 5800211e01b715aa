//! Job messages written by hand, as a partner without our code would, and with whatever fault a test wants.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use valet_testkit::Sas;

use crate::stage::Stage;

/// A message that a worker would do, to be spoilt.
pub(crate) struct Message {
    pub(crate) id: String,
    pub(crate) body: Value,
}

impl Message {
    /// Copies `in/<input>` to `out/<output>` with proper grants.
    pub(crate) fn copy(stage: &Stage<'_>, input: &str, output: &str) -> Self {
        Self::new(stage, &Sas::read(&stage.input, input), &Sas::create(&stage.output, output))
    }

    /// A copy with these grants.
    pub(crate) fn new(stage: &Stage<'_>, input: &Sas, output: &Sas) -> Self {
        Self::with_urls(&stage.storage.sas_url(input), &stage.storage.sas_url(output))
    }

    /// A copy with these URLs.
    pub(crate) fn with_urls(input: &str, output: &str) -> Self {
        let now = Timestamp::now();
        let id = uuid::Uuid::now_v7().to_string();
        let body = json!({
            "version": 1,
            "id": id,
            "lane": "default",
            "input": { "url": input },
            "output": { "url": output },
            "preset": { "name": "copy", "version": 1, "params": {} },
            "limits": { "wall_seconds": 60 },
            "priority": "normal",
            "submitted_at": now.to_string(),
            "not_after": (now + SignedDuration::from_mins(30)).to_string(),
        });
        Self { id, body }
    }

    /// The same with another value at a JSON pointer.
    pub(crate) fn with(mut self, pointer: &str, value: Value) -> Self {
        let (parent, name) = pointer.rsplit_once('/').expect("a pointer such as /preset/name");
        let parent = self.body.pointer_mut(parent).and_then(Value::as_object_mut).expect("an object there");
        parent.insert(name.to_owned(), value);
        self
    }

    /// Puts it on the broker.
    pub(crate) fn publish(&self, stage: &Stage<'_>) {
        stage.publish(self.body.to_string().as_bytes(), properties(&self.id));
    }
}

/// What belongs to every job message beside its body.
pub(crate) fn properties(id: &str) -> Value {
    json!({
        "message_id": id, "type": "valet.job.v1", "content_type": "application/json", "delivery_mode": 2,
    })
}
