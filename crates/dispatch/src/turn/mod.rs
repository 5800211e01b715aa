//! Whose turn it is: lanes by weight, priorities 4 : 2 : 1 inside each, and every lane under its ceilings.
//!
//! Pure: it is told what waits, what runs and what time it is, and knows no broker.

mod bucket;
mod ring;

use std::collections::BTreeMap;
use std::time::Instant;

use valet_protocol::{Lane, LaneRecord, LaneState, Priority};

pub use bucket::Bucket;
pub use ring::Ring;

/// Shares of the priorities of one lane that have work: `normal` never has less than two of seven, whatever is high.
const SHARES: [(Priority, u32); 3] = [(Priority::High, 4), (Priority::Normal, 2), (Priority::Low, 1)];

/// The lanes and their turns.
#[derive(Debug, Default)]
pub struct Turns {
    ring: Ring<Lane>,
    lanes: BTreeMap<Lane, Seat>,
}

#[derive(Debug)]
struct Seat {
    is_open: bool,
    running_max: Option<u32>,
    starts: Option<Bucket>,
    priorities: Ring<Priority>,
}

impl Turns {
    /// What a lane is allowed from now on.
    pub fn set(&mut self, record: &LaneRecord, now: Instant) {
        let lane = &record.lane;
        if record.state == LaneState::Removed {
            self.ring.unseat(lane);
            self.lanes.remove(lane);
            return;
        }
        self.ring.seat(lane.clone(), record.weight);
        let seat = self.lanes.entry(lane.clone()).or_insert_with(Seat::new);
        seat.is_open = record.state == LaneState::Open;
        seat.running_max = record.running_max;
        seat.starts = match (seat.starts.take(), record.starts_per_minute_max) {
            (_, None) => None,
            (None, Some(most)) => Some(Bucket::new(most, now)),
            (Some(mut bucket), Some(most)) => {
                bucket.set(most);
                Some(bucket)
            }
        };
    }

    /// The next message to be sent on, of those that wait: of which lane and priority. Counted as sent.
    ///
    /// `waits` tells how many messages of a lane and priority wait, `running` how many jobs of a lane run or are on
    /// their way to a worker.
    pub fn next(
        &mut self,
        waits: impl Fn(&Lane, Priority) -> bool,
        running: impl Fn(&Lane) -> u32,
        now: Instant,
    ) -> Option<(Lane, Priority)> {
        let any_waits = |lane: &Lane| SHARES.iter().any(|(priority, _)| waits(lane, *priority));
        let mut may = Vec::new();
        for (lane, seat) in &self.lanes {
            if any_waits(lane) && seat.may_start(running(lane), now) {
                may.push(lane.clone());
            }
        }
        let lane = self.ring.next(|lane| may.binary_search(lane).is_ok())?;
        let seat = self.lanes.get_mut(&lane)?;
        let priority = seat.priorities.next(|priority| waits(&lane, *priority))?;
        if let Some(starts) = &mut seat.starts {
            starts.take(now);
        }
        Some((lane, priority))
    }
}

impl Seat {
    fn new() -> Self {
        let mut priorities = Ring::default();
        SHARES.iter().for_each(|(priority, share)| priorities.seat(*priority, *share));
        Self { is_open: true, running_max: None, starts: None, priorities }
    }

    fn may_start(&self, running: u32, now: Instant) -> bool {
        self.is_open
            && self.running_max.is_none_or(|most| running < most)
            && self.starts.as_ref().is_none_or(|starts| starts.has(now))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;

    fn lane(name: &str) -> Lane {
        name.parse().unwrap()
    }

    fn record(name: &str) -> LaneRecord {
        LaneRecord::own(lane(name), vec!["somebody".to_owned()])
    }

    fn turns(records: &[LaneRecord], now: Instant) -> Turns {
        let mut turns = Turns::default();
        records.iter().for_each(|record| turns.set(record, now));
        turns
    }

    #[test]
    fn twenty_thousand_in_one_lane_do_not_hold_up_twenty_in_another() {
        let now = Instant::now();
        let mut turns = turns(&[record("a"), record("b")], now);
        let (mut left_a, mut left_b) = (20_000, 20);
        let mut served_a = 0;
        while left_b > 0 {
            let waits =
                |lane: &Lane, priority| priority == Priority::Normal && (lane.as_str() == "a" || left_b > 0);
            let (lane, _) = turns.next(waits, |_| 0, now).unwrap();
            match lane.as_str() {
                "a" => (left_a, served_a) = (left_a - 1, served_a + 1),
                _ => left_b -= 1,
            }
        }
        assert!(served_a <= 21, "{served_a} of {left_a} went before");
    }

    #[test]
    fn priorities_share_four_to_two_to_one() {
        let now = Instant::now();
        let mut turns = turns(&[record("a")], now);
        let mut served = BTreeMap::new();
        for _ in 0..700 {
            *served.entry(turns.next(|_, _| true, |_| 0, now).unwrap().1).or_insert(0) += 1;
        }
        let shares = [(Priority::Low, 100), (Priority::Normal, 200), (Priority::High, 400)];
        assert_eq!(served, BTreeMap::from(shares));
    }

    #[test]
    fn a_lane_at_its_ceiling_waits_and_the_others_do_not() {
        let now = Instant::now();
        let narrow = LaneRecord { running_max: Some(2), ..record("a") };
        let mut turns = turns(&[narrow, record("b")], now);
        for _ in 0..10 {
            assert_eq!(turns.next(|_, _| true, |_| 2, now).unwrap().0, lane("b"));
        }
        assert_eq!(turns.next(|name, _| *name == lane("a"), |_| 2, now), None);
        assert_eq!(turns.next(|name, _| *name == lane("a"), |_| 1, now).unwrap().0, lane("a"));
    }

    #[test]
    fn starts_in_a_minute_have_their_ceiling() {
        let now = Instant::now();
        let mut turns = turns(&[LaneRecord { starts_per_minute_max: Some(6), ..record("a") }], now);
        assert!(turns.next(|_, _| true, |_| 0, now).is_some());
        assert_eq!(turns.next(|_, _| true, |_| 0, now), None);
        let later = now + Duration::from_secs(9);
        assert!(turns.next(|_, _| true, |_| 0, later).is_some());
    }

    #[test]
    fn paused_and_removed_lanes_have_no_turn_until_they_are_open_again() {
        let now = Instant::now();
        let mut turns = turns(&[record("a")], now);
        for state in [LaneState::Paused, LaneState::Removed] {
            turns.set(&LaneRecord { state, ..record("a") }, now);
            assert_eq!(turns.next(|_, _| true, |_| 0, now), None, "{state:?}");
        }
        turns.set(&record("a"), now);
        assert!(turns.next(|_, _| true, |_| 0, now).is_some());
    }

    proptest! {
        /// Whatever waits at high priority, normal has two of seven at least of what its lane is given.
        #[test]
        fn normal_has_its_share(low_waits in prop::collection::vec(any::<bool>(), 600)) {
            let now = Instant::now();
            let mut turns = turns(&[record("a")], now);
            let mut normal = 0_usize;
            for low_waits in &low_waits {
                let waits = |_: &Lane, priority| priority != Priority::Low || *low_waits;
                normal += usize::from(turns.next(waits, |_| 0, now).unwrap().1 == Priority::Normal);
            }
            // With low waiting all the time 2 of 7, without it 2 of 6.
            prop_assert!(normal >= 600 * 2 / 7 - 2, "{normal}");
        }
    }
}
