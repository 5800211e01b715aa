//! The disk's part in the gate: a job that is taken without room could only be sent back.
//!
//! A job's need is known only when it is taken. A need that was refused is the best guess of the next one: for a
//! short time no job is taken with less room than that. Else a worker without room would be the first to be free for
//! each job, and burn the attempts of all.

use std::time::Duration;

use super::{Gate, Reason};
use crate::scratch::Scratch;

/// Pause between two looks, which cost one system call and one for each job in hand.
const INTERVAL: Duration = Duration::from_secs(1);

/// Least room with which a job is taken: what any transcode reserves.
const ROOM_BYTES_MIN: u64 = 64 * 1024 * 1024;

/// Follows the room in scratch, for ever.
pub async fn follow_room(gate: Gate, scratch: Scratch) {
    loop {
        look(&gate, &scratch);
        tokio::select! {
            () = tokio::time::sleep(INTERVAL) => {}
            () = scratch.refused() => {}
        }
    }
}

/// Looks once.
pub fn look(gate: &Gate, scratch: &Scratch) {
    let room_bytes = scratch.room_bytes().unwrap_or_default();
    let wanted_bytes = wanted_bytes(scratch.refused_bytes());
    if room_bytes >= wanted_bytes {
        return gate.open(Reason::ScratchFull);
    }
    let directory = scratch.directory().display();
    let detail = format!("{directory}: room for {room_bytes} bytes, wanted are {wanted_bytes}");
    gate.close_saying(Reason::ScratchFull, &detail);
}

fn wanted_bytes(refused_bytes: Option<u64>) -> u64 {
    refused_bytes.unwrap_or_default().max(ROOM_BYTES_MIN)
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;
    use crate::scratch::ScratchError;

    #[tokio::test]
    async fn a_job_that_found_no_room_keeps_others_away_for_a_while() {
        let root = tempfile::tempdir().unwrap();
        let scratch = Scratch::open_keeping(root.path(), 0).unwrap();
        let gate = Gate::default();
        look(&gate, &scratch);
        gate.open(Reason::Starting);
        assert!(gate.is_open(), "{:?}", scratch.room_bytes());
        let following = tokio::spawn(follow_room(gate.clone(), scratch.clone()));
        let since = Instant::now();
        let refused = scratch.make_job("large").unwrap().reserve(u64::MAX / 2);
        assert!(matches!(refused, Err(ScratchError::Full { .. })), "{refused:?}");
        gate.closed().await;
        assert_eq!(gate.reasons(), [Reason::ScratchFull]);
        gate.opened().await;
        assert!(since.elapsed() >= Duration::from_secs(5), "{:?}", since.elapsed());
        following.abort();
    }

    #[test]
    fn little_room_is_as_good_as_none() {
        assert_eq!(wanted_bytes(None), ROOM_BYTES_MIN);
        assert_eq!(wanted_bytes(Some(1)), ROOM_BYTES_MIN);
        assert_eq!(wanted_bytes(Some(ROOM_BYTES_MIN + 1)), ROOM_BYTES_MIN + 1);
    }

    #[tokio::test]
    async fn a_worker_whose_disk_has_nothing_to_spare_takes_nothing() {
        let root = tempfile::tempdir().unwrap();
        let scratch = Scratch::open_keeping(root.path(), u64::MAX).unwrap();
        let gate = Gate::default();
        look(&gate, &scratch);
        assert!(gate.reasons().contains(&Reason::ScratchFull));
    }
}
