//! What a test does to the account as its owner: containers and blobs.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use jiff::{SignedDuration, Timestamp};

use super::Storage;
use super::sas::{VERSION, escape, path};
use crate::http::{self, Answer};

/// Every right that an account SAS of this version can hold for blobs.
const RIGHTS_ALL: &str = "rwdlacup";

/// What storage says about a blob.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BlobHead {
    /// Its length in bytes.
    pub length: u64,
    /// Its ETag, with the quotes.
    pub etag: String,
    /// Its Content-Type.
    pub content_type: String,
    /// Its Content-MD5 in base64, when storage has one.
    pub content_md5: Option<String>,
    /// Its metadata, names without `x-ms-meta-`.
    pub metadata: BTreeMap<String, String>,
}

impl Storage {
    /// Makes a blob container with a name of its own and returns the name.
    ///
    /// # Panics
    /// When storage refuses.
    pub fn container(&self) -> String {
        static NUMBER: AtomicU64 = AtomicU64::new(1);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("test-{}-{number}-{:08x}", std::process::id(), fastrand::u32(..));
        self.create_container(&name);
        name
    }

    /// Makes a blob container; one that exists is fine.
    ///
    /// # Panics
    /// When storage refuses.
    pub fn create_container(&self, container: &str) {
        let answer = self.owner("PUT", &self.container_url(container), "restype=container", &[], ());
        assert!(answer.success() || answer.status == 409, "create {container}: {}", told(&answer));
    }

    /// Removes a blob container with all blobs.
    ///
    /// # Panics
    /// When storage refuses.
    pub fn delete_container(&self, container: &str) {
        let answer = self.owner("DELETE", &self.container_url(container), "restype=container", &[], ());
        assert!(answer.success(), "delete {container}: {}", told(&answer));
    }

    /// Stores a blob, over one that may be there, and returns its ETag.
    ///
    /// # Panics
    /// When storage refuses.
    pub fn put(&self, container: &str, blob: &str, bytes: impl AsRef<[u8]>) -> String {
        self.put_with(container, blob, bytes, &[])
    }

    /// [`Storage::put`] with more headers, such as `content-type` or `x-ms-meta-title`.
    ///
    /// # Panics
    /// When storage refuses.
    pub fn put_with(
        &self,
        container: &str,
        blob: &str,
        bytes: impl AsRef<[u8]>,
        headers: &[(&str, &str)],
    ) -> String {
        let headers = [&[("x-ms-blob-type", "BlockBlob")], headers].concat();
        let answer = self.owner("PUT", &self.owner_url(container, blob), "", &headers, bytes.as_ref());
        assert!(answer.success(), "put {container}/{blob}: {}", told(&answer));
        answer.headers["etag"].clone()
    }

    /// Stores a file as a blob, streamed, and returns its ETag.
    ///
    /// # Panics
    /// When the file cannot be read or storage refuses.
    pub fn put_file(&self, container: &str, blob: &str, path: &Path) -> String {
        let file = File::open(path).unwrap_or_else(|e| panic!("cannot read {}: {e}", path.display()));
        let headers = [("x-ms-blob-type", "BlockBlob")];
        let answer = self.owner("PUT", &self.owner_url(container, blob), "", &headers, file);
        assert!(answer.success(), "put {container}/{blob}: {}", told(&answer));
        answer.headers["etag"].clone()
    }

    /// A blob's bytes.
    ///
    /// # Panics
    /// When it is not there.
    pub fn get(&self, container: &str, blob: &str) -> Vec<u8> {
        let answer = self.owner("GET", &self.owner_url(container, blob), "", &[], ());
        assert!(answer.success(), "get {container}/{blob}: {}", told(&answer));
        answer.body
    }

    /// What storage says about a blob, `None` when it is not there.
    ///
    /// # Panics
    /// When storage refuses.
    pub fn head(&self, container: &str, blob: &str) -> Option<BlobHead> {
        let answer = self.owner("HEAD", &self.owner_url(container, blob), "", &[], ());
        if answer.status == 404 {
            return None;
        }
        assert!(answer.success(), "head {container}/{blob}: {}", told(&answer));
        Some(blob_head(&answer))
    }

    /// Whether a blob is there.
    ///
    /// # Panics
    /// When storage refuses.
    pub fn exists(&self, container: &str, blob: &str) -> bool {
        self.head(container, blob).is_some()
    }

    /// Removes a blob.
    ///
    /// # Panics
    /// When it is not there.
    pub fn delete(&self, container: &str, blob: &str) {
        let answer = self.owner("DELETE", &self.owner_url(container, blob), "", &[], ());
        assert!(answer.success(), "delete {container}/{blob}: {}", told(&answer));
    }

    /// Takes a snapshot of a blob and returns its time, which names it.
    ///
    /// # Panics
    /// When storage refuses.
    pub fn snapshot(&self, container: &str, blob: &str) -> String {
        let answer = self.owner("PUT", &self.owner_url(container, blob), "comp=snapshot", &[], ());
        assert!(answer.success(), "snapshot {container}/{blob}: {}", told(&answer));
        answer.headers["x-ms-snapshot"].clone()
    }

    /// Names of the blobs in a container, sorted by storage; at most 5,000.
    ///
    /// # Panics
    /// When storage refuses.
    pub fn list(&self, container: &str) -> Vec<String> {
        let answer =
            self.owner("GET", &self.container_url(container), "restype=container&comp=list", &[], ());
        assert!(answer.success(), "list {container}: {}", told(&answer));
        let text = answer.text();
        let names = text.split("<Name>").skip(1).filter_map(|rest| rest.split("</Name>").next());
        names.map(unescape_xml).collect()
    }

    /// One request as the account's owner.
    fn owner(
        &self,
        method: &str,
        url: &str,
        query: &str,
        headers: &[(&str, &str)],
        body: impl ureq::AsSendBody,
    ) -> Answer {
        let grant = self.account_query(RIGHTS_ALL, Timestamp::now() + SignedDuration::from_hours(1));
        let headers = [&[("x-ms-version", VERSION)], headers].concat();
        http::send(method, &format!("{url}?{query}&{grant}"), &headers, body)
            .unwrap_or_else(|e| panic!("{method} {url}: {e}"))
    }

    fn owner_url(&self, container: &str, blob: &str) -> String {
        format!("{}/{}", self.owner_endpoint(), path(container, blob))
    }

    fn container_url(&self, container: &str) -> String {
        format!("{}/{}", self.owner_endpoint(), escape(container))
    }
}

fn blob_head(answer: &Answer) -> BlobHead {
    let header = |name: &str| answer.headers.get(name).cloned();
    let metadata = answer
        .headers
        .iter()
        .filter_map(|(name, value)| Some((name.strip_prefix("x-ms-meta-")?.to_owned(), value.clone())));
    BlobHead {
        length: header("content-length").and_then(|text| text.parse().ok()).unwrap_or_default(),
        etag: header("etag").unwrap_or_default(),
        content_type: header("content-type").unwrap_or_default(),
        content_md5: header("content-md5"),
        metadata: metadata.collect(),
    }
}

fn told(answer: &Answer) -> String {
    format!("{} {} {}", answer.status, answer.error_code(), answer.text())
}

fn unescape_xml(text: &str) -> String {
    text.replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&quot;", "\"")
        .replace("&apos;", "'")
        .replace("&amp;", "&")
}
