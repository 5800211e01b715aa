//! Azurite of one's own, or the one that `xtask test` shares, and an administrator's access to it.

mod account;
mod azurite;
mod sas;

use std::sync::OnceLock;

pub use account::BlobHead;
use azurite::Azurite;
pub use azurite::StorageOptions;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
pub use sas::Sas;

/// Endpoint of the shared storage: `http://127.0.0.1:port/devstoreaccount1`. Set by `xtask test`.
pub const ENV_BLOB: &str = "VALET_TEST_BLOB";

/// The account that Azurite has without being told.
pub const ACCOUNT: &str = "devstoreaccount1";
/// Its key, printed in Azurite's manual: no secret.
pub const ACCOUNT_KEY: &str =
    "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==";

/// A blob storage account.
#[derive(Debug)]
pub struct Storage {
    /// `http://127.0.0.1:port`
    origin: String,
    account: String,
    /// Base64.
    key: String,
    production_style: bool,
    /// Absent when another process owns it.
    azurite: Option<Azurite>,
}

impl Storage {
    /// Starts a private, empty storage in memory and waits until it answers (about 1 s).
    ///
    /// # Panics
    /// When Azurite is not installed or does not start.
    pub fn start() -> Self {
        Self::start_with(&StorageOptions::default())
    }

    /// [`Storage::start`] with options.
    ///
    /// # Panics
    /// When Azurite is not installed or does not start.
    pub fn start_with(options: &StorageOptions) -> Self {
        let azurite = Azurite::start(options);
        let (account, key) =
            options.account.clone().unwrap_or_else(|| (ACCOUNT.to_owned(), ACCOUNT_KEY.to_owned()));
        let production_style = options.production_style;
        Self { origin: azurite.origin(), account, key, production_style, azurite: Some(azurite) }
    }

    /// Starts the storage of somebody of whom no program of ours has heard: an account `partner` with a key made
    /// now, whose grants have URLs as in production.
    ///
    /// # Panics
    /// When Azurite is not installed or does not start.
    pub fn start_partner() -> Self {
        let key = STANDARD.encode(std::array::from_fn::<u8, 64, _>(|_| fastrand::u8(..)));
        Self::start_with(&StorageOptions {
            account: Some(("partner".to_owned(), key)),
            production_style: true,
            ..StorageOptions::default()
        })
    }

    /// The storage of [`ENV_BLOB`]; without it one private storage for this process. Tests keep apart by
    /// [`Storage::container`].
    pub fn shared() -> &'static Self {
        static SHARED: OnceLock<Storage> = OnceLock::new();
        SHARED.get_or_init(|| std::env::var(ENV_BLOB).map_or_else(|_| Self::start(), |e| Self::at(&e)))
    }

    /// `http://127.0.0.1:port/account`, or as in production `http://account.blob.localhost:port`.
    pub fn endpoint(&self) -> String {
        if !self.production_style {
            return self.owner_endpoint();
        }
        let port = self.origin.rsplit(':').next().unwrap_or_default();
        format!("http://{}.blob.localhost:{port}", self.account)
    }

    /// Where its owner asks; C libraries may not know names under `localhost`.
    fn owner_endpoint(&self) -> String {
        format!("{}/{}", self.origin, self.account)
    }

    /// The account's name.
    pub fn account(&self) -> &str {
        &self.account
    }

    /// The account's key, in base64.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// `127.0.0.1:port`, to put a [`crate::FaultProxy`] before it.
    pub fn address(&self) -> &str {
        self.origin.trim_start_matches("http://")
    }

    /// Stops it (in good order: a kill would lose the last seconds even on disk).
    ///
    /// # Panics
    /// When it is shared, or does not end.
    pub fn stop(&self) {
        self.azurite().stop();
    }

    /// Starts it again after [`Storage::stop`], on the same port; empty unless
    /// [`StorageOptions::on_disk`].
    ///
    /// # Panics
    /// When it is shared, runs, or does not start.
    pub fn restart(&self) {
        self.azurite().restart();
    }

    /// Freezes it: connections are taken, nothing answers. [`Storage::resume`] ends it.
    ///
    /// # Panics
    /// When it is shared.
    pub fn pause(&self) {
        self.azurite().pause();
    }

    /// Ends [`Storage::pause`].
    ///
    /// # Panics
    /// When it is shared.
    pub fn resume(&self) {
        self.azurite().resume();
    }

    fn azurite(&self) -> &Azurite {
        self.azurite.as_ref().expect("the shared storage is not one test's to command; use Storage::start")
    }

    fn at(endpoint: &str) -> Self {
        let origin = endpoint.trim_end_matches('/').trim_end_matches(ACCOUNT).trim_end_matches('/');
        Self {
            origin: origin.to_owned(),
            account: ACCOUNT.to_owned(),
            key: ACCOUNT_KEY.to_owned(),
            production_style: false,
            azurite: None,
        }
    }
}
