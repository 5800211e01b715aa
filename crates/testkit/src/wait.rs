//! Waiting for a condition with a deadline. The only place in tests where time passes on purpose.

use std::fmt::Display;
use std::time::{Duration, Instant};

/// How long between two looks at a condition.
const POLL_INTERVAL: Duration = Duration::from_millis(20);

/// What a probe may answer: ready with a value, or not yet with a description of the state it saw.
pub trait Probe {
    /// The value that the wait returns.
    type Ready;
    /// `Ok` when the wait is over, `Err(state)` to go on.
    fn look(self) -> Result<Self::Ready, String>;
}

impl<T, E: Display> Probe for Result<T, E> {
    type Ready = T;
    fn look(self) -> Result<T, String> {
        self.map_err(|state| state.to_string())
    }
}

impl<T> Probe for Option<T> {
    type Ready = T;
    fn look(self) -> Result<T, String> {
        self.ok_or_else(|| "nothing yet".to_owned())
    }
}

impl Probe for bool {
    type Ready = ();
    fn look(self) -> Result<(), String> {
        self.then_some(()).ok_or_else(|| "still false".to_owned())
    }
}

/// Lets time pass. For faults at moments that nobody chose, never to wait for something: that is [`wait_for`].
pub fn let_pass(time: Duration) {
    std::thread::sleep(time);
}

/// Calls `probe` until it is ready and returns its value.
///
/// # Panics
/// After `timeout`, with `what` and the last state the probe reported.
#[track_caller]
pub fn wait_for<P: Probe>(what: &str, timeout: Duration, probe: impl FnMut() -> P) -> P::Ready {
    try_wait_for(timeout, probe)
        .unwrap_or_else(|state| panic!("waited {timeout:?} for {what}; last state: {state}"))
}

/// [`wait_for`] that returns the last state instead of panicking.
///
/// # Errors
/// After `timeout`, the last state the probe reported.
pub fn try_wait_for<P: Probe>(timeout: Duration, mut probe: impl FnMut() -> P) -> Result<P::Ready, String> {
    let deadline = Instant::now() + timeout;
    loop {
        match probe().look() {
            Ok(value) => return Ok(value),
            Err(state) if Instant::now() >= deadline => return Err(state),
            Err(_) => std::thread::sleep(POLL_INTERVAL),
        }
    }
}
