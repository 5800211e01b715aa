//! Picture presets on real clips: codec, size, frames, orientation, and no word of the camera.
//! `VALET_LOOK=folder` keeps what they make, to look at.

use serde_json::{Value, json};

use crate::studio::{self, Take, clip, ffmpeg, shoot};

/// As [`studio::take`]; keeps the picture when asked to.
fn take(preset: &str, name: &str, params: Value) -> Take {
    let take = studio::take(preset, name, params.clone());
    if let Ok(folder) = std::env::var("VALET_LOOK") {
        let words: String = params.to_string().chars().filter(char::is_ascii_alphanumeric).collect();
        let kept = format!("{folder}/{preset}-{name}-{words}.{}", take.plan.info.output_extension);
        std::fs::copy(&take.path, kept).expect("the folder of VALET_LOOK exists");
    }
    take
}

/// The picture's pixels as 8-bit grey, `width` by `height`.
fn grey(take: &Take, (width, height): (u32, u32)) -> Vec<u8> {
    let path = take.path.to_str().expect("UTF-8");
    let filter = format!("scale={width}:{height}:flags=area,format=gray");
    let done = ffmpeg(&[
        "-v",
        "error",
        "-nostdin",
        "-i",
        path,
        "-vf",
        &filter,
        "-frames:v",
        "1",
        "-f",
        "rawvideo",
        "-",
    ]);
    assert_eq!(done.stdout.len(), (width * height) as usize, "{}", String::from_utf8_lossy(&done.stderr));
    done.stdout
}

#[test]
fn thumbnail_at_a_time_and_at_a_share() {
    let at_time = take("thumbnail", "clip.mp4", json!({ "at_seconds": 3.0, "width": 320 }));
    assert_eq!((at_time.video_codec(), at_time.size()), ("mjpeg", (320, 180)));
    let at_share = take("thumbnail", "clip.mp4", json!({ "at_percent": 50, "width": 320 }));
    assert_eq!(at_time.bytes(), at_share.bytes(), "half of six seconds is three");
    let start = take("thumbnail", "clip.mp4", json!({ "at_percent": 0, "width": 320 }));
    assert!(start.bytes() != at_time.bytes(), "the clip moves");
}

#[test]
fn thumbnail_of_the_very_end_shows_the_last_picture() {
    for name in ["clip.mp4", "clip.mkv", "portrait.mov", "anamorphic.ts", "odd.mkv"] {
        take("thumbnail", name, json!({ "at_percent": 100 }));
    }
}

#[test]
fn thumbnail_is_upright_and_never_larger_than_the_source() {
    assert_eq!(take("thumbnail", "portrait.mov", json!({})).size(), (360, 640));
    assert_eq!(take("thumbnail", "anamorphic.ts", json!({ "width": 2000 })).size(), (1024, 576));
    assert_eq!(take("thumbnail", "odd.mkv", json!({})).size(), (161, 91));
    assert_eq!(take("thumbnail", "photo.jpg", json!({ "width": 300 })).size(), (300, 400));
}

#[test]
fn thumbnail_of_hdr_has_the_brightness_of_the_same_scene() {
    let hdr = grey(&take("thumbnail", "hdr.mp4", json!({ "at_seconds": 0.2 })), (8, 8));
    let sdr = grey(&take("thumbnail", "clip.mp4", json!({ "at_seconds": 0.2 })), (8, 8));
    let mean = |pixels: &[u8]| pixels.iter().map(|pixel| f64::from(*pixel)).sum::<f64>() / 64.0;
    let (hdr, sdr) = (mean(&hdr), mean(&sdr));
    assert!((hdr - sdr).abs() < 15.0, "mean {hdr} in HDR, {sdr} in SDR");
}

#[test]
fn thumbnail_behind_the_end_says_where_the_end_is() {
    let why = shoot("thumbnail", &clip("clip.mp4"), json!({ "at_seconds": 7 })).err().expect("six seconds");
    assert_eq!(
        why,
        "preset thumbnail cannot be used on this input: position 7 s lies behind its end at 6.000 s"
    );
}

#[test]
fn sprite_sheet_by_count_and_by_interval() {
    let by_count = take("sprite-sheet", "clip.mp4", json!({ "count": 12, "columns": 4, "tile_width": 160 }));
    assert_eq!((by_count.video_codec(), by_count.size()), ("mjpeg", (640, 270)));
    let by_step = take("sprite-sheet", "clip.mp4", json!({ "interval_seconds": 0.5, "columns": 4 }));
    assert_eq!(by_count.bytes(), by_step.bytes(), "twelve tiles of half a second");
    assert_eq!(take("sprite-sheet", "portrait.mov", json!({ "count": 7, "columns": 4 })).size(), (640, 568));
}

