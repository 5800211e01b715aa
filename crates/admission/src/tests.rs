//! The judgement from outside: hostile messages with the rule that each breaks, and bytes that are no message at all.

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use valet_grant::GrantUrl;
use valet_protocol::{Grants, JobMessage, LaneRecord, Limits, Priority, Reason, SealedGrants};

use crate::sample::{Grant, SIGNATURE, job, set_input, set_output};
use crate::{Policy, Verdict, judge};

fn now() -> Timestamp {
    "2026-03-01T12:00:00Z".parse().unwrap()
}

/// A partner's lane with a ceiling of everything.
fn lane() -> LaneRecord {
    let mut lane = LaneRecord::partner("acme".parse().unwrap(), "acme".to_owned());
    lane.presets = vec!["thumbnail".to_owned(), "copy".to_owned()];
    lane.limits = Limits { wall_seconds: Some(600), input_bytes: Some(1_000_000), ..Limits::default() };
    lane.lifetime_seconds_max = Some(4 * 3_600);
    lane
}

fn sound() -> JobMessage {
    JobMessage { lane: "acme".parse().unwrap(), ..job(now()) }
}

fn verdict_of(body: &[u8], user: Option<&str>) -> Verdict {
    judge(body, user, &lane(), Priority::Normal, &Policy::default(), now())
}

fn verdict(change: impl FnOnce(&mut JobMessage)) -> Verdict {
    let mut message = sound();
    change(&mut message);
    verdict_of(message.encode().unwrap().as_ref(), Some("acme"))
}

/// Nothing of a verdict that is shown to anybody may hold a signature.
fn assert_silent(verdict: &Verdict) {
    let shown = format!("{:?} {} {}", verdict, verdict.what(), verdict.change());
    let json = serde_json::to_string(&verdict.findings).unwrap();
    assert!(!shown.contains(SIGNATURE) && !json.contains(SIGNATURE), "{shown} {json}");
    for finding in &verdict.findings {
        assert!(!finding.what.as_str().is_empty() && !finding.change.as_str().is_empty(), "{finding:?}");
    }
}

fn rules(verdict: &Verdict) -> Vec<&'static str> {
    verdict.findings.iter().filter(|finding| finding.refuses).map(|finding| finding.rule.word()).collect()
}

fn grant(path: &str, rights: &str, hours: i64) -> GrantUrl {
    Grant { path, rights, expiry: now() + SignedDuration::from_hours(hours), more: "&spr=https" }.url()
}

#[test]
fn a_sound_message_is_taken_with_its_lanes_ceilings() {
    let verdict = verdict(|_| ());
    assert_eq!((rules(&verdict), verdict.refusal), (Vec::new(), None), "{:?}", verdict.findings);
    let message = verdict.message.as_ref().unwrap();
    assert_eq!(message.limits.input_bytes, Some(1_000_000));
    assert!(verdict.wall_seconds > 0 && verdict.wall_seconds <= 600);
    assert_silent(&verdict);
}

type Change = Box<dyn FnOnce(&mut JobMessage)>;

