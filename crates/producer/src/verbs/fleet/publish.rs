//! `valet fleet publish`: the public list, checked, as partners get it.

use clap::Args;

use super::{PublicList, files};
use crate::context::Context;
use crate::exit::Exit;
use crate::failure::{Failure, Outcome};

/// Check the list of public keys and print it, to be handed to partners
///
/// Grants are sealed to its first key; the others are opened too. The list is no secret, but must reach partners
/// unchanged: whoever can put a key of their own into it can open what is sealed to that key.
#[derive(Debug, Args)]
pub(super) struct Options {
    #[command(flatten)]
    list: PublicList,
}

impl Options {
    pub(super) fn run(self, mut context: Context) -> Outcome {
        let path = self.list.path(&context)?;
        let list = files::read_public(&path)?;
        if list.first().is_none() {
            let what = format!("{} is not there", path.display());
            return Err(Failure::new(Exit::Data, what).advise("`valet fleet keygen` makes the first key"));
        }
        context.out.line(list.to_json().trim_end())?;
        context.out.flush()
    }
}
