//! Where a URL points: host, account, blob container, blob. Splits and decodes; never judges.

use percent_encoding::percent_decode_str;
use url::{Host, Url};

use crate::limits::URL_BYTES_MAX;
use crate::path::BlobPath;

/// The URL, if it is one of ours by its shape: http or https, with a host, within the limit.
pub(crate) fn parse_http(raw: &str) -> Option<Url> {
    let url = (raw.len() <= URL_BYTES_MAX).then(|| Url::parse(raw).ok()).flatten()?;
    (matches!(url.scheme(), "http" | "https") && url.host().is_some()).then_some(url)
}

/// The parts of a storage URL. A part that is absent, empty or no UTF-8 is `None`.
#[derive(Debug)]
pub(crate) struct Address {
    pub(crate) https: bool,
    pub(crate) host: String,
    pub(crate) port: Option<u16>,
    pub(crate) account: Option<String>,
    pub(crate) container: Option<String>,
    pub(crate) blob: Option<String>,
    /// Whether some part of the path is no UTF-8 once decoded.
    pub(crate) undecodable: bool,
}

impl Address {
    pub(crate) fn of(url: &Url) -> Self {
        let host = url.host_str().unwrap_or_default().to_owned();
        // Only the first slash is a separator: `//a` is a container without a name, not `a`.
        let path = url.path().strip_prefix('/').unwrap_or_default();
        let mut segments = path.splitn(if in_path(url) { 3 } else { 2 }, '/');
        let account = if in_path(url) { segments.next().map(decode) } else { Some(first_label(&host)) };
        let parts = [account, segments.next().map(decode), segments.next().map(decode)];
        let undecodable = parts.contains(&Some(None));
        let [account, container, blob] = parts.map(|part| part.flatten().filter(|text| !text.is_empty()));
        let https = url.scheme() == "https";
        Self { https, host, port: url.port(), account, container, blob, undecodable }
    }

    /// The blob's place, if the path names one.
    pub(crate) fn blob_path(&self) -> Option<BlobPath> {
        let (account, container, blob) = (self.account.clone()?, self.container.clone()?, self.blob.clone()?);
        Some(BlobPath { account, container, blob })
    }
}

/// The emulator's rule: with an IP address or a name without a dot as host, the account comes first in the path.
fn in_path(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => !name.contains('.'),
        _ => true,
    }
}

fn first_label(host: &str) -> Option<String> {
    host.split('.').next().map(str::to_owned)
}

fn decode(part: &str) -> Option<String> {
    percent_decode_str(part).decode_utf8().ok().map(|text| text.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(url: &str) -> Option<String> {
        Address::of(&parse_http(url)?).blob_path().map(|path| path.to_string())
    }

    #[test]
    fn account_is_in_the_host_or_first_in_the_path() {
        for (url, path) in [
            ("https://acct.blob.core.windows.net/in/a/b.mov?x", "acct/in/a/b.mov"),
            ("http://127.0.0.1:10000/devstoreaccount1/in/a.mov", "devstoreaccount1/in/a.mov"),
            ("http://[::1]:10000/acct/in/a.mov", "acct/in/a.mov"),
            ("http://localhost/acct/in/a.mov", "acct/in/a.mov"),
            ("http://acct.blob.localhost:10000/in/a/b.mov", "acct/in/a/b.mov"),
            ("https://acct.blob.core.windows.net/in/a%20%2Fb%3F.mov", "acct/in/a /b?.mov"),
        ] {
            assert_eq!(place(url).as_deref(), Some(path), "{url}");
        }
    }

    #[test]
    fn a_url_without_a_blob_has_no_place() {
        for url in [
            "https://acct.blob.core.windows.net/in",
            "https://acct.blob.core.windows.net/in/",
            "https://acct.blob.core.windows.net//a",
            "http://127.0.0.1/acct/in",
            "https://acct.blob.core.windows.net/in/%ff",
            "ftp://acct.blob.core.windows.net/in/a",
            "data:text/plain,a",
        ] {
            assert_eq!(place(url), None, "{url}");
        }
    }
}
