//! The topology can be declared over and over, and every difference from it is named.
#![allow(clippy::unwrap_used, reason = "a test has nobody to return an error to")]

mod support;

use serde_json::json;
use std::time::Duration;
use support::{Site, management, quick};
use valet_broker::{
    BrokerConfig, ConnectError, Purpose, Session,
    management::{Difference, Existing, LoginNames, ManagementError},
    topology::{Role, Topology, TopologyOptions, names},
};
use valet_testkit::{Broker, Fault, FaultProxy};

fn path(site: &Site<'_>, kind: &str, rest: &str) -> String {
    format!("/api/{kind}/{}/{rest}", site.vhost.name())
}

async fn differences(site: &Site<'_>) -> Vec<Difference> {
    site.management().check(&site.topology, Some(&site.names)).await.expect("the check runs")
}

#[tokio::test(flavor = "multi_thread")]
async fn declaring_twice_changes_nothing() {
    let site = Site::shared().await;
    let again = site.management().declare(&site.topology).await.unwrap();
    assert_eq!(again.changes, Vec::<String>::new());
    assert_eq!(differences(&site).await, vec![]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_vhost_is_created_on_demand() {
    let broker = Broker::shared();
    let name = format!("made-{}", uuid::Uuid::new_v4());
    let management = management(broker, &name);
    assert!(management.ensure_vhost().await.unwrap());
    assert!(!management.ensure_vhost().await.unwrap());
    let topology = Topology::standard(&quick());
    let declared = management.declare(&topology).await.unwrap();
    assert!(declared.changes.contains(&"created queue jobs.r0".to_owned()), "{declared:?}");
    assert_eq!(management.check(&topology, None).await.unwrap(), vec![]);
    broker.api("DELETE", &format!("/api/vhosts/{name}"), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn new_numbers_are_set_without_touching_queues() {
    let site = Site::shared().await;
    let longer = TopologyOptions { retry_1: Duration::from_secs(77), ..quick() };
    let declared = site.management().declare(&Topology::standard(&longer)).await.unwrap();
    assert_eq!(declared.changes, ["set policy valet.retry.1"]);
    let found = site.broker.api("GET", &path(&site, "policies", "valet.retry.1"), None);
    assert_eq!(found["definition"]["message-ttl"], 77_000);
}

/// One kind of damage and the words that must name it.
struct Damage {
    method: &'static str,
    path: String,
    body: Option<serde_json::Value>,
    named: &'static str,
}

fn damages(site: &Site<'_>) -> Vec<Damage> {
    let damage = |method, path, body, named| Damage { method, path, body, named };
    let (worker, producer) = (&site.names.worker, &site.names.producer);
    let foreign = json!({ "pattern": "^jobs", "definition": { "max-length": 1 }, "priority": 999, "apply-to": "queues" });
    let extra = json!({ "durable": true, "arguments": { "x-queue-type": "quorum", "x-max-length": 5 } });
    let wide = json!({ "configure": "^$", "write": ".*", "read": "^$" });
    vec![
        damage("DELETE", path(site, "queues", "retry.2"), None, "queue retry.2 is missing"),
        damage("DELETE", path(site, "exchanges", "control"), None, "exchange control is missing"),
        damage(
            "DELETE",
            path(site, "bindings", "e/jobs/q/jobs.r0/r0"),
            None,
            "binding jobs → jobs.r0 is missing",
        ),
        damage(
            "POST",
            path(site, "bindings", "e/amq.fanout/q/jobs.r1"),
            Some(json!({})),
            "binding amq.fanout → jobs.r1 is not Valet's",
        ),
        damage("DELETE", path(site, "policies", "valet.jobs.r2"), None, "policy valet.jobs.r2 is missing"),
        damage(
            "PUT",
            path(site, "policies", "stranger"),
            Some(foreign),
            "governed by the policy \"stranger\"",
        ),
        damage("DELETE", path(site, "queues", "dead"), None, "queue dead is missing"),
        damage(
            "PUT",
            path(site, "queues", "dead"),
            Some(extra),
            "queue dead has the extra argument x-max-length=5",
        ),
        damage("PUT", path(site, "permissions", worker), Some(wide), "may write \".*\""),
        damage("DELETE", path(site, "topic-permissions", worker), None, "lacks the topic right"),
        damage(
            "PUT",
            path(site, "topic-permissions", producer),
            Some(json!({ "exchange": "jobs", "write": ".*", "read": ".*" })),
            "has a topic right on \"jobs\"",
        ),
        damage("DELETE", format!("/api/users/{}", site.names.provisioner), None, "provisioner is missing"),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn check_names_each_kind_of_difference() {
    let site = Site::shared().await;
    for damage in damages(&site) {
        site.broker.api(damage.method, &damage.path, damage.body);
        support::eventually(damage.named, async || {
            let found = differences(&site).await;
            let named = found.iter().any(|difference| difference.to_string().contains(damage.named));
            if named { Ok(()) } else { Err(format!("{found:#?}")) }
        })
        .await;
    }
    let error = site.management().declare(&site.topology).await.expect_err("dead has another argument now");
    assert!(
        matches!(&error, ManagementError::Conflict { differences } if differences[0].contains("queue dead"))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn declare_repairs_what_it_says_it_repairs() {
    let site = Site::shared().await;
    for damage in damages(&site).into_iter().filter(|damage| damage.method == "DELETE") {
        site.broker.api(damage.method, &damage.path, damage.body);
    }
    assert!(differences(&site).await.iter().all(|difference| difference.repaired_by_declare));
    site.management().declare(&site.topology).await.unwrap();
    site.management().provision(&site.names, Existing::Keep).await.unwrap();
    assert_eq!(differences(&site).await, vec![]);
}

/// What the topology had before there was `jobs.ended`.
fn make_older(site: &Site<'_>) {
    for (queue, reason) in [("expired", "expired"), ("dead", "delivery_limit")] {
        let arguments = json!({ "x-match": "all-with-x", "x-first-death-reason": reason });
        let body = json!({ "routing_key": "", "arguments": arguments });
        site.broker.api("POST", &path(site, "bindings", &format!("e/jobs.dlx0/q/{queue}")), Some(body));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_earlier_topology_is_brought_up_to_date_without_a_loss() {
    let site = Site::shared().await;
    make_older(&site);
    let found: Vec<_> = differences(&site).await.iter().map(ToString::to_string).collect();
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(found[0].starts_with("retired binding jobs.dlx0 → expired"), "{found:?}");
    let declared = site.management().declare(&site.topology).await.unwrap();
    assert_eq!(
        declared.changes,
        ["removed binding jobs.dlx0 → expired", "removed binding jobs.dlx0 → dead"],
        "{declared:?}"
    );
    assert_eq!(differences(&site).await, vec![]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_earlier_last_stage_is_a_conflict_that_says_what_to_do() {
    let site = Site::shared().await;
    site.broker.api("DELETE", &path(&site, "queues", names::JOBS_R2), None);
    let arguments = json!({
        "x-queue-type": "quorum", "x-dead-letter-exchange": "", "x-dead-letter-routing-key": "dead",
        "x-dead-letter-strategy": "at-least-once", "x-overflow": "reject-publish",
    });
    let body = json!({ "durable": true, "arguments": arguments });
    site.broker.api("PUT", &path(&site, "queues", names::JOBS_R2), Some(body));
    make_older(&site);
    let error = site.management().declare(&site.topology).await.expect_err("the key cannot be changed");
    let text = error.to_string();
    assert!(text.contains("jobs.ended") && text.contains("rabbitmqctl delete_queue jobs.r2"), "{text}");
    assert_eq!(differences(&site).await.len(), 3, "nothing was changed");
    site.broker.api("DELETE", &path(&site, "queues", names::JOBS_R2), None);
    site.management().declare(&site.topology).await.unwrap();
    assert_eq!(differences(&site).await, vec![]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_declared_is_known_to_whoever_connects() {
    let site = Site::shared().await;
    let version = site.management().version().await.unwrap();
    let (worker, producer) = (site.worker().await, site.producer().await);
    for session in [&worker, &producer] {
        assert_eq!(session.numbers(), Some(site.topology.numbers(version)));
        assert_eq!(session.broker_version(), Some(version));
    }
    let other = TopologyOptions {
        consumer_timeout: Duration::from_secs(777),
        node_consumer_timeout: Duration::from_secs(777),
        ..quick()
    };
    for _ in 0..3 {
        site.management().declare(&Topology::standard(&other)).await.unwrap();
    }
    let later = site.worker().await;
    assert_eq!(later.numbers().unwrap().consumer_timeout_seconds, 777, "the last declaration counts");
    assert_eq!(worker.numbers(), Some(site.topology.numbers(version)), "nobody has asked");
    assert_eq!(worker.numbers_watch().read_again().await.consumer_timeout_seconds, 777);
    assert_eq!(worker.numbers(), later.numbers());
}

#[tokio::test(flavor = "multi_thread")]
async fn numbers_that_nobody_told_are_not_made_up() {
    let site = Site::shared().await;
    let log = path(&site, "queues", names::TOPOLOGY_LOG);
    site.broker.api("DELETE", &log, None);
    assert_eq!(site.worker().await.numbers(), None, "no such log");
    site.broker.api("PUT", &log, Some(json!({ "durable": true, "arguments": { "x-queue-type": "stream" } })));
    assert_eq!(site.worker().await.numbers(), None, "an empty log");
}

#[tokio::test(flavor = "multi_thread")]
async fn each_version_gets_the_numbers_that_it_takes() {
    let site = Site::shared().await;
    let capabilities = site.management().version().await.unwrap().capabilities();
    let found = site.broker.api("GET", &path(&site, "policies", "valet.jobs.r0"), None);
    let definition = found["definition"].as_object().unwrap();
    assert_eq!(definition.contains_key("consumer-timeout"), capabilities.consumer_timeout_policy, "{found}");
    assert_eq!(definition.contains_key("delayed-retry-type"), capabilities.delayed_retry_policy, "{found}");
    let declared = site.management().declare(&site.topology).await.unwrap();
    let told = declared.notes.iter().any(|note| note.contains("consumer_timeout = 1800000"));
    assert_eq!(told, !capabilities.consumer_timeout_policy, "{declared:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn logins_are_kept_until_rotation_is_asked_for() {
    let site = Site::shared().await;
    let kept = site.management().provision(&site.names, Existing::Keep).await.unwrap();
    assert!(kept.iter().all(|login| login.password.is_none()), "{kept:?}");
    site.producer().await.close().await;
    let fresh = site.management().provision(&site.names, Existing::Rotate).await.unwrap();
    assert!(fresh.iter().all(|login| login.password.is_some()), "{fresh:?}");
    let old = Session::connect(site.config(Role::Producer), Purpose::Producer).await;
    assert!(matches!(old, Err(ConnectError::Login { .. })), "{old:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_provisioner_can_declare_but_not_make_logins() {
    let site = Site::shared().await;
    let management = valet_broker::management::Management::new(
        &site.broker.management_url(),
        &site.names.provisioner,
        site.password(Role::Provisioner),
        &site.vhost,
        &valet_broker::TlsConfig::default(),
    )
    .unwrap();
    site.broker.api("DELETE", &path(&site, "queues", "expired"), None);
    let declared = management.declare(&site.topology).await.unwrap();
    assert_eq!(declared.changes.len(), 2, "the queue and its binding: {declared:?}");
    let refused = management.provision(&LoginNames::with_prefix("intruder"), Existing::Keep).await;
    assert!(matches!(refused, Err(ManagementError::Refused { .. })), "{refused:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn start_up_fails_with_a_typed_error_and_advice() {
    let site = Site::shared().await;
    let config = |url: String| BrokerConfig::parse(&url).unwrap().with_start_patience(Duration::ZERO);
    let worker = &site.names.worker;

    let wrong = config(site.vhost.amqp_url()).with_login(worker.as_str(), "wrong");
    let error = Session::connect(wrong, Purpose::Worker).await.unwrap_err();
    assert!(matches!(&error, ConnectError::Login { user, .. } if user == worker), "{error:?}");

    let elsewhere =
        config(site.broker.amqp_url("nowhere")).with_login(worker.as_str(), site.password(Role::Worker));
    let error = Session::connect(elsewhere, Purpose::Worker).await.unwrap_err();
    assert!(matches!(&error, ConnectError::Vhost { vhost, .. } if vhost == "nowhere"), "{error:?}");
    assert!(error.advice().contains("valet topology declare"));

    let nobody = config("amqp://127.0.0.1:1/x".into()).with_login("a", "b");
    let error = Session::connect(nobody, Purpose::Worker).await.unwrap_err();
    assert!(matches!(error, ConnectError::Unreachable { .. }), "{error:?}");

    site.broker.api("DELETE", &path(&site, "queues", names::JOBS_R1), None);
    site.broker.api("DELETE", &path(&site, "exchanges", names::EVENTS), None);
    let error = Session::connect(site.config(Role::Worker), Purpose::Worker).await.unwrap_err();
    assert!(error.to_string().contains("queue jobs.r1, exchange events"), "{error}");
    assert!(error.advice().contains("valet topology declare"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stumble_of_the_management_api_is_ridden_out() {
    let site = Site::shared().await;
    let proxy = FaultProxy::start(site.broker.management_url().trim_start_matches("http://"));
    let management = valet_broker::management::Management::new(
        &format!("http://{}", proxy.address()),
        site.broker.username(),
        site.broker.password().into(),
        &site.vhost,
        &valet_broker::TlsConfig::default(),
    );
    proxy.times(2, Fault::answer(500, "stumbled"));
    let differences = management.unwrap().check(&site.topology, Some(&site.names)).await.expect("in the end");
    assert_eq!(differences, vec![]);
}
