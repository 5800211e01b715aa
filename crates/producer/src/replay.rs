//! A letter back into a plan: only if it asks for nothing that was not granted before. A person's replay submits
//! the job again; the reminter gives a job that still waits new grants of the same life.
//! Must never trust the letter: workers may write to the queue it comes from.

use percent_encoding::percent_decode_str;
use serde_json::Map;
use valet_broker::DeadLetter;
use valet_grant::token::ResourceKind;
use valet_grant::{GrantUrl, Right, Rights, Role, SasToken};
use valet_mint::{SKEW, Signer, VerifyError};
use valet_protocol::{DecodeError, ETag, JobMessage, Limits, PresetRef, Reason, limits};

use crate::address::{AddressError, BlobAddress};
use crate::batch::{Chosen, JobPlan, TTL_SECONDS_DEFAULT, TTL_SECONDS_MAX, WAIT_SECONDS_MIN};
use crate::remint::Submission;

/// Why a letter is not enqueued again.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReplayError {
    /// Its bytes are no job message.
    #[error("it is not a job message")]
    NotAJob(#[source] DecodeError),
    /// The message is of another job than the letter says.
    #[error("its message is of another job than its id and its lane say")]
    OtherJob,
    /// A grant was not signed with our key.
    #[error("its {role} grant was not minted here")]
    NotOurs {
        /// Which of the two.
        role: Role,
        /// Why it does not count as ours.
        #[source]
        cause: VerifyError,
    },
    /// A grant is ours, but not one that a job gets.
    #[error("its {role} grant is ours, but none that a job gets (sp={rights})")]
    OtherRight {
        /// Which of the two.
        role: Role,
        /// What it allows.
        rights: Rights,
    },
    /// A grant is for a blob that cannot be granted.
    #[error("its {role} grant names a bad blob")]
    Address {
        /// Which of the two.
        role: Role,
        /// Which rule the name breaks.
        #[source]
        cause: AddressError,
    },
    /// Its grants are sealed to the fleet, and nobody has told which blobs they are for.
    #[error("its grants are sealed, and the status store knows no submission of it that tells its blobs")]
    Sealed,
    /// Its grants are sealed, and what was submitted under its id is not what it asks for.
    #[error("its grants are sealed, and it was submitted for another account or with another preset")]
    OtherSubmission,
    /// The preset cannot be resolved any more.
    #[error("its preset cannot be used")]
    Preset(#[source] crate::batch::PresetChoiceError),
    /// It may not be minted anew, or not once more.
    #[error("its message does not allow that its grants are minted anew")]
    NoRemint,
    /// The new grants would be too short or too long.
    #[error("grants that live {ttl_seconds} s do not suit a wall limit of {wall_seconds} s")]
    Ttl {
        /// The grants' life.
        ttl_seconds: u64,
        /// The job's wall limit.
        wall_seconds: u32,
    },
}

impl ReplayError {
    /// The code that a letter gets which is put away for it.
    pub fn reason(&self) -> Reason {
        match self {
            Self::NotAJob(cause) => cause.reason(),
            Self::OtherJob => Reason::BadMessage,
            Self::NotOurs { .. }
            | Self::OtherRight { .. }
            | Self::Address { .. }
            | Self::Sealed
            | Self::OtherSubmission => Reason::GrantRefused,
            Self::Preset(_) => Reason::UnknownPreset,
            Self::NoRemint => Reason::GrantExpired,
            Self::Ttl { .. } => Reason::GrantTooShort,
        }
    }

    /// What to do about it.
    pub fn advice(&self) -> String {
        match self {
            Self::NotAJob(cause) => cause.advice(),
            Self::OtherJob => "somebody else wrote this letter: look at who may write to the broker".to_owned(),
            Self::NotOurs { .. } => {
                "if the account's key was rotated since, submit the job anew; if not, somebody else wrote this \
                 letter"
                    .to_owned()
            }
            Self::OtherRight { .. } => {
                "no job ever had it: look at who may write to the broker, and who minted that grant".to_owned()
            }
            Self::Address { cause, .. } => cause.advice().to_owned(),
            Self::Sealed => "only workers open sealed grants: submit the job anew".to_owned(),
            Self::OtherSubmission => "look at who may write to the broker; submit the job anew if it is wanted".to_owned(),
            Self::Preset(cause) => cause.advice(),
            Self::NoRemint => "`valet dead replay` it, or submit such jobs with a larger --remints".to_owned(),
            Self::Ttl { wall_seconds, .. } => {
                format!("--ttl between {} s and {TTL_SECONDS_MAX} s", wall_seconds + WAIT_SECONDS_MIN)
            }
        }
    }
}

/// The plan of the same job, submitted again, for new grants that live `ttl_seconds` (default: as at submit).
/// `submission` is what its producer reported: where the grants are sealed, it alone tells the blobs.
///
/// # Errors
/// When anything in the letter is not what this signer once granted to a job.
pub fn plan_again(
    signer: &Signer,
    letter: &DeadLetter,
    submission: Option<&Submission>,
    ttl_seconds: Option<u64>,
) -> Result<JobPlan, ReplayError> {
    let proven = Proven::of(signer, letter, submission)?;
    let ttl_seconds = ttl(ttl_seconds, proven.wall_seconds)?;
    Ok(proven.plan(ttl_seconds))
}

/// The plan of the same job, still waiting since it was submitted, for new grants that live as long as the old
/// ones did. `seen` is the content that its first attempt met, if one did: no later content is granted.
///
/// # Errors
/// When anything in the letter is not what this signer once granted to a job, or it may not be minted anew.
pub fn plan_anew(
    signer: &Signer,
    letter: &DeadLetter,
    submission: Option<&Submission>,
    seen: Option<ETag>,
) -> Result<JobPlan, ReplayError> {
    let proven = Proven::of(signer, letter, submission)?;
    let remints = proven.message.remints.checked_sub(1).ok_or(ReplayError::NoRemint)?;
    let submitted_at = Some(proven.message.submitted_at);
    let ttl_seconds = proven.life_seconds.clamp(least(proven.wall_seconds), u64::from(TTL_SECONDS_MAX));
    let ttl_seconds = ttl(Some(ttl_seconds), proven.wall_seconds)?;
    let plan = proven.plan(ttl_seconds);
    // What was met first, whatever the letter says.
    let etag = seen.or(plan.etag.clone());
    Ok(JobPlan { etag, remints, submitted_at, ..plan })
}

/// A letter that holds what this signer once granted to a job, and no more.
struct Proven {
    message: JobMessage,
    input: BlobAddress,
    output: BlobAddress,
    chosen: Chosen,
    wall_seconds: u32,
    /// How long its grants lived.
    life_seconds: u64,
    attempts_made: u32,
}

impl Proven {
    fn of(
        signer: &Signer,
        letter: &DeadLetter,
        submission: Option<&Submission>,
    ) -> Result<Self, ReplayError> {
        let message = JobMessage::decode(letter.body()).map_err(ReplayError::NotAJob)?;
        if letter.job() != Some(message.key()) {
            return Err(ReplayError::OtherJob);
        }
        let was =
            message.grants.urls().map(|(read, create)| Was::granted(signer, read, create)).transpose()?;
        let chosen = resolve(&message.preset)?;
        let wall_seconds = message.limits.wall_seconds.unwrap_or(chosen.wall_seconds);
        let Was { input, output, life_seconds } = match was {
            Some(was) => was,
            None => Was::submitted(signer, &message, submission.ok_or(ReplayError::Sealed)?, wall_seconds)?,
        };
        let attempts_made = attempts_made(&message, letter.attempt);
        Ok(Self { message, input, output, chosen, wall_seconds, life_seconds, attempts_made })
    }

    fn plan(&self, ttl_seconds: u32) -> JobPlan {
        let (message, chosen) = (&self.message, &self.chosen);
        JobPlan {
            id: message.id,
            lane: message.lane.clone(),
            input: self.input.clone(),
            etag: message.input.etag.clone(),
            output: self.output.clone(),
            content_type: chosen.content_type.clone(),
            preset: chosen.name.clone(),
            version: chosen.version,
            params: chosen.params.clone(),
            priority: message.priority,
            tags: message.tags.clone(),
            wall_seconds: self.wall_seconds,
            limits: Limits { wall_seconds: None, ..message.limits },
            ttl_seconds,
            remints: message.remints,
            attempts_before: self.attempts_made,
            submitted_at: None,
        }
    }
}

/// What a job was granted.
struct Was {
    input: BlobAddress,
    output: BlobAddress,
    life_seconds: u64,
}

impl Was {
    /// As its open grants say, which must bear this signer's signature.
    fn granted(signer: &Signer, read: &GrantUrl, create: &GrantUrl) -> Result<Self, ReplayError> {
        Ok(Self {
            input: granted(signer, read, Role::Input, Right::Read)?,
            output: granted(signer, create, Role::Output, Right::Create)?,
            life_seconds: life(create).unwrap_or_else(|| u64::from(TTL_SECONDS_DEFAULT)),
        })
    }

    /// As its producer reported: only producers may publish such a report.
    fn submitted(
        signer: &Signer,
        message: &JobMessage,
        submission: &Submission,
        wall_seconds: u32,
    ) -> Result<Self, ReplayError> {
        if submission.preset != format!("{}@{}", message.preset.name, message.preset.version) {
            return Err(ReplayError::OtherSubmission);
        }
        let waited = message.not_after.duration_since(submission.minted_at).as_secs();
        Ok(Self {
            input: told(signer, &submission.input, Role::Input)?,
            output: told(signer, &submission.output, Role::Output)?,
            life_seconds: u64::try_from(waited).unwrap_or_default() + u64::from(wall_seconds),
        })
    }
}

/// The blob of a report, `account/container/blob`.
fn told(signer: &Signer, text: &str, role: Role) -> Result<BlobAddress, ReplayError> {
    let below = text.strip_prefix(signer.account().name()).and_then(|rest| rest.strip_prefix('/'));
    let address = BlobAddress::from_text(below.ok_or(ReplayError::OtherSubmission)?.to_owned());
    let address = address.map_err(|cause| ReplayError::Address { role, cause })?;
    // Reports cut what could be a signature out of names: such a name is not the blob's.
    if text.contains("redacted") { Err(ReplayError::Sealed) } else { Ok(address) }
}

/// How long a grant of ours lived: they are made to hold from a while before they are minted.
fn life(grant: &GrantUrl) -> Option<u64> {
    let validity = SasToken::parse(grant).ok()?.validity()?;
    let whole = validity.expiry.duration_since(validity.start?);
    u64::try_from(whole.as_secs().checked_sub(SKEW.as_secs())?).ok()
}

/// How many attempts the job has had: reports of the next one must not look like those of an earlier one. The
/// letter's own word may be anything, and counts no further than the message's limit.
fn attempts_made(message: &JobMessage, attempt: Option<u32>) -> u32 {
    let made = attempt.unwrap_or(message.attempts_before).max(message.attempts_before);
    made.min(limits::ATTEMPTS_BEFORE_MAX)
}

/// The blob of a grant that this signer minted for a job in this role.
fn granted(signer: &Signer, grant: &GrantUrl, role: Role, right: Right) -> Result<BlobAddress, ReplayError> {
    signer.verify(grant).map_err(|cause| ReplayError::NotOurs { role, cause })?;
    let not_sas = |_| ReplayError::NotOurs { role, cause: VerifyError::NotSas };
    let token = SasToken::parse(grant).map_err(not_sas)?;
    // Ours is not enough: a grant to list, or to read what was another job's output, is ours too.
    if token.rights() != Rights::from(right) || token.resource() != Some(ResourceKind::Blob) {
        return Err(ReplayError::OtherRight { role, rights: token.rights() });
    }
    let below = grant.expose_url().strip_prefix(signer.account().endpoint()).unwrap_or_default();
    let path = below.trim_start_matches('/').split('?').next().unwrap_or_default();
    let decoded = percent_decode_str(path).decode_utf8_lossy().into_owned();
    BlobAddress::from_text(decoded).map_err(|cause| ReplayError::Address { role, cause })
}

fn resolve(preset: &PresetRef) -> Result<Chosen, ReplayError> {
    let params: Map<_, _> = preset.params.clone();
    Chosen::resolve(&format!("{}@{}", preset.name, preset.version), &params).map_err(ReplayError::Preset)
}

fn ttl(asked: Option<u64>, wall_seconds: u32) -> Result<u32, ReplayError> {
    let usual = u64::from(TTL_SECONDS_DEFAULT).max(u64::from(wall_seconds) + 3_600);
    let ttl_seconds = asked.unwrap_or(usual.min(u64::from(TTL_SECONDS_MAX)));
    let fits = (least(wall_seconds)..=u64::from(TTL_SECONDS_MAX)).contains(&ttl_seconds);
    let whole = u32::try_from(ttl_seconds).ok().filter(|_| fits);
    whole.ok_or(ReplayError::Ttl { ttl_seconds, wall_seconds })
}

/// The shortest life of grants for such a job.
fn least(wall_seconds: u32) -> u64 {
    u64::from(wall_seconds) + u64::from(WAIT_SECONDS_MIN)
}
