//! What every verb works with: options, settings, output, and ready-made clients for broker and storage.
//! Must never print a secret.

use std::path::Path;

use valet_broker::{BrokerConfig, Purpose, Session, TlsConfig};
use valet_grant::{GrantPolicy, HostRules};
use valet_mint::{Account, AccountKey, Signer};
use valet_protocol::WorkerName;

use crate::cli::Globals;
use crate::config::{Config, ConfigError, LoginSettings, Needs, StorageSettings};
use crate::exit::Exit;
use crate::failure::{Failure, Outcome};
use crate::output::Output;
use crate::submit::SubmitError;
use crate::submit::{JobMinter, Sealer};

/// What to do about an endpoint in plain http.
const PLAIN_HTTP: &str = "use https; for an emulator only: storage.loopback = true if it is on this machine, else \
                          its host name in storage.development_hosts";

/// One run of `valet`.
pub struct Context {
    /// Options of every verb.
    pub globals: Globals,
    /// Where data goes.
    pub out: Output,
}

impl Context {
    /// A run with these options.
    pub fn new(globals: Globals) -> Self {
        let out = Output::stdout(globals.json);
        Self { globals, out }
    }

    /// The settings; what `needs` names must be there.
    ///
    /// # Errors
    /// Exit 64, with all mistakes.
    pub fn config(&self, needs: Needs) -> Outcome<Config> {
        let config = Config::load(&self.globals.set, self.globals.config.as_deref(), needs)?;
        // Who has nothing to do with storage is not told of it.
        if needs.storage {
            config.open_hosts().iter().for_each(|warning| self.warn(warning));
        }
        Ok(config)
    }

    fn warn(&self, warning: &str) {
        if self.globals.json {
            eprintln!("{}", serde_json::json!({ "warning": warning }));
        } else {
            eprintln!("valet: warning: {warning}");
        }
    }
}

impl From<ConfigError> for Failure {
    fn from(error: ConfigError) -> Self {
        Self::new(Exit::Config, &error).advise(error.advice())
    }
}

impl Config {
    /// The broker's address, login and TLS files.
    ///
    /// # Errors
    /// Exit 64 when the URL or a file cannot be used.
    pub fn broker(&self) -> Outcome<BrokerConfig> {
        let config = parse_broker_url(self.broker_url.as_deref().unwrap_or_default())?;
        let config = config.with_tls(self.broker_tls()?).with_connection_name("valet");
        let login = self
            .login
            .as_ref()
            .ok_or_else(|| missing("broker.username and broker.password, or broker.token_file"))?;
        Ok(match login {
            LoginSettings::Name { username, password: Some(password) } => {
                config.with_login(username, password.expose_secret())
            }
            LoginSettings::Name { username, password: None } => config.with_username(username),
            LoginSettings::Token { .. } if config.username().is_some() => {
                return Err(wrong("broker.token_file is given as well as a login in broker.url")
                    .advise("give one of the two: a token has the name in it"));
            }
            LoginSettings::Token { file } => config
                .with_token_file(file)
                .map_err(|error| Failure::from_error(Exit::Config, &error).advise(error.advice()))?,
        })
    }

    /// The broker's TLS files, read.
    ///
    /// # Errors
    /// Exit 64 when a file cannot be read.
    pub fn broker_tls(&self) -> Outcome<TlsConfig> {
        Ok(TlsConfig {
            ca_pem: read_pem("broker.ca_file", self.tls.ca.as_deref())?,
            client_cert_pem: read_pem("broker.cert_file", self.tls.cert.as_deref())?,
            client_key_pem: read_pem("broker.key_file", self.tls.key.as_deref())?
                .map(zeroize::Zeroizing::new),
        })
    }

    /// A session with the broker, topology checked.
    ///
    /// # Errors
    /// When the broker cannot be reached, refuses, or lacks the topology.
    pub async fn session(&self) -> Outcome<Session> {
        let session = Session::connect(self.broker()?, Purpose::Producer).await;
        session.map_err(|cause| SubmitError::Connect(Box::new(cause)).into())
    }

    /// A session that reads reports and nothing else, without the checks of [`Config::session`]: it is there sooner.
    ///
    /// # Errors
    /// When the broker cannot be reached, or refuses.
    pub async fn reader(&self) -> Outcome<Session> {
        let session = Session::connect(self.broker()?, Purpose::Reader).await;
        session.map_err(|cause| SubmitError::Connect(Box::new(cause)).into())
    }

