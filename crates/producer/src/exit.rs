//! The exit codes of `valet`: one table, from which `valet help exit-codes` is printed and against which
//! `docs/exit-codes.md` is tested. Must never grow a code that the table does not explain.

use std::fmt::Write as _;

/// How a `valet` process ends. The numbers are a promise to scripts and never change meaning.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Exit {
    /// Everything asked for was done.
    Ok,
    /// At least one job did not succeed, or a check found something wrong.
    JobFailed,
    /// The command line could not be understood.
    Usage,
    /// Settings are missing, unknown or wrong.
    Config,
    /// Data given to the command is wrong: a manifest, a grant, a preset's parameter, a dead letter.
    Data,
    /// The broker, the storage or the status store could not be reached, or stopped answering.
    Unavailable,
    /// A mistake in Valet itself.
    Internal,
    /// The time given with `--timeout` ran out; asking again may succeed.
    Timeout,
    /// The broker or the storage refused a login, a key or a right.
    Permission,
}

/// One row: code, name, what happened, what to do.
pub type Row = (Exit, &'static str, &'static str, &'static str);

/// The whole table, in order of the numbers.
pub const TABLE: [Row; 9] = [
    (Exit::Ok, "ok", "everything asked for was done", "nothing"),
    (
        Exit::JobFailed,
        "job-failed",
        "at least one job did not succeed, or had ended before it could be cancelled; or a check found something wrong",
        "read the reason in the output; `valet status ID`, `valet dead show ID`",
    ),
    (Exit::Usage, "usage", "the command line could not be understood", "`valet help VERB`"),
    (
        Exit::Config,
        "config",
        "settings are missing, unknown or wrong (all of them are listed)",
        "set them by --set, VALET_… or valet.toml",
    ),
    (
        Exit::Data,
        "data",
        "data is wrong: manifest, blob name, template, preset parameter, wall limit, grant, dead letter",
        "correct the lines or values that the message names; nothing of it was enqueued",
    ),
    (
        Exit::Unavailable,
        "unavailable",
        "the broker, the storage or the status store could not be reached or stopped answering",
        "`valet doctor`; then the same command again (with the same --idempotency-key)",
    ),
    (
        Exit::Internal,
        "internal",
        "a mistake in Valet itself",
        "report it with the message and `valet --version`",
    ),
    (
        Exit::Timeout,
        "timeout",
        "the time given with --timeout ran out; the jobs go on",
        "`valet wait ID` again, or a longer --timeout",
    ),
    (
        Exit::Permission,
        "permission",
        "the broker or the storage refused a login, a key or a right",
        "check the login or key with `valet doctor`; `valet topology declare` renews the broker logins",
    ),
];

impl Exit {
    /// The number the process ends with.
    pub const fn code(self) -> u8 {
        match self {
            Self::Ok => 0,
            Self::JobFailed => 1,
            Self::Usage => 2,
            Self::Config => 64,
            Self::Data => 65,
            Self::Unavailable => 69,
            Self::Internal => 70,
            Self::Timeout => 75,
            Self::Permission => 77,
        }
    }
}

impl From<Exit> for std::process::ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

/// The table as Markdown, as `docs/exit-codes.md` and `valet help exit-codes` show it.
pub fn markdown_table() -> String {
    let mut text = String::from("| code | name | what happened | what to do |\n|---|---|---|---|\n");
    for (exit, name, what, advice) in TABLE {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "| {} | {name} | {what} | {advice} |", exit.code());
    }
    text
}
