//! RabbitMQ for Valet: topology, publishing with confirms, deliveries that must be settled.
//!
//! ```text
//! BrokerConfig ── Session::connect ─┬─ Publisher  (connection "publish": outbox, window, confirms)
//!                                   ├─ Feed       (connection "consume": one per slot)
//!                                   ├─ EndedFeed  (jobs that the broker itself ended)
//!                                   ├─ Lead, LaneLog, LaneFeed (the dispatcher's)
//!                                   ├─ Orders     (the operator's orders to all workers)
//!                                   ├─ EventLog   (replay and follow the reports)
//!                                   └─ DeadLetters, LetterFeed
//! Management ── declare / check / provision   (HTTP API; the provisioning identity only)
//! ```
//!
//! What this crate must never do: hold a storage key, sign anything, read a job's content, decide
//! what becomes of a job, or trust lapin's auto-recovery (it hangs). Only [`management`] may
//! declare anything on the broker.

mod backoff;
mod config;
mod connect;
pub mod dead;
mod delivery;
mod depth;
mod ended;
mod error;
pub mod events;
mod feed;
mod hold;
mod lane_feed;
mod lanes;
mod lead;
mod lease;
mod link;
mod log;
pub mod management;
mod numbers;
mod orders;
mod outbox;
mod outgoing;
mod probe;
mod publisher;
mod returns;
mod session;
mod settle;
mod start_check;
mod subscription;
mod tls;
mod token;
pub mod topology;
mod version;

pub use config::{BrokerConfig, ConfigError, Password, TlsConfig};
pub use dead::{DeadError, DeadLetter, DeadLetters, DeadQueue, LetterFeed};
pub use delivery::{Delivery, Stage};
pub use depth::{Depth, DepthError};
pub use ended::{EndedFeed, EndedJob, Ending};
pub use error::ConnectError;
pub use events::{EventLog, LogItem};
pub use feed::{Feed, FeedOptions};
pub use lane_feed::{LaneDelivery, LaneFeed, LaneLoss, LaneQueue};
pub use lanes::{LaneItem, LaneLog};
pub use lead::Lead;
pub use lease::{Lease, LeaseLoss};
pub use link::LinkState;
pub use log::{LogError, LogError as EventsError, Start};
pub use numbers::{Numbers, NumbersWatch};
pub use orders::{ORDERS_MAX, OrderItem, OrderSet, Orders};
pub use outgoing::Outgoing;
pub use probe::{Answer, LaneProbe, Probed};
pub use publisher::{PublishError, Publisher, PublisherOptions, Receipt};
pub use session::{Purpose, Session};
pub use settle::{Disposition, SettleError, Settled};
pub use tls::install_crypto;
pub use token::{TOKEN_FILE_BYTES_MAX, TokenError};
pub use version::{BrokerVersion, Capabilities, Counting};

/// Log targets that may print message bodies (and so grants) or SASL responses.
///
/// lapin logs a returned message, body and all, at WARN (`returned_messages.rs`), and every frame
/// at TRACE. A program that links this crate must switch these targets off (or at least
/// `lapin::returned_messages`) in its subscriber; errors are logged by this crate itself.
pub const UNSAFE_LOG_TARGETS: &[&str] =
    &["lapin", "amq_protocol", "amq_protocol_tcp", "async_rs", "rustls_connector"];
