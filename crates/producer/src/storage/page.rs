//! One page of List Blobs: storage's XML into typed values. Must never do I/O.

use percent_encoding::percent_decode_str;
use serde::Deserialize;

/// One page of a listing.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Page {
    pub(super) blobs: Vec<PageBlob>,
    /// Where the next page begins; `None`: this is the last one.
    pub(super) next_marker: Option<String>,
}

/// One blob of a page.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct PageBlob {
    pub(super) name: String,
    /// In the form of the header: with its quotes.
    pub(super) etag: Option<String>,
    pub(super) bytes: u64,
}

#[derive(Deserialize)]
struct Results {
    #[serde(rename = "Blobs", default)]
    blobs: Blobs,
    #[serde(rename = "NextMarker", default)]
    next_marker: Option<String>,
}

#[derive(Deserialize, Default)]
struct Blobs {
    #[serde(rename = "Blob", default)]
    blob: Vec<Blob>,
}

#[derive(Deserialize)]
struct Blob {
    #[serde(rename = "Name")]
    name: Name,
    #[serde(rename = "Properties", default)]
    properties: Properties,
}

#[derive(Deserialize)]
struct Name {
    // Names with characters that XML cannot hold are percent-encoded and say so.
    #[serde(rename = "@Encoded", default)]
    encoded: bool,
    #[serde(rename = "$text", default)]
    text: String,
}

#[derive(Deserialize, Default)]
struct Properties {
    #[serde(rename = "Etag", default)]
    etag: Option<String>,
    #[serde(rename = "Content-Length", default)]
    content_length: Option<u64>,
}

/// Parses one page.
///
/// # Errors
/// When the body is not the XML of a listing.
pub(super) fn parse(xml: &str) -> Result<Page, quick_xml::DeError> {
    // Azure begins its answers with a byte order mark.
    let results: Results = quick_xml::de::from_str(xml.trim_start_matches('\u{feff}'))?;
    let blobs = results.blobs.blob.into_iter().map(PageBlob::from).collect();
    Ok(Page { blobs, next_marker: results.next_marker.filter(|marker| !marker.is_empty()) })
}

impl From<Blob> for PageBlob {
    fn from(blob: Blob) -> Self {
        let name = match blob.name.encoded {
            true => percent_decode_str(&blob.name.text).decode_utf8_lossy().into_owned(),
            false => blob.name.text,
        };
        let quoted = |etag: String| if etag.starts_with('"') { etag } else { format!("\"{etag}\"") };
        Self {
            name,
            etag: blob.properties.etag.map(quoted),
            bytes: blob.properties.content_length.unwrap_or(0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TWO: &str = "\u{feff}<?xml version=\"1.0\" encoding=\"utf-8\"?><EnumerationResults \
        ServiceEndpoint=\"https://a.blob.core.windows.net/\" ContainerName=\"in\"><Prefix>a</Prefix><Blobs>\
        <Blob><Name>a b &amp; c.mov</Name><Properties><Etag>0x8D1</Etag><Content-Length>12</Content-Length>\
        <Content-MD5/></Properties><OrMetadata/></Blob><Blob><Name Encoded=\"true\">a%EF%BF%BE.mov</Name>\
        <Properties><Etag>\"0x8D2\"</Etag></Properties></Blob></Blobs><NextMarker>2!m</NextMarker></EnumerationResults>";

    #[test]
    fn names_etags_and_the_marker_are_read() {
        let page = parse(TWO).unwrap();
        assert_eq!(page.blobs[0].name, "a b & c.mov");
        assert_eq!(page.blobs[0].etag.as_deref(), Some("\"0x8D1\""));
        assert_eq!(page.blobs[0].bytes, 12);
        assert_eq!(page.blobs[1].name, "a\u{fffe}.mov");
        assert_eq!(page.blobs[1].etag.as_deref(), Some("\"0x8D2\""));
        assert_eq!(page.next_marker.as_deref(), Some("2!m"));
    }

    #[test]
    fn the_last_page_has_no_marker() {
        let page = parse("<EnumerationResults><Blobs/><NextMarker/></EnumerationResults>").unwrap();
        assert_eq!(page, Page { blobs: vec![], next_marker: None });
    }

    #[test]
    fn leading_and_trailing_spaces_belong_to_the_name() {
        let xml = "<EnumerationResults><Blobs><Blob><Name> a </Name></Blob></Blobs></EnumerationResults>";
        assert_eq!(parse(xml).unwrap().blobs[0].name, " a ");
    }

    #[test]
    fn other_bodies_are_errors() {
        assert!(parse("<html>").is_err());
        assert!(parse("").is_err());
    }
}
