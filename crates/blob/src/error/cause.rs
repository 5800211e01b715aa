//! The chain behind an error, flattened to text when it happens, so that no `reqwest::Error` with its URL lives on.

use std::{error::Error, fmt, io, time::Duration};

use crate::http::Refusal;

/// The messages of an error chain, joined; no URL in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Cause(String);

impl Cause {
    /// Takes any error's chain, without the query of any URL in it.
    pub(crate) fn new(error: &(dyn Error + 'static)) -> Self {
        let mut messages: Vec<String> = Vec::new();
        for link in chain(error) {
            let message = without_queries(&link.to_string());
            // Wrappers often repeat what they wrap.
            if messages.last() != Some(&message) {
                messages.push(message);
            }
        }
        Self(messages.join(": "))
    }

    /// Takes an HTTP error, without its URL.
    pub(crate) fn of_request(error: reqwest::Error) -> Self {
        Self::new(&error.without_url())
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Error for Cause {}

/// The guard's refusal, if that is what stopped a request.
pub(super) fn refusal(error: &reqwest::Error) -> Option<&Refusal> {
    chain(error).find_map(|link| link.downcast_ref())
}

/// A failed read of the output file while it was sent.
#[derive(Debug)]
pub(crate) struct BodyRead(pub(crate) io::Error);

impl fmt::Display for BodyRead {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "reading the file: {}", self.0)
    }
}

impl Error for BodyRead {}

/// No byte came for this long.
#[derive(Debug)]
pub(super) struct Silence(pub(super) Duration);

impl fmt::Display for Silence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no byte came for {} s", self.0.as_secs())
    }
}

impl Error for Silence {}

/// Whether our own file stopped a request.
pub(super) fn body_read(error: &reqwest::Error) -> Option<&io::Error> {
    chain(error).find_map(|link| link.downcast_ref::<BodyRead>()).map(|read| &read.0)
}

/// The text with each `?...` cut up to the next blank or bracket. A wrapper may show a `reqwest::Error` inside it,
/// URL and all, without being one; so types cannot decide this.
fn without_queries(text: &str) -> String {
    let mut parts = text.split('?');
    let mut kept = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let query = part.find(|c: char| c.is_whitespace() || c == ')').unwrap_or(part.len());
        kept.push('…');
        kept.push_str(&part[query..]);
    }
    kept
}

fn chain<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |link: &&'a (dyn Error + 'static)| (*link).source())
}

#[cfg(test)]
#[path = "cause_tests.rs"]
mod tests;
