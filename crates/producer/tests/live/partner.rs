//! `valet partner` and `valet lane`: a lane's life, and what each verb refuses.

use std::os::unix::fs::PermissionsExt;

use serde_json::{Value, json};
use valet_broker::{BrokerConfig, Outgoing, Purpose, Session};
use valet_testkit::wait_for;

use crate::site::{Site, TIMEOUT, runtime};

/// Logins belong to the whole broker, which other tests use too: the lane is called like the test's own vhost.
fn lane(site: &Site) -> String {
    site.vhost.name().to_owned()
}

fn settings(site: &Site) -> Value {
    let text = std::fs::read(site.folder.join("out/partner.json")).expect("the folder was written");
    serde_json::from_slice(&text).expect("it is JSON")
}

fn add(site: &Site, more: &str) -> String {
    site.admin(&format!("partner add {} --out out {more}", lane(site))).run(TIMEOUT).expect_code(0).stdout
}

async fn partner(site: &Site) -> Session {
    let settings = settings(site);
    let text = |name: &str| settings["broker"][name].as_str().expect("a text").to_owned();
    let config =
        BrokerConfig::parse(&text("url")).expect("a URL").with_login(text("username"), text("password"));
    Session::connect(config, Purpose::Probe).await.expect("the partner connects")
}

fn publish(site: &Site, count: usize) {
    runtime().block_on(async {
        let session = partner(site).await;
        for number in 0..count {
            let message = Outgoing::new(format!("in.{}", lane(site)), "", format!("m{number}"), b"{}");
            session.publisher().publish(message).await.await.expect("its lane takes it");
        }
        session.close().await;
    });
}

/// What a dispatcher would do.
fn empty(site: &Site) {
    let path = format!("/api/queues/{}/in.{}/contents", site.vhost.name(), lane(site));
    site.vhost.broker().api("DELETE", &path, None);
}

#[test]
fn a_partner_gets_what_it_needs_and_adding_it_again_changes_only_what_was_said() {
    let site = Site::new();
    let first = add(&site, "--weight 3 --backlog 50 --host acme.blob.core.windows.net");
    let password = settings(&site)["broker"]["password"].as_str().expect("a password").to_owned();
    assert!(first.contains("created login") && !first.contains(&password), "{first}");
    for file in ["partner.json", "README.txt", "job.v1.schema.json", "asyncapi.json"] {
        let mode =
            site.folder.join("out").join(file).metadata().expect("it was written").permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{file}");
    }
    let check = format!("partner check {} --settings out/partner.json", lane(&site));
    let found = site.valet(&check).run(TIMEOUT).expect_code(0).stdout;
    assert!(found.lines().count() > 25 && found.lines().all(|line| line.starts_with("ok ")), "{found}");

    let again = add(&site, "");
    assert!(again.contains("was as it should be") && again.contains("from before"), "{again}");
    let changed = add(&site, "--weight 5 --connections 7");
    assert!(changed.contains("weight: 3, now 5") && changed.contains("connections: 4, now 7"), "{changed}");
    assert!(!changed.contains("backlog"), "{changed}");
    assert_eq!(settings(&site)["broker"]["password"], password.as_str());
    site.valet(&check).run(TIMEOUT).expect_code(0);
    let shown =
        site.admin(&format!("--json partner show {}", lane(&site))).run(TIMEOUT).expect_code(0).stdout;
    let shown: Value = serde_json::from_str(&shown).expect("one value");
    assert_eq!((&shown["weight"], &shown["numbers"]["backlog"]), (&json!(5), &json!(50)), "{shown}");
    assert_eq!(shown["hosts"], json!(["acme.blob.core.windows.net"]));
}