#[test]
fn each_hostile_message_breaks_the_rule_that_it_should() {
    let hours = |count| now() + SignedDuration::from_hours(count);
    let table: Vec<(&str, Reason, Change)> = vec![
        ("lane", Reason::BadMessage, Box::new(|job| job.lane = "zeta".parse().unwrap())),
        ("priority", Reason::BadMessage, Box::new(|job| job.priority = Priority::High)),
        ("priority", Reason::BadMessage, Box::new(|job| job.priority = Priority::Low)),
        ("mint", Reason::BadMessage, Box::new(|job| job.remints = 3)),
        ("mint", Reason::BadMessage, Box::new(|job| job.attempts_before = 1)),
        ("preset", Reason::UnknownPreset, Box::new(|job| job.preset.name = "h264-720p".into())),
        ("preset", Reason::UnknownPreset, Box::new(|job| job.preset.version = 99)),
        (
            "parameter",
            Reason::BadParameter,
            Box::new(|job| {
                job.preset.params.insert("vf".into(), "movie=/etc/passwd".into());
            }),
        ),
        (
            "parameter",
            Reason::BadParameter,
            Box::new(|job| {
                job.preset.params.insert("width".into(), (-1).into());
            }),
        ),
        ("limit", Reason::BadMessage, Box::new(|job| job.limits.input_bytes = Some(1_000_001))),
        (
            "time",
            Reason::GrantExpired,
            Box::new(|job| {
                job.submitted_at = now() - SignedDuration::from_hours(2);
                job.not_after = now() - SignedDuration::from_secs(1);
            }),
        ),
        ("time", Reason::BadMessage, Box::new(move |job| job.not_after = hours(5))),
        (
            "time",
            Reason::BadMessage,
            Box::new(move |job| {
                job.submitted_at = hours(1);
                job.not_after = hours(2);
            }),
        ),
        (
            "time",
            Reason::GrantTooShort,
            Box::new(|job| {
                job.limits.wall_seconds = Some(600);
                job.not_after = now() + SignedDuration::from_secs(599);
            }),
        ),
        ("SAS003", Reason::GrantRefused, Box::new(|job| set_input(job, grant("acct/in/a.mov", "r", 5)))),
        ("SAS004", Reason::GrantWrongRight, Box::new(|job| set_input(job, grant("acct/in/a.mov", "rw", 1)))),
        (
            "SAS005",
            Reason::GrantWrongRight,
            Box::new(|job| set_output(job, grant("acct/out/a.jpg", "rcwd", 1))),
        ),
        ("SAS009", Reason::GrantExpired, Box::new(|job| set_input(job, grant("acct/in/a.mov", "r", -1)))),
        ("SAS008", Reason::GrantRefused, Box::new(|job| set_output(job, grant("acct/in/a.mov", "c", 1)))),
        (
            "SAS019",
            Reason::GrantRefused,
            Box::new(|job| set_input(job, GrantUrl::new("file:///etc/passwd".into()))),
        ),
        (
            "SAS019",
            Reason::GrantRefused,
            Box::new(|job| {
                let url = grant("acct/in/a.mov", "r", 1);
                let url = url.expose_url().replacen("acct.blob.core.windows.net", "169.254.169.254", 1);
                set_input(job, GrantUrl::new(url));
            }),
        ),
    ];
    for (rule, reason, change) in table {
        let verdict = verdict(change);
        assert!(rules(&verdict).contains(&rule), "{rule}: {:?}", verdict.findings);
        assert_eq!(verdict.refusal, Some(reason), "{rule}: {:?}", verdict.findings);
        assert_silent(&verdict);
    }
}

#[test]
fn a_publisher_must_be_proven_and_the_lanes_own() {
    let body = sound().encode().unwrap();
    for user in [None, Some(""), Some("zeta"), Some("acme2"), Some("ACME")] {
        let verdict = verdict_of(body.as_ref(), user);
        assert_eq!((rules(&verdict), verdict.refusal), (vec!["publisher"], Some(Reason::PublisherRefused)));
    }
}

#[test]
fn everything_is_found_at_once_and_what_lasts_decides_the_reason() {
    let verdict = verdict(|job| {
        job.lane = "zeta".parse().unwrap();
        job.limits.input_bytes = Some(u64::from(u32::MAX));
        set_input(job, grant("acct/in/a.mov", "rw", -1));
        set_output(job, grant("acct/out/a.jpg", "w", 1));
    });
    for rule in ["lane", "limit", "SAS004", "SAS006", "SAS009"] {
        assert!(rules(&verdict).contains(&rule), "{rule}: {:?}", verdict.findings);
    }
    assert_eq!(verdict.refusal, Some(Reason::BadMessage));
    assert_silent(&verdict);
}

#[test]
fn a_lanes_hosts_stand_in_the_place_of_the_programs() {
    let body = sound().encode().unwrap();
    let mut lane = lane();
    lane.hosts = vec!["media.acme.example".to_owned()];
    let judged = judge(body.as_ref(), Some("acme"), &lane, Priority::Normal, &Policy::default(), now());
    assert_eq!(judged.refusal, Some(Reason::GrantRefused), "{:?}", judged.findings);
    let at_home = |url: &GrantUrl| {
        GrantUrl::new(url.expose_url().replacen("acct.blob.core.windows.net", "media.acme.example", 1))
    };
    let mut message = sound();
    let (input, output) = message.grants.urls().unwrap();
    message.grants = Grants::Open { input: at_home(input), output: at_home(output) };
    let body = message.encode().unwrap();
    let judged = judge(body.as_ref(), Some("acme"), &lane, Priority::Normal, &Policy::default(), now());
    assert!(!judged.is_refused(), "{:?}", judged.findings);
}

/// Grants that nobody can open, with the header of a message.
fn sealed_for(message: &JobMessage) -> SealedGrants {
    let JobMessage { id, lane, preset, not_after, .. } = message;
    let coordinate = "A".repeat(43);
    let header = serde_json::json!({
        "alg": "ECDH-ES+A256KW", "enc": "A256GCM", "kid": "fleet-1",
        "epk": { "kty": "EC", "crv": "P-256", "x": coordinate, "y": coordinate },
        "job": id, "lane": lane, "preset": format!("{}/{}", preset.name, preset.version),
        "exp": not_after.as_second(),
    });
    let header = BASE64_URL_SAFE_NO_PAD.encode(header.to_string());
    format!("{header}.AAAA.AAAA.AAAA.AAAA").parse().unwrap()
}

