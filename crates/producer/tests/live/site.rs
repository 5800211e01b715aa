//! One test's vhost, logins and blob container, declared by `valet topology declare` itself.

use std::time::Duration;

use valet_broker::{BrokerConfig, Purpose, Session};
use valet_testkit::{Broker, Finished, Folder, Program, Storage, Vhost};

/// Longer than any verb takes on a busy machine.
pub const TIMEOUT: Duration = Duration::from_secs(120);

pub struct Site {
    pub storage: &'static Storage,
    pub vhost: Vhost<'static>,
    pub folder: Folder,
    pub container: String,
}

impl Site {
    /// A site with everything declared.
    pub fn new() -> Self {
        let site = Self::bare();
        // Longer than the usual wall limit of any preset, whichever way the version sets it.
        let numbers = "--consumer-timeout 5h --node-consumer-timeout 5h";
        let line = format!("topology declare {numbers} --login-prefix {}", &*site.vhost);
        site.admin(&line).run(TIMEOUT).expect_code(0);
        site
    }

    /// A site where nothing is declared yet.
    pub fn bare() -> Self {
        let storage = Storage::shared();
        let container = storage.container();
        Self { storage, vhost: Broker::shared().vhost(), folder: Folder::new("valet-live"), container }
    }

    /// `valet` with the administrator's login.
    pub fn admin(&self, line: &str) -> Program {
        let broker = self.vhost.broker();
        self.program(line)
            .env("VALET_BROKER_URL", self.vhost.amqp_url())
            .env("VALET_BROKER_MANAGEMENT_URL", broker.management_url())
            .env("VALET_BROKER_ADMIN_USERNAME", broker.username())
            .env("VALET_BROKER_ADMIN_PASSWORD", broker.password())
    }

    /// `valet` with the producer's own settings, as `topology declare` wrote them.
    pub fn valet(&self, line: &str) -> Program {
        self.program(line).args(["--config", "valet-logins/producer.toml"])
    }

    /// Runs `valet` and expects success.
    #[track_caller]
    pub fn ok(&self, line: &str) -> Finished {
        self.valet(line).run(TIMEOUT).expect_code(0)
    }

    fn program(&self, line: &str) -> Program {
        Program::new(env!("CARGO_BIN_EXE_valet"))
            .args(line.split_whitespace())
            .current_dir(self.folder.path())
            .env("VALET_STORAGE_ACCOUNT", self.storage.account())
            .env("VALET_STORAGE_ACCOUNT_KEY", self.storage.key())
            .env("VALET_STORAGE_ENDPOINT", self.storage.endpoint())
            .env("VALET_STORAGE_LOOPBACK", "true")
            .env("VALET_STATUS_URL", format!("sqlite:{}", self.folder.join("status.db").display()))
    }

    /// One setting out of a login's file.
    pub fn login(&self, role: &str, key: &str) -> String {
        let path = self.folder.join(&format!("valet-logins/{role}.toml"));
        let text = std::fs::read_to_string(path).expect("topology declare wrote it");
        let line = text.lines().find_map(|line| line.strip_prefix(&format!("{key} = ")));
        serde_json::from_str(line.expect("the key is there")).expect("a basic string")
    }

    /// A session with one login.
    pub async fn session(&self, role: &str, purpose: Purpose) -> Session {
        let config = BrokerConfig::parse(&self.login(role, "url")).expect("a broker URL");
        let config = config.with_login(self.login(role, "username"), self.login(role, "password"));
        Session::connect(config, purpose).await.expect("the broker takes the login")
    }

    /// How many messages a queue holds, once it holds `count` of them.
    #[track_caller]
    pub fn wait_for_depth(&self, queue: &str, count: u64) {
        valet_testkit::wait_for(&format!("{count} messages in {queue}"), TIMEOUT, || {
            match self.vhost.queue_depth(queue) {
                Some(depth) if depth == count => Ok(()),
                depth => Err(format!("{depth:?}")),
            }
        });
    }
}

/// A runtime for the parts of a test that talk AMQP themselves.
pub fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime")
}
