//! Output templates: `out/{path}/{stem}.mp4` → the output of one input. Parsed once, then filled per job.
//! Must never produce an address that was not checked (the result is a [`BlobAddress`]).

use crate::address::{AddressError, BlobAddress, is_url};

/// What a placeholder stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Field {
    Path,
    Stem,
    Name,
    Ext,
    Preset,
    Id,
}

/// Every placeholder with its field: the one list for parsing and for the advice.
const FIELDS: [(&str, Field); 6] = [
    ("path", Field::Path),
    ("stem", Field::Stem),
    ("name", Field::Name),
    ("ext", Field::Ext),
    ("preset", Field::Preset),
    ("id", Field::Id),
];

#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Text(String),
    Field(Field),
}

/// A parsed output template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    text: String,
    pieces: Vec<Piece>,
}

/// Why a template cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TemplateError {
    /// `{something}` that is no placeholder.
    #[error("template {template:?} has an unknown placeholder {{{name}}}")]
    UnknownPlaceholder {
        /// The template as given.
        template: String,
        /// The unknown name.
        name: String,
    },
    /// A `{` without `}` or the reverse.
    #[error("template {template:?} has an unpaired brace at byte {at}")]
    UnpairedBrace {
        /// The template as given.
        template: String,
        /// Byte offset of the brace.
        at: usize,
    },
    /// A URL was given where a template is expected.
    #[error("a URL is not accepted as an output")]
    Url,
}

impl TemplateError {
    /// What to do about it.
    pub fn advice(&self) -> &'static str {
        match self {
            Self::Url => "write container/blob; valet mints the grant itself",
            _ => {
                "placeholders are {path} {stem} {name} {ext} {preset} {id}; a brace itself is written {{ or }}"
            }
        }
    }
}

/// What fills a template for one job. `ext` is what the preset writes, or the input's own extension.
#[derive(Debug, Clone, Copy)]
pub struct Filling<'a> {
    /// The input, of which path, name and stem are taken.
    pub input: &'a BlobAddress,
    /// The preset's name.
    pub preset: &'a str,
    /// The extension that the preset writes, without the dot; `None`: the input's.
    pub extension: Option<&'a str>,
    /// The job's id in text form.
    pub id: &'a str,
}

impl Template {
    /// Parses a template.
    ///
    /// # Errors
    /// Unknown placeholders and unpaired braces.
    pub fn parse(text: &str) -> Result<Self, TemplateError> {
        if is_url(text) {
            return Err(TemplateError::Url);
        }
        let mut pieces = Vec::new();
        let mut literal = String::new();
        let mut rest = text;
        while let Some(at) = rest.find(['{', '}']) {
            literal.push_str(&rest[..at]);
            let brace = &rest[at..];
            if brace.starts_with("{{") || brace.starts_with("}}") {
                literal.push_str(&brace[..1]);
                rest = &brace[2..];
                continue;
            }
            let (field, after) = placeholder(text, brace)?;
            if !literal.is_empty() {
                pieces.push(Piece::Text(std::mem::take(&mut literal)));
            }
            pieces.push(Piece::Field(field));
            rest = after;
        }
        literal.push_str(rest);
        if !literal.is_empty() {
            pieces.push(Piece::Text(literal));
        }
        Ok(Self { text: text.to_owned(), pieces })
    }

    /// The template as it was written; part of an idempotent job id.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether different inputs get different outputs by construction of the template alone.
    pub fn has_placeholder(&self) -> bool {
        self.pieces.iter().any(|piece| matches!(piece, Piece::Field(_)))
    }

    /// Fills the template. An empty placeholder takes the `/` after it along, so `out/{path}/{stem}` of a
    /// blob at the top of its container is `out/stem`.
    ///
    /// # Errors
    /// When the result is no valid address.
    pub fn fill(&self, with: &Filling<'_>) -> Result<BlobAddress, AddressError> {
        let blob = with.input.blob();
        let (path, name) = blob.rsplit_once('/').unwrap_or(("", blob));
        let (stem, own_extension) = match name.rsplit_once('.') {
            Some((stem, extension)) if !stem.is_empty() => (stem, extension),
            _ => (name, ""),
        };
        let mut text = String::with_capacity(self.text.len() + blob.len() + 8);
        let mut swallow = false;
        for piece in &self.pieces {
            let part = match piece {
                Piece::Text(literal) => literal.as_str(),
                Piece::Field(Field::Path) => path,
                Piece::Field(Field::Stem) => stem,
                Piece::Field(Field::Name) => name,
                Piece::Field(Field::Ext) => with.extension.unwrap_or(own_extension),
                Piece::Field(Field::Preset) => with.preset,
                Piece::Field(Field::Id) => with.id,
            };
            text.push_str(if swallow { part.strip_prefix('/').unwrap_or(part) } else { part });
            swallow = part.is_empty();
        }
        BlobAddress::from_text(text)
    }
}

/// Reads one placeholder at the start of `brace`; gives the field and what follows it.
fn placeholder<'a>(template: &str, brace: &'a str) -> Result<(Field, &'a str), TemplateError> {
    let at = template.len() - brace.len();
    let unpaired = || TemplateError::UnpairedBrace { template: template.to_owned(), at };
    let inner = brace.strip_prefix('{').ok_or_else(unpaired)?;
    let (name, after) = inner.split_once('}').ok_or_else(unpaired)?;
    let found = FIELDS.iter().find(|(known, _)| *known == name);
    let (_, field) = found.ok_or_else(|| TemplateError::UnknownPlaceholder {
        template: template.to_owned(),
        name: name.to_owned(),
    })?;
    Ok((*field, after))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fill(template: &str, input: &str) -> String {
        let input: BlobAddress = input.parse().unwrap();
        let with = Filling { input: &input, preset: "h264-720p", extension: Some("mp4"), id: "ID" };
        Template::parse(template).unwrap().fill(&with).unwrap().to_string()
    }

    #[test]
    fn every_placeholder_is_filled() {
        assert_eq!(fill("out/{path}/{stem}.{ext}", "raw/a/b/c.x.mov"), "out/a/b/c.x.mp4");
        assert_eq!(fill("out/{preset}/{id}/{name}", "raw/a/c.mov"), "out/h264-720p/ID/c.mov");
    }

    #[test]
    fn an_empty_path_leaves_no_empty_segment() {
        assert_eq!(fill("out/{path}/{stem}.mp4", "raw/c.mov"), "out/c.mp4");
    }

    #[test]
    fn doubled_braces_are_literal() {
        assert_eq!(fill("out/{{x}}{stem}", "raw/c.mov"), "out/{x}c");
    }

    #[test]
    fn a_dotfile_has_no_extension() {
        assert_eq!(fill("out/{stem}", "raw/.mov"), "out/.mov");
    }

    #[test]
    fn mistakes_are_named() {
        let unknown = Template::parse("out/{stme}.mp4").unwrap_err();
        assert_eq!(unknown.to_string(), r#"template "out/{stme}.mp4" has an unknown placeholder {stme}"#);
        let unpaired = Template::parse("out/{stem.mp4").unwrap_err();
        assert_eq!(unpaired, TemplateError::UnpairedBrace { template: "out/{stem.mp4".into(), at: 4 });
        assert!(Template::parse("out/stem}").is_err());
    }
}
