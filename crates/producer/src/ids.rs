//! Job ids: new ones by the clock, and repeatable ones from an idempotency key.
//! Must never give one id to two different pieces of work.

use sha2::{Digest, Sha256};
use uuid::Uuid;
use valet_protocol::JobId;

/// The domain of the hash behind repeatable ids; changing it changes every such id.
const DOMAIN: &[u8] = b"valet idempotency key v1";

/// The most bytes an idempotency key may have.
pub const IDEMPOTENCY_KEY_BYTES_MAX: usize = 256;

/// A fresh id: UUIDv7 of now.
pub fn fresh() -> JobId {
    JobId::from_uuid(Uuid::now_v7())
        .expect("a UUIDv7 of this machine's clock is one of before the year 10000")
}

/// What makes a piece of work the same work when it is submitted again.
#[derive(Debug, Clone, Copy)]
pub struct Work<'a> {
    /// `container/blob` of the input.
    pub input: &'a str,
    /// The output as written, before placeholders are filled.
    pub output: &'a str,
    /// The preset's name.
    pub preset: &'a str,
    /// Its version.
    pub version: u32,
    /// Its parameters, as JSON text with sorted keys.
    pub params: &'a str,
}

/// The id of this work under this key, always the same.
///
/// The layout is UUIDv7's, so that every reader of ids takes it. Its 48 bits of time are zero, because any
/// clock would change the id on the second submit; its 74 free bits are the first of
/// `SHA-256(domain, key, input, output, preset, version, params)`, each field preceded by its length.
/// A reader that begins at an id's time therefore reads the whole event log for such an id, which is right:
/// the job may have run long before this submit.
pub fn repeatable(key: &str, work: &Work<'_>) -> JobId {
    let version = work.version.to_be_bytes();
    let fields: [&[u8]; 7] = [
        DOMAIN,
        key.as_bytes(),
        work.input.as_bytes(),
        work.output.as_bytes(),
        work.preset.as_bytes(),
        &version,
        work.params.as_bytes(),
    ];
    let mut hash = Sha256::new();
    for field in fields {
        hash.update((field.len() as u64).to_be_bytes());
        hash.update(field);
    }
    let digest: [u8; 32] = hash.finalize().into();
    let mut free = [0_u8; 10];
    free.copy_from_slice(&digest[..10]);
    let uuid = uuid::Builder::from_unix_timestamp_millis(0, &free).into_uuid();
    JobId::from_uuid(uuid).expect("the builder makes version 7, of 1970")
}

/// Whether an id was made from an idempotency key.
pub fn is_repeatable(id: &JobId) -> bool {
    id.submitted_at().as_millisecond() == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    const WORK: Work<'_> =
        Work { input: "raw/a.mov", output: "out/{stem}.mp4", preset: "copy", version: 1, params: "{}" };

    #[test]
    fn the_same_work_under_the_same_key_has_the_same_id() {
        assert_eq!(repeatable("k", &WORK).to_string(), repeatable("k", &WORK).to_string());
        assert!(is_repeatable(&repeatable("k", &WORK)) && !is_repeatable(&fresh()));
    }

    #[test]
    fn any_difference_gives_another_id() {
        let ids = [
            repeatable("k", &WORK),
            repeatable("l", &WORK),
            repeatable("k", &Work { input: "raw/b.mov", ..WORK }),
            repeatable("k", &Work { output: "out/x.mp4", ..WORK }),
            repeatable("k", &Work { preset: "remux-mp4", ..WORK }),
            repeatable("k", &Work { version: 2, ..WORK }),
            repeatable("k", &Work { params: r#"{"a":1}"#, ..WORK }),
            // Fields are length-prefixed: moving a byte over a border is another work.
            repeatable("kr", &Work { input: "aw/a.mov", ..WORK }),
        ];
        let distinct: std::collections::HashSet<String> = ids.iter().map(ToString::to_string).collect();
        assert_eq!(distinct.len(), ids.len());
    }

    #[test]
    fn the_derivation_is_pinned() {
        let text = repeatable("nightly 2024-05-01", &WORK).to_string();
        assert!(text.starts_with("00000000-0000-7"), "{text}");
    }
}
