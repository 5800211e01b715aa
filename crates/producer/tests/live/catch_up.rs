//! A command without a collector reads the log of reports on, and shows all that was in it.

use crate::site::{Site, TIMEOUT};

/// Submits one job, and returns its id.
fn submit(site: &Site, number: usize) -> String {
    let line = format!("submit {0}/a.mov {0}/out/{number}.mov -p copy --json", site.container);
    let told: serde_json::Value = serde_json::from_str(&site.ok(&line).stdout).expect("one JSON object");
    told["id"].as_str().expect("it has an id").to_owned()
}

#[test]
fn a_list_has_what_was_submitted_right_before_it() {
    let site = Site::new();
    site.storage.put(&site.container, "a.mov", "hello");
    for number in 1..=4 {
        let id = submit(&site, number);
        // The second list begins at the mark of the first one.
        for listed in [site.ok("list"), site.ok("list")] {
            assert_eq!(listed.stdout.matches("queued").count(), number, "{}", listed.stdout);
            assert!(listed.stdout.contains(&id), "no {id} in\n{}", listed.stdout);
            assert_eq!(listed.stderr, "");
        }
    }
    let id = submit(&site, 5);
    assert!(site.ok(&format!("status {id}")).stdout.contains("queued"));
}

#[test]
fn a_log_that_was_made_anew_is_noticed_at_a_mark_too() {
    let site = Site::new();
    site.storage.put(&site.container, "a.mov", "hello");
    let first = submit(&site, 1);
    assert!(site.ok("list").stdout.contains(&first));
    let broker = site.vhost.broker();
    broker.api("DELETE", &format!("/api/queues/{}/events.log", site.vhost.name()), None);
    let numbers = "--consumer-timeout 5h --node-consumer-timeout 5h";
    let line = format!("topology declare {numbers} --login-prefix {}", &*site.vhost);
    site.admin(&line).run(TIMEOUT).expect_code(0);
    // As long as the old one: a report, and the mark of the list that finds it.
    let second = submit(&site, 2);
    let listed = site.ok("list");
    assert!(listed.stderr.contains("made anew"), "{}", listed.stderr);
    for id in [first, second] {
        assert!(listed.stdout.contains(&id), "no {id} in\n{}", listed.stdout);
    }
}
