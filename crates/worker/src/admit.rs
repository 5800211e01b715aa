//! What is checked before a job costs anything: preset, grants, limits. No I/O.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use valet_grant::{GrantPolicy, ReadGrant, WriteGrant, audit_pair};
use valet_preset::{Bounds, Plan, Work};
use valet_protocol::JobMessage;
use valet_seal::OpenError;

use crate::cause::Cause;
use crate::codec::Limits;
use crate::config::JobLimits;
use crate::terms::Terms;

/// Free bytes of scratch under which a codec is stopped: what is left of the reserve for everybody else.
const FREE_BYTES_MIN: u64 = 64 * 1024 * 1024;

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
    /// What its codec passes may use together: the least of what the preset, the message and the operator say.
    pub limits: Limits,
    /// What its input may be.
    pub bounds: Bounds,
    /// Largest input, in bytes.
    pub input_bytes_max: u64,
}

/// Checks a message as of `now`.
///
/// # Errors
/// The first [`Cause`] in the order: message ended, preset, input grant, output grant, both together.
pub fn admit(
    message: &JobMessage,
    policy: &GrantPolicy,
    limits: &JobLimits,
    terms: &Terms,
    now: Timestamp,
) -> Result<Admitted, Cause> {
    if message.not_after <= now {
        return Err(Cause::TooLate(message.not_after));
    }
    let preset = &message.preset;
    let plan = valet_preset::resolve(&preset.name, preset.version, &preset.params).map_err(Cause::Preset)?;
    // A default bends to what the broker lends; what is asked for is done as it is, or not at all.
    let usual = plan.wall_seconds_default.min(terms.wall_seconds_max());
    let wall_seconds = least(message.limits.wall_seconds, usual, limits.wall_seconds_max.unwrap_or(u32::MAX));
    let budget = SignedDuration::from_secs(i64::from(wall_seconds));
    let (input, output) = grants(message, &GrantPolicy { time_budget: budget, ..policy.clone() }, now)?;
    Ok(Admitted {
        input,
        output,
        limits: codec_limits(message, &plan, limits, wall_seconds),
        bounds: limits.bounds.least(asked_bounds(message)),
        input_bytes_max: least(message.limits.input_bytes, u64::MAX, limits.input_bytes_max),
        plan,
    })
}

/// What is asked for, or else the default, but never more than the operator permits.
fn least<T: Ord>(asked: Option<T>, default: T, ceiling: T) -> T {
    asked.unwrap_or(default).min(ceiling)
}

fn codec_limits(message: &JobMessage, plan: &Plan, limits: &JobLimits, wall_seconds: u32) -> Limits {
    let asked = &message.limits;
    // The net under the wall clock: nobody can use more than all processors for all of the time.
    let cpu_seconds = u64::from(wall_seconds).saturating_mul(limits.processors);
    let memory_bytes = plan.info.memory_bytes_max.min(limits.memory_bytes_max);
    let frames = asked_bounds(message).frames.min(limits.bounds.frames);
    Limits {
        wall: Duration::from_secs(u64::from(wall_seconds)),
        stall: least(
            asked.stall_seconds.map(|seconds| Duration::from_secs(u64::from(seconds))),
            limits.stall,
            limits.stall,
        ),
        cpu_seconds_max: least(
            asked.cpu_seconds.map(u64::from),
            cpu_seconds,
            limits.cpu_seconds_max.min(cpu_seconds),
        ),
        memory_bytes_max: least(asked.memory_bytes, memory_bytes, memory_bytes),
        output_bytes_max: least(asked.output_bytes, u64::MAX, limits.output_bytes_max),
        frames_max: frames,
        free_bytes_min: FREE_BYTES_MIN,
    }
}

/// The bounds that a message sets; what it leaves open is bounded by the operator's.
fn asked_bounds(message: &JobMessage) -> Bounds {
    let (asked, default) = (&message.limits, Bounds::default());
    Bounds {
        duration_seconds: asked.duration_seconds.unwrap_or(default.duration_seconds),
        pixels: asked.pixels.unwrap_or(default.pixels),
        frames: asked.frames.unwrap_or(default.frames),
        streams: asked.streams.unwrap_or(default.streams),
    }
}

