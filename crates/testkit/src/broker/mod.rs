//! A real RabbitMQ node of one's own, or the one that `xtask test` shares between all tests.

mod api;
mod config;
mod node;
mod oauth;
mod ready;
pub mod release;

use std::ops::Deref;
use std::path::Path;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

pub use config::{BrokerOptions, BrokerTls};
use node::Node;
pub use oauth::{BrokerOauth, TokenIssuer};
pub use release::Release;

/// Address of the shared broker: `amqp://name:password@127.0.0.1:port`. Set by `xtask test`.
pub const ENV_AMQP: &str = "VALET_TEST_AMQP";
/// Address of the shared broker's management API: `http://127.0.0.1:port`. Set by `xtask test`.
pub const ENV_MANAGEMENT: &str = "VALET_TEST_MANAGEMENT";

/// A RabbitMQ node and the login of its administrator.
#[derive(Debug)]
pub struct Broker {
    reach: Reach,
    /// Absent when another process owns the node.
    node: Option<Node>,
}

/// How to reach a node.
#[derive(Clone, Debug)]
struct Reach {
    /// `127.0.0.1:port` of AMQP without TLS.
    amqp: String,
    /// `127.0.0.1:port` of the management API.
    management: String,
    username: String,
    password: String,
}

/// A virtual host of its own for one test; removed with everything in it on drop. Derefs to its name.
#[derive(Debug)]
pub struct Vhost<'a> {
    broker: &'a Broker,
    name: String,
}

impl Broker {
    /// Starts a private node with the usual options and waits until it takes connections (about 4 s).
    ///
    /// # Panics
    /// When RabbitMQ is not installed or does not start.
    pub fn start() -> Self {
        Self::start_with(&BrokerOptions::default())
    }

    /// [`Broker::start`] with options.
    ///
    /// # Panics
    /// When RabbitMQ is not installed or does not start.
    pub fn start_with(options: &BrokerOptions) -> Self {
        let node = Node::start(options);
        Self { reach: node.reach(), node: Some(node) }
    }

