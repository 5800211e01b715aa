//! Settings about what is around the worker: who watches over it, where traces go, and who tells of its machine's end.

use std::net::SocketAddr;

use valet_daemon::settings::{address, parsed};
use valet_settings::Reader;
use valet_telemetry::{Endpoint, EndpointError};

use crate::eviction::Service;

/// Where Azure tells a virtual machine what is planned for it.
const AZURE_EVENTS_URL: &str = "http://169.254.169.254";

/// Whether scheduled events are looked at.
#[derive(Debug, Clone, Copy)]
enum Watched {
    /// Only on a machine that says it is Azure's.
    Auto,
    /// Always.
    On,
    /// Never.
    Off,
}

/// What is around the worker.
#[derive(Debug, Clone)]
pub struct Surroundings {
    /// Where health, readiness and metrics are told; nowhere unless given.
    pub listen: Option<SocketAddr>,
    /// Where traces are sent; nowhere unless given.
    pub otlp_endpoint: Option<Endpoint>,
    /// Who tells of scheduled events; nobody where they are not looked at.
    pub scheduled_events: Option<Service>,
}

pub(super) fn surroundings(reader: &mut Reader) -> Surroundings {
    let choices = [("auto", Watched::Auto), ("on", Watched::On), ("off", Watched::Off)];
    let listen = address(reader, "worker.listen");
    let otlp_endpoint =
        parsed(reader, "telemetry.otlp_endpoint", |problem: EndpointError| problem.to_string());
    let watched = reader.choice("worker.scheduled_events", &choices, Watched::Auto);
    let url = reader.or("worker.scheduled_events_url", AZURE_EVENTS_URL.to_owned());
    let service = Service::parse(&url);
    if service.is_none() {
        reader.refuse("worker.scheduled_events_url", "is no http:// address without a path");
    }
    // Looked at now: a confined worker cannot read what its machine says of itself.
    let is_watched = match watched {
        Watched::Auto => crate::eviction::is_on_azure(),
        Watched::On => true,
        Watched::Off => false,
    };
    Surroundings { listen, otlp_endpoint, scheduled_events: service.filter(|_| is_watched) }
}
