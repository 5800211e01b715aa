//! Reads typed settings out of the layers and remembers every key and every mistake.
//! Must never stop at the first mistake, and never print a value.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::ops::RangeInclusive;
use std::path::PathBuf;

use crate::key::{self, KnownKey};
use crate::layers::Layers;
use crate::mistakes::{Mistake, Mistakes, Origin};
use crate::raw::Raw;
use crate::secret::Secret;
use crate::value::FromSetting;

/// Reads settings one by one; [`Reader::finish`] then tells all mistakes at once.
pub struct Reader {
    layers: Layers,
    /// The file's leaves by dotted key.
    file: BTreeMap<String, Raw>,
    known: BTreeMap<String, KnownKey>,
    mistakes: Vec<Mistake>,
}

impl Reader {
    /// Starts reading.
    pub fn new(mut layers: Layers) -> Self {
        let mut file = BTreeMap::new();
        flatten("", &layers.file, &mut file);
        let mistakes = std::mem::take(&mut layers.mistakes);
        Self { layers, file, known: BTreeMap::new(), mistakes }
    }

    /// A setting that must be given. `None` means that a mistake was noted.
    pub fn required<T: FromSetting>(&mut self, key: &str) -> Option<T> {
        self.know(key, T::KIND, false);
        match self.lookup(key) {
            Some(found) => self.typed(key, &found),
            None => self.missing(key),
        }
    }

    /// A setting that may be absent. A value that is given but wrong is noted as a mistake.
    pub fn optional<T: FromSetting>(&mut self, key: &str) -> Option<T> {
        self.know(key, T::KIND, false);
        self.lookup(key).and_then(|found| self.typed(key, &found))
    }

    /// A setting with a default.
    pub fn or<T: FromSetting>(&mut self, key: &str, default: T) -> T {
        self.optional(key).unwrap_or(default)
    }

    /// A setting with a default and bounds; both ends are allowed.
    pub fn or_within<T>(&mut self, key: &str, default: T, bounds: RangeInclusive<T>) -> T
    where
        T: FromSetting + PartialOrd + Display,
    {
        let kind = format!("{} from {} to {}", T::KIND, bounds.start(), bounds.end());
        self.know(key, &kind, false);
        let Some(found) = self.lookup(key) else { return default };
        match T::from_setting(&found.raw) {
            Ok(value) if bounds.contains(&value) => return value,
            _ => self.note(key, Some(found.origin), format!("must be {kind}"), None),
        }
        default
    }

    /// A setting that is one of a few words, with a default.
    pub fn choice<T: Copy>(&mut self, key: &str, choices: &[(&str, T)], default: T) -> T {
        let words: Vec<_> = choices.iter().map(|(word, _)| *word).collect();
        let kind = format!("one of {}", words.join(", "));
        self.know(key, &kind, false);
        let Some(found) = self.lookup(key) else { return default };
        let chosen = found.raw.text().ok().and_then(|text| choices.iter().find(|(word, _)| *word == text));
        match chosen {
            Some((_, value)) => *value,
            None => {
                self.note(key, Some(found.origin), format!("must be {kind}"), None);
                default
            }
        }
    }

    /// A secret that must be given, as `<key>` or as `<key>_file`, the path of a file that holds it
    /// (at most [`crate::SECRET_FILE_BYTES_MAX`] bytes; surrounding white space is cut off).
    pub fn secret(&mut self, key: &str) -> Option<Secret> {
        self.secret_given(key).unwrap_or_else(|| self.missing_with(key, key::how_to_set_secret(key)))
    }

    /// A secret that may be absent; else as [`Reader::secret`].
    pub fn secret_optional(&mut self, key: &str) -> Option<Secret> {
        self.secret_given(key).flatten()
    }

    /// Keys that are fine to be given although this program does not read them (another program
    /// shares the file).
    pub fn also_known(&mut self, keys: &[&str]) {
        keys.iter().for_each(|key| self.know(key, "not read by this program", false));
    }

    /// Where a key's value comes from, if it is given at all.
    pub fn origin(&self, key: &str) -> Option<Origin> {
        self.lookup(key).map(|found| found.origin)
    }

    /// Notes a mistake that only the caller can see, such as two settings that do not go together.
    /// `problem` completes "`<key>` …" and must not hold the value.
    pub fn refuse(&mut self, key: &str, problem: impl Into<String>) {
        self.note(key, self.origin(key), problem.into(), None);
    }

    /// The keys that were asked for so far, in alphabetical order.
    pub fn known_keys(&self) -> impl Iterator<Item = &KnownKey> {
        self.known.values()
    }

    /// Ends the reading.
    ///
    /// # Errors
    /// All mistakes: wrong and missing values, unknown keys of the file, unknown `VALET_*` variables.
    pub fn finish(mut self) -> Result<(), Mistakes> {
        self.note_unknown();
        if self.mistakes.is_empty() { Ok(()) } else { Err(Mistakes(self.mistakes)) }
    }

