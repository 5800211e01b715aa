//! What may be said about a URL. Every text that this crate makes from a URL's free parts goes through
//! [`Redaction::show`]. Must never let the text of a signature pass, in whatever encoding and wherever in the URL
//! somebody put it; in doubt it hides more.

use percent_encoding::percent_decode;
use url::Url;
use zeroize::Zeroizing;

use crate::address::parse_http;
use crate::limits::{DECODE_PASSES_MAX, URL_BYTES_MAX};
use crate::path::safe;
use crate::token::{Field, SasToken};

/// Stands where something was taken away.
pub(crate) const HIDDEN: &str = "<hidden>";

/// More texts that look like signatures than this, and nothing of the URL is shown.
const SECRETS_MAX: usize = 16;

/// Pieces of a signature between slashes count as secret from this length on, in bytes: shorter ones occur in any
/// path by chance.
const PIECE_BYTES_MIN: usize = 8;

/// The texts of one URL that must not be shown.
pub(crate) struct Redaction {
    secrets: Vec<Zeroizing<Vec<u8>>>,
    hide_all: bool,
}

impl Redaction {
    pub(crate) fn of(url: &Url) -> Self {
        let mut redaction = Self { secrets: Vec::new(), hide_all: false };
        for (key, value) in url.query_pairs() {
            let key = fold(key.as_bytes());
            if key.is_none_or(|key| key.ends_with(b"sig")) {
                redaction.add(&Zeroizing::new(value.into_owned().into_bytes()));
            }
        }
        match fold(url.as_str().as_bytes()) {
            Some(text) => signatures(&text).for_each(|value| redaction.add(value)),
            None => redaction.hide_all = true,
        }
        redaction
    }

    fn add(&mut self, value: &[u8]) {
        // Once all is hidden there is nothing to add; this also bounds the work on a URL full of signatures.
        if self.hide_all {
            return;
        }
        let Some(folded) = fold(value) else {
            self.hide_all = true;
            return;
        };
        let whole = trim_padding(&folded);
        let pieces = whole.split(|b| *b == b'/').filter(|piece| piece.len() >= PIECE_BYTES_MIN);
        for secret in pieces.chain([whole, after_last_name(whole)]).filter(|secret| !secret.is_empty()) {
            if !self.secrets.iter().any(|known| known.as_slice() == secret) {
                self.secrets.push(Zeroizing::new(secret.to_vec()));
            }
        }
        self.hide_all |= self.secrets.len() > SECRETS_MAX;
    }

    /// Whether `text` must not be shown: a signature is in it, or something that is named like one.
    pub(crate) fn hides(&self, text: &str) -> bool {
        let Some(folded) = fold(text.as_bytes()) else { return true };
        self.hide_all
            || signatures(&folded).next().is_some()
            || self
                .secrets
                .iter()
                .any(|secret| folded.windows(secret.len()).any(|part| part == secret.as_slice()))
    }

    /// `text` for people: hidden if it must be, control characters escaped, at most `chars_max` characters.
    pub(crate) fn show(&self, text: &str, chars_max: usize) -> String {
        if self.hides(text) {
            return HIDDEN.to_owned();
        }
        match text.char_indices().nth(chars_max) {
            Some((end, _)) => safe(&text[..end]) + "…",
            None => safe(text),
        }
    }
}

/// Text in the one form in which texts are compared: percent-encoding peeled off to the core, lower case, without
/// blanks, plus signs (a blank to some decoders) and controls, `\` as `/`. `None` if the encoding has no end.
fn fold(text: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let mut folded = Zeroizing::new(text.to_vec());
    for _ in 0..DECODE_PASSES_MAX {
        let decoded = Zeroizing::new(percent_decode(&folded).collect::<Vec<u8>>());
        if decoded.len() == folded.len() {
            folded.retain(|b| !b.is_ascii_control() && !matches!(b, b' ' | b'+'));
            folded.iter_mut().for_each(|b| *b = if *b == b'\\' { b'/' } else { b.to_ascii_lowercase() });
            return Some(folded);
        }
        folded = decoded;
    }
    None
}

/// The values of everything in a folded text that is written `sig=…`, not inside a longer word.
fn signatures(folded: &[u8]) -> impl Iterator<Item = &[u8]> {
    let named = folded
        .windows(4)
        .enumerate()
        .filter(|(at, name)| *name == b"sig=" && (*at == 0 || !folded[at - 1].is_ascii_alphanumeric()));
    named.map(|(at, _)| folded[at + 4..].split(|b| b"&#?;@".contains(b)).next().unwrap_or_default())
}