fn grants(
    message: &JobMessage,
    policy: &GrantPolicy,
    now: Timestamp,
) -> Result<(ReadGrant, WriteGrant), Cause> {
    let (input, output) = message.grants.urls().ok_or(Cause::Sealed(OpenError::Broken))?;
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
            bytes if self.plan.work == Work::Copy && bytes > self.limits.output_bytes_max => {
                Err(Cause::OutputTooLarge { bytes, bytes_max: self.limits.output_bytes_max })
            }
            _ => Ok(()),
        }
    }

    /// Scratch that the job is likely to need, in bytes: its output, which is seldom larger than its input. The
    /// input itself is read through a door and never kept. A larger output is stopped before the disk is full.
    #[must_use]
    pub fn scratch_bytes(&self, input_bytes: u64) -> u64 {
        match self.plan.work {
            Work::Copy => input_bytes,
            Work::Probe => valet_preset::FACTS_BYTES_MAX as u64,
            Work::Transcode(_) => {
                input_bytes.max(OUTPUT_BYTES_EXPECTED_MIN).min(self.limits.output_bytes_max)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::disposition::{Class, case_of};
    use crate::sample::{Grant, SIGNATURE, job, set_input, set_output};
    use valet_protocol::Reason;

    fn now() -> Timestamp {
        "2026-03-01T12:00:00Z".parse().unwrap()
    }

    fn limits() -> JobLimits {
        JobLimits {
            wall_seconds_max: Some(1_500),
            stall: Duration::from_secs(60),
            cpu_seconds_max: 10_000,
            processors: 2,
            memory_bytes_max: 1 << 30,
            input_bytes_max: 1_000_000,
            output_bytes_max: 500_000,
            bounds: Bounds { streams: 8, ..Bounds::default() },
        }
    }

    fn judge(message: &JobMessage) -> Result<Admitted, Cause> {
        admit(message, &GrantPolicy::default(), &limits(), &Terms::default(), now())
    }

    /// The class and reason of a message after `change`; nothing of it may show a signature.
    fn refused(change: impl FnOnce(&mut JobMessage)) -> (Class, Reason) {
        let mut message = job(now());
        change(&mut message);
        let cause = judge(&message).map(|admitted| admitted.limits.wall).unwrap_err();
        assert!(!format!("{cause:?} {}", cause.detail()).contains(SIGNATURE), "{cause:?}");
        assert!(cause.advice().is_none_or(|advice| !advice.is_empty()));
        let case = case_of(&cause);
        (case.class(), case.reason().expect("every cause has a reason"))
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
        assert_eq!((admitted.limits.wall, admitted.input_bytes_max), (Duration::from_secs(60), 1_000));
        message.limits.wall_seconds = Some(3_000);
        message.limits.input_bytes = Some(u64::MAX);
        let admitted = judge(&message).unwrap();
        assert_eq!((admitted.limits.wall, admitted.input_bytes_max), (Duration::from_secs(1_500), 1_000_000));
    }

    #[test]
    fn of_preset_message_and_operator_the_least_wins() {
        let mut message = job(now());
        let by_default = judge(&message).unwrap();
        assert_eq!(by_default.limits.cpu_seconds_max, by_default.limits.wall.as_secs() * 2, "two processors");
        assert_eq!(
            (by_default.limits.output_bytes_max, by_default.bounds.streams),
            (500_000, 8),
            "the operator's"
        );
        message.limits.stall_seconds = Some(10);
        message.limits.cpu_seconds = Some(7);
        message.limits.memory_bytes = Some(100 << 20);
        message.limits.output_bytes = Some(1_000);
        message.limits.frames = Some(9);
        message.limits.pixels = Some(10_000);
        let narrower = judge(&message).unwrap();
        let Limits { stall, cpu_seconds_max, memory_bytes_max, output_bytes_max, frames_max, .. } =
            narrower.limits;
        assert_eq!((stall, cpu_seconds_max, memory_bytes_max), (Duration::from_secs(10), 7, 100 << 20));
        assert_eq!((output_bytes_max, frames_max, narrower.bounds.pixels), (1_000, 9, 10_000));
        message.limits.stall_seconds = Some(3_000);
        message.limits.cpu_seconds = Some(1_000_000);
        message.limits.memory_bytes = Some(1 << 40);
        message.limits.streams = Some(32);
        let wider = judge(&message).unwrap();
        assert_eq!(wider.limits.stall, Duration::from_secs(60));
        assert_eq!(wider.limits.cpu_seconds_max, by_default.limits.cpu_seconds_max);
        assert_eq!(wider.limits.memory_bytes_max, by_default.limits.memory_bytes_max);
        assert_eq!(wider.bounds.streams, 8);
    }

    #[test]
    fn a_job_that_has_ended_needs_new_grants() {
        assert_eq!(refused(|job| job.not_after = now()), (Class::Expired, Reason::GrantExpired));
        let dead = grant("acct/in/a.mov", "r", now() - SignedDuration::from_secs(1));
        assert_eq!(refused(|job| set_input(job, dead)), (Class::Expired, Reason::GrantExpired));
    }

    #[test]
    fn a_grant_must_outlive_the_jobs_wall_limit() {
        let short = || grant("acct/out/a.jpg", "c", now() + SignedDuration::from_secs(90));
        let with_wall = |seconds| {
            move |job: &mut JobMessage| {
                set_output(job, short());
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
        assert_eq!(refused(|job| set_input(job, both())), (Class::Permanent, Reason::GrantWrongRight));
        let read = || grant("acct/out/a.jpg", "r", hours(1));
        assert_eq!(refused(|job| set_output(job, read())), (Class::Permanent, Reason::GrantWrongRight));
        let plain = || valet_grant::GrantUrl::new(both().expose_url().replacen("https://", "http://", 1));
        assert_eq!(refused(|job| set_input(job, plain())), (Class::Permanent, Reason::GrantRefused));
        let long = || grant("acct/in/a.mov", "r", hours(48));
        assert_eq!(refused(|job| set_input(job, long())), (Class::Permanent, Reason::GrantRefused));
    }

    #[test]
    fn an_input_that_is_its_own_output_is_refused() {
        let same = || grant("acct/in/a.mov", "c", hours(1));
        assert_eq!(refused(|job| set_output(job, same())), (Class::Permanent, Reason::GrantRefused));
    }

    #[test]
    fn presets_and_parameters_are_judged_before_grants() {
        assert_eq!(
            refused(|job| {
                job.preset.name = "no-such".into();
                set_input(job, valet_grant::GrantUrl::new("nonsense".into()));
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
        assert_eq!(judge(&message).unwrap().scratch_bytes(1_000), 500_000, "its output alone");
        message.preset.name = "copy".into();
        assert_eq!(judge(&message).unwrap().scratch_bytes(1_000), 1_000);
    }
}
