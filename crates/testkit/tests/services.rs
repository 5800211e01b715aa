//! The real services start, serve, fail on command and end with their owner.

use std::path::Path;
use std::time::Duration;

use serde_json::json;
use valet_testkit::{Broker, BrokerOptions, Sas, Storage, StorageOptions, http, wait_for};

#[test]
fn heavy_broker_serves_survives_and_ends() {
    let broker = Broker::start();
    let vhost = broker.vhost();
    let path = format!("/api/queues/{}/q", vhost.name());
    broker.api("PUT", &path, Some(json!({"durable": true, "arguments": {"x-queue-type": "quorum"}})));
    let publish = json!({"properties": {"delivery_mode": 2}, "routing_key": "q", "payload": "x",
        "payload_encoding": "string"});
    let answer =
        broker.api("POST", &format!("/api/exchanges/{}/amq.default/publish", vhost.name()), Some(publish));
    assert_eq!(answer["routed"], true);
    let one_message =
        || (vhost.queue_depth("q") == Some(1)).then_some(()).ok_or_else(|| vhost.queue_depths());
    wait_for("the message", Duration::from_secs(30), one_message);

    broker.kill();
    assert!(broker.try_api("GET", "/api/overview", None).is_err());
    broker.restart();
    wait_for("the message after a kill", Duration::from_secs(30), one_message);
    broker.add_login("someone", "secret", "", &vhost, ["^$", "^q$", "^$"]);
    broker.stop();
    broker.restart();
    assert!(broker.api("GET", "/api/users/someone", None)["name"] == "someone", "{}", broker.log());
}

#[test]
fn heavy_brokers_side_by_side() {
    let brokers = std::thread::scope(|scope| {
        let second = scope.spawn(|| Broker::start_with(&BrokerOptions::default()));
        [Broker::start(), second.join().expect("the second one starts too")]
    });
    let [first, second] = &brokers;
    assert_ne!(first.management_url(), second.management_url());
    let vhost = first.vhost();
    let (status, _) = second
        .try_api("GET", &format!("/api/vhosts/{}", vhost.name()), None)
        .expect("the second one answers");
    assert_eq!(status, 404);
}

#[test]
fn storage_serves_its_owner() {
    let storage = Storage::shared();
    let container = storage.container();
    let etag = storage.put_with(
        &container,
        "a b/ü+1.txt",
        "hello",
        &[("content-type", "text/plain"), ("x-ms-meta-title", "42")],
    );
    let head = storage.head(&container, "a b/ü+1.txt").expect("it is there");
    assert_eq!((head.length, &head.etag, head.content_type.as_str()), (5, &etag, "text/plain"));
    assert_eq!(head.metadata["title"], "42");
    assert_eq!(storage.get(&container, "a b/ü+1.txt"), b"hello");
    assert_eq!(storage.list(&container), ["a b/ü+1.txt"]);
    assert!(!storage.exists(&container, "other"));
    storage.delete(&container, "a b/ü+1.txt");
    assert!(!storage.exists(&container, "a b/ü+1.txt"));
    storage.delete_container(&container);
}

#[test]
fn sas_opens_what_it_says_and_nothing_else() {
    let storage = Storage::shared();
    let container = storage.container();
    storage.put(&container, "in/ü 1.bin", "abc");
    storage.put(&container, "in/2.bin", "def");
    let get = |url: &str| http::send("GET", url, &[], ()).expect("storage answers");

    let read = storage.sas_url(&Sas::read(&container, "in/ü 1.bin"));
    assert_eq!(get(&read).body, b"abc");
    let sibling = read.replace("%C3%BC%201.bin", "2.bin");
    assert_eq!((get(&sibling).status, get(&sibling).error_code()), (403, "AuthorizationFailure"));

    let create = storage.sas_url(&Sas::create(&container, "out.bin"));
    let put = |url: &str| http::send("PUT", url, &[("x-ms-blob-type", "BlockBlob")], "x").expect("an answer");
    assert_eq!(put(&create).status, 201);
    assert_eq!(put(&create).error_code(), "AuthorizationPermissionMismatch");
    assert_eq!(put(&read).error_code(), "AuthorizationPermissionMismatch");

    let snapshot = storage.snapshot(&container, "in/2.bin");
    storage.put(&container, "in/2.bin", "new");
    let pinned = Sas { resource: "bs".into(), snapshot: Some(snapshot), ..Sas::read(&container, "in/2.bin") };
    assert_eq!(get(&storage.sas_url(&pinned)).body, b"def");

    let whole = storage.sas_url(&Sas::container(&container, "in/2.bin", "r"));
    assert_eq!(get(&whole).body, b"new");
    let expiry = jiff::Timestamp::now() + jiff::SignedDuration::from_hours(1);
    assert_eq!(get(&storage.account_sas_url(&container, "in/2.bin", "r", expiry)).body, b"new");
    let past = Sas { expiry: jiff::Timestamp::UNIX_EPOCH, start: None, ..Sas::read(&container, "in/2.bin") };
    assert_eq!(get(&storage.sas_url(&past)).status, 403);
    let https_only = Sas { protocol: Some("https".into()), ..Sas::read(&container, "in/2.bin") };
    assert_eq!(get(&storage.sas_url(&https_only)).error_code(), "AuthorizationProtocolMismatch");
}

#[test]
fn storage_on_disk_survives_a_stop() {
    let storage = Storage::start_with(&StorageOptions { on_disk: true, ..StorageOptions::default() });
    let container = storage.container();
    storage.put(&container, "kept", "abc");
    storage.stop();
    assert!(http::send("GET", &storage.endpoint(), &[], ()).is_err());
    storage.restart();
    assert_eq!(storage.get(&container, "kept"), b"abc");
}

#[test]
fn own_account_with_two_keys() {
    let account = Some(("mediaacct".to_owned(), "a2V5LW9uZQ==".to_owned()));
    let second_key = Some("a2V5LXR3bw==".to_owned());
    let storage = Storage::start_with(&StorageOptions { account, second_key, ..StorageOptions::default() });
    let container = storage.container();
    assert!(storage.endpoint().ends_with("/mediaacct"));
    storage.put(&container, "x", "1");
    assert!(Path::new("/proc").exists());
}
