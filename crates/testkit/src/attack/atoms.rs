//! As much of QuickTime's atoms as it takes to move a film's media out of its file.

use std::path::Path;

/// Length and name, four bytes each.
const HEAD_BYTES: usize = 8;
/// Where every track says in which files its media is.
const TO_REFERENCES: [&[u8; 4]; 5] = [b"moov", b"trak", b"mdia", b"minf", b"dinf"];

/// `film`, with tracks that look for their media in `file` instead. The index must be at its end, as ours is, so
/// that no place in the file moves.
pub(super) fn with_media_in(film: &[u8], file: &Path) -> Vec<u8> {
    let references = references(file);
    edit(film, &TO_REFERENCES, &|_| references.clone())
}

/// Replaces what is in all atoms at this path by what `make` makes of it, and mends the lengths around it.
fn edit(atoms: &[u8], path: &[&[u8; 4]], make: &dyn Fn(&[u8]) -> Vec<u8>) -> Vec<u8> {
    let mut edited = Vec::new();
    let mut rest = atoms;
    while rest.len() >= HEAD_BYTES {
        let length = u32::from_be_bytes(rest[..4].try_into().expect("four bytes"));
        let length = usize::try_from(length).expect("64 bits").clamp(HEAD_BYTES, rest.len());
        let (whole, after) = rest.split_at(length);
        let name = &whole[4..HEAD_BYTES];
        match path {
            [last] if name == *last => edited.extend(atom(name, &make(&whole[HEAD_BYTES..]))),
            [first, deeper @ ..] if name == *first => {
                edited.extend(atom(name, &edit(&whole[HEAD_BYTES..], deeper, make)));
            }
            _ => edited.extend(whole),
        }
        rest = after;
    }
    edited
}

fn atom(name: &[u8], content: &[u8]) -> Vec<u8> {
    let length = u32::try_from(HEAD_BYTES + content.len()).expect("an index is small");
    [&length.to_be_bytes()[..], name, content].concat()
}

/// One data reference: a Macintosh alias record with an absolute path, which is the kind that ffmpeg knows.
fn references(file: &Path) -> Vec<u8> {
    let path = file.to_str().expect("UTF-8").as_bytes();
    let mut record = vec![0; 4]; // version and flags: not in this file
    record.extend([0; 10 + 28 + 12 + 64 + 16 + 4 + 16]); // times, volume, name, levels: none
    record.extend(2_u16.to_be_bytes()); // an absolute path
    record.extend(u16::try_from(path.len()).expect("a path is short").to_be_bytes());
    record.extend(path);
    record.extend(std::iter::repeat_n(0, path.len() % 2));
    record.extend([0xff, 0xff, 0, 0]); // no more
    let counted = [&[0, 0, 0, 0][..], &1_u32.to_be_bytes(), &atom(b"alis", &record)].concat();
    atom(b"dref", &counted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_around_an_edit_are_mended() {
        let film = [atom(b"mdat", b"bytes"), atom(b"moov", &atom(b"trak", &atom(b"mdia", b"old")))].concat();
        let edited = edit(&film, &[b"moov", b"trak", b"mdia"], &|old| [old, b" and new"].concat());
        let expected =
            [atom(b"mdat", b"bytes"), atom(b"moov", &atom(b"trak", &atom(b"mdia", b"old and new")))];
        assert_eq!(edited, expected.concat());
    }
}
