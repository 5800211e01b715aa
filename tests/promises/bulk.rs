//! Thousands of jobs at once: all or nothing is enqueued, every mistake is named, and doing it twice is harmless.

use serde_json::{Value, json};
use valet_testkit::{Finished, Folder, media};

use crate::backstage::{kind, look_for, urls, wait_for_depth};
use crate::stage::{COMMAND_TIMEOUT, Stage};

const LINES: usize = 2_000;

/// A JSONL manifest of copies of one input; the lines in `bad` (from 1) are replaced.
fn manifest(stage: &Stage<'_>, bad: &[(usize, String)]) -> String {
    let line = |number: usize| {
        let spoilt = bad.iter().find(|(at, _)| *at == number).map(|(_, text)| text.clone());
        let good = json!({ "input": format!("{}/input", stage.input), "output": stage.target(&format!("{number}")),
                           "preset": "copy" });
        spoilt.unwrap_or_else(|| good.to_string())
    };
    (1..=LINES).map(|number| line(number) + "\n").collect()
}

/// `valet submit` with a manifest on standard input.
fn submit(stage: &Stage<'_>, manifest: String, arguments: &[&str]) -> Finished {
    let program = stage.valet().args(["submit", "--manifest", "-"]).args(arguments);
    program.stdin(manifest).run(COMMAND_TIMEOUT)
}

#[test]
fn three_bad_lines_of_two_thousand_are_named_and_nothing_is_enqueued() {
    let stage = Stage::new();
    let input = format!("{}/input", stage.input);
    let bad = [
        (17, "{ not json".to_owned()),
        (1_000, json!({ "input": input, "output": stage.target("x"), "preset": "h264-721p" }).to_string()),
        (1_999, json!({ "input": input, "output": stage.target("16"), "preset": "copy" }).to_string()),
    ];
    let refused = submit(&stage, manifest(&stage, &bad), &[]).expect_code(65);
    for (said, why) in [("line 17", "column 3"), ("line 1000", "h264-720p"), ("line 1999", "line 16")] {
        let line = refused.stderr.lines().position(|line| line.starts_with(&format!("{said}:")));
        let line = line.unwrap_or_else(|| panic!("{said} is not named: {}", refused.stderr));
        let told = refused.stderr.lines().skip(line).take(3).collect::<Vec<_>>().join("\n");
        assert!(told.contains(why), "{said}: {told}");
    }
    assert!(refused.stderr.contains("3 of 2000"), "{}", refused.stderr);
    assert!(refused.stdout.is_empty(), "{}", refused.stdout);
    // One job sent afterwards is the only one there.
    stage.submit(&input, &stage.target("after"), &["--preset", "copy"]);
    let messages = look_for(&stage, "jobs.r0", 1);
    assert!(urls(&messages[0])[1].contains("/after?"), "nothing else was enqueued");
}

#[test]
fn two_thousand_good_lines_are_all_enqueued() {
    let stage = Stage::new();
    let sent = submit(&stage, manifest(&stage, &[]), &["--json"]).expect_code(0);
    let ids: std::collections::BTreeSet<String> = sent
        .stdout
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).expect("JSON lines")["id"].to_string())
        .collect();
    assert_eq!(ids.len(), LINES, "one line and one id a job");
    wait_for_depth(&stage, "jobs.r0", LINES as u64);
}

#[test]
fn bad_lines_are_left_out_only_when_asked_for() {
    let stage = Stage::new();
    let sent = submit(&stage, manifest(&stage, &[(5, "{}".to_owned())]), &["--skip-invalid"]).expect_code(0);
    assert!(sent.stderr.contains("line 5"), "{}", sent.stderr);
    wait_for_depth(&stage, "jobs.r0", LINES as u64 - 1);
}

