//! `valet grant explain`: a grant in words.

use clap::Args;
use jiff::Timestamp;

use super::read_url;
use crate::context::Context;
use crate::failure::Outcome;

/// Say what a grant opens, for whom, until when
///
/// Give the URL as - and pipe it in: arguments can be read by every user of this machine. The answer holds
/// no signature and can be shown around.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// The grant, or - to read it from standard input
    #[arg(value_name = "URL")]
    url: String,
}

impl Options {
    pub(super) fn run(self, mut context: Context) -> Outcome {
        let explanation = valet_grant::explain(&read_url(&self.url)?, Timestamp::now());
        context.out.value(&explanation, |explanation| explanation.to_string().trim_end().to_owned())?;
        context.out.flush()
    }
}
