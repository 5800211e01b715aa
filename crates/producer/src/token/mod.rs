//! Broker tokens: JSON Web Tokens (RFC 7519) that RabbitMQ takes in place of a password and that die by
//! themselves. Pure: no I/O, no clock. Must never sign a token that does not expire.

mod key;

use std::fmt;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use zeroize::Zeroizing;

pub use key::{KeyError, SigningKey};

/// The shortest life: the broker's and the signer's clocks may differ by some of it.
pub const LIFETIME_MIN: Duration = Duration::from_secs(60);
/// The longest life: whoever has the token has its rights until then, and nothing recalls it.
pub const LIFETIME_MAX: Duration = Duration::from_secs(7 * 24 * 60 * 60);
/// The most that a signed token may have, in bytes: RabbitMQ before 4.1 takes a login of one frame of 4,096.
pub const TOKEN_BYTES_MAX: usize = 3_500;

/// A token holds from so long before it was signed: clocks differ.
const BACKDATED: Duration = Duration::from_secs(60);

/// Who may do what on which broker, and for how long.
#[derive(Debug, Clone)]
pub struct Claims {
    /// The login: the broker stamps it on messages as `user_id`.
    pub login: String,
    /// RabbitMQ's scopes.
    pub scopes: Vec<String>,
    /// The broker's `auth_oauth2.resource_server_id`.
    pub audience: String,
    /// How long it lives, [`LIFETIME_MIN`] to [`LIFETIME_MAX`].
    pub lifetime: Duration,
    /// Tells two tokens apart in the broker's log.
    pub id: String,
}

/// A signed token; wiped on drop, never printed.
pub struct BrokerToken {
    text: Zeroizing<String>,
    expires_at: Timestamp,
}

impl BrokerToken {
    /// Signs.
    ///
    /// # Errors
    /// A life out of bounds, rights that do not fit into a login, or a key that does not sign.
    pub fn sign(key: &SigningKey, key_id: &str, claims: &Claims, now: Timestamp) -> Result<Self, TokenError> {
        if !(LIFETIME_MIN..=LIFETIME_MAX).contains(&claims.lifetime) {
            return Err(TokenError::Lifetime { seconds: claims.lifetime.as_secs() });
        }
        let expires_at = now.checked_add(claims.lifetime).map_err(|_| TokenError::Clock)?;
        let from = now.checked_sub(BACKDATED).map_err(|_| TokenError::Clock)?;
        let header = serde_json::json!({ "alg": key.algorithm(), "typ": "JWT", "kid": key_id });
        let payload = serde_json::json!({
            "sub": claims.login, "aud": [claims.audience], "scope": claims.scopes.join(" "), "jti": claims.id,
            "iat": now.as_second(), "nbf": from.as_second(), "exp": expires_at.as_second(),
        });
        let encoded = |part: serde_json::Value| URL_SAFE_NO_PAD.encode(part.to_string());
        let mut text = Zeroizing::new(format!("{}.{}", encoded(header), encoded(payload)));
        let signature = key.sign(text.as_bytes())?;
        *text = format!("{}.{}", text.as_str(), URL_SAFE_NO_PAD.encode(signature));
        if text.len() > TOKEN_BYTES_MAX {
            return Err(TokenError::TooLarge { bytes: text.len() });
        }
        Ok(Self { text, expires_at })
    }

    /// The token itself: whoever has it, has its rights. The one greppable way out.
    pub fn expose_token(&self) -> &str {
        &self.text
    }

    /// When it dies.
    pub fn expires_at(&self) -> Timestamp {
        self.expires_at
    }
}

impl fmt::Debug for BrokerToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "BrokerToken(until {})", self.expires_at)
    }
}

/// Why no token was signed.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// Too short or too long a life.
    #[error("a broker token cannot live for {seconds} s")]
    Lifetime {
        /// What was asked for.
        seconds: u64,
    },
    /// More than a login can hold.
    #[error("the token has {bytes} bytes, which is more than RabbitMQ takes as a login ({TOKEN_BYTES_MAX})")]
    TooLarge {
        /// Its size.
        bytes: usize,
    },
    /// This machine's clock stands near the end or the beginning of time.
    #[error("this machine's clock is wrong")]
    Clock,
    /// The key does not sign.
    #[error("cannot sign the token")]
    Key(#[from] KeyError),
}

impl TokenError {
    /// What to do about it.
    pub fn advice(&self) -> &'static str {
        match self {
            Self::Lifetime { .. } => "--for takes 1m to 168h (7 days)",
            Self::TooLarge { .. } => "shorten the name of the vhost, or oauth.resource_server_id",
            Self::Clock => "set the clock",
            Self::Key(error) => error.advice(),
        }
    }
}

#[cfg(test)]
mod tests;
