//! What a job is known by: its lane and its id. Ids are chosen by whoever publishes on a lane, so an id alone may be
//! of two jobs.
//! Must never be made from an id without a word on the lane.

use std::fmt;

use crate::{JobId, JobMessage, Lane, Report};

/// One job among those of all lanes. In order by id, then by lane.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct JobKey {
    /// Its id, unique in its lane.
    pub id: JobId,
    /// Its lane.
    pub lane: Lane,
}

impl JobKey {
    /// The job of this id in this lane.
    pub fn new(lane: Lane, id: JobId) -> Self {
        Self { id, lane }
    }
}

impl fmt::Display for JobKey {
    /// The id; where the lane is not the usual one, `lane/id`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.lane != Lane::default() {
            write!(f, "{}/", self.lane)?;
        }
        self.id.fmt(f)
    }
}

impl JobMessage {
    /// The job that it is of.
    pub fn key(&self) -> JobKey {
        JobKey::new(self.lane.clone(), self.id)
    }
}

impl Report {
    /// The job that it is about.
    pub fn key(&self) -> JobKey {
        JobKey::new(self.lane.clone(), self.job)
    }
}
