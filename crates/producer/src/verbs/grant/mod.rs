//! `valet grant`: mint one grant by hand, lint one, explain one.

use std::io::Read;

use clap::{Args, Subcommand};
use valet_grant::GrantUrl;
use zeroize::Zeroizing;

use crate::context::Context;
use crate::exit::Exit;
use crate::failure::{Failure, Outcome};

mod explain;
mod lint;
mod mint;

/// The most that is read from standard input for one URL.
const URL_BYTES_MAX: u64 = 16 * 1024;

/// Mint, lint or explain a single grant
#[derive(Debug, Args)]
pub(crate) struct Options {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    Mint(mint::Options),
    Lint(lint::Options),
    Explain(explain::Options),
}

impl Options {
    pub(crate) async fn run(self, context: Context) -> Outcome {
        match self.what {
            What::Mint(options) => options.run(context),
            What::Lint(options) => options.run(context),
            What::Explain(options) => options.run(context),
        }
    }
}

/// A URL from the command line, or from standard input for `-`.
fn read_url(argument: &str) -> Outcome<GrantUrl> {
    if argument != "-" {
        return Ok(GrantUrl::new(argument.to_owned()));
    }
    let mut text = Zeroizing::new(String::new());
    let read = std::io::stdin().take(URL_BYTES_MAX).read_to_string(&mut text);
    read.map_err(|error| Failure::from_error(Exit::Data, &error).advise("pipe one URL in"))?;
    Ok(GrantUrl::new(text.trim().to_owned()))
}
