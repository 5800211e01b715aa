//! `valet completions`: a script for the shell.

use clap::Args;
use clap_complete::Shell;

use crate::context::Context;
use crate::exit::Exit;
use crate::failure::{Failure, Outcome};

/// Print a completion script for a shell
///
/// For example: valet completions bash > ~/.local/share/bash-completion/completions/valet
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// The shell
    #[arg(value_enum)]
    shell: Shell,
}

impl Options {
    pub(crate) async fn run(self, mut context: Context) -> Outcome {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut crate::cli::command(), "valet", &mut script);
        let script = String::from_utf8(script).map_err(|error| Failure::from_error(Exit::Internal, &error))?;
        context.out.line(script.trim_end())?;
        context.out.flush()
    }
}
