//! `valet grant mint`: one grant, printed in the clear because that is what was asked for.

use clap::Args;
use jiff::Timestamp;
use valet_grant::{GrantUrl, Rights};
use valet_mint::{GrantSpec, Resource, SasVersion};

use crate::address::BlobAddress;
use crate::config::Needs;
use crate::context::Context;
use crate::exit::Exit;
use crate::failure::{Failure, Outcome};
use crate::verbs::options::duration;

/// Mint one grant and print its URL
///
/// The URL on standard output is the right itself: whoever has it, can use it until it expires. Jobs need
/// none of this; `valet submit` mints for them.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// container/blob, or a blob container alone for tools that list
    #[arg(value_name = "TARGET")]
    target: String,
    /// Rights as Azure's letters: r read, c create, w write, d delete, l list (blob container) …
    #[arg(long, value_name = "LETTERS", default_value = "r")]
    rights: String,
    /// How long it lives
    #[arg(long, value_name = "DURATION", default_value = "1h", value_parser = duration)]
    ttl: std::time::Duration,
    /// Open this snapshot of the blob only
    #[arg(long, value_name = "TIME", conflicts_with = "version_id")]
    snapshot: Option<String>,
    /// Open this version of the blob only
    #[arg(long, value_name = "ID")]
    version_id: Option<String>,
    /// Version of the SAS format
    #[arg(long, value_name = "DATE")]
    sas_version: Option<String>,
    /// Stored access policy of the blob container
    #[arg(long, value_name = "ID", default_value = "")]
    policy_id: String,
}

impl Options {
    pub(super) fn run(self, mut context: Context) -> Outcome {
        let config = context.config(Needs { storage: true, ..Needs::default() })?;
        let signer = config.signer()?;
        let target = Target::parse(&self.target)?;
        let rights = Rights::parse(&self.rights).map_err(|error| {
            Failure::from_error(Exit::Data, &error).advise("letters in Azure's order, each once: racwdxltmeop")
        })?;
        let now = Timestamp::now();
        let expiry = now.checked_add(self.ttl).unwrap_or(Timestamp::MAX);
        let mut spec = GrantSpec::new(self.resource(&target)?, rights, now, expiry);
        spec.policy_id = &self.policy_id;
        if let Some(version) = &self.sas_version {
            spec.version = SasVersion::parse(version).map_err(|error| Failure::from_error(Exit::Data, &error))?;
        }
        if !signer.account().is_https() {
            spec = spec.over_http_too();
        }
        let url = signer.mint(&spec).map_err(|error| {
            let advice = error.advice();
            Failure::from_error(Exit::Data, &error).advise(advice)
        })?;
        print(&mut context, &url, expiry)
    }

    fn resource<'a>(&'a self, target: &'a Target) -> Outcome<Resource<'a>> {
        let pinned = self.snapshot.is_some() || self.version_id.is_some();
        Ok(match target {
            Target::Container(_) if pinned => {
                return Err(Failure::new(Exit::Usage, "a blob container has no snapshot or version")
                    .advise("name one blob: container/blob"));
            }
            Target::Container(container) => Resource::Container { container },
            Target::Blob(address) => {
                let (container, blob) = (address.container(), address.blob());
                match (&self.snapshot, &self.version_id) {
                    (Some(snapshot), _) => Resource::Snapshot { container, blob, snapshot },
                    (None, Some(version)) => Resource::Version { container, blob, version },
                    (None, None) => Resource::Blob { container, blob },
                }
            }
        })
    }
}

enum Target {
    Container(String),
    Blob(BlobAddress),
}

impl Target {
    fn parse(text: &str) -> Outcome<Self> {
        if !text.contains('/') {
            return Ok(Self::Container(text.to_owned()));
        }
        BlobAddress::from_text(text.to_owned()).map(Self::Blob).map_err(|error| {
            let advice = error.advice();
            Failure::from_error(Exit::Data, &error).advise(advice)
        })
    }
}

/// The one place of `valet` that prints a signature.
fn print(context: &mut Context, url: &GrantUrl, expiry: Timestamp) -> Outcome {
    let value = serde_json::json!({ "url": url.expose_url(), "expiry": expiry.to_string() });
    context.out.value(&value, |_| url.expose_url().to_owned())?;
    context.out.flush()
}
