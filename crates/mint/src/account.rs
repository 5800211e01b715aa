//! A storage account and the address of its blob service.
//!
//! Never holds a key: the key joins the account only inside a [`Signer`](crate::Signer).

use thiserror::Error;

/// Shortest and longest storage account name, in characters.
const NAME_CHARS: std::ops::RangeInclusive<usize> = 3..=24;

/// A storage account: its name, and where its blobs are reached.
///
/// The name is what the signature covers; the address is only where the URL points, so an emulator's
/// address signs exactly as Azure's does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    name: String,
    base: String,
}

/// A storage account that cannot exist or be reached.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum AccountError {
    /// The name breaks Azure's rule for account names.
    #[error("storage account name {name:?} is not 3 to 24 lower-case letters and digits")]
    Name {
        /// The name as given.
        name: String,
    },
    /// The address is not one that a blob URL can start with.
    #[error("blob endpoint {endpoint:?} is not an http(s) address without query, fragment or user")]
    Endpoint {
        /// The address as given.
        endpoint: String,
    },
}

impl Account {
    /// An account of Azure's public cloud: `https://<name>.blob.core.windows.net`.
    ///
    /// # Errors
    /// [`AccountError::Name`] when the name is not 3 to 24 lower-case letters and digits.
    pub fn azure(name: &str) -> Result<Self, AccountError> {
        Self::at(name, &format!("https://{name}.blob.core.windows.net"))
    }

    /// An account at an address of its own: a sovereign cloud, a private endpoint, or an emulator such as
    /// `http://127.0.0.1:10000/devstoreaccount1`. A trailing `/` is dropped.
    ///
    /// # Errors
    /// [`AccountError`] when the name or the address cannot be used.
    pub fn at(name: &str, endpoint: &str) -> Result<Self, AccountError> {
        check_name(name)?;
        let base = endpoint.trim_end_matches('/');
        let rest = base.strip_prefix("https://").or_else(|| base.strip_prefix("http://"));
        let plain = |c: char| c.is_ascii_graphic() && !"?#@\\\"<>{}|^`".contains(c);
        match rest {
            Some(rest) if !rest.is_empty() && rest.chars().all(plain) => {
                Ok(Self { name: name.to_owned(), base: base.to_owned() })
            }
            _ => Err(AccountError::Endpoint { endpoint: redact(endpoint) }),
        }
    }

    /// The account's name, as signatures cover it.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The address that blob URLs of this account start with, without a trailing `/`.
    #[must_use]
    pub fn endpoint(&self) -> &str {
        &self.base
    }

    /// Whether URLs of this account use TLS.
    #[must_use]
    pub fn is_https(&self) -> bool {
        self.base.starts_with("https://")
    }
}

fn check_name(name: &str) -> Result<(), AccountError> {
    let lower = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    if NAME_CHARS.contains(&name.len()) && name.chars().all(lower) {
        return Ok(());
    }
    Err(AccountError::Name { name: name.chars().take(64).collect() })
}

/// An endpoint may have been pasted with a SAS behind it: what follows `?` is never repeated.
fn redact(endpoint: &str) -> String {
    let shown: String = endpoint.split('?').next().unwrap_or_default().chars().take(128).collect();
    if endpoint.contains('?') { format!("{shown}?…") } else { shown }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn azure_and_emulator_addresses_are_taken() {
        assert_eq!(Account::azure("acct1").unwrap().endpoint(), "https://acct1.blob.core.windows.net");
        let azurite = Account::at("devstoreaccount1", "http://127.0.0.1:10000/devstoreaccount1/").unwrap();
        assert_eq!(azurite.endpoint(), "http://127.0.0.1:10000/devstoreaccount1");
        assert!(!azurite.is_https());
    }

    #[test]
    fn impossible_names_are_refused() {
        for name in ["", "ab", "Upper", "with-dash", "abcdefghijklmnopqrstuvwxy", "é12"] {
            assert!(matches!(Account::azure(name), Err(AccountError::Name { .. })), "{name}");
        }
    }

    #[test]
    fn impossible_addresses_are_refused_without_repeating_a_signature() {
        for endpoint in [
            "",
            "ftp://x.y",
            "https://",
            "https://u@h",
            "https://h/?sig=SECRET",
            "https://h#f",
            "https://a b",
        ] {
            let error = Account::at("acct1", endpoint).unwrap_err();
            assert!(!format!("{error} {error:?}").contains("SECRET"), "{endpoint}");
        }
    }
}
