//! A partner's life, as operator and partner live it: a login for one lane alone, a new password, a pause, and an end
//! that drops nothing. Everything of ours goes through the built `valet`; the partner uses a bare AMQP client.

use lapin::options::{BasicGetOptions, QueueDeclareOptions};
use lapin::types::FieldTable;

use crate::partner::Partner;
use crate::stage::Stage;

#[test]
fn a_partner_can_use_its_lane_and_nothing_else_until_it_is_removed_without_loss() {
    let stage = Stage::new();
    let partner = Partner::added(&stage, &["--weight", "2"]);
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
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
    // Every message is still there, and served: they are no jobs, and lie with the dead letters.
    let _dispatcher = stage.dispatcher();
    partner.verb(0, "remove", &["--drain"]);
    assert_eq!(stage.dead().len(), 3);
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
