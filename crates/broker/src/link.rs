//! One supervised connection.

/// What a connection is doing. Watch it for readiness and logs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LinkState {
    /// Trying to connect.
    Connecting {
        /// Attempts since the connection was last up, from 1.
        attempt: u32,
        /// Why the last attempt or connection ended; none at start-up.
        cause: Option<String>,
    },
    /// Connected.
    Up,
    /// Connected, but the broker takes no publishes for now (memory or disk alarm).
    Blocked {
        /// The broker's words.
        reason: String,
    },
    /// Closed by us.
    Closed,
}
