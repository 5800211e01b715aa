//! A small signer of its own for tests: right grants, and every wrong one that a test needs.
//!
//! On purpose not `valet-mint`, so that each can show the other's mistakes, and so that tests can sign what
//! `mint` refuses to.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use jiff::{SignedDuration, Timestamp};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use sha2::Sha256;

use super::Storage;

/// The version that SAS and requests of tests carry: the 16-line layout, known to every Azure cloud.
pub(super) const VERSION: &str = "2022-11-02";
/// Everything but the URL standard's unreserved characters.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// A service SAS to sign with [`Storage::sas_url`]. Start from a constructor and change fields at will;
/// nothing is checked.
#[derive(Clone, Debug)]
pub struct Sas {
    /// Blob container.
    pub container: String,
    /// Blob name, unescaped; empty for a container SAS.
    pub blob: String,
    /// `sr`: `b`, `bs` (with `snapshot`), `c`.
    pub resource: String,
    /// `sp`, as it is.
    pub rights: String,
    /// `st`.
    pub start: Option<Timestamp>,
    /// `se`.
    pub expiry: Timestamp,
    /// `spr`; absent when `None`.
    pub protocol: Option<String>,
    /// `sv`.
    pub version: String,
    /// Snapshot time, signed and put on the URL.
    pub snapshot: Option<String>,
    /// `sip`.
    pub ip: Option<String>,
    /// `si`.
    pub policy: Option<String>,
    /// `rsct`.
    pub content_type: Option<String>,
}

impl Sas {
    /// One blob with `rights`, valid from 15 minutes ago for an hour from now, for http and https.
    pub fn blob(container: &str, blob: &str, rights: &str) -> Self {
        let now = Timestamp::now();
        Self {
            container: container.to_owned(),
            blob: blob.to_owned(),
            resource: "b".to_owned(),
            rights: rights.to_owned(),
            start: Some(now - SignedDuration::from_mins(15)),
            expiry: now + SignedDuration::from_hours(1),
            protocol: Some("https,http".to_owned()),
            version: VERSION.to_owned(),
            snapshot: None,
            ip: None,
            policy: None,
            content_type: None,
        }
    }

    /// What a job's input gets: read one blob.
    pub fn read(container: &str, blob: &str) -> Self {
        Self::blob(container, blob, "r")
    }

    /// What a job's output gets: create one blob.
    pub fn create(container: &str, blob: &str) -> Self {
        Self::blob(container, blob, "c")
    }

    /// A whole container, put on the URL of `blob`: what a job must never get.
    pub fn container(container: &str, blob: &str, rights: &str) -> Self {
        Self { resource: "c".to_owned(), ..Self::blob(container, blob, rights) }
    }

    fn string_to_sign(&self, account: &str) -> String {
        let blob = if self.resource == "c" { String::new() } else { format!("/{}", self.blob) };
        let text = |field: &Option<String>| field.clone().unwrap_or_default();
        [
            self.rights.clone(),
            self.start.map(moment).unwrap_or_default(),
            moment(self.expiry),
            format!("/blob/{account}/{}{blob}", self.container),
            text(&self.policy),
            text(&self.ip),
            text(&self.protocol),
            self.version.clone(),
            self.resource.clone(),
            text(&self.snapshot),
            String::new(), // ses
            String::new(), // rscc
            String::new(), // rscd
            String::new(), // rsce
            String::new(), // rscl
            text(&self.content_type),
        ]
        .join("\n")
    }

    fn query(&self, signature: &str) -> String {
        let fields = [
            ("sv", Some(self.version.clone())),
            ("sr", Some(self.resource.clone())),
            ("st", self.start.map(moment)),
            ("se", Some(moment(self.expiry))),
            ("sp", Some(self.rights.clone())),
            ("spr", self.protocol.clone()),
            ("sip", self.ip.clone()),
            ("si", self.policy.clone()),
            ("rsct", self.content_type.clone()),
            ("snapshot", self.snapshot.clone()),
            ("sig", Some(signature.to_owned())),
        ];
        query(fields.into_iter().filter_map(|(name, value)| Some((name, value?))))
    }
}

impl Storage {
    /// The whole URL of `sas`, signed with the account's key.
    pub fn sas_url(&self, sas: &Sas) -> String {
        let signature = self.sign(&sas.string_to_sign(self.account()));
        format!("{}?{}", self.blob_url(&sas.container, &sas.blob), sas.query(&signature))
    }

    /// The URL of one blob with an account SAS that opens everything: what a job must never get.
    pub fn account_sas_url(&self, container: &str, blob: &str, rights: &str, expiry: Timestamp) -> String {
        format!("{}?{}", self.blob_url(container, blob), self.account_query(rights, expiry))
    }

    /// The URL of a blob, without any grant.
    pub fn blob_url(&self, container: &str, blob: &str) -> String {
        format!("{}/{}", self.endpoint(), path(container, blob))
    }

    pub(super) fn account_query(&self, rights: &str, expiry: Timestamp) -> String {
        let expiry = moment(expiry);
        // Fifteen minutes of clock skew do not matter on one machine: no `st`. Services: blob; all types.
        let lines = [self.account(), rights, "b", "sco", "", &expiry, "", "https,http", VERSION, "", ""];
        let signature = self.sign(&lines.join("\n"));
        let fields = [("sv", VERSION), ("ss", "b"), ("srt", "sco"), ("sp", rights), ("se", &expiry)];
        let rest = [("spr", "https,http"), ("sig", &signature)];
        query(fields.into_iter().chain(rest).map(|(name, value)| (name, value.to_owned())))
    }

    fn sign(&self, text: &str) -> String {
        let key = STANDARD.decode(self.key()).expect("the account key is base64");
        let mut mac = Hmac::<Sha256>::new_from_slice(&key).expect("HMAC takes keys of any length");
        mac.update(text.as_bytes());
        STANDARD.encode(mac.finalize().into_bytes())
    }
}

fn query<'a>(fields: impl Iterator<Item = (&'a str, String)>) -> String {
    fields.map(|(name, value)| format!("{name}={}", escape(&value))).collect::<Vec<_>>().join("&")
}

/// `container/blob`, escaped.
pub(super) fn path(container: &str, blob: &str) -> String {
    let name: Vec<String> = blob.split('/').map(escape).collect();
    format!("{}/{}", escape(container), name.join("/"))
}

/// `text` with everything escaped that a URL could take for its own.
pub(super) fn escape(text: &str) -> String {
    utf8_percent_encode(text, RESERVED).to_string()
}

fn moment(time: Timestamp) -> String {
    time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}