    /// What signs grants for the configured account.
    ///
    /// # Errors
    /// Exit 64 when account, key or endpoint cannot be used.
    pub fn signer(&self) -> Outcome<Signer> {
        let settings =
            self.storage.as_ref().ok_or_else(|| missing("storage.account and storage.account_key"))?;
        let account = parse_account(settings)?;
        if !account.is_https() && !is_emulator(&account, &self.grant_policy().hosts) {
            return Err(wrong("storage.endpoint is plain http").advise(PLAIN_HTTP));
        }
        let key = AccountKey::from_base64(settings.account_key.expose_secret()).map_err(|error| {
            wrong("storage.account_key is not an account key")
                .because(error)
                .advise("copy key1 or key2 of the account as it is: 88 characters of base64")
        })?;
        Ok(Signer::with_account_key(account, key))
    }

    /// What mints jobs for the configured account.
    ///
    /// # Errors
    /// As [`Config::signer`].
    pub fn minter(&self) -> Outcome<JobMinter> {
        // The usual way for a caller to hand its trace on to a program that it runs.
        let traceparent = std::env::var("TRACEPARENT").ok();
        let minter = JobMinter::new(self.signer()?).with_sealer(self.sealer()?);
        Ok(minter.with_traceparent(traceparent).with_name(self.producer_name()))
    }

    /// What seals grants, where they are to be sealed.
    fn sealer(&self) -> Outcome<Option<Sealer>> {
        let file = self.fleet.public_keys_file.clone().filter(|_| self.fleet.seal);
        let opened = file.map(Sealer::open).transpose();
        opened.map_err(|error| Failure::from_error(Exit::Config, &error).advise(error.advice()))
    }

    /// Who says the producer's reports: `producer.name`, else this machine's name.
    pub fn producer_name(&self) -> WorkerName {
        let host = || std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
        let name = self.name.clone().unwrap_or_else(host);
        WorkerName::from(if name.trim().is_empty() { "producer" } else { name.trim() })
    }

    /// Each wall that these settings lower for emulators, in words.
    fn open_hosts(&self) -> Vec<String> {
        let loopback = "storage.loopback permits storage on this machine, and plain http to it; for emulators only, \
                        never in production";
        let names = self.development_hosts.iter().map(|host| host.as_str()).collect::<Vec<_>>().join(", ");
        let development = format!(
            "storage.development_hosts permits plain http to {names}; for emulators only, never in production"
        );
        let lowered = [(self.loopback, loopback.to_owned()), (!names.is_empty(), development)];
        lowered.into_iter().filter(|(on, _)| *on).map(|(_, words)| words).collect()
    }

    /// What is demanded of grants here: what the workers demand with the same settings.
    pub fn grant_policy(&self) -> GrantPolicy {
        let development = self.development_hosts.clone();
        let mut hosts = HostRules { loopback: self.loopback, development, ..HostRules::default() };
        // The same meaning as in the worker: a list of one's own replaces Azure's.
        if !self.hosts.is_empty() {
            hosts.patterns.clone_from(&self.hosts);
        }
        GrantPolicy { hosts, ..GrantPolicy::default() }
    }
}

/// Parses the broker's URL.
pub(crate) fn parse_broker_url(url: &str) -> Outcome<BrokerConfig> {
    BrokerConfig::parse(url).map_err(|error| {
        let advice = error.advice();
        Failure::from_error(Exit::Config, &error).advise(advice)
    })
}

fn parse_account(settings: &StorageSettings) -> Outcome<Account> {
    let account = match &settings.endpoint {
        Some(endpoint) => Account::at(&settings.account, endpoint),
        None => Account::azure(&settings.account),
    };
    account.map_err(|error| {
        wrong("the storage account cannot be used")
            .because(error)
            .advise("check storage.account and storage.endpoint")
    })
}

/// Whether the settings say that the account's host may be spoken to in plain.
fn is_emulator(account: &Account, hosts: &HostRules) -> bool {
    let endpoint = url::Url::parse(account.endpoint()).ok();
    endpoint.is_some_and(|endpoint| endpoint.host_str().is_some_and(|host| hosts.allows_http(host)))
}

fn read_pem(key: &str, path: Option<&Path>) -> Outcome<Option<String>> {
    let Some(path) = path else { return Ok(None) };
    std::fs::read_to_string(path).map(Some).map_err(|error| {
        wrong(format!("{key}: cannot read {}", path.display()))
            .because(error)
            .advise("check the path and its permissions")
    })
}

fn missing(keys: &str) -> Failure {
    wrong(format!("this needs {keys}")).advise("set them by --set, VALET_* variables or valet.toml")
}

fn wrong(what: impl std::fmt::Display) -> Failure {
    Failure::new(Exit::Config, what)
}
