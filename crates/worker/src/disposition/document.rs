//! The tables of `docs/job-lifecycle.md`, printed from the very data that decides.

use std::fmt::Write as _;

use super::{Case, Class, STAGES, Standing, Verdict, verdict};

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

fn told(class: Class) -> &'static str {
    match class {
        Class::Done => "`succeeded`",
        Class::Cancelled => "`cancelled`",
        Class::Permanent => "`failed`",
        Class::Transient => "`retrying`; behind the last stage `dead`",
        Class::Expired => "`expired` with the remints left",
        Class::Lost => "`dead`",
        Class::HandedBack | Class::TakenBack => "nothing",
    }
}
