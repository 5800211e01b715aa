//! Job ids from arguments or standard input.

use std::io::BufRead;

use jiff::{SignedDuration, Timestamp};
use valet_broker::Start;
use valet_protocol::JobId;

use crate::exit::Exit;
use crate::failure::{Failure, Outcome};

/// Clocks of producer and broker may differ by this much when the log is searched by time.
const SKEW: SignedDuration = SignedDuration::from_mins(5);

/// Reads ids; `-` reads them from standard input, one a line, the first word of it (so the output of
/// `valet submit` can be piped in).
pub(super) fn read(arguments: &[String]) -> Outcome<Vec<JobId>> {
    let mut ids = Vec::new();
    for argument in arguments {
        if argument == "-" {
            read_lines(std::io::stdin().lock(), &mut ids)?;
        } else {
            ids.push(parse(argument)?);
        }
    }
    if ids.is_empty() {
        return Err(Failure::new(Exit::Usage, "there is no job id")
            .advise("give ids, or - to read them from standard input"));
    }
    Ok(ids)
}

fn read_lines(lines: impl BufRead, ids: &mut Vec<JobId>) -> Outcome {
    for line in lines.lines() {
        let line = line.map_err(|error| Failure::from_error(Exit::Data, &error))?;
        if let Some(word) = line.split_whitespace().next() {
            ids.push(parse(word)?);
        }
    }
    Ok(())
}

pub(super) fn parse(text: &str) -> Outcome<JobId> {
    text.parse().map_err(|error| {
        let shown: String = text.chars().take(48).collect();
        Failure::new(Exit::Usage, format!("{shown:?} is not a job id"))
            .because(error)
            .advise("`valet submit` prints the id of each job it enqueued")
    })
}

/// The log from this time on, clock skew allowed for.
pub(super) fn since(time: Timestamp) -> Start {
    time.checked_sub(SKEW).map_or(Start::First, Start::Since)
}
