//! A stand-in of the worker: takes one delivery, says what the test wants to be said, settles it.

use jiff::Timestamp;
use valet_broker::{Disposition, FeedOptions, Outgoing, Publisher, Purpose, Session, topology::names};
use valet_protocol::{
    Accepted, Failed, JobMessage, Progress, Reason, Report, ReportData, Stored, Success, Timings,
};

use valet_testkit::http;

use crate::site::Site;

/// How the stand-in treats the one job that it takes.
#[derive(Clone, Copy)]
pub enum Fate {
    Succeed(Stored),
    Fail,
}

/// Takes one job and gives its message.
pub async fn work_once(site: &Site, fate: Fate) -> JobMessage {
    let session = site.session("worker", Purpose::Worker).await;
    let mut feed = session.feed(FeedOptions::new("stand-in"));
    let delivery = feed.next().await.expect("the session is open");
    let message = JobMessage::decode(delivery.body()).expect("the producer writes good messages");
    let id = message.id.to_string();
    assert_eq!(delivery.message_id(), Some(id.as_str()));
    assert_eq!(delivery.user_id(), Some(site.login("producer", "username").as_str()));
    assert_eq!(delivery.message_type(), Some(valet_protocol::amqp::JOB_TYPE));
    let publisher = session.publisher();
    say(&publisher, &message, ReportData::Accepted(Accepted::default())).await;
    let progress =
        Progress { sequence: 1, phase: "codec".into(), percent: Some(50.0), ..Progress::default() };
    say(&publisher, &message, ReportData::Progress(progress)).await;
    let disposition = match fate {
        Fate::Succeed(stored) => {
            if stored == Stored::Created {
                store(&message, &success(site, stored));
            }
            say(&publisher, &message, ReportData::Succeeded(Box::new(success(site, stored)))).await;
            Disposition::Ack
        }
        Fate::Fail => {
            let (reason, detail) = (Reason::NotMedia, "the first bytes are text".to_owned());
            let advice = reason.advice().into();
            say(
                &publisher,
                &message,
                ReportData::Failed(Failed { reason, detail: detail.clone().into(), advice }),
            )
            .await;
            Disposition::DeadLetter { reason, detail, attempt: 1 }
        }
    };
    delivery.settle(disposition).await.expect("the broker settles it");
    feed.close().await;
    session.close().await;
    message
}

/// What the stand-in claims to have stored.
pub fn success(site: &Site, stored: Stored) -> Success {
    Success {
        stored,
        output: format!("{}/{}/out/a.mov", site.storage.account(), site.container).into(),
        content_type: "video/mp4".into(),
        input_bytes: 5,
        output_bytes: Some(5),
        sha256: Some("2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824".into()),
        md5: Some("XUFAKrxLKna5cZ2REBfFkg==".into()),
        media: None,
        timings: Timings::default(),
        codec_version: "none".into(),
        jail: None,
    }
}

/// Stores `hello` as the worker would: the producer looks before it believes a report.
fn store(message: &JobMessage, success: &Success) {
    let id = message.id.to_string();
    let (_, output) = message.grants.urls().expect("the stand-in opens nothing");
    let sha256 = success.sha256.as_ref().expect("the stand-in knows it").to_string();
    let headers = [
        ("x-ms-version", "2022-11-02"),
        ("x-ms-blob-type", "BlockBlob"),
        ("x-ms-meta-job", &id),
        ("x-ms-meta-attempt", "1"),
        ("x-ms-meta-sha256", &sha256),
    ];
    let answer = http::send("PUT", output.expose_url(), &headers, "hello").expect("storage answers");
    assert_eq!(answer.status, 201, "{}", answer.text());
}

async fn say(publisher: &Publisher, message: &JobMessage, data: ReportData) {
    let report = Report {
        job: message.id,
        lane: message.lane.clone(),
        attempt: 1,
        redelivery: 0,
        worker: "stand-in".into(),
        time: Timestamp::now(),
        data,
    };
    let event = report.to_event();
    let mut outgoing = Outgoing::new(names::EVENTS, report.routing_key(), report.id(), event.body);
    outgoing.content_type = Some(event.content_type);
    outgoing.headers = event.headers;
    publisher.publish(outgoing).await.await.expect("the broker takes reports");
}

/// Publishes a dead letter with a login that may: a worker's.
pub async fn forge(session: &Session, message: &JobMessage) {
    let body = message.encode().expect("a good message");
    let mut outgoing = Outgoing::new(names::DEAD, names::DEAD, message.id.to_string(), body);
    outgoing.type_ = Some(valet_protocol::amqp::JOB_TYPE.to_owned());
    outgoing.headers = vec![(valet_protocol::amqp::REASON.to_owned(), "internal".to_owned())];
    session.publisher().publish(outgoing).await.await.expect("a worker may write dead letters");
}
