//! The verbs: one file each, and one line each in the list below. A verb reads its options, calls the
//! library, and writes what came out. Must never hold logic that a service using the library would miss.

use clap::Subcommand;

use crate::context::Context;
use crate::failure::Outcome;

mod comparing;
mod ending;
mod enqueue;
mod ids;
mod options;
mod text;
mod token;
mod unverified;

/// Makes the enum of verbs and its dispatch out of one line each.
macro_rules! verbs {
    ($($(#[$attribute:meta])* $name:ident in $module:ident;)*) => {
        $(mod $module;)*

        /// What `valet` does.
        #[derive(Debug, Subcommand)]
        pub(crate) enum Verb {
            $($(#[$attribute])* $name($module::Options),)*
        }

        impl Verb {
            /// Does it.
            pub(crate) async fn run(self, context: Context) -> Outcome {
                match self {
                    $(Self::$name(options) => Box::pin(options.run(context)).await,)*
                }
            }
        }
    };
}

verbs! {
    Submit in submit;
    Run in run;
    Wait in wait;
    Status in status;
    List in list;
    Collect in collect;
    Events in events;
    Cancel in cancel;
    Retry in retry;
    Reminter in reminter;
    Grant in grant;
    Fleet in fleet;
    Preset in preset;
    Partner in partner;
    Lane in lane;
    Dead in dead;
    Topology in topology;
    Doctor in doctor;
    Completions in completions;
    ExitCodes in exit_codes;
    #[command(hide = true)]
    Man in man;
}
