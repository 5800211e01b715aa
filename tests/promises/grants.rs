//! What the two grants of a job can not do, tried on live storage; and the verbs that mint and judge grants.

use serde_json::Value;
use valet_testkit::{Finished, http};

use crate::backstage::{look_for, urls};
use crate::stage::{COMMAND_TIMEOUT, Stage};

/// Enqueues a job for `in/input` and `out/output`, and takes its two grants from the queue.
fn grants_of_a_job(stage: &Stage<'_>) -> [String; 2] {
    let input = stage.put("input", "the input");
    stage.put("sibling", "not for this job");
    stage.submit(&input, &stage.target("output"), &["--preset", "copy"]);
    urls(&look_for(stage, "jobs.r0", 1)[0])
}

/// The query of a grant on another path of the same storage.
fn moved(stage: &Stage<'_>, grant: &str, path: &str) -> String {
    let query = grant.split_once('?').expect("a grant has a query").1;
    format!("{}/{path}?{query}", stage.storage.endpoint())
}

fn with(url: &str, more: &str) -> String {
    format!("{url}&{more}")
}

/// Sends a request that storage must refuse, with 403 unless said otherwise, and that must change nothing.
#[track_caller]
fn refused(what: &str, method: &str, url: &str, body: &str) {
    let headers = [("x-ms-version", "2022-11-02"), ("x-ms-blob-type", "BlockBlob")];
    let answer = http::send(method, url, &headers, body).expect("storage answers");
    assert_eq!(answer.status, 403, "{what}: {} {}", answer.error_code(), answer.text());
}

#[test]
fn the_read_grant_reads_one_blob_and_does_nothing_else() {
    let stage = Stage::new();
    let [read, _] = grants_of_a_job(&stage);
    let answer = http::send("GET", &read, &[], ()).expect("storage answers");
    assert_eq!((answer.status, answer.body), (200, b"the input".to_vec()), "what it is for");

    let container = moved(&stage, &read, &stage.input);
    refused("list", "GET", &with(&container, "restype=container&comp=list"), "");
    refused("list all containers", "GET", &with(&moved(&stage, &read, ""), "comp=list"), "");
    refused("read a sibling", "GET", &moved(&stage, &read, &format!("{}/sibling", stage.input)), "");
    refused("read an output", "GET", &moved(&stage, &read, &stage.target("output")), "");
    refused("overwrite", "PUT", &read, "other bytes");
    refused("delete", "DELETE", &read, "");
    refused("add a block", "PUT", &with(&read, "comp=block&blockid=AAAA"), "other bytes");
    refused("change metadata", "PUT", &with(&read, "comp=metadata"), "");
    refused("snapshot", "PUT", &with(&read, "comp=snapshot"), "");
    refused("write elsewhere", "PUT", &moved(&stage, &read, &stage.target("output")), "other bytes");
    assert_eq!(stage.storage.get(&stage.input, "input"), b"the input");
    assert_eq!(stage.storage.list(&stage.output), Vec::<String>::new());
}

#[test]
fn the_write_grant_creates_one_blob_once_and_does_nothing_else() {
    let stage = Stage::new();
    let [_, create] = grants_of_a_job(&stage);
    let headers = [("x-ms-version", "2022-11-02"), ("x-ms-blob-type", "BlockBlob")];
    let answer = http::send("PUT", &create, &headers, "first").expect("storage answers");
    assert_eq!(answer.status, 201, "what it is for: {}", answer.text());

    let again = http::send("PUT", &create, &headers, "second").expect("storage answers");
    assert!([403, 409].contains(&again.status), "overwrite: {} {}", again.status, again.text());
    let container = moved(&stage, &create, &stage.output);
    refused("list", "GET", &with(&container, "restype=container&comp=list"), "");
    refused("read the output", "GET", &create, "");
    refused("read the input", "GET", &moved(&stage, &create, &format!("{}/input", stage.input)), "");
    refused("delete", "DELETE", &create, "");
    refused("write a sibling", "PUT", &moved(&stage, &create, &stage.target("sibling")), "bytes");
    refused("write to the input", "PUT", &moved(&stage, &create, &format!("{}/new", stage.input)), "bytes");
    refused("make a container", "PUT", &with(&moved(&stage, &create, "mine"), "restype=container"), "");
    assert_eq!(stage.storage.get(&stage.output, "output"), b"first");
    assert_eq!(stage.storage.list(&stage.output), ["output"]);
}

