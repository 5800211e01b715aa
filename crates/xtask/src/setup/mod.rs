//! `cargo xtask setup`: brings what tests and demo need, and nothing that is there already.
//!
//! Debian and Ubuntu: packages by apt, Azurite by npm with its lock file, a newer ffmpeg by pip with its
//! hashes. Elsewhere it says what to do by hand. It asks for nothing (sudo may, once), and starts no system service.

mod install;
mod machine;
mod plan;
pub(crate) mod release;

use std::process::ExitCode;

use crate::Outcome;
use machine::Machine;
use plan::Plan;

/// Carries the plan out, or only prints it with `--dry-run`.
pub(crate) fn run(arguments: &[String]) -> Outcome {
    let machine = Machine::look();
    let plan = Plan::make(&machine, false);
    match arguments {
        [] => {
            carry_out(&plan)?;
            println!("everything is there: {}", machine::NEEDS);
        }
        [only] if only == "--dry-run" => print!("{plan}"),
        _ => return Err("it takes no argument but --dry-run".to_owned()),
    }
    Ok(ExitCode::SUCCESS)
}

/// Sets up what is missing, without a word when nothing is. With `services_given`, RabbitMQ and Azurite run
/// elsewhere and are not needed here.
pub(crate) fn ensure(services_given: bool) -> Result<(), String> {
    carry_out(&Plan::make(&Machine::look(), services_given))
}

fn carry_out(plan: &Plan) -> Result<(), String> {
    if plan.is_empty() {
        return Ok(());
    }
    eprint!("{plan}");
    install::install(plan)
}
