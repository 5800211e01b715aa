//! `docs/presets.md` and the preset `probe-json`.

use serde_json::{Value, json};
use valet_preset::{Bounds, MediaFacts, Sources, catalogue_markdown};

use crate::door::Door;
use crate::studio::{clip, ffprobe, plan};

#[test]
fn the_document_is_the_catalogue() {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/presets.md");
    if std::env::var_os("VALET_BLESS").is_some() {
        std::fs::write(&path, catalogue_markdown()).expect("the document can be written");
    }
    let page = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(page == catalogue_markdown(), "docs/presets.md is old: VALET_BLESS=1 cargo test -p valet-preset");
}

fn probed(name: &str, tags: bool) -> Value {
    let (facts, bounds) = (MediaFacts::default(), Bounds::default());
    let sources = Sources { output: "/output", threads: 1, input_facts: &facts, bounds: &bounds };
    let argv = plan("probe-json", json!({ "tags": tags })).argv(0, &sources, None).expect("a plan");
    let done = ffprobe(&Door::open(&clip(name)).through(&argv));
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    let text = String::from_utf8(done.stdout).expect("JSON is UTF-8");
    assert!(!text.contains("127.0.0.1"), "the door's address is in the document");
    MediaFacts::from_ffprobe_json(text.as_bytes()).expect("the document is readable as facts");
    serde_json::from_str(&text).expect("the document is JSON")
}

#[test]
fn probe_json_tells_the_facts_and_no_tags_unless_asked() {
    let plain = probed("clip.mp4", false);
    assert_eq!(plain["format"]["duration"], "6.000000");
    assert_eq!(plain["streams"][0]["codec_name"], "h264");
    assert_eq!(plain["streams"][1]["sample_rate"], "48000");
    assert!(!plain.to_string().contains("52.5163"), "the place is a tag");
    let tagged = probed("clip.mp4", true);
    assert_eq!(tagged["format"]["tags"]["title"], "Harbour");
    assert_eq!(probed("clip.mkv", true)["chapters"][0]["tags"]["title"], "Quay");
    assert_eq!(probed("photo.jpg", false)["streams"][0]["codec_name"], "mjpeg");
}
