//! Hosts of storage emulators: names that an operator lists, and for which the walls of production are lowered.
//! Never a pattern, never an address, never Azure itself.

use std::net::IpAddr;
use std::str::FromStr;

use crate::policy::is_azure_host;

/// The longest host name that DNS knows, in characters.
const HOST_CHARS_MAX: usize = 253;

/// The exact name of a host where an emulator of Azure storage runs, in lower case: `azurite`.
///
/// A grant may point there with plain http or https, at any port, and the name may lead to a private address
/// (blob's egress guard says which ones). A name without a dot has the account first in the URL's path, as
/// with every emulator; one with dots has it as its first label.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DevelopmentHost(String);

/// Why a text is no [`DevelopmentHost`]. Does not repeat the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DevelopmentHostError {
    /// A pattern, a URL, a port or something else beside a plain name.
    #[error("must be exact host names, without scheme, port, path or `*`")]
    Name,
    /// An address: it would say where, not who.
    #[error("must be host names, not addresses; for this machine there is storage.loopback")]
    Address,
    /// One of Azure's own names, which are never reached in plain.
    #[error("must not name hosts of Azure: it is for emulators only")]
    Azure,
}

impl FromStr for DevelopmentHost {
    type Err = DevelopmentHostError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let host = text.to_ascii_lowercase();
        let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
        let labels = host.split('.').all(|label| !label.is_empty());
        if host.parse::<IpAddr>().is_ok() || ends_in_number(&host) {
            return Err(DevelopmentHostError::Address);
        }
        if !labels || host.len() > HOST_CHARS_MAX || !host.chars().all(fits) {
            return Err(DevelopmentHostError::Name);
        }
        if is_azure_host(&host) {
            return Err(DevelopmentHostError::Azure);
        }
        Ok(Self(host))
    }
}

impl DevelopmentHost {
    /// The name, in lower case.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// URL parsers read a host whose last label is a number as an IPv4 address: `127.1`, `0x7f000001`.
fn ends_in_number(host: &str) -> bool {
    let last = host.rsplit('.').next().unwrap_or_default();
    let hex = last.strip_prefix("0x").is_some_and(|digits| digits.chars().all(|c| c.is_ascii_hexdigit()));
    hex || (!last.is_empty() && last.chars().all(|c| c.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plain_name_is_taken_in_lower_case() {
        for (text, host) in
            [("azurite", "azurite"), ("Blob.Dev.Example", "blob.dev.example"), ("a_b-1", "a_b-1")]
        {
            assert_eq!(text.parse::<DevelopmentHost>().unwrap().as_str(), host);
        }
    }

    #[test]
    fn everything_else_is_refused() {
        use DevelopmentHostError::{Address, Azure, Name};
        for (text, why) in [
            ("", Name),
            ("*", Name),
            ("*.example", Name),
            ("azurite:10000", Name),
            ("http://azurite", Name),
            ("a..b", Name),
            ("azurite.", Name),
            ("[::1]", Name),
            ("::1", Address),
            ("10.0.0.1", Address),
            ("127.1", Address),
            ("0x7f000001", Address),
            ("2130706433", Address),
            ("acct.blob.core.windows.net", Azure),
            ("ACCT.blob.core.usgovcloudapi.net", Azure),
        ] {
            assert_eq!(text.parse::<DevelopmentHost>().unwrap_err(), why, "{text}");
        }
    }
}
