//! Finds two jobs of one batch that would write the same blob, before anything is sent.
//! Keeps about 40 bytes a job, never a name.

use std::collections::HashMap;
use std::collections::hash_map::{Entry, RandomState};
use std::hash::BuildHasher;

use super::request::Place;

/// The outputs of a batch so far.
#[derive(Debug, Default)]
pub(super) struct Outputs {
    // Two hashes with independent random keys make one of 128 bits: among a million outputs, two different
    // ones meet with a probability below 1e-26.
    high: RandomState,
    low: RandomState,
    seen: HashMap<u128, Place>,
}

impl Outputs {
    /// Takes an output.
    ///
    /// # Errors
    /// Where the same output came from before.
    pub(super) fn claim(&mut self, output: &str, place: Place) -> Result<(), Place> {
        let hash = u128::from(self.high.hash_one(output)) << 64 | u128::from(self.low.hash_one(output));
        match self.seen.entry(hash) {
            Entry::Occupied(earlier) => Err(*earlier.get()),
            Entry::Vacant(free) => {
                free.insert(place);
                Ok(())
            }
        }
    }
}
