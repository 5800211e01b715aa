//! Turns requests into plans and refuses what could not work, each refusal with what to do.
//! Must never do I/O: the caller says where requests come from and where plans go.

use std::collections::BTreeMap;
use std::rc::Rc;

use jiff::SignedDuration;
use serde_json::{Map, Value};
use valet_protocol::{BadText, ETag, JobId, Lane, Limits, Priority};

use super::bounds::{self, LimitError};
use super::outputs::Outputs;
use super::plan::{JobPlan, TTL_SECONDS_DEFAULT, TTL_SECONDS_MAX, WAIT_SECONDS_MIN};
use super::preset::{Chosen, PresetChoiceError, Presets};
use super::priority::parse_priority;
use super::request::{Defaults, JobRequest, Place};
use super::tags;
use crate::address::{AddressError, BlobAddress};
use crate::ids;
use crate::template::{Filling, Template, TemplateError};

/// Grants live this much longer than the work may take, if nobody says how long they live.
const TTL_OVER_WALL_SECONDS: u32 = 3_600;

/// Plans the requests of one batch.
#[derive(Debug, Default)]
pub struct Planner {
    defaults: Defaults,
    idempotency_key: Option<String>,
    presets: Presets,
    outputs: Outputs,
    template: Option<Rc<Template>>,
}

