//! A signed SAS as a URL, percent-encoded.
//!
//! Never decides anything: it writes the fields that were signed, and only those that are set.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::account::Account;
use crate::fields::Fields;
use crate::key::SIGNATURE_CHARS;
use crate::spec::Resource;

/// Everything but the unreserved characters of RFC 3986.
const QUERY: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The same, with the separator of path segments left alone.
const PATH: &AsciiSet = &QUERY.remove(b'/');

/// Writes the URL without its signature.
pub(crate) fn write(account: &Account, resource: &Resource<'_>, fields: &Fields<'_>, out: &mut String) {
    out.push_str(account.endpoint());
    out.push('/');
    // A blob container's name is plain ASCII by rule ($root aside, and `$` may stand in a path).
    out.push_str(resource.container());
    if !resource.blob().is_empty() {
        out.push('/');
        encode(resource.blob(), PATH, out);
    }
    out.push_str("?sv=");
    out.push_str(fields.version);
    let (pin, value) = resource.pin();
    parameter(pin, value, out);
    for (name, value) in common(fields) {
        parameter(name, value, out);
    }
    if !fields.key.object.is_empty() {
        delegation(fields, out);
    }
}

/// Appends the signature (base64), the last parameter.
pub(crate) fn write_signature(signature: &[u8; SIGNATURE_CHARS], out: &mut String) {
    out.push_str("&sig=");
    let mut rest = std::str::from_utf8(signature).expect("base64 is ASCII");
    // Few of the 44 characters need encoding, so the runs between them go in whole.
    while let Some(at) = rest.bytes().position(|byte| matches!(byte, b'+' | b'/' | b'=')) {
        out.push_str(&rest[..at]);
        out.push_str(match rest.as_bytes()[at] {
            b'+' => "%2B",
            b'/' => "%2F",
            _ => "%3D",
        });
        rest = &rest[at + 1..];
    }
    out.push_str(rest);
}

fn common<'a>(fields: &Fields<'a>) -> [(&'static str, &'a str); 14] {
    [
        ("spr", fields.protocol),
        ("st", fields.start),
        ("se", fields.expiry),
        ("sip", fields.ip),
        ("si", fields.policy),
        ("sr", fields.kind),
        ("sp", fields.rights),
        ("ses", fields.encryption_scope),
        ("rscc", fields.cache_control),
        ("rscd", fields.content_disposition),
        ("rsce", fields.content_encoding),
        ("rscl", fields.content_language),
        ("rsct", fields.content_type),
        ("sduoid", fields.key.delegated_object),
    ]
}

fn delegation(fields: &Fields<'_>, out: &mut String) {
    let key = &fields.key;
    let plain = [
        ("skoid", key.object),
        ("sktid", key.tenant),
        ("skt", key.start),
        ("ske", key.expiry),
        ("sks", key.service),
        ("skv", key.version),
        ("skdutid", key.delegated_tenant),
        ("saoid", key.authorized_object),
        ("suoid", key.unauthorized_object),
        ("scid", key.correlation),
    ];
    for (name, value) in plain {
        parameter(name, value, out);
    }
    // The query carries the names only; the values are in the signature.
    for (name, bound) in [("srh", key.request_headers), ("srq", key.request_query)] {
        let names: Vec<&str> = bound.iter().map(|(name, _)| *name).collect();
        parameter(name, &names.join(","), out);
    }
}

fn parameter(name: &str, value: &str, out: &mut String) {
    if value.is_empty() {
        return;
    }
    out.push('&');
    out.push_str(name);
    out.push('=');
    encode(value, QUERY, out);
}

fn encode(value: &str, set: &'static AsciiSet, out: &mut String) {
    // Most values need nothing; asking first is cheaper than writing them in pieces.
    if value.bytes().all(|byte| UNRESERVED[usize::from(byte)]) {
        return out.push_str(value);
    }
    for chunk in utf8_percent_encode(value, set) {
        out.push_str(chunk);
    }
}

/// Bytes that no encoding touches: the unreserved characters of RFC 3986.
const UNRESERVED: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0;
    while byte < 128 {
        let char = byte as u8;
        table[byte] = char.is_ascii_alphanumeric() || matches!(char, b'-' | b'.' | b'_' | b'~');
        byte += 1;
    }
    table
};
