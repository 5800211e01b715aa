//! A hostile program in the very jail that codecs get: attempt by attempt, what was tried and what happened.
//!
//! Some attempts are made at every start, all of them by `valet-worker prove`. An attempt that gave no verdict counts
//! as one that succeeded: what cannot be shown is not promised.

mod ground;
mod show;

use std::path::Path;
use std::time::{Duration, Instant};

use valet_jail::hostile::{ATTEMPTS, Attempt, Evidence, Kind, Verdict, judge};
use valet_jail::{Exit, Jail, JailError, Jailer, Order, Output, Task};

use crate::codec::{Codec, Program, read_at_most};
use crate::config::Config;
use crate::door::{Door, DoorLimits, Source};
use crate::walls::{self, WallsError};

pub use ground::Ground;

/// Longest that an attempt may take by the clock: far more than any needs, also on a machine that has no time.
const ATTEMPT_WALL: Duration = Duration::from_secs(60);

/// Clock of an attempt that waits to be ended by it.
const SLEEP_WALL: Duration = Duration::from_secs(1);

/// Processor seconds of an attempt.
const ATTEMPT_CPU_SECONDS: u64 = 1;

/// Largest output of an attempt: the real limit would only take longer to fill.
const ATTEMPT_OUTPUT_BYTES: u64 = 16 << 20;

/// What is kept of what an attempt says: one line, were it not for the attempt that floods.
const SAID_BYTES_MAX: usize = 64 * 1024;

/// One attempt, made.
#[derive(Debug)]
pub struct Trial {
    /// What was tried.
    pub attempt: &'static Attempt,
    /// What happened.
    pub verdict: Verdict,
    /// How long it took.
    pub took: Duration,
}

impl Trial {
    /// Whether nothing got out.
    #[must_use]
    pub fn is_contained(&self) -> bool {
        self.verdict.held()
    }

    /// What happened, in one line.
    #[must_use]
    pub fn sentence(&self) -> String {
        let Attempt { name, what, .. } = self.attempt;
        match &self.verdict {
            Verdict::Refused { by } => format!("{name} ({what}): refused, {by}"),
            Verdict::Residue { why } => format!("{name} ({what}): known and harmless, {why}"),
            Verdict::Succeeded { what: done } => format!("{name} ({what}): SUCCEEDED, {done}"),
            Verdict::Broken { why } => format!("{name} ({what}): no verdict, {why}"),
        }
    }
}

/// Makes every attempt and prints it; true when all were contained.
///
/// # Errors
/// When no jail can be made with these settings.
pub async fn prove(jailer: Jailer, config: &Config, scratch: &Path, json: bool) -> Result<bool, WallsError> {
    let (codec, ground) = walls::build(jailer, config, scratch).await?;
    let mut show = show::Show::begin(codec.level, json);
    for attempt in ATTEMPTS {
        show.trial(&ground.attempt(&codec, config, attempt).await);
    }
    Ok(show.end())
}

impl Ground {
    /// Makes the attempts of the self-test.
    pub async fn test(&self, codec: &Codec, config: &Config) -> Vec<Trial> {
        let mut trials = Vec::new();
        for attempt in ATTEMPTS.iter().filter(|attempt| attempt.at_start) {
            trials.push(self.attempt(codec, config, attempt).await);
        }
        trials
    }

    /// Makes one attempt.
    pub async fn attempt(&self, codec: &Codec, config: &Config, attempt: &'static Attempt) -> Trial {
        let started = Instant::now();
        let verdict = self.try_attempt(codec, config, attempt).await;
        let verdict = verdict.unwrap_or_else(|error| Verdict::Broken { why: crate::logs::chain(&error) });
        Trial { attempt, verdict, took: started.elapsed() }
    }

    async fn try_attempt(
        &self,
        codec: &Codec,
        config: &Config,
        attempt: &'static Attempt,
    ) -> Result<Verdict, JailError> {
        let mut output = Output::create(self.directory()).map_err(JailError::Output)?;
        let task = Task::Attempt { name: attempt.name, canaries: self.canaries() };
        let mut jail = self.enter(codec, config, task, &mut output).await?;
        let door = self.door();
        let said = jail.take_stdout();
        let doors = jail.take_doors();
        let serving = async {
            if let Some(doors) = doors {
                door.serve(doors).await;
            }
        };
        let reading = async {
            match said {
                Some(stdout) => read_at_most(stdout, SAID_BYTES_MAX).await,
                None => Vec::new(),
            }
        };
        // The jail's end ends its door and its pipe as well.
        let wall = if attempt.kind == Kind::Sleep { SLEEP_WALL } else { ATTEMPT_WALL };
        let (ended, said, ()) = tokio::join!(end(&mut jail, wall), reading, serving);
        let (exit, out_of_time) = ended?;
        let evidence = Evidence {
            level: codec.level,
            stdout: &String::from_utf8_lossy(&said),
            end: exit.end,
            door_refused: door.trip().is_some(),
            out_of_time,
        };
        Ok(judge(attempt, &evidence))
    }

    /// Whether a jail can be made at all.
    ///
    /// # Errors
    /// The step that did not work.
    pub async fn try_level(&self, codec: &Codec, config: &Config) -> Result<(), JailError> {
        let mut output = Output::create(self.directory()).map_err(JailError::Output)?;
        let task = Task::Program { name: Program::Ffmpeg.name(), arguments: &["-version".to_owned()] };
        self.enter(codec, config, task, &mut output).await.map(drop)
    }

    /// Makes a jail in which everything is real but the sizes.
    async fn enter(
        &self,
        codec: &Codec,
        config: &Config,
        task: Task<'_>,
        output: &mut Output,
    ) -> Result<Jail, JailError> {
        let limits = valet_jail::Limits {
            data_bytes: config.limits.memory_bytes_max,
            cpu_seconds: ATTEMPT_CPU_SECONDS,
            file_bytes: ATTEMPT_OUTPUT_BYTES,
        };
        let order = Order { root: &codec.root, task, level: codec.level, limits, output: Some(output) };
        codec.jailer.run(order).await
    }

    /// A door with a small file behind it.
    fn door(&self) -> Door {
        let (file, bytes) = self.fixture();
        Door::new(Source::File { file, bytes }, DoorLimits::default())
    }
}

/// Waits for the end of an attempt, and makes it when it takes too long; whether it did.
async fn end(jail: &mut Jail, wall: Duration) -> Result<(Exit, bool), JailError> {
    match tokio::time::timeout(wall, jail.wait()).await {
        Ok(exit) => Ok((exit?, false)),
        Err(_) => {
            jail.kill();
            Ok((jail.wait().await?, true))
        }
    }
}
