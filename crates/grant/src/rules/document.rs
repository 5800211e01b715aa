//! `docs/sas-rules.md` repeats the rules and what they say; `VALET_BLESS=1` writes it anew. Tests only: every sentence
//! there is what the audit says about a URL that is made here.

use std::fmt::Write as _;
use std::path::Path;

use super::testing::*;
use crate::audit::{across, not_a_url};
use crate::finding::{Finding, Rule, Severity};
use crate::policy::GrantPolicy;
use crate::{GrantUrl, Role};

const BEGIN: &str = "<!-- generated:";
const END: &str = "<!-- /generated -->";

/// URLs that break rules, and together draw from every rule every sentence that it knows.
fn broken() -> Vec<Draft> {
    [accounts(), times(), rights(), ways(), keys(), disagreements(), signatures()].concat()
}

fn accounts() -> Vec<Draft> {
    let container = |sp| output().set("sr", "c").set("sp", sp);
    vec![
        input().set("ss", "b").set("srt", "sco"),
        container("c"),
        container("cl"),
        container("cd"),
        container("cld"),
        input().set("sr", "d"),
    ]
}

fn times() -> Vec<Draft> {
    let until = |se| input().without("st").set("se", se);
    vec![
        until("2026-01-17T10:00:00Z"),
        until("2026-01-29"),
        until("2051-10-06"),
        input().without("se"),
        input().set("se", "tomorrow"),
        input().set("st", "2026-01-15T12:00:00Z"),
        input().set("se", "2026-01-15T09:50:00Z"),
        input().policy(budget(120)),
        input().without("st").policy(start_required()),
        input().set("st", "yesterday"),
        input().set("st", "2026-01-15T10:20:00Z"),
        input().set("st", "2026-01-15T09:58:00Z"),
    ]
}

fn rights() -> Vec<Draft> {
    vec![
        input().set("sp", "rwd"),
        input().set("sp", "c"),
        output().set("sp", "rcd"),
        output().set("sp", "ct"),
        output().set("sp", "t"),
        output().set("sp", "cw"),
        input().without("sp"),
        input().set("sp", "rz"),
        output().set("sp", "cc"),
        output().set("sp", "wc"),
    ]
}

fn ways() -> Vec<Draft> {
    let at = |path| input().path(path);
    vec![
        input().scheme("http"),
        input().without("spr"),
        input().set("spr", "https,http"),
        input().set("spr", "http"),
        input().set("sip", "everyone"),
        input().set("sip", "0.0.0.0-255.255.255.255"),
        input().set("sip", "10.0.0.0-10.0.1.0"),
        on_emulator(input()).set("sip", "127.0.0.1"),
        at("/media-in/%ff"),
        at("/$root/a.mov"),
        at("/me%2Fdia/a.mov"),
        at("/in/a.mov"),
        at("/media-in/a//b.mov"),
        at("/media-in/a/"),
        at("/media-in/a."),
        at("/media-in/a%00"),
        at("/media-in/a%5Cb"),
        at("/media-in/a/../b"),
        input().host("evil.example"),
        input().host("acct.blob.core.windows.net:8443"),
        input().host("user:word@acct.blob.core.windows.net"),
        input().suffix("#top"),
        input().scheme("HTTPS"),
        input().suffix("&SP=r"),
        input().suffix("&x=1&x=2"),
        input().suffix("&timeout=5"),
    ]
}

fn keys() -> Vec<Draft> {
    let stored = |draft: Draft| draft.set("si", "media");
    vec![
        input().policy(delegation_required()),
        stored(input()).without("sp"),
        stored(input()),
        stored(delegated(input())),
        input().without("sv"),
        input().set("sv", "2015-02-21"),
        input().set("sv", "2020-10-02"),
        input().set("sv", "2099-01-01"),
        delegated(input()).without("sktid"),
        delegated(input()).set("sks", "q"),
        delegated(input()).set("ske", "soon"),
        delegated(input()).set("ske", "2026-01-15T11:00:00Z"),
        delegated(input()).set("ske", "2026-01-29T09:00:00Z"),
        delegated(input()).set("skt", "2026-01-15T10:01:00Z"),
    ]
}

fn disagreements() -> Vec<Draft> {
    vec![
        input().set("comp", "list"),
        input().without("sr"),
        input().path("/media-in"),
        output().set("sr", "bs").set("snapshot", SNAPSHOT),
        input().set("snapshot", SNAPSHOT),
        input().set("versionid", SNAPSHOT),
        input().set("sr", "bs"),
        input().set("sr", "bv"),
        input().set("sr", "bv").set("versionid", "latest"),
    ]
}

