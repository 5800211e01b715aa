//! What the codec said on stderr: its last bytes, escaped for people. Never grows with what is said.

use std::collections::VecDeque;

use tokio::io::{AsyncRead, AsyncReadExt};

/// Bytes of stderr that are kept, the last ones: ffmpeg says why it stopped at the end, and so does `loudnorm`.
pub const SAID_BYTES_MAX: usize = 64 * 1024;

/// Characters of stderr that go into an error for people; the rest is in nobody's way.
const EXCERPT_CHARS_MAX: usize = 400;

/// Reads `stderr` to its end and keeps the last [`SAID_BYTES_MAX`] bytes. Reading on is the point: a codec
/// whose stderr is full stops working.
pub(super) async fn drain(mut stderr: impl AsyncRead + Unpin) -> Vec<u8> {
    let mut tail = VecDeque::new();
    let mut buffer = [0; 8 * 1024];
    while let Ok(count @ 1..) = stderr.read(&mut buffer).await {
        keep_last(&mut tail, &buffer[..count]);
    }
    tail.into()
}

fn keep_last(tail: &mut VecDeque<u8>, bytes: &[u8]) {
    tail.extend(bytes);
    tail.drain(..tail.len().saturating_sub(SAID_BYTES_MAX));
}

/// What libgcrypt says at every start without the right to lock memory; about no job.
const NOISE: &str = "Warning: using insecure memory!";

/// The last words of the codec in one line that is safe on a terminal and in a log: control characters are
/// escaped, at most 400 characters are kept. It goes into reports, so it names no folder of this machine.
#[must_use]
pub fn excerpt(said: &str) -> String {
    let lines = said.lines().map(str::trim).filter(|line| !line.is_empty() && *line != NOISE);
    let joined = lines.map(plain).collect::<Vec<_>>().join("; ");
    let skipped = joined.chars().count().saturating_sub(EXCERPT_CHARS_MAX);
    let kept: String = joined.chars().skip(skipped).collect();
    let escaped = escape(&kept);
    if skipped == 0 { escaped } else { format!("…{escaped}") }
}

/// A line without addresses in memory (`[mov @ 0x55…]`), without lists, and with the last part alone of paths.
fn plain(line: &str) -> String {
    let mut words: Vec<&str> = Vec::new();
    for word in line.split(' ') {
        match word.strip_prefix("0x") {
            Some(address) if words.last() == Some(&"@") => {
                words.pop();
                let end = address.trim_start_matches(|digit: char| digit.is_ascii_hexdigit());
                words.extend(Some(end).filter(|end| !end.is_empty()));
            }
            _ => words.push(without_folder(word)),
        }
    }
    let line = words.join(" ").replace(" ]", "]");
    // The list has some hundred names, and says nothing about the file.
    line.split_once(" not on whitelist").map_or(line.clone(), |(what, _)| format!("{what} not on whitelist"))
}

/// A path without its folders; the door's address as what it is.
fn without_folder(word: &str) -> &str {
    if word.trim_end_matches(':') == valet_preset::INPUT_URL {
        return if word.ends_with(':') { "input:" } else { "input" };
    }
    let path = word.trim_start_matches(['\'', '"']);
    let is_absolute = path.strip_prefix("file:").unwrap_or(path).starts_with('/');
    match path.rsplit_once('/') {
        Some((_, name)) if is_absolute && !name.is_empty() => name,
        _ => word,
    }
}

/// Escapes what could drive a terminal, forge a log line or turn the reading direction.
#[must_use]
pub fn escape(text: &str) -> String {
    text.chars().flat_map(escape_char).collect()
}

fn escape_char(character: char) -> Box<dyn Iterator<Item = char>> {
    // The bidirectional controls are no control characters, yet they let text pose as other text.
    let turns =
        matches!(character, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    if character.is_control() || turns {
        return Box::new(character.escape_unicode());
    }
    Box::new(std::iter::once(character))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_flood_is_drained_and_only_its_end_kept() {
        let flood = [b"x".repeat(1024 * 1024), b"the reason".to_vec()].concat();
        let said = drain(flood.as_slice()).await;
        assert_eq!(said.len(), SAID_BYTES_MAX);
        assert!(said.ends_with(b"the reason"));
    }

    #[test]
    fn an_excerpt_is_one_line_without_control_characters() {
        let said = "\u{1b}[31mmoov atom\r\n\n not found\u{202e}\n";
        assert_eq!(excerpt(said), "\\u{1b}[31mmoov atom; not found\\u{202e}");
    }

    #[test]
    fn an_excerpt_names_no_folder_and_no_address() {
        let said = "Warning: using insecure memory!\n[mov,mp4 @ 0x563084a1c1c0] moov atom not found\n\
                    file:/var/tmp/valet/job-1/input: Invalid data";
        assert_eq!(excerpt(said), "[mov,mp4] moov atom not found; input: Invalid data");
        assert_eq!(excerpt("25/1 and 4 / 3, size 0x0"), "25/1 and 4 / 3, size 0x0");
        let door = format!("{}: Invalid data", valet_preset::INPUT_URL);
        assert_eq!(excerpt(&door), "input: Invalid data");
        assert_eq!(
            excerpt("[mov @ 0x5] Codec (srt) not on whitelist 'aac,h264'"),
            "[mov] Codec (srt) not on whitelist"
        );
    }

    #[test]
    fn an_excerpt_keeps_the_end() {
        let said = format!("{} the reason", "é".repeat(10_000));
        let excerpt = excerpt(&said);
        assert!(excerpt.starts_with('…') && excerpt.ends_with(" the reason"), "{excerpt}");
        assert_eq!(excerpt.chars().count(), EXCERPT_CHARS_MAX + 1);
    }
}
