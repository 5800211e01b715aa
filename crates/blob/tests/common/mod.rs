//! What the tests of this crate share: a client for loopback, a clock that does not wait, grants, scripted servers.

#![allow(dead_code, reason = "each test file uses its own part")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

pub(crate) mod origin;
pub(crate) mod server;

use std::{
    fs::File,
    os::unix::fs::FileExt,
    sync::{Arc, Mutex},
    time::Duration,
};

use futures::future::BoxFuture;
use jiff::Timestamp;
use valet_blob::{
    Clock, Digests, EarlierAttempt, Input, Metadata, StorageError, StoreSpec, Stored, hash_file,
    http::{Client, Egress},
    store,
};
use valet_grant::{GrantPolicy, GrantUrl, ReadGrant, WriteGrant};
use valet_testkit::{Sas, Storage};

/// A clock whose sleeps take no time: they only move it on.
#[derive(Debug, Default)]
pub(crate) struct LeapClock {
    ahead: Mutex<Duration>,
    slept: Mutex<Vec<Duration>>,
}

impl LeapClock {
    /// Every sleep so far.
    pub(crate) fn slept(&self) -> Vec<Duration> {
        self.slept.lock().unwrap().clone()
    }

    /// Moves on without a sleep.
    pub(crate) fn leap(&self, duration: Duration) {
        *self.ahead.lock().unwrap() += duration;
    }
}

impl Clock for LeapClock {
    fn now(&self) -> Timestamp {
        Timestamp::now() + *self.ahead.lock().unwrap()
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        self.leap(duration);
        self.slept.lock().unwrap().push(duration);
        Box::pin(std::future::ready(()))
    }
}

/// A client that may talk to this machine, and its clock.
pub(crate) fn client() -> (Client, Arc<LeapClock>) {
    client_that_waits(Duration::from_secs(20))
}

/// The same with another patience for transfers that do not move.
pub(crate) fn client_that_waits(stall_timeout: Duration) -> (Client, Arc<LeapClock>) {
    let mut egress = Egress::new(GrantPolicy::loopback().hosts);
    egress.stall_timeout = stall_timeout;
    let clock = Arc::new(LeapClock::default());
    (Client::new(egress).unwrap().with_clock(clock.clone()), clock)
}

/// A grant to read what `url` names.
pub(crate) fn reader(url: String) -> ReadGrant {
    ReadGrant::parse(GrantUrl::new(url), &GrantPolicy::loopback(), Timestamp::now()).unwrap()
}

/// A grant to create what `url` names.
pub(crate) fn writer(url: String) -> WriteGrant {
    WriteGrant::parse(GrantUrl::new(url), &GrantPolicy::loopback(), Timestamp::now()).unwrap()
}

/// A read grant for one blob of the shared storage.
pub(crate) fn read_url(container: &str, blob: &str) -> String {
    Storage::shared().sas_url(&Sas::read(container, blob))
}

/// A create grant for one blob of the shared storage.
pub(crate) fn create_url(container: &str, blob: &str) -> String {
    Storage::shared().sas_url(&Sas::create(container, blob))
}

/// The URL of a grant for a made-up server at `origin`; its signature means nothing.
pub(crate) fn made_up_url(origin: &str, rights: &str) -> String {
    let url = Storage::shared().sas_url(&Sas::blob("media", "a.mov", rights));
    let path = url.split_once("//").and_then(|(_, rest)| rest.split_once('/')).unwrap().1;
    format!("{origin}/{path}")
}

/// Bytes that differ from place to place, the same for the same length.
pub(crate) fn noise(bytes: usize) -> Vec<u8> {
    let mut random = fastrand::Rng::with_seed(7);
    let mut noise = vec![0; bytes];
    random.fill(&mut noise);
    noise
}

/// An empty scratch file.
pub(crate) fn scratch() -> Arc<File> {
    Arc::new(tempfile::tempfile().unwrap())
}

/// A scratch file that holds `content`.
pub(crate) fn scratch_with(content: impl AsRef<[u8]>) -> Arc<File> {
    let file = scratch();
    file.write_all_at(content.as_ref(), 0).unwrap();
    file
}

/// What a file holds.
pub(crate) fn content_of(file: &File) -> Vec<u8> {
    let mut content = vec![0; usize::try_from(file.metadata().unwrap().len()).unwrap()];
    file.read_exact_at(&mut content, 0).unwrap();
    content
}

/// What a worker would say of an output.
pub(crate) fn spec(digests: &Digests) -> StoreSpec {
    StoreSpec {
        content_type: "video/mp4".into(),
        metadata: Metadata {
            job: "0192f0c1-2222-7abc-8def-000000000001".into(),
            attempt: 1,
            sha256: digests.sha256.clone(),
            preset: "copy/1".into(),
        },
        md5: digests.md5.clone(),
        earlier_attempt: EarlierAttempt::None,
        deadline: None,
    }
}

/// Stores `content` with a grant for `url`.
pub(crate) async fn store_at(client: &Client, url: String, content: &[u8]) -> Result<Stored, StorageError> {
    let file = scratch_with(content);
    let digests = hash_file(file.clone()).await.unwrap();
    store(client, &writer(url), file, &spec(&digests)).await
}

/// Opens what `url` names.
pub(crate) async fn open_at(client: &Client, url: String) -> Result<Input, StorageError> {
    Input::open(client, &reader(url), None).await
}
