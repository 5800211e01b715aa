//! What can go wrong, and when it does.

use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

/// One thing that goes wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Pass this many bytes of the response's body, then close.
    CutAfter(u64),
    /// Pass this many bytes of the request's body, then close both sides.
    CutUploadAfter(u64),
    /// Invert the byte of the response's body at this offset.
    FlipByte(u64),
    /// Take the request and answer it without asking the server.
    Answer {
        /// HTTP status.
        status: u16,
        /// Storage's error code.
        code: &'static str,
        /// `Retry-After`, in seconds.
        retry_after_seconds: Option<u32>,
    },
    /// Let the server do it, then swallow its answer and close.
    DropResponse,
    /// Close the connection without reading the request. Only for faults without a method.
    Refuse,
    /// Wait before the request goes on; then nothing else happens to it.
    Latency(Duration),
    /// Hold the request back until the gate is opened; then nothing else happens to it.
    Hold(Gate),
}

/// Where a request waits: a test sees it come, changes the world, and lets it go on.
#[derive(Clone, Debug, Default)]
pub struct Gate(Arc<(Mutex<GateState>, Condvar)>);

#[derive(Debug, Default)]
struct GateState {
    waiting: bool,
    open: bool,
}

impl Gate {
    /// Longest that a request waits; a test that forgets its gate must not hang.
    const WAIT_MAX: Duration = Duration::from_secs(120);

    /// Waits until a request is here.
    ///
    /// # Panics
    /// When none comes for two minutes.
    #[track_caller]
    pub fn wait_for_request(&self) {
        assert!(self.wait(|state| state.waiting), "no request came to the gate");
    }

    /// Lets the request go on.
    pub fn open(&self) {
        self.change(|state| state.open = true);
    }

    pub(super) fn pass(&self) {
        self.change(|state| state.waiting = true);
        self.wait(|state| state.open);
    }

    fn change(&self, change: impl FnOnce(&mut GateState)) {
        change(&mut self.0.0.lock().unwrap_or_else(PoisonError::into_inner));
        self.0.1.notify_all();
    }

    fn wait(&self, until: impl Fn(&GateState) -> bool) -> bool {
        let state = self.0.0.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.0.1.wait_timeout_while(state, Self::WAIT_MAX, |state| !until(state));
        !waited.unwrap_or_else(PoisonError::into_inner).1.timed_out()
    }
}

impl PartialEq for Gate {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for Gate {}

impl Fault {
    /// 503 `ServerBusy`, as Azure says it under load.
    pub const fn busy() -> Self {
        Self::Answer { status: 503, code: "ServerBusy", retry_after_seconds: None }
    }

    /// Any status with storage's error code.
    pub const fn answer(status: u16, code: &'static str) -> Self {
        Self::Answer { status, code, retry_after_seconds: None }
    }
}

/// Faults to come, in order.
#[derive(Debug, Default)]
pub(super) struct Script(Vec<Entry>);

#[derive(Debug)]
struct Entry {
    method: Option<String>,
    left: u32,
    fault: Fault,
}

impl Script {
    pub(super) fn push(&mut self, method: Option<&str>, count: u32, fault: Fault) {
        assert!(method.is_none() || fault != Fault::Refuse, "a refused connection has no method yet");
        self.0.push(Entry { method: method.map(str::to_owned), left: count, fault });
    }

    /// Whether the connection that comes now is to be refused.
    pub(super) fn take_refusal(&mut self) -> bool {
        let first = self.0.iter().position(|entry| entry.method.is_none());
        first
            .is_some_and(|index| self.0[index].fault == Fault::Refuse && self.take_at(index) == Fault::Refuse)
    }

    /// The fault for a request that comes now.
    pub(super) fn take(&mut self, method: &str) -> Option<Fault> {
        let fits = |entry: &Entry| entry.method.as_deref().is_none_or(|own| own == method);
        let index = self.0.iter().position(fits)?;
        Some(self.take_at(index))
    }

    fn take_at(&mut self, index: usize) -> Fault {
        let entry = &mut self.0[index];
        let fault = entry.fault.clone();
        if entry.left != u32::MAX {
            entry.left -= 1;
        }
        if entry.left == 0 {
            self.0.remove(index);
        }
        fault
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_queue_up_and_keep_to_their_method() {
        let mut script = Script::default();
        script.push(Some("PUT"), 1, Fault::DropResponse);
        script.push(None, 2, Fault::CutAfter(1));
        assert!(!script.take_refusal());
        assert_eq!(script.take("GET"), Some(Fault::CutAfter(1)));
        assert_eq!(script.take("PUT"), Some(Fault::DropResponse));
        assert_eq!(script.take("PUT"), Some(Fault::CutAfter(1)));
        assert_eq!(script.take("PUT"), None);
    }

    #[test]
    fn refusals_are_taken_before_the_request_is_read() {
        let mut script = Script::default();
        script.push(None, 1, Fault::Refuse);
        script.push(None, u32::MAX, Fault::busy());
        assert!(script.take_refusal());
        assert!(!script.take_refusal());
        assert_eq!(script.take("GET"), Some(Fault::busy()));
        assert_eq!(script.take("GET"), Some(Fault::busy()));
    }
}
