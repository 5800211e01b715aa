//! `valet partner`: what a partner needs of us.

use clap::{Args, Subcommand};

use crate::context::Context;
use crate::failure::Outcome;

mod token;
mod validate;

/// Give partners what they need to enqueue jobs of their own
#[derive(Debug, Args)]
pub(crate) struct Options {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    Token(token::Options),
    Validate(validate::Options),
}

impl Options {
    pub(crate) async fn run(self, context: Context) -> Outcome {
        match self.what {
            What::Token(options) => options.run(context),
            What::Validate(options) => options.run(context),
        }
    }
}
