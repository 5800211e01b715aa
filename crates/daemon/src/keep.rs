//! Work that has to go on for as long as jobs are taken. What ends before is begun anew, or ends the worker: it must
//! never be gone without a word.

use std::time::Duration;

use tokio::task::JoinSet;

use crate::stop::{Phase, Stop};

/// Does what `start` gives, and begins it anew after a pause whenever it ends or panics, until told to stop.
///
/// A job that was in hand goes back by itself, and a message that does it each time ends at the broker's delivery
/// limit.
pub async fn keep_up<W>(what: &str, pause: Duration, stop: &Stop, start: impl Fn() -> W)
where
    W: Future<Output = ()> + Send + 'static,
{
    loop {
        // A task of its own: its panic is not ours, and it ends with us.
        let ended = JoinSet::from_iter([start()]).join_next().await;
        if stop.phase() > Phase::Running {
            return;
        }
        if ended.is_some_and(|ended| ended.is_err()) {
            tracing::error!("{what} failed from within and is started anew; please report the lines above");
        } else {
            tracing::error!("{what} ended without a word and is started anew; please report the lines above");
        }
        tokio::select! {
            () = stop.reached(Phase::Draining) => return,
            () = tokio::time::sleep(pause) => {}
        }
    }
}

/// Ends when one of `followers` has ended or panicked while jobs are taken; once they are not, nobody needs them.
pub async fn first_lost(followers: &mut JoinSet<()>, stop: &Stop) {
    let ended = followers.join_next().await;
    if stop.phase() > Phase::Running || ended.is_none() {
        std::future::pending().await
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use futures::FutureExt as _;

    use super::*;
    use crate::stop::stop;

    const PATIENCE: Duration = Duration::from_secs(20);

    #[tokio::test]
    async fn work_that_ends_or_panics_is_begun_anew_until_the_worker_stops() {
        let (stopper, stop) = stop();
        let begun = Arc::new(AtomicUsize::new(0));
        let start = || {
            let (begun, stopper, stop) = (begun.clone(), stopper.clone(), stop.clone());
            async move {
                match begun.fetch_add(1, Ordering::Relaxed) {
                    0 => {}
                    1 => panic!("on purpose"),
                    _ => {
                        stopper.advance(Phase::Draining);
                        stop.reached(Phase::Draining).await;
                    }
                }
            }
        };
        let kept = tokio::time::timeout(PATIENCE, keep_up("a test", Duration::ZERO, &stop, start)).await;
        assert!(kept.is_ok(), "begun {begun:?} times");
        assert_eq!(begun.load(Ordering::Relaxed), 3);
    }

    #[tokio::test]
    async fn a_pause_is_over_when_the_worker_stops() {
        let (stopper, stop) = stop();
        let kept = keep_up("a test", Duration::MAX, &stop, || async {});
        let stopping = async { stopper.advance(Phase::Draining) };
        assert!(tokio::time::timeout(PATIENCE, async { tokio::join!(kept, stopping) }).await.is_ok());
    }

    #[tokio::test]
    async fn a_follower_that_ends_or_panics_is_missed_while_jobs_are_taken() {
        let (stopper, stop) = stop();
        for is_panic in [false, true] {
            let mut followers = JoinSet::new();
            followers.spawn(std::future::pending());
            assert!(first_lost(&mut followers, &stop).now_or_never().is_none());
            followers.spawn(async move { assert!(!is_panic, "on purpose") });
            let lost = tokio::time::timeout(PATIENCE, first_lost(&mut followers, &stop)).await;
            assert!(lost.is_ok(), "panic: {is_panic}");
        }
        stopper.advance(Phase::Draining);
        let mut followers = JoinSet::new();
        let ended = followers.spawn(async {});
        while !ended.is_finished() {
            tokio::task::yield_now().await;
        }
        assert!(first_lost(&mut followers, &stop).now_or_never().is_none());
    }
}
