//! `valet fleet keygen`: the fleet's first key.

use std::path::PathBuf;

use clap::Args;
use serde_json::json;
use valet_seal::FleetPrivateKeys;

use super::{PublicList, files, parse_kid};
use crate::context::Context;
use crate::exit::Exit;
use crate::failure::{Failure, Outcome};

/// Make a key: the private half for workers, the public half for the list
///
/// The private file gets mode 0600 and belongs on the workers alone (worker.fleet_key_files), in a folder of its
/// own. Whoever holds it can open every sealed grant until that grant dies. A file that is there is not touched:
/// `valet fleet rotate` adds a key to it.
#[derive(Debug, Args)]
pub(super) struct Options {
    /// Where the private key goes; the file must not be there yet
    #[arg(long, value_name = "FILE")]
    private: PathBuf,
    #[command(flatten)]
    list: PublicList,
    /// The key's name (default: its thumbprint)
    #[arg(long, value_name = "NAME", value_parser = parse_kid)]
    kid: Option<String>,
}

impl Options {
    pub(super) fn run(self, mut context: Context) -> Outcome {
        let public = self.list.path(&context)?;
        if self.private.try_exists().unwrap_or(true) {
            let what = format!("{} is there already", self.private.display());
            return Err(Failure::new(Exit::Data, what).advise("`valet fleet rotate` adds a key to it"));
        }
        let mut list = files::read_public(&public)?;
        let key = files::generate(self.kid.as_deref())?;
        list.add(key.public()).map_err(|error| files::of_key(&error))?;
        let kid = key.kid().to_owned();
        let mut keys = FleetPrivateKeys::default();
        keys.add(key).map_err(|error| files::of_key(&error))?;
        // The private half first: a public one without it would seal what nobody opens.
        files::write_private(&self.private, &keys)?;
        files::write_public(&public, &list)?;
        let value = json!({ "kid": kid, "private": self.private, "public": public });
        context.out.value(&value, |_| {
            format!(
                "{kid}\n  private half  {} (workers: worker.fleet_key_files)\n  public list   {} (producers: fleet.public_keys_file; partners: `valet fleet publish`)",
                self.private.display(),
                public.display()
            )
        })?;
        context.out.flush()
    }
}
