//! The orders themselves, by job and by age. Never more than a given number, never older than a given age.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use valet_protocol::{CancelOrder, Detail, JobId};

/// Longest words of an order that are kept: they are repeated in one report.
const DETAIL_CHARS_MAX: usize = 200;

/// Orders by job; of two for the same job the later one, which says more.
#[derive(Debug)]
pub(super) struct Orders {
    by_job: BTreeMap<JobId, (Timestamp, Detail)>,
    by_time: BTreeSet<(Timestamp, JobId)>,
    count_max: usize,
    life: SignedDuration,
}

impl Orders {
    pub(super) fn new(count_max: usize, life: SignedDuration) -> Self {
        Self { by_job: BTreeMap::new(), by_time: BTreeSet::new(), count_max, life }
    }

    /// Takes an order in, and forgets what is of no use as of `now`. Says whether one was forgotten for lack of
    /// room.
    pub(super) fn add(&mut self, order: CancelOrder, now: Timestamp) -> bool {
        self.forget_old(now);
        let CancelOrder { job, time, detail } = order;
        match self.by_job.get(&job) {
            Some((known, _)) if *known >= time => return false,
            Some((known, _)) => drop(self.by_time.remove(&(*known, job))),
            None => {}
        }
        let words: String = detail.as_str().chars().take(DETAIL_CHARS_MAX).collect();
        self.by_job.insert(job, (time, words.as_str().into()));
        self.by_time.insert((time, job));
        self.by_job.len() > self.count_max && self.forget_first()
    }

    pub(super) fn order_for(&self, job: JobId, submitted_at: Timestamp) -> Option<CancelOrder> {
        let (time, detail) = self.by_job.get(&job)?;
        let order = CancelOrder { job, time: *time, detail: detail.clone() };
        order.is_for(submitted_at).then_some(order)
    }

    fn forget_old(&mut self, now: Timestamp) {
        while self.by_time.first().is_some_and(|(time, _)| now.duration_since(*time) > self.life) {
            self.forget_first();
        }
    }

    fn forget_first(&mut self) -> bool {
        let first = self.by_time.pop_first();
        first.is_some_and(|(_, job)| self.by_job.remove(&job).is_some())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn job(number: u32) -> JobId {
        format!("01920000-0000-7000-8000-{number:012}").parse().unwrap()
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn order(number: u32, second: i64) -> CancelOrder {
        CancelOrder { job: job(number), time: at(second), detail: "".into() }
    }

    #[test]
    fn the_later_of_two_orders_counts_in_whatever_sequence_they_come() {
        let mut orders = Orders::new(9, SignedDuration::from_secs(1_000));
        for second in [20, 10, 30, 30] {
            orders.add(order(1, second), at(100));
        }
        assert!(orders.order_for(job(1), at(29)).is_some());
        assert!(orders.order_for(job(1), at(30)).is_none());
        assert_eq!((orders.by_job.len(), orders.by_time.len()), (1, 1));
    }

    #[test]
    fn what_is_too_old_or_too_much_is_forgotten_oldest_first() {
        let mut orders = Orders::new(2, SignedDuration::from_secs(50));
        assert!(!orders.add(order(1, 10), at(10)) && !orders.add(order(2, 20), at(20)));
        assert!(orders.add(order(3, 30), at(30)), "no room for the first");
        assert!(orders.order_for(job(1), at(0)).is_none() && orders.order_for(job(2), at(0)).is_some());
        orders.add(order(4, 71), at(71));
        assert!(orders.order_for(job(2), at(0)).is_none(), "too old");
        assert!(orders.order_for(job(3), at(0)).is_some());
        assert_eq!(orders.by_job.len(), orders.by_time.len());
    }
}
