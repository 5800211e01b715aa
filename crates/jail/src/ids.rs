//! The ids that only jails use, for a worker that is root: an id that nobody else has can neither be signalled nor read
//! by name, and its thread limit counts this jail alone.

use std::fs;
use std::ops::Range;

/// First id where nothing else says so: far above what distributions hand out, subordinate ids included.
const FIRST: u32 = 2_000_000_000;

/// How many ids follow each other before the first is used again.
const COUNT: u32 = 10_000;

/// A range of unused ids that exists in this user namespace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Ids(Range<u32>);

impl Ids {
    /// The range that begins at `first`; else the usual one; else one near the top of what is mapped here. None where
    /// too few ids are mapped.
    pub(crate) fn find(first: Option<u32>) -> Option<Self> {
        let maps = ["/proc/self/uid_map", "/proc/self/gid_map"]
            .map(|file| fs::read_to_string(file).unwrap_or_default());
        let mapped = [&maps[0], &maps[1]].map(|map| largest(map));
        Self::within(first.unwrap_or(FIRST), &mapped)
    }

    /// The id of jail number `number`.
    pub(crate) fn nth(&self, number: u32) -> u32 {
        self.0.start + number % (self.0.end - self.0.start)
    }

    fn within(first: u32, mapped: &[Range<u32>]) -> Option<Self> {
        let low = mapped.iter().map(|range| range.start).max()?;
        let high = mapped.iter().map(|range| range.end).min()?;
        let wish = first..first.checked_add(COUNT)?;
        if low <= wish.start && wish.end <= high {
            return Some(Self(wish));
        }
        // Not the very top: 65534 is nobody's, and everybody's.
        let count = COUNT.min(high.checked_sub(low)? / 4);
        (count > 0).then(|| Self(high - 2 * count..high - count))
    }
}

/// The largest range inside, of a map whose lines are `inside outside count`.
fn largest(map: &str) -> Range<u32> {
    let ranges = map.lines().filter_map(|line| {
        let mut numbers = line.split_ascii_whitespace().map_while(|word| word.parse::<u32>().ok());
        let (inside, _, count) = (numbers.next()?, numbers.next()?, numbers.next()?);
        Some(inside..inside.saturating_add(count))
    });
    ranges.max_by_key(|range| range.end - range.start).unwrap_or(0..0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_machine_gives_the_usual_range() {
        let all = largest("         0          0 4294967295\n");
        assert_eq!(Ids::within(FIRST, &[all.clone(), all]), Some(Ids(FIRST..FIRST + COUNT)));
    }

    #[test]
    fn container_gives_a_range_below_its_top_and_without_nobody() {
        let inside = largest("0 100000 65536\n");
        let ids = Ids::within(FIRST, &[inside.clone(), inside]).expect("65536 ids are enough");
        assert_eq!(ids, Ids(45_536..55_536));
        assert_eq!(ids.nth(0), ids.nth(COUNT));
    }

    #[test]
    fn single_mapped_id_gives_none() {
        let one = largest("0 1000 1\n");
        assert_eq!(Ids::within(FIRST, &[one.clone(), one]), None);
    }

    #[test]
    fn wish_is_honoured_where_it_is_mapped() {
        let all = largest("0 0 4294967295\n");
        assert_eq!(Ids::within(300_000, &[all]), Some(Ids(300_000..310_000)));
    }
}
