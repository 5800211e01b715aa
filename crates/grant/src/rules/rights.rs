//! Rules about what the token allows. An input is read, an output is created; each may do nothing else.

use super::Entry;
use crate::audit::Subject;
use crate::cause::Cause;
use crate::finding::{Finding, Rule, Severity};
use crate::grant::Role;
use crate::right::{Right, Rights};
use crate::token::Field;

const READ_ONLY: &str = "mint the input with `sp=r`";
const CREATE_ONLY: &str = "mint the output with `sp=c`";

pub(super) const SAS004: Entry = Entry {
    rule: Rule::Sas004,
    id: "SAS004",
    title: "input grant does more, or less, than read",
    severity: Severity::Critical,
    reason: "A worker that can change its input can destroy what it was trusted with.",
    check: input_rights,
};

fn input_rights(subject: &Subject<'_>) -> Vec<Finding> {
    let Some(rights) = rights_of(subject, Role::Input) else { return Vec::new() };
    let extra = rights.without(Right::Read.into());
    let mut findings = Vec::new();
    if !extra.is_empty() {
        let message = format!("the input may also {} (`sp` holds `{extra}`)", extra.words());
        findings.push(Finding::new(Rule::Sas004, message, READ_ONLY));
    }
    if !rights.contains(Right::Read) {
        findings.push(Finding::new(Rule::Sas004, "the input may not be read", READ_ONLY).at(Severity::High));
    }
    findings.into_iter().map(|finding| finding.always().because(Cause::Rights)).collect()
}

pub(super) const SAS005: Entry = Entry {
    rule: Rule::Sas005,
    id: "SAS005",
    title: "output grant does more, or less, than create",
    severity: Severity::Critical,
    reason: "The right to create one blob cannot read, list, delete or replace anything; all else can.",
    check: output_rights,
};

fn output_rights(subject: &Subject<'_>) -> Vec<Finding> {
    let Some(rights) = rights_of(subject, Role::Output) else { return Vec::new() };
    let creating: Rights = [Right::Create, Right::Write].into_iter().collect();
    // Appending and tagging touch the new blob alone; every other right reaches what was there before.
    let mild: Rights = [Right::Add, Right::Tag].into_iter().collect();
    let extra = rights.without(creating);
    let mut findings = Vec::new();
    if !extra.is_empty() {
        let message = format!("the output may also {} (`sp` holds `{extra}`)", extra.words());
        let finding = Finding::new(Rule::Sas005, message, CREATE_ONLY);
        let critical = !extra.without(mild).is_empty();
        findings.push(if critical { finding.always() } else { finding.at(Severity::High) });
    }
    if rights.common(creating).is_empty() {
        let finding = Finding::new(Rule::Sas005, "the output may not be created", CREATE_ONLY);
        findings.push(finding.at(Severity::High).always());
    }
    findings.into_iter().map(|finding| finding.because(Cause::Rights)).collect()
}

pub(super) const SAS006: Entry = Entry {
    rule: Rule::Sas006,
    id: "SAS006",
    title: "output grant may overwrite",
    severity: Severity::High,
    reason: "`w` replaces what is there, sets tier and tags and can take an endless lease; `c` is enough for one Put Blob.",
    check: overwrite,
};

fn overwrite(subject: &Subject<'_>) -> Vec<Finding> {
    let writes = rights_of(subject, Role::Output).is_some_and(|rights| rights.contains(Right::Write));
    let message = "the output may be overwritten (`sp` holds `w`)";
    let finding = writes.then(|| Finding::new(Rule::Sas006, message, CREATE_ONLY).because(Cause::Rights));
    finding.into_iter().collect()
}

pub(super) const SAS008: Entry = Entry {
    rule: Rule::Sas008,
    id: "SAS008",
    title: "one token reads and writes",
    severity: Severity::High,
    reason: "Reading and writing are two grants on two blobs; one token for both ties a leak to a change.",
    check: both,
};

fn both(subject: &Subject<'_>) -> Vec<Finding> {
    let rights = subject.token.rights();
    let writing: Rights = [Right::Add, Right::Create, Right::Write].into_iter().collect();
    let mixed = rights.contains(Right::Read) && !rights.common(writing).is_empty();
    let (message, advice) =
        ("one token both reads and writes", "mint one grant to read and another to create");
    mixed.then(|| Finding::new(Rule::Sas008, message, advice).because(Cause::Rights)).into_iter().collect()
}

