//! Plain HTTP without redirects, proxies or judgement: every status is an answer.

use std::collections::BTreeMap;
use std::sync::LazyLock;
use std::time::Duration;

use ureq::http::Request;
use ureq::{Agent, AsSendBody};

/// Longest one exchange may take; gigabytes move in it.
const TIMEOUT: Duration = Duration::from_secs(300);
/// Largest body read into memory.
const BODY_BYTES_MAX: u64 = 4 << 30;

/// An answer.
#[derive(Clone, Debug)]
pub struct Answer {
    /// Its HTTP status.
    pub status: u16,
    /// Its headers, names in lower case.
    pub headers: BTreeMap<String, String>,
    /// Its body.
    pub body: Vec<u8>,
}

impl Answer {
    /// Whether its status is 2xx.
    pub fn success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// Its body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The storage error code in `x-ms-error-code`, or `""`.
    pub fn error_code(&self) -> &str {
        self.headers.get("x-ms-error-code").map_or("", String::as_str)
    }
}

/// Sends one request, on any URL with any headers.
///
/// # Errors
/// When there is no whole answer: refused, cut, timed out.
pub fn send(
    method: &str,
    url: &str,
    headers: &[(&str, &str)],
    body: impl AsSendBody,
) -> Result<Answer, ureq::Error> {
    let mut request = Request::builder().method(method).uri(url);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let answer = agent().run(request.body(body)?)?;
    let (head, mut body) = answer.into_parts();
    let text = |value: &ureq::http::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    Ok(Answer {
        status: head.status.as_u16(),
        headers: head.headers.iter().map(|(name, value)| (name.to_string(), text(value))).collect(),
        body: body.with_config().limit(BODY_BYTES_MAX).read_to_vec()?,
    })
}

/// The one client of this process.
pub(crate) fn agent() -> &'static Agent {
    static AGENT: LazyLock<Agent> = LazyLock::new(|| {
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .proxy(None)
            .max_redirects(0)
            .allow_non_standard_methods(true)
            .timeout_global(Some(TIMEOUT))
            // Servers restart under tests; a pooled connection would then fail a request that is fine.
            .max_idle_connections(0)
            .build();
        Agent::new_with_config(config)
    });
    &AGENT
}
