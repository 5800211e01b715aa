//! Orders for `hostile-codec`, a program that stands where ffmpeg should and does its worst.
//!
//! A worker builds the arguments itself, so an order can only come in as an attacker's would: inside the input.
//! The input is a real film otherwise, and ffprobe finds nothing wrong with it.

use crate::media;

/// Bytes at the end of an input that hold the order: a `free` atom, which players skip.
pub const TAIL_BYTES: usize = 512;
/// What stands before the order's words.
const MARK: &str = "hostile-codec: ";
/// Length of the atom, then its name, both of four bytes.
const ATOM_HEAD_BYTES: usize = 8;

/// A film that orders the codec to do this. What there is to order is in `hostile-codec` itself.
///
/// # Panics
/// When the order is too long.
pub fn film(order: &str) -> Vec<u8> {
    let length = u32::try_from(TAIL_BYTES).expect("the tail is short");
    let mut tail = [&length.to_be_bytes()[..], b"free", MARK.as_bytes(), order.as_bytes(), b"\n"].concat();
    assert!(tail.len() <= TAIL_BYTES, "the order has {} bytes too many", tail.len() - TAIL_BYTES);
    tail.resize(TAIL_BYTES, 0);
    [media::bytes("clip.mp4"), tail].concat()
}

/// The order in the last [`TAIL_BYTES`] of an input.
pub fn order(tail: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(tail.get(ATOM_HEAD_BYTES..)?).ok()?;
    let (order, _) = text.strip_prefix(MARK)?.split_once('\n')?;
    Some(order.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_comes_out_as_it_went_in() {
        let film = film("send GET / HTTP/1.1");
        let tail = &film[film.len() - TAIL_BYTES..];
        assert_eq!(order(tail).as_deref(), Some("send GET / HTTP/1.1"));
        assert_eq!(order(&media::bytes("clip.mp4")[..TAIL_BYTES]), None);
    }
}