pub(super) const SAS015: Entry = Entry {
    rule: Rule::Sas015,
    id: "SAS015",
    title: "rights misspelled",
    severity: Severity::Medium,
    reason: "Azure refuses letters in the wrong order, twice or unknown; the emulator takes them.",
    check: spelling,
};

fn spelling(subject: &Subject<'_>) -> Vec<Finding> {
    let spelled = subject.token.spelled_rights();
    let right_order = format!("write the letters as `{}`", spelled.rights);
    let mut findings = Vec::new();
    if subject.token.field(Field::Permissions).is_none() && subject.token.field(Field::Policy).is_none() {
        let finding =
            Finding::new(Rule::Sas015, "`sp` is missing: the token allows nothing", "mint with `sp`");
        findings.push(finding.at(Severity::High).always().because(Cause::Rights));
    }
    if spelled.unknown {
        // It may be a right that came after this table was written, so nobody can say how far it goes.
        let finding = Finding::new(
            Rule::Sas015,
            "`sp` holds a letter that is no known right",
            "mint with known rights",
        );
        findings.push(finding.at(Severity::High).always());
    }
    if spelled.repeated {
        findings.push(Finding::new(Rule::Sas015, "`sp` holds a letter twice", right_order.clone()));
    }
    if spelled.unordered {
        findings.push(Finding::new(Rule::Sas015, "the letters of `sp` are out of order", right_order));
    }
    findings
}

/// The rights of a token in this role; `None` in the other one, and where the token leaves its rights to a stored
/// policy or has none at all (rules SAS011 and SAS015).
fn rights_of(subject: &Subject<'_>, role: Role) -> Option<Rights> {
    let given = subject.token.field(Field::Permissions).is_some();
    (subject.role == role && given).then(|| subject.token.rights())
}

#[cfg(test)]
mod tests {
    use super::super::testing::*;
    use super::*;

    #[test]
    fn sas004_an_input_only_reads() {
        for letter in "acwdxyltfmeopi".chars() {
            fires(&input().set("sp", &format!("r{letter}")), Rule::Sas004, Severity::Critical);
        }
        fires(&input().set("sp", "c"), Rule::Sas004, Severity::Critical);
        silent(&input(), Rule::Sas004);
        silent(&output(), Rule::Sas004);
    }

    #[test]
    fn sas005_an_output_only_creates() {
        for letter in "rdxylfmeopi".chars() {
            fires(&output().set("sp", &format!("c{letter}")), Rule::Sas005, Severity::Critical);
        }
        fires(&output().set("sp", "cat"), Rule::Sas005, Severity::High);
        fires(&output().set("sp", "t"), Rule::Sas005, Severity::High);
        silent(&output(), Rule::Sas005);
        silent(&output().set("sp", "cw"), Rule::Sas005);
        silent(&input(), Rule::Sas005);
    }

    #[test]
    fn sas006_an_output_that_overwrites_is_high() {
        fires(&output().set("sp", "cw"), Rule::Sas006, Severity::High);
        fires(&output().set("sp", "w"), Rule::Sas006, Severity::High);
        silent(&output(), Rule::Sas006);
    }

    #[test]
    fn sas008_reading_and_writing_are_two_grants() {
        fires(&output().set("sp", "rc"), Rule::Sas008, Severity::High);
        fires(&input().set("sp", "rw"), Rule::Sas008, Severity::High);
        silent(&input(), Rule::Sas008);
        silent(&output(), Rule::Sas008);
    }

    #[test]
    fn sas015_rights_are_spelled_as_azure_wants_them() {
        fires(&output().set("sp", "wc"), Rule::Sas015, Severity::Medium);
        fires(&input().set("sp", "rr"), Rule::Sas015, Severity::Medium);
        fires(&input().set("sp", "rz"), Rule::Sas015, Severity::High);
        fires(&input().without("sp"), Rule::Sas015, Severity::High);
        silent(&output().set("sp", "racwdxyltfmeopi"), Rule::Sas015);
    }
}
