//! The worker's settings, read whole before any I/O with the outside: every mistake at once.
//! Never prints a value that could be a secret; a storage key among the settings is `keyless`'s matter.

mod fleet;
mod jail;
mod limits;
mod program;
mod surroundings;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use valet_broker::BrokerConfig;
use valet_daemon::logs::LogConfig;
use valet_daemon::settings;
use valet_grant::GrantPolicy;
use valet_settings::{Bytes, Layers, Mistakes, Reader};

pub use jail::JailConfig;
pub use limits::JobLimits;
pub use surroundings::Surroundings;

use crate::fleet::Fleet;
use jail::jail;
use limits::limits;
use program::program;
use surroundings::surroundings;

/// Port of DNS, over UDP and, for long answers, TCP.
pub(crate) const DNS_PORT: u16 = 53;

/// What a worker is told.
#[derive(Debug)]
pub struct Config {
    /// How to reach the broker.
    pub broker: BrokerConfig,
    /// What a grant must be like.
    pub grants: GrantPolicy,
    /// The DNS servers to ask about storage hosts; none: the system's.
    pub nameservers: Vec<SocketAddr>,
    /// Broker logins that jobs are taken from; empty means any that may publish them.
    pub publishers: Vec<String>,
    /// This worker's name in reports and logs.
    pub name: String,
    /// Jobs at the same time.
    pub slots: usize,
    /// Where jobs' directories are made.
    pub scratch: PathBuf,
    /// Bytes that stay free on the scratch's file system whatever jobs need.
    pub scratch_free_bytes_min: u64,
    /// The ffmpeg binary.
    pub ffmpeg: PathBuf,
    /// The ffprobe binary.
    pub ffprobe: PathBuf,
    /// Time for jobs in hand after the first signal.
    pub grace: Duration,
    /// What sealed grants are opened with.
    pub fleet: Fleet,
    /// What any job may use.
    pub limits: JobLimits,
    /// What codecs are walled in by.
    pub jail: JailConfig,
    /// Who watches over the worker, and over its machine.
    pub surroundings: Surroundings,
    /// What is logged.
    pub log: LogConfig,
}

/// Slots beyond this share nothing but one machine's memory; start another worker instead.
pub const SLOTS_MAX: u64 = 64;

impl Config {
    /// Reads the settings.
    ///
    /// # Errors
    /// All mistakes at once.
    pub fn read(layers: Layers) -> Result<Self, Mistakes> {
        let mut reader = Reader::new(layers);
        let broker = settings::broker(&mut reader);
        let grants = settings::grants(&mut reader);
        let nameservers = nameservers(&mut reader);
        let publishers = reader.or("worker.publishers", Vec::<String>::new());
        let name = settings::name(&mut reader, "worker.name", "worker");
        let slots = reader.or_within("worker.slots", 1, 1..=SLOTS_MAX);
        let scratch = reader.or("worker.scratch", PathBuf::from("/var/tmp/valet-worker"));
        let scratch_free_bytes_min = scratch_free_bytes_min(&mut reader);
        let ffmpeg = program(&mut reader, "worker.ffmpeg", "ffmpeg");
        let ffprobe = program(&mut reader, "worker.ffprobe", "ffprobe");
        let grace = Duration::from_secs(reader.or_within("worker.grace_seconds", 60, 0..=86_400));
        let limits = limits(&mut reader);
        let jail = jail(&mut reader, &scratch);
        let fleet = fleet::fleet(&mut reader, &scratch, jail.as_ref());
        let surroundings = surroundings(&mut reader);
        let log = settings::log(&mut reader);
        reader.finish_with(|| {
            Some(Self {
                broker: broker?.with_connection_name(format!("valet-worker {name}")),
                grants,
                nameservers,
                publishers,
                name,
                slots: usize::try_from(slots).ok()?,
                scratch,
                scratch_free_bytes_min,
                ffmpeg: ffmpeg?,
                ffprobe: ffprobe?,
                grace,
                fleet: fleet?,
                limits,
                jail: jail?,
                surroundings,
                log,
            })
        })
    }
}

/// Addresses, not names: who is to be asked cannot be asked for.
fn nameservers(reader: &mut Reader) -> Vec<SocketAddr> {
    let texts = reader.or("storage.nameservers", Vec::<String>::new());
    let parsed: Option<Vec<_>> = texts.iter().map(|text| nameserver(text)).collect();
    parsed.unwrap_or_else(|| {
        reader.refuse(
            "storage.nameservers",
            "must be addresses of DNS servers, such as 10.0.0.53 or [fd00::53]:5353",
        );
        Vec::new()
    })
}

fn nameserver(text: &str) -> Option<SocketAddr> {
    let with_port = text.parse().ok();
    with_port
        .or_else(|| Some(SocketAddr::new(text.parse().ok()?, DNS_PORT)))
        .filter(|server| server.port() != 0)
}

fn scratch_free_bytes_min(reader: &mut Reader) -> u64 {
    let default = Bytes(crate::scratch::FREE_BYTES_MIN);
    let Bytes(bytes) = reader.or_within("worker.scratch_free_bytes_min", default, Bytes(0)..=Bytes(u64::MAX));
    bytes
}

#[cfg(test)]
mod tests;
