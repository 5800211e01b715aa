//! No signature gets into an error, whatever stopped the request.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use valet_grant::{BlobPath, HostRules, Rights, Validity};

use super::super::{Operation, Subject};
use super::*;
use crate::http::{Client, Egress};

fn subject() -> Subject {
    let blob = BlobPath { account: "a".into(), container: "c".into(), blob: "b".into() };
    let validity = Validity { start: None, expiry: Timestamp::now() + SignedDuration::from_hours(1) };
    Subject::new(Operation::Open, &blob, Rights::parse("r").unwrap(), validity, 0)
}

fn client() -> Client {
    let mut egress = Egress::new(HostRules { loopback: true, ..HostRules::default() });
    egress.connect_timeout = Duration::from_secs(2);
    Client::new(egress).unwrap()
}

/// All that a person or a log could ever see of an error.
fn shown(error: &(dyn Error + 'static)) -> String {
    chain(error).map(|link| format!("{link} {link:?} {link:#?}\n")).collect()
}

/// A port that nobody listens on.
fn closed_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_error_shows_a_signature(
        secret in "[A-Za-z0-9]{16,43}",
        origin in prop_oneof![
            Just(format!("http://127.0.0.1:{}", closed_port())),
            Just("http://10.0.0.1".to_owned()),
            Just("https://acct.blob.core.windows.net:99999".to_owned()),
            Just("https://user@acct.blob.core.windows.net".to_owned()),
            Just("http://localhost:1".to_owned()),
            Just("ftp://acct.blob.core.windows.net".to_owned()),
            Just("no url at all".to_owned()),
            "[a-z:/@.]{0,20}",
        ],
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let (client, subject) = (client(), subject());
        let url = format!("{origin}/c/b?sv=2022-11-02&sig={secret}%3D");
        let failure = runtime.block_on(async {
            match client.request(reqwest::Method::GET, &url, &subject) {
                Err(failure) => failure,
                Ok(request) => client.send(request, &subject).await.expect_err("nobody is there"),
            }
        });
        let text = shown(&*failure.error) + &failure.error.advice() + &format!("{failure:?}");
        prop_assert!(!text.contains(&secret), "{}", text);
    }
}

#[test]
fn a_request_error_that_still_has_its_url_loses_the_query() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    crate::http::install_crypto();
    #[expect(clippy::disallowed_methods, reason = "an error as reqwest makes it, URL and all")]
    let http = reqwest::Client::new();
    let url = format!("http://127.0.0.1:{}/?sig=SECRET", closed_port());
    let error = runtime.block_on(http.get(url).send()).unwrap_err();
    assert!(error.to_string().contains("SECRET"), "reqwest changed: {error}");
    for cause in [Cause::new(&error), Cause::new(&io::Error::other(error))] {
        assert!(!shown(&cause).contains("SECRET"), "{cause}");
        assert!(cause.to_string().contains("refused"), "{cause}");
    }
}
