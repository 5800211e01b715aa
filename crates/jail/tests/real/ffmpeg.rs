//! ffmpeg itself, as it is installed here: its output is whole at either level, also when it moves the index to the
//! front, which opens the output twice.

use std::path::{Path, PathBuf};

use valet_jail::{Level, Limits};

use crate::support::{LIMITS, Rig, levels};

const FFMPEG_LIMITS: Limits = Limits { data_bytes: 1 << 30, ..LIMITS };

fn ffmpeg() -> Option<PathBuf> {
    let folders = std::env::var_os("PATH")?;
    let found =
        std::env::split_paths(&folders).map(|folder| folder.join("ffmpeg")).find(|path| path.is_file());
    if found.is_none() {
        eprintln!("no ffmpeg here: not tested");
    }
    found
}

async fn encode(rig: &Rig, level: Level, options: &str) -> Vec<u8> {
    let mut output = rig.output();
    let line = format!("ffmpeg -nostdin -hide_banner -v error {options} -y {}", level.output_path());
    let words: Vec<&str> = line.split_ascii_whitespace().collect();
    let finished = rig.run(level, FFMPEG_LIMITS, Some(&mut output), &words).await;
    assert_eq!(finished.code(), 0, "{level}: {finished:?}");
    let mut bytes = Vec::new();
    std::io::Read::read_to_end(&mut output.file().as_ref(), &mut bytes).expect("the output");
    bytes
}

#[tokio::test]
async fn an_image_is_written() {
    let Some(ffmpeg) = ffmpeg() else { return };
    let rig = Rig::with(&[("ffmpeg", Path::new(&ffmpeg))]);
    for level in levels() {
        let image = encode(&rig, level, "-f lavfi -i color -frames:v 1 -c:v png -f image2pipe").await;
        assert!(
            image.starts_with(b"\x89PNG") && image.ends_with(b"IEND\xaeB`\x82"),
            "{level}: {} bytes",
            image.len()
        );
    }
}

#[tokio::test]
async fn index_of_a_film_comes_to_the_front() {
    let Some(ffmpeg) = ffmpeg() else { return };
    let rig = Rig::with(&[("ffmpeg", Path::new(&ffmpeg))]);
    let source = "-f lavfi -i testsrc=duration=2:size=320x240:rate=25 -c:v mpeg4 -threads 2 -f mp4";
    for level in levels() {
        let film = encode(&rig, level, &format!("{source} -movflags +faststart")).await;
        let boxes = boxes(&film);
        let place = |name: &[u8; 4]| boxes.iter().position(|(found, _)| found == name);
        assert!(place(b"moov").is_some() && place(b"moov") < place(b"mdat"), "{level}: {boxes:?}");
        // The boxes fill the file: nothing was written over anything else.
        assert_eq!(boxes.iter().map(|(_, size)| size).sum::<usize>(), film.len(), "{level}: {boxes:?}");
    }
}

/// Names and sizes of the boxes at the top of an mp4 file.
fn boxes(film: &[u8]) -> Vec<([u8; 4], usize)> {
    let mut found = Vec::new();
    let mut rest = film;
    while let Some((size, after)) = rest.split_first_chunk::<4>() {
        let size = u32::from_be_bytes(*size) as usize;
        let Some((name, _)) = after.split_first_chunk::<4>() else { break };
        found.push((*name, size));
        if size < 8 || size > rest.len() {
            break;
        }
        rest = &rest[size..];
    }
    found
}
