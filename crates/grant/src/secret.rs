//! The secret URL. Its text leaves this type through `expose_url` and nothing else: not by `Debug`, `Display`,
//! serde or an error.

use std::fmt;

use serde::de::{Error, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use zeroize::Zeroizing;

use crate::limits::URL_BYTES_MAX;
use crate::redact::redacted;

/// A URL that carries, or may carry, a signature. Wiped from memory on drop. Any text is taken: what it is worth
/// is for [`audit`](crate::audit()) and the typed grants to say.
///
/// Serializes as its redacted form, deserializes from a string of at most
/// [`URL_BYTES_MAX`] bytes: it does not round-trip, on purpose.
#[derive(Clone, PartialEq, Eq)]
pub struct GrantUrl(Zeroizing<String>);

impl GrantUrl {
    /// Takes the text as it is.
    pub fn new(url: String) -> Self {
        Self(Zeroizing::new(url))
    }

    /// The URL with its signature. For requests to storage and for the encoder of the wire format; never for a log.
    pub fn expose_url(&self) -> &str {
        &self.0
    }

    /// Scheme, host, path, rights, expiry, resource kind and version; nothing else of the query, no userinfo, no
    /// fragment. Path and host are hidden when the text of a signature is in them. What is no http(s) URL is hidden
    /// whole.
    pub fn redacted(&self) -> String {
        redacted(&self.0)
    }
}

impl fmt::Display for GrantUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.redacted())
    }
}

impl fmt::Debug for GrantUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "GrantUrl({})", self.redacted())
    }
}

impl From<String> for GrantUrl {
    fn from(url: String) -> Self {
        Self::new(url)
    }
}

impl Serialize for GrantUrl {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.redacted())
    }
}

impl<'de> Deserialize<'de> for GrantUrl {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_string(UrlVisitor)
    }
}

struct UrlVisitor;

impl Visitor<'_> for UrlVisitor {
    type Value = GrantUrl;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a URL of at most {URL_BYTES_MAX} bytes")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<GrantUrl, E> {
        self.visit_string(text.to_owned())
    }

    fn visit_string<E: Error>(self, text: String) -> Result<GrantUrl, E> {
        let bytes = text.len();
        let url = GrantUrl::new(text);
        if bytes > URL_BYTES_MAX {
            return Err(E::custom(format_args!("the URL has {bytes} bytes, {URL_BYTES_MAX} are allowed")));
        }
        Ok(url)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn serde_takes_the_secret_in_and_never_gives_it_back() {
        let json = r#""https://acct.blob.core.windows.net/in/a.mov?sp=r&sig=c2VjcmV0""#;
        let url: GrantUrl = serde_json::from_str(json).unwrap();
        assert!(url.expose_url().ends_with("sig=c2VjcmV0"));
        let out = serde_json::to_string(&url).unwrap();
        assert_eq!(out, r#""https://acct.blob.core.windows.net/in/a.mov?sp=r&redacted""#);
    }

    #[test]
    fn an_oversized_url_is_refused_without_its_text() {
        let json = format!("\"https://h/{}?sig=c2VjcmV0\"", "a".repeat(URL_BYTES_MAX));
        let error = serde_json::from_str::<GrantUrl>(&json).unwrap_err().to_string();
        assert!(error.contains("8192 are allowed") && !error.contains("c2VjcmV0"), "{error}");
    }
}
