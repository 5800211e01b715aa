//! `valet partner`: what a partner needs of us.

use clap::{Args, Subcommand};
use valet_protocol::{Lane, LaneKind};

use crate::context::Context;
use crate::failure::Outcome;
use crate::verbs::lane::{list, pause};

mod add;
mod check;
mod handout;
mod printed;
mod remove;
mod rotate;
mod token;
mod validate;

/// Give partners what they need to enqueue jobs of their own
///
/// All but check, token and validate need an administrator of RabbitMQ: broker.management_url, broker.admin_username and
/// broker.admin_password.
#[derive(Debug, Args)]
pub(crate) struct Options {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    Add(add::Options),
    /// List partners' lanes: state, ceilings, and how many messages wait
    Ls,
    /// Show all that a partner is allowed
    Show {
        /// The lane
        #[arg(value_name = "LANE")]
        lane: Lane,
    },
    Check(check::Options),
    Rotate(rotate::Options),
    /// Serve a partner no more; its messages are kept, and it may go on publishing until its lane is full
    Pause(pause::Options),
    /// Serve a paused partner again
    Resume(pause::Options),
    Remove(remove::Options),
    Token(token::Options),
    Validate(validate::Options),
}

impl Options {
    pub(crate) async fn run(self, mut context: Context) -> Outcome {
        let partner = Some(LaneKind::Partner);
        match self.what {
            What::Add(options) => options.run(context).await,
            What::Ls => list::all(&mut context, |record| record.kind == LaneKind::Partner).await,
            What::Show { lane } => list::one(&mut context, &lane, partner).await,
            What::Check(options) => options.run(context).await,
            What::Rotate(options) => options.run(context).await,
            What::Pause(options) => options.pause(context, partner).await,
            What::Resume(options) => options.resume(context, partner).await,
            What::Remove(options) => options.run(context).await,
            What::Token(options) => options.run(context),
            What::Validate(options) => options.run(context),
        }
    }
}
