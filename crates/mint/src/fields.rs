//! The values that one SAS signs, as text, and the string-to-sign made of them.
//!
//! The same fields serve minting and verifying, so that the two cannot drift apart. Never checks and
//! never encodes: values are signed decoded, exactly as they are.

use crate::layout::{self, Line};
use crate::version::SasVersion;

/// Every value that any layout signs; absent ones are empty.
#[derive(Clone, Copy, Default)]
pub(crate) struct Fields<'a> {
    pub(crate) rights: &'a str,
    pub(crate) start: &'a str,
    pub(crate) expiry: &'a str,
    pub(crate) account: &'a str,
    pub(crate) container: &'a str,
    pub(crate) blob: &'a str,
    pub(crate) policy: &'a str,
    pub(crate) ip: &'a str,
    pub(crate) protocol: &'a str,
    pub(crate) version: &'a str,
    pub(crate) kind: &'a str,
    pub(crate) snapshot: &'a str,
    pub(crate) encryption_scope: &'a str,
    pub(crate) cache_control: &'a str,
    pub(crate) content_disposition: &'a str,
    pub(crate) content_encoding: &'a str,
    pub(crate) content_language: &'a str,
    pub(crate) content_type: &'a str,
    pub(crate) key: KeyFields<'a>,
}

/// What a user delegation SAS signs beside.
#[derive(Clone, Copy, Default)]
pub(crate) struct KeyFields<'a> {
    pub(crate) object: &'a str,
    pub(crate) tenant: &'a str,
    pub(crate) start: &'a str,
    pub(crate) expiry: &'a str,
    pub(crate) service: &'a str,
    pub(crate) version: &'a str,
    pub(crate) authorized_object: &'a str,
    pub(crate) unauthorized_object: &'a str,
    pub(crate) correlation: &'a str,
    pub(crate) delegated_tenant: &'a str,
    pub(crate) delegated_object: &'a str,
    pub(crate) request_headers: &'a [(&'a str, &'a str)],
    pub(crate) request_query: &'a [(&'a str, &'a str)],
}

impl Fields<'_> {
    /// Writes the string-to-sign of a service SAS: lines joined by LF, none at the end.
    pub(crate) fn write_service(&self, version: SasVersion, out: &mut Vec<u8>) {
        self.write(layout::service(version), out);
    }

    /// Writes the string-to-sign of a user delegation SAS.
    pub(crate) fn write_delegation(&self, version: SasVersion, out: &mut Vec<u8>) {
        self.write(layout::delegation(version), out);
    }

    fn write(&self, parts: impl Iterator<Item = &'static [Line]>, out: &mut Vec<u8>) {
        let begin = out.len();
        for lines in parts {
            for line in lines {
                self.write_line(*line, out);
                out.push(b'\n');
            }
        }
        // Lines are joined, not ended.
        out.truncate(out.len().saturating_sub(1).max(begin));
    }

    fn write_line(&self, line: Line, out: &mut Vec<u8>) {
        match line {
            Line::Resource => self.write_resource(out),
            // Each header ends its own line, before the joining one.
            Line::RequestHeaders => self.key.request_headers.iter().for_each(|(name, value)| {
                [name, ":", value, "\n"].iter().for_each(|part| push(part, out));
            }),
            // Each parameter begins one.
            Line::RequestQuery => self.key.request_query.iter().for_each(|(name, value)| {
                ["\n", name, ":", value].iter().for_each(|part| push(part, out));
            }),
            line => push(self.text(line), out),
        }
    }

    /// `/blob/<account>/<container>[/<blob>]`, raw, whatever the URL looks like.
    fn write_resource(&self, out: &mut Vec<u8>) {
        push("/blob/", out);
        push(self.account, out);
        push("/", out);
        push(self.container, out);
        if !self.blob.is_empty() {
            push("/", out);
            push(self.blob, out);
        }
    }

    fn text(&self, line: Line) -> &str {
        match line {
            Line::Rights => self.rights,
            Line::Start => self.start,
            Line::Expiry => self.expiry,
            Line::Policy => self.policy,
            Line::KeyObject => self.key.object,
            Line::KeyTenant => self.key.tenant,
            Line::KeyStart => self.key.start,
            Line::KeyExpiry => self.key.expiry,
            Line::KeyService => self.key.service,
            Line::KeyVersion => self.key.version,
            Line::AuthorizedObject => self.key.authorized_object,
            Line::UnauthorizedObject => self.key.unauthorized_object,
            Line::Correlation => self.key.correlation,
            Line::DelegatedTenant => self.key.delegated_tenant,
            Line::DelegatedObject => self.key.delegated_object,
            Line::Ip => self.ip,
            Line::Protocol => self.protocol,
            Line::Version => self.version,
            Line::ResourceKind => self.kind,
            Line::Snapshot => self.snapshot,
            Line::EncryptionScope => self.encryption_scope,
            Line::CacheControl => self.cache_control,
            Line::ContentDisposition => self.content_disposition,
            Line::ContentEncoding => self.content_encoding,
            Line::ContentLanguage => self.content_language,
            Line::ContentType => self.content_type,
            Line::Resource | Line::RequestHeaders | Line::RequestQuery => "",
        }
    }
}

/// Most lines of most grants are empty, and asking is cheaper than copying nothing.
fn push(text: &str, out: &mut Vec<u8>) {
    if !text.is_empty() {
        out.extend_from_slice(text.as_bytes());
    }
}
