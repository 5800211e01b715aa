//! Being told to stop: SIGTERM or SIGINT. Must never end the process by itself.

use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::exit::Exit;
use crate::failure::{Failure, Outcome};

/// Hears the signals from its creation on.
pub(crate) struct Stop {
    term: Signal,
    interrupt: Signal,
    is_asked: bool,
}

impl Stop {
    /// Begins to hear.
    pub(crate) fn listen() -> Outcome<Self> {
        let listen = |kind| signal(kind).map_err(|error| Failure::from_error(Exit::Internal, &error));
        let (term, interrupt) = (listen(SignalKind::terminate())?, listen(SignalKind::interrupt())?);
        Ok(Self { term, interrupt, is_asked: false })
    }

    /// Returns once the process was told to stop, and at once from then on. Cancel-safe.
    pub(crate) async fn asked(&mut self) {
        if !self.is_asked {
            tokio::select! {
                _ = self.term.recv() => {}
                _ = self.interrupt.recv() => {}
            }
            self.is_asked = true;
        }
    }
}