#[test]
fn a_csv_of_jobs_runs_to_its_end_and_one_failure_makes_the_exit_code_1() {
    let stage = Stage::new();
    let _worker = stage.worker();
    let (clip, text) = (stage.put("clip.mp4", media::bytes("clip.mp4")), stage.put("text", "no film"));
    let (film, sound, bad) = (stage.target("clip.jpg"), stage.target("clip.m4a"), stage.target("text.jpg"));
    let folder = Folder::new("manifest");
    let path = folder.write(
        "jobs.csv",
        format!(
            "input,output,preset,param.width,tag.title\n{clip},{film},thumbnail,320,\"one, two\"\n\
             {clip},{sound},audio-aac,,\n{text},{bad},thumbnail,,\n"
        ),
    );
    let path = path.to_str().expect("UTF-8");
    let ends = stage.json(1, &["submit", "--manifest", path, "--wait", "--timeout", "90s"]);
    let mut told: Vec<(String, String)> = ends
        .iter()
        .map(|end| (end["state"].to_string(), end["reason"].as_str().unwrap_or_default().to_owned()))
        .collect();
    told.sort();
    let (good, bad) = (r#""succeeded""#.to_owned(), r#""failed""#.to_owned());
    assert_eq!(told, [(bad, "not-media".into()), (good.clone(), String::new()), (good, String::new())]);
    assert_eq!(stage.storage.list(&stage.output), ["clip.jpg", "clip.m4a"]);

    expect_told_after_the_fact(&stage, &ends);
}

/// `status`, `list` and `events` tell the same of jobs that have ended.
#[track_caller]
fn expect_told_after_the_fact(stage: &Stage<'_>, ends: &[Value]) {
    let ids: Vec<&str> = ends.iter().map(|end| end["id"].as_str().expect("an id")).collect();
    let states = stage.json(0, &[&["status"], ids.as_slice()].concat());
    for (end, state) in ends.iter().zip(&states) {
        assert_eq!((&end["id"], &end["state"]), (&state["id"], &state["state"]), "{state:#}");
    }
    let listed = stage.json(0, &["list", "--state", "failed"]);
    assert_eq!(listed.len(), 1, "{listed:?}");
    for end in ends {
        let reports = stage.reports(end["id"].as_str().expect("an id"));
        // The producer tells of a job once the broker has it, and a worker may be quicker.
        let (of_producer, kinds): (Vec<&str>, Vec<&str>) =
            reports.iter().map(kind).partition(|kind| *kind == "submitted");
        assert_eq!(of_producer, ["submitted"]);
        assert_eq!(kinds.first(), Some(&"accepted"), "{kinds:?}");
        assert_eq!(kinds.last().copied(), end["state"].as_str(), "{kinds:?}");
    }
}

#[test]
fn a_glob_over_a_blob_container_makes_one_job_a_blob() {
    let stage = Stage::new();
    for blob in ["raw/a.mov", "raw/deep/er/b.mov", "raw/c.txt", "other/d.mov", "raw/e f+ü.mov"] {
        stage.put(blob, "bytes");
    }
    let pattern = format!("{}/raw/**/*.mov", stage.input);
    let told = stage.json(0, &["submit", &pattern, &stage.target("{path}/{stem}.bin"), "--preset", "copy"]);
    let mut outputs: Vec<&str> = told.iter().map(|job| job["output"].as_str().expect("an output")).collect();
    outputs.sort_unstable();
    let expected = ["raw/a.bin", "raw/deep/er/b.bin", "raw/e f+ü.bin"].map(|blob| stage.target(blob));
    assert_eq!(outputs, expected);

    let _worker = stage.worker();
    for job in &told {
        let end = stage.wait(0, job["id"].as_str().expect("an id"));
        assert_eq!(end["state"], "succeeded", "{end:#}");
    }
    assert_eq!(stage.storage.list(&stage.output).len(), 3);
}

#[test]
fn a_template_in_which_two_blobs_collide_is_refused_whole() {
    let stage = Stage::new();
    stage.put("one/same.mov", "bytes");
    stage.put("two/same.mov", "bytes");
    let (pattern, template) = (format!("{}/**/*.mov", stage.input), stage.target("{stem}.mp4"));
    let refused =
        stage.valet().args(["submit", &pattern, &template, "--preset", "copy"]).run(COMMAND_TIMEOUT);
    let refused = refused.expect_code(65);
    assert!(
        refused.stderr.contains("listed blob 2") && refused.stderr.contains("same"),
        "{}",
        refused.stderr
    );
    stage.submit(&format!("{}/one/same.mov", stage.input), &stage.target("after"), &["--preset", "copy"]);
    assert!(urls(&look_for(&stage, "jobs.r0", 1)[0])[1].contains("/after?"), "nothing else was enqueued");
}

#[test]
fn a_dry_run_enqueues_nothing_and_shows_no_signature() {
    let stage = Stage::new();
    let input = stage.put("input", "bytes");
    let output = stage.target("output");
    for json in [&["--json"][..], &[]] {
        let words = ["submit", &input, &output, "--preset", "copy", "--dry-run", "-vv"];
        let shown = stage.valet().args(json).args(words).run(COMMAND_TIMEOUT).expect_code(0);
        assert!(shown.stdout.contains("output") && shown.stdout.contains("copy"), "{}", shown.stdout);
        let said = format!("{}{}", shown.stdout, shown.stderr);
        assert!(!said.contains("sig="), "{said}");
    }
    stage.submit(&input, &stage.target("after"), &["--preset", "copy"]);
    assert!(urls(&look_for(&stage, "jobs.r0", 1)[0])[1].contains("/after?"), "nothing else was enqueued");
}

#[test]
fn the_same_work_under_the_same_key_is_one_job_with_one_output() {
    let stage = Stage::new();
    let input = stage.put("clip.mp4", media::bytes("clip.mp4"));
    let output = stage.target("clip.jpg");
    let again = ["--preset", "thumbnail", "--idempotency-key", "nightly"];
    let first = stage.submit(&input, &output, &again);
    let second = stage.submit(&input, &output, &again);
    assert_eq!(first, second, "the same work has the same id");
    let other = stage.submit(&input, &stage.target("other.jpg"), &again);
    assert_ne!(first, other);

    let _worker = stage.worker();
    assert_eq!(stage.wait(0, &other)["state"], "succeeded");
    assert_eq!(stage.wait(0, &first)["state"], "succeeded");
    let etag = stage.storage.head(&stage.output, "clip.jpg").expect("the output").etag;
    let end = stage.run(0, &input, &output, &again);
    assert_eq!(
        (end["id"].as_str(), end["state"].as_str()),
        (Some(first.as_str()), Some("succeeded")),
        "{end:#}"
    );
    assert_eq!(stage.storage.head(&stage.output, "clip.jpg").expect("the output").etag, etag, "written once");
    assert_eq!(stage.storage.list(&stage.output), ["clip.jpg", "other.jpg"]);
}
