//! Asking whether an output is there, with a grant that may not read: it never creates, and is believed only when
//! storage says it in plain words.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use common::{client, create_url, made_up_url, server, writer};
use jiff::Timestamp;
use valet_blob::{Presence, probe_stored};
use valet_grant::{GrantPolicy, GrantUrl, Severity, WriteGrant};
use valet_testkit::{Fault, FaultProxy, Sas, Storage};

#[tokio::test]
async fn an_absent_output_is_told_apart_and_never_made() {
    let storage = Storage::shared();
    let container = storage.container();
    let grant = writer(create_url(&container, "a.mp4"));
    assert_eq!(probe_stored(&client().0, &grant, None).await, Presence::Absent);
    assert!(!storage.exists(&container, "a.mp4"), "the question made a blob");
}

#[tokio::test]
async fn an_existing_output_is_seen_and_left_as_it_is() {
    let storage = Storage::shared();
    let container = storage.container();
    storage.put(&container, "a.mp4", "ours");
    let before = storage.head(&container, "a.mp4").unwrap().etag;
    let grant = writer(create_url(&container, "a.mp4"));
    assert_eq!(probe_stored(&client().0, &grant, None).await, Presence::Exists);
    assert_eq!(storage.get(&container, "a.mp4"), b"ours");
    assert_eq!(storage.head(&container, "a.mp4").unwrap().etag, before);
}

/// Each of the two nets alone keeps a blob from being made.
#[tokio::test]
async fn neither_the_wrong_md5_nor_the_condition_alone_lets_a_blob_be_made() {
    let storage = Storage::shared();
    let container = storage.container();
    valet_blob::http::install_crypto();
    let put = |name: &'static str, header: (&'static str, &'static str)| {
        let url = create_url(&container, name);
        async move {
            #[expect(clippy::disallowed_methods, reason = "what storage itself says, past the guard")]
            let request = reqwest::Client::new().put(url).header("x-ms-blob-type", "BlockBlob").body("?");
            let answer = request.header("x-ms-version", "2022-11-02").header(header.0, header.1).send().await;
            answer.unwrap().status().as_u16()
        }
    };
    assert_eq!(put("md5", ("content-md5", "AAAAAAAAAAAAAAAAAAAAAA==")).await, 400);
    assert_eq!(put("condition", ("if-match", "\"valet-probe\"")).await, 412);
    assert_eq!(storage.list(&container), Vec::<String>::new());
}

#[tokio::test]
async fn a_grant_that_may_overwrite_is_not_asked_with() {
    let storage = Storage::shared();
    let container = storage.container();
    let url = storage.sas_url(&Sas::blob(&container, "a.mp4", "cw"));
    let policy = GrantPolicy { refuse_from: Severity::Critical, ..GrantPolicy::loopback() };
    let grant = WriteGrant::parse(GrantUrl::new(url), &policy, Timestamp::now()).unwrap();
    assert_eq!(probe_stored(&client().0, &grant, None).await, Presence::Unknown);
    assert!(!storage.exists(&container, "a.mp4"));
}

#[tokio::test]
async fn a_short_outage_is_ridden_out_and_a_long_one_is_no_answer() {
    let storage = Storage::shared();
    let container = storage.container();
    storage.put(&container, "a.mp4", "ours");
    let proxy = FaultProxy::start(storage.address());
    let grant = writer(proxy.url(&create_url(&container, "a.mp4")));
    proxy.times(2, Fault::busy());
    assert_eq!(probe_stored(&client().0, &grant, None).await, Presence::Exists);
    proxy.always(Fault::busy());
    assert_eq!(probe_stored(&client().0, &grant, None).await, Presence::Unknown);
}

#[tokio::test]
async fn an_answer_of_unknown_meaning_is_none() {
    for (status, code) in
        [("201 Created", ""), ("403 no", "AuthorizationFailure"), ("404 no", "ContainerNotFound")]
    {
        let header = format!("x-ms-error-code: {code}");
        let answer = move |_: &str| server::answer(status, &[&header, "content-length: 0"], "");
        let server = server::Server::start(answer).await;
        let grant = writer(made_up_url(&server.origin, "c"));
        assert_eq!(probe_stored(&client().0, &grant, None).await, Presence::Unknown, "{status} {code}");
        assert_eq!(server.heads().len(), 1, "{status} {code}");
    }
}
