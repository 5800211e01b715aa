//! The orders themselves, by job. Never more than a given number; those over a given age go once room is looked for.

use std::collections::HashMap;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use valet_protocol::{CancelOrder, JobKey};

use crate::topology::ORDERS_BYTES_MAX;

/// No order takes less of the log: its own bytes, and its job's key as its id and as its way.
const ORDER_BYTES_MIN: u64 = 200;

/// Most orders that are kept: all that the broker's log can hold, some hundred megabytes at worst. Of more, the oldest
/// are forgotten first.
pub const ORDERS_MAX: usize = (ORDERS_BYTES_MAX / ORDER_BYTES_MIN) as usize;

/// No message lives longer: a grant lasts for a week at most, whatever mints it, and a message no longer than its
/// grants. New grants for a cancelled job are not minted.
const LIFE: SignedDuration = SignedDuration::from_hours(8 * 24);

/// Longest words of an order that are kept: they are repeated in one report.
const DETAIL_CHARS_MAX: usize = 200;

/// With fewer orders than this nobody looks for old ones.
const SWEEP_COUNT_MIN: usize = 1_024;

/// When one too many comes, this part of all is forgotten, so that not each further one costs a look at all.
const FORGOTTEN_SHARE: usize = 16;

/// Orders by job; of two for the same job the later one, which says more.
#[derive(Debug)]
pub struct OrderSet {
    by_job: HashMap<JobKey, (Timestamp, Arc<str>)>,
    /// The last order's words: who cancels many jobs says the same of each.
    words: Arc<str>,
    /// With as many orders the old ones among them are forgotten.
    sweep_count: usize,
    count_max: usize,
    life: SignedDuration,
}

impl Default for OrderSet {
    /// None yet, and room for all that the log can hold.
    fn default() -> Self {
        Self::new(ORDERS_MAX, LIFE)
    }
}

impl OrderSet {
    fn new(count_max: usize, life: SignedDuration) -> Self {
        let sweep_count = SWEEP_COUNT_MIN.min(count_max);
        Self { by_job: HashMap::new(), words: Arc::default(), sweep_count, count_max, life }
    }

    /// Takes an order in, and may forget what is of no use as of `now`. Says whether any was forgotten for lack of
    /// room.
    pub fn add(&mut self, order: CancelOrder, now: Timestamp) -> bool {
        let (job, time, detail) = (order.key(), order.time, order.detail);
        if self.by_job.get(&job).is_some_and(|(known, _)| *known >= time) {
            return false;
        }
        let words = self.shared(detail.as_str());
        self.by_job.insert(job, (time, words));
        if self.by_job.len() <= self.sweep_count {
            return false;
        }
        self.forget_old(now);
        self.by_job.len() > self.count_max && self.forget_first()
    }

    /// The newest order that is for a job which was submitted at `submitted_at`.
    #[must_use]
    pub fn order_for(&self, job: &JobKey, submitted_at: Timestamp) -> Option<CancelOrder> {
        let (time, words) = self.by_job.get(job)?;
        let (lane, job) = (job.lane.clone(), job.id);
        let order = CancelOrder { lane, job, time: *time, detail: (&**words).into() };
        order.is_for(submitted_at).then_some(order)
    }

    fn shared(&mut self, detail: &str) -> Arc<str> {
        let end = detail.char_indices().nth(DETAIL_CHARS_MAX).map_or(detail.len(), |(end, _)| end);
        if *self.words != detail[..end] {
            self.words = detail[..end].into();
        }
        self.words.clone()
    }

    fn forget_old(&mut self, now: Timestamp) {
        self.by_job.retain(|_, (time, _)| now.duration_since(*time) <= self.life);
        self.sweep_count = (self.by_job.len() * 2).max(SWEEP_COUNT_MIN).min(self.count_max);
    }

    /// Forgets the oldest ones, and of equally old ones any.
    fn forget_first(&mut self) -> bool {
        let mut left = (self.by_job.len() - self.count_max).max(self.count_max / FORGOTTEN_SHARE);
        let mut times: Vec<Timestamp> = self.by_job.values().map(|(time, _)| *time).collect();
        let (older, last, _) = times.select_nth_unstable(left - 1);
        left -= older.iter().filter(|time| *time < last).count();
        let last = *last;
        self.by_job.retain(|_, (time, _)| {
            let goes = *time < last || (*time == last && left > 0);
            left -= usize::from(goes && *time == last);
            !goes
        });
        true
    }
}

#[cfg(test)]
mod tests {
    use valet_protocol::Lane;

