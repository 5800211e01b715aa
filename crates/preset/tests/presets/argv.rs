//! The argument list of every preset, as a snapshot: a changed option is seen in review, and asks for a new
//! version when it changes the result.

use serde_json::json;
use valet_preset::{
    AudioFacts, Bounds, INPUT_URL, MediaFacts, PresetError, Sources, Transfer, VideoFacts, Work, catalogue,
    probe_argv,
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

/// Every call that is ever made for a preset: the probe, and each pass.
fn calls() -> Vec<(&'static str, Vec<String>)> {
    let mut calls = vec![("the probe", probe_argv(&Bounds::default()))];
    for info in catalogue().iter().map(|preset| preset.info()).filter(|info| info.work != Work::Copy) {
        calls.push((info.name, argv(info.name, json!({}), &camera()).expect("it suits")));
    }
    calls
}

/// The value of `option` in front of the input.
fn before_input<'a>(argv: &'a [String], option: &str) -> Option<&'a str> {
    let mut words = argv.iter().take_while(|word| *word != "-i");
    words.find(|word| *word == option)?;
    words.next().map(String::as_str)
}

#[test]
fn every_call_is_hardened() {
    for (name, argv) in calls() {
        for option in [
            "-format_whitelist",
            "-codec_whitelist",
            "-max_streams",
            "-max_pixels",
            "-max_alloc",
            "-probesize",
        ] {
            assert!(before_input(&argv, option).is_some(), "{name} lacks {option}");
        }
        assert_eq!(before_input(&argv, "-protocol_whitelist"), Some("http,tcp"), "{name}");
        let inputs: Vec<_> = argv.windows(2).filter(|pair| pair[0] == "-i").map(|pair| &pair[1]).collect();
        assert_eq!(inputs, [INPUT_URL], "{name}");
    }
}

#[test]
fn nothing_that_opens_what_its_input_names_is_on_a_list() {
    for (name, argv) in calls() {
        let demuxers = before_input(&argv, "-format_whitelist").expect("it is hardened").split(',');
        for demuxer in demuxers {
            let banned = [
                "hls",
                "dash",
                "concat",
                "concatf",
                "sdp",
                "rtsp",
                "rtp",
                "imf",
                "image2",
                "image2pipe",
                "lavfi",
                "tty",
                "vobsub",
                "svg_pipe",
                "mlv",
                "webm_dash_manifest",
                "bluray",
                "dvd",
                "avisynth",
                "libgme",
                "libopenmpt",
                "mpegtsraw",
            ];
            assert!(!banned.contains(&demuxer), "{name} opens {demuxer}");
        }
        let decoders = before_input(&argv, "-codec_whitelist").expect("it is hardened").split(',');
        for decoder in decoders {
            // They read other files, draw fonts of the machine, run scripts, or hand work to a device.
            let banned =
                ["librsvg", "libaribb24", "libaribcaption", "ansi", "wrapped_avframe", "sami", "realtext"];
            let device = ["_cuvid", "_qsv", "_v4l2m2m", "_amf", "_mediacodec", "_rkmpp", "_mmal"];
            let on_device = device.iter().any(|ending| decoder.ends_with(ending));
            assert!(!banned.contains(&decoder) && !on_device, "{name} decodes {decoder}");
        }
    }
}

#[test]
fn decoders_are_those_of_the_input_s_kind() {
    let argv = |preset: &str| argv(preset, json!({}), &camera()).expect("it suits");
    let decoders = |argv: &[String]| {
        let list = before_input(argv, "-codec_whitelist").expect("it is hardened").to_owned();
        list.split(',').map(str::to_owned).collect::<Vec<_>>()
    };
    let has = |list: &[String], name: &str| list.iter().any(|decoder| decoder == name);
    let film = decoders(&argv("h264-720p"));
    assert!(has(&film, "h264") && has(&film, "aac") && !has(&film, "png") && !has(&film, "srt"), "{film:?}");
    let picture = decoders(&argv("image-webp"));
    assert!(has(&picture, "png") && !has(&picture, "h264") && !has(&picture, "aac"), "{picture:?}");
    let probe = decoders(&probe_argv(&Bounds::default()));
    assert!(["h264", "aac", "png", "srt"].iter().all(|name| has(&probe, name)), "{probe:?}");
}

#[test]
fn bounds_are_in_the_argument_list_and_never_wider_than_the_crate_s() {
    let few = Bounds { duration_seconds: 90, pixels: 5_000_000, frames: 3_000, streams: 4 };
    let wide = Bounds { duration_seconds: u32::MAX, pixels: u32::MAX, frames: u64::MAX, streams: u32::MAX };
    assert_eq!((few.least(wide), wide.least(wide)), (few, Bounds::default()));
    let facts = camera();
    let sources = Sources { output: "/output", threads: 2, input_facts: &facts, bounds: &few };
    let argv = plan("h264-720p", json!({})).argv(0, &sources, None).expect("it is within");
    for (option, value) in [("-t", "90"), ("-max_pixels", "5000000"), ("-max_streams", "4")] {
        assert_eq!(before_input(&argv, option), Some(value));
    }
    let probe = probe_argv(&few);
    assert_eq!(before_input(&probe, "-max_pixels"), Some("5000000"));
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
fn inputs_over_a_bound_are_refused_by_its_name() {
    let refused = |facts: &MediaFacts| argv("h264-720p", json!({}), facts).expect_err("too much").to_string();
    let start = "preset h264-720p does not take this input: ";
    let long = MediaFacts { duration_seconds: Some(90_000.0), ..camera() };
    assert_eq!(refused(&long), format!("{start}it says that it is 90000 s long, the limit is 86400 s"));
    let mut large = camera();
    large.video.as_mut().expect("video").width = 1_000_000;
    assert_eq!(refused(&large), format!("{start}its picture has 1080000000 pixels, the limit is 100000000"));
    let mut fast = MediaFacts { duration_seconds: Some(80_000.0), ..camera() };
    fast.video.as_mut().expect("video").frames_per_second = Some(240.0);
    let frames = "it has 19200000 pictures by its own account, the limit is 10368000";
    assert_eq!(refused(&fast), format!("{start}{frames}"));
    fast.video.as_mut().expect("video").frames = Some(10);
    assert_eq!(fast.exceeds(&Bounds::default()), None, "a count is better than a guess");
    let many = MediaFacts { streams: 33, ..camera() };
    assert_eq!(refused(&many), format!("{start}it has more than 32 streams"));
}
