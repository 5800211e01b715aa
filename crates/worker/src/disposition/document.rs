//! The tables of `docs/job-lifecycle.md`, printed from the very data that decides.

use std::fmt::Write as _;

use jiff::Timestamp;
use valet_broker::LeaseLoss;
use valet_protocol::{Stored, Success, Timings};

use super::{Case, Class, End, STAGES, Standing, Verdict, decide, verdict};
use crate::cause::Cause;

/// Both tables as markdown: what follows of each class, and the rows.
#[must_use]
pub fn tables() -> String {
    let mut page = String::from("| class | first stage | last stage | told |\n|---|---|---|---|\n");
    for class in Class::ALL {
        let Some(case) = Case::ALL.iter().copied().find(|case| case.class() == class) else { continue };
        let at = |stage| settled(class, |remints| verdict(case, &standing(stage, remints)));
        let _ = writeln!(page, "| {} | {} | {} | {} |", class.name(), at(1), at(STAGES), told(class));
    }
    page.push_str("\n| what happened | class | reason |\n|---|---|---|\n");
    for case in Case::ALL {
        let reason = case.reason().map_or("–".to_owned(), |reason| format!("`{reason}`"));
        let _ = writeln!(page, "| {} | {} | {reason} |", case.cause(), case.class().name());
    }
    page
}

fn standing(stage: u32, remints: u32) -> Standing {
    Standing { attempt: stage, stage, remints, delays_seconds: [30, 300], may_hand_back: true }
}

/// What is done, with both answers where remints make a difference.
fn settled(class: Class, verdict: impl Fn(u32) -> Verdict) -> String {
    match (verdict(0), verdict(1)) {
        (without, with) if without == with => words(class, without),
        (without, with) => format!("{}; without remints {}", words(class, with), words(class, without)),
    }
}

fn words(class: Class, verdict: Verdict) -> String {
    match verdict {
        Verdict::Ack => "off the queue".to_owned(),
        Verdict::Retry { .. } => "again in the next stage, after its delay".to_owned(),
        Verdict::DeadLetter { reason } if class == Class::Transient => format!("dead letter `{reason}`"),
        Verdict::DeadLetter { .. } => "dead letter with its reason".to_owned(),
        Verdict::Expired { .. } => "to `expired`, for new grants".to_owned(),
        Verdict::HandBack => "back in its queue at once".to_owned(),
        Verdict::Silence => "nothing: it is not ours".to_owned(),
    }
}

/// Kinds of the reports that are decided upon, in a first stage and in the last one where that makes a difference.
fn told(class: Class) -> String {
    let at = |stage| {
        let report = decide(an_end(class), &standing(stage, 1)).report;
        report.map_or("nothing".to_owned(), |report| format!("`{}`", report.kind().word()))
    };
    match (at(1), at(STAGES)) {
        (first, last) if first == last => first,
        (first, last) => format!("{first}; behind the last stage {last}"),
    }
}

/// An end of this class.
fn an_end(class: Class) -> End {
    End::Failed(match class {
        Class::Done => return End::Succeeded(Box::new(a_success())),
        Class::Cancelled => return End::Cancelled(String::new()),
        Class::HandedBack => return End::HandedBack,
        Class::TakenBack => return End::TakenBack(LeaseLoss { cause: String::new() }),
        Class::Permanent => Cause::InputEmpty,
        Class::Transient => Cause::HandedBackTooOften,
        Class::Expired => Cause::TooLate(Timestamp::UNIX_EPOCH),
        Class::Lost => Cause::WorkerLost { deliveries: None },
    })
}

fn a_success() -> Success {
    Success {
        stored: Stored::Created,
        output: String::new().into(),
        content_type: String::new().into(),
        input_bytes: 0,
        output_bytes: None,
        sha256: None,
        md5: None,
        media: None,
        timings: Timings::default(),
        codec_version: String::new().into(),
        jail: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_that_stands_for_a_class_is_of_that_class() {
        for class in Class::ALL {
            assert_eq!(decide(an_end(class), &standing(1, 1)).case.class(), class);
        }
    }

    #[test]
    fn what_is_told_of_a_class_is_what_is_decided() {
        let all = Class::ALL.map(|class| (class.name(), told(class)));
        let expected = [
            ("done", "`succeeded`"),
            ("cancelled", "`cancelled`"),
            ("permanent", "`failed`"),
            ("transient", "`retrying`; behind the last stage `dead`"),
            ("expired", "`expired`"),
            ("lost", "`dead`"),
            ("handed back", "nothing"),
            ("taken back", "nothing"),
        ];
        assert_eq!(all, expected.map(|(class, told)| (class, told.to_owned())));
    }
}
