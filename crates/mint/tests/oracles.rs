//! Two other implementations must sign exactly as we do, for any name, right and time.
//!
//! They are oracles only: neither is linked into anything that ships.

#![allow(clippy::unwrap_used, reason = "helpers of tests, whose panic is the failure")]

use std::collections::BTreeMap;

use azure_storage_sas::SasBuilder;
use jiff::Timestamp;
use proptest::prelude::*;
use valet_grant::{GrantUrl, Rights};
use valet_mint::{
    Account, AccountKey, Binding, DelegationKey, GrantSpec, Protocol, Resource, SasVersion, Signer,
};

const KEY: &str = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==";

/// Names that both sides take: any text that is a legal blob name.
fn names() -> impl Strategy<Value = String> {
    "[a-zA-Z0-9 %+?#&=;,@:$!'()\\[\\]äöü日本😀~_-]{1,20}(/[a-zA-Z0-9 %+é_-]{1,12}){0,3}"
}

fn rights() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec!["r", "c", "rc", "rw", "cw", "racwd", "a", "d"])
}

/// A whole second between 2020 and 2035.
fn seconds() -> impl Strategy<Value = i64> {
    1_577_836_800_i64..2_051_222_400
}

fn parameters(url: &GrantUrl) -> BTreeMap<String, String> {
    url::Url::parse(url.expose_url()).unwrap().query_pairs().into_owned().collect()
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn service_sas_is_signed_as_opendal_signs_it(blob in names(), rights in rights(), start in seconds(), seconds in 1_i64..604_800, https in any::<bool>()) {
        use reqsign_azure_storage::{ServiceSasResource, ServiceSharedAccessSignature};
        let signer = Signer::with_account_key(Account::azure("devstoreaccount1").unwrap(), AccountKey::from_base64(KEY).unwrap());
        let mut spec = GrantSpec::new(Resource::Blob { container: "media-in", blob: &blob }, Rights::parse(rights).unwrap(), at(start), at(start + seconds));
        spec.start = Some(at(start));
        spec.protocol = Some(if https { Protocol::Https } else { Protocol::HttpsAndHttp });
        let ours = parameters(&signer.mint(&spec).unwrap());

        let stamp = |second| reqsign_core::time::Timestamp::from_second(second).unwrap();
        let resource = ServiceSasResource::Blob { container: "media-in".into(), blob: blob.clone() };
        let theirs = ServiceSharedAccessSignature::new("devstoreaccount1".into(), KEY.into(), resource, rights.into(), stamp(start + seconds))
            .with_start(stamp(start))
            .with_protocol(if https { "https" } else { "https,http" })
            .with_version("2022-11-02");
        prop_assert_eq!(ours, theirs.token().unwrap().into_iter().collect::<BTreeMap<_, _>>());
    }

    #[test]
    fn user_delegation_sas_is_signed_as_microsoft_signs_it(blob in names(), start in seconds(), seconds in 1_i64..604_800, snapshot in any::<bool>()) {
        let value = KEY;
        let (from, until) = (start - 60, start + 604_800);
        let (pin, correlation) = ("2026-01-10T08:00:00.1234567Z", "0192f3a4-0000-7000-8000-000000000001");
        let key = DelegationKey::new("oid", "tid", &at(from).to_string(), &at(until).to_string(), "2026-04-06", value).unwrap();
        let signer = Signer::with_delegation_key(Account::azure("devstoreaccount1").unwrap(), key);
        let resource = if snapshot { Resource::Snapshot { container: "media-in", blob: &blob, snapshot: pin } } else { Resource::Blob { container: "media-in", blob: &blob } };
        let mut spec = GrantSpec::new(resource, Rights::parse("r").unwrap(), at(start), at(start + seconds));
        (spec.start, spec.version) = (Some(at(start)), SasVersion::parse("2026-04-06").unwrap());
        spec.binding = Binding { correlation, ..Binding::default() };
        let mut ours = parameters(&signer.mint(&spec).unwrap());
        ours.remove("snapshot");

        let time = |second| time::OffsetDateTime::from_unix_timestamp(second).unwrap();
        let key = azure_key(time(from), time(until), value);
        let builder = SasBuilder::new("devstoreaccount1", &key, time(start + seconds)).unwrap()
            .start(time(start))
            .protocol(azure_storage_sas::SasProtocol::Https)
            .blob("media-in", blob.clone())
            .correlation_id(correlation)
            .read();
        let token = if snapshot { builder.snapshot(pin).build() } else { builder.build() };
        let theirs: BTreeMap<_, _> = url::form_urlencoded::parse(token.as_bytes()).into_owned().filter(|(name, _)| name != "snapshot").collect();
        prop_assert_eq!(ours, theirs);
    }
}

fn azure_key(
    start: time::OffsetDateTime,
    expiry: time::OffsetDateTime,
    value: &str,
) -> azure_storage_common::models::UserDelegationKey {
    use base64::Engine;
    azure_storage_common::models::UserDelegationKey {
        signed_oid: Some("oid".into()),
        signed_tid: Some("tid".into()),
        signed_start: Some(start),
        signed_expiry: Some(expiry),
        signed_service: Some("b".into()),
        signed_version: Some("2026-04-06".into()),
        value: Some(base64::engine::general_purpose::STANDARD.decode(value).unwrap()),
        ..Default::default()
    }
}
