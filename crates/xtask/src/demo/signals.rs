//! Ctrl-C and SIGTERM: the first asks for an orderly stop, the second ends at once (the kernel then ends our
//! children). Must never stop anything itself: owners do, on their way out.

use std::process::exit;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use tokio::runtime;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// What a shell expects of a program that Ctrl-C ended: 128 and the signal's number.
pub(super) const EXIT_STOPPED: u8 = 130;

static STOPPING: AtomicBool = AtomicBool::new(false);

/// Listens from now on, until the program ends.
pub(super) fn watch() -> Result<(), String> {
    let told = |cause: std::io::Error| format!("cannot listen for signals: {cause}");
    let runtime = runtime::Builder::new_current_thread().enable_all().build().map_err(told)?;
    let signals = {
        // Registered here, not in the thread, so that no signal is missed from this call on.
        let _inside = runtime.enter();
        [SignalKind::interrupt(), SignalKind::terminate()].map(signal)
    };
    let [interrupt, terminate] = signals;
    let (interrupt, terminate) = (interrupt.map_err(told)?, terminate.map_err(told)?);
    thread::spawn(move || runtime.block_on(listen(interrupt, terminate)));
    Ok(())
}

/// Whether somebody asked for a stop.
pub(super) fn is_stopping() -> bool {
    STOPPING.load(Ordering::Relaxed)
}

/// Fails when somebody asked for a stop.
pub(super) fn check() -> Result<(), String> {
    if is_stopping() { Err("stopped before its end".to_owned()) } else { Ok(()) }
}

async fn listen(mut interrupt: Signal, mut terminate: Signal) {
    loop {
        tokio::select! { _ = interrupt.recv() => {} _ = terminate.recv() => {} }
        if STOPPING.swap(true, Ordering::Relaxed) {
            exit(i32::from(EXIT_STOPPED));
        }
        eprintln!("\nstopping everything; once more to leave at once");
    }
}
