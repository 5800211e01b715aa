//! Storage of somebody of whom no program of ours has heard: two grants are enough to have a job done there, and
//! nothing that a message says makes a worker go where its operator has not opened the way.

use std::net::IpAddr;

use serde_json::json;
use valet_testkit::{Canary, Dns, DnsAnswer, Sas, Storage, media};

use crate::message::Message;
use crate::stage::Stage;
use crate::verdict::{expect_dead, expect_failed, expect_nothing_stored};

/// A job on a partner's storage, with grants that the partner's own key signed.
fn job(partner: &Storage, [input, output]: [&str; 2]) -> Message {
    let [read, create] = [Sas::read(input, "clip"), Sas::create(output, "copy")];
    Message::with_urls(&partner.sas_url(&read), &partner.sas_url(&create))
}

#[test]
fn a_job_on_storage_of_which_nothing_is_registered_is_done() {
    let (stage, partner) = (Stage::new(), Storage::start_partner());
    let (input, output, clip) = (partner.container(), partner.container(), media::bytes("clip.mp4"));
    partner.put(&input, "clip", &clip);
    let worker = stage.worker();
    let message = job(&partner, [&input, &output]);
    let url = message.body["input"]["url"].as_str().unwrap_or_default().to_owned();
    assert!(url.starts_with("http://partner.blob.localhost:"), "the account is in the host: {url}");
    message.publish(&stage);
    let end = stage.wait(0, &message.id);
    assert_eq!(end["state"], "succeeded", "{end:#}");
    assert_eq!(partner.get(&output, "copy"), clip);
    expect_nothing_stored(&stage);
    assert!(worker.stderr().contains("storage.loopback"), "the worker warns: {}", worker.stderr());
}

/// A grant for the same blob of the partner, by another key: nothing but its signature opens its storage.
#[test]
fn a_grant_by_another_key_opens_nothing_of_a_partners() {
    let (stage, partner, other) = (Stage::new(), Storage::start_partner(), Storage::start_partner());
    let containers = [partner.container(), partner.container()];
    partner.put(&containers[0], "clip", "bytes");
    let _worker = stage.worker();
    let forged = |url: String| url.replace(&other.endpoint(), &partner.endpoint());
    let [read, create] = [Sas::read(&containers[0], "clip"), Sas::create(&containers[1], "copy")];
    let message = Message::with_urls(&forged(other.sas_url(&read)), &forged(other.sas_url(&create)));
    message.publish(&stage);
    expect_dead(&stage, &message.id, "failed", "grant-invalid");
    assert_eq!(partner.list(&containers[1]), [""; 0]);
}

#[test]
fn no_message_opens_this_machine() {
    let (stage, here) = (Stage::new(), Canary::start("this machine"));
    let strict = stage.worker_program().env("VALET_STORAGE_LOOPBACK", "false");
    let worker = stage.start(strict);
    assert!(!worker.stderr().contains("storage.loopback"), "{}", worker.stderr());
    let hosts = ["127.0.0.1", "localhost", "partner.blob.localhost", "[::ffff:127.0.0.1]", "2130706433"];
    let to = |host: &str| {
        let moved = |sas: Sas| {
            let url = stage.storage.sas_url(&sas);
            let path = url.splitn(4, '/').nth(3).unwrap_or_default();
            format!("http://{host}:{}/{path}", here.port())
        };
        let [read, create] = [Sas::read(&stage.input, "a"), Sas::create(&stage.output, "b")].map(moved);
        Message::with_urls(&read, &create)
    };
    let wishes = [
        ("/storage", json!({ "loopback": true })),
        ("/storage.loopback", json!(true)),
        ("/limits/loopback", json!(true)),
        ("/preset/params/storage.loopback", json!("true")),
        ("/input/loopback", json!(true)),
        ("/input/development_hosts", json!(["127.0.0.1"])),
    ];
    let wishing = wishes.into_iter().map(|(pointer, value)| to("127.0.0.1").with(pointer, value));
    let messages: Vec<Message> = hosts.into_iter().map(to).chain(wishing).collect();
    for message in &messages {
        message.publish(&stage);
    }
    for message in &messages {
        expect_failed(&stage, &message.id, &["grant-refused", "unknown-field", "bad-parameter"]);
    }
    here.expect_untouched();
}

/// The worker's own walls leave it its way to the name servers, over UDP and TCP, and the guard judges what they say.
#[test]
fn a_partners_name_that_leads_inside_is_refused_and_never_connected_to() {
    let (stage, dns) = (Stage::new(), Dns::start());
    let strict = stage.worker_program().env("VALET_STORAGE_LOOPBACK", "false");
    let _worker = stage.start(strict.env("VALET_STORAGE_NAMESERVERS", dns.address().to_string()));
    let inside: [IpAddr; 2] = [[20, 60, 1, 1].into(), [169, 254, 169, 254].into()];
    for (host, says) in [
        ("short.blob.core.windows.net", DnsAnswer::Addresses(inside.to_vec())),
        ("long.blob.core.windows.net", DnsAnswer::TooLong(inside.to_vec())),
    ] {
        dns.script(host, [says]);
        let message = at(&stage, host);
        message.publish(&stage);
        let end = expect_dead(&stage, &message.id, "failed", "egress-refused");
        assert!(end["detail"].as_str().is_some_and(|detail| detail.contains("169.254.169.254")), "{end:#}");
    }
}

/// A copy between two blobs of a made-up account at `host`; its grants are well made, and never come to be used.
fn at(stage: &Stage<'_>, host: &str) -> Message {
    let moved = |sas: Sas| {
        let url = stage.storage.sas_url(&Sas { protocol: Some("https".to_owned()), ..sas });
        let path = url.splitn(5, '/').nth(4).unwrap_or_default();
        format!("https://{host}/{path}")
    };
    let [read, create] = [Sas::read(&stage.input, "a"), Sas::create(&stage.output, "b")].map(moved);
    Message::with_urls(&read, &create)
}
