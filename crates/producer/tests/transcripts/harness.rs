//! Runs the built `valet` in a folder of its own with an empty environment, and compares what it says with
//! a golden file. Every transcript is searched for the secrets that the run was given.

use std::path::{Path, PathBuf};
use std::time::Duration;

use valet_testkit::{Finished, Folder, Program};

/// A well-formed account key that opens nothing: 64 bytes of "canary ".
pub const ACCOUNT_KEY: &str =
    "Y2FuYXJ5IGNhbmFyeSBjYW5hcnkgY2FuYXJ5IGNhbmFyeSBjYW5hcnkgY2FuYXJ5IGNhbmFyeSBjYW5hcnkgYw==";

/// A password that must not be seen.
pub const PASSWORD: &str = "canary-password-5129";

/// Longer than the longest patience of a verb that cannot reach its service.
const TIMEOUT: Duration = Duration::from_secs(60);

/// One run of `valet`.
pub struct Run {
    folder: Folder,
    program: Program,
    line: String,
}

/// Runs `valet` with these arguments, as a shell would split them (single quotes hold words together).
pub fn valet(line: &str) -> Run {
    let folder = Folder::new("valet-transcript");
    std::fs::create_dir(folder.join("bin")).expect("a private folder is writable");
    let program = Program::new(env!("CARGO_BIN_EXE_valet"))
        .args(words(line))
        .current_dir(folder.path())
        .env("PATH", folder.join("bin"));
    Run { folder, program, line: line.to_owned() }
}

impl Run {
    /// Sets an environment variable.
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.program = self.program.env(name, value);
        self
    }

    /// The settings of a storage account that is nowhere.
    pub fn storage(self) -> Self {
        self.env("VALET_STORAGE_ACCOUNT", "acct").env("VALET_STORAGE_ACCOUNT_KEY", ACCOUNT_KEY)
    }

    /// The settings of a broker that is nowhere.
    pub fn broker(self) -> Self {
        self.env("VALET_BROKER_URL", "amqp://127.0.0.1:1/valet")
            .env("VALET_BROKER_USERNAME", "valet-producer")
            .env("VALET_BROKER_PASSWORD", PASSWORD)
    }

    /// Puts a file into the working folder.
    pub fn file(self, name: &str, content: &str) -> Self {
        self.folder.write(name, content);
        self
    }

    /// What it reads from standard input.
    pub fn stdin(mut self, text: &str) -> Self {
        self.program = self.program.stdin(text);
        self
    }

    /// Runs it and gives what it said.
    #[track_caller]
    pub fn finish(self) -> Finished {
        let finished = self.program.run(TIMEOUT);
        for secret in [ACCOUNT_KEY, PASSWORD, &ACCOUNT_KEY[..40], "c2VjcmV0", "c2lnbmF0dXJl"] {
            let said = format!("{}{}", finished.stdout, finished.stderr);
            assert!(!said.contains(secret), "a secret was printed: {said}");
        }
        finished
    }

    /// Runs it and compares its transcript with `tests/golden/<name>.txt`.
    #[track_caller]
    pub fn golden(self, name: &str) {
        let line = self.line.clone();
        let folder = self.folder.path().display().to_string();
        let finished = self.finish();
        let code = finished.code.map_or_else(|| "by a signal".to_owned(), |code| code.to_string());
        let said = section("stdout", &finished.stdout) + &section("stderr", &finished.stderr);
        let said = steady(&said.replace(&folder, "FOLDER"));
        assert_golden(name, &format!("$ valet {line}\n{said}--- exit {code}\n"));
    }
}

fn section(name: &str, text: &str) -> String {
    match text {
        "" => String::new(),
        text => format!("--- {name}\n{}\n", text.trim_end_matches('\n')),
    }
}

/// Compares with a golden file, or rewrites it.
#[track_caller]
pub fn assert_golden(name: &str, actual: &str) {
    let path = golden_folder().join(format!("{name}.txt"));
    if std::env::var_os("VALET_BLESS").is_some() {
        std::fs::write(&path, actual).expect("the golden folder is writable");
        return;
    }
    let golden = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        golden == actual,
        "{} differs (VALET_BLESS=1 rewrites it)\n--- golden\n{golden}\n--- now\n{actual}",
        path.display()
    );
}

/// Where the golden files are.
pub fn golden_folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden")
}

/// Replaces what differs from run to run: job ids by ID, times by TIME, counts of days by N.
fn steady(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(next) = rest.chars().next() {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        if digits > 0 && out.ends_with(' ') && rest[digits..].starts_with(" d") {
            out.push('N');
            rest = &rest[digits..];
            continue;
        }
        if is_id(rest) {
            out.push_str("ID");
            rest = &rest[36..];
        } else if is_time(rest) {
            out.push_str("TIME");
            rest = &rest[rest.find('Z').map_or(rest.len(), |end| end + 1)..];
        } else {
            out.push(next);
            rest = &rest[next.len_utf8()..];
        }
    }
    out
}

/// A UUIDv7 of today: repeatable ids begin with zeros and stay.
fn is_id(text: &str) -> bool {
    let Some(id) = text.get(..36) else { return false };
    !id.starts_with("00000000") && id.parse::<valet_protocol::JobId>().is_ok()
}

/// A time of this century: `20yy-mm-ddThh:mm…Z`. Those of fixed test grants (2024, 2026-01) stay.
fn is_time(text: &str) -> bool {
    let pattern = "dddd-dd-ddTdd:dd";
    let Some(head) = text.get(..pattern.len()) else { return false };
    let fits = |(p, c): (char, char)| if p == 'd' { c.is_ascii_digit() } else { p == c };
    let is_fixed = head.starts_with("2024-") || head.starts_with("2026-01-") || head.starts_with("2051-");
    pattern.chars().zip(head.chars()).all(fits) && !is_fixed
}

/// Splits a line into words; single quotes hold a word together.
fn words(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    for (index, part) in line.split('\'').enumerate() {
        match index % 2 {
            0 => words.extend(part.split_whitespace().map(str::to_owned)),
            _ => words.push(part.to_owned()),
        }
    }
    words
}
