//! Whether a storage host works at all, asked without any grant: after an outage, before grants are used again.
//! It must never carry a path or a query of a granted URL.

use std::fmt;
use std::time::Duration;

use reqwest::Method;
use url::Url;
use valet_grant::GrantUrl;

use super::Client;
use crate::API_VERSION;

/// The longest that the question may take. A host that needs longer is of no use.
const PATIENCE: Duration = Duration::from_secs(10);

/// Scheme, host and port of a granted URL, and nothing else of it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Origin(String);

impl Origin {
    /// Where `url` leads; nothing for what is no http(s) URL.
    #[must_use]
    pub fn of(url: &GrantUrl) -> Option<Self> {
        let origin = Url::parse(url.expose_url()).ok()?.origin();
        origin.is_tuple().then(|| Self(origin.ascii_serialization()))
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Client {
    /// Whether `origin` answers with anything but a server's failure, such as a refusal of this very question. A host
    /// that the egress guard refuses does not answer.
    pub async fn answers(&self, origin: &Origin) -> bool {
        let Ok(url) = Url::parse(&origin.0) else { return false };
        if self.guard.check_url(&url).is_err() {
            return false;
        }
        let request = self.http.request(Method::GET, url).header("x-ms-version", API_VERSION);
        match tokio::time::timeout(PATIENCE, request.send()).await {
            Ok(Ok(answer)) => self.check_peer(&answer).is_ok() && !answer.status().is_server_error(),
            Ok(Err(_)) | Err(_) => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_nothing_but_scheme_host_and_port() {
        let of = |url: &str| Origin::of(&GrantUrl::new(url.to_owned())).map(|origin| origin.to_string());
        let azure = of("https://acct.blob.core.windows.net/in/a.mov?sp=r&sig=secret");
        assert_eq!(azure.as_deref(), Some("https://acct.blob.core.windows.net"));
        let emulator = of("http://127.0.0.1:10000/devstoreaccount1/in/a.mov?sig=secret");
        assert_eq!(emulator.as_deref(), Some("http://127.0.0.1:10000"));
        assert_eq!((of("data:,x"), of("nonsense")), (None, None));
    }
}
