//! Wall (d): worker and dispatcher refuse to start when a storage key, a connection string or another authority over
//! storage is within their reach, in the environment or in the settings.
//!
//! The tables below are the policy, one reason per entry. A finding names where, never what: no value is kept.

use std::ffi::{OsStr, OsString};
use std::fmt;

use crate::Layers;

/// A name of a variable or a setting that is refused whatever its value.
struct Name {
    name: &'static str,
    reason: &'static str,
}

const fn name(name: &'static str, reason: &'static str) -> Name {
    Name { name, reason }
}

/// Variables, compared without regard to case.
const VARIABLES: &[Name] = &[
    name("AZURE_STORAGE_KEY", "the Azure CLI's account key"),
    name("AZURE_STORAGE_ACCOUNT_KEY", "an account key, as many SDK samples name it"),
    name("AZURE_STORAGE_ACCESS_KEY", "an account key, as Spring and dlt name it"),
    name("AZURE_STORAGE_CONNECTION_STRING", "a connection string, which holds an account key"),
    name("AZURE_STORAGE_SAS_TOKEN", "a standing SAS, which may open a whole account"),
    name("AZUREWEBJOBSSTORAGE", "the connection string of Azure Functions"),
    name("ARM_ACCESS_KEY", "the account key of Terraform's state"),
    name("ARM_SAS_TOKEN", "the account SAS of Terraform's state"),
    name("ARM_CLIENT_SECRET", "a service principal, which can ask for account keys"),
    name("AZURE_CLIENT_SECRET", "a service principal, which can ask for delegation keys and sign"),
    name("AZURE_CLIENT_CERTIFICATE_PATH", "a service principal's certificate, as good as its secret"),
    name("AZURE_CLIENT_CERTIFICATE_PASSWORD", "opens a service principal's certificate"),
    name("AZURE_PASSWORD", "a user's login to Entra ID"),
    name("AZURE_FEDERATED_TOKEN_FILE", "a workload identity, which can ask for delegation keys and sign"),
    name("AZCOPY_SPA_CLIENT_SECRET", "AzCopy's service principal"),
    name("AZCOPY_SPA_CERT_PASSWORD", "opens the certificate of AzCopy's service principal"),
    name("VALET_STORAGE_ACCOUNT_KEY", "the producer's account key"),
    name("VALET_STORAGE_ACCOUNT_KEY_FILE", "the file with the producer's account key"),
    name("VALET_STORAGE_CONNECTION_STRING", "a connection string, which holds an account key"),
];

/// Settings of the file and the command line.
const SETTINGS: &[Name] = &[
    name("storage.account_key", "the producer's account key"),
    name("storage.account_key_file", "the file with the producer's account key"),
    name("storage.connection_string", "a connection string, which holds an account key"),
];

/// Texts inside a value that only a key's owner has, compared without regard to case.
const TEXTS: &[Name] = &[
    name("accountkey=", "its value is a connection string with an account key"),
    name("sharedaccesskey=", "its value is a connection string with a shared key"),
    name("sharedaccesssignature=", "its value is a connection string with a SAS"),
    name("defaultendpointsprotocol=", "its value is a storage connection string"),
    name("usedevelopmentstorage=", "its value is the emulator's connection string"),
];

/// Words in a variable's name that make a key-shaped value believed.
const KEY_WORDS: [&str; 5] = ["KEY", "SECRET", "STORAGE", "ACCOUNT", "AZURE"];

/// Length of an account key in base64: 64 bytes are 86 digits and two signs of padding.
const KEY_CHARS: usize = 88;

/// One thing that a keyless program must not have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Forbidden {
    /// The variable's or the setting's name, escaped.
    pub name: String,
    /// Where it was found.
    pub place: Place,
    /// Why it is refused.
    pub reason: &'static str,
}

/// Where a forbidden thing was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// An environment variable.
    Environment,
    /// A setting in the configuration file.
    File,
    /// A flag of the command line.
    Flag,
}

impl fmt::Display for Forbidden {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (place, undo) = match self.place {
            Place::Environment => ("environment variable", "unset it for this program"),
            Place::File => ("setting", "take it out of this program's configuration file"),
            Place::Flag => ("flag", "leave it out"),
        };
        write!(f, "{place} {}: {}; {undo}", self.name, self.reason)
    }
}

