//! Manifests: every bad line is told with its number, and nothing is enqueued unless all are good.

use crate::harness::valet;

const DRY: &str = "submit -p copy --dry-run --idempotency-key k --manifest";

#[test]
fn manifests_that_cannot_be_read_are_explained() {
    valet(&format!("{DRY} nowhere.jsonl")).storage().golden("manifest-missing");
    valet(&format!("{DRY} jobs.txt")).storage().file("jobs.txt", "").golden("manifest-unknown-format");
    valet(&format!("{DRY} jobs.csv"))
        .storage()
        .file("jobs.csv", "input,colour\n")
        .golden("manifest-bad-column");
    valet(&format!("{DRY} jobs.csv"))
        .storage()
        .file("jobs.csv", "output\nout/a\n")
        .golden("manifest-no-input");
    valet(&format!("{DRY} jobs.csv")).storage().file("jobs.csv", "input,output\n").golden("manifest-empty");
}

const BAD: &str = r#"{"input":"raw/a.mov","output":"out/a.mov"}
{"input":"raw/b.mov"}
not json

{"input":"raw/c.mov","output":"out/a.mov"}
{"input":"raw/d.mov","output":"out/d.mov","colour":"red"}
{"input":"raw/e.mov","output":"out/e.mov","preset":"h264-720p","params":{"crf":"a lot"}}
{"input":7,"output":"out/f.mov"}
{"input":"raw/g.mov","output":"out/g.mov","ttl":"1m"}
{"input":"raw/h.mov","output":"out/h.mov"}
"#;

#[test]
fn every_bad_line_is_told_and_nothing_is_enqueued() {
    valet(&format!("{DRY} jobs.jsonl")).storage().file("jobs.jsonl", BAD).golden("manifest-bad-lines");
    valet(&format!("{DRY} jobs.jsonl --json"))
        .storage()
        .file("jobs.jsonl", BAD)
        .golden("manifest-bad-lines-json");
}

#[test]
fn good_lines_go_alone_when_that_is_asked_for() {
    valet(&format!("{DRY} - --skip-invalid")).storage().stdin(BAD).golden("manifest-skip-invalid");
}

#[test]
fn csv_lines_are_told_like_json_lines() {
    let csv = "input,output,param.crf,preset\nraw/a.mov,out/a.mp4,23,h264-720p\nraw/b.mov,out/b.mp4\n\
               raw/c.mov,out/c.mp4,-1,h264-720p\n";
    valet(&format!("{DRY} jobs.csv")).storage().file("jobs.csv", csv).golden("manifest-bad-csv");
}

#[test]
fn templates_of_the_command_line_serve_the_whole_manifest() {
    let lines = "{\"input\":\"raw/x/a.mov\"}\n{\"input\":\"raw/y/a.mov\"}\n";
    let run = |template: &str| valet(&format!("{DRY} - --output {template}")).storage().stdin(lines);
    run("out/{path}/{name}").golden("manifest-template");
    run("out/{name}").golden("manifest-collision");
}

#[test]
fn twenty_thousand_lines_are_checked_in_one_go() {
    let lines: String =
        (0..20_000).map(|n| format!("{{\"input\":\"raw/{n}.mov\",\"output\":\"out/{n}.mov\"}}\n")).collect();
    let finished = valet("submit -p copy --dry-run --json --manifest -").storage().stdin(&lines).finish();
    let finished = finished.expect_code(0);
    assert_eq!(finished.stdout.lines().count(), 20_000);
    let ids: std::collections::HashSet<_> = finished.stdout.lines().map(|line| &line[..45]).collect();
    assert_eq!(ids.len(), 20_000, "ids are unique");
}
