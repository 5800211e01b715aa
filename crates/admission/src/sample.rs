//! Sample messages for the unit tests of this crate. Their grants are well-formed, and signed by nobody.

use jiff::{SignedDuration, Timestamp};
use valet_grant::GrantUrl;
use valet_protocol::{Grants, Input, JobId, JobMessage, Lane, Limits, Output, PresetRef, Priority};

/// What every sample's signature starts with: the right shape, no key behind it.
pub(crate) const SIGNATURE: &str = "c2FtcGxlLXNpZ25hdHVyZS1vZi1ub2JvZHktYXQt";

/// A grant on `account/container/blob` of Azure's public cloud.
pub(crate) struct Grant<'a> {
    pub(crate) path: &'a str,
    pub(crate) rights: &'a str,
    pub(crate) expiry: Timestamp,
    /// Between the others and the signature: `&spr=https`.
    pub(crate) more: &'a str,
}

impl Grant<'_> {
    pub(crate) fn url(&self) -> GrantUrl {
        let start = self.expiry - SignedDuration::from_hours(48);
        let Self { path, rights, expiry, more } = self;
        let (account, blob) = path.split_once('/').expect("a path has an account");
        let seconds = |time: Timestamp| time.strftime("%Y-%m-%dT%H%%3A%M%%3A%SZ").to_string();
        let validity = format!("st={}&se={}", seconds(start), seconds(*expiry));
        GrantUrl::new(format!(
            "https://{account}.blob.core.windows.net/{blob}?sv=2022-11-02&sr=b&{validity}&sp={rights}{more}&sig={SIGNATURE}{rights:A<3}%3D"
        ))
    }
}

/// A sound job as of `now`: a thumbnail, with an hour to go.
pub(crate) fn job(now: Timestamp) -> JobMessage {
    let expiry = now + SignedDuration::from_hours(1);
    let grant = |path, rights| Grant { path, rights, expiry, more: "&spr=https" }.url();
    JobMessage {
        id: "01920000-0000-7000-8000-000000000001".parse::<JobId>().expect("a UUIDv7"),
        lane: Lane::default(),
        grants: Grants::Open { input: grant("acct/in/a.mov", "r"), output: grant("acct/out/a.jpg", "c") },
        input: Input::default(),
        output: Output::default(),
        preset: PresetRef { name: "thumbnail".into(), version: 1, params: serde_json::Map::new() },
        limits: Limits::default(),
        priority: Priority::Normal,
        tags: std::collections::BTreeMap::new(),
        submitted_at: now,
        not_after: expiry,
        remints: 0,
        attempts_before: 0,
    }
}

/// Gives a job another input.
pub(crate) fn set_input(job: &mut JobMessage, url: GrantUrl) {
    if let Grants::Open { input, .. } = &mut job.grants {
        *input = url;
    }
}

/// Gives a job another output.
pub(crate) fn set_output(job: &mut JobMessage, url: GrantUrl) {
    if let Grants::Open { output, .. } = &mut job.grants {
        *output = url;
    }
}
