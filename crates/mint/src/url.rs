//! A signed SAS as a URL, percent-encoded.
//!
//! Never decides anything: it writes the fields that were signed, and only those that are set.

use percent_encoding::percent_encode_byte;

use crate::account::Account;
use crate::fields::Fields;
use crate::key::SIGNATURE_CHARS;
use crate::spec::Resource;

/// Which bytes stay as they are.
type Plain = [bool; 256];

/// In a query: the unreserved characters of RFC 3986.
const QUERY: &Plain = &plain(b"-._~");

/// In a path: the separator of its segments too.
const PATH: &Plain = &plain(b"-._~/");

/// Writes the URL without its signature.
pub(crate) fn write(account: &Account, resource: &Resource<'_>, fields: &Fields<'_>, out: &mut Vec<u8>) {
    push(account.endpoint(), out);
    push("/", out);
    // A blob container's name is plain ASCII by rule ($root aside, and `$` may stand in a path).
    push(resource.container(), out);
    if !resource.blob().is_empty() {
        push("/", out);
        encode(resource.blob().as_bytes(), PATH, out);
    }
    push("?sv=", out);
    push(fields.version, out);
    let (pin, value) = resource.pin();
    parameter(pin, value, out);
    common(fields, out);
    if !fields.key.object.is_empty() {
        delegation(fields, out);
    }
}

/// Appends the signature (base64), the last parameter.
pub(crate) fn write_signature(signature: &[u8; SIGNATURE_CHARS], out: &mut Vec<u8>) {
    push("&sig=", out);
    encode(signature, QUERY, out);
}

fn common(fields: &Fields<'_>, out: &mut Vec<u8>) {
    parameter("&spr=", fields.protocol, out);
    parameter("&st=", fields.start, out);
    parameter("&se=", fields.expiry, out);
    parameter("&sip=", fields.ip, out);
    parameter("&si=", fields.policy, out);
    parameter("&sr=", fields.kind, out);
    parameter("&sp=", fields.rights, out);
    parameter("&ses=", fields.encryption_scope, out);
    parameter("&rscc=", fields.cache_control, out);
    parameter("&rscd=", fields.content_disposition, out);
    parameter("&rsce=", fields.content_encoding, out);
    parameter("&rscl=", fields.content_language, out);
    parameter("&rsct=", fields.content_type, out);
    parameter("&sduoid=", fields.key.delegated_object, out);
}

fn delegation(fields: &Fields<'_>, out: &mut Vec<u8>) {
    let key = &fields.key;
    let plain = [
        ("&skoid=", key.object),
        ("&sktid=", key.tenant),
        ("&skt=", key.start),
        ("&ske=", key.expiry),
        ("&sks=", key.service),
        ("&skv=", key.version),
        ("&skdutid=", key.delegated_tenant),
        ("&saoid=", key.authorized_object),
        ("&suoid=", key.unauthorized_object),
        ("&scid=", key.correlation),
    ];
    for (name, value) in plain {
        parameter(name, value, out);
    }
    // The query carries the names only; the values are in the signature.
    for (name, bound) in [("&srh=", key.request_headers), ("&srq=", key.request_query)] {
        let names: Vec<&str> = bound.iter().map(|(name, _)| *name).collect();
        parameter(name, &names.join(","), out);
    }
}

/// `name` comes with its `&` and `=`.
fn parameter(name: &str, value: &str, out: &mut Vec<u8>) {
    if !value.is_empty() {
        push(name, out);
        encode(value.as_bytes(), QUERY, out);
    }
}

/// Percent-encodes all but the plain bytes. They come in long runs, which go in whole.
fn encode(value: &[u8], plain: &Plain, out: &mut Vec<u8>) {
    let mut written = 0;
    for (at, &byte) in value.iter().enumerate() {
        if !plain[usize::from(byte)] {
            out.extend_from_slice(&value[written..at]);
            push(percent_encode_byte(byte), out);
            written = at + 1;
        }
    }
    out.extend_from_slice(&value[written..]);
}

fn push(text: &str, out: &mut Vec<u8>) {
    out.extend_from_slice(text.as_bytes());
}

/// Letters, digits and these marks.
const fn plain(marks: &[u8]) -> Plain {
    let mut table = [false; 256];
    let mut byte = 0;
    while byte < 128 {
        table[byte] = (byte as u8).is_ascii_alphanumeric();
        byte += 1;
    }
    let mut at = 0;
    while at < marks.len() {
        table[marks[at] as usize] = true;
        at += 1;
    }
    table
}
