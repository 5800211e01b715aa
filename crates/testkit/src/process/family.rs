//! Who descends from whom, and adoption: what a killed program leaves behind becomes ours, however it hid.

use std::fs;

use rustix::process::{Pid, WaitOptions, set_child_subreaper, waitpid};

/// Ids of the children of a process, of all its threads.
pub fn children(id: u32) -> Vec<u32> {
    let tasks = fs::read_dir(format!("/proc/{id}/task")).into_iter().flatten().flatten();
    let lists = tasks.filter_map(|task| fs::read_to_string(task.path().join("children")).ok());
    lists
        .flat_map(|list| list.split_whitespace().filter_map(|id| id.parse().ok()).collect::<Vec<_>>())
        .collect()
}

/// Ids of all processes below `root`, namespaces or not.
pub fn descendants(root: u32) -> Vec<u32> {
    let mut found = Vec::new();
    let mut open = children(root);
    while let Some(id) = open.pop() {
        open.extend(children(id));
        found.push(id);
    }
    found
}

/// Makes this process the parent of every descendant whose own parent dies: nothing can slip away any more, into
/// a session or a namespace of its own, without being seen in [`orphans`]. For a test that is a process of its
/// own.
///
/// # Panics
/// When the system refuses, which Linux does not.
pub fn adopt_orphans() {
    let own = rustix::process::getpid();
    set_child_subreaper(Some(own)).expect("Linux lets every process adopt its descendants");
}

/// Our children but `known`, which are those that we started ourselves: what the dead left. Those that are dead
/// themselves are buried and not told.
pub fn orphans(known: &[u32]) -> Vec<u32> {
    let others = children(std::process::id()).into_iter().filter(|id| !known.contains(id));
    others.filter(|id| !bury(*id)).collect()
}

/// A living process in words, for a failure's message.
pub fn told(id: u32) -> String {
    let read = |name: &str| fs::read_to_string(format!("/proc/{id}/{name}")).unwrap_or_default();
    format!("{id} `{}` {}", read("cmdline").replace('\0', " ").trim(), read("stat"))
}

/// Whether the child is dead.
fn bury(id: u32) -> bool {
    let id = i32::try_from(id).ok().and_then(Pid::from_raw);
    !matches!(waitpid(id, WaitOptions::NOHANG), Ok(None))
}