fn after_last_name(value: &[u8]) -> &[u8] {
    let at = value.windows(4).rposition(|name| name == b"sig=");
    at.map_or(&[], |at| &value[at + 4..])
}

fn trim_padding(value: &[u8]) -> &[u8] {
    let end = value.iter().rposition(|b| *b != b'=').map_or(0, |last| last + 1);
    &value[..end]
}

/// The redacted form of any text that claims to be a URL; see [`GrantUrl::redacted`](crate::GrantUrl::redacted).
pub(crate) fn redacted(raw: &str) -> String {
    let Some(url) = parse_http(raw) else {
        return format!("<not an http(s) URL of at most {URL_BYTES_MAX} bytes, {} bytes>", raw.len());
    };
    let redaction = Redaction::of(&url);
    let mut authority = url.host_str().unwrap_or_default().to_owned();
    if let Some(port) = url.port() {
        authority += &format!(":{port}");
    }
    let whole = authority.clone() + url.path();
    let host = if redaction.hides(&authority) { HIDDEN } else { &authority };
    let path = if redaction.hides(&whole) { "/<hidden>" } else { url.path() };
    let query = url.query().map(|_| shown_query(&SasToken::of(&url))).unwrap_or_default();
    format!("{}://{host}{path}{query}", url.scheme())
}

/// Parameters that are no secret, written anew from what they mean, so that nothing else can hide in them.
fn shown_query(token: &SasToken) -> String {
    let mut query = String::from("?");
    let shown = [
        ("sp", token.field(Field::Permissions).map(|_| token.rights().to_string())),
        ("se", token.expiry().map(|expiry| expiry.to_string())),
        ("sr", token.resource().map(|resource| resource.code().to_owned())),
        ("sv", token.version().map(str::to_owned)),
    ];
    for (name, value) in shown {
        if let Some(value) = value {
            query += &format!("{name}={value}&");
        }
    }
    query + "redacted"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_secret_stays_readable() {
        let url = "https://acct.blob.core.windows.net/in/a%20b.mov?sv=2022-11-02&sp=r&se=2026-01-15T11%3A30Z&sr=b\
                   &foo=bar&sig=E/zo2LSaR7puWUeBQ7T3jyMdVcboiTqhRr9aztxPZ44%3D#frag";
        assert_eq!(
            redacted(url),
            "https://acct.blob.core.windows.net/in/a%20b.mov?sp=r&se=2026-01-15T11:30:00Z&sr=b&sv=2022-11-02&redacted"
        );
        assert_eq!(redacted("http://127.0.0.1:10000/acct/in/a"), "http://127.0.0.1:10000/acct/in/a");
    }

    #[test]
    fn a_signature_in_an_odd_place_is_hidden() {
        for url in [
            "https://h.example/in/TOPSECRET?sig=TOPSECRET",
            "https://h.example/in/TOP%2553ECRET?SIG=topsecret%3D",
            "https://topsecret.example/in/a?x=1&amp;sig=TOPSECRET",
            "https://sig=TOPSECRET@h.example/in/TOPSECRET",
            "https://h.example/in/a;sig=TOPSECRET",
            "https://h.example/in/a%3Fsp=r%26%73ig%253DTOPSECRET",
            "https://h.example/in/a?sp=TOPSECRET&se=TOPSECRET&sr=TOPSECRET&sv=TOPSECRET&sig=TOPSECRET",
            "https://h.example/in/TOPSECRET#sig=TOPSECRET",
            "https://TOPSECRET.example/sig=TOPSECRET/more",
            "https://h.example/in/TOPSECRET?sig=1&sig=TOPSECRET&sig=sig=TOPSECRET",
            "https://h.example/in/TOPSECRET?u=https%3A%2F%2Fh%2Fp%3Fsig%3DTOPSECRET",
            "https://h.example/in/sig=;TOPSECRET",
            "sig=TOPSECRET",
            "ftp://h/in?sig=TOPSECRET",
        ] {
            assert!(!redacted(url).to_lowercase().contains("topsecret"), "{url} became {}", redacted(url));
        }
    }

    #[test]
    fn a_word_that_ends_like_the_name_of_a_signature_is_none() {
        let url = "https://h.example/in/design=4/a.mov";
        assert_eq!(redacted(url), url);
    }

    #[test]
    fn endless_encoding_hides_everything() {
        let url = format!("https://h.example/in/%{}41", "25".repeat(20));
        assert_eq!(redacted(&url), "https://<hidden>/<hidden>");
    }
}
