//! `valet exit-codes`: the table of exit codes.

use clap::Args;
use serde_json::json;

use crate::context::Context;
use crate::exit::{TABLE, markdown_table};
use crate::failure::Outcome;

/// Print the table of exit codes
///
/// Every verb ends with one of these; the numbers never change their meaning.
#[derive(Debug, Args)]
#[command(after_long_help = markdown_table())]
pub(crate) struct Options {}

impl Options {
    pub(crate) async fn run(self, mut context: Context) -> Outcome {
        if !context.out.is_json() {
            context.out.line(markdown_table().trim_end())?;
            return context.out.flush();
        }
        for (exit, name, what, advice) in TABLE {
            let row = json!({ "code": exit.code(), "name": name, "what": what, "advice": advice });
            context.out.value(&row, |_| String::new())?;
        }
        context.out.flush()
    }
}