#[test]
fn check_finds_every_right_that_is_too_wide_or_too_narrow_and_leaves_nothing_behind() {
    let site = Site::new();
    add(&site, "");
    let rights = |write: &str, read: &str| {
        let path = format!("/api/permissions/{}/{}", site.vhost.name(), lane(&site));
        let body = json!({ "configure": "^$", "write": write, "read": read });
        site.vhost.broker().api("PUT", &path, Some(body));
        let check = format!("partner check {} --settings out/partner.json", lane(&site));
        site.valet(&check).run(TIMEOUT).expect_code(1).stdout
    };
    let wide = rights(".*", ".*");
    for what in [
        "publish to another lane",
        "the default exchange",
        "exchange jobs",
        "look into jobs.r0",
        "another lane",
    ] {
        let line = wide.lines().find(|line| line.contains(what)).unwrap_or_else(|| panic!("{what}: {wide}"));
        assert!(line.starts_with("FAULT"), "{line}");
    }
    let narrow = rights("^$", "^$");
    let faults: Vec<_> = narrow.lines().filter(|line| line.starts_with("FAULT")).collect();
    assert_eq!(faults.len(), 3, "{faults:?}");
    let depths = site.vhost.queue_depths();
    for queue in ["jobs.r0", "dead", "expired", "jobs.ended"] {
        assert!(!depths.contains(&format!("{queue}=1")), "{depths}");
    }
    let path = format!("/api/queues/{}/in.{}", site.vhost.name(), lane(&site));
    wait_for("the lane to be counted as empty", TIMEOUT, || {
        let found = site.vhost.broker().api("GET", &path, None);
        if found["messages"] == 0 { Ok(()) } else { Err(found["messages"].to_string()) }
    });
}

#[test]
fn a_new_password_ends_the_old_one_and_now_ends_what_is_connected() {
    let site = Site::new();
    add(&site, "");
    let check = format!("partner check {} --settings out/partner.json", lane(&site));
    let old = std::fs::read(site.folder.join("out/partner.json")).expect("it was written");
    site.admin(&format!("partner rotate {} --out new", lane(&site))).run(TIMEOUT).expect_code(0);
    site.valet(&check).run(TIMEOUT).expect_code(77);
    let check = format!("partner check {} --settings new/partner.json", lane(&site));
    site.valet(&check).run(TIMEOUT).expect_code(0);

    std::fs::copy(site.folder.join("new/partner.json"), site.folder.join("out/partner.json"))
        .expect("a copy");
    assert_ne!(std::fs::read(site.folder.join("out/partner.json")).expect("it was written"), old);
    runtime().block_on(async {
        let session = partner(&site).await;
        let path = format!("/api/vhosts/{}/connections", site.vhost.name());
        wait_for("the partner's connections to be listed", TIMEOUT, || {
            let found = site.vhost.broker().api("GET", &path, None);
            let listed =
                found.as_array().map_or(0, |all| all.iter().filter(|c| c["user"] == *lane(&site)).count());
            if listed == 2 { Ok(()) } else { Err(found.to_string()) }
        });
        let line = format!("--json partner rotate {} --now --out new", lane(&site));
        let told = site.admin(&line).run(TIMEOUT).expect_code(0).stdout;
        assert!(told.contains("\"connections_closed\":2"), "{told}");
        drop(session);
    });
}

#[test]
fn a_paused_lane_is_listed_as_such_and_says_how_many_wait() {
    let site = Site::new();
    add(&site, "--running-max 4");
    publish(&site, 3);
    site.wait_for_depth(&format!("in.{}", lane(&site)), 3);
    let paused = site.admin(&format!("partner pause {}", lane(&site))).run(TIMEOUT).expect_code(0).stdout;
    assert!(paused.contains("is paused: 3 waiting"), "{paused}");
    let listed = site.admin("lane ls").run(TIMEOUT).expect_code(0).stdout;
    let row =
        listed.lines().find(|line| line.starts_with(&lane(&site))).unwrap_or_else(|| panic!("{listed}"));
    let cells: Vec<_> = row.split_whitespace().collect();
    assert_eq!(cells[1..], ["partner", "paused", "1", "4", "-", "-", "3", "0"], "{listed}");
    assert!(listed.lines().any(|line| line.starts_with("default ") && line.contains(" own ")), "{listed}");
    // What it is allowed may change while it is paused, and it stays so.
    add(&site, "--weight 2");
    let again = site.admin(&format!("partner pause {}", lane(&site))).run(TIMEOUT).expect_code(0).stdout;
    assert!(again.contains("paused already"), "{again}");
    let open = site.admin(&format!("partner resume {}", lane(&site))).run(TIMEOUT).expect_code(0).stdout;
    assert!(open.contains("is open: 3 waiting"), "{open}");
}

