//! Whether a storage host works at all, asked without any grant: after an outage, before grants are used again.
//! It must never carry a path or a query of a granted URL.

use std::error::Error;
use std::time::Duration;
use std::{fmt, io};

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

/// What a question without a grant shows of a storage host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// It answers with anything but a server's failure, such as a refusal of this very question.
    Answers,
    /// It does not answer, or only with a server's failure, or the egress guard refuses it.
    Silent,
    /// The resolver says that there is no host of this name: an account that was misspelt or deleted.
    NoSuchHost,
}

impl Client {
    /// Asks whether `origin` works.
    pub async fn reach(&self, origin: &Origin) -> Reach {
        let Ok(url) = Url::parse(&origin.0) else { return Reach::Silent };
        if self.guard.check_url(&url).is_err() {
            return Reach::Silent;
        }
        let request = self.http.request(Method::GET, url).header("x-ms-version", API_VERSION);
        match tokio::time::timeout(PATIENCE, request.send()).await {
            Ok(Ok(answer)) if self.check_peer(&answer).is_ok() && !answer.status().is_server_error() => {
                Reach::Answers
            }
            Ok(Err(error)) if is_no_such_host(&error) => Reach::NoSuchHost,
            _ => Reach::Silent,
        }
    }
}

fn is_no_such_host(error: &reqwest::Error) -> bool {
    let causes = std::iter::successors(error.source(), |&cause| cause.source());
    causes
        .filter_map(|cause| cause.downcast_ref::<io::Error>())
        .any(|io| io.kind() == io::ErrorKind::NotFound)
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;
    use std::sync::Arc;

    use futures::future::BoxFuture;
    use valet_grant::HostRules;

    use super::super::Egress;
    use super::super::guard::Lookup;
    use super::*;

    /// A resolver that fails in one way.
    #[derive(Debug)]
    struct Failing(io::ErrorKind);

    impl Lookup for Failing {
        fn addresses(&self, _host: String) -> BoxFuture<'static, io::Result<Vec<IpAddr>>> {
            Box::pin(std::future::ready(Err(self.0.into())))
        }
    }

    #[tokio::test]
    async fn a_host_that_does_not_exist_is_told_from_a_resolver_that_is_away() {
        let origin =
            Origin::of(&GrantUrl::new("https://misspelt.blob.core.windows.net/in/a".to_owned())).unwrap();
        for (kind, reach) in
            [(io::ErrorKind::NotFound, Reach::NoSuchHost), (io::ErrorKind::Other, Reach::Silent)]
        {
            let rules =
                HostRules { patterns: vec!["*.blob.core.windows.net".to_owned()], ..HostRules::default() };
            let client = Client::resolving(Egress::new(rules), Arc::new(Failing(kind))).unwrap();
            assert_eq!(client.reach(&origin).await, reach, "{kind:?}");
        }
    }

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
