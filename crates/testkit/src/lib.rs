//! Real services for tests: RabbitMQ, Azurite, PostgreSQL and the project's own programs as private child
//! processes, and doubles of what cannot be had: Azure's metadata service, a DNS server that lies, a trace collector.
//!
//! Everything here blocks and uses threads, so that any test can use it, inside a runtime or not. Several
//! brokers and storages run side by side, each with its own folder and ports. They end with their owner,
//! with a panic, and with a killed test process.
//!
//! Must never be linked into a program that ships: it holds an account key and can sign. Only tests and
//! `xtask` depend on it (`deny.toml` and `cargo xtask tidy` hold the line). Mistakes in set-up panic, since a
//! test has nobody to return an error to.

pub mod attack;
pub mod broker;
pub mod canary;
pub mod chaos;
pub mod dns;
pub mod folder;
pub mod hostile;
pub mod http;
pub mod media;
pub mod metadata;
pub mod otlp;
pub mod port;
pub mod postgres;
pub mod process;
pub mod proxy;
mod server;
pub mod stage;
pub mod storage;
pub mod wait;
pub mod workspace;

pub use broker::{Broker, BrokerOauth, BrokerOptions, TokenIssuer, Vhost};
pub use canary::Canary;
pub use dns::{Dns, DnsAnswer};
pub use folder::Folder;
pub use metadata::ScheduledEvents;
pub use otlp::{Collector, Span};
pub use postgres::{Database, Postgres};
pub use process::{Finished, Process, Program, bin};
pub use proxy::{Exchange, Fault, FaultProxy, Gate};
pub use storage::{Sas, Storage, StorageOptions};
pub use wait::wait_for;
