//! From the codec's progress to reports: at most one a second, in percent of the whole when that is known.
//! 100 percent is never said here: only a stored output is done.

use std::time::Duration;

use tokio::sync::watch;
use valet_protocol::Progress as Told;

use crate::codec::Progress;
use crate::reports::Reporter;

/// Least time between two reports.
const INTERVAL: Duration = Duration::from_secs(1);

/// Highest percentage while the job is not done: check and store are still to come.
pub const PERCENT_MAX: f64 = 99.0;

/// The phase in which a codec works.
const CODEC: &str = "codec";

/// The phase between the last picture and a stored output: 100 percent, which is said then, means done.
pub const FINALISING: &str = "finalising";

/// Where one codec pass lies in the whole.
#[derive(Debug, Clone, Copy)]
pub struct Scale {
    expected_seconds: Option<f64>,
    from_percent: u8,
    share_percent: u8,
}

impl Scale {
    /// Before the first pass of an output that should get this long.
    #[must_use]
    pub fn new(expected_seconds: Option<f64>) -> Self {
        Self { expected_seconds, from_percent: 0, share_percent: 0 }
    }

    /// The pass after this one, with its share of the whole time.
    #[must_use]
    pub fn next_pass(self, share_percent: u8) -> Self {
        let from_percent = self.from_percent.saturating_add(self.share_percent);
        Self { from_percent, share_percent, ..self }
    }

    fn percent(self, progress: &Progress) -> Option<f64> {
        let expected = self.expected_seconds.filter(|seconds| *seconds > 0.0)?;
        let done = (progress.out_time?.as_secs_f64() / expected).clamp(0.0, 1.0);
        let percent = f64::from(self.from_percent) + done * f64::from(self.share_percent);
        // Tenths are enough for a bar, and keep reports short.
        Some(((percent * 10.0).round() / 10.0).min(PERCENT_MAX))
    }

    /// The codec has seen all of its input, and writes what is left: an index, a header.
    fn is_finalising(self, progress: &Progress) -> bool {
        let last = self.from_percent.saturating_add(self.share_percent) >= 100;
        let whole = self.expected_seconds.zip(progress.out_time);
        last && (progress.ended || whole.is_some_and(|(seconds, time)| time.as_secs_f64() >= seconds))
    }

    fn told(self, progress: &Progress) -> Told {
        let phase = if self.is_finalising(progress) { FINALISING } else { CODEC };
        Told {
            phase: phase.into(),
            percent: self.percent(progress),
            fps: progress.fps,
            speed: progress.speed,
            out_seconds: progress.out_time.map(|time| time.as_secs_f64()),
            ..Told::default()
        }
    }
}

/// Does `work` and tells its progress meanwhile.
pub async fn while_telling<T>(
    work: impl Future<Output = T>,
    progress: watch::Receiver<Progress>,
    scale: Scale,
    reports: &Reporter,
) -> T {
    tokio::select! {
        biased;
        done = work => done,
        // Never ends; a slow broker holds up the telling alone.
        never = tell(progress, scale, reports) => match never {},
    }
}

async fn tell(
    mut progress: watch::Receiver<Progress>,
    scale: Scale,
    reports: &Reporter,
) -> std::convert::Infallible {
    let mut tick = tokio::time::interval(INTERVAL);
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tick.tick().await;
        if progress.changed().await.is_err() {
            return std::future::pending().await; // the pass has ended, and `work` with it
        }
        let told = scale.told(&progress.borrow_and_update());
        reports.tell_progress(told).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Progress {
        Progress { out_time: Some(Duration::from_secs(seconds)), ..Progress::default() }
    }

    #[test]
    fn percent_follows_the_passes_and_never_says_done() {
        let first = Scale::new(Some(100.0)).next_pass(30);
        assert_eq!(first.percent(&at(0)), Some(0.0));
        assert_eq!(first.percent(&at(50)), Some(15.0));
        let second = first.next_pass(70);
        assert_eq!(second.percent(&at(0)), Some(30.0));
        assert_eq!(second.percent(&at(50)), Some(65.0));
        assert_eq!(second.percent(&at(100)), Some(PERCENT_MAX));
        assert_eq!(second.percent(&at(1_000)), Some(PERCENT_MAX));
    }

    #[test]
    fn what_follows_the_last_picture_is_a_phase_of_its_own() {
        let first = Scale::new(Some(100.0)).next_pass(45);
        assert_eq!(first.told(&at(100)).phase.as_str(), CODEC, "another pass follows");
        let last = first.next_pass(55);
        assert_eq!(last.told(&at(99)).phase.as_str(), CODEC);
        assert_eq!(last.told(&at(100)).phase.as_str(), FINALISING);
        let unknown = Scale::new(None).next_pass(100);
        assert_eq!(unknown.told(&at(100)).phase.as_str(), CODEC);
        assert_eq!(unknown.told(&Progress { ended: true, ..at(1) }).phase.as_str(), FINALISING);
    }

    #[test]
    fn percent_is_left_out_when_the_whole_is_unknown() {
        assert_eq!(Scale::new(None).next_pass(100).percent(&at(1)), None);
        assert_eq!(Scale::new(Some(0.0)).next_pass(100).percent(&at(1)), None);
        assert_eq!(Scale::new(Some(9.0)).next_pass(100).percent(&Progress::default()), None);
    }
}
