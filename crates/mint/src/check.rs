//! What must hold of a grant before it is signed.
//!
//! Every rule is here and nowhere else; nothing here signs.

use valet_grant::{Right, check_blob_name, check_container_name};

use crate::error::MintError;
use crate::fields::Fields;
use crate::key::DelegationKey;
use crate::signer::Authority;
use crate::spec::{Binding, GrantSpec, Resource, ResponseHeaders};
use crate::stamp::Stamp;
use crate::version::SasVersion;

/// First version that Valet mints; older ones sign too little.
const SINCE: SasVersion = SasVersion::of("2018-11-09");

/// How much of a refused name an error repeats, in characters.
const SHOWN_CHARS: usize = 256;

/// Checks the whole grant but its times, which are checked as they will be signed ([`times`]).
pub(crate) fn spec(spec: &GrantSpec<'_>, authority: &Authority) -> Result<(), MintError> {
    check_names(&spec.resource)?;
    check_rights(spec)?;
    // A job's grants carry nothing but names, rights and times: the rest cannot be wrong.
    let bare = is_bare(spec);
    if !bare {
        check_characters(spec)?;
    }
    if spec.expiry.is_none() && spec.policy_id.is_empty() {
        return Err(MintError::NoExpiry);
    }
    if !bare || spec.version < SINCE {
        check_versions(spec)?;
    }
    check_key(spec, authority)
}

/// Whether no field is in use that [`check_characters`] and [`check_versions`] look at.
fn is_bare(spec: &GrantSpec<'_>) -> bool {
    matches!(spec.resource, Resource::Blob { .. } | Resource::Container { .. })
        && spec.encryption_scope.is_empty()
        && spec.policy_id.is_empty()
        // Whole, so that a new field cannot be forgotten here.
        && spec.response == ResponseHeaders::default()
        && spec.binding == Binding::default()
}

fn check_key(spec: &GrantSpec<'_>, authority: &Authority) -> Result<(), MintError> {
    match authority {
        Authority::Account(_) => match bound_field(spec) {
            Some(field) => Err(MintError::WrongKey { field, kind: "an account key" }),
            None => Ok(()),
        },
        Authority::Delegation(_) if !spec.policy_id.is_empty() => {
            Err(MintError::WrongKey { field: "si", kind: "a user delegation key" })
        }
        Authority::Delegation(key) => check_outlives(spec, key),
    }
}

fn check_names(resource: &Resource<'_>) -> Result<(), MintError> {
    let shown = |name: &str| name.chars().take(SHOWN_CHARS).collect();
    let container = resource.container();
    check_container_name(container)
        .map_err(|cause| MintError::Container { container: shown(container), cause })?;
    if matches!(resource, Resource::Container { .. }) {
        return Ok(());
    }
    let blob = resource.blob();
    check_blob_name(blob).map_err(|cause| MintError::Name { blob: shown(blob), cause })
}

fn check_rights(spec: &GrantSpec<'_>) -> Result<(), MintError> {
    if spec.rights.is_empty() && spec.policy_id.is_empty() {
        return Err(MintError::NoRights);
    }
    let on_blob = !matches!(spec.resource, Resource::Container { .. });
    if on_blob && (spec.rights.contains(Right::List) || spec.rights.contains(Right::Find)) {
        return Err(MintError::ContainerRight { rights: spec.rights.to_string() });
    }
    Ok(())
}

/// A line break in a value would move every later line of the string-to-sign.
fn check_characters(spec: &GrantSpec<'_>) -> Result<(), MintError> {
    let (response, binding) = (&spec.response, &spec.binding);
    let fields = [
        ("snapshot", spec.resource.pin().1),
        ("ses", spec.encryption_scope),
        ("si", spec.policy_id),
        ("rscc", response.cache_control),
        ("rscd", response.content_disposition),
        ("rsce", response.content_encoding),
        ("rscl", response.content_language),
        ("rsct", response.content_type),
        ("saoid", binding.authorized_object),
        ("suoid", binding.unauthorized_object),
        ("scid", binding.correlation),
        ("sduoid", binding.delegated_object),
    ];
    let bound = |field, pairs: &[(&str, &str)]| {
        let bad = |text: &str| text.chars().any(char::is_control);
        pairs
            .iter()
            .any(|(name, value)| bad(name) || bad(value) || name.contains([':', ',']))
            .then_some(field)
    };
    let plain = fields.iter().find(|(_, value)| value.chars().any(char::is_control)).map(|(field, _)| *field);
    match plain.or(bound("srh", binding.request_headers)).or(bound("srq", binding.request_query)) {
        Some(field) => Err(MintError::Control { field }),
        None => Ok(()),
    }
}

fn check_versions(spec: &GrantSpec<'_>) -> Result<(), MintError> {
    let binding = &spec.binding;
    let needs = [
        ("sr", SINCE.as_str(), true),
        ("ses", "2020-12-06", !spec.encryption_scope.is_empty()),
        ("sr=bv", "2018-11-09", matches!(spec.resource, Resource::Version { .. })),
        ("saoid", "2020-02-10", !binding.authorized_object.is_empty()),
        ("suoid", "2020-02-10", !binding.unauthorized_object.is_empty()),
        ("scid", "2020-02-10", !binding.correlation.is_empty()),
        ("sduoid", "2025-07-05", !binding.delegated_object.is_empty()),
        ("srh", "2026-04-06", !binding.request_headers.is_empty()),
        ("srq", "2026-04-06", !binding.request_query.is_empty()),
    ];
    let version = spec.version.as_str();
    match needs.into_iter().find(|(_, since, used)| *used && version < *since) {
        Some((field, since, _)) => Err(MintError::TooOld { field, since, version }),
        None => Ok(()),
    }
}

/// The first field in use that only a user delegation key can sign.
fn bound_field(spec: &GrantSpec<'_>) -> Option<&'static str> {
    let binding = &spec.binding;
    let fields = [
        ("saoid", !binding.authorized_object.is_empty()),
        ("suoid", !binding.unauthorized_object.is_empty()),
        ("scid", !binding.correlation.is_empty()),
        ("sduoid", !binding.delegated_object.is_empty()),
        ("srh", !binding.request_headers.is_empty()),
        ("srq", !binding.request_query.is_empty()),
    ];
    fields.into_iter().find(|(_, used)| *used).map(|(field, _)| field)
}

/// SAS times compare as text, since both are `YYYY-MM-DDTHH:MM:SSZ`.
pub(crate) fn times(fields: &Fields<'_>) -> Result<(), MintError> {
    if !fields.expiry.is_empty() && fields.expiry <= fields.start {
        return Err(MintError::EmptyValidity { start: fields.start.into(), expiry: fields.expiry.into() });
    }
    Ok(())
}

fn check_outlives(spec: &GrantSpec<'_>, key: &DelegationKey) -> Result<(), MintError> {
    let expiry = Stamp::expiry(spec.expiry);
    let parsed = key.expiry.parse::<jiff::Timestamp>().ok();
    if parsed.is_some_and(|until| spec.expiry.is_some_and(|expiry| expiry > until)) {
        return Err(MintError::OutlivesKey {
            expiry: expiry.as_str().into(),
            key_expiry: key.expiry.clone(),
        });
    }
    Ok(())
}
