//! Jobs as people name them, from arguments or standard input: `ID`, or `LANE/ID`.
//! Must never take one lane's job for another's: partners choose the ids of their own jobs.

use std::io::BufRead;

use clap::Args;
use jiff::{SignedDuration, Timestamp};
use valet_broker::Start;
use valet_protocol::{BadText, JobId, JobKey, Lane};

use crate::exit::Exit;
use crate::failure::{Failure, Outcome};
use crate::follow::{Ledger, store_failure};

/// Clocks of producer and broker may differ by this much when the log is searched by time.
const SKEW: SignedDuration = SignedDuration::from_mins(5);

/// In which lane the named jobs are.
#[derive(Debug, Clone, Default, Args)]
pub(super) struct InLane {
    /// The jobs' lane, where jobs of several lanes have one id; LANE/ID says the same of one job
    #[arg(long = "lane", value_name = "LANE", value_parser = lane)]
    pub(super) lane: Option<Lane>,
}

/// A job as somebody named it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Name {
    pub(super) id: JobId,
    /// Not said: the only one that has a job of this id.
    pub(super) lane: Option<Lane>,
}

impl InLane {
    /// Reads names; `-` reads them from standard input, one a line, the first word of it (so the output of
    /// `valet submit` can be piped in).
    pub(super) fn read(&self, arguments: &[String]) -> Outcome<Vec<Name>> {
        let mut names = read(arguments)?;
        names.iter_mut().for_each(|name| name.lane = name.lane.take().or_else(|| self.lane.clone()));
        Ok(names)
    }

    /// Reads one name.
    pub(super) fn parse(&self, argument: &str) -> Outcome<Name> {
        let name = parse(argument)?;
        Ok(Name { lane: name.lane.or_else(|| self.lane.clone()), ..name })
    }
}

impl Name {
    /// Whether it can mean this job.
    pub(super) fn is_of(&self, job: &JobKey) -> bool {
        self.id == job.id && self.lane.as_ref().is_none_or(|lane| *lane == job.lane)
    }

    /// The one job that is meant out of those of its id, none of which may be known yet.
    pub(super) fn only(&self, known: &[JobKey]) -> Outcome<JobKey> {
        let mut meant: Vec<&JobKey> = known.iter().filter(|job| self.is_of(job)).collect();
        meant.dedup();
        match (&self.lane, meant.as_slice()) {
            (Some(lane), _) => Ok(JobKey::new(lane.clone(), self.id)),
            (None, []) => Ok(JobKey::new(Lane::default(), self.id)),
            (None, [job]) => Ok((*job).clone()),
            (None, several) => {
                let lanes: Vec<_> = several.iter().map(|job| job.lane.as_str()).collect();
                let what = format!("jobs of several lanes have the id {}: {}", self.id, lanes.join(", "));
                Err(Failure::new(Exit::Usage, what).advise("say which one with --lane"))
            }
        }
    }
}

/// The jobs that are meant, as far as an up-to-date store can tell them apart. One that nobody has heard of is of the
/// usual lane.
pub(super) async fn resolve(ledger: &Ledger, names: &[Name]) -> Outcome<Vec<JobKey>> {
    let open: Vec<JobId> = names.iter().filter(|name| name.lane.is_none()).map(|name| name.id).collect();
    let known = ledger.store().named(&open).await.map_err(|error| store_failure(&error))?;
    let of_id = |id: JobId| known.keys().filter(move |job| job.id == id).cloned().collect::<Vec<_>>();
    names.iter().map(|name| name.only(&of_id(name.id))).collect()
}

/// The name of a lane.
pub(super) fn lane(text: &str) -> Result<Lane, BadText> {
    text.parse()
}

fn read(arguments: &[String]) -> Outcome<Vec<Name>> {
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

fn read_lines(lines: impl BufRead, ids: &mut Vec<Name>) -> Outcome {
    for line in lines.lines() {
        let line = line.map_err(|error| Failure::from_error(Exit::Data, &error))?;
        if let Some(word) = line.split_whitespace().next() {
            ids.push(parse(word)?);
        }
    }
    Ok(())
}

/// One name as it stands.
pub(super) fn parse(text: &str) -> Outcome<Name> {
    named(text).map_err(|error| {
        let shown: String = text.chars().take(48).collect();
        Failure::new(Exit::Usage, format!("{shown:?} is not a job id"))
            .because(error)
            .advise("`valet submit` prints the id of each job it enqueued")
    })
}

fn named(text: &str) -> Result<Name, BadText> {
    let (lane, id) = match text.split_once('/') {
        Some((lane, id)) => (Some(lane.parse()?), id),
        None => (None, text),
    };
    Ok(Name { id: id.parse()?, lane })
}

/// The log from this time on, clock skew allowed for.
pub(super) fn since(time: Timestamp) -> Start {
    time.checked_sub(SKEW).map_or(Start::First, Start::Since)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "01920000-0000-7000-8000-000000000001";

    fn key(lane: &str) -> JobKey {
        JobKey::new(lane.parse().expect("a lane"), ID.parse().expect("an id"))
    }

    #[test]
    fn an_id_of_two_lanes_is_no_answer_until_one_is_said() {
        let (open, both) = (parse(ID).expect("a name"), [key("default"), key("acme")]);
        assert_eq!(open.only(&[]).expect("the usual lane"), key("default"));
        assert_eq!(open.only(&both[1..]).expect("the only one"), key("acme"));
        let failure = open.only(&both).expect_err("which of the two").to_string();
        assert!(failure.contains("default, acme") && failure.contains("--lane"), "{failure}");
        let named = parse(&format!("acme/{ID}")).expect("a name");
        assert_eq!(named.only(&both).expect("said"), key("acme"));
        let usual = InLane { lane: Some(Lane::default()) };
        assert_eq!(usual.parse(ID).expect("a name").only(&both[1..]).expect("said"), key("default"));
        assert_eq!(usual.parse(&format!("acme/{ID}")).expect("a name"), named, "the nearer word counts");
    }

    #[test]
    fn a_job_reads_back_as_it_is_shown() {
        for job in [key("default"), key("acme")] {
            let name = parse(&job.to_string()).expect("a name");
            assert_eq!((name.is_of(&job), name.only(std::slice::from_ref(&job)).expect("one")), (true, job));
        }
        for wrong in ["acme/", "/", "a.c/01920000-0000-7000-8000-000000000001", "acme"] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }
}
