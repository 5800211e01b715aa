//! The walls that this worker's codecs run behind: found out, tested and chosen at start, never changed after.
//!
//! The strongest level that this machine permits is taken, within what the settings allow; a self-test from inside
//! a real jail must be refused everything. A worker without walls does not start.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use valet_jail::explain::{Machine, Obstacle, explain};
use valet_jail::{JailError, Jailer, Level, Root, RootError};

use crate::codec::{Codec, CodecError, Limits, Program, Run};
use crate::config::Config;
use crate::prove::{Ground, Trial};

/// The walls, tested.
#[derive(Debug, Clone)]
pub struct Walls {
    /// Runs codecs behind them.
    pub codec: Codec,
    /// Attempts of the self-test, all refused.
    pub attempts: usize,
    /// Name and version of ffmpeg.
    pub codec_version: String,
}

/// Why there are no walls.
#[derive(Debug, thiserror::Error)]
pub enum WallsError {
    /// The codec's root could not be built.
    #[error("cannot build the codec's root")]
    Root(#[source] RootError),
    /// Neither level works here, or the only one that does is too weak.
    #[error("no jail of level {least} or stronger can be made here:{}", listed(.obstacles))]
    Level {
        /// The weakest level that the settings permit.
        least: Level,
        /// What stands in the way of each level that was tried.
        obstacles: Vec<(Level, Obstacle)>,
    },
    /// Something got out.
    #[error("the jail leaks at level {level}: {}", .attempts.join("; "))]
    Leak {
        /// The level.
        level: Level,
        /// What succeeded.
        attempts: Vec<String>,
    },
    /// The ground for the self-test could not be laid.
    #[error("cannot set up the self-test of the jail")]
    Ground(#[source] std::io::Error),
    /// ffmpeg or ffprobe does not run.
    #[error("cannot run {}", program.display())]
    Codec {
        /// The program.
        program: PathBuf,
        /// What went wrong.
        #[source]
        cause: CodecError,
    },
}

fn listed(obstacles: &[(Level, Obstacle)]) -> String {
    obstacles
        .iter()
        .map(|(level, obstacle)| format!("\n  {level}: {}; {}", obstacle.cause, obstacle.advice))
        .collect()
}

impl WallsError {
    /// What a person should do.
    #[must_use]
    pub fn advice(&self) -> String {
        match self {
            Self::Root(cause) => cause.advice().to_owned(),
            Self::Level { .. } => "change one of the settings above; docs/jail.md has a table".to_owned(),
            Self::Leak { .. } => {
                "do not run this worker; `valet-worker prove` shows every attempt, please report its output"
                    .to_owned()
            }
            Self::Ground(_) => "set worker.scratch to a directory that this user may write".to_owned(),
            Self::Codec { .. } => "install ffmpeg, or set worker.ffmpeg and worker.ffprobe".to_owned(),
        }
    }
}

/// Raises the walls and tests them.
///
/// # Errors
/// [`WallsError`]: the worker must not take jobs.
pub async fn raise(jailer: Jailer, config: &Config, scratch: &Path) -> Result<Walls, WallsError> {
    let (codec, ground) = build(jailer, config, scratch).await?;
    let trials = ground.test(&codec, config).await;
    require_refused(codec.level, &trials)?;
    let codec_version = version(&codec, Program::Ffmpeg, &config.ffmpeg, scratch).await?;
    version(&codec, Program::Ffprobe, &config.ffprobe, scratch).await?;
    Ok(Walls { codec, attempts: trials.len(), codec_version })
}

/// Builds the codec's root and chooses the level; nothing is tested yet.
///
/// # Errors
/// When there is no root, or no level.
pub async fn build(jailer: Jailer, config: &Config, scratch: &Path) -> Result<(Codec, Ground), WallsError> {
    // Looked at before anything else of ours: what stands in the way is found here.
    let machine = Machine::look();
    let jailer = jailer.with_first_uid(config.jail.uid_first);
    let programs = [(Program::Ffmpeg, &config.ffmpeg), (Program::Ffprobe, &config.ffprobe)];
    let named = programs.map(|(program, path)| (program.name(), path.as_path()));
    let root = Root::prepare(&config.jail.roots, &named).map_err(WallsError::Root)?;
    let mut codec = Codec { jailer, root: Arc::new(root), level: config.jail.level_max };
    let ground = Ground::lay(scratch).await.map_err(WallsError::Ground)?;
    codec.level = choose(&codec, config, &ground, &machine).await?;
    Ok((codec, ground))
}

/// The strongest level at which a jail can be made.
async fn choose(
    codec: &Codec,
    config: &Config,
    ground: &Ground,
    machine: &Machine,
) -> Result<Level, WallsError> {
    let (least, most) = (config.jail.level_min, config.jail.level_max);
    let mut obstacles = Vec::new();
    for level in [Level::L1, Level::L2].into_iter().filter(|level| (least..=most).contains(level)) {
        let codec = Codec { level, ..codec.clone() };
        match ground.try_level(&codec, config).await {
            Ok(()) => {
                tell_weaker(level, &obstacles);
                return Ok(level);
            }
            Err(error) => obstacles.push((level, obstacle(&error, level, machine))),
        }
    }
    Err(WallsError::Level { least, obstacles })
}

fn tell_weaker(level: Level, obstacles: &[(Level, Obstacle)]) {
    for (stronger, obstacle) in obstacles {
        let (cause, advice) = (&obstacle.cause, &obstacle.advice);
        tracing::warn!(cause, advice, "codecs run at level {level}: {stronger} cannot be had here");
    }
}

fn obstacle(error: &JailError, level: Level, machine: &Machine) -> Obstacle {
    match error {
        JailError::Setup { step, cause } => {
            explain(step, cause.raw_os_error().unwrap_or_default(), level, machine)
        }
        other => {
            Obstacle { cause: crate::logs::chain(other), advice: "see what limits this process".to_owned() }
        }
    }
}

/// Refuses walls that anything got through, or that could not be tried.
pub fn require_refused(level: Level, trials: &[Trial]) -> Result<(), WallsError> {
    let attempts: Vec<String> =
        trials.iter().filter(|trial| !trial.is_contained()).map(Trial::sentence).collect();
    if attempts.is_empty() { Ok(()) } else { Err(WallsError::Leak { level, attempts }) }
}

/// `ffmpeg 5.1.9`: proves that the program runs at all, with its libraries and within our limits.
async fn version(
    codec: &Codec,
    program: Program,
    path: &Path,
    directory: &Path,
) -> Result<String, WallsError> {
    let arguments = ["-version".to_owned()];
    let limits = Limits::of_question();
    let run = Run { program, arguments: &arguments, input: None, output: None, directory, limits: &limits };
    let failed = |cause| WallsError::Codec { program: path.to_owned(), cause };
    let finished = codec.capture(run, 64 * 1024).await.map_err(failed)?;
    let said = String::from_utf8_lossy(&finished.stdout).into_owned();
    let words: Vec<&str> = said.split_whitespace().take(3).collect();
    match words.as_slice() {
        [name, "version", version] => Ok(format!("{name} {version}")),
        _ => Ok("ffmpeg of an unknown version".to_owned()),
    }
}
