//! Labels of the worker's own metrics. Each has few values, whatever messages say.

use prometheus_client::encoding::EncodeLabelSet;

/// Labels of ended attempts.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct Ended {
    /// The job's lane.
    pub(super) lane: String,
    /// The job's preset, if there is such a one.
    pub(super) preset: String,
    /// What became of it: the kind of its last report, `handed-back` or `lost`.
    pub(super) outcome: &'static str,
    /// Why, by the reason's code; `none` for a success.
    pub(super) reason: String,
}

/// The label of a phase.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct Phase {
    /// `queue`, `fetch`, `codec`, `check`, `store` or `total`.
    pub(super) phase: &'static str,
}

/// The label of the number of an attempt.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct Stage {
    /// 1 to 3.
    pub(super) stage: u32,
}

/// The label of a reason against taking jobs.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct Against {
    /// The reason's code.
    pub(super) reason: &'static str,
}

/// What is running.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct Build {
    /// Version of the worker.
    pub(super) version: &'static str,
    /// Level of the codecs' jail.
    pub(super) jail: String,
    /// Name and version of ffmpeg.
    pub(super) codec: String,
}
