//! `valet man`: writes man pages for packagers.

use std::path::PathBuf;

use clap::Args;

use crate::context::Context;
use crate::exit::Exit;
use crate::failure::{Failure, Outcome};

/// Write the man pages of all verbs into a folder
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// An existing folder
    #[arg(value_name = "FOLDER")]
    folder: PathBuf,
}

impl Options {
    pub(crate) async fn run(self, mut context: Context) -> Outcome {
        let written = clap_mangen::generate_to(crate::cli::command(), &self.folder);
        written.map_err(|error| {
            Failure::new(Exit::Data, format!("cannot write man pages into {}", self.folder.display()))
                .because(error)
                .advise("name a folder that exists and can be written to")
        })?;
        context.out.line(self.folder.display())?;
        context.out.flush()
    }
}