    /// The node of [`ENV_AMQP`] and [`ENV_MANAGEMENT`]; without them one private node for this process.
    /// Tests keep apart by [`Broker::vhost`].
    pub fn shared() -> &'static Self {
        static SHARED: OnceLock<Broker> = OnceLock::new();
        SHARED.get_or_init(|| {
            Reach::from_environment().map_or_else(Self::start, |reach| Self { reach, node: None })
        })
    }

    /// Runs `rabbitmqctl` on it with these arguments, and returns what that said.
    ///
    /// # Panics
    /// When the node is another process's, or the command fails.
    pub fn control(&self, arguments: &[&str]) -> String {
        self.node().control(arguments).stdout
    }

    /// Its RabbitMQ's version as it says itself: `4.0.5`.
    ///
    /// # Panics
    /// When the node does not answer.
    pub fn version_text(&self) -> String {
        let overview = self.api("GET", "/api/overview", None);
        overview["rabbitmq_version"].as_str().expect("a node knows its version").to_owned()
    }

    /// Major and minor number of [`Broker::version_text`]: `(3, 10)`.
    ///
    /// # Panics
    /// When the node does not answer.
    pub fn version(&self) -> (u32, u32) {
        let text = self.version_text();
        let mut numbers = text.split('.').map_while(|number| number.parse().ok());
        let mut next = || numbers.next().unwrap_or_else(|| panic!("`{text}` is no version"));
        (next(), next())
    }

    /// `amqp://127.0.0.1:port/vhost`, without a login.
    pub fn amqp_url(&self, vhost: &str) -> String {
        format!("amqp://{}/{}", self.reach.amqp, api::segment(vhost))
    }

    /// `amqps://localhost:port/vhost`, without a login.
    ///
    /// # Panics
    /// When the node was started without [`BrokerOptions::tls`].
    pub fn amqps_url(&self, vhost: &str) -> String {
        format!("amqps://localhost:{}/{}", self.node().tls_port(), api::segment(vhost))
    }

    /// `amqp://name:password@127.0.0.1:port`, the administrator's, for [`ENV_AMQP`].
    pub fn amqp_url_with_login(&self) -> String {
        let Reach { amqp, username, password, .. } = &self.reach;
        format!("amqp://{username}:{password}@{amqp}")
    }

    /// `http://127.0.0.1:port`, without a login.
    pub fn management_url(&self) -> String {
        format!("http://{}", self.reach.management)
    }

    /// The administrator's name.
    pub fn username(&self) -> &str {
        &self.reach.username
    }

    /// The administrator's password.
    pub fn password(&self) -> &str {
        &self.reach.password
    }

    /// Makes a virtual host for one test, with every right for the administrator.
    ///
    /// # Panics
    /// When the node refuses.
    pub fn vhost(&self) -> Vhost<'_> {
        static NUMBER: AtomicU64 = AtomicU64::new(1);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("test-{}-{number}-{:08x}", std::process::id(), fastrand::u32(..));
        self.make_vhost(&name);
        Vhost { broker: self, name }
    }

    /// Stops the node in good order and waits; its data stays for [`Broker::restart`].
    ///
    /// # Panics
    /// When the node is shared, or does not end.
    pub fn stop(&self) {
        self.node().stop();
    }

    /// Kills the node as a power cut would; its data stays for [`Broker::restart`].
    ///
    /// # Panics
    /// When the node is shared.
    pub fn kill(&self) {
        self.node().kill();
    }

    /// Starts the node again, after [`Broker::stop`] or [`Broker::kill`], on the same ports and data.
    ///
    /// # Panics
    /// When the node is shared, runs, or does not start.
    pub fn restart(&self) {
        self.node().restart();
    }

    /// Freezes the node: connections stay, nothing answers. [`Broker::resume`] ends it.
    ///
    /// # Panics
    /// When the node is shared.
    pub fn pause(&self) {
        self.node().pause();
    }

    /// Ends [`Broker::pause`].
    ///
    /// # Panics
    /// When the node is shared.
    pub fn resume(&self) {
        self.node().resume();
    }

    /// What the node has logged so far.
    ///
    /// # Panics
    /// When the node is shared.
    pub fn log(&self) -> String {
        self.node().log()
    }

    /// Everything that the node writes: queues, streams, its journal and its log.
    ///
    /// # Panics
    /// When the node is shared.
    pub fn folder(&self) -> &Path {
        self.node().folder()
    }

    fn node(&self) -> &Node {
        self.node.as_ref().expect("the shared broker is not one test's to command; use Broker::start")
    }
}

impl Vhost<'_> {
    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// `amqp://127.0.0.1:port/vhost`, without a login.
    pub fn amqp_url(&self) -> String {
        self.broker.amqp_url(&self.name)
    }

    /// The broker it is on.
    pub fn broker(&self) -> &Broker {
        self.broker
    }
}

impl Deref for Vhost<'_> {
    type Target = str;
    fn deref(&self) -> &str {
        &self.name
    }
}

impl Drop for Vhost<'_> {
    fn drop(&mut self) {
        // A test may have stopped the broker; its data then goes with it.
        let _ = self.broker.try_api("DELETE", &format!("/api/vhosts/{}", api::segment(&self.name)), None);
    }
}

impl Reach {
    fn from_environment() -> Option<Self> {
        Self::parse(&std::env::var(ENV_AMQP).ok()?, &std::env::var(ENV_MANAGEMENT).ok()?)
    }

    fn parse(amqp: &str, management: &str) -> Option<Self> {
        let (login, address) = amqp.strip_prefix("amqp://")?.rsplit_once('@')?;
        let (username, password) = login.split_once(':')?;
        let management = management.strip_prefix("http://")?;
        let bare = |address: &str| address.trim_end_matches('/').to_owned();
        Some(Self {
            amqp: bare(address),
            management: bare(management),
            username: username.to_owned(),
            password: password.to_owned(),
        })
    }
}

/// Longest a node may take to start on a busy two-core machine (idle: 4 s, three at once: 10 s).
const START_TIMEOUT: Duration = Duration::from_secs(90);
/// Longest an orderly stop may take (6 s with the management plugin on 3.10).
const STOP_TIMEOUT: Duration = Duration::from_secs(40);
