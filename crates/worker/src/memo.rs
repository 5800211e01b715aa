//! How messages ended in this process lately: whatever brings the same message again (a hand-over after the store, a
//! message that was published twice) is told the same end, and nothing is done again. A message must never have two
//! ends: no success after a failure that was told, no second dead letter. It holds no grant and no message: a digest
//! stands for it.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use sha2::{Digest as _, Sha256};
use tokio::sync::watch;
use valet_broker::Disposition;
use valet_protocol::JobId;

use crate::disposition::Decision;

/// Ends that are kept, a few KiB each. A redelivery comes within seconds of its cause.
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

/// How a message ended.
#[derive(Debug, Clone, PartialEq)]
pub struct Remembered {
    /// The attempt that ended so.
    pub attempt: u32,
    /// What was decided. Its disposition is what a copy of the message has left to do: once a dead letter is in its
    /// place, nothing.
    pub decision: Decision,
    /// Whether it was told, and thereby counted.
    pub told: bool,
}

/// The latest ends in this process, and the messages that it has in hand.
#[derive(Debug, Default)]
pub struct Memo {
    kept: Mutex<VecDeque<(Key, Remembered)>>,
    /// At most one of each; a slot has one at a time.
    in_hand: watch::Sender<Vec<Key>>,
}

/// The right to work at a message; given back when it is dropped.
#[derive(Debug)]
pub struct Alone<'a> {
    memo: &'a Memo,
    /// The message.
    pub key: Key,
    /// Whether another slot had it until now.
    pub waited: bool,
}

impl Drop for Alone<'_> {
    fn drop(&mut self) {
        self.memo.in_hand.send_modify(|keys| keys.retain(|key| *key != self.key));
    }
}

impl Memo {
    /// Waits until no other slot has the same message in hand: it may have been published twice.
    pub async fn alone(&self, key: Key) -> Alone<'_> {
        let mut changes = self.in_hand.subscribe();
        let mut waited = false;
        loop {
            let free = |keys: &mut Vec<Key>| {
                let free = !keys.contains(&key);
                if free {
                    keys.push(key);
                }
                free
            };
            if self.in_hand.send_if_modified(free) {
                return Alone { memo: self, key, waited };
            }
            waited = true;
            // An error would mean that the sender is gone, and we hold it.
            let _ = changes.wait_for(|keys| !keys.contains(&key)).await;
        }
    }

    /// Keeps an end; the oldest one goes when there are too many.
    pub fn keep(&self, key: Key, remembered: Remembered) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.retain(|(known, _)| *known != key);
        kept.push_back((key, remembered));
        if kept.len() > KEPT {
            kept.pop_front();
        }
    }

    /// Notes that an end is settled: nothing of it is left to do, except to tell it to whoever has a copy.
    pub fn settle(&self, key: &Key) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, ended)) = kept.iter_mut().find(|(known, _)| known == key) {
            ended.decision.disposition = Disposition::Ack;
        }
    }

    /// The end of this very message, if it is still known.
    #[must_use]
    pub fn recall(&self, key: &Key) -> Option<Remembered> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.iter().find(|(known, _)| known == key).map(|(_, remembered)| remembered.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cause::Cause;
    use crate::disposition::{End, Standing, decide};
    use crate::sample;
    use crate::terms::Terms;

    fn key(body: &[u8]) -> Key {
        Key::new(sample::job(jiff::Timestamp::now()).id, body)
    }

    fn success(attempt: u32) -> Remembered {
        Remembered { attempt, decision: Decision::stored(Box::new(sample::success())), told: false }
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
    fn a_dead_letter_is_left_to_be_placed_until_it_is() {
        let memo = Memo::default();
        let standing = Standing::of_no_job(1, &Terms::default());
        let decision = decide(End::Failed(Cause::InputEmpty), &standing);
        memo.keep(key(b"one"), Remembered { attempt: 1, decision, told: true });
        let left = |memo: &Memo| memo.recall(&key(b"one")).map(|ended| ended.decision.disposition);
        assert!(matches!(left(&memo), Some(Disposition::DeadLetter { .. })), "{memo:?}");
        memo.settle(&key(b"one"));
        assert_eq!(left(&memo), Some(Disposition::Ack));
    }

    #[tokio::test]
    async fn the_same_message_is_in_one_slots_hands_at_a_time() {
        let memo = Memo::default();
        let first = memo.alone(key(b"one")).await;
        let _other = memo.alone(key(b"two")).await;
        let mut second = std::pin::pin!(memo.alone(key(b"one")));
        assert!(futures::poll!(second.as_mut()).is_pending());
        drop(first);
        let second = second.await;
        assert!(memo.in_hand.borrow().contains(&second.key));
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