#[test]
fn sprite_sheet_shows_pictures_to_its_last_tile() {
    let sheet = take("sprite-sheet", "clip.mkv", json!({ "count": 16, "columns": 4 }));
    let tiles = grey(&sheet, (4, 4));
    assert!(tiles.iter().all(|tile| *tile > 24), "a tile is black: {tiles:?}");
}

#[test]
fn sprite_sheet_of_a_long_film_reads_keyframes_only() {
    let folder = tempfile::TempDir::new().expect("a folder");
    let path = folder.path().join("long.mp4");
    let text = path.to_str().expect("UTF-8");
    let source = "testsrc2=s=160x90:d=240:r=2";
    let long =
        ["-v", "error", "-nostdin", "-f", "lavfi", "-i", source, "-preset", "ultrafast", "-g", "8", text];
    assert!(ffmpeg(&long).status.success(), "the long clip was not made");
    let sheet =
        shoot("sprite-sheet", &path, json!({ "interval_seconds": 30, "columns": 8 })).expect("a sheet");
    assert_eq!(sheet.size(), (1280, 90));
    let pixels = grey(&sheet, (64, 8));
    let tiles: std::collections::BTreeSet<Vec<u8>> =
        (0..8).map(|tile| (0..64).map(|at| pixels[at / 8 * 64 + tile * 8 + at % 8]).collect()).collect();
    assert_eq!(tiles.len(), 8, "tiles are alike");
}

#[test]
fn sprite_sheet_that_would_be_too_large_names_the_limit() {
    let params = json!({ "count": 2000, "columns": 1, "tile_width": 640 });
    let why = shoot("sprite-sheet", &clip("clip.mp4"), params).err().expect("720,000 rows of pixels");
    assert!(why.ends_with("the picture would be 640x720000 pixels, the limit is 8192 a side"), "{why}");
}

#[test]
fn preview_gif_of_a_film_loops() {
    let gif = take("preview-gif", "clip.mp4", json!({ "seconds": 2, "width": 240, "fps": 8 }));
    assert_eq!((gif.video_codec(), gif.size()), ("gif", (240, 134)));
    assert!((gif.seconds() - 2.0).abs() < 0.2, "{} s", gif.seconds());
    assert!(gif.bytes().windows(11).any(|word| word == b"NETSCAPE2.0"), "it does not loop");
    assert_eq!(take("preview-gif", "portrait.mov", json!({})).size(), (320, 568));
}

#[test]
fn preview_webp_of_a_film_is_animated() {
    let webp = take("preview-webp", "clip.mp4", json!({ "seconds": 2, "width": 320, "fps": 8 }));
    let bytes = webp.bytes();
    assert_eq!((&bytes[..4], &bytes[8..16]), (&b"RIFF"[..], &b"WEBPVP8X"[..]));
    let side = |at: usize| u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], 0]) + 1;
    assert_eq!((side(24), side(27)), (320, 180));
    let frames = bytes.windows(4).filter(|four| *four == b"ANMF").count();
    assert!((14..=17).contains(&frames), "{frames} frames in 2 s at 8/s");
}

#[test]
fn waveform_png_shows_silence_and_tone() {
    let params = json!({ "width": 500, "height": 100, "color": "white", "background": "black" });
    let wave = take("waveform-png", "silence-and-tone.wav", params);
    assert_eq!((wave.video_codec(), wave.size()), ("png", (500, 100)));
    let fifths = grey(&wave, (5, 1));
    assert!(fifths[0] < 20 && fifths[4] < 20, "silence is drawn: {fifths:?}");
    assert!(fifths[2] > 80 && fifths[3] > 80, "the tone is missing: {fifths:?}");
}

#[test]
fn waveform_png_of_every_kind_of_sound() {
    for name in ["clip.mp4", "clip.mkv", "clip.mp3", "quiet.flac", "silence.wav", "anamorphic.ts"] {
        assert_eq!(take("waveform-png", name, json!({})).size(), (1200, 200));
    }
}

#[test]
fn image_webp_is_upright_and_knows_nothing_of_the_camera() {
    let photo = take("image-webp", "photo.jpg", json!({ "width": 400 }));
    assert_eq!((photo.video_codec(), photo.size()), ("webp", (400, 533)));
    let bytes = photo.bytes();
    for word in ["Exif", "EXIF", "Valet Test Camera", "XMP"] {
        assert!(!bytes.windows(word.len()).any(|part| part == word.as_bytes()), "{word} is still there");
    }
    assert_eq!(take("image-webp", "photo.jpg", json!({})).size(), (600, 800), "never larger");
}

#[test]
fn image_webp_keeps_transparency() {
    for params in [json!({}), json!({ "lossless": true })] {
        let graphic = take("image-webp", "graphic.png", params);
        let format = &graphic.output.video.as_ref().expect("a picture").pixel_format;
        assert!(["yuva420p", "argb", "bgra"].contains(&format.as_str()), "{format} has no alpha");
    }
}
