//! The dispatcher's settings, read whole before any I/O with the outside: every mistake at once.
//! Never prints a value that could be a secret; a storage key among the settings is `valet_settings::keyless`'s matter.

use std::net::SocketAddr;
use std::time::Duration;

use valet_admission::Policy;
use valet_broker::BrokerConfig;
use valet_daemon::logs::LogConfig;
use valet_daemon::settings;
use valet_protocol::WorkerName;
use valet_settings::{Layers, Mistakes, Reader};

/// Messages of one queue in hand at once, unless told otherwise. Few: what one dispatcher holds another cannot have.
const PREFETCH: u16 = 4;

/// What a dispatcher is told.
#[derive(Debug)]
pub struct Config {
    /// How to reach the broker.
    pub broker: BrokerConfig,
    /// What every message must be like.
    pub policy: Policy,
    /// This dispatcher's name in reports and logs.
    pub name: WorkerName,
    /// Messages of one queue of a lane in hand at once.
    pub prefetch: u16,
    /// Time for what is in hand after the first signal.
    pub grace: Duration,
    /// Where health, readiness and metrics are told; nowhere unless given.
    pub listen: Option<SocketAddr>,
    /// What is logged.
    pub log: LogConfig,
}

impl Config {
    /// Reads the settings.
    ///
    /// # Errors
    /// All mistakes at once.
    pub fn read(layers: Layers) -> Result<Self, Mistakes> {
        let mut reader = Reader::new(layers);
        let broker = settings::broker(&mut reader);
        let grants = settings::grants(&mut reader);
        let name = settings::name(&mut reader, "dispatch.name", "dispatcher");
        let prefetch = reader.or_within("dispatch.prefetch", PREFETCH, 1..=64);
        let wall_seconds_max = reader.optional::<u32>("dispatch.wall_seconds_max");
        let grace = Duration::from_secs(reader.or_within("dispatch.grace_seconds", 10, 0..=600));
        let listen = settings::address(&mut reader, "dispatch.health_address");
        let log = settings::log(&mut reader);
        reader.finish_with(|| {
            Some(Self {
                broker: broker?.with_connection_name(format!("valet-dispatch {name}")),
                policy: Policy { grants, wall_seconds_max },
                name: WorkerName::from(name),
                prefetch,
                grace,
                listen,
                log,
            })
        })
    }
}
