//! From a tree to a typed value, with errors of our own: serde_json's repeat values, ours name the
//! field and the rule.
//! Must never keep a value, nor a text of unknown origin, in an error.

use std::collections::btree_map;
use std::fmt;

use serde::de::value::StringDeserializer;
use serde::de::{
    DeserializeOwned, DeserializeSeed, Deserializer, Expected, IntoDeserializer, MapAccess, SeqAccess,
    Unexpected, Visitor,
};

use crate::tree::Tree;
use crate::{DecodeError, limits};

/// Reads a typed value out of a tree.
pub(crate) fn from_tree<T: DeserializeOwned>(tree: Tree) -> Result<T, DecodeError> {
    T::deserialize(tree).map_err(Into::into)
}

/// What is wrong, and where.
#[derive(Debug)]
pub(crate) struct Fault {
    /// Field names from the fault outwards.
    path: Vec<String>,
    kind: Kind,
}

#[derive(Debug)]
enum Kind {
    Unknown { nearest: Option<&'static str> },
    Missing,
    Doubled,
    Invalid(String),
}

impl Fault {
    pub(crate) fn doubled(key: &str) -> Self {
        Self { path: vec![printable(key)], kind: Kind::Doubled }
    }

    pub(crate) fn came_through(&mut self, key: &str) {
        self.path.push(printable(key));
    }

    fn within(mut self, key: &str) -> Self {
        self.came_through(key);
        self
    }

    fn invalid(problem: String) -> Self {
        Self { path: Vec::new(), kind: Kind::Invalid(problem) }
    }
}

/// A field name fit for an error. Names are the sender's: one that could be a URL is not repeated.
pub(crate) fn printable(name: &str) -> String {
    let usual = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.');
    match name.len() {
        1..=limits::FIELD_NAME_BYTES_MAX if name.bytes().all(usual) => name.to_owned(),
        bytes => format!("(a name of {bytes} bytes)"),
    }
}

impl From<Fault> for DecodeError {
    fn from(fault: Fault) -> Self {
        let names: Vec<_> = fault.path.iter().rev().map(String::as_str).collect();
        let field = if names.is_empty() { "(the whole)".to_owned() } else { names.join(".") };
        match fault.kind {
            Kind::Unknown { nearest } => Self::UnknownField { field, nearest },
            Kind::Missing => Self::MissingField { field },
            Kind::Doubled => Self::DuplicateField { field },
            Kind::Invalid(problem) => Self::Invalid { field, problem },
        }
    }
}

impl std::error::Error for Fault {}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value does not fit")
    }
}

impl serde::de::Error for Fault {
    fn custom<T: fmt::Display>(_: T) -> Self {
        // The text may repeat the value, so it is dropped.
        Self::invalid("has a value of the wrong form".to_owned())
    }

    fn invalid_type(_: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::invalid(format!("must be {}", in_words(&expected.to_string())))
    }

    fn invalid_value(_: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::invalid(format!("must be {}", in_words(&expected.to_string())))
    }

    fn unknown_variant(_: &str, expected: &'static [&'static str]) -> Self {
        Self::invalid(format!("must be one of {}", expected.join(", ")))
    }

    fn unknown_field(field: &str, expected: &'static [&'static str]) -> Self {
        let near = |known: &&'static str| (strsim::damerau_levenshtein(field, known), *known);
        let nearest = expected.iter().map(near).min().filter(|(edits, _)| *edits <= 3);
        Self {
            path: vec![printable(field)],
            kind: Kind::Unknown { nearest: nearest.map(|(_, known)| known) },
        }
    }

    fn missing_field(field: &'static str) -> Self {
        Self { path: vec![field.to_owned()], kind: Kind::Missing }
    }
}

/// serde's expectations are of Rust ("u32", "struct Input"); the reader knows JSON.
fn in_words(expected: &str) -> String {
    match expected {
        "u32" => format!("a whole number from 0 to {}", u32::MAX),
        "u64" => format!("a whole number from 0 to {}", u64::MAX),
        "a string" => "a text".to_owned(),
        "f64" => "a number".to_owned(),
        "a map" => "an object".to_owned(),
        other => other.to_owned(),
    }
}

impl<'de> Deserializer<'de> for Tree {
    type Error = Fault;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match self {
            Self::Null => visitor.visit_unit(),
            Self::Truth(truth) => visitor.visit_bool(truth),
            Self::Number(number) => visit_number(&number, visitor),
            Self::Text(mut text) => visitor.visit_string(std::mem::take(&mut *text)),
            Self::List(items) => visitor.visit_seq(Items(items.into_iter())),
            Self::Map(entries) => visitor.visit_map(Entries { rest: entries.into_iter(), next: None }),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match self {
            Self::Null => visitor.visit_none(),
            some => visitor.visit_some(some),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Fault> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        match self {
            Self::Text(mut text) => {
                let text: StringDeserializer<Fault> = std::mem::take(&mut *text).into_deserializer();
                visitor.visit_enum(text)
            }
            _ => Err(serde::de::Error::unknown_variant("", variants)),
        }
    }

    // serde's derived structs also take a list of their fields; the wire format does not.
    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        match self {
            Self::Map(_) => self.deserialize_any(visitor),
            _ => Err(Fault::invalid("must be an object".to_owned())),
        }
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct
        seq tuple tuple_struct map identifier ignored_any
    }
}

fn visit_number<'de, V: Visitor<'de>>(number: &serde_json::Number, visitor: V) -> Result<V::Value, Fault> {
    if let Some(number) = number.as_u64() {
        visitor.visit_u64(number)
    } else if let Some(number) = number.as_i64() {
        visitor.visit_i64(number)
    } else {
        visitor.visit_f64(number.as_f64().unwrap_or(f64::NAN))
    }
}

struct Items(std::vec::IntoIter<Tree>);

impl<'de> SeqAccess<'de> for Items {
    type Error = Fault;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Fault> {
        self.0.next().map(|item| seed.deserialize(item)).transpose()
    }
}

struct Entries {
    rest: btree_map::IntoIter<String, Tree>,
    next: Option<(String, Tree)>,
}

impl<'de> MapAccess<'de> for Entries {
    type Error = Fault;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Fault> {
        self.next = self.rest.next();
        let Some((key, _)) = &self.next else { return Ok(None) };
        seed.deserialize(key.as_str().into_deserializer()).map(Some)
    }

    fn next_value_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<T::Value, Fault> {
        let (key, value) = self.next.take().unwrap_or((String::new(), Tree::Null));
        seed.deserialize(value).map_err(|fault| fault.within(&key))
    }
}
