//! The metadata service of a virtual machine, as far as it is asked: its name, its events. Plain HTTP within the
//! machine's host, one connection a question, bounded in time and size.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::client::conn::http1;
use hyper::header::{CONTENT_TYPE, HOST};
use hyper::{Method, Request, StatusCode, Uri};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use super::event::Document;

const EVENTS_PATH: &str = "/metadata/scheduledevents?api-version=2020-07-01";
const NAME_PATH: &str = "/metadata/instance/compute/name?api-version=2021-02-01&format=text";

/// The first question about events turns them on for the machine, and may take two minutes.
const PATIENCE: Duration = Duration::from_secs(130);

/// Time to connect: it is next door.
const CONNECT_TIME: Duration = Duration::from_secs(3);

/// A longer answer is something else.
const ANSWER_BYTES_MAX: usize = 256 * 1024;

/// A longer name is no machine's.
const NAME_CHARS_MAX: usize = 256;

/// Where the service is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Service {
    host: String,
    port: u16,
}

/// The service was of no use.
#[derive(Debug, thiserror::Error)]
pub(super) enum ServiceError {
    #[error("the metadata service cannot be reached")]
    Connect(#[source] std::io::Error),
    #[error("the metadata service does not answer in time")]
    Late,
    #[error("the metadata service does not speak HTTP")]
    Http(#[source] hyper::Error),
    #[error("the metadata service answers {0}")]
    Status(StatusCode),
    #[error("the metadata service's answer cannot be understood")]
    Answer,
}

impl Service {
    /// Reads `http://host[:port]`; nothing of what is not that.
    #[must_use]
    pub fn parse(url: &str) -> Option<Self> {
        let uri: Uri = url.parse().ok()?;
        let is_base = matches!(uri.path(), "" | "/") && uri.query().is_none();
        let authority = uri.authority().filter(|authority| !authority.as_str().contains('@'))?;
        let is_plain = uri.scheme_str() == Some("http");
        let host = authority.host().trim_matches(['[', ']']).to_owned();
        (is_base && is_plain).then(|| Self { host, port: authority.port_u16().unwrap_or(80) })
    }

    /// The TCP port that it is at.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// This machine's name.
    pub(super) async fn name(&self) -> Result<String, ServiceError> {
        let bytes = self.ask(Method::GET, NAME_PATH, Bytes::new()).await?;
        let name = String::from_utf8_lossy(&bytes).trim().to_owned();
        let is_name = !name.is_empty() && name.chars().count() <= NAME_CHARS_MAX;
        if is_name { Ok(name) } else { Err(ServiceError::Answer) }
    }

    /// What is planned.
    pub(super) async fn events(&self) -> Result<Document, ServiceError> {
        let bytes = self.ask(Method::GET, EVENTS_PATH, Bytes::new()).await?;
        Document::parse(&bytes).ok_or(ServiceError::Answer)
    }

    /// Lets an event begin.
    pub(super) async fn start(&self, id: &str) -> Result<(), ServiceError> {
        let body = serde_json::json!({ "StartRequests": [{ "EventId": id }] }).to_string();
        self.ask(Method::POST, EVENTS_PATH, body.into()).await.map(drop)
    }

    async fn ask(&self, method: Method, path: &str, body: Bytes) -> Result<Bytes, ServiceError> {
        tokio::time::timeout(PATIENCE, self.exchange(method, path, body))
            .await
            .map_err(|_| ServiceError::Late)?
    }

    async fn exchange(&self, method: Method, path: &str, body: Bytes) -> Result<Bytes, ServiceError> {
        let connected =
            tokio::time::timeout(CONNECT_TIME, TcpStream::connect((self.host.as_str(), self.port)));
        let stream = connected.await.map_err(|_| ServiceError::Late)?.map_err(ServiceError::Connect)?;
        let (mut sender, connection) =
            http1::handshake(TokioIo::new(stream)).await.map_err(ServiceError::Http)?;
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(HOST, &self.host)
            .header("metadata", "true")
            .header(CONTENT_TYPE, "application/json")
            .body(Full::new(body))
            .map_err(|_| ServiceError::Answer)?;
        let answered = async {
            let response = sender.send_request(request).await.map_err(ServiceError::Http)?;
            if !response.status().is_success() {
                return Err(ServiceError::Status(response.status()));
            }
            let body = Limited::new(response.into_body(), ANSWER_BYTES_MAX).collect().await;
            body.map(http_body_util::Collected::to_bytes).map_err(|_| ServiceError::Answer)
        };
        let mut answered = std::pin::pin!(answered);
        tokio::select! {
            answer = &mut answered => answer,
            // The other side has closed; what it said before that counts.
            ended = connection => match ended {
                Ok(()) => answered.await,
                Err(error) => Err(ServiceError::Http(error)),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_is_a_plain_address() {
        let azure = Service::parse("http://169.254.169.254").unwrap();
        assert_eq!((azure.host.as_str(), azure.port()), ("169.254.169.254", 80));
        assert_eq!(Service::parse("http://127.0.0.1:8080/").map(|service| service.port()), Some(8080));
        assert_eq!(Service::parse("http://[::1]:81").unwrap().host, "::1");
        for text in
            ["https://169.254.169.254", "http://me@host", "http://host/path", "host:80", "", "http://"]
        {
            assert_eq!(Service::parse(text), None, "{text}");
        }
    }
}
