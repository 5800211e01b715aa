//! `valet partner token` and `valet topology token`.

use std::os::unix::fs::PermissionsExt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;
use valet_testkit::Program;

use crate::harness::{Run, valet};

/// A key made as docs/operating.md says.
fn key() -> String {
    let options = ["genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"];
    Program::new("openssl").args(options).run(std::time::Duration::from_secs(60)).expect_code(0).stdout
}

fn signer(line: &str) -> Run {
    let url = "amqps://broker.example.com/media";
    valet(line)
        .file("token.key", &key())
        .env("VALET_OAUTH_SIGNING_KEY_FILE", "token.key")
        .env("VALET_BROKER_URL", url)
}

fn payload(token: &str) -> Value {
    let middle = token.trim().split('.').nth(1).expect("three parts");
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(middle).expect("base64url")).expect("JSON")
}

#[test]
fn a_partners_token_goes_to_standard_output_alone_and_opens_its_lane_alone() {
    let signed = signer("partner token acme --for 1h").finish().expect_code(0);
    let claims = payload(&signed.stdout);
    assert_eq!((signed.stdout.lines().count(), signed.stderr.as_str()), (1, ""));
    assert_eq!((&claims["sub"], &claims["aud"][0]), (&"acme".into(), &"rabbitmq".into()));
    assert_eq!(claims["scope"], "rabbitmq.write:media/in.acme rabbitmq.write:media/in.acme.low");
    let more = signer("partner token acme --for 1h --high --reports").finish().expect_code(0);
    let more = payload(&more.stdout)["scope"].as_str().expect("a text").to_owned();
    assert!(more.ends_with("write:media/in.acme.high rabbitmq.read:media/events.acme"), "{more}");
}

#[test]
fn a_token_in_a_file_is_its_owners_alone() {
    let folder = valet_testkit::Folder::new("token-out");
    let path = folder.write("worker.jwt", "an old one");
    std::fs::set_permissions(&path, PermissionsExt::from_mode(0o644)).expect("it is ours");
    let line = format!("topology token worker --for 12h --out {}", path.display());
    let told = signer(&line).finish().expect_code(0).stdout;
    let token = std::fs::read_to_string(&path).expect("it is there");
    assert!(!told.contains(&token), "{told}");
    assert_eq!(payload(&token)["sub"], "valet-worker");
    let mode = std::fs::metadata(&path).expect("it is there").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn what_is_no_token_is_explained() {
    signer("partner token acme --for 30s").golden("token-too-short");
    signer("partner token acme --for 169h").golden("token-too-long");
    signer("partner token Acme --for 1h").golden("token-bad-lane");
    valet("partner token acme --for 1h").golden("token-no-key");
    valet("topology token provisioner --for 1h").golden("token-provisioner");
    signer("topology token worker --for 1h")
        .file("token.key", "-----BEGIN EC PRIVATE KEY-----")
        .golden("token-bad-key");
}
