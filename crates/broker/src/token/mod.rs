//! A login by signed token (JSON Web Token, RFC 7519) that stands in a file and is replaced there by others.
//!
//! The broker verifies it. Here it is only read for the login's name and for when it ends, so nothing may rest
//! on what it says. Must never print a token, and never take one that does not end: the broker would.

mod error;
mod keep;

use crate::Password;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::{SignedDuration, Timestamp};
use std::{
    fs::File,
    io::{self, Read as _},
    path::PathBuf,
    time::Duration,
};
use zeroize::Zeroizing;

pub use error::TokenError;
pub(crate) use keep::keep;

/// The most that a token's file may hold, in bytes: more does not fit into a login anyway.
pub const TOKEN_FILE_BYTES_MAX: u64 = 16 * 1024;
/// The longest login: it travels in a short string of AMQP.
const LOGIN_BYTES_MAX: usize = 255;

/// Where the token is, and whose it must be.
#[derive(Clone, Debug)]
pub(crate) struct TokenFile {
    path: PathBuf,
    login: String,
}

/// A token that holds, and its own words on itself.
pub(crate) struct Token {
    pub(crate) secret: Password,
    pub(crate) times: Times,
    login: String,
}

/// When a token was made and when it ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Times {
    from: Timestamp,
    pub(crate) until: Timestamp,
}

impl TokenFile {
    /// Reads the file for the first time: whoever is in it now, is the login from now on.
    pub(crate) fn open(path: PathBuf) -> Result<Self, TokenError> {
        let mut file = Self { path, login: String::new() };
        file.login = file.token(Timestamp::now())?.login;
        Ok(file)
    }

    pub(crate) fn login(&self) -> &str {
        &self.login
    }

    pub(crate) fn folder(&self) -> PathBuf {
        let folder = self.path.parent().filter(|folder| !folder.as_os_str().is_empty());
        folder.map_or_else(|| PathBuf::from("."), PathBuf::from)
    }

    /// What stands in the file now; read beside the runtime's own threads, as the disk may be a slow one.
    pub(crate) async fn read(&self) -> Result<Token, TokenError> {
        let file = self.clone();
        let reading = tokio::task::spawn_blocking(move || file.token(Timestamp::now()));
        let token = reading.await.map_err(|error| self.unreadable(io::Error::other(error)))??;
        if token.login == self.login {
            return Ok(token);
        }
        // RabbitMQ 3.10 would take it, and then refuse every message over its `user_id`.
        Err(TokenError::OtherLogin {
            path: self.path.clone(),
            wanted: self.login.clone(),
            found: token.login,
        })
    }

    fn token(&self, now: Timestamp) -> Result<Token, TokenError> {
        let text = self.text()?;
        let token = Token::parse(text.trim(), now)
            .map_err(|what| TokenError::Malformed { path: self.path.clone(), what })?;
        if token.times.until <= now {
            return Err(TokenError::Expired { path: self.path.clone(), at: token.times.until });
        }
        Ok(token)
    }

    fn text(&self) -> Result<Zeroizing<String>, TokenError> {
        let file = File::open(&self.path).map_err(|cause| self.unreadable(cause))?;
        // Reserved whole: a text that grows leaves copies of the secret behind.
        let mut text = Zeroizing::new(String::with_capacity(TOKEN_FILE_BYTES_MAX as usize + 1));
        file.take(TOKEN_FILE_BYTES_MAX + 1)
            .read_to_string(&mut text)
            .map_err(|cause| self.unreadable(cause))?;
        if text.len() as u64 > TOKEN_FILE_BYTES_MAX {
            return Err(TokenError::TooLarge { path: self.path.clone() });
        }
        Ok(text)
    }

    fn unreadable(&self, cause: io::Error) -> TokenError {
        TokenError::Unreadable { path: self.path.clone(), cause }
    }
}

/// The claims that matter here; numbers may have fractions (RFC 7519 §2).
#[derive(serde::Deserialize)]
struct Claims {
    sub: Option<String>,
    exp: Option<f64>,
    iat: Option<f64>,
}

impl Token {
    /// Takes a token apart. The error says what is wrong and repeats nothing of it.
    fn parse(text: &str, now: Timestamp) -> Result<Self, &'static str> {
        const NO_TOKEN: &str = "is no JSON Web Token: three parts in base64url, joined by dots";
        let parts: Vec<&str> = text.split('.').collect();
        let [_, payload, _] = parts[..] else { return Err(NO_TOKEN) };
        let payload = URL_SAFE_NO_PAD.decode(payload).map_err(|_| NO_TOKEN)?;
        let claims: Claims = serde_json::from_slice(&payload).map_err(|_| NO_TOKEN)?;
        let login = claims.sub.filter(|login| (1..=LOGIN_BYTES_MAX).contains(&login.len()));
        let login = login.ok_or("has no subject (`sub`), which is the login's name")?;
        let until = claims.exp.and_then(instant).ok_or("never ends: it has no `exp`")?;
        let from = claims.iat.and_then(instant).unwrap_or(now).min(until);
        Ok(Self { secret: Password::from(text), times: Times { from, until }, login })
    }
}

impl Times {
    /// How long it still holds.
    pub(crate) fn left(&self, now: Timestamp) -> Duration {
        Duration::try_from(self.until.duration_since(now)).unwrap_or_default()
    }

    /// Its whole life, as a measure for what is soon.
    pub(crate) fn life(&self) -> Duration {
        Duration::try_from(self.until.duration_since(self.from)).unwrap_or_default()
    }
}

fn instant(seconds: f64) -> Option<Timestamp> {
    let since = SignedDuration::try_from_secs_f64(seconds).ok()?;
    Timestamp::from_duration(since).ok()
}

#[cfg(test)]
mod tests;