#[test]
fn a_lane_is_removed_only_when_nothing_is_left_in_it() {
    let site = Site::new();
    add(&site, "");
    publish(&site, 2);
    let queue = format!("in.{}", lane(&site));
    site.wait_for_depth(&queue, 2);
    let remove = format!("partner remove {}", lane(&site));
    let refused = site.admin(&remove).run(TIMEOUT).expect_code(1);
    assert!(refused.stderr.contains("2 messages are left"), "{}", refused.stderr);
    publish(&site, 1); // refused without a change
    site.wait_for_depth(&queue, 3);

    let late = site.admin(&format!("{remove} --drain --timeout 1s")).run(TIMEOUT).expect_code(75);
    assert!(late.stderr.contains("are left"), "{}", late.stderr);
    let check = format!("partner check {} --settings out/partner.json", lane(&site));
    let closed = site.valet(&check).run(TIMEOUT).expect_code(1).stdout;
    assert!(closed.contains("FAULT  publish to its lane"), "{closed}");

    empty(&site);
    site.wait_for_depth(&queue, 0);
    let gone = site.admin(&format!("{remove} --drain")).run(TIMEOUT).expect_code(0);
    assert!(gone.stdout.contains("is removed"), "{}", gone.stdout);
    assert_eq!(site.vhost.queue_depth(&queue), None);
    site.valet(&check).run(TIMEOUT).expect_code(77);
    let listed = site.admin("partner ls").run(TIMEOUT).expect_code(0).stdout;
    assert!(!listed.contains(&lane(&site)), "{listed}");
    site.admin(&remove).run(TIMEOUT).expect_code(65);
    assert!(add(&site, "").contains("created login"), "the name is free again");
}

#[test]
fn nothing_is_taken_over_that_is_no_partners() {
    let site = Site::new();
    let producer = site.login("producer", "username");
    let before = site.vhost.broker().api("GET", &format!("/api/users/{producer}"), None);
    for (name, code) in [(producer.as_str(), 65), ("default", 65), ("ended", 65), ("log", 65), ("A.b", 2)] {
        let refused = site.admin(&format!("partner add {name} --out out")).run(TIMEOUT).expect_code(code);
        assert!(!refused.stdout.contains("password"), "{name}: {}", refused.stdout);
    }
    assert_eq!(site.vhost.broker().api("GET", &format!("/api/users/{producer}"), None), before);
    for verb in ["rotate", "remove", "pause", "show"] {
        site.admin(&format!("partner {verb} default")).run(TIMEOUT).expect_code(65);
    }
}

#[test]
fn an_own_lane_is_added_and_paused_without_a_login() {
    let site = Site::new();
    let line = "lane add night --weight 2 --publisher somebody";
    let made = site.admin(line).run(TIMEOUT).expect_code(0).stdout;
    assert!(made.contains("created queue in.night.high"), "{made}");
    assert!(site.admin(line).run(TIMEOUT).expect_code(0).stdout.contains("as it should be"));
    site.admin("lane pause night").run(TIMEOUT).expect_code(0);
    let listed = site.admin("lane ls").run(TIMEOUT).expect_code(0).stdout;
    assert!(listed.lines().any(|line| line.starts_with("night ") && line.contains("paused")), "{listed}");
    site.admin("partner add night").run(TIMEOUT).expect_code(65);
}
