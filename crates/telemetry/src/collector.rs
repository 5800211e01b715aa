//! Where traces are sent, and the HTTP client that sends them: no redirect, no proxy, bounded in time and size.
//! It goes to the one address of the settings and nowhere else.

use std::str::FromStr;
use std::time::Duration;

use async_trait::async_trait;
use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response};
use url::Url;

/// Time for one batch, from the connection to the answer.
const TIMEOUT: Duration = Duration::from_secs(5);

/// An answer of a collector says next to nothing.
const ANSWER_BYTES_MAX: usize = 64 * 1024;

/// Where OTLP/HTTP puts traces below a collector's address.
const TRACES_PATH: &str = "v1/traces";

/// Address of a collector's traces.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint(Url);

/// The address cannot be a collector's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EndpointError {
    /// Not a URL, or of another scheme.
    #[error("is no http:// or https:// address")]
    NotHttp,
    /// It holds what must not stand in a setting that is shown.
    #[error("holds a user name, a password, a query or a fragment")]
    Extras,
}

impl FromStr for Endpoint {
    type Err = EndpointError;

    /// The collector's base address, such as `http://127.0.0.1:4318`, or the whole one with `/v1/traces`.
    fn from_str(text: &str) -> Result<Self, EndpointError> {
        let mut url = Url::parse(text).map_err(|_| EndpointError::NotHttp)?;
        if !matches!(url.scheme(), "http" | "https") || url.host().is_none() {
            return Err(EndpointError::NotHttp);
        }
        let extras = !url.username().is_empty() || url.password().is_some() || url.query().is_some();
        if extras || url.fragment().is_some() {
            return Err(EndpointError::Extras);
        }
        let path = url.path().trim_end_matches('/').to_owned();
        let base = path.strip_suffix(&format!("/{TRACES_PATH}")).unwrap_or(&path);
        url.set_path(&format!("{base}/{TRACES_PATH}"));
        Ok(Self(url))
    }
}

impl Endpoint {
    /// The whole address.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// The TCP port that it is at.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.0.port_or_known_default().unwrap_or_default()
    }
}

/// Sends to a collector.
#[derive(Debug)]
pub(crate) struct Collector(reqwest::Client);

impl Collector {
    /// Connects to nothing yet.
    #[expect(
        clippy::disallowed_methods,
        reason = "the collector is the operator's, not a partner's: no egress guard"
    )]
    pub(crate) fn new(endpoint: &Endpoint) -> reqwest::Result<Self> {
        let client = reqwest::Client::builder()
            .user_agent(concat!("valet/", env!("CARGO_PKG_VERSION")))
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .https_only(endpoint.0.scheme() == "https")
            .pool_max_idle_per_host(1)
            .timeout(TIMEOUT);
        client.build().map(Self)
    }
}

#[async_trait]
impl HttpClient for Collector {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let mut answer = self.0.execute(request.try_into()?).await?;
        let mut body = Vec::new();
        while let Some(piece) = answer.chunk().await? {
            body.extend_from_slice(&piece);
            if body.len() > ANSWER_BYTES_MAX {
                return Err("the collector's answer is too long".into());
            }
        }
        let mut response = Response::new(Bytes::from(body));
        *response.status_mut() = answer.status();
        Ok(response)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_base_address_gets_the_path_of_traces_and_a_whole_one_keeps_it() {
        let whole = |text: &str| text.parse::<Endpoint>().map(|endpoint| endpoint.as_str().to_owned());
        let expected = Ok("http://127.0.0.1:4318/v1/traces".to_owned());
        for text in ["http://127.0.0.1:4318", "http://127.0.0.1:4318/", "http://127.0.0.1:4318/v1/traces/"] {
            assert_eq!(whole(text), expected, "{text}");
        }
        assert_eq!(whole("https://otel/team"), Ok("https://otel/team/v1/traces".to_owned()));
        assert_eq!("https://otel".parse::<Endpoint>().unwrap().port(), 443);
    }

    #[test]
    fn addresses_with_secrets_or_of_other_kinds_are_refused() {
        for text in ["otel:4317", "grpc://otel:4317", "nonsense", ""] {
            assert_eq!(text.parse::<Endpoint>(), Err(EndpointError::NotHttp), "{text}");
        }
        for text in ["http://me:secret@otel", "http://otel/?key=secret", "http://otel/#secret"] {
            let error = text.parse::<Endpoint>().unwrap_err();
            assert!(error == EndpointError::Extras && !error.to_string().contains("secret"), "{text}");
        }
    }
}
