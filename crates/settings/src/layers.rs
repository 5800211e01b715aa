//! The three places a setting can come from, collected before any of them is read.
//! Must never print their content.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use crate::key::VARIABLE_PREFIX;
use crate::mistakes::{Mistake, Origin};

/// The configuration file that is read from the working directory if no other is named.
pub const CONFIG_FILE: &str = "valet.toml";

/// The environment variable that names another configuration file; `--config` wins over it.
pub const CONFIG_VARIABLE: &str = "VALET_CONFIG";

/// The most that a configuration file may hold, in bytes; far above any real one.
pub const CONFIG_FILE_BYTES_MAX: u64 = 1024 * 1024;

/// Variables of the test harness and its golden files; they configure no program.
const VARIABLES_OF_TESTS: [&str; 2] = ["VALET_TEST_", "VALET_BLESS"];

/// Flags, environment and file. Flags win over the environment, and that over the file.
#[derive(Default)]
pub struct Layers {
    /// Values of the command line by key (`broker.url`); only those that were given.
    pub flags: BTreeMap<&'static str, String>,
    /// `VALET_*` variables by name. Others are never looked at.
    pub environment: BTreeMap<String, String>,
    /// The configuration file's content.
    pub file: toml::Table,
    /// The configuration file's path, for messages.
    pub file_path: Option<PathBuf>,
    pub(crate) mistakes: Vec<Mistake>,
    pub(crate) file_broken: bool,
}

impl Layers {
    /// Collects the three layers: the flags given, the `VALET_*` ones of `variables` (pass
    /// [`std::env::vars_os()`]), and the file named by `config`, else by `VALET_CONFIG`, else
    /// [`CONFIG_FILE`] if there is one. Mistakes met here are reported by [`crate::Reader::finish`].
    pub fn load(
        flags: BTreeMap<&'static str, String>,
        variables: impl IntoIterator<Item = (OsString, OsString)>,
        config: Option<&Path>,
    ) -> Self {
        let mut layers = Self { flags, ..Self::default() };
        variables.into_iter().for_each(|(name, value)| layers.take_variable(&name, value));
        let named = layers.environment.remove(CONFIG_VARIABLE).map(PathBuf::from);
        match config.map(Path::to_owned).or(named) {
            Some(path) => layers.read_file(path),
            None if Path::new(CONFIG_FILE).exists() => layers.read_file(CONFIG_FILE.into()),
            None => {}
        }
        layers
    }

    fn take_variable(&mut self, name: &OsString, value: OsString) {
        let name = name.to_string_lossy().into_owned();
        let ours = name.starts_with(VARIABLE_PREFIX)
            && !VARIABLES_OF_TESTS.iter().any(|of_tests| name.starts_with(of_tests));
        match value.into_string() {
            _ if !ours => {}
            // Compose files pass variables through as empty texts when they are not set.
            Ok(value) if value.is_empty() => {}
            Ok(value) => drop(self.environment.insert(name, value)),
            Err(_) => {
                let origin = Some(Origin::Environment(name.clone()));
                self.mistake(name, origin, "is not UTF-8 text");
            }
        }
    }

    fn read_file(&mut self, path: PathBuf) {
        match read_table(&path) {
            Ok(table) => self.file = table,
            Err(problem) => {
                self.file_broken = true;
                self.mistake(path.display().to_string(), None, &problem);
            }
        }
        self.file_path = Some(path);
    }

    fn mistake(&mut self, subject: String, origin: Option<Origin>, problem: &str) {
        self.mistakes.push(Mistake { subject, origin, problem: problem.to_owned(), advice: None });
    }
}

fn read_table(path: &Path) -> Result<toml::Table, String> {
    let unreadable = |error: std::io::Error| format!("cannot be read: {}", error.kind());
    let mut bytes = Vec::new();
    let file = std::fs::File::open(path).map_err(unreadable)?;
    file.take(CONFIG_FILE_BYTES_MAX + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    if bytes.len() as u64 > CONFIG_FILE_BYTES_MAX {
        return Err(format!("is larger than {CONFIG_FILE_BYTES_MAX} bytes"));
    }
    let text = String::from_utf8(bytes).map_err(|_| "is not UTF-8 text".to_owned())?;
    text.parse().map_err(|error: toml::de::Error| not_toml(&text, &error))
}

// Not the error's own Display: it quotes the line, and the line may hold a password.
fn not_toml(text: &str, error: &toml::de::Error) -> String {
    let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().map_or(0, |rest| rest.chars().count()) + 1;
    format!("is not valid TOML at line {line}, column {column}: {}", error.message())
}

impl fmt::Debug for Layers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (flags, variables) = (self.flags.len(), self.environment.len());
        write!(f, "Layers({flags} flags, {variables} variables, {} keys of the file)", self.file.len())
    }
}
