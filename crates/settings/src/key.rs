//! Keys: their spelling in the environment and the nearest known one to a misspelt one.
//! Must never look at a value.

/// What every environment variable of ours starts with.
pub(crate) const VARIABLE_PREFIX: &str = "VALET_";

/// A key that the program understands, for `--help`, docs and tests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownKey {
    /// As in code: `broker.url`.
    pub key: String,
    /// As in the environment: `VALET_BROKER_URL`.
    pub variable: String,
    /// What a value looks like, in a few words: "a whole number from 1 to 64".
    pub kind: String,
    /// Its value never leaves the program.
    pub secret: bool,
}

/// The environment variable of a key: `broker.url` is `VALET_BROKER_URL`.
pub fn variable(key: &str) -> String {
    format!("{VARIABLE_PREFIX}{}", key.replace('.', "_").to_uppercase())
}

/// How a key is set, in words for the person who has to set it.
pub(crate) fn how_to_set(key: &str) -> String {
    let variable = variable(key);
    match key.rsplit_once('.') {
        Some((table, name)) => format!("set {variable}, or {name} under [{table}] in the configuration file"),
        None => format!("set {variable}, or {key} in the configuration file"),
    }
}

/// As [`how_to_set`], with the file as the better way.
pub(crate) fn how_to_set_secret(key: &str) -> String {
    format!("{}, or name a file that holds it in {}_FILE", how_to_set(key), variable(key))
}

/// The candidate that `word` most likely meant, if one is near enough to be worth naming.
pub(crate) fn nearest<'a>(word: &str, candidates: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    // A third of the word may be wrong; beyond that a suggestion confuses more than it helps.
    let edits_max = (word.chars().count() / 3).max(2);
    candidates
        .map(|candidate| (strsim::damerau_levenshtein(word, candidate), candidate))
        .filter(|(edits, _)| *edits <= edits_max)
        .min()
        .map(|(_, candidate)| candidate)
}
