//! That a program which has taken over ffmpeg would get out of its jail by no way that we know.

use std::time::Duration;

use serde_json::Value;

use super::say::{self, Promises};
use super::scene::Scene;

/// Longest that all attempts may take.
const PROVE_TIMEOUT: Duration = Duration::from_secs(120);

/// Attempts that are shown, of all that are made.
const SHOWN: [&str; 8] = [
    "read /etc/passwd",
    "read another process's environment",
    "connect to a service of this machine",
    "connect to the cloud's metadata service, 169.254.169.254",
    "start the host's shell",
    "make a file beside the output",
    "map private memory without end",
    "become root of a user namespace",
];

/// Runs `valet-worker prove` and shows a part of it.
pub(super) fn attack(scene: &Scene, promises: &mut Promises) {
    say::command(&["valet-worker prove --config worker.toml"]);
    let finished = scene.prover().run(PROVE_TIMEOUT);
    let lines: Vec<Value> =
        finished.stdout.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    for shown in SHOWN {
        let attempt = lines.iter().find(|line| line["what"] == shown);
        let verdict = attempt.and_then(|attempt| attempt["verdict"].as_str()).unwrap_or("not tried");
        let by = attempt.and_then(|attempt| attempt["by"].as_str()).unwrap_or_default();
        promises.hold(matches!(verdict, "refused" | "harmless"), format!("{shown:<57} {verdict}: {by}"));
    }
    let end = lines.last().cloned().unwrap_or_default();
    let (level, contained) = (end["level"].as_str().unwrap_or("?"), end["contained"].as_u64().unwrap_or(0));
    let told = format!("{contained} attempts at level {level}, none got out");
    promises.hold(finished.success() && end["loose"] == 0 && contained > 100, told);
}
