//! Lists the blobs that a pattern means, page by page, with a grant to list that one blob container for a
//! few minutes. Memory holds one page. Must never ask for a right beyond `l`.

use jiff::{SignedDuration, Timestamp};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use valet_grant::{GrantUrl, Right, Rights};
use valet_mint::{GrantSpec, MintError, Resource, Signer};

use super::client::{StorageClient, StorageFailure};
use super::page::{self, PageBlob};
use crate::address::BlobAddress;
use crate::pattern::Pattern;

/// How long a grant to list holds; each page gets a new one, so that a long listing cannot outlive it.
const LIST_GRANT_LIFETIME: SignedDuration = SignedDuration::from_mins(15);

/// The most blobs that storage gives in one page.
const PAGE_BLOBS_MAX: u32 = 5_000;

/// Pages of one listing: 20,000 pages of 5,000 blobs, far beyond one submit; ends a server that repeats itself.
const PAGES_MAX: u32 = 20_000;

/// One blob that matched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// Which blob.
    pub address: BlobAddress,
    /// Its ETag at the time of listing, with quotes.
    pub etag: Option<String>,
    /// Its size.
    pub bytes: u64,
}

/// A listing in progress.
#[derive(Debug)]
pub struct Listing<'a> {
    client: &'a StorageClient,
    signer: &'a Signer,
    pattern: &'a Pattern,
    marker: Option<String>,
    pages: u32,
    unusable: u64,
    page_blobs: u32,
    done: bool,
}

/// Why a listing stopped.
#[derive(Debug, thiserror::Error)]
pub enum ListingError {
    /// The grant to list could not be minted.
    #[error("cannot mint a grant to list {container}")]
    Mint {
        /// The blob container.
        container: String,
        /// Why.
        #[source]
        cause: MintError,
    },
    /// Storage did not answer or refused.
    #[error(transparent)]
    Storage(#[from] StorageFailure),
}

impl<'a> Listing<'a> {
    /// Begins at the first page. Nothing is asked yet.
    pub fn new(client: &'a StorageClient, signer: &'a Signer, pattern: &'a Pattern) -> Self {
        Self {
            client,
            signer,
            pattern,
            marker: None,
            pages: 0,
            unusable: 0,
            page_blobs: PAGE_BLOBS_MAX,
            done: false,
        }
    }

    /// Asks for smaller pages, 1 to 5,000 blobs each.
    #[must_use]
    pub fn with_page_blobs(mut self, page_blobs: u32) -> Self {
        self.page_blobs = page_blobs.clamp(1, PAGE_BLOBS_MAX);
        self
    }

    /// The matches of the next page, in storage's order (which is the names'); `None` after the last page.
    ///
    /// # Errors
    /// When storage refuses, or does not answer after several tries.
    pub async fn next_page(&mut self) -> Result<Option<Vec<Listed>>, ListingError> {
        if self.done {
            return Ok(None);
        }
        let what = format!("list blob container {}", self.pattern.container());
        let grant = self.grant()?;
        let answer = self.client.get(&what, &grant, &self.query()).await?;
        if !answer.is_success() {
            return Err(answer.refused(&what).into());
        }
        let page = page::parse(&answer.body)
            .map_err(|error| StorageFailure::BadAnswer { what, problem: error.to_string() })?;
        self.pages += 1;
        self.done = page.next_marker.is_none() || self.pages == PAGES_MAX;
        self.marker = page.next_marker;
        Ok(Some(page.blobs.into_iter().filter_map(|blob| self.take(blob)).collect()))
    }

    /// Blobs that matched but whose names no grant can be minted for.
    pub fn unusable(&self) -> u64 {
        self.unusable
    }

    fn take(&mut self, blob: PageBlob) -> Option<Listed> {
        if !self.pattern.matches(&blob.name) {
            return None;
        }
        let Ok(address) = BlobAddress::new(self.pattern.container(), &blob.name) else {
            self.unusable += 1;
            tracing::warn!(blob = blob.name.escape_debug().to_string(), "name cannot be granted; left out");
            return None;
        };
        Some(Listed { address, etag: blob.etag, bytes: blob.bytes })
    }

    fn grant(&self) -> Result<GrantUrl, ListingError> {
        let container = self.pattern.container();
        let now = Timestamp::now();
        let expiry = now.saturating_add(LIST_GRANT_LIFETIME).unwrap_or(now);
        let rights = Rights::from(Right::List);
        let mut spec = GrantSpec::new(Resource::Container { container }, rights, now, expiry);
        if !self.signer.account().is_https() {
            spec = spec.over_http_too();
        }
        self.signer.mint(&spec).map_err(|cause| ListingError::Mint { container: container.to_owned(), cause })
    }

    fn query(&self) -> String {
        let encode = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
        let mut query = format!("&restype=container&comp=list&maxresults={}", self.page_blobs);
        if !self.pattern.prefix().is_empty() {
            query.push_str("&prefix=");
            query.push_str(&encode(self.pattern.prefix()));
        }
        if let Some(marker) = &self.marker {
            query.push_str("&marker=");
            query.push_str(&encode(marker));
        }
        query
    }
}
