//! One attempt at one job, from a decoded message to a stored output. Reads as the procedure that it is.
//! It settles nothing, and its being dropped at any point leaves no process and no file behind.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use tracing::Instrument as _;
use valet_blob::{
    Digests, EarlierAttempt, FetchOptions, Input, Metadata, Presence, Reader, ReaderOptions, StoreOutcome,
    StoreSpec, hash_file, http,
};
use valet_grant::WriteGrant;
use valet_jail::Output;
use valet_preset::{MediaFacts, Work};
use valet_protocol::{
    Accepted, JobMessage, PresetRef, Progress, ReportData, Started, Stored, Success, Timings, WorkerName,
};

use crate::admit::{Admitted, admit};
use crate::cancels::Cancels;
use crate::cause::Cause;
use crate::config::JobLimits;
use crate::disposition::Decision;
use crate::door::{Door, DoorLimits, Source};
use crate::fleet::Fleet;
use crate::gate::Outages;
use crate::hold::Hold;
use crate::media::{Made, Tools, Workshop};
use crate::memo::{Key, Memo, Remembered};
use crate::metrics::Metrics;
use crate::progress::{FINALISING, PERCENT_MAX};
use crate::reports::Reporter;
use crate::scratch::{JobScratch, Scratch};
use crate::telemetry::phase;
use crate::terms::TermsWatch;
use crate::walls::Walls;

/// What every job of this worker shares.
#[derive(Debug)]
pub struct Worker {
    /// Name in reports.
    pub name: WorkerName,
    /// Broker logins that jobs are taken from; empty takes them from whoever the broker lets publish.
    pub publishers: Vec<String>,
    /// What a grant must be like.
    pub grants: valet_grant::GrantPolicy,
    /// What sealed grants are opened with.
    pub fleet: Fleet,
    /// What any job may use.
    pub limits: JobLimits,
    /// The way to storage.
    pub client: http::Client,
    /// Where files are.
    pub scratch: Scratch,
    /// What codecs are run with.
    pub tools: Tools,
    /// What codecs run behind.
    pub walls: Walls,
    /// How messages ended lately.
    pub memo: Memo,
    /// Which jobs are cancelled.
    pub cancels: Cancels,
    /// What is counted.
    pub metrics: Metrics,
    /// What storage did for jobs.
    pub outages: Outages,
}

/// One hand-over of a job.
#[derive(Debug)]
pub struct Attempt<'a> {
    /// The job.
    pub message: &'a JobMessage,
    /// Over all grants, from 1.
    pub number: u32,
    /// The broker's stage, from 1.
    pub stage: u32,
    /// When it was taken.
    pub taken: Instant,
    /// On which terms the broker lends it.
    pub terms: TermsWatch,
    /// Whether an attempt before this one may have stored the output already.
    pub earlier: EarlierAttempt,
    /// What it is remembered by once it has ended.
    pub key: Key,
    /// Tells about it.
    pub reports: &'a Reporter,
    /// Set once the output is being stored: from then on it is too late to cancel, since nobody could tell
    /// whether it was.
    pub storing: AtomicBool,
}

impl Worker {
    /// Whether jobs are taken from this login of the broker, which has checked the name (`user_id`).
    #[must_use]
    pub fn takes_from(&self, user: Option<&str>) -> bool {
        let expected = |user| self.publishers.iter().any(|publisher| publisher == user);
        self.publishers.is_empty() || user.is_some_and(expected)
    }

    /// Does the job, in the time that it may be held.
    ///
    /// # Errors
    /// Why it did not succeed; nothing is stored then, or (a lost answer) nothing that is known to be.
    pub async fn perform(&self, attempt: &Attempt<'_>) -> Result<Success, Cause> {
        let clock = Stopwatch::start(attempt.message.submitted_at);
        let job = phase("admit").in_scope(|| {
            admit(attempt.message, &self.grants, &self.limits, &attempt.terms.now(), Timestamp::now())
        })?;
        attempt.reports.while_beating(attempt.require_fit(job.limits.wall)).await?;
        attempt.reports.tell(ReportData::Accepted(Accepted {})).await;
        let hold = Hold::new(attempt.taken, job.limits.wall);
        // On the heap: it is large, and many futures hold it.
        let work = Box::pin(self.work(attempt, &job, &hold, clock));
        hold.within(attempt.reports.while_beating(work)).await
    }

