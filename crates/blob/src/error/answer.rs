//! Storage's refusal, read: status, code, request id, Retry-After. The body is read up to a limit and its text is
//! never kept, since it may quote what was signed.

use std::{net::IpAddr, time::Duration};

use jiff::Timestamp;
use quick_xml::de::from_str;
use reqwest::{Response, header::HeaderMap};
use serde::Deserialize;

/// Azure's error documents have a few hundred bytes; more is not read.
const BODY_BYTES_MAX: usize = 16 << 10;

/// How long to wait for an error's body before doing without.
const BODY_WAIT: Duration = Duration::from_secs(5);

/// What a refusal says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) code: Option<String>,
    pub(crate) request_id: Option<String>,
    /// How long storage asks us to wait.
    pub(crate) retry_after: Option<Duration>,
    /// Storage says that the grant's time, not its signature, is wrong.
    pub(crate) out_of_time: bool,
    /// Our address as storage saw it.
    pub(crate) source_ip: Option<IpAddr>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
struct ErrorDocument {
    code: Option<String>,
    message: Option<String>,
    authentication_error_detail: Option<String>,
}

impl Answer {
    /// Reads a refusal whole.
    pub(crate) async fn read(mut response: Response, now: Timestamp) -> Self {
        let mut answer = Self::of_head(response.status().as_u16(), response.headers(), now);
        // A body that does not come changes nothing but the explanation.
        let body = tokio::time::timeout(BODY_WAIT, body_start(&mut response)).await.unwrap_or_default();
        answer.add_document(&String::from_utf8_lossy(&body));
        answer
    }

    fn of_head(status: u16, headers: &HeaderMap, now: Timestamp) -> Self {
        Self {
            status,
            code: word(headers, "x-ms-error-code"),
            request_id: word(headers, "x-ms-request-id"),
            retry_after: retry_after(headers, now),
            ..Self::default()
        }
    }

    fn add_document(&mut self, body: &str) {
        let document: ErrorDocument = from_str(body.trim_start_matches('\u{feff}')).unwrap_or_default();
        let detail = document.authentication_error_detail.unwrap_or_default();
        self.out_of_time = detail.contains("not valid in the specified time frame");
        self.source_ip = document.message.as_deref().and_then(first_address);
        self.code = self.code.take().or(document.code.and_then(|code| safe_word(&code)));
    }
}

async fn body_start(response: &mut Response) -> Vec<u8> {
    let mut body = Vec::new();
    while let Ok(Some(chunk)) = response.chunk().await {
        body.extend_from_slice(&chunk);
        if body.len() >= BODY_BYTES_MAX {
            body.truncate(BODY_BYTES_MAX);
            break;
        }
    }
    body
}

/// A header that is one short word; anything else may be an attempt to write into our logs.
pub(crate) fn word(headers: &HeaderMap, name: &str) -> Option<String> {
    safe_word(headers.get(name)?.to_str().ok()?)
}

fn safe_word(text: &str) -> Option<String> {
    let fits = (1..=80).contains(&text.len()) && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
    fits.then(|| text.to_owned())
}

fn first_address(message: &str) -> Option<IpAddr> {
    let parts = message.split(|c: char| !(c.is_ascii_hexdigit() || c == '.' || c == ':'));
    parts.map(|part| part.trim_end_matches(['.', ':'])).find_map(|part| part.parse().ok())
}

fn retry_after(headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim);
    let milliseconds = text("x-ms-retry-after-ms").or_else(|| text("retry-after-ms"));
    if let Some(milliseconds) = milliseconds.and_then(|value| value.parse().ok()) {
        return Some(Duration::from_millis(milliseconds));
    }
    let value = text("retry-after")?;
    match value.parse() {
        Ok(seconds) => Some(Duration::from_secs(seconds)),
        Err(_) => {
            let when = jiff::fmt::rfc2822::parse(value).ok()?.timestamp();
            Some(Duration::try_from(when.duration_since(now)).unwrap_or(Duration::ZERO))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> Timestamp {
        "2026-01-15T10:00:00Z".parse().unwrap()
    }

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect()
    }

    #[test]
    fn retry_after_is_read_in_all_its_spellings() {
        for (name, value, milliseconds) in [
            ("retry-after", "3", Some(3_000)),
            ("retry-after", "Thu, 15 Jan 2026 10:00:07 GMT", Some(7_000)),
            ("retry-after", "Thu, 15 Jan 2026 09:00:00 GMT", Some(0)),
            ("x-ms-retry-after-ms", "150", Some(150)),
            ("retry-after-ms", "20", Some(20)),
            ("retry-after", "soon", None),
        ] {
            let read = retry_after(&headers(&[(name, value)]), now());
            assert_eq!(read, milliseconds.map(Duration::from_millis), "{name}: {value}");
        }
    }

    #[test]
    fn a_document_tells_code_time_and_address_and_nothing_else_is_kept() {
        let mut answer = Answer::of_head(403, &headers(&[]), now());
        answer.add_document(
            "\u{feff}<?xml version=\"1.0\"?><Error><Code>AuthenticationFailed</Code>\
             <Message>not authorized using this source IP 203.0.113.9. RequestId:1</Message>\
             <AuthenticationErrorDetail>Signature not valid in the specified time frame: sig=SECRET\
             </AuthenticationErrorDetail></Error>",
        );
        assert_eq!(answer.code.as_deref(), Some("AuthenticationFailed"));
        assert!(answer.out_of_time);
        assert_eq!(answer.source_ip, "203.0.113.9".parse().ok());
        assert!(!format!("{answer:?}").contains("SECRET"));
    }

    #[test]
    fn words_that_are_not_words_are_dropped() {
        let found =
            Answer::of_head(500, &headers(&[("x-ms-error-code", "a\tb"), ("x-ms-request-id", "")]), now());
        assert_eq!((found.code, found.request_id), (None, None));
    }
}