/// A program within reach of storage authority. It must not start.
#[derive(Debug, thiserror::Error)]
pub struct HoldsKey(Vec<Forbidden>);

impl HoldsKey {
    /// Everything that was found; never empty.
    #[must_use]
    pub fn found(&self) -> &[Forbidden] {
        &self.0
    }

    /// What a person should do.
    #[must_use]
    pub fn advice(&self) -> &'static str {
        "the grants in messages are all that this program needs; keep keys with the producer"
    }
}

impl fmt::Display for HoldsKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("this program will not start while it holds authority over storage:")?;
        self.0.iter().try_for_each(|forbidden| write!(f, "\n  {forbidden}"))
    }
}

/// Looks through all environment variables (not only Valet's), the file and the flags.
///
/// # Errors
/// [`HoldsKey`] with every finding.
pub fn require(
    variables: impl IntoIterator<Item = (OsString, OsString)>,
    layers: &Layers,
) -> Result<(), HoldsKey> {
    let mut found: Vec<Forbidden> =
        variables.into_iter().filter_map(|(name, value)| in_variable(&name, &value)).collect();
    in_table("", &layers.file, &mut found);
    found.extend(layers.flags.iter().filter_map(|(key, value)| in_setting(Place::Flag, key, value)));
    found.sort_by(|a, b| a.name.cmp(&b.name));
    if found.is_empty() { Ok(()) } else { Err(HoldsKey(found)) }
}

fn in_variable(name: &OsStr, value: &OsStr) -> Option<Forbidden> {
    let (name, value) = (name.to_string_lossy(), value.to_string_lossy());
    // Compose files pass variables through as empty texts when they are not set; nothing is held then.
    if value.trim().is_empty() {
        return None;
    }
    let reason = named(VARIABLES, &name).or_else(|| telling(&name, &value))?;
    Some(Forbidden { name: name.escape_debug().to_string(), place: Place::Environment, reason })
}

fn in_table(prefix: &str, table: &toml::Table, found: &mut Vec<Forbidden>) {
    for (name, value) in table {
        let key = if prefix.is_empty() { name.clone() } else { format!("{prefix}.{name}") };
        match value {
            toml::Value::Table(table) => in_table(&key, table, found),
            toml::Value::String(text) => found.extend(in_setting(Place::File, &key, text)),
            toml::Value::Array(items) => {
                let texts = items.iter().filter_map(toml::Value::as_str);
                found.extend(texts.into_iter().find_map(|text| in_setting(Place::File, &key, text)));
            }
            // Numbers and the like hold no key, but may stand under a key's name.
            _ => found.extend(in_setting(Place::File, &key, "")),
        }
    }
}

fn in_setting(place: Place, key: &str, value: &str) -> Option<Forbidden> {
    let reason = named(SETTINGS, key).or_else(|| telling(key, value))?;
    Some(Forbidden { name: key.escape_debug().to_string(), place, reason })
}

fn named(table: &[Name], name: &str) -> Option<&'static str> {
    table.iter().find(|entry| entry.name.eq_ignore_ascii_case(name)).map(|entry| entry.reason)
}

/// A reason that lies in the value: what it says, or that it has a key's shape under a key's name.
fn telling(name: &str, value: &str) -> Option<&'static str> {
    let lower = value.to_ascii_lowercase();
    let text = TEXTS.iter().find(|entry| lower.contains(entry.name)).map(|entry| entry.reason);
    let upper = name.to_ascii_uppercase();
    let keyed = KEY_WORDS.iter().any(|word| upper.contains(word)) && is_key_shaped(value.trim());
    text.or_else(|| is_signed(&lower).then_some("its value is a SAS"))
        .or_else(|| keyed.then_some("its value has the shape of an account key (64 bytes in base64)"))
}

fn is_signed(lower: &str) -> bool {
    let has = |field: &str| lower.split(['?', '&', ';', ' ']).any(|part| part.starts_with(field));
    has("sig=") && has("sv=")
}

