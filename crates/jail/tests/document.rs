//! docs/jail.md: what repeats data of this crate is generated from it, between the marks `generated: NAME` and `end`.

use std::fmt::Write as _;
use std::path::Path;

use valet_jail::explain::{Machine, explain};
use valet_jail::hostile::ATTEMPTS;
use valet_jail::seccomp::{Entry, On, policy};
use valet_jail::{Level, Step};

/// Runs of calls with the same reason and condition share a line.
fn calls(title: &str, entries: &[Entry]) -> String {
    let mut page = format!("{title}\n\n| calls | only when | why |\n|---|---|---|\n");
    let same = |a: &Entry, b: &Entry| a.reason == b.reason && condition(a) == condition(b);
    for run in entries.chunk_by(same) {
        let names: Vec<String> = run.iter().map(name).collect();
        let _ = writeln!(page, "| {} | {} | {} |", names.join(" "), condition(&run[0]), run[0].reason);
    }
    page
}

fn name(entry: &Entry) -> String {
    let mark = if entry.on == On::X86_64 { "¹" } else { "" };
    format!("`{}`{mark}", entry.name)
}

fn condition(entry: &Entry) -> &'static str {
    entry.when.map_or("", |when| when.text)
}

fn steps() -> String {
    let mut page = "| step | what stands then |\n|---|---|\n".to_owned();
    for step in Step::ALL {
        let _ = writeln!(page, "| `{}` | {} |", step.name(), step.what());
    }
    page
}

fn attempts() -> String {
    let at_start = ATTEMPTS.iter().filter(|attempt| attempt.at_start).count();
    let mut page = format!(
        "{} attempts on x86-64; the {at_start} in bold are made at every start of a worker.\n",
        ATTEMPTS.len()
    );
    for group in ATTEMPTS.chunk_by(|a, b| a.group == b.group) {
        let told: Vec<String> = group
            .iter()
            .map(
                |attempt| {
                    if attempt.at_start { format!("**{}**", attempt.what) } else { attempt.what.to_owned() }
                },
            )
            .collect();
        let _ = writeln!(page, "\n*{}*: {}.", group[0].group, told.join("; "));
    }
    let known: Vec<_> =
        ATTEMPTS.iter().filter_map(|attempt| Some((attempt.what, attempt.residue_at?))).collect();
    page.push_str("\nKnown to succeed, and borne:\n\n| level | what | why |\n|---|---|---|\n");
    for (what, (level, why)) in known {
        let _ = writeln!(page, "| {level} | {what} | {why} |");
    }
    page
}

/// Machines that refuse something, each with the step that shows it.
fn obstacles() -> String {
    let debian = Machine { unprivileged_userns_clone: Some(0), uid: Some(1000), ..Machine::default() };
    let none = Machine { max_user_namespaces: Some(0), ..Machine::default() };
    let ubuntu = Machine { apparmor_restricts_userns: Some(1), uid: Some(1000), ..Machine::default() };
    let container = Machine { seccomp_filtered: Some(true), uid: Some(1000), ..Machine::default() };
    let old = Machine { kernel: Some((5, 4)), ..Machine::default() };
    let plain = Machine::default();
    let root =
        Machine { uid: Some(0), capabilities: Some(0), seccomp_filtered: Some(true), ..Machine::default() };
    let cases = [
        ("clone-namespaces", libc::EPERM, Level::L1, &debian),
        ("clone-namespaces", libc::ENOSPC, Level::L1, &none),
        ("clone-namespaces", libc::EPERM, Level::L1, &ubuntu),
        ("clone-namespaces", libc::EPERM, Level::L1, &container),
        ("landlock", libc::ENOSYS, Level::L2, &old),
        ("landlock", libc::EOPNOTSUPP, Level::L2, &plain),
        ("launcher-identity", libc::EPERM, Level::L2, &root),
        ("seccomp-notify", libc::EINVAL, Level::L2, &old),
    ];
    let mut page = "| step | kernel says | what is in the way | what to do |\n|---|---|---|---|\n".to_owned();
    for (step, errno, level, machine) in cases {
        let obstacle = explain(step, errno, level, machine);
        let said = std::io::Error::from_raw_os_error(errno).to_string();
        let said = said.split(" (os").next().unwrap_or_default().to_owned();
        let _ = writeln!(page, "| `{step}` | {said} | {} | {} |", obstacle.cause, obstacle.advice);
    }
    page
}

/// The page with the section `name` written anew.
fn with(page: &str, name: &str, text: &str) -> String {
    let begin = format!("<!-- generated: {name} -->");
    let (before, rest) = page.split_once(&begin).unwrap_or_else(|| panic!("docs/jail.md has no {begin}"));
    let (_, after) = rest.split_once("<!-- end -->").unwrap_or_else(|| panic!("{begin} has no end"));
    format!("{before}{begin}\n{}\n<!-- end -->{after}", text.trim_end())
}

#[test]
#[cfg_attr(not(target_arch = "x86_64"), allow(unused))]
fn the_document_repeats_the_data() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/jail.md");
    let page = std::fs::read_to_string(&path).expect("docs/jail.md is there");
    let policy = policy();
    let allowed = format!(
        "{}\n¹ x86-64 alone. On both lists on purpose: {}.\n",
        calls("Allowed:", policy.allowed),
        policy.on_both.iter().map(|(name, why)| format!("`{name}` ({why})")).collect::<Vec<_>>().join(", ")
    );
    let sections = [
        ("obstacles", obstacles()),
        ("steps", steps()),
        ("attempts", attempts()),
        ("allowed", allowed),
        ("killed", calls("Killed at once, as an alarm:", policy.killed)),
    ];
    let expected = sections.iter().fold(page.clone(), |page, (name, text)| with(&page, name, text));
    if std::env::var_os("VALET_BLESS").is_some() {
        std::fs::write(&path, &expected).expect("the document can be written");
        return;
    }
    assert!(page == expected, "docs/jail.md is old: VALET_BLESS=1 cargo test -p valet-jail --test document");
}
