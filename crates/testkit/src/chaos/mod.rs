//! Chaos from a seed: real programs under kills, outages and duplicates, and a verdict on what is left.
//!
//! A run submits jobs in batches while workers and producers are killed, the broker goes away and comes back, storage
//! refuses, grants die, messages come twice and jobs are cancelled. Then it waits until every job has ended, stops
//! the workers in good order, and judges: one end a job, one right output a success, nothing left anywhere.
//!
//! The seed fixes what is done, in which order and after which pauses; how it meets the programs is the machine's.
//! Must never look into a program: everything is judged by reports, queues, blobs and processes.

mod calm;
mod crew;
mod injury;
mod reader;
mod schedule;
mod submission;
mod tally;
mod tap;
mod verdict;
mod work;

use std::sync::Mutex;
use std::thread;

use crate::process::family;
use crate::stage::Stage;
use crate::wait::let_pass;
use crate::{Broker, FaultProxy, Storage, media};

use crew::Crew;
use injury::Scene;
use reader::Reader;
use schedule::{Schedule, Step};
pub use tally::Tally;

/// Waits before the second and third attempt, as the topology is declared: a run lasts half a minute.
const RETRY_WAITS: [&str; 4] = ["--retry-1", "1s", "--retry-2", "2s"];

/// Steps under way at the same time: a long run is no heavier than a short one, it lasts longer.
const STEPS_AT_ONCE: usize = 16;

/// What a run is made of.
#[derive(Clone, Copy, Debug)]
pub struct Chaos {
    /// Fixes the schedule: the same seed does the same in the same order.
    pub seed: u64,
    /// Jobs to submit.
    pub jobs: usize,
    /// Workers at a time.
    pub workers: usize,
    /// Slots of each.
    pub slots: usize,
}

impl Chaos {
    /// A run with three workers of two slots each.
    pub fn new(seed: u64, jobs: usize) -> Self {
        Self { seed, jobs, workers: 3, slots: 2 }
    }

    /// Runs it on a broker and a storage of its own, and judges.
    ///
    /// # Errors
    /// What did not survive: the seed, the job and its last reports.
    ///
    /// # Panics
    /// When a program cannot even be set up.
    pub fn run(self, broker: &Broker, storage: &Storage) -> Result<Tally, String> {
        println!("chaos: seed {}, {} jobs", self.seed, self.jobs);
        let schedule = Schedule::plan(self.seed, self.jobs, self.workers);
        self.play(&schedule, broker, storage).map_err(|failure| format!("seed {}: {failure}", self.seed))
    }

    fn play(self, schedule: &Schedule, broker: &Broker, storage: &Storage) -> Result<Tally, String> {
        family::adopt_orphans();
        let before = calm::Machine::look();
        let proxy = FaultProxy::start(storage.address());
        let stage = Stage::declared(broker, storage, &RETRY_WAITS).through(&proxy.url(&storage.endpoint()));
        put_inputs(&stage, schedule);
        let crew = Crew::start(&stage, self.workers, self.slots);
        let reader = Reader::start(&stage);
        let scene = Scene::new(&stage, &proxy, &crew);
        act(schedule, &scene).map_err(|failure| format!("{failure}\n{}", scene.state()))?;
        scene.end();
        let reports = calm::wait(&scene, reader)?;
        crew.end()?;
        before.compare(crew.scratch())?;
        let ends = verdict::judge(&scene, &reports)?;
        Ok(scene.tally(self, ends))
    }
}

fn put_inputs(stage: &Stage<'_>, schedule: &Schedule) {
    stage.put(work::CLIP, media::bytes(work::CLIP));
    stage.put(work::TEXT, work::TEXT_BYTES);
    for job in schedule.jobs() {
        if let Some(content) = job.own_input() {
            stage.put(&job.input(), content);
        }
    }
}

/// Performs every step in its order, [`STEPS_AT_ONCE`] at a time, so that one trouble meets another.
fn act(schedule: &Schedule, scene: &Scene<'_>) -> Result<(), String> {
    let failures = Mutex::new(Vec::new());
    let steps = Mutex::new(schedule.steps().iter());
    let next = || {
        // The pauses are between beginnings: who waits for one holds up all.
        let mut steps = steps.lock().expect("no thread panics with it");
        let (pause, step) = steps.next()?;
        let_pass(*pause);
        Some(step)
    };
    thread::scope(|threads| {
        for _ in 0..STEPS_AT_ONCE {
            threads.spawn(|| {
                while let Some(step) = next() {
                    if let Err(failure) = perform(step, scene) {
                        failures.lock().expect("no thread panics with it").push(failure);
                    }
                }
            });
        }
    });
    let failures = failures.into_inner().expect("no thread panics with it");
    if failures.is_empty() { Ok(()) } else { Err(failures.join("\n")) }
}

fn perform(step: &Step, scene: &Scene<'_>) -> Result<(), String> {
    match step {
        Step::Submit { batch, killed_after } => submission::submit(scene, batch, *killed_after),
        Step::Harm(injury) => scene.inflict(injury),
    }
}
