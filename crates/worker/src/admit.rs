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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::disposition::{Class, classify};
    use crate::sample::{Grant, SIGNATURE, job};
    use valet_protocol::Reason;

    fn now() -> Timestamp {
        "2026-03-01T12:00:00Z".parse().unwrap()
    }

    fn limits() -> JobLimits {
        JobLimits {
            wall_seconds_max: 1_500,
            stall: Duration::from_secs(60),
            input_bytes_max: 1_000_000,
            output_bytes_max: 500_000,
        }
    }

    fn judge(message: &JobMessage) -> Result<Admitted, Cause> {
        admit(message, &GrantPolicy::default(), &limits(), now())
    }

    /// The class and reason of a message after `change`; nothing of it may show a signature.
    fn refused(change: impl FnOnce(&mut JobMessage)) -> (Class, Reason) {
        let mut message = job(now());
        change(&mut message);
        let cause = judge(&message).map(|admitted| admitted.wall).unwrap_err();
        assert!(!format!("{cause:?} {}", cause.detail()).contains(SIGNATURE), "{cause:?}");
        assert!(cause.advice().is_none_or(|advice| !advice.is_empty()));
        classify(&cause)
    }

    fn hours(hours: i64) -> Timestamp {
        now() + SignedDuration::from_hours(hours)
    }

    fn grant(path: &str, rights: &str, expiry: Timestamp) -> valet_grant::GrantUrl {
        Grant { path, rights, expiry, more: "&spr=https" }.url()
    }

    #[test]
    fn a_sound_job_is_admitted_with_the_narrowest_limits() {
        let mut message = job(now());
        message.limits.wall_seconds = Some(60);
        message.limits.input_bytes = Some(1_000);
        let admitted = judge(&message).unwrap();
        assert_eq!((admitted.wall, admitted.input_bytes_max), (Duration::from_secs(60), 1_000));
        message.limits.wall_seconds = Some(3_000);
        message.limits.input_bytes = Some(u64::MAX);
        let admitted = judge(&message).unwrap();
        assert_eq!((admitted.wall, admitted.input_bytes_max), (Duration::from_secs(1_500), 1_000_000));
    }

    #[test]
    fn a_job_that_has_ended_needs_new_grants() {
        assert_eq!(refused(|job| job.not_after = now()), (Class::Expired, Reason::GrantExpired));
        let dead = grant("acct/in/a.mov", "r", now() - SignedDuration::from_secs(1));
        assert_eq!(refused(|job| job.input.url = dead), (Class::Expired, Reason::GrantExpired));
    }

    #[test]
    fn a_grant_must_outlive_the_jobs_wall_limit() {
        let short = || grant("acct/out/a.jpg", "c", now() + SignedDuration::from_secs(90));
        let with_wall = |seconds| {
            move |job: &mut JobMessage| {
                job.output.url = short();
                job.limits.wall_seconds = Some(seconds);
            }
        };
        assert_eq!(refused(with_wall(120)), (Class::Expired, Reason::GrantTooShort));
        let mut message = job(now());
        with_wall(10)(&mut message);
        judge(&message).unwrap();
    }

    #[test]
    fn wrong_rights_are_told_apart_from_other_rules() {
        let both = || grant("acct/in/a.mov", "rw", hours(1));
        assert_eq!(refused(|job| job.input.url = both()), (Class::Permanent, Reason::GrantWrongRight));
        let read = || grant("acct/out/a.jpg", "r", hours(1));
        assert_eq!(refused(|job| job.output.url = read()), (Class::Permanent, Reason::GrantWrongRight));
        let plain = || valet_grant::GrantUrl::new(both().expose_url().replacen("https://", "http://", 1));
        assert_eq!(refused(|job| job.input.url = plain()), (Class::Permanent, Reason::GrantRefused));
        let long = || grant("acct/in/a.mov", "r", hours(48));
        assert_eq!(refused(|job| job.input.url = long()), (Class::Permanent, Reason::GrantRefused));
    }

    #[test]
    fn an_input_that_is_its_own_output_is_refused() {
        let same = || grant("acct/in/a.mov", "c", hours(1));
        assert_eq!(refused(|job| job.output.url = same()), (Class::Permanent, Reason::GrantRefused));
    }

    #[test]
    fn presets_and_parameters_are_judged_before_grants() {
        assert_eq!(
            refused(|job| {
                job.preset.name = "no-such".into();
                job.input.url = valet_grant::GrantUrl::new("nonsense".into());
            }),
            (Class::Permanent, Reason::UnknownPreset)
        );
        assert_eq!(refused(|job| job.preset.version = 999), (Class::Permanent, Reason::UnknownPreset));
        let bad = |job: &mut JobMessage| drop(job.preset.params.insert("width".into(), (-1).into()));
        assert_eq!(refused(bad), (Class::Permanent, Reason::BadParameter));
    }

    #[test]
    fn sizes_are_judged_before_a_byte_is_fetched() {
        let mut message = job(now());
        let admitted = judge(&message).unwrap();
        admitted.check_input_bytes(1_000_000).unwrap();
        assert!(matches!(admitted.check_input_bytes(0), Err(Cause::InputEmpty)));
        assert!(matches!(admitted.check_input_bytes(1_000_001), Err(Cause::InputTooLarge { .. })));
        message.preset.name = "copy".into();
        let admitted = judge(&message).unwrap();
        assert!(matches!(admitted.check_input_bytes(500_001), Err(Cause::OutputTooLarge { .. })));
    }

    #[test]
    fn scratch_is_asked_for_by_what_the_preset_writes() {
        let mut message = job(now());
        assert_eq!(judge(&message).unwrap().scratch_bytes(1_000), 1_000 + 500_000);
        message.preset.name = "copy".into();
        assert_eq!(judge(&message).unwrap().scratch_bytes(1_000), 1_000);
    }
}
