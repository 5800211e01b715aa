//! The storage service versions (`sv`) that are known, as data. Holds no string-to-sign layout: that is for the
//! crate that signs.

/// Every version from 2018-11-09 on that the SDKs know (read in azure-storage-blob 12.31 and @azure/storage-blob
/// 12.33), oldest first.
pub const KNOWN: &[&str] = &[
    "2018-11-09",
    "2019-02-02",
    "2019-07-07",
    "2019-10-10",
    "2019-12-12",
    "2020-02-10",
    "2020-04-08",
    "2020-06-12",
    "2020-08-04",
    "2020-10-02",
    "2020-12-06",
    "2021-02-12",
    "2021-04-10",
    "2021-06-08",
    "2021-08-06",
    "2021-10-04",
    "2021-12-02",
    "2022-11-02",
    "2023-01-03",
    "2023-05-03",
    "2023-08-03",
    "2023-11-03",
    "2024-02-04",
    "2024-05-04",
    "2024-08-04",
    "2024-11-04",
    "2025-01-05",
    "2025-05-05",
    "2025-07-05",
    "2025-11-05",
    "2026-02-06",
    "2026-04-06",
    "2026-06-06",
    "2026-10-06",
];

/// First version with today's rules (`ses`, the sixteen-line layout); older ones are a medium finding.
pub const MODERN: &str = "2020-12-06";

/// First version that knows `sip` and `spr`; older ones cannot insist on https, a critical finding.
pub const WITH_PROTOCOL: &str = "2015-04-05";

/// Whether `text` is in [`KNOWN`].
pub fn is_known(text: &str) -> bool {
    KNOWN.binary_search(&text).is_ok()
}

/// Whether `text` is a version by its shape, `YYYY-MM-DD`. Such texts order as their dates do.
pub fn is_shaped(text: &str) -> bool {
    text.len() == 10
        && text
            .bytes()
            .enumerate()
            .all(|(at, b)| if at == 4 || at == 7 { b == b'-' } else { b.is_ascii_digit() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_is_sorted_and_shaped() {
        assert!(KNOWN.is_sorted());
        assert!(KNOWN.iter().all(|version| is_shaped(version) && is_known(version)));
        assert!(is_known(MODERN) && !is_known("2022-11-01") && !is_shaped("2022-1-001"));
    }
}