/// Why a request cannot become a job.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PlanError {
    /// The input is no blob of the account.
    #[error("bad input")]
    Input(#[source] AddressError),
    /// The output is no blob of the account.
    #[error("bad output")]
    Output(#[source] AddressError),
    /// The output's placeholders are wrong.
    #[error("bad output")]
    Template(#[source] TemplateError),
    /// Nothing says where the output goes.
    #[error("there is no output")]
    NoOutput,
    /// Nothing says what to do.
    #[error("there is no preset")]
    NoPreset,
    /// The preset or a parameter does not exist or is out of bounds.
    #[error("bad preset")]
    Preset(#[source] PresetChoiceError),
    /// The priority is none.
    #[error("{given:?} is not a priority")]
    Priority {
        /// As given.
        given: String,
    },
    /// A duration cannot be read.
    #[error("{name} {given:?} is not a duration")]
    Duration {
        /// `ttl` or `wall`.
        name: &'static str,
        /// As given.
        given: String,
    },
    /// A duration is zero, or longer than anything may take.
    #[error("{name} of {seconds} s is not between 1 s and {TTL_SECONDS_MAX} s")]
    DurationBounds {
        /// `ttl` or `wall`.
        name: &'static str,
        /// As given.
        seconds: i64,
    },
    /// The grants would die before the job could wait and run.
    #[error(
        "grants that live {ttl_seconds} s are too short for work of {wall_seconds} s and {WAIT_SECONDS_MIN} s in the queue"
    )]
    TtlTooShort {
        /// The grants' life.
        ttl_seconds: u32,
        /// The wall limit.
        wall_seconds: u32,
    },
    /// Input and output are one blob.
    #[error("the output {output} is the input itself")]
    SameBlob {
        /// The blob.
        output: String,
    },
    /// Another job of the batch writes the same blob.
    #[error("the output {output} is already that of {earlier}")]
    Collision {
        /// The blob.
        output: String,
        /// Where it was met first.
        earlier: Place,
    },
    /// The ETag cannot be one.
    #[error("bad etag")]
    Etag(#[source] BadText),
    /// A limit of the job cannot be one.
    #[error("bad limit")]
    Limit(#[source] LimitError),
    /// The tags break a limit of the message.
    #[error("bad tags: {problem}")]
    Tags {
        /// Which limit.
        problem: String,
    },
}

impl PlanError {
    /// What to do about it.
    pub fn advice(&self) -> String {
        match self {
            Self::Input(error) | Self::Output(error) => error.advice().to_owned(),
            Self::Template(error) => error.advice().to_owned(),
            Self::NoOutput => "give OUTPUT, --output TEMPLATE or the manifest's field output".to_owned(),
            Self::NoPreset => {
                "give --preset NAME or the manifest's field preset; `valet preset ls` lists them".to_owned()
            }
            Self::Preset(error) => error.advice(),
            Self::Priority { .. } => "low, normal or high".to_owned(),
            Self::Duration { .. } => "for example 90s, 30m, 4h or 1h30m".to_owned(),
            Self::DurationBounds { .. } => {
                "grants live a day at most; split longer work into several jobs".to_owned()
            }
            Self::TtlTooShort { wall_seconds, .. } => {
                let least = u64::from(*wall_seconds) + u64::from(WAIT_SECONDS_MIN);
                format!("--ttl {least}s or longer, or a shorter --wall")
            }
            Self::SameBlob { .. } => "an output is always a new blob: choose another name".to_owned(),
            Self::Collision { .. } => {
                "make outputs differ: {path}, {name} or {id} in the template, or another output for this line"
                    .to_owned()
            }
            Self::Etag(_) => r#"write it as storage does, with its quotes: "0x8D…""#.to_owned(),
            Self::Limit(error) => error.advice(),
            Self::Tags { .. } => "tags are for short labels; keep documents elsewhere".to_owned(),
        }
    }
}

impl Planner {
    /// A planner of one batch. With an idempotency key, the same work has the same id every time.
    pub fn new(defaults: Defaults, idempotency_key: Option<String>) -> Self {
        Self { defaults, idempotency_key, ..Self::default() }
    }

    /// Plans one request.
    ///
    /// # Errors
    /// Why it cannot become a job; the planner goes on with the next one all the same.
    pub fn plan(&mut self, request: JobRequest, place: Place) -> Result<JobPlan, PlanError> {
        let input = BlobAddress::from_text(request.input).map_err(PlanError::Input)?;
        let chosen = self.choose(request.preset.as_deref(), request.params)?;
        let priority = self.priority(request.priority.as_deref())?;
        let (wall_seconds, ttl_seconds) = self.times(request.wall, request.ttl, &chosen)?;
        let etag = request.etag.map(|etag| etag.parse::<ETag>()).transpose().map_err(PlanError::Etag)?;
        let tags = self.tags(request.tags)?;
        let limits = self.limits(request.limits)?;
        let template = self.template(request.output.as_deref())?;
        let id = self.id(&input, &template, &chosen);
        let output = fill(&template, &input, &chosen, &id).map_err(PlanError::Output)?;
        self.claim(&input, &output, place)?;
        Ok(JobPlan {
            id,
            lane: Lane::default(),
            input,
            etag,
            output,
            content_type: chosen.content_type.clone(),
            preset: chosen.name.clone(),
            version: chosen.version,
            params: chosen.params.clone(),
            priority,
            tags,
            wall_seconds,
            limits,
            ttl_seconds,
            remints: self.defaults.remints,
            attempts_before: 0,
            submitted_at: None,
        })
    }

    fn choose(&mut self, own: Option<&str>, params: Map<String, Value>) -> Result<Rc<Chosen>, PlanError> {
        // Parameters of the command line belong to the command line's preset.
        let (name, params) = match (own, self.defaults.preset.as_deref()) {
            (Some(name), _) => (name, params),
            (None, None) => return Err(PlanError::NoPreset),
            (None, Some(name)) if params.is_empty() => {
                return self.presets.choose(name, &self.defaults.params).map_err(PlanError::Preset);
            }
            (None, Some(name)) => {
                let mut merged = self.defaults.params.clone();
                merged.extend(params);
                (name, merged)
            }
        };
        self.presets.choose(name, &params).map_err(PlanError::Preset)
    }

    fn priority(&self, own: Option<&str>) -> Result<Priority, PlanError> {
        let name = own.or(self.defaults.priority.as_deref()).unwrap_or("normal");
        parse_priority(name).ok_or_else(|| PlanError::Priority { given: name.to_owned() })
    }

    fn times(
        &self,
        wall: Option<String>,
        ttl: Option<String>,
        chosen: &Chosen,
    ) -> Result<(u32, u32), PlanError> {
        let wall = wall.or_else(|| self.defaults.wall.clone());
        let wall_seconds = wall.map_or(Ok(chosen.wall_seconds), |given| seconds("wall", given))?;
        let ttl = ttl.or_else(|| self.defaults.ttl.clone());
        let usual = TTL_SECONDS_DEFAULT.max(wall_seconds.saturating_add(TTL_OVER_WALL_SECONDS));
        let ttl_seconds = ttl.map_or(Ok(usual.min(TTL_SECONDS_MAX)), |given| seconds("ttl", given))?;
        if ttl_seconds < wall_seconds.saturating_add(WAIT_SECONDS_MIN) {
            return Err(PlanError::TtlTooShort { ttl_seconds, wall_seconds });
        }
        Ok((wall_seconds, ttl_seconds))
    }

    fn template(&mut self, own: Option<&str>) -> Result<Rc<Template>, PlanError> {
        let text = own.or(self.defaults.output.as_deref()).ok_or(PlanError::NoOutput)?;
        if let Some(known) = self.template.as_ref().filter(|known| known.as_str() == text) {
            return Ok(Rc::clone(known));
        }
        let parsed = Rc::new(Template::parse(text).map_err(PlanError::Template)?);
        self.template = Some(Rc::clone(&parsed));
        Ok(parsed)
    }

    fn id(&self, input: &BlobAddress, template: &Template, chosen: &Chosen) -> JobId {
        let Some(key) = &self.idempotency_key else { return ids::fresh() };
        let work = ids::Work {
            input: input.as_str(),
            output: template.as_str(),
            preset: &chosen.name,
            version: chosen.version,
            params: &chosen.params_text,
        };
        ids::repeatable(key, &work)
    }

    fn claim(&mut self, input: &BlobAddress, output: &BlobAddress, place: Place) -> Result<(), PlanError> {
        if input == output {
            return Err(PlanError::SameBlob { output: output.to_string() });
        }
        let claimed = self.outputs.claim(output.as_str(), place);
        claimed.map_err(|earlier| PlanError::Collision { output: output.to_string(), earlier })
    }

    fn limits(&self, own: BTreeMap<String, Value>) -> Result<Limits, PlanError> {
        let mut asked = self.defaults.limits.clone();
        asked.extend(own);
        bounds::limits(&asked).map_err(PlanError::Limit)
    }

    fn tags(&self, own: BTreeMap<String, String>) -> Result<BTreeMap<String, String>, PlanError> {
        let mut labels = self.defaults.tags.clone();
        labels.extend(own);
        match tags::problem(&labels) {
            Some(problem) => Err(PlanError::Tags { problem }),
            None => Ok(labels),
        }
    }
}

fn fill(
    template: &Template,
    input: &BlobAddress,
    chosen: &Chosen,
    id: &JobId,
) -> Result<BlobAddress, AddressError> {
    let id = id.to_string();
    let extension = chosen.extension.as_deref();
    template.fill(&Filling { input, preset: &chosen.name, extension, id: &id })
}

/// Reads a duration such as `1h30m` as whole seconds.
fn seconds(name: &'static str, given: String) -> Result<u32, PlanError> {
    let Ok(duration) = given.parse::<SignedDuration>() else {
        return Err(PlanError::Duration { name, given });
    };
    let seconds = duration.as_secs();
    let within = (1..=i64::from(TTL_SECONDS_MAX)).contains(&seconds);
    let whole = u32::try_from(seconds).ok().filter(|_| within);
    whole.ok_or(PlanError::DurationBounds { name, seconds })
}
