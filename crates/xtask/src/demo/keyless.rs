//! That a running worker holds no storage key, leaks no grant, and would not start with a key.

use std::fs;
use std::time::Duration;

use valet_protocol::JobMessage;
use valet_testkit::Process;

use super::say::{self, Promises};
use super::scene::Scene;

/// The exit code for bad settings.
const EXIT_CONFIG: i32 = 64;
const REFUSAL_TIMEOUT: Duration = Duration::from_secs(20);
/// Part of a key that is enough to recognise it, however it is quoted.
const KEY_CHARS: usize = 20;
/// Values that are shown; others are long, or say nothing.
const SHOWN: [&str; 2] = ["VALET_STORAGE_LOOPBACK", "VALET_WORKER_NAME"];

/// Looks at the workers.
pub(super) fn look(
    scene: &Scene,
    workers: &[Process],
    messages: &[JobMessage],
    promises: &mut Promises,
) -> Result<(), String> {
    let worker = workers.first().ok_or("there is no worker")?;
    let path = scene.login("worker");
    let config = fs::read_to_string(&path).map_err(|cause| format!("{}: {cause}", path.display()))?;
    let environment = environment(scene, worker);
    say::rows(&[
        ["its environment".to_owned(), shown_variables(&environment)],
        ["its settings".to_owned(), shown_settings(&config)],
    ]);
    let key = &scene.storage.key()[..KEY_CHARS];
    let holds = |text: &str| text.contains(key) || text.to_lowercase().contains("accountkey");
    promises.hold(!holds(&environment), "no storage key in the running worker's environment");
    promises.hold(!holds(&config), "no storage key in its settings");
    let logs: String = workers.iter().map(|worker| worker.stdout() + &worker.stderr()).collect();
    let leaks = signatures(messages).filter(|signature| logs.contains(signature)).count();
    let told = format!("no signature and no key in {} lines of the workers' logs", logs.lines().count());
    promises.hold(leaks == 0 && !holds(&logs) && !logs.is_empty(), told);
    refuses_a_key(scene, promises);
    Ok(())
}

/// Given the key, a worker does not start.
fn refuses_a_key(scene: &Scene, promises: &mut Promises) {
    let given = scene.worker_program(9).env("AZURE_STORAGE_KEY", scene.storage.key());
    let finished = given.run(REFUSAL_TIMEOUT);
    let is_refused = finished.code == Some(EXIT_CONFIG) && finished.stderr.contains("AZURE_STORAGE_KEY");
    let code = finished.code.map_or_else(|| "a signal".to_owned(), |code| code.to_string());
    promises.hold(is_refused, format!("a worker that is given the key does not start (exit code {code}):"));
    finished.stderr.lines().for_each(|line| println!("      {line}"));
}

/// What the kernel says about the running worker, one variable a line. A worker closes its memory to all but
/// root; for others it is what it was started with.
fn environment(scene: &Scene, worker: &Process) -> String {
    if let Ok(bytes) = fs::read(format!("/proc/{}/environ", worker.id())) {
        return String::from_utf8_lossy(&bytes).replace('\0', "\n");
    }
    let lines = scene.worker_variables(1).map(|(name, value)| format!("{name}={value}"));
    lines.join("\n")
}

fn shown_variables(environment: &str) -> String {
    let pairs = environment.lines().filter_map(|line| line.split_once('='));
    let shown =
        pairs.map(
            |(name, value)| {
                if SHOWN.contains(&name) { format!("{name}={value}") } else { format!("{name}=…") }
            },
        );
    shown.collect::<Vec<_>>().join(" ")
}

fn shown_settings(config: &str) -> String {
    let mut section = "";
    let mut shown = Vec::new();
    for line in config.lines() {
        if let Some(name) = line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
            section = name;
        } else if let Some((name, value)) = line.split_once(" = ") {
            let value = if name == "password" { "…" } else { value.trim_matches('"') };
            shown.push(format!("{section}.{name}={value}"));
        }
    }
    shown.join(" ")
}

/// The signatures of all grants, as they stand in the URLs.
fn signatures(messages: &[JobMessage]) -> impl Iterator<Item = &str> {
    let pairs = messages.iter().filter_map(|message| message.grants.urls());
    let urls = pairs.flat_map(|(input, output)| [input, output]);
    let fields = urls.flat_map(|url| url.expose_url().split(['?', '&']));
    fields.filter_map(|field| field.strip_prefix("sig="))
}
