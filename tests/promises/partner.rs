//! A partner of one stage: what `valet partner` does for it as the administrator, and what it does itself with a bare
//! AMQP client and nothing but the folder that it was sent. Must use none of our code on the partner's side.

use lapin::options::{BasicPublishOptions, ConfirmSelectOptions};
use lapin::{BasicProperties, Channel, Connection, ConnectionProperties};
use serde_json::Value;
use valet_testkit::{Finished, wait_for};

use crate::message::Message;
use crate::stage::{COMMAND_TIMEOUT, Stage};

/// One partner of one stage, with the folder that it was sent.
pub(crate) struct Partner<'a> {
    pub(crate) stage: &'a Stage<'static>,
    /// Logins belong to the whole broker: it is called like the stage's own vhost.
    pub(crate) lane: String,
}

impl<'a> Partner<'a> {
    /// Added with these further options; what it was sent is in the folder `first`.
    pub(crate) fn added(stage: &'a Stage<'static>, options: &[&str]) -> Self {
        let partner = Self { stage, lane: stage.vhost.name().to_owned() };
        partner.verb(0, "add", &[&["--out", "first"], options].concat());
        partner
    }

    /// `valet partner VERB LANE …` as the administrator.
    pub(crate) fn verb(&self, code: i32, verb: &str, more: &[&str]) -> Finished {
        let program = self.stage.admin().args(["partner", verb, &self.lane]).args(more);
        program.current_dir(self.stage.folder.path()).run(COMMAND_TIMEOUT).expect_code(code)
    }

    pub(crate) fn settings(&self, folder: &str) -> Value {
        let text =
            std::fs::read(self.stage.folder.join(folder).join("partner.json")).expect("it was written");
        serde_json::from_slice(&text).expect("it is JSON")
    }

    /// A connection with nothing but what stands in the folder.
    pub(crate) async fn connect(&self, folder: &str) -> lapin::Result<Connection> {
        let settings = self.settings(folder);
        let text = |name: &str| settings["broker"][name].as_str().expect("a text").to_owned();
        let address = text("url");
        let address = address.strip_prefix("amqp://").expect("a plain address");
        let url = format!("amqp://{}:{}@{address}", text("username"), text("password"));
        Connection::connect(&url, ConnectionProperties::default()).await
    }

    pub(crate) async fn channel(&self, folder: &str) -> (Connection, Channel) {
        let connection = self.connect(folder).await.expect("the broker takes the login");
        let channel = connection.create_channel().await.expect("a channel");
        channel.confirm_select(ConfirmSelectOptions::default()).await.expect("confirms");
        (connection, channel)
    }

    /// Publishes one message with the partner's own name; the broker's words if it refuses.
    pub(crate) async fn publish(&self, folder: &str, exchange: &str, key: &str) -> Result<(), String> {
        let (_connection, channel) = self.channel(folder).await;
        let properties =
            BasicProperties::default().with_user_id(self.lane.as_str().into()).with_delivery_mode(2);
        let options = BasicPublishOptions { mandatory: true, ..BasicPublishOptions::default() };
        let sent = channel.basic_publish(exchange.into(), key.into(), options, b"{}", properties).await;
        let sent = sent.map_err(|error| error.to_string())?;
        sent.await.map(|_| ()).map_err(|error| error.to_string())
    }

    pub(crate) fn queue(&self) -> String {
        format!("in.{}", self.lane)
    }

    #[track_caller]
    pub(crate) fn wait_for_depth(&self, count: u64) {
        wait_for(&format!("{count} messages in the lane"), COMMAND_TIMEOUT, || {
            match self.stage.vhost.queue_depth(&self.queue()) {
                Some(depth) if depth == count => Ok(()),
                depth => Err(format!("{depth:?}")),
            }
        });
    }

    /// Sends a job on its lane, with all that belongs to a job message, and waits for the broker's confirm.
    pub(crate) async fn send(&self, message: &Message) {
        let (_connection, channel) = self.channel("first").await;
        let properties = BasicProperties::default()
            .with_user_id(self.lane.as_str().into())
            .with_delivery_mode(2)
            .with_type("valet.job.v1".into())
            .with_content_type("application/json".into())
            .with_message_id(message.id.as_str().into());
        let options = BasicPublishOptions { mandatory: true, ..BasicPublishOptions::default() };
        let body = message.body.to_string();
        let queue = self.queue();
        let sent =
            channel.basic_publish(queue.as_str().into(), "".into(), options, body.as_bytes(), properties);
        let confirm = sent.await.expect("it is sent").await.expect("it is answered");
        assert!(matches!(confirm, lapin::Confirmation::Ack(None)), "{confirm:?}");
    }

    /// Reads its own reports until one of this job has one of these kinds; returns its data.
    pub(crate) async fn follow(&self, job: &str, kinds: &[&str]) -> Value {
        let (_connection, channel) = self.channel("first").await;
        let queue = format!("events.{}", self.lane);
        let deadline = tokio::time::Instant::now() + COMMAND_TIMEOUT;
        let mut seen = Vec::new();
        let mut reports = channel
            .basic_consume(
                queue.as_str().into(),
                "".into(),
                lapin::options::BasicConsumeOptions { no_ack: true, ..Default::default() },
                lapin::types::FieldTable::default(),
            )
            .await
            .expect("it may read its reports");
        loop {
            let next = tokio::time::timeout_at(deadline, futures::StreamExt::next(&mut reports)).await;
            let Ok(Some(Ok(report))) = next else { panic!("no {kinds:?} of {job}; seen: {seen:?}") };
            let key = report.routing_key.as_str().to_owned();
            let [lane, id, kind] = key.split('.').collect::<Vec<_>>()[..] else { panic!("{key}") };
            assert_eq!(lane, self.lane, "a report of another lane");
            if id == job && kinds.contains(&kind) {
                return serde_json::from_slice(&report.data).expect("a report is JSON");
            }
            seen.push(key);
        }
    }
}
