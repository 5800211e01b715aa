//! A grant in words: what it opens, what for, for whom, until when. For people who hold a URL and wonder. Judges
//! nothing; that is for the audit.

use std::fmt;

use jiff::Timestamp;
use serde::Serialize;

use crate::address::{Address, parse_http};
use crate::grant::{GrantKind, Pin};
use crate::limits::{BLOB_NAME_CHARS_MAX, SHOWN_CHARS_MAX};
use crate::redact::Redaction;
use crate::right::Rights;
use crate::secret::GrantUrl;
use crate::time::Validity;
use crate::token::{Field, ResourceKind, SasToken};
use crate::words::span;

/// What a grant opens, for whom, until when. `Display` is a table for people, serde the same for programs; neither
/// holds a signature.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Explanation {
    /// The redacted URL.
    pub url: String,
    /// What the token opens.
    pub opens: String,
    /// The letters of `sp` that are known rights.
    pub rights: Rights,
    /// What signed it; `None` if nothing did.
    pub signed_by: Option<GrantKind>,
    /// Who can use it: each a condition on the request.
    pub audience: Vec<String>,
    /// When it works; `None` if the token does not say.
    pub validity: Option<Validity>,
    /// Whether it works now, by the clock alone.
    pub state: State,
    /// Time from `now` to the next change of `state`, in seconds.
    pub seconds_left: Option<i64>,
    /// The storage service version.
    pub version: Option<String>,
    /// The frozen state of the blob that it opens.
    pub pin: Option<Pin>,
    /// Further fields that matter: stored policy, encryption scope, correlation id …
    pub notes: Vec<String>,
}

/// Whether a grant works now, as far as time goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// It starts later.
    NotYetValid,
    /// It works.
    Valid,
    /// It has died.
    Expired,
    /// The token does not say.
    Unknown,
}

/// Explains any text that claims to be a grant.
pub fn explain(url: &GrantUrl, now: Timestamp) -> Explanation {
    let Some(parsed) = parse_http(url.expose_url()) else { return nothing(url) };
    let (token, address, redaction) = (SasToken::of(&parsed), Address::of(&parsed), Redaction::of(&parsed));
    let validity = token.validity();
    let (state, seconds_left) = clock(validity, now);
    Explanation {
        url: url.redacted(),
        opens: opens(&token, &address, &redaction),
        rights: token.rights(),
        signed_by: token.is_signed().then(|| token.kind()),
        audience: audience(&token, &redaction),
        validity,
        state,
        seconds_left,
        version: token.version().map(str::to_owned),
        pin: token.pin(),
        notes: notes(&token, &redaction),
    }
}

fn nothing(url: &GrantUrl) -> Explanation {
    Explanation {
        url: url.redacted(),
        opens: "nothing".to_owned(),
        rights: Rights::NONE,
        signed_by: None,
        audience: Vec::new(),
        validity: None,
        state: State::Unknown,
        seconds_left: None,
        version: None,
        pin: None,
        notes: Vec::new(),
    }
}

fn clock(validity: Option<Validity>, now: Timestamp) -> (State, Option<i64>) {
    let until = |time: Timestamp| Some(time.duration_since(now).as_secs());
    match validity {
        None => (State::Unknown, None),
        Some(validity) if validity.expiry <= now => (State::Expired, None),
        Some(Validity { start: Some(start), .. }) if start > now => (State::NotYetValid, until(start)),
        Some(validity) => (State::Valid, until(validity.expiry)),
    }
}

fn opens(token: &SasToken, address: &Address, redaction: &Redaction) -> String {
    let parts = [&address.account, &address.container, &address.blob];
    let named: Vec<&str> = parts.into_iter().map_while(|part| part.as_deref()).collect();
    let show = |parts: &[&str]| redaction.show(&parts.join("/"), BLOB_NAME_CHARS_MAX);
    match token.resource() {
        _ if token.is_account() => {
            format!("the whole storage account {}", show(&named[..named.len().min(1)]))
        }
        Some(ResourceKind::Container) => format!("every blob of {}", show(&named[..named.len().min(2)])),
        Some(ResourceKind::Directory) => format!("every blob below {}", show(&named)),
        Some(ResourceKind::Blob) => format!("the blob {}", show(&named)),
        Some(ResourceKind::Snapshot) => format!("a snapshot of the blob {}", show(&named)),
        Some(ResourceKind::Version) => format!("a version of the blob {}", show(&named)),
        None => "nothing that can be named: `sr` is missing or unknown".to_owned(),
    }
}

fn audience(token: &SasToken, redaction: &Redaction) -> Vec<String> {
    let show = |field| token.field(field).map(|text| redaction.show(text, SHOWN_CHARS_MAX));
    let mut audience = vec![match show(Field::UserOid) {
        Some(user) => format!("the user {user}, with a token of their own"),
        None if token.is_signed() => "anyone who holds the URL".to_owned(),
        None => "nobody, it is not signed".to_owned(),
    }];
    audience.extend(show(Field::Ip).map(|ip| format!("from the address {ip}")));
    audience.push(match token.field(Field::Protocol) {
        Some("https") => "over https only".to_owned(),
        _ => "over https or http".to_owned(),
    });
    audience
}

fn notes(token: &SasToken, redaction: &Redaction) -> Vec<String> {
    let notes = [
        (Field::Policy, "rights and times may come from the stored access policy"),
        (Field::EncryptionScope, "encryption scope"),
        (Field::CorrelationId, "correlation id in storage's log"),
        (Field::KeyOid, "signed for the identity"),
        (Field::RequestHeaders, "binds the request headers"),
        (Field::RequestQueries, "binds the query parameters"),
        (Field::ContentType, "answers with the content type"),
    ];
    let note = |(field, words): (Field, &str)| {
        token.field(field).map(|text| format!("{words}: {}", redaction.show(text, SHOWN_CHARS_MAX)))
    };
    notes.into_iter().filter_map(note).collect()
}

impl Explanation {
    fn when(&self) -> String {
        let left = self
            .seconds_left
            .map(|seconds| span(jiff::SignedDuration::from_secs(seconds)))
            .unwrap_or_default();
        let Some(Validity { start, expiry }) = self.validity else {
            return "not said by the token".to_owned();
        };
        match (self.state, start) {
            (State::NotYetValid, Some(start)) => format!("from {start} (in {left}) until {expiry}"),
            (State::Expired, _) => format!("expired at {expiry}"),
            _ => format!("now, until {expiry} ({left} left)"),
        }
    }

    fn signer(&self) -> &'static str {
        match self.signed_by {
            None => "nothing",
            Some(GrantKind::Service) => "an account key (service SAS)",
            Some(GrantKind::UserDelegation) => "a user delegation key (Entra ID)",
        }
    }
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let may = if self.rights.is_empty() { "nothing".to_owned() } else { self.rights.words() };
        let mut rows = vec![
            ("url", self.url.clone()),
            ("opens", self.opens.clone()),
            ("may", may),
            ("for", self.audience.join(", ")),
            ("valid", self.when()),
            ("signed by", self.signer().to_owned()),
        ];
        rows.extend(self.version.clone().map(|version| ("version", version)));
        rows.extend(
            self.pin.as_ref().map(|(Pin::Snapshot(time) | Pin::Version(time))| ("pinned to", time.clone())),
        );
        rows.extend(self.notes.iter().map(|note| ("note", note.clone())));
        let lines: Vec<_> = rows.into_iter().map(|(name, text)| format!("{name:<10} {text}")).collect();
        f.write_str(&lines.join("\n"))
    }
}