fn is_key_shaped(value: &str) -> bool {
    let digits = value.trim_end_matches('=');
    value.len() == KEY_CHARS
        && digits.len() == KEY_CHARS - 2
        && digits.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+/-_".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The emulator's key is public, and has the shape of every other one.
    const KEY: &str =
        "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==";

    fn with_variable(name: &str, value: &str) -> Result<(), HoldsKey> {
        require([(name.into(), value.into())], &Layers::default())
    }

    fn layers_of(file: &str) -> Layers {
        Layers { file: file.parse().unwrap(), ..Layers::default() }
    }

    fn with_file(text: &str) -> Result<(), HoldsKey> {
        require([], &layers_of(text))
    }

    /// Refused, by name, and without a word of the value.
    fn assert_refused(result: Result<(), HoldsKey>, name: &str, value: &str) {
        let error = result.expect_err(name);
        assert_eq!(error.found().len(), 1, "{error}");
        assert_eq!(error.found()[0].name, name);
        let printed = format!("{error} {error:?}");
        assert!(printed.contains(name) && !printed.contains(value), "{printed}");
    }

    #[test]
    fn every_variable_of_the_table_is_refused_by_name_in_any_case() {
        for entry in VARIABLES {
            assert_refused(with_variable(entry.name, "v4lue"), entry.name, "v4lue");
            let lower = entry.name.to_ascii_lowercase();
            assert_refused(with_variable(&lower, "v4lue"), &lower, "v4lue");
        }
    }

    #[test]
    fn every_setting_of_the_table_is_refused() {
        for entry in SETTINGS {
            let key = entry.name.strip_prefix("storage.").unwrap();
            assert_refused(with_file(&format!("[storage]\n{key} = \"v4lue\"")), entry.name, "v4lue");
        }
    }

    #[test]
    fn a_connection_string_under_any_name_is_refused() {
        let value = format!("DefaultEndpointsProtocol=https;AccountName=a;AccountKey={KEY};EndpointSuffix=x");
        assert_refused(with_variable("INNOCENT", &value), "INNOCENT", &value);
        let file = format!("[worker]\nname = \"{value}\"");
        assert_refused(with_file(&file), "worker.name", &value);
        let mut layers = Layers::default();
        layers.flags.insert("worker.name", value.clone());
        assert_refused(require([], &layers), "worker.name", &value);
    }

    #[test]
    fn a_key_shaped_value_is_refused_where_the_name_says_key() {
        assert_refused(with_variable("MY_STORAGE_CREDENTIAL", KEY), "MY_STORAGE_CREDENTIAL", KEY);
        assert_refused(with_variable("APP_KEY", KEY), "APP_KEY", KEY);
        assert!(with_variable("BUILD_DIGEST", KEY).is_ok(), "nothing says that a digest is a key");
        assert!(with_variable("APP_KEY", &KEY[1..]).is_ok(), "another length is another thing");
    }

    #[test]
    fn a_sas_in_the_environment_is_refused() {
        let value = "https://a.blob.core.windows.net/c?sv=2022-11-02&sp=rl&sig=abc%3D";
        assert_refused(with_variable("UPLOAD_URL", value), "UPLOAD_URL", value);
    }

    #[test]
    fn what_a_worker_does_need_is_left_alone() {
        let variables = [
            ("VALET_BROKER_URL", "amqps://broker:5671/valet"),
            ("VALET_BROKER_PASSWORD", "long-and-secret"),
            ("VALET_BROKER_KEY_FILE", "/etc/valet/worker.key.pem"),
            ("VALET_STORAGE_LOOPBACK", "true"),
            ("VALET_STORAGE_HOSTS", "*.blob.core.windows.net"),
            ("AZURE_STORAGE_KEY", ""),
            ("PATH", "/usr/bin:/bin"),
        ];
        let variables = variables.map(|(name, value)| (name.into(), value.into()));
        require(variables, &Layers::default()).unwrap();
    }

    #[test]
    fn everything_is_found_at_once() {
        let variables = [("AZURE_STORAGE_KEY", "a"), ("ARM_ACCESS_KEY", "b")];
        let variables = variables.map(|(name, value)| (name.into(), value.into()));
        let error = require(variables, &layers_of("[storage]\naccount_key = 'c'")).unwrap_err();
        assert_eq!(error.found().len(), 3, "{error}");
    }
}
