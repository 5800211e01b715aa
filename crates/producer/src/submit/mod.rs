//! Planned jobs onto the broker: two grants minted, one message and one report confirmed per job, hundreds of
//! them under way at once.
//! Must never enqueue a job whose plan was not checked, nor keep a grant after its message was handed over.

mod error;
mod minter;
pub(crate) mod report;
mod sealer;
mod submitter;

pub use error::{PrepareError, SubmitError};
pub use minter::{JobMinter, Prepared};
pub use sealer::Sealer;
pub use submitter::{Enqueued, Submitted, Submitter, WINDOW};
