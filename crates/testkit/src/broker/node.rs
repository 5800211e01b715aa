//! A RabbitMQ node as our own child: private epmd, private folder, no system service.
//!
//! Uses the scripts in `/usr/lib/rabbitmq/bin`, not those in `/usr/sbin`: the latter change user and lose
//! the environment.

use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rustix::process::Signal;

use super::config::{BrokerOptions, write_files};
use super::{Reach, Release, STOP_TIMEOUT, ready};
use crate::port::Port;
use crate::wait::wait_for;
use crate::{Finished, Folder, Process};

const USERNAME: &str = "valet-test";

/// `rabbitmqctl` starts a whole Erlang for itself.
const CONTROL_TIMEOUT: Duration = Duration::from_secs(60);

/// A node, running or stopped, with its data.
#[derive(Debug)]
pub(super) struct Node {
    process: Mutex<Process>,
    /// Erlang's name server; as our own child it ends with us, while one that `erl` starts would stay.
    _epmd: Process,
    release: Release,
    ports: Ports,
    password: String,
    has_tls: bool,
    /// After the processes: dropped last, so that nothing writes there any more.
    folder: Folder,
}

/// The ports of one node.
#[derive(Debug)]
pub(super) struct Ports {
    pub(super) amqp: Port,
    pub(super) tls: Port,
    pub(super) management: Port,
    distribution: Port,
    epmd: Port,
}

impl Node {
    pub(super) fn start(options: &BrokerOptions) -> Self {
        let release = options.release.clone();
        release.check().unwrap_or_else(|missing| panic!("{missing}"));
        let folder = Folder::new("rabbitmq");
        let ports = Ports::reserve();
        let password = random_word();
        write_files(&folder, options, &ports, (USERNAME, &password));
        let epmd = start_epmd(&release, &ports);
        let process = Mutex::new(start_server(&release, &folder, &ports));
        Self { process, _epmd: epmd, release, ports, password, has_tls: options.tls.is_some(), folder }
    }

    pub(super) fn reach(&self) -> Reach {
        Reach {
            amqp: format!("127.0.0.1:{}", self.ports.amqp.number()),
            management: format!("127.0.0.1:{}", self.ports.management.number()),
            username: USERNAME.to_owned(),
            password: self.password.clone(),
        }
    }

    pub(super) fn tls_port(&self) -> u16 {
        assert!(self.has_tls, "this broker has no TLS listener; give BrokerOptions::tls");
        self.ports.tls.number()
    }

    pub(super) fn stop(&self) {
        self.process().terminate(STOP_TIMEOUT);
    }

    pub(super) fn kill(&self) {
        self.process().kill();
    }

    pub(super) fn restart(&self) {
        let mut process = self.process();
        assert!(!process.is_running(), "the broker runs; stop or kill it before a restart");
        *process = start_server(&self.release, &self.folder, &self.ports);
    }

    pub(super) fn pause(&self) {
        self.process().signal(Signal::STOP);
    }

    pub(super) fn resume(&self) {
        self.process().signal(Signal::CONT);
    }

    /// Runs the node's own command line.
    pub(super) fn control(&self, arguments: &[&str]) -> Finished {
        let program = self.release.program("/usr/lib/rabbitmq/bin/rabbitmqctl");
        let program = program.envs(environment(&self.folder, &self.ports)).current_dir(self.folder.path());
        program.args(arguments).run(CONTROL_TIMEOUT).expect_code(0)
    }

    pub(super) fn folder(&self) -> &std::path::Path {
        self.folder.path()
    }

    pub(super) fn log(&self) -> String {
        self.process().stdout()
    }

    fn process(&self) -> MutexGuard<'_, Process> {
        self.process.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Ports {
    fn reserve() -> Self {
        Self {
            amqp: Port::reserve(),
            tls: Port::reserve(),
            management: Port::reserve(),
            distribution: Port::reserve(),
            epmd: Port::reserve(),
        }
    }
}

fn start_epmd(release: &Release, ports: &Ports) -> Process {
    let port = ports.epmd.number();
    let process = release.program("epmd").args(["-address", "127.0.0.1", "-port", &port.to_string()]).start();
    wait_for("epmd to listen", super::START_TIMEOUT, || {
        std::net::TcpStream::connect(("127.0.0.1", port)).map_err(|e| e.to_string())
    });
    process
}

fn start_server(release: &Release, folder: &Folder, ports: &Ports) -> Process {
    let notifications = ready::listen(&folder.join("notify.sock"));
    let process = release
        .server()
        .envs(environment(folder, ports))
        .env("NOTIFY_SOCKET", folder.join("notify.sock"))
        .current_dir(folder.path())
        .start();
    ready::await_ready(&notifications, ports.amqp.number(), &process);
    process
}

/// Everything that would otherwise come from `/etc/rabbitmq` or lie in `/var/lib/rabbitmq`.
fn environment(folder: &Folder, ports: &Ports) -> Vec<(&'static str, PathBuf)> {
    let text = |value: &str| PathBuf::from(value);
    let number = |port: &Port| PathBuf::from(port.number().to_string());
    vec![
        ("HOME", folder.path().to_owned()), // holds .erlang.cookie
        ("LANG", text("C.UTF-8")),
        ("RABBITMQ_NODENAME", text("valet@localhost")), // unique per epmd
        ("RABBITMQ_CONF_ENV_FILE", text("/dev/null")),
        ("RABBITMQ_CONFIG_FILE", folder.join("rabbitmq.conf")),
        ("RABBITMQ_ADVANCED_CONFIG_FILE", folder.join("advanced.config")),
        ("RABBITMQ_ENABLED_PLUGINS_FILE", folder.join("enabled_plugins")),
        ("RABBITMQ_MNESIA_BASE", folder.join("mnesia")),
        ("RABBITMQ_MNESIA_DIR", folder.join("mnesia/node")),
        ("RABBITMQ_FEATURE_FLAGS_FILE", folder.join("feature_flags")),
        ("RABBITMQ_SCHEMA_DIR", folder.join("schema")),
        ("RABBITMQ_GENERATED_CONFIG_DIR", folder.join("generated")),
        ("RABBITMQ_PID_FILE", folder.join("pid")),
        ("RABBITMQ_LOG_BASE", folder.join("log")),
        ("RABBITMQ_LOGS", text("-")), // standard output
        ("RABBITMQ_DIST_PORT", number(&ports.distribution)),
        ("ERL_EPMD_PORT", number(&ports.epmd)),
        ("ERL_EPMD_ADDRESS", text("127.0.0.1")),
        ("RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS", text("-kernel inet_dist_use_interface {127,0,0,1}")),
        ("RABBITMQ_CTL_DIST_PORT_MIN", text("0")),
        ("RABBITMQ_CTL_DIST_PORT_MAX", text("0")),
        ("ERL_CRASH_DUMP_SECONDS", text("0")),
    ]
}

/// 32 letters and digits; `fastrand` is no source for real secrets, and this guards a loopback test broker.
fn random_word() -> String {
    std::iter::repeat_with(fastrand::alphanumeric).take(32).collect()
}
