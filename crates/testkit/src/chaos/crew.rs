//! The workers of a run: each is replaced as soon as it is gone. All share one scratch root, so that each next one
//! clears up after the dead.

use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use rustix::process::Signal;

use crate::stage::{COMMAND_TIMEOUT, Stage};
use crate::{Folder, Process};

/// The workers at work.
pub(super) struct Crew<'a> {
    stage: &'a Stage<'a>,
    slots: usize,
    scratch: Folder,
    workers: Vec<Mutex<Process>>,
}

impl<'a> Crew<'a> {
    /// Starts them and waits until they take jobs.
    pub(super) fn start(stage: &'a Stage<'a>, workers: usize, slots: usize) -> Self {
        let scratch = stage.mode.folder("scratch");
        let mut crew = Self { stage, slots, scratch, workers: Vec::new() };
        crew.workers = (0..workers).map(|_| Mutex::new(stage.start(crew.program()))).collect();
        crew
    }

    /// Where they keep their jobs' files.
    pub(super) fn scratch(&self) -> &Path {
        self.scratch.path()
    }

    /// Kills one at once and starts another in its place.
    pub(super) fn kill(&self, which: usize) -> Result<(), String> {
        let mut worker = self.worker(which);
        expect_alive(&worker)?;
        worker.kill();
        *worker = self.program().start();
        Ok(())
    }

    /// Asks one to end in good order and starts another in its place.
    pub(super) fn drain(&self, which: usize) -> Result<(), String> {
        let mut worker = self.worker(which);
        expect_alive(&worker)?;
        worker.signal(Signal::TERM);
        // It goes on with the job in hand while the next one begins.
        let old = std::mem::replace(&mut *worker, self.program().start());
        drop(worker);
        expect_good_end(&old)
    }

    /// Ends all in good order.
    pub(super) fn end(&self) -> Result<(), String> {
        let all = || self.workers.iter().enumerate().map(|(which, _)| self.worker(which));
        for worker in all() {
            expect_alive(&worker)?;
            worker.signal(Signal::TERM);
        }
        all().try_for_each(|worker| expect_good_end(&worker))
    }

    /// The end of what each said.
    pub(super) fn last_lines(&self) -> String {
        let said = self.workers.iter().enumerate().map(|(which, _)| self.worker(which).last_lines());
        said.collect::<Vec<_>>().join("\n")
    }

    fn program(&self) -> crate::Program {
        let slots = self.slots.to_string();
        self.stage
            .worker_program()
            .env("VALET_WORKER_SCRATCH", self.scratch.path())
            .env("VALET_WORKER_SLOTS", slots)
    }

    fn worker(&self, which: usize) -> MutexGuard<'_, Process> {
        self.workers[which].lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A worker ends when it is told to, whatever happens around it.
fn expect_alive(worker: &Process) -> Result<(), String> {
    if worker.is_running() {
        Ok(())
    } else {
        Err(format!("a worker ended by itself\n{}", worker.last_lines()))
    }
}

/// One that is told to end before it listens for that dies of it, and has taken no job yet.
fn expect_good_end(worker: &Process) -> Result<(), String> {
    let ended = worker.terminate(COMMAND_TIMEOUT);
    let was_born = worker.stderr().contains("taking jobs");
    if ended.success() || !was_born {
        return Ok(());
    }
    Err(format!("a drain ended with {ended}\n{}", worker.last_lines()))
}
