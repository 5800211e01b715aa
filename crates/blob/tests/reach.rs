//! Whether a host works: any answer but a server's failure, asked without a grant, behind the egress guard.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use common::{
    client, made_up_url,
    server::{Server, answer},
};
use valet_blob::http::{Client, Egress, Origin, Reach};
use valet_grant::{GrantUrl, HostRules};

async fn origin_that_says(status: &'static str) -> (Origin, Server) {
    let server = Server::start(move |_| answer(status, &["content-length: 0"], "")).await;
    (Origin::of(&GrantUrl::new(made_up_url(&server.origin, "r"))).unwrap(), server)
}

#[tokio::test]
async fn a_refusal_is_a_sign_of_life_and_carries_no_grant() {
    for status in ["400 Bad", "403 No", "404 Nothing", "409 No"] {
        let (origin, server) = origin_that_says(status).await;
        assert_eq!(client().0.reach(&origin).await, Reach::Answers, "{status}");
        let head = &server.heads()[0];
        assert!(head.starts_with("GET / HTTP/1.1\r\n") && !head.contains("sig="), "{head}");
    }
}

#[tokio::test]
async fn failures_silence_and_forbidden_hosts_are_none() {
    let (origin, server) = origin_that_says("503 Busy").await;
    assert_eq!(client().0.reach(&origin).await, Reach::Silent);
    let strict = Client::new(Egress::new(HostRules::default())).unwrap();
    assert_eq!(strict.reach(&origin).await, Reach::Silent, "the guard refuses this machine");
    assert_eq!(server.heads().len(), 1, "a refused host is not asked");
    let unused = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let nobody = Origin::of(&GrantUrl::new(format!("http://{unused}/"))).unwrap();
    assert_eq!(client().0.reach(&nobody).await, Reach::Silent);
}
