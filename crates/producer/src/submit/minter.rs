//! One plan into one message and one report: mints the read grant and the create-only grant and encodes them.
//! The only place of the producer that makes job grants. Must never log what it makes.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use valet_broker::{Outgoing, topology::names};
use valet_grant::GrantUrl;
use valet_mint::{GrantSpec, MintError, Signer};
use valet_protocol::{Grants, Input, JobMessage, Limits, Output, PresetRef, Report, WorkerName, amqp};

use super::error::PrepareError;
use super::report;
use super::sealer::Sealer;
use crate::address::BlobAddress;
use crate::batch::JobPlan;
use crate::telemetry;

/// Mints and encodes jobs for one account.
#[derive(Debug, Clone)]
pub struct JobMinter {
    signer: Signer,
    name: WorkerName,
    traceparent: Option<String>,
    sealer: Option<Sealer>,
}

/// A job that is ready to be published.
#[derive(Debug)]
pub struct Prepared {
    /// The message as a value; its `Debug` redacts the grants.
    pub message: JobMessage,
    /// The same as bytes with all AMQP properties.
    pub outgoing: Outgoing,
    /// What the producer says about it once the broker has it; holds no grant.
    pub report: Report,
}

impl JobMinter {
    /// Mints with this signer.
    pub fn new(signer: Signer) -> Self {
        Self { signer, name: WorkerName::from("producer"), traceparent: None, sealer: None }
    }

    /// Seals the grants of its jobs with this; without, they travel open.
    #[must_use]
    pub fn with_sealer(mut self, sealer: Option<Sealer>) -> Self {
        self.sealer = sealer;
        self
    }

    /// Says this name in the reports of its jobs.
    #[must_use]
    pub fn with_name(mut self, name: WorkerName) -> Self {
        self.name = name;
        self
    }

    /// Who says the reports of its jobs.
    pub fn name(&self) -> &WorkerName {
        &self.name
    }

    /// Sends this W3C trace context along with every job, or goes on from it where traces are collected; a malformed
    /// one is left out.
    #[must_use]
    pub fn with_traceparent(mut self, traceparent: Option<String>) -> Self {
        self.traceparent = traceparent.filter(|text| amqp::is_traceparent(text));
        self
    }

    /// The trace context that was given.
    pub(crate) fn traceparent(&self) -> Option<&str> {
        self.traceparent.as_deref()
    }

    /// The signer, for grants that are not a job's.
    pub fn signer(&self) -> &Signer {
        &self.signer
    }

    /// Mints both grants of a plan as of `now` and encodes its message.
    ///
    /// Both grants live for the plan's `ttl_seconds`. The message is of use, and stays in the queue, until
    /// they die less the wall limit: who takes the job at the last moment can still end it.
    ///
    /// # Errors
    /// When a grant is refused at mint, or the message breaks a limit.
    pub fn prepare(&self, plan: &JobPlan, now: Timestamp) -> Result<Prepared, PrepareError> {
        let expiry = after(now, plan.ttl_seconds);
        let not_after = after(now, plan.ttl_seconds.saturating_sub(plan.wall_seconds));
        let refused = |cause| PrepareError::Mint { input: plan.input.to_string(), cause };
        let message = JobMessage {
            id: plan.id,
            lane: plan.lane.clone(),
            grants: Grants::Open {
                input: self.read(&plan.input, now, expiry).map_err(refused)?,
                output: self.create(&plan.output, now, expiry).map_err(refused)?,
            },
            input: Input { etag: plan.etag.clone() },
            output: Output { content_type: Some(plan.content_type.clone()) },
            preset: PresetRef {
                name: plan.preset.clone(),
                version: plan.version,
                params: plan.params.clone(),
            },
            limits: Limits { wall_seconds: Some(plan.wall_seconds), ..plan.limits },
            priority: plan.priority,
            tags: plan.tags.clone(),
            submitted_at: plan.submitted_at.unwrap_or(now),
            not_after,
            remints: plan.remints,
            attempts_before: plan.attempts_before,
        };
        let message = self.sealed(plan, message)?;
        let outgoing = self.outgoing(&message, now);
        let outgoing =
            outgoing.map_err(|cause| PrepareError::Encode { input: plan.input.to_string(), cause })?;
        let data = match plan.submitted_at {
            None => report::submitted(plan, &message, self.signer.account().name()),
            Some(_) => report::reminted(&message),
        };
        let report = report::about(&message, message.attempts_before + 1, &self.name, now, data);
        Ok(Prepared { message, outgoing, report })
    }

    /// The message as it may travel.
    fn sealed(&self, plan: &JobPlan, message: JobMessage) -> Result<JobMessage, PrepareError> {
        let Some(sealer) = &self.sealer else { return Ok(message) };
        let sealed = sealer.seal(message);
        sealed.map_err(|cause| PrepareError::Seal { input: plan.input.to_string(), cause })
    }

    /// A message with its AMQP properties.
    fn outgoing(
        &self,
        message: &JobMessage,
        now: Timestamp,
    ) -> Result<Outgoing, valet_protocol::EncodeError> {
        let mut outgoing =
            Outgoing::new(names::JOBS, names::JOBS_KEY, message.id.to_string(), message.encode()?);
        let life = message.not_after.duration_since(now);
        outgoing.expiration = Duration::try_from(life).ok().filter(|life| !life.is_zero());
        outgoing.type_ = Some(amqp::JOB_TYPE.to_owned());
        outgoing.content_type = Some(amqp::CONTENT_TYPE.to_owned());
        outgoing.priority = Some(message.priority.amqp());
        outgoing.timestamp = Some(now);
        let trace = telemetry::traceparent().or_else(|| self.traceparent.clone());
        outgoing.headers.extend(trace.map(|text| (amqp::TRACEPARENT.to_owned(), text)));
        Ok(outgoing)
    }

    /// The right to read one blob.
    ///
    /// # Errors
    /// When the grant is refused at mint.
    pub fn read(&self, blob: &BlobAddress, now: Timestamp, expiry: Timestamp) -> Result<GrantUrl, MintError> {
        self.mint(GrantSpec::read(blob.container(), blob.blob(), now, expiry))
    }

    /// The right to create one blob.
    ///
    /// # Errors
    /// When the grant is refused at mint.
    pub fn create(
        &self,
        blob: &BlobAddress,
        now: Timestamp,
        expiry: Timestamp,
    ) -> Result<GrantUrl, MintError> {
        self.mint(GrantSpec::create(blob.container(), blob.blob(), now, expiry))
    }

    fn mint(&self, spec: GrantSpec<'_>) -> Result<GrantUrl, MintError> {
        // Only an emulator's endpoint may be plain http; the settings have been checked for it.
        let plain = !self.signer.account().is_https();
        self.signer.mint(&if plain { spec.over_http_too() } else { spec })
    }
}

/// `now` and so many seconds, in whole seconds as a SAS has them.
fn after(now: Timestamp, seconds: u32) -> Timestamp {
    let whole = Timestamp::from_second(now.as_second()).unwrap_or(now);
    whole.saturating_add(SignedDuration::from_secs(i64::from(seconds))).unwrap_or(whole)
}
