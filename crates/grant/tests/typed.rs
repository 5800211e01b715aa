//! What a holder of a typed grant may rely on, and what people read when a URL is refused.

use jiff::{SignedDuration, Timestamp};
use valet_grant::{
    GrantError, GrantKind, GrantPolicy, GrantUrl, Pin, ReadGrant, Right, Rights, Role, Rule, Severity, State,
    WriteGrant, audit, audit_pair, explain, parse_pair,
};

const SIGNATURE: &str = "JazxBZaBNfFKaVHR6PIrFNteCkwMcgw5bdZyNWdofpk%3D";
const OTHER_SIGNATURE: &str = "PF/0Fz%2BsnYoSm%2BO0qduQpUVoBCWD875vL8RvQltPY08%3D";
const TIMES: &str = "st=2026-01-15T09%3A45%3A00Z&se=2026-01-15T11%3A30%3A00Z";

fn now() -> Timestamp {
    "2026-01-15T10:00:00Z".parse().expect("a time")
}

fn url(path: &str, token: &str) -> GrantUrl {
    GrantUrl::new(format!("https://acct.blob.core.windows.net/{path}?sv=2022-11-02&spr=https&{token}"))
}

fn input(more: &str) -> GrantUrl {
    url("media-in/a.mov", &format!("sr=b&sp=r&{TIMES}&sig={SIGNATURE}{more}"))
}

fn output(more: &str) -> GrantUrl {
    url("media-out/a.mp4", &format!("sr=b&sp=c&{TIMES}&sig={OTHER_SIGNATURE}{more}"))
}

fn read(url: GrantUrl) -> Result<ReadGrant, GrantError> {
    ReadGrant::parse(url, &GrantPolicy::default(), now())
}

#[test]
fn a_typed_grant_is_one_blob_one_right_one_validity() {
    let grant = read(input("")).unwrap();
    assert_eq!(grant.blob().to_string(), "acct/media-in/a.mov");
    assert_eq!(grant.rights(), Rights::from(Right::Read));
    assert_eq!(grant.validity().expiry.to_string(), "2026-01-15T11:30:00Z");
    assert_eq!((grant.version(), grant.host()), ("2022-11-02", "acct.blob.core.windows.net"));
    assert_eq!((grant.kind(), grant.pin()), (GrantKind::Service, None));
    assert_eq!(grant.expose_url(), input("").expose_url());
    assert!(grant.findings().iter().all(|finding| finding.severity == Severity::Info));
    assert_eq!(format!("{grant:?}"), "ReadGrant(acct/media-in/a.mov, r, until 2026-01-15T11:30:00Z)");
}

#[test]
fn a_snapshot_is_a_pin() {
    let time = "2026-01-15T09:00:00.1234567Z";
    let grant =
        read(url("media-in/a.mov", &format!("sr=bs&snapshot={time}&sp=r&{TIMES}&sig={SIGNATURE}"))).unwrap();
    assert_eq!(grant.pin(), Some(&Pin::Snapshot(time.to_owned())));
    assert!(grant.findings().is_empty(), "{:?}", grant.findings());
}

#[test]
fn the_emulator_is_reached_with_the_loopback_policy_alone() {
    let text = format!(
        "http://127.0.0.1:10000/devstoreaccount1/media-out/a?sv=2022-11-02&sr=b&sp=c&{TIMES}&sig={SIGNATURE}"
    );
    let parse = |policy: GrantPolicy| WriteGrant::parse(GrantUrl::new(text.clone()), &policy, now());
    assert_eq!(parse(GrantPolicy::loopback()).unwrap().blob().account, "devstoreaccount1");
    assert_eq!(parse(GrantPolicy::default()).unwrap_err().rule_ids(), ["SAS007", "SAS019"]);
}

#[test]
fn each_grant_refuses_the_other_role() {
    let error = read(output("")).unwrap_err();
    assert!(error.is_wrong_right() && error.has(Rule::Sas004), "{error}");
    let error = WriteGrant::parse(input(""), &GrantPolicy::default(), now()).unwrap_err();
    assert!(error.is_wrong_right() && error.has(Rule::Sas005), "{error}");
}

#[test]
fn time_that_ran_out_is_told_apart() {
    let later = now() + SignedDuration::from_hours(2);
    let error = ReadGrant::parse(input(""), &GrantPolicy::default(), later).unwrap_err();
    assert!(error.is_expired() && !error.is_too_short(), "{error}");
    let policy = GrantPolicy { time_budget: SignedDuration::from_hours(2), ..GrantPolicy::default() };
    let error = ReadGrant::parse(input(""), &policy, now()).unwrap_err();
    assert!(error.is_too_short() && !error.is_expired(), "{error}");
    // Expired and wrong besides: minting the same anew would not help.
    let error = ReadGrant::parse(input("&comp=list"), &GrantPolicy::default(), later).unwrap_err();
    assert!(!error.is_expired(), "{error}");
}

