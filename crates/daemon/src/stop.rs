//! When to stop, and how soon: the one signal that every slot looks at.
//! It decides nothing about jobs.

use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;

/// How far stopping has come; it only ever goes forward.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// Jobs are taken.
    Running,
    /// No job is taken any more; those in hand may end.
    Draining,
    /// Jobs in hand are given up and handed back.
    Ending,
}

/// Looks at the phase; each slot has one.
#[derive(Debug, Clone)]
pub struct Stop(watch::Receiver<Phase>);

/// Moves the phase on.
#[derive(Debug, Clone)]
pub struct Stopper(watch::Sender<Phase>);

/// A pair in [`Phase::Running`].
#[must_use]
pub fn stop() -> (Stopper, Stop) {
    let (sender, receiver) = watch::channel(Phase::Running);
    (Stopper(sender), Stop(receiver))
}

impl Stopper {
    /// Goes on to `phase`; never back.
    pub fn advance(&self, phase: Phase) {
        self.0.send_if_modified(|now| {
            let forward = *now < phase;
            *now = phase.max(*now);
            forward
        });
    }
}

impl Stop {
    /// The phase now.
    #[must_use]
    pub fn phase(&self) -> Phase {
        *self.0.borrow()
    }

    /// Ends when `phase` is reached, at once when it has been.
    pub async fn reached(&self, phase: Phase) {
        // An error means that the stopper is gone: the process is at its end, and every phase is reached.
        let _ = self.0.clone().wait_for(|now| *now >= phase).await;
    }
}

/// SIGTERM and SIGINT. Made before anything that may take long, so that an early one is not missed.
#[derive(Debug)]
pub struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    /// Starts to listen.
    ///
    /// # Errors
    /// When the system refuses a handler.
    pub fn listen() -> std::io::Result<Self> {
        Ok(Self { terminate: signal(SignalKind::terminate())?, interrupt: signal(SignalKind::interrupt())? })
    }

    /// Ends at the next signal, with its name.
    pub async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.interrupt.recv() => "SIGINT",
        }
    }

    /// Drains at the first signal; ends at the second, or when `grace` is over.
    pub async fn drive(mut self, stopper: &Stopper, grace: Duration) {
        let signal = self.next().await;
        tracing::info!(
            signal,
            grace_seconds = grace.as_secs(),
            "draining: no new jobs, those in hand may end"
        );
        stopper.advance(Phase::Draining);
        tokio::select! {
            signal = self.next() => tracing::warn!(signal, "ending now: jobs in hand are handed back"),
            () = tokio::time::sleep(grace) => {
                tracing::warn!(grace_seconds = grace.as_secs(), "the grace period is over: jobs in hand are handed back");
            }
        }
        stopper.advance(Phase::Ending);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_phase_is_reached_by_any_later_one_and_never_left() {
        let (stopper, stop) = stop();
        assert_eq!(stop.phase(), Phase::Running);
        stopper.advance(Phase::Ending);
        stop.reached(Phase::Draining).await;
        stopper.advance(Phase::Draining);
        assert_eq!(stop.phase(), Phase::Ending);
    }
}
