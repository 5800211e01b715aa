//! A lane's ceilings over the limits of one message. Must never widen anything.

use valet_protocol::{JobMessage, Limits};

/// Every limit, written once: what is done for each field of both.
macro_rules! each {
    ($do:ident, $($context:expr),*) => {
        [
            $do!("limits.wall_seconds", wall_seconds, $($context),*),
            $do!("limits.input_bytes", input_bytes, $($context),*),
            $do!("limits.stall_seconds", stall_seconds, $($context),*),
            $do!("limits.output_bytes", output_bytes, $($context),*),
            $do!("limits.cpu_seconds", cpu_seconds, $($context),*),
            $do!("limits.memory_bytes", memory_bytes, $($context),*),
            $do!("limits.duration_seconds", duration_seconds, $($context),*),
            $do!("limits.pixels", pixels, $($context),*),
            $do!("limits.frames", frames, $($context),*),
            $do!("limits.streams", streams, $($context),*),
        ]
    };
}

/// The limits that are over their ceilings, each with its ceiling.
pub(crate) fn over(asked: &Limits, ceilings: &Limits) -> impl Iterator<Item = (&'static str, u64)> {
    macro_rules! pair {
        ($name:literal, $field:ident, $asked:expr, $ceilings:expr) => {
            ($name, $asked.$field.map(u64::from), $ceilings.$field.map(u64::from))
        };
    }
    let pairs: [(&str, Option<u64>, Option<u64>); 10] = each!(pair, asked, ceilings);
    pairs
        .into_iter()
        .filter_map(|(name, asked, ceiling)| Some((name, ceiling.filter(|top| asked > Some(*top))?)))
}

/// The message with its lane's ceilings where it sets no limit of its own. `default` is the preset's wall clock, which
/// a wider ceiling must not raise.
pub(crate) fn narrow(mut message: JobMessage, ceilings: &Limits, default: u32) -> JobMessage {
    let asked = message.limits;
    let ceilings = Limits { wall_seconds: ceilings.wall_seconds.filter(|top| *top < default), ..*ceilings };
    macro_rules! fill {
        ($name:literal, $field:ident, $message:expr, $asked:expr, $ceilings:expr) => {
            $message.limits.$field = $asked.$field.or($ceilings.$field)
        };
    }
    let _: [(); 10] = each!(fill, message, asked, ceilings);
    message
}

/// The longest that one attempt may take, as its worker will reckon.
pub(crate) fn wall_seconds(message: &JobMessage, default: u32, max: Option<u32>) -> u32 {
    message.limits.wall_seconds.unwrap_or(default).min(max.unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_at_its_ceiling_is_fine_and_one_over_it_is_not() {
        let ceilings = Limits { input_bytes: Some(10), streams: Some(2), ..Limits::default() };
        let at = Limits { input_bytes: Some(10), frames: Some(u64::MAX), ..Limits::default() };
        assert_eq!(over(&at, &ceilings).count(), 0);
        let above = Limits { input_bytes: Some(11), streams: Some(3), ..Limits::default() };
        assert_eq!(
            over(&above, &ceilings).collect::<Vec<_>>(),
            [("limits.input_bytes", 10), ("limits.streams", 2)]
        );
    }

    #[test]
    fn what_a_message_leaves_open_gets_its_lanes_ceiling_and_no_preset_more_time() {
        let now = jiff::Timestamp::UNIX_EPOCH;
        let ceilings = Limits { wall_seconds: Some(900), pixels: Some(7), ..Limits::default() };
        let narrowed = |default| narrow(crate::sample::job(now), &ceilings, default).limits;
        assert_eq!((narrowed(60).wall_seconds, narrowed(60).pixels), (None, Some(7)));
        assert_eq!(narrowed(3_600).wall_seconds, Some(900));
        let mut own = crate::sample::job(now);
        own.limits.wall_seconds = Some(30);
        assert_eq!(narrow(own, &ceilings, 3_600).limits.wall_seconds, Some(30));
    }
}
