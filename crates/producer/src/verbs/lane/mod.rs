//! `valet lane`: every lane, whose turn it is, and our own ones.

use clap::{Args, Subcommand};

use crate::context::Context;
use crate::failure::Outcome;

pub(super) mod add;
pub(super) mod desk;
pub(super) mod list;
pub(super) mod pause;
pub(super) mod terms;

/// List lanes, add one of your own, pause and resume
///
/// Needs an administrator of RabbitMQ, like `valet topology`.
#[derive(Debug, Args)]
pub(crate) struct Options {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// List every lane: whose it is, its state, its ceilings, and how many messages wait
    Ls,
    Add(Box<add::Options>),
    /// Serve a lane no more; its messages are kept, and its publishers may go on until it is full
    Pause(pause::Options),
    /// Serve a paused lane again
    Resume(pause::Options),
}

impl Options {
    pub(crate) async fn run(self, mut context: Context) -> Outcome {
        match self.what {
            What::Ls => list::all(&mut context, |_| true).await,
            What::Add(options) => options.run(context).await,
            What::Pause(options) => options.pause(context, None).await,
            What::Resume(options) => options.resume(context, None).await,
        }
    }
}