/// `valet grant` with a URL on standard input, as its help advises.
fn grant(stage: &Stage<'_>, arguments: &[&str], url: &str) -> Finished {
    stage.valet().args(["--json", "grant"]).args(arguments).stdin(url).run(COMMAND_TIMEOUT)
}

fn mint(stage: &Stage<'_>, arguments: &[&str]) -> String {
    let told = stage.json(0, &[&["grant", "mint"], arguments].concat());
    told[0]["url"].as_str().expect("a URL").to_owned()
}

#[test]
fn a_minted_grant_works_and_is_found_good() {
    let stage = Stage::new();
    let input = stage.put("a file.txt", "the bytes");
    let read = mint(&stage, &[&input, "--rights", "r", "--ttl", "2h"]);
    assert_eq!(http::send("GET", &read, &[], ()).expect("storage answers").body, b"the bytes");

    let verdict = grant(&stage, &["lint", "-"], &read).expect_code(0);
    let verdict: Value = serde_json::from_str(&verdict.stdout).expect("JSON");
    assert_eq!((&verdict["accepted"], &verdict["signature"]), (&true.into(), &"ours".into()), "{verdict:#}");
}

#[test]
fn a_grant_that_is_too_wide_is_refused_with_its_rule_and_a_remedy() {
    let stage = Stage::new();
    let input = stage.put("input", "bytes");
    let wide = mint(&stage, &[&input, "--rights", "rwd"]);
    let verdict = grant(&stage, &["lint", "-"], &wide).expect_code(65);
    let verdict: Value = serde_json::from_str(&verdict.stdout).expect("JSON");
    assert_eq!(verdict["accepted"], false, "{verdict:#}");
    let findings = verdict["findings"].as_array().expect("findings");
    let told = |finding: &Value| finding["rule"].is_string() && finding["advice"].is_string();
    assert!(!findings.is_empty() && findings.iter().all(told), "{verdict:#}");

    let tampered = wide.replace("sp=rwd", "sp=r");
    let verdict = grant(&stage, &["lint", "-"], &tampered);
    let verdict: Value = serde_json::from_str(&verdict.stdout).expect("JSON");
    assert_eq!(verdict["signature"], "not ours", "{verdict:#}");
}

#[test]
fn an_explanation_says_what_a_grant_opens_and_never_its_signature() {
    let stage = Stage::new();
    let url = mint(&stage, &[&stage.target("film.mp4"), "--rights", "c"]);
    let signature = url.split("sig=").nth(1).and_then(|rest| rest.split('&').next()).expect("a signature");
    let json = grant(&stage, &["explain", "-"], &url).expect_code(0).stdout;
    let text = stage.valet().args(["grant", "explain", "-"]).stdin(url.as_str()).run(COMMAND_TIMEOUT);
    let text = text.expect_code(0).stdout;
    for said in [&json, &text] {
        assert!(said.contains("film.mp4") && said.contains(&stage.output), "{said}");
        assert!(!said.contains(signature), "{said}");
    }
    assert!(text.contains("create"), "{text}");
}

#[test]
fn grants_for_what_azure_would_not_accept_are_not_minted() {
    let stage = Stage::new();
    for target in ["UPPER/blob", "in/trailing-dot.", "in/a//../b"] {
        let refused = stage.valet().args(["grant", "mint", target]).run(COMMAND_TIMEOUT);
        assert_eq!(refused.code, Some(65), "{target}: {}{}", refused.stdout, refused.stderr);
        assert!(
            refused.stdout.is_empty() && refused.stderr.contains("next:"),
            "{target}: {}",
            refused.stderr
        );
    }
}

#[test]
fn a_large_output_that_exists_is_refused_as_such_and_not_as_a_broken_connection() {
    let stage = Stage::new();
    let _worker = stage.worker();
    // Far more than socket buffers hold: storage may refuse, and close, before it has read all of it.
    let input = stage.put("input", vec![7_u8; 24 << 20]);
    stage.storage.put(&stage.output, "output", "was here before");
    let end = stage.run(1, &input, &stage.target("output"), &["--preset", "copy", "--timeout", "100s"]);
    assert_eq!((&end["state"], &end["reason"]), (&"failed".into(), &"output-exists".into()), "{end:#}");
    assert_eq!(stage.storage.get(&stage.output, "output"), b"was here before");
}
