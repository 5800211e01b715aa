//! Turns by weight: a deficit round robin in which nobody is served twice in one round.
//!
//! At each visit a seat with work gains its weight; one turn costs the greatest weight among those with work. So the
//! heaviest are served once a round, the others as often as their credit allows, and equal weights alternate. A seat
//! without work keeps no credit: what it did not use is gone, and nobody saves up for a burst.

/// Seats in the order of their keys, and the place of the next visit.
#[derive(Debug, Clone)]
pub struct Ring<K> {
    seats: Vec<Seat<K>>,
    cursor: usize,
}

#[derive(Debug, Clone)]
struct Seat<K> {
    key: K,
    weight: u32,
    credit: u32,
}

impl<K> Default for Ring<K> {
    fn default() -> Self {
        Self { seats: Vec::new(), cursor: 0 }
    }
}

impl<K: Ord + Clone> Ring<K> {
    /// Gives `key` a seat of this weight (at least 1), or its seat another weight.
    pub fn seat(&mut self, key: K, weight: u32) {
        let weight = weight.max(1);
        match self.seats.binary_search_by(|seat| seat.key.cmp(&key)) {
            Ok(at) => self.seats[at].weight = weight,
            Err(at) => {
                self.seats.insert(at, Seat { key, weight, credit: 0 });
                // Who stood at the cursor still does.
                self.cursor += usize::from(at < self.cursor);
            }
        }
    }

    /// Takes the seat of `key` away.
    pub fn unseat(&mut self, key: &K) {
        if let Ok(at) = self.seats.binary_search_by(|seat| seat.key.cmp(key)) {
            self.seats.remove(at);
            self.cursor -= usize::from(at < self.cursor);
        }
    }

    /// Whose turn it is among those with work; none if nobody has any. The turn is counted as taken.
    pub fn next(&mut self, has_work: impl Fn(&K) -> bool) -> Option<K> {
        let cost = self.seats.iter().filter(|seat| has_work(&seat.key)).map(|seat| seat.weight).max()?;
        loop {
            // The heaviest seat with work is served at its first visit, so one round is enough.
            let at = self.cursor % self.seats.len();
            self.cursor = (at + 1) % self.seats.len();
            let seat = &mut self.seats[at];
            if !has_work(&seat.key) {
                seat.credit = 0;
                continue;
            }
            // What was saved towards a dearer turn buys one of these, and not more.
            seat.credit = seat.credit.min(cost - 1) + seat.weight;
            if seat.credit >= cost {
                seat.credit -= cost;
                return Some(seat.key.clone());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    fn ring(weights: &[u32]) -> Ring<usize> {
        let mut ring = Ring::default();
        weights.iter().enumerate().for_each(|(key, weight)| ring.seat(key, *weight));
        ring
    }

    fn serve(
        ring: &mut Ring<usize>,
        turns: usize,
        has_work: impl Fn(&usize) -> bool,
    ) -> BTreeMap<usize, usize> {
        let mut served = BTreeMap::new();
        for _ in 0..turns {
            *served.entry(ring.next(&has_work).expect("somebody has work")).or_default() += 1;
        }
        served
    }

    #[test]
    fn nobody_with_work_is_nobodys_turn() {
        assert_eq!(ring(&[]).next(|_| true), None);
        assert_eq!(ring(&[1, 5]).next(|_| false), None);
    }

    #[test]
    fn a_late_comer_is_served_within_one_round() {
        let mut ring = ring(&[1, 1]);
        serve(&mut ring, 1_000, |key| *key == 0);
        assert_eq!(serve(&mut ring, 10, |_| true), BTreeMap::from([(0, 5), (1, 5)]));
    }

    #[test]
    fn a_seat_that_goes_or_comes_moves_no_other_ones_turn() {
        let mut ring = ring(&[1, 1, 1]);
        assert_eq!(ring.next(|_| true), Some(0));
        assert_eq!(ring.next(|_| true), Some(1));
        ring.unseat(&0);
        assert_eq!(ring.next(|_| true), Some(2));
        ring.seat(0, 1);
        assert_eq!([ring.next(|_| true), ring.next(|_| true)], [Some(0), Some(1)]);
    }

    proptest! {
        /// At no moment is anybody with work and the same weight more than one turn behind.
        #[test]
        fn equal_weights_alternate(lanes in 2_usize..20, weight in 1_u32..=100, turns in 1_usize..300) {
            let mut ring = ring(&vec![weight; lanes]);
            let mut served = vec![0_usize; lanes];
            for _ in 0..turns {
                served[ring.next(|_| true).unwrap()] += 1;
                let (most, least) = (served.iter().max().unwrap(), served.iter().min().unwrap());
                prop_assert!(most - least <= 1, "{served:?}");
            }
        }

        /// Over many rounds each has its share, whatever the weights.
        #[test]
        fn shares_follow_weights(weights in prop::collection::vec(1_u32..=100, 1..12)) {
            let heaviest = *weights.iter().max().unwrap();
            let total: u32 = weights.iter().sum();
            let rounds = 10_u32;
            let served = serve(&mut ring(&weights), (rounds * total) as usize, |_| true);
            for (key, weight) in weights.iter().enumerate() {
                let (is, due) = (served.get(&key).copied().unwrap_or(0) as f64, f64::from(rounds * weight));
                prop_assert!((is - due).abs() <= 2.0, "{key} of {heaviest}: {is}, due {due}");
            }
        }

        /// Whoever has work is served within as many turns as the others' weights allow, whoever else comes and goes.
        #[test]
        fn nobody_starves(
            weights in prop::collection::vec(1_u32..=100, 2..8),
            others in prop::collection::vec(any::<u8>(), 800),
        ) {
            let mut ring = ring(&weights);
            let mut waited = 0;
            let rounds_max = 100_usize;
            for mask in others {
                let served = ring.next(|key| *key == 0 || mask & (1 << key) != 0).unwrap();
                waited = if served == 0 { 0 } else { waited + 1 };
                prop_assert!(waited <= rounds_max * weights.len(), "{waited}");
            }
        }
    }
}
