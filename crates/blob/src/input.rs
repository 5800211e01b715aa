//! The one input blob of a job: opened once, from then on pinned to the content first seen.

use reqwest::{
    Method, Response,
    header::{CONTENT_LENGTH, CONTENT_TYPE, ETAG, HeaderMap, IF_MATCH},
};
use valet_grant::{GrantUrl, ReadGrant};

use crate::{
    StorageError,
    error::{Failure, Operation, Subject},
    http::Client,
    retry::Tries,
};

/// An opened input: its length and its identity are known, no byte has been read.
#[derive(Debug, Clone)]
pub struct Input {
    pub(crate) client: Client,
    pub(crate) url: GrantUrl,
    pub(crate) subject: Subject,
    properties: Properties,
}

/// What storage says of the blob.
#[derive(Debug, Clone)]
struct Properties {
    bytes: u64,
    etag: String,
    content_md5: Option<String>,
    content_type: Option<String>,
}

impl Input {
    /// Asks storage for the blob that `grant` opens, by one HEAD: a ranged GET would fail on an empty blob. Every
    /// later read fails if the blob's content has changed since.
    ///
    /// `etag`: the content that the job was made for, quoted as in HTTP; another one is refused.
    ///
    /// # Errors
    /// [`StorageError`]; transient failures have been tried again.
    pub async fn open(client: &Client, grant: &ReadGrant, etag: Option<&str>) -> Result<Self, StorageError> {
        let url = grant.url().clone();
        let subject = Subject::reading(Operation::Open, grant);
        let mut tries = Tries::new(client, &subject, None);
        let properties = loop {
            tries.check_time()?;
            match head(client, &url, &subject, etag).await {
                Ok(properties) => break properties,
                Err(failure) => tries.pause_after(failure).await?,
            }
        };
        let subject = subject.during(Operation::Fetch);
        Ok(Self { client: client.clone(), url, subject, properties })
    }

    /// Length in bytes.
    pub fn bytes(&self) -> u64 {
        self.properties.bytes
    }

    /// The ETag that every read is pinned to, with its quotes.
    pub fn etag(&self) -> &str {
        &self.properties.etag
    }

    /// The MD5 that storage keeps for the whole blob, in base64. Only block blobs: storage does not keep the others'
    /// up to date.
    pub fn content_md5(&self) -> Option<&str> {
        self.properties.content_md5.as_deref()
    }

    /// The content type that the blob's owner gave it.
    pub fn content_type(&self) -> Option<&str> {
        self.properties.content_type.as_deref()
    }
}

async fn head(
    client: &Client,
    url: &GrantUrl,
    subject: &Subject,
    etag: Option<&str>,
) -> Result<Properties, Failure> {
    let mut request = client.request(Method::HEAD, url.expose_url(), subject)?;
    if let Some(etag) = etag {
        request = request.header(IF_MATCH, etag);
    }
    let response = client.send(request, subject).await?;
    properties(&response).map_err(|lack| subject.unexpected(response.status().as_u16(), lack).into())
}

fn properties(response: &Response) -> Result<Properties, &'static str> {
    let headers = response.headers();
    let bytes = text(headers, CONTENT_LENGTH).and_then(|length| length.parse().ok());
    let is_block_blob = text(headers, "x-ms-blob-type").is_none_or(|kind| kind == "BlockBlob");
    Ok(Properties {
        bytes: bytes.ok_or("no Content-Length")?,
        etag: text(headers, ETAG).ok_or("no ETag")?,
        content_md5: text(headers, "content-md5").filter(|_| is_block_blob),
        content_type: text(headers, CONTENT_TYPE),
    })
}

/// A header as text; one that is not visible ASCII counts as absent.
pub(crate) fn text(headers: &HeaderMap, name: impl reqwest::header::AsHeaderName) -> Option<String> {
    headers.get(name)?.to_str().ok().map(str::to_owned)
}