#[test]
fn sealed_grants_are_judged_by_what_they_are_bound_to() {
    let judged = verdict(|job| job.grants = Grants::Sealed(sealed_for(job)));
    assert_eq!(judged.refusal, None, "{:?}", judged.findings);
    let copied: [fn(&mut JobMessage); 4] = [
        |job| job.id = "01920000-0000-7000-8000-000000000002".parse().unwrap(),
        |job| job.lane = "zeta".parse().unwrap(),
        |job| job.preset.name = "copy".into(),
        |job| job.not_after = now() + SignedDuration::from_mins(59),
    ];
    for change in copied {
        let judged = verdict(|job| {
            job.grants = Grants::Sealed(sealed_for(job));
            change(job);
        });
        assert!(rules(&judged).contains(&"sealed"), "{:?}", judged.findings);
    }
}

#[test]
fn a_lane_may_take_sealed_grants_alone() {
    let lane = LaneRecord { sealed_only: true, ..lane() };
    let of = |message: &JobMessage| {
        let body = message.encode().unwrap();
        judge(body.as_ref(), Some("acme"), &lane, Priority::Normal, &Policy::default(), now())
    };
    let judged = of(&sound());
    assert_eq!((rules(&judged), judged.refusal), (vec!["sealed"], Some(Reason::GrantRefused)));
    let sealed = JobMessage { grants: Grants::Sealed(sealed_for(&sound())), ..sound() };
    assert_eq!(of(&sealed).refusal, None);
}

#[test]
fn an_own_lane_may_count_mints() {
    let lane = LaneRecord::own("acme".parse().unwrap(), vec!["producer".to_owned()]);
    let message = JobMessage { remints: 3, attempts_before: 4, ..sound() };
    let body = message.encode().unwrap();
    let judged = judge(body.as_ref(), Some("producer"), &lane, Priority::Normal, &Policy::default(), now());
    assert!(!judged.is_refused(), "{:?}", judged.findings);
}

#[test]
fn what_is_no_message_keeps_its_id_if_it_has_one() {
    let table: [(&[u8], &str, Reason); 5] = [
        (b"", "schema", Reason::BadJson),
        (b"\xff\xfe", "schema", Reason::BadJson),
        (b"{\"version\":2}", "schema", Reason::UnsupportedVersion),
        (b"{\"version\":1,\"sig=abcdef\":1}", "schema", Reason::UnknownField),
        (&[b' '; 65_537], "size", Reason::MessageTooLarge),
    ];
    for (body, rule, reason) in table {
        let verdict = verdict_of(body, Some("acme"));
        assert_eq!((rules(&verdict), verdict.refusal), (vec![rule], Some(reason)), "{:?}", verdict.findings);
        assert!(!format!("{:?}", verdict.findings).contains("sig=abcdef"));
    }
    let broken = br#"{"version":1,"id":"01920000-0000-7000-8000-000000000001","x":1}"#;
    assert!(verdict_of(broken, Some("acme")).id.is_some());
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(body in proptest::collection::vec(any::<u8>(), 0..2_000), user in any::<Option<String>>()) {
        let verdict = verdict_of(&body, user.as_deref());
        prop_assert!(verdict.is_refused());
    }

    /// A sound message with one of its bytes changed, or cut: refused or still sound, but never a signature shown.
    #[test]
    fn no_broken_message_shows_a_signature(at in any::<prop::sample::Index>(), byte in any::<u8>(), cut in any::<bool>()) {
        let mut body = sound().encode().unwrap().as_ref().to_vec();
        let at = at.index(body.len());
        body[at] = byte;
        if cut {
            body.truncate(at);
        }
        assert_silent(&verdict_of(&body, Some("acme")));
    }

    /// A signature in every text that a sender may choose.
    #[test]
    fn no_chosen_text_shows_a_signature(place in 0_usize..6) {
        let text = format!("https://a/b?sv=1&sig={SIGNATURE}");
        let verdict = verdict(|job| match place {
            0 => drop(job.preset.params.insert(text.chars().take(60).collect(), 1.into())),
            1 => drop(job.preset.params.insert("width".into(), text.as_str().into())),
            2 => drop(job.preset.params.insert("fit".into(), text.as_str().into())),
            3 => drop(job.tags.insert(text.chars().take(60).collect(), "x".into())),
            4 => drop(job.tags.insert("x".into(), text.clone())),
            _ => {
                let url = job.grants.urls().unwrap().0.expose_url().to_owned();
                set_input(job, GrantUrl::new(format!("{url}#{text}")));
            }
        });
        assert_silent(&verdict);
    }
}
