//! The disk's part in the gate: a job that is taken without room could only be sent back.

use std::time::Duration;

use super::{Gate, Reason};
use crate::scratch::Scratch;

/// Pause between two looks, which cost one system call.
const INTERVAL: Duration = Duration::from_secs(1);

/// Follows the room in scratch, for ever.
pub async fn follow_room(gate: Gate, scratch: Scratch) {
    loop {
        look(&gate, &scratch);
        tokio::time::sleep(INTERVAL).await;
    }
}

/// Looks once.
pub fn look(gate: &Gate, scratch: &Scratch) {
    if scratch.room_bytes().is_ok_and(|bytes| bytes > 0) {
        gate.open(Reason::ScratchFull);
    } else {
        gate.close_saying(Reason::ScratchFull, &scratch.directory().display().to_string());
    }
}
