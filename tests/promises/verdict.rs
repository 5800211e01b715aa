//! What every job that failed must leave: a reason, words, and a dead letter that says the same.

use serde_json::Value;
use valet_testkit::wait_for;

use crate::stage::{COMMAND_TIMEOUT, Stage};

/// Waits for the job's end, and checks that report and dead letter give the same reason and a remedy.
#[track_caller]
pub(crate) fn expect_dead(stage: &Stage<'_>, id: &str, state: &str, reason: &str) -> Value {
    let end = stage.wait(1, id);
    assert_eq!((end["state"].as_str(), end["reason"].as_str()), (Some(state), Some(reason)), "{end:#}");
    expect_letter(stage, id, &end);
    end
}

/// Waits for the job's end, which must be a failure with one of these reasons, and returns it.
#[track_caller]
pub(crate) fn expect_failed(stage: &Stage<'_>, id: &str, reasons: &[&str]) -> Value {
    let end = stage.wait(1, id);
    assert_eq!(end["state"], "failed", "{end:#}");
    assert!(
        end["reason"].as_str().is_some_and(|told| reasons.contains(&told)),
        "none of {reasons:?}: {end:#}"
    );
    expect_letter(stage, id, &end);
    end
}

/// Nothing was stored.
#[track_caller]
pub(crate) fn expect_nothing_stored(stage: &Stage<'_>) {
    assert_eq!(stage.storage.list(&stage.output), [""; 0], "nothing may be stored");
}

/// The report tells what happened, and the dead letter the same reason.
#[track_caller]
fn expect_letter(stage: &Stage<'_>, id: &str, end: &Value) {
    assert!(end["detail"].as_str().is_some_and(|detail| !detail.is_empty()), "{end:#}");
    let letter = letter(stage, id);
    assert_eq!(letter["reason"], end["reason"], "{letter:#}");
}

#[track_caller]
fn letter(stage: &Stage<'_>, id: &str) -> Value {
    wait_for(&format!("the dead letter of {id}"), COMMAND_TIMEOUT, || {
        let letters = stage.dead();
        letters.iter().find(|letter| letter["id"] == id).cloned().ok_or_else(|| format!("{letters:?}"))
    })
}