    async fn work(
        &self,
        attempt: &Attempt<'_>,
        job: &Admitted,
        hold: &Hold,
        mut clock: Stopwatch,
    ) -> Result<Success, Cause> {
        attempt.wait_for_turn().await;
        if attempt.earlier == EarlierAttempt::Possible
            && let Some(success) = self.find_stored(attempt.message, &job.output).await
        {
            return Ok(Success { timings: clock.end(), ..success });
        }
        let input = self.open(attempt, job).instrument(phase("open")).await?;
        let scratch = self.take_room(attempt, job, input.bytes())?;
        attempt.reports.tell(self.started(attempt, &input)).await;

        let output = Output::create(scratch.path()).map_err(Cause::ScratchFile)?;
        scratch.count(output.file());
        let reader = Reader::new(input.clone(), reader_options(hold));
        let door = open_door(&reader);
        let workshop = self.workshop(job, &scratch, &door);
        let made = if job.plan.work == Work::Copy {
            attempt.tell_phase("fetch", None).await;
            let made = fetch(job, &input, output, hold).instrument(phase("fetch")).await?;
            clock.times.fetch_ms = clock.lap();
            made
        } else {
            let made = workshop.make(output, attempt.reports).instrument(phase("transcode")).await?;
            clock.times.codec_ms = clock.lap();
            made
        };

        attempt.tell_phase(FINALISING, Some(PERCENT_MAX)).await;
        let checked = async {
            let facts = workshop.check(&made).await?;
            let digests = hash_file(made.output.file().clone()).await.map_err(Cause::ScratchFile)?;
            Ok::<_, Cause>((facts, digests))
        };
        let (facts, digests) = checked.instrument(phase("check")).await?;
        clock.times.check_ms = clock.lap();

        let spec = store_spec(attempt, job, &input, &digests, hold);
        let file = made.output.file().clone();
        attempt.storing.store(true, Ordering::Relaxed);
        let stored = valet_blob::store(&self.client, &job.output, file, &spec).instrument(phase("store"));
        let stored = stored.await.map_err(Cause::storage)?;
        clock.times.store_ms = clock.lap();

        let success = Success {
            stored: outcome(stored.outcome),
            output: job.output.blob().to_string().into(),
            content_type: spec.content_type.into(),
            input_bytes: input.bytes(),
            output_bytes: Some(digests.bytes),
            sha256: Some(digests.sha256.into()),
            md5: Some(digests.md5.into()),
            media: facts.as_ref().map(told_facts),
            timings: clock.end(),
            codec_version: self.walls.codec_version.as_str().into(),
            jail: Some(self.walls.codec.level.to_string().into()),
        };
        // Before anybody can take the job from us: the next delivery of it to this process is told the same.
        let decision = Decision::stored(Box::new(success.clone()));
        self.memo.keep(attempt.key, Remembered { attempt: attempt.number, decision, told: false });
        Ok(success)
    }

    /// The success of a job whose output is in place already; none when it is not, or when nobody can tell. Only
    /// to be asked of a job that an earlier attempt or delivery may have stored: else the blob is somebody else's.
    pub async fn find_stored(&self, message: &JobMessage, output: &WriteGrant) -> Option<Success> {
        let presence = valet_blob::probe_stored(&self.client, output, None).await;
        tracing::debug!(?presence, "asked storage for the output of an earlier attempt");
        (presence == Presence::Exists).then(|| self.found(message, output))
    }

    fn found(&self, message: &JobMessage, output: &WriteGrant) -> Success {
        let PresetRef { name, version, params } = &message.preset;
        let plan = valet_preset::resolve(name, *version, params).ok();
        let own = plan.map_or("application/octet-stream", |plan| plan.info.content_type);
        Success {
            stored: Stored::Found,
            output: output.blob().to_string().into(),
            content_type: message.output.content_type.as_deref().unwrap_or(own).into(),
            // The input was not looked at; it may be gone by now.
            input_bytes: 0,
            output_bytes: None,
            sha256: None,
            md5: None,
            media: None,
            timings: Timings::default(),
            codec_version: self.walls.codec_version.as_str().into(),
            jail: None,
        }
    }

    /// Opens the input and refuses it by its size, before anything is reserved or fetched for it.
    async fn open(&self, attempt: &Attempt<'_>, job: &Admitted) -> Result<Input, Cause> {
        let etag = attempt.message.input.etag.as_ref().map(valet_protocol::ETag::as_str);
        let input = Input::open(&self.client, &job.input, etag).await.map_err(Cause::storage)?;
        job.check_input_bytes(input.bytes())?;
        Ok(input)
    }

    fn take_room(
        &self,
        attempt: &Attempt<'_>,
        job: &Admitted,
        input_bytes: u64,
    ) -> Result<JobScratch, Cause> {
        let name = format!("job-{}-{}", attempt.message.id, attempt.number);
        let mut scratch = self.scratch.make_job(&name).map_err(Cause::Scratch)?;
        scratch.reserve(job.scratch_bytes(input_bytes)).map_err(Cause::Scratch)?;
        Ok(scratch)
    }

    fn workshop<'a>(&'a self, job: &'a Admitted, scratch: &'a JobScratch, input: &'a Door) -> Workshop<'a> {
        let Admitted { plan, limits, bounds, .. } = job;
        let directory = scratch.path();
        Workshop { tools: &self.tools, plan, directory, input, limits: limits.clone(), bounds: *bounds }
    }

