//! Every limit of this crate, with its unit and the reason for the number. Holds no logic.

use jiff::SignedDuration;

/// Longest URL that is looked at, in bytes. A blob name of 1,024 characters that all need escaping, plus a user
/// delegation token, stays below it; anything longer is no grant.
pub const URL_BYTES_MAX: usize = 8 * 1024;

/// Longest blob name, in UTF-16 code units (the service counts .NET characters).
pub const BLOB_NAME_CHARS_MAX: usize = 1024;

/// Most path segments in a blob name (documented by Azure for accounts with and without a hierarchy).
pub const BLOB_NAME_SEGMENTS_MAX: usize = 254;

/// Shortest and longest name of a blob container, in characters (Azure's naming rules).
pub const CONTAINER_NAME_CHARS: std::ops::RangeInclusive<usize> = 3..=63;

/// Longest value that an explanation or a message repeats from a URL's parameter, in characters.
pub const SHOWN_CHARS_MAX: usize = 128;

/// Default of [`GrantPolicy::lifetime_max`](crate::GrantPolicy::lifetime_max): a day covers queue, work and retries.
pub const LIFETIME_MAX: SignedDuration = SignedDuration::from_hours(24);

/// A lifetime above this is critical: a week is also the longest life of a user delegation key.
pub const LIFETIME_CRITICAL: SignedDuration = SignedDuration::from_hours(7 * 24);

/// A lifetime above this is reported as "never expires".
pub const LIFETIME_ENDLESS: SignedDuration = SignedDuration::from_hours(365 * 24);

/// Longest life of a user delegation key (Azure refuses more).
pub const DELEGATION_KEY_LIFETIME_MAX: SignedDuration = SignedDuration::from_hours(7 * 24);

/// A start closer to now than this is at the mercy of clock skew. Azure speaks of up to 15 minutes either way;
/// five is where a finding is worth its line.
pub const START_MARGIN: SignedDuration = SignedDuration::from_mins(5);

/// Largest IPv4 range, in addresses, that still counts as narrow: a /24.
pub const IP_RANGE_MAX: u32 = 256;

/// How often percent-encoding is peeled off a text in search of a signature, before the text is hidden unread.
pub(crate) const DECODE_PASSES_MAX: usize = 8;