fn signatures() -> Vec<Draft> {
    vec![
        delegated(output()),
        input(),
        input().without("sig"),
        input().set("sig", &SIGNATURE.replace('/', " ")),
        input().set("sig", "abc"),
        input().path(&format!("/media-in/{SIGNATURE}")),
    ]
}

/// Every finding of `rule` about the broken URLs, each sentence once.
fn sentences(rule: Rule) -> Vec<Finding> {
    let mut all: Vec<Finding> = broken().iter().flat_map(Draft::findings).collect();
    all.extend(across(&input().url(), &input().url()));
    all.push(not_a_url(&GrantUrl::new("no URL".to_owned()), Role::Input));
    let mut found: Vec<Finding> = Vec::new();
    for finding in all.into_iter().filter(|finding| finding.rule == rule) {
        if found.iter().all(|known| known.message != finding.message) {
            found.push(finding);
        }
    }
    found
}

/// When a grant is refused for `finding`, whatever its place in a policy.
fn refused(finding: &Finding) -> &'static str {
    let lenient = GrantPolicy { refuse_from: Severity::Critical, ..GrantPolicy::default() };
    match () {
        () if finding.refuses(&lenient) => "always",
        () if finding.refuses(&GrantPolicy::default()) => "by default",
        () => "if the policy says so",
    }
}

/// One row a rule.
fn rules() -> String {
    let mut text =
        "| rule | severity | it says | refused | why it is there |\n|---|---|---|---|---|\n".to_owned();
    for rule in Rule::all() {
        let mut ways: Vec<&str> = sentences(rule).iter().map(refused).collect();
        ways.sort_unstable();
        ways.dedup();
        let (severity, title, ways) = (rule.severity(), rule.title(), ways.join(", or "));
        writeln!(text, "| `{rule}` | {severity} | {title} | {ways} | {} |", rule.summary()).unwrap();
    }
    text
}

/// One row a sentence.
fn said() -> String {
    let mut text =
        "| rule | severity | the sentence | what to change | refused |\n|---|---|---|---|---|\n".to_owned();
    for finding in Rule::all().flat_map(sentences) {
        let Finding { rule, severity, message, advice, .. } = &finding;
        writeln!(text, "| `{rule}` | {severity} | {message} | {advice} | {} |", refused(&finding)).unwrap();
    }
    text
}

/// The page with what stands between its marks written anew.
fn renewed(page: &str) -> String {
    let (mut text, mut rest) = (String::new(), page);
    while let Some((before, after)) = rest.split_once(BEGIN) {
        let (name, old) = after.split_once(" -->\n").expect("a mark ends");
        let table = match name {
            "rules" => rules(),
            "sentences" => said(),
            other => panic!("nothing is generated for {other}"),
        };
        write!(text, "{before}{BEGIN}{name} -->\n{table}{END}").unwrap();
        rest = old.split_once(END).expect("a generated part ends").1;
    }
    text + rest
}

#[test]
fn the_page_repeats_the_rules_and_what_they_say() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/sas-rules.md");
    let page = std::fs::read_to_string(&path).unwrap();
    let expected = renewed(&page);
    if std::env::var_os("VALET_BLESS").is_some() {
        std::fs::write(&path, &expected).unwrap();
        return;
    }
    assert!(
        page == expected,
        "docs/sas-rules.md is old: VALET_BLESS=1 cargo test -p valet-grant page_repeats"
    );
    for rule in Rule::all() {
        let rows = rules().lines().filter(|line| line.starts_with(&format!("| `{rule}` |"))).count();
        assert_eq!(rows, 1, "{rule}");
    }
}

#[test]
fn every_rule_has_a_sentence_of_its_usual_severity() {
    for rule in Rule::all() {
        let severities: Vec<_> = sentences(rule).iter().map(|finding| finding.severity).collect();
        assert!(severities.contains(&rule.severity()), "{rule}: {severities:?}");
    }
}

#[test]
fn no_row_holds_a_signature_or_breaks_its_table() {
    for line in (rules() + &said()).lines() {
        assert_eq!(line.matches('|').count(), 6, "{line}");
        assert!(!line.contains(SIGNATURE), "{line}");
    }
}
