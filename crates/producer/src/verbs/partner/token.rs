//! `valet partner token`: a login to one lane that dies by itself.

use clap::Args;
use valet_broker::topology::LaneScope;
use valet_protocol::Lane;

use crate::context::Context;
use crate::failure::Outcome;
use crate::verbs::token::{Issue, Issuer};

/// Sign a short-lived broker login for one lane
///
/// The token on standard output is the right itself: whoever has it, can publish to the lane until it expires,
/// and nothing recalls it. Give it to the broker in place of a password. The broker must have its OAuth 2
/// plugin switched on and know the public half of oauth.signing_key_file.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// The lane: also the login's name
    #[arg(value_name = "LANE")]
    lane: Lane,
    /// Allow high priority as well: the lane's ceiling must be high
    #[arg(long)]
    high: bool,
    /// Allow reading the lane's own reports as well
    #[arg(long)]
    reports: bool,
    #[command(flatten)]
    issue: Issue,
}

impl Options {
    pub(super) fn run(self, mut context: Context) -> Outcome {
        let issuer = Issuer::open(&context)?;
        let scopes = issuer.scopes().of_lane(&self.lane, LaneScope { high: self.high, reports: self.reports });
        issuer.issue(&mut context, &self.issue, self.lane.as_str(), scopes)
    }
}