    fn started(&self, attempt: &Attempt<'_>, input: &Input) -> ReportData {
        let preset = &attempt.message.preset;
        let (name, version) = (preset.name.as_str().into(), preset.version);
        let jail = Some(self.walls.codec.level.to_string().into());
        let input_etag = Some(input.etag().into());
        ReportData::Started(Started { preset: name, version, input_bytes: input.bytes(), input_etag, jail })
    }
}

impl Attempt<'_> {
    /// Whether it can be done before the broker takes it back. Somebody may have declared more time since the worker
    /// last read how the topology is declared, so it reads that again before it says no.
    async fn require_fit(&self, wall: Duration) -> Result<(), Cause> {
        if self.terms.now().require_fit(wall).is_ok() {
            return Ok(());
        }
        let terms = self.terms.read_again().await;
        terms.require_fit(wall).map_err(|advice| Cause::TimeoutTooShort {
            wall_seconds: wall.as_secs(),
            consumer_timeout_seconds: terms.consumer_timeout.as_secs(),
            advice,
        })
    }

    /// What failed together must not come back together.
    async fn wait_for_turn(&self) {
        tokio::time::sleep(self.terms.now().jitter(self.stage, fastrand::f64())).await;
    }

    async fn tell_phase(&self, phase: &str, percent: Option<f64>) {
        let progress = Progress { phase: phase.into(), percent, ..Progress::default() };
        self.reports.tell_progress(progress).await;
    }
}

fn reader_options(hold: &Hold) -> ReaderOptions {
    ReaderOptions { deadline: Some(hold.transfers_until()), ..ReaderOptions::default() }
}

/// The one thing that the job's codecs may read.
fn open_door(reader: &Reader) -> Door {
    Door::new(Source::Blob(reader.clone()), DoorLimits::default())
}

/// The input itself as the output.
async fn fetch(job: &Admitted, input: &Input, output: Output, hold: &Hold) -> Result<Made, Cause> {
    let options = FetchOptions {
        bytes_max: job.input_bytes_max,
        deadline: Some(hold.transfers_until()),
        ..FetchOptions::default()
    };
    input.fetch(output.file().clone(), options).await.map_err(Cause::storage)?;
    Ok(Made::without_codec(output))
}

fn store_spec(
    attempt: &Attempt<'_>,
    job: &Admitted,
    input: &Input,
    digests: &Digests,
    hold: &Hold,
) -> StoreSpec {
    let info = job.plan.info;
    // A copy is what its input is, unless the sender knows better.
    let copied = if job.plan.work == Work::Copy { input.content_type() } else { None };
    let asked = attempt.message.output.content_type.as_deref();
    StoreSpec {
        content_type: asked.or(copied).unwrap_or(info.content_type).to_owned(),
        metadata: Metadata {
            job: attempt.message.id.to_string(),
            attempt: attempt.number,
            sha256: digests.sha256.clone(),
            preset: format!("{}/{}", info.name, info.version),
        },
        md5: digests.md5.clone(),
        earlier_attempt: attempt.earlier,
        deadline: Some(hold.transfers_until()),
    }
}

fn outcome(outcome: StoreOutcome) -> Stored {
    match outcome {
        StoreOutcome::Created => Stored::Created,
        StoreOutcome::ExistsAfterOwnAttempt => Stored::ExistsAfterOwnAttempt,
    }
}

fn told_facts(facts: &MediaFacts) -> valet_protocol::MediaFacts {
    valet_protocol::MediaFacts {
        format: facts.format.as_str().into(),
        duration_seconds: facts.duration_seconds,
        width: facts.video.as_ref().map(|video| video.width),
        height: facts.video.as_ref().map(|video| video.height),
        video_codec: facts.video.as_ref().map(|video| video.codec.as_str().into()),
        audio_codec: facts.audio.as_ref().map(|audio| audio.codec.as_str().into()),
    }
}

/// Where the time of an attempt goes.
#[derive(Debug)]
struct Stopwatch {
    times: Timings,
    started: Instant,
    last: Instant,
}

impl Stopwatch {
    fn start(submitted_at: Timestamp) -> Self {
        let queue_ms = Timestamp::now().duration_since(submitted_at).as_millis();
        let times = Timings { queue_ms: u64::try_from(queue_ms).unwrap_or_default(), ..Timings::default() };
        let now = Instant::now();
        Self { times, started: now, last: now }
    }

    /// Milliseconds since the last lap.
    fn lap(&mut self) -> u64 {
        let before = std::mem::replace(&mut self.last, Instant::now());
        milliseconds(self.last.duration_since(before))
    }

    fn end(self) -> Timings {
        Timings { total_ms: milliseconds(self.started.elapsed()), ..self.times }
    }
}

fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
