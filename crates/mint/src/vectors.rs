//! The official SDKs' vectors: every string-to-sign, signature and query of theirs must be ours.
//!
//! Signing is driven below the checks here, since the vectors hold names that Valet refuses to mint.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::account::Account;
use crate::fields::{Fields, KeyFields};
use crate::key::{AccountKey, DelegationKey};
use crate::signer::Signer;
use crate::spec::Resource;
use crate::url;
use crate::version::SasVersion;

#[derive(Deserialize)]
struct File {
    vectors: Vec<Vector>,
}

#[derive(Deserialize)]
struct Vector {
    name: String,
    kind: String,
    sv: String,
    inputs: Inputs,
    string_to_sign: String,
    signature: String,
    query: String,
}

#[derive(Deserialize)]
#[serde(default)]
#[derive(Default)]
struct Inputs {
    account: String,
    key: String,
    container: String,
    blob: String,
    permission: String,
    start: String,
    expiry: String,
    protocol: String,
    ip: String,
    policy_id: String,
    cache_control: String,
    content_disposition: String,
    content_encoding: String,
    content_language: String,
    content_type: String,
    snapshot: String,
    is_directory: bool,
    encryption_scope: String,
    preauthorized_agent_object_id: String,
    agent_object_id: String,
    correlation_id: String,
    user_delegation_oid: String,
    request_headers: Ordered,
    request_query_params: Ordered,
    udk: Udk,
}

/// A JSON object whose order counts.
#[derive(Default)]
struct Ordered(Vec<(String, String)>);

impl<'de> Deserialize<'de> for Ordered {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Pairs;
        impl<'de> serde::de::Visitor<'de> for Pairs {
            type Value = Ordered;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an object of strings")
            }
            fn visit_map<A: serde::de::MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut pairs = Vec::new();
                while let Some(pair) = map.next_entry()? {
                    pairs.push(pair);
                }
                Ok(Ordered(pairs))
            }
        }
        deserializer.deserialize_map(Pairs)
    }
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Udk {
    #[serde(alias = "skoid")]
    signed_oid: String,
    #[serde(alias = "sktid")]
    signed_tid: String,
    signed_delegated_user_tid: Option<String>,
    #[serde(alias = "skt")]
    signed_start: String,
    #[serde(alias = "ske")]
    signed_expiry: String,
    #[serde(alias = "skv")]
    signed_version: String,
}

fn vectors(kind: &str) -> Vec<Vector> {
    let file: File = serde_json::from_str(include_str!("../tests/vectors/sas.json")).unwrap();
    file.vectors.into_iter().filter(|vector| vector.kind == kind).collect()
}

fn pairs(bound: &Ordered) -> Vec<(&str, &str)> {
    bound.0.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect()
}

fn resource(inputs: &Inputs) -> Resource<'_> {
    let (container, blob) = (inputs.container.as_str(), inputs.blob.as_str());
    match (blob, inputs.snapshot.as_str()) {
        ("", _) => Resource::Container { container },
        (blob, "") => Resource::Blob { container, blob },
        (blob, snapshot) => Resource::Snapshot { container, blob, snapshot },
    }
}

fn check(vector: &Vector, signer: &Signer, key: KeyFields<'_>) {
    let inputs = &vector.inputs;
    let resource = resource(inputs);
    let fields = Fields {
        rights: &inputs.permission,
        start: &inputs.start,
        expiry: &inputs.expiry,
        account: &inputs.account,
        container: &inputs.container,
        blob: &inputs.blob,
        policy: &inputs.policy_id,
        ip: &inputs.ip,
        protocol: &inputs.protocol,
        version: &vector.sv,
        kind: if inputs.is_directory { "d" } else { resource.kind() },
        snapshot: &inputs.snapshot,
        encryption_scope: &inputs.encryption_scope,
        cache_control: &inputs.cache_control,
        content_disposition: &inputs.content_disposition,
        content_encoding: &inputs.content_encoding,
        content_language: &inputs.content_language,
        content_type: &inputs.content_type,
        key,
    };
    let mut text = Vec::new();
    let signature = signer.sign(SasVersion::parse(&vector.sv).unwrap(), &fields, &mut text);
    assert_eq!(String::from_utf8(text).unwrap(), vector.string_to_sign, "{}", vector.name);
    assert_eq!(std::str::from_utf8(&signature).unwrap(), vector.signature, "{}", vector.name);

    let mut written = Vec::new();
    url::write(signer.account(), &resource, &fields, &mut written);
    url::write_signature(&signature, &mut written);
    let written = String::from_utf8(written).unwrap();
    let written = ::url::Url::parse(&written).unwrap();
    let mut ours: BTreeMap<_, _> = written.query_pairs().into_owned().collect();
    let mut theirs: BTreeMap<_, _> =
        ::url::form_urlencoded::parse(vector.query.as_bytes()).into_owned().collect();
    // The SDKs leave the pin to the caller, and the directory's depth is not signed.
    assert_eq!(ours.remove("snapshot").unwrap_or_default(), inputs.snapshot, "{}", vector.name);
    theirs.remove("sdd");
    // 2015-04-05 does not sign `sr` but has it in the query, as all do.
    assert_eq!(ours, theirs, "{}", vector.name);
}

#[test]
fn every_service_sas_of_the_official_sdks_is_signed_alike() {
    let vectors = vectors("service");
    assert_eq!(vectors.len(), 35);
    for vector in &vectors {
        let account = Account::azure(&vector.inputs.account).unwrap();
        let signer = Signer::with_account_key(account, AccountKey::from_base64(&vector.inputs.key).unwrap());
        check(vector, &signer, KeyFields::default());
    }
}

#[test]
fn every_user_delegation_sas_of_the_official_sdks_is_signed_alike() {
    let vectors = vectors("user_delegation");
    assert_eq!(vectors.len(), 15);
    for vector in &vectors {
        let (inputs, udk) = (&vector.inputs, &vector.inputs.udk);
        let key = DelegationKey::new(
            &udk.signed_oid,
            &udk.signed_tid,
            &udk.signed_start,
            &udk.signed_expiry,
            &udk.signed_version,
            &inputs.key,
        );
        let account = Account::azure(&inputs.account).unwrap();
        let signer = Signer::with_delegation_key(account, key.unwrap());
        let (headers, query) = (pairs(&inputs.request_headers), pairs(&inputs.request_query_params));
        let fields = KeyFields {
            object: &udk.signed_oid,
            tenant: &udk.signed_tid,
            start: &udk.signed_start,
            expiry: &udk.signed_expiry,
            service: "b",
            version: &udk.signed_version,
            authorized_object: &inputs.preauthorized_agent_object_id,
            unauthorized_object: &inputs.agent_object_id,
            correlation: &inputs.correlation_id,
            delegated_tenant: udk.signed_delegated_user_tid.as_deref().unwrap_or_default(),
            delegated_object: &inputs.user_delegation_oid,
            request_headers: &headers,
            request_query: &query,
        };
        check(vector, &signer, fields);
    }
}
