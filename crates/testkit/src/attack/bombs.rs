//! Small files that ask for much: pictures, time.

use std::path::Path;
use std::time::Duration;

use crate::{Program, media};

/// Longest that one may take to make.
const MAKE_TIMEOUT: Duration = Duration::from_secs(120);

/// A PNG of less than a megabyte that is 15,000 pixels wide and high: 675 MB once it is decoded.
///
/// # Panics
/// When ffmpeg is missing or fails.
pub fn pixel_bomb() -> Vec<u8> {
    let path = media::made_once("bomb-15000x15000.png", |target: &Path| {
        Program::new("ffmpeg")
            .args(["-nostdin", "-v", "error", "-y", "-f", "lavfi", "-i", "color=white:s=150x150"])
            .args(["-frames:v", "1", "-vf", "scale=15000:15000:flags=neighbor,format=rgb24"])
            .args(["-c:v", "png", "-f", "image2"])
            .arg(target)
            .run(MAKE_TIMEOUT)
            .expect_code(0);
    });
    std::fs::read(path).expect("a file just made is readable")
}

/// A film of two seconds in Matroska, with a day between its first and its second. It says so itself.
///
/// # Panics
/// When ffmpeg is missing or fails.
pub fn time_gap() -> Vec<u8> {
    let path = media::made_once("gap-of-a-day.mkv", |target: &Path| {
        Program::new("ffmpeg")
            .args(["-nostdin", "-v", "error", "-y", "-f", "lavfi", "-i", "testsrc=s=64x48:r=25:d=2"])
            .args(["-vf", "setpts=if(lt(N\\,25)\\,PTS\\,PTS+86400/TB)", "-fps_mode", "passthrough"])
            .args(["-c:v", "libx264", "-preset", "ultrafast", "-f", "matroska"])
            .arg(target)
            .run(MAKE_TIMEOUT)
            .expect_code(0);
    });
    std::fs::read(path).expect("a file just made is readable")
}

/// [`time_gap`] whose header says that it is two seconds long.
///
/// # Panics
/// When ffmpeg is missing or fails.
pub fn untold_time_gap() -> Vec<u8> {
    /// The element `Duration`, eight bytes long.
    const DURATION: [u8; 3] = [0x44, 0x89, 0x88];
    let mut film = time_gap();
    let found = film.windows(DURATION.len()).position(|bytes| bytes == DURATION);
    let at = found.expect("ffmpeg writes how long a film is") + DURATION.len();
    film[at..at + 8].copy_from_slice(&2_000_f64.to_be_bytes());
    film
}
