//! A partner's life, as operator and partner live it: a login for one lane alone, a new password, a pause, and an end
//! that drops nothing. Everything of ours goes through the built `valet`; the partner uses a bare AMQP client.

use lapin::options::{BasicGetOptions, BasicPublishOptions, ConfirmSelectOptions, QueueDeclareOptions};
use lapin::types::FieldTable;
use lapin::{BasicProperties, Channel, Connection, ConnectionProperties};
use serde_json::Value;
use valet_testkit::{Finished, wait_for};

use crate::stage::{COMMAND_TIMEOUT, Stage};

/// One partner of one stage, with the folder that it was sent.
struct Partner<'a> {
    stage: &'a Stage<'static>,
    /// Logins belong to the whole broker: it is called like the stage's own vhost.
    lane: String,
}

impl Partner<'_> {
    /// `valet partner VERB LANE …` as the administrator.
    fn verb(&self, code: i32, verb: &str, more: &[&str]) -> Finished {
        let program = self.stage.admin().args(["partner", verb, &self.lane]).args(more);
        program.current_dir(self.stage.folder.path()).run(COMMAND_TIMEOUT).expect_code(code)
    }

    fn settings(&self, folder: &str) -> Value {
        let text =
            std::fs::read(self.stage.folder.join(folder).join("partner.json")).expect("it was written");
        serde_json::from_slice(&text).expect("it is JSON")
    }

    /// A connection with nothing but what stands in the folder.
    async fn connect(&self, folder: &str) -> lapin::Result<Connection> {
        let settings = self.settings(folder);
        let text = |name: &str| settings["broker"][name].as_str().expect("a text").to_owned();
        let address = text("url");
        let address = address.strip_prefix("amqp://").expect("a plain address");
        let url = format!("amqp://{}:{}@{address}", text("username"), text("password"));
        Connection::connect(&url, ConnectionProperties::default()).await
    }

    async fn channel(&self, folder: &str) -> (Connection, Channel) {
        let connection = self.connect(folder).await.expect("the broker takes the login");
        let channel = connection.create_channel().await.expect("a channel");
        channel.confirm_select(ConfirmSelectOptions::default()).await.expect("confirms");
        (connection, channel)
    }

    /// Publishes one message with the partner's own name; the broker's words if it refuses.
    async fn publish(&self, folder: &str, exchange: &str, key: &str) -> Result<(), String> {
        let (_connection, channel) = self.channel(folder).await;
        let properties =
            BasicProperties::default().with_user_id(self.lane.as_str().into()).with_delivery_mode(2);
        let options = BasicPublishOptions { mandatory: true, ..BasicPublishOptions::default() };
        let sent = channel.basic_publish(exchange.into(), key.into(), options, b"{}", properties).await;
        let sent = sent.map_err(|error| error.to_string())?;
        sent.await.map(|_| ()).map_err(|error| error.to_string())
    }

    fn queue(&self) -> String {
        format!("in.{}", self.lane)
    }

    #[track_caller]
    fn wait_for_depth(&self, count: u64) {
        wait_for(&format!("{count} messages in the lane"), COMMAND_TIMEOUT, || {
            match self.stage.vhost.queue_depth(&self.queue()) {
                Some(depth) if depth == count => Ok(()),
                depth => Err(format!("{depth:?}")),
            }
        });
    }

    /// Takes every message out of the lane, as a dispatcher does.
    async fn serve(&self) -> usize {
        let (user, password) = (self.stage.broker.username(), self.stage.broker.password());
        let address = self.stage.vhost.amqp_url();
        let address = address.strip_prefix("amqp://").expect("a plain address");
        let url = format!("amqp://{user}:{password}@{address}");
        let connection = Connection::connect(&url, ConnectionProperties::default()).await.expect("a login");
        let channel = connection.create_channel().await.expect("a channel");
        let mut count = 0;
        let options = BasicGetOptions { no_ack: true };
        while channel.basic_get(self.queue().as_str().into(), options).await.expect("a look").is_some() {
            count += 1;
        }
        count
    }
}

#[test]
fn a_partner_can_use_its_lane_and_nothing_else_until_it_is_removed_without_loss() {
    let stage = Stage::new();
    let partner = Partner { stage: &stage, lane: stage.vhost.name().to_owned() };
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    partner.verb(0, "add", &["--weight", "2", "--out", "first"]);
    partner.verb(0, "check", &["--settings", "first/partner.json"]);
    runtime.block_on(only_its_lane(&partner));
    partner.wait_for_depth(1);

    // A new password ends the old one.
    partner.verb(0, "rotate", &["--now", "--out", "second"]);
    let refused = runtime.block_on(partner.connect("first")).map(|_| ()).expect_err("the old password");
    assert!(refused.to_string().contains("ACCESS_REFUSED"), "{refused}");
    runtime.block_on(partner.publish("second", &partner.queue(), "")).expect("the new one opens the lane");
    partner.wait_for_depth(2);

    let paused = partner.verb(0, "pause", &[]).stdout;
    assert!(paused.contains("2 waiting"), "{paused}");

    // It ends only when nothing is left.
    let refused = partner.verb(1, "remove", &[]).stderr;
    assert!(refused.contains("2 messages are left"), "{refused}");
    let refused = partner.verb(1, "remove", &["--drain"]).stderr;
    assert!(refused.contains("paused"), "nobody would serve them: {refused}");
    runtime.block_on(partner.publish("second", &partner.queue(), "")).expect("nothing was changed");
    partner.wait_for_depth(3);
    partner.verb(0, "resume", &[]);
    partner.verb(75, "remove", &["--drain", "--timeout", "1s"]);
    let closed =
        runtime.block_on(partner.publish("second", &partner.queue(), "")).expect_err("it is being removed");
    assert!(closed.contains("ACCESS_REFUSED"), "{closed}");
    assert_eq!(runtime.block_on(partner.serve()), 3, "every message is still there to be served");
    partner.verb(0, "remove", &["--drain"]);
    assert_eq!(stage.vhost.queue_depth(&partner.queue()), None);
    runtime.block_on(partner.connect("second")).map(|_| ()).expect_err("the login is gone");
}

/// One message gets into its lane, and nothing anywhere else.
async fn only_its_lane(partner: &Partner<'_>) {
    partner.publish("first", &partner.queue(), "any.key").await.expect("its lane is open");
    for (exchange, key) in [
        ("in.default", ""),
        ("", "jobs.r0"),
        ("jobs", "r0"),
        ("events", "default.x.succeeded"),
        ("dead", "dead"),
    ] {
        let refused = partner.publish("first", exchange, key).await.expect_err(exchange);
        assert!(refused.contains("ACCESS_REFUSED"), "{exchange}: {refused}");
    }
    for queue in [partner.queue().as_str(), "jobs.r0", "events.log", "lanes.log"] {
        let (_connection, channel) = partner.channel("first").await;
        let refused = channel.basic_get(queue.into(), BasicGetOptions::default()).await.map(|_| ());
        assert!(refused.expect_err(queue).to_string().contains("ACCESS_REFUSED"), "{queue}");
    }
    let (_connection, channel) = partner.channel("first").await;
    let declared =
        channel.queue_declare("mine".into(), QueueDeclareOptions::default(), FieldTable::default()).await;
    assert!(declared.expect_err("a queue of its own").to_string().contains("ACCESS_REFUSED"));
}
