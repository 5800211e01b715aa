//! What both `token` verbs share: the signing key, how long a token lives, and where it goes.
//! Must never print a token together with anything else, nor leave one readable by others.

use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use jiff::Timestamp;
use valet_broker::topology::Scopes;

use super::options::duration;
use crate::config::{Needs, OauthSettings};
use crate::context::{Context, parse_broker_url};
use crate::exit::Exit;
use crate::failure::{Failure, Outcome};
use crate::token::{BrokerToken, Claims, SigningKey, TokenError};

/// How long, and whereto.
#[derive(Debug, Args)]
pub(super) struct Issue {
    /// How long it lives: 1m to 168h
    #[arg(long = "for", value_name = "DURATION", value_parser = duration)]
    lifetime: Duration,
    /// Write it to this file, readable by you alone, instead of standard output
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

/// Signs for one vhost of one broker.
pub(super) struct Issuer {
    key: SigningKey,
    settings: OauthSettings,
    vhost: String,
}

impl Issuer {
    /// Reads the settings and the key.
    pub(super) fn open(context: &Context) -> Outcome<Self> {
        let config = context.config(Needs { tokens: true, ..Needs::default() })?;
        let vhost = parse_broker_url(config.broker_url.as_deref().unwrap_or_default())?.vhost().to_owned();
        let settings = config.oauth.ok_or_else(|| {
            Failure::new(Exit::Config, "this needs a key that signs broker tokens")
                .advise("set oauth.signing_key_file")
        })?;
        let key = SigningKey::from_pem(settings.signing_key.expose_secret()).map_err(|error| {
            Failure::new(Exit::Config, "oauth.signing_key_file holds no usable key")
                .because(&error)
                .advise(error.advice())
        })?;
        Ok(Self { key, settings, vhost })
    }

    /// Writes scopes for its vhost.
    pub(super) fn scopes(&self) -> Scopes {
        Scopes::new(&self.settings.resource_server_id, &self.vhost)
    }

    /// Signs a token for `login` and hands it over.
    pub(super) fn issue(
        &self,
        context: &mut Context,
        issue: &Issue,
        login: &str,
        scopes: Vec<String>,
    ) -> Outcome {
        let claims = Claims {
            login: login.to_owned(),
            scopes,
            audience: self.settings.resource_server_id.clone(),
            lifetime: issue.lifetime,
            id: uuid::Uuid::new_v4().to_string(),
        };
        let token = BrokerToken::sign(&self.key, &self.settings.key_id, &claims, Timestamp::now());
        let token = token.map_err(|error| refused(&error))?;
        let mut value = serde_json::json!({
            "login": claims.login, "expires_at": token.expires_at().to_string(), "scopes": claims.scopes,
        });
        match &issue.out {
            Some(path) => {
                write_private(path, token.expose_token()).map_err(|error| unwritten(path, &error))?;
                value["file"] = path.display().to_string().into();
                let told = format!("{}: login {login} until {}", path.display(), token.expires_at());
                context.out.value(&value, |_| told)?;
            }
            None => {
                value["token"] = token.expose_token().into();
                context.out.value(&value, |_| token.expose_token().to_owned())?;
            }
        }
        context.out.flush()
    }
}

fn refused(error: &TokenError) -> Failure {
    let exit = match error {
        TokenError::Lifetime { .. } => Exit::Usage,
        _ => Exit::Data,
    };
    Failure::from_error(exit, error).advise(error.advice())
}

fn unwritten(path: &Path, error: &std::io::Error) -> Failure {
    Failure::new(Exit::Data, format!("cannot write {}", path.display()))
        .because(error)
        .advise("name a file in a folder that you may write to")
}

/// Written beside and renamed: a program that reads it while it changes sees the old one or the new one whole.
fn write_private(path: &Path, text: &str) -> std::io::Result<()> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".new");
    let beside = path.with_file_name(name);
    // One that a crash left behind may have other rights.
    let _ = std::fs::remove_file(&beside);
    let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&beside)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    std::fs::rename(&beside, path)
}
