//! The main job: a producer mints and enqueues, a worker without a key reads, transcodes, stores and reports.

use valet_testkit::media;

use crate::stage::Stage;

#[test]
fn a_clip_becomes_a_720p_mp4() {
    let stage = Stage::new();
    let _worker = stage.worker();
    let input = stage.put("holiday/clip.mp4", media::bytes("clip.mp4"));
    let end = stage.run(0, &input, &stage.target("clip.mp4"), &["--preset", "h264-720p"]);
    assert_eq!(end["state"], "succeeded", "{end}");
    let head = stage.storage.head(&stage.output, "clip.mp4").expect("the output is there");
    println!("{end:#}\n{head:?}");
}
