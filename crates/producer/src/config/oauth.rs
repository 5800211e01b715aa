//! Settings of the key that signs broker tokens. Must never print the key.

use valet_settings::{Reader, Secret};

use super::secret;

/// The key's name in a token's header, if none is set.
const KEY_ID: &str = "valet";
/// What RabbitMQ's scopes begin with, if nothing else is set.
const RESOURCE_SERVER_ID: &str = "rabbitmq";

/// What broker tokens are signed with, and for whom.
pub struct OauthSettings {
    /// The private key in PEM.
    pub signing_key: Secret,
    /// Its name in the broker's `auth_oauth2.signing_keys`.
    pub key_id: String,
    /// The broker's `auth_oauth2.resource_server_id`.
    pub resource_server_id: String,
}

pub(super) fn read_oauth(reader: &mut Reader, needed: bool) -> Option<OauthSettings> {
    let signing_key = secret(reader, "oauth.signing_key", needed);
    let key_id = word(reader, "oauth.key_id", KEY_ID);
    let resource_server_id = word(reader, "oauth.resource_server_id", RESOURCE_SERVER_ID);
    Some(OauthSettings { signing_key: signing_key?, key_id, resource_server_id })
}

/// A blank would end a scope in the middle; the rest has no meaning in rabbitmq.conf.
fn word(reader: &mut Reader, key: &str, default: &str) -> String {
    let text = reader.or(key, default.to_owned());
    let fits = |character: char| character.is_ascii_alphanumeric() || "-_.".contains(character);
    if text.is_empty() || text.len() > 100 || !text.chars().all(fits) {
        reader.refuse(key, "must be 1 to 100 letters, digits, '-', '_' or '.'");
    }
    text
}
