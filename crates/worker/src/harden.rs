//! What the worker does to itself: nobody but root may look into its memory, and it gives up every right on this
//! machine that it does not need. A worker that is taken over through its network side must find nothing here.

use std::path::PathBuf;

use rustix::process::{DumpableBehavior, Resource, Rlimit, set_dumpable_behavior, setrlimit};
use valet_jail::confine::{ConfineError, Confinement, confine as restrict};

use crate::config::{Config, DNS_PORT};
use crate::fleet::folders;
use crate::scratch::Scratch;

/// What HTTPS, TLS and name resolution read while the worker runs. What is not there is left out.
const READ: &[&str] = &[
    // Certificates of the system, in the places of Debian, Red Hat and Alpine.
    "/etc/ssl",
    "/etc/pki",
    "/etc/ca-certificates",
    "/usr/share/ca-certificates",
    "/usr/local/share/ca-certificates",
    "/usr/lib/ssl",
    // Names of hosts, and how to look them up.
    "/etc/hosts",
    "/etc/host.conf",
    "/etc/resolv.conf",
    "/etc/nsswitch.conf",
    "/etc/gai.conf",
    "/etc/services",
    "/run/systemd/resolve",
    "/run/resolvconf",
    "/run/NetworkManager",
    // The C library loads its modules for name resolution when the first name is looked up.
    "/etc/ld.so.cache",
    "/lib",
    "/lib64",
    "/usr/lib",
    "/usr/lib64",
];

/// Port of storage.
const HTTPS: u16 = 443;

/// Closes `/proc/PID/mem`, `environ` and the debugger to other processes of this user, and leaves no core dump:
/// grants and the broker login are in this memory. The command line stays readable, and holds no secret. It must
/// be the first thing in `main`.
///
/// # Errors
/// When the kernel refuses, which no known one does.
pub fn close_memory() -> std::io::Result<()> {
    set_dumpable_behavior(DumpableBehavior::NotDumpable)?;
    setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) })?;
    Ok(())
}

/// Takes from this thread, and from every thread that it will start, all rights on files but to read its
/// certificates, resolver files and the folders of the fleet's keys and of its broker token, and to write its own scratch,
/// the right to execute anything, and (where the kernel can) to bind a port or to connect to other ports than the
/// broker's, 443, 53, and those of the trace collector, the service of scheduled events and name servers where there are
/// such. There is no way back.
///
/// # Errors
/// When the kernel refuses what it says it knows.
pub fn confine(config: &Config, scratch: &Scratch) -> Result<(), ConfineError> {
    let enforced = restrict(&confinement(config, scratch))?;
    tracing::debug!(?enforced, "the worker has confined itself");
    Ok(())
}

fn confinement(config: &Config, scratch: &Scratch) -> Confinement {
    let extra = ["SSL_CERT_FILE", "SSL_CERT_DIR"].into_iter().filter_map(std::env::var_os).map(PathBuf::from);
    // The folder, as a new token replaces the old one's file.
    let token = config.broker.token_folder();
    Confinement {
        read: READ
            .iter()
            .map(PathBuf::from)
            .chain(extra)
            .chain(folders(config.fleet.files()))
            .chain(token)
            .collect(),
        write: vec![scratch.directory().to_owned()],
        // Its own directory and lock, at the end.
        remove: vec![config.scratch.clone()],
        tcp_ports: tcp_ports(config),
    }
}

/// Nothing where storage may be an emulator, which has any port.
fn tcp_ports(config: &Config) -> Option<Vec<u16>> {
    let hosts = &config.grants.hosts;
    let emulated = hosts.loopback || !hosts.development.is_empty();
    let around = &config.surroundings;
    let collector = around.otlp_endpoint.as_ref().map(valet_telemetry::Endpoint::port);
    let events = around.scheduled_events.as_ref().map(crate::eviction::Service::port);
    let always = [HTTPS, DNS_PORT, config.broker.port()];
    let nameservers = config.nameservers.iter().map(|server| server.port()).filter(|port| *port != DNS_PORT);
    (!emulated).then(|| always.into_iter().chain(collector).chain(events).chain(nameservers).collect())
}

#[cfg(test)]
mod tests {
    use valet_settings::Layers;

    use super::*;

    fn ports(settings: &[(&str, &str)]) -> Option<Vec<u16>> {
        let mut layers = Layers::default();
        let broker = [("VALET_BROKER_URL", "amqps://broker/valet"), ("VALET_WORKER_SCHEDULED_EVENTS", "off")];
        let all = broker.iter().chain(settings);
        layers.environment = all.map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        tcp_ports(&Config::read(layers).unwrap())
    }

    #[test]
    fn a_worker_connects_to_the_ports_of_what_it_is_told_to_use_and_to_no_others() {
        assert_eq!(ports(&[]), Some(vec![443, 53, 5671]));
        let collector = ("VALET_TELEMETRY_OTLP_ENDPOINT", "http://collector:4318");
        assert_eq!(ports(&[collector]), Some(vec![443, 53, 5671, 4318]));
        let events = ("VALET_WORKER_SCHEDULED_EVENTS", "on");
        assert_eq!(ports(&[collector, events]), Some(vec![443, 53, 5671, 4318, 80]));
        let nameservers = ("VALET_STORAGE_NAMESERVERS", "10.0.0.53,127.0.0.1:5353");
        assert_eq!(ports(&[nameservers]), Some(vec![443, 53, 5671, 5353]), "long answers come over TCP");
        assert_eq!(ports(&[("VALET_STORAGE_LOOPBACK", "true")]), None, "an emulator may have any port");
    }
}