#[test]
fn an_error_says_what_is_wrong_and_what_to_do() {
    let error =
        read(url("media-in/a.mov", &format!("sr=b&sp=rw&se=2026-02-15&sig={SIGNATURE}"))).unwrap_err();
    assert_eq!(
        error.to_string(),
        "input grant for acct/media-in/a.mov refused: SAS003: lives for 30 d, 24 h are allowed; SAS004: the input may \
         also write and overwrite (`sp` holds `w`); SAS008: one token both reads and writes"
    );
    assert_eq!(
        error.advice(),
        "mint with `se` within 24 h; mint the input with `sp=r`; mint one grant to read and another to create"
    );
    let error = read(GrantUrl::new("hello".into())).unwrap_err();
    assert!(error.to_string().contains("5 bytes") && !error.to_string().contains("hello"), "{error}");
}

#[test]
fn no_policy_lets_pass_what_is_wrong_by_construction() {
    let lax = GrantPolicy { refuse_from: Severity::Critical, ..GrantPolicy::default() };
    for more in ["&ss=b&srt=o", "&comp=list", "&sp=r", "#x"] {
        assert!(ReadGrant::parse(input(more), &lax, now()).is_err(), "{more}");
    }
    let overwriting = || url("media-out/a", &format!("sr=b&sp=cw&{TIMES}&sig={SIGNATURE}"));
    assert!(WriteGrant::parse(overwriting(), &lax, now()).is_ok());
    assert!(WriteGrant::parse(overwriting(), &GrantPolicy::default(), now()).is_err());
}

#[test]
fn a_strict_policy_refuses_milder_findings_too() {
    let strict = GrantPolicy { refuse_from: Severity::Low, ..GrantPolicy::default() };
    assert!(ReadGrant::parse(input("&timeout=5"), &strict, now()).unwrap_err().has(Rule::Sas019));
    assert!(ReadGrant::parse(input(""), &strict, now()).is_ok());
}

#[test]
fn a_pair_is_two_blobs_and_two_signatures() {
    let policy = GrantPolicy::default();
    assert!(parse_pair(input(""), output(""), &policy, now()).is_ok());
    let same_sig = url("media-out/a.mp4", &format!("sr=b&sp=c&{TIMES}&sig={SIGNATURE}"));
    let error = parse_pair(input(""), same_sig.clone(), &policy, now()).unwrap_err();
    assert_eq!(error.rule_ids(), ["SAS021"], "{error}");
    let same_blob = url("media-in/a.mov", &format!("sr=b&sp=c&{TIMES}&sig={OTHER_SIGNATURE}"));
    let error = parse_pair(input(""), same_blob, &policy, now()).unwrap_err();
    assert_eq!(error.rule_ids(), ["SAS008"], "{error}");
    let cross = |findings: Vec<valet_grant::Finding>| {
        findings.into_iter().filter(|finding| finding.role.is_none()).count()
    };
    assert_eq!(cross(audit_pair(&input(""), &same_sig, &policy, now())), 1);
    assert_eq!(cross(audit_pair(&input(""), &input(""), &policy, now())), 2);
    assert_eq!(cross(audit_pair(&input(""), &output(""), &policy, now())), 0);
}

#[test]
fn a_finding_serializes_by_its_stable_names() {
    let found = audit(&input("&timeout=5"), Role::Input, &GrantPolicy::default(), now());
    let finding = found.iter().find(|finding| finding.rule == Rule::Sas019).unwrap();
    assert_eq!(
        serde_json::to_value(finding).unwrap(),
        serde_json::json!({
            "rule": "SAS019", "severity": "low", "role": "input", "wrong_by_construction": false,
            "message": "the URL has parameters that are no part of a SAS",
            "advice": "pass the URL as https://host/container/blob?token, each parameter once",
        })
    );
}

#[test]
fn an_explanation_is_a_table_for_people() {
    let explained = explain(&input("&sip=10.0.0.1&scid=11111111-2222-3333-4444-555555555555"), now());
    assert_eq!((explained.state, explained.seconds_left), (State::Valid, Some(5400)));
    assert_eq!(
        explained.to_string(),
        "url        https://acct.blob.core.windows.net/media-in/a.mov?sp=r&se=2026-01-15T11:30:00Z&sr=b&sv=2022-11-02\
         &redacted\n\
         opens      the blob acct/media-in/a.mov\n\
         may        read\n\
         for        anyone who holds the URL, from the address 10.0.0.1, over https only\n\
         valid      now, until 2026-01-15T11:30:00Z (90 min left)\n\
         signed by  an account key (service SAS)\n\
         version    2022-11-02\n\
         note       correlation id in storage's log: 11111111-2222-3333-4444-555555555555"
    );
}

#[test]
fn an_explanation_of_a_broad_token_says_how_broad() {
    let opens = |token: &str| explain(&url("media-in/a.mov", token), now()).opens;
    assert_eq!(opens("sr=c&sp=rl"), "every blob of acct/media-in");
    assert_eq!(opens("ss=b&srt=sco"), "the whole storage account acct");
    assert_eq!(explain(&GrantUrl::new("nonsense".into()), now()).opens, "nothing");
    assert_eq!(explain(&input(""), now() + SignedDuration::from_hours(3)).state, State::Expired);
    assert_eq!(explain(&input(""), now() - SignedDuration::from_hours(3)).state, State::NotYetValid);
}
