//! `valet fleet`: the keys that grants are sealed to. The private ones are for workers alone; this program makes
//! them and hands them over in a file, and opens nothing.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use crate::config::Needs;
use crate::context::Context;
use crate::exit::Exit;
use crate::failure::{Failure, Outcome};

mod files;
mod keygen;
mod publish;
mod rotate;

/// Make, hand out and change the keys that grants are sealed to
#[derive(Debug, Args)]
pub(crate) struct Options {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    Keygen(keygen::Options),
    Publish(publish::Options),
    Rotate(rotate::Options),
}

impl Options {
    pub(crate) async fn run(self, context: Context) -> Outcome {
        match self.what {
            What::Keygen(options) => options.run(context),
            What::Publish(options) => options.run(context),
            What::Rotate(options) => options.run(context),
        }
    }
}

/// The fleet's public list.
#[derive(Debug, Args)]
struct PublicList {
    /// The list of public keys, a JWK Set (default: the setting fleet.public_keys_file)
    #[arg(long, value_name = "FILE")]
    public: Option<PathBuf>,
}

impl PublicList {
    fn path(self, context: &Context) -> Outcome<PathBuf> {
        if let Some(path) = self.public {
            return Ok(path);
        }
        let config = context.config(Needs::default())?;
        config.fleet.public_keys_file.ok_or_else(|| {
            Failure::new(Exit::Config, "no file for the fleet's public keys is named")
                .advise("--public FILE, or set fleet.public_keys_file")
        })
    }
}

/// The name that a new key may be given.
fn parse_kid(text: &str) -> Result<String, &'static str> {
    match valet_seal::FleetPrivateKey::may_be_named(text) {
        true => Ok(text.to_owned()),
        false => Err("a key's name is 1 to 64 characters out of A-Z a-z 0-9 . _ ~ -"),
    }
}
