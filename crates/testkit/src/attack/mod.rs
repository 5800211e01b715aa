//! Files that turn a codec against the machine it runs on: each makes a bare ffmpeg open something else than its
//! input, or use far more of the machine than the file's size says.

mod atoms;
mod bombs;
mod lures;

pub use bombs::{pixel_bomb, time_gap, untold_time_gap};
pub use lures::{LURES, Lure, Prey, decoy};
