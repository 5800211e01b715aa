//! What this process has stored lately: a job that is handed out again after its store is told as done again, and not
//! encoded again. It holds no grant and no message: a digest stands for it.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use sha2::{Digest as _, Sha256};
use valet_protocol::{JobId, Success};

/// Successes that are kept, a few KiB each. A redelivery comes within seconds of its cause.
const KEPT: usize = 256;

/// One message of one job, byte for byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Key {
    job: JobId,
    digest: [u8; 32],
}

impl Key {
    /// The key of a message of `job`.
    #[must_use]
    pub fn new(job: JobId, body: &[u8]) -> Self {
        Self { job, digest: Sha256::digest(body).into() }
    }
}

/// What was stored, and in which attempt.
#[derive(Debug, Clone, PartialEq)]
pub struct Remembered {
    /// The attempt that stored it.
    pub attempt: u32,
    /// What it reported, or was about to.
    pub success: Success,
}

/// The latest successes of this process.
#[derive(Debug, Default)]
pub struct Memo(Mutex<VecDeque<(Key, Remembered)>>);

impl Memo {
    /// Keeps a success; the oldest one goes when there are too many.
    pub fn keep(&self, key: Key, remembered: Remembered) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.retain(|(known, _)| *known != key);
        kept.push_back((key, remembered));
        if kept.len() > KEPT {
            kept.pop_front();
        }
    }

    /// The success of this very message, if it is still known.
    #[must_use]
    pub fn recall(&self, key: &Key) -> Option<Remembered> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.iter().find(|(known, _)| known == key).map(|(_, remembered)| remembered.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample;

    fn key(body: &[u8]) -> Key {
        Key::new(sample::job(jiff::Timestamp::now()).id, body)
    }

    fn success(attempt: u32) -> Remembered {
        Remembered { attempt, success: sample::success() }
    }

    #[test]
    fn only_the_very_same_message_is_recalled() {
        let memo = Memo::default();
        memo.keep(key(b"one"), success(1));
        assert_eq!(memo.recall(&key(b"one")), Some(success(1)));
        assert_eq!(memo.recall(&key(b"two")), None, "the same job with other grants or another output");
        memo.keep(key(b"one"), success(2));
        assert_eq!(memo.recall(&key(b"one")), Some(success(2)));
    }

    #[test]
    fn the_oldest_goes_first() {
        let memo = Memo::default();
        for number in 0..=KEPT {
            memo.keep(key(&number.to_be_bytes()), success(1));
        }
        assert_eq!(memo.recall(&key(&0_usize.to_be_bytes())), None);
        assert!(memo.recall(&key(&KEPT.to_be_bytes())).is_some());
    }
}
