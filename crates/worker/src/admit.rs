//! What is checked before a job costs anything: preset, grants, limits. No I/O.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use valet_grant::{GrantPolicy, ReadGrant, WriteGrant, audit_pair};
use valet_preset::{Plan, Work};
use valet_protocol::JobMessage;

use crate::cause::Cause;
use crate::config::JobLimits;

/// Room for an output whose input is small: half a minute of 1080p, or a sprite sheet.
const OUTPUT_BYTES_EXPECTED_MIN: u64 = 64 * 1024 * 1024;

/// A job that may be done: from here on nobody asks again.
#[derive(Debug)]
pub struct Admitted {
    /// What to run.
    pub plan: Plan,
    /// What to read.
    pub input: ReadGrant,
    /// What to write.
    pub output: WriteGrant,
    /// Wall clock of all codec passes together.
    pub wall: Duration,
    /// Largest input, in bytes.
    pub input_bytes_max: u64,
    /// Largest output, in bytes.
    pub output_bytes_max: u64,
}

/// Checks a message as of `now`.
///
/// # Errors
/// The first [`Cause`] in the order: message ended, preset, input grant, output grant, both together.
pub fn admit(
    message: &JobMessage,
    policy: &GrantPolicy,
    limits: &JobLimits,
    now: Timestamp,
) -> Result<Admitted, Cause> {
    if message.not_after <= now {
        return Err(Cause::TooLate(message.not_after));
    }
    let preset = &message.preset;
    let plan = valet_preset::resolve(&preset.name, preset.version, &preset.params).map_err(Cause::Preset)?;
    let wall_seconds = message.limits.wall_seconds.unwrap_or(plan.wall_seconds_default);
    let wall_seconds = wall_seconds.min(limits.wall_seconds_max);
    let budget = SignedDuration::from_secs(i64::from(wall_seconds));
    let (input, output) = grants(message, &GrantPolicy { time_budget: budget, ..policy.clone() }, now)?;
    let input_bytes = message.limits.input_bytes.unwrap_or(u64::MAX);
    Ok(Admitted {
        plan,
        input,
        output,
        wall: Duration::from_secs(u64::from(wall_seconds)),
        input_bytes_max: input_bytes.min(limits.input_bytes_max),
        output_bytes_max: limits.output_bytes_max,
    })
}

fn grants(
    message: &JobMessage,
    policy: &GrantPolicy,
    now: Timestamp,
) -> Result<(ReadGrant, WriteGrant), Cause> {
    let (input, output) = (&message.input.url, &message.output.url);
    let read = ReadGrant::parse(input.clone(), policy, now).map_err(Cause::Grant)?;
    let write = WriteGrant::parse(output.clone(), policy, now).map_err(Cause::Grant)?;
    let together: Vec<_> = audit_pair(input, output, policy, now)
        .into_iter()
        .filter(|finding| finding.refuses(policy))
        .collect();
    if together.is_empty() { Ok((read, write)) } else { Err(Cause::GrantPair(together)) }
}

impl Admitted {
    /// Checks the input's real size, before any of its bytes is fetched.
    ///
    /// # Errors
    /// Empty, over the input's limit, or (when the output is the input) over the output's.
    pub fn check_input_bytes(&self, bytes: u64) -> Result<(), Cause> {
        match bytes {
            0 => Err(Cause::InputEmpty),
            bytes if bytes > self.input_bytes_max => {
                Err(Cause::InputTooLarge { bytes, bytes_max: self.input_bytes_max })
            }
            bytes if self.plan.work == Work::Copy && bytes > self.output_bytes_max => {
                Err(Cause::OutputTooLarge { bytes, bytes_max: self.output_bytes_max })
            }
            _ => Ok(()),
        }
    }

    /// Scratch that the job is likely to need, in bytes: its input, and an output of the same size. A larger
    /// output is stopped before the disk is full.
    #[must_use]
    pub fn scratch_bytes(&self, input_bytes: u64) -> u64 {
        let output_bytes = match self.plan.work {
            Work::Copy => 0,
            Work::Probe => valet_preset::FACTS_BYTES_MAX as u64,
            Work::Transcode(_) => input_bytes.max(OUTPUT_BYTES_EXPECTED_MIN).min(self.output_bytes_max),
        };
        input_bytes.saturating_add(output_bytes)
    }
}
