//! The argument list of every preset, as a snapshot: a changed option is seen in review, and asks for a new
//! version when it changes the result.

use serde_json::json;
use valet_preset::{
    AudioFacts, Bounds, MediaFacts, PresetError, Sources, Transfer, VideoFacts, Work, catalogue,
};

use crate::studio::{argv, plan};

/// A camera's full HD clip of a minute.
fn camera() -> MediaFacts {
    MediaFacts {
        format: "mov,mp4,m4a,3gp,3g2,mj2".into(),
        duration_seconds: Some(60.0),
        video: Some(VideoFacts {
            codec: "h264".into(),
            width: 1920,
            height: 1080,
            pixel_aspect: 1.0,
            pixel_format: "yuv420p".into(),
            frames_per_second: Some(25.0),
            ..VideoFacts::default()
        }),
        audio: Some(AudioFacts { index: 1, codec: "aac".into(), channels: 6, sample_rate: 48_000 }),
        ..MediaFacts::default()
    }
}

/// What loudnorm prints, behind words that a file put there.
const MEASURED: &str = "title: {\"input_i\" : \"0\"}\n[Parsed_loudnorm_0 @ 0x5]\n{\n\t\"input_i\" : \"-27.61\",\n\
\t\"input_tp\" : \"-4.47\",\n\t\"input_lra\" : \"18.06\",\n\t\"input_thresh\" : \"-39.20\",\n\
\t\"output_i\" : \"-16.58\",\n\t\"target_offset\" : \"0.58\"\n}\nsize=N/A time=00:00:06.00\n";

#[test]
fn argument_lists_are_as_agreed() {
    let facts = camera();
    let sources = Sources { output: "/output", threads: 2, input_facts: &facts, bounds: &Bounds::default() };
    let mut page = String::new();
    for info in catalogue().iter().map(|preset| preset.info()) {
        let plan = plan(info.name, json!({}));
        let passes = if let Work::Transcode(passes) = plan.work { passes.len() } else { 1 };
        for pass in (0..passes).filter(|_| plan.work != Work::Copy) {
            let argv =
                plan.argv(pass, &sources, Some(MEASURED)).expect("the camera's clip suits every preset");
            page += &format!(
                "{} pass {pass}\n    {}\n",
                info.name,
                argv.join("\n    ").replace("\n    -", "\n  -")
            );
        }
    }
    insta::assert_snapshot!(page);
}

#[test]
fn argument_lists_follow_the_source() {
    let mut hdr = camera();
    let video = hdr.video.as_mut().expect("the camera has video");
    (video.transfer, video.interlaced, video.rotation_degrees) = (Transfer::Hlg, true, 90);
    let filters = |preset: &str, facts: &MediaFacts| {
        let argv = argv(preset, json!({}), facts).expect("it suits");
        let place = argv.iter().position(|word| word == "-vf").expect("there are filters");
        argv[place + 1].clone()
    };
    insta::assert_snapshot!(filters("h264-720p", &hdr));
    let mut tiny = camera();
    let video = tiny.video.as_mut().expect("the camera has video");
    (video.width, video.height) = (31, 17);
    assert!(filters("av1-720p", &tiny).contains("scale=30:16:flags=lanczos,setsar=1,pad=64:64:-1:-1"));
}

#[test]
fn nothing_but_our_words_and_numbers_is_in_an_argument_list() {
    // Facts come from a hostile file; their words (codec, format, pixel format) must not go on.
    let mut facts = camera();
    facts.format = "CANARY".into();
    let video = facts.video.as_mut().expect("the camera has video");
    video.pixel_format = "CANARY".into();
    video.codec = "CANARY".into();
    for info in catalogue().iter().map(|preset| preset.info()).filter(|info| info.name != "remux-mp4") {
        if let Ok(argv) = argv(info.name, json!({}), &facts) {
            assert!(!argv.iter().any(|word| word.contains("CANARY")), "{}: {argv:?}", info.name);
        }
    }
    assert!(matches!(argv("remux-mp4", json!({}), &facts), Err(PresetError::Unsuited { .. })));
}

#[test]
fn every_call_is_hardened() {
    for info in catalogue().iter().map(|preset| preset.info()).filter(|info| info.work != Work::Copy) {
        let argv = argv(info.name, json!({}), &camera()).expect("it suits");
        let before_input: Vec<_> = argv.iter().take_while(|word| *word != "-i").collect();
        for option in [
            "-protocol_whitelist",
            "-format_whitelist",
            "-max_streams",
            "-max_pixels",
            "-max_alloc",
            "-probesize",
        ] {
            assert!(before_input.iter().any(|word| *word == option), "{} lacks {option}", info.name);
        }
        for demuxer in ["hls", "dash", "concat", "sdp", "rtsp", "imf", "image2", "lavfi", "tty", "svg_pipe"] {
            assert!(!argv.iter().any(|word| word.split(',').any(|name| name == demuxer)), "{demuxer}");
        }
    }
}

#[test]
fn output_names_that_could_steer_ffmpeg_are_refused() {
    let facts = camera();
    let plan = plan("thumbnail", json!({}));
    for output in ["/scratch/", "", "/scratch/out%03d", "/scratch/out*", "/scratch/out\nput"] {
        let sources = Sources { output, threads: 2, input_facts: &facts, bounds: &Bounds::default() };
        let refused = plan.argv(0, &sources, None);
        assert!(matches!(refused, Err(PresetError::UnsafeName { .. })), "{output:?}");
    }
}

#[test]
fn a_measurement_is_numbers_or_an_error() {
    let facts = camera();
    let plan = plan("loudnorm-aac", json!({}));
    let sources = Sources { output: "/output", threads: 2, input_facts: &facts, bounds: &Bounds::default() };
    for bad in
        [None, Some(""), Some("{}"), Some("{\"input_i\":\"a,b\"}"), Some(&*MEASURED.replace("-4.47", "nan"))]
    {
        let why = plan.argv(1, &sources, bad).expect_err("no figures");
        assert!(matches!(why, PresetError::Measurement { .. }), "{why}");
    }
    assert!(matches!(plan.argv(2, &sources, None), Err(PresetError::NoSuchPass { pass: 2, .. })));
    let loud =
        plan.argv(1, &sources, Some(&MEASURED.replace("-4.47", "1e300"))).expect("figures are clamped");
    assert!(loud.iter().any(|word| word.contains("measured_TP=99:")), "{loud:?}");
}

#[test]
fn inputs_of_more_than_a_day_are_refused() {
    let facts = MediaFacts { duration_seconds: Some(90_000.0), ..camera() };
    let why = argv("h264-720p", json!({}), &facts).expect_err("too long");
    assert!(why.to_string().ends_with("it says that it is 90000 s long, the limit is 86400 s"), "{why}");
}