    use super::*;

    fn job(number: u32) -> JobKey {
        JobKey::new(Lane::default(), format!("01920000-0000-7000-8000-{number:012}").parse().unwrap())
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn order(number: u32, second: i64) -> CancelOrder {
        let JobKey { lane, id } = job(number);
        CancelOrder { lane, job: id, time: at(second), detail: "".into() }
    }

    #[test]
    fn the_log_holds_no_more_orders_than_are_remembered() {
        let least = CancelOrder { time: Timestamp::UNIX_EPOCH, ..order(1, 0) };
        let bytes = least.encode().len() + 2 * least.routing_key().len();
        assert!(bytes >= usize::try_from(ORDER_BYTES_MIN).unwrap(), "{bytes}");
    }

    #[test]
    fn the_later_of_two_orders_counts_in_whatever_sequence_they_come() {
        let mut orders = OrderSet::new(9, SignedDuration::from_secs(1_000));
        for second in [20, 10, 30, 30] {
            orders.add(order(1, second), at(100));
        }
        assert!(orders.order_for(&job(1), at(29)).is_some());
        assert!(orders.order_for(&job(1), at(30)).is_none());
        assert_eq!(orders.by_job.len(), 1);
    }

    #[test]
    fn an_order_for_one_lane_says_nothing_of_the_same_id_in_another() {
        let mut orders = OrderSet::default();
        let acme: Lane = "acme".parse().unwrap();
        orders.add(CancelOrder { lane: acme.clone(), ..order(1, 20) }, at(20));
        assert_eq!(orders.order_for(&job(1), at(0)), None);
        let of_acme = orders.order_for(&JobKey { lane: acme.clone(), ..job(1) }, at(0)).unwrap();
        assert_eq!(of_acme.lane, acme);
        orders.add(order(1, 10), at(20));
        assert!(
            orders.order_for(&job(1), at(9)).is_some(),
            "an older order of another lane counts by itself"
        );
        assert!(orders.order_for(&job(1), at(10)).is_none());
    }

    #[test]
    fn what_is_too_old_or_too_much_is_forgotten_oldest_first() {
        let mut orders = OrderSet::new(2, SignedDuration::from_secs(50));
        assert!(!orders.add(order(1, 10), at(10)) && !orders.add(order(2, 20), at(20)));
        assert!(orders.add(order(3, 30), at(30)), "no room for the first");
        assert!(orders.order_for(&job(1), at(0)).is_none() && orders.order_for(&job(2), at(0)).is_some());
        assert!(!orders.add(order(4, 71), at(71)), "the second is too old by now");
        assert!(orders.order_for(&job(2), at(0)).is_none());
        assert!(orders.order_for(&job(3), at(0)).is_some() && orders.order_for(&job(4), at(0)).is_some());
    }

    #[test]
    fn of_many_orders_of_one_time_as_many_are_forgotten_as_must_be() {
        let mut orders = OrderSet::new(64, SignedDuration::from_secs(50));
        assert!((1..=64).all(|number| !orders.add(order(number, 20), at(20))));
        assert!(orders.add(order(65, 30), at(30)));
        assert_eq!(orders.by_job.len(), 65 - 64 / FORGOTTEN_SHARE);
        assert!(orders.order_for(&job(65), at(0)).is_some(), "the newest stays");
    }

    #[test]
    fn old_orders_are_forgotten_long_before_there_is_no_more_room() {
        let mut orders = OrderSet::new(1_000_000, SignedDuration::from_secs(50));
        assert!((0..20_000).all(|number| !orders.add(order(number, number.into()), at(number.into()))));
        assert!(orders.by_job.len() <= SWEEP_COUNT_MIN + 1, "{} are kept", orders.by_job.len());
        assert!(orders.order_for(&job(19_999), at(0)).is_some());
    }

    #[test]
    fn orders_share_their_words_and_long_ones_are_cut() {
        let mut orders = OrderSet::new(9, SignedDuration::from_secs(50));
        let long = "ä".repeat(DETAIL_CHARS_MAX + 1);
        for number in [1, 2] {
            orders.add(CancelOrder { detail: long.as_str().into(), ..order(number, 10) }, at(10));
        }
        assert!(Arc::ptr_eq(&orders.by_job[&job(1)].1, &orders.by_job[&job(2)].1));
        let told = orders.order_for(&job(1), at(0)).unwrap();
        assert_eq!(told.detail.as_str(), "ä".repeat(DETAIL_CHARS_MAX));
    }
}