    /// Ends the reading and builds the value out of what [`Reader::required`] and
    /// [`Reader::secret`] gave: `reader.finish_with(|| Some(Settings { url: url? }))`.
    ///
    /// # Errors
    /// As [`Reader::finish`]; also if `build` gives `None` although no mistake was noted.
    pub fn finish_with<S>(self, build: impl FnOnce() -> Option<S>) -> Result<S, Mistakes> {
        self.finish()?;
        build().ok_or_else(|| {
            let problem = "a value is missing that was read as optional (a fault of the program)".to_owned();
            Mistakes(vec![Mistake { subject: "settings".to_owned(), origin: None, problem, advice: None }])
        })
    }

    fn know(&mut self, key: &str, kind: &str, secret: bool) {
        let known =
            KnownKey { key: key.to_owned(), variable: key::variable(key), kind: kind.to_owned(), secret };
        self.known.insert(key.to_owned(), known);
    }

    fn lookup(&self, key: &str) -> Option<Found> {
        let variable = key::variable(key);
        if let Some(text) = self.layers.flags.get(key) {
            return Some(Found { raw: Raw::Text(text.clone()), origin: Origin::Flag });
        }
        if let Some(text) = self.layers.environment.get(&variable).filter(|text| !text.is_empty()) {
            return Some(Found { raw: Raw::Text(text.clone()), origin: Origin::Environment(variable) });
        }
        let raw = self.file.get(key)?.clone();
        Some(Found { raw, origin: Origin::File(self.layers.file_path.clone()) })
    }

    fn typed<T: FromSetting>(&mut self, key: &str, found: &Found) -> Option<T> {
        match T::from_setting(&found.raw) {
            Ok(value) => Some(value),
            Err(problem) => {
                self.note(key, Some(found.origin.clone()), problem, None);
                None
            }
        }
    }

    /// `None`: not given. `Some(None)`: given, but wrong, and noted.
    fn secret_given(&mut self, key: &str) -> Option<Option<Secret>> {
        let file_key = format!("{key}_file");
        self.know(key, "a secret", true);
        self.know(&file_key, "the path of a file that holds the secret", false);
        Some(match (self.lookup(key), self.lookup(&file_key)) {
            (None, None) => return None,
            (Some(direct), None) => self.typed::<String>(key, &direct).map(Secret::new),
            (None, Some(file)) => self.secret_file(&file_key, &file),
            (Some(direct), Some(file)) => {
                let problem = format!("is given as well as {file_key} (from {})", file.origin);
                self.note(key, Some(direct.origin), problem, Some("give one of the two".to_owned()));
                None
            }
        })
    }

    fn secret_file(&mut self, file_key: &str, found: &Found) -> Option<Secret> {
        let path: PathBuf = self.typed(file_key, found)?;
        match Secret::from_file(&path) {
            Ok(secret) => Some(secret),
            Err(problem) => {
                self.note(file_key, Some(found.origin.clone()), problem, None);
                None
            }
        }
    }

    fn missing<T>(&mut self, key: &str) -> Option<T> {
        self.missing_with(key, key::how_to_set(key))
    }

    fn missing_with<T>(&mut self, key: &str, advice: String) -> Option<T> {
        // A file that could not be read may well hold it; one mistake is enough then.
        if !self.layers.file_broken {
            self.note(key, None, "is missing".to_owned(), Some(advice));
        }
        None
    }

    fn note(&mut self, key: &str, origin: Option<Origin>, problem: String, advice: Option<String>) {
        self.mistakes.push(Mistake { subject: key.to_owned(), origin, problem, advice });
    }

    fn note_unknown(&mut self) {
        let of_file = || Some(Origin::File(self.layers.file_path.clone()));
        let keys = self.known.keys().map(String::as_str);
        let variables = self.known.values().map(|known| known.variable.as_str());
        let mut unknown = Vec::new();
        for key in self.layers.flags.keys().filter(|key| !self.known.contains_key(**key)) {
            unknown.push(not_known(key, Some(Origin::Flag), keys.clone()));
        }
        for variable in self.layers.environment.keys() {
            if !variables.clone().any(|known| known == variable) {
                let origin = Some(Origin::Environment(variable.clone()));
                unknown.push(not_known(variable, origin, variables.clone()));
            }
        }
        for key in self.file.keys().filter(|key| !self.known.contains_key(*key)) {
            unknown.push(not_known(key, of_file(), keys.clone()));
        }
        self.mistakes.extend(unknown);
    }
}

struct Found {
    raw: Raw,
    origin: Origin,
}

fn not_known<'a>(subject: &str, origin: Option<Origin>, known: impl Iterator<Item = &'a str>) -> Mistake {
    let advice = key::nearest(subject, known).map(|nearest| format!("did you mean {nearest}?"));
    Mistake { subject: subject.to_owned(), origin, problem: "is not a known setting".to_owned(), advice }
}

fn flatten(prefix: &str, table: &toml::Table, leaves: &mut BTreeMap<String, Raw>) {
    for (name, value) in table {
        let key = if prefix.is_empty() { name.clone() } else { format!("{prefix}.{name}") };
        match value {
            toml::Value::Table(table) => flatten(&key, table, leaves),
            value => drop(leaves.insert(key, Raw::from_toml(value))),
        }
    }
}
