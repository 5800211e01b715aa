//! JSON as a tree: the first step of decoding, which finds broken syntax and doubled fields.
//! Must never put a value into an error.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt;

use serde::de::{DeserializeSeed, Error as _, MapAccess, SeqAccess, Visitor};
use zeroize::Zeroizing;

use crate::DecodeError;
use crate::de::Fault;

/// Any JSON value. Its texts are zeroized on drop, since two of them are grants.
pub(crate) enum Tree {
    Null,
    Truth(bool),
    Number(serde_json::Number),
    Text(Zeroizing<String>),
    List(Vec<Tree>),
    Map(BTreeMap<String, Tree>),
}

/// Reads one JSON document of at most `bytes_max` bytes.
pub(crate) fn parse(bytes: &[u8], bytes_max: usize) -> Result<Tree, DecodeError> {
    if bytes.len() > bytes_max {
        return Err(DecodeError::TooLarge { bytes: bytes.len(), max: bytes_max });
    }
    let text =
        std::str::from_utf8(bytes).map_err(|error| DecodeError::NotUtf8 { offset: error.valid_up_to() })?;
    let fault = RefCell::new(None);
    let mut json = serde_json::Deserializer::from_str(text);
    let tree = Seed(&fault).deserialize(&mut json).and_then(|tree| json.end().map(|()| tree));
    tree.map_err(|error| match fault.take() {
        Some(fault) => Fault::into(fault),
        None => not_json(&error),
    })
}

fn not_json(error: &serde_json::Error) -> DecodeError {
    let problem = if error.is_eof() { "it ends too early" } else { "syntax error" };
    DecodeError::NotJson { line: error.line(), column: error.column(), problem }
}

/// Builds a tree; leaves the place of a doubled field in the cell, since serde_json's errors are mere text.
#[derive(Clone, Copy)]
struct Seed<'a>(&'a RefCell<Option<Fault>>);

impl Seed<'_> {
    fn came_through(self, key: &str) {
        if let Some(fault) = self.0.borrow_mut().as_mut() {
            fault.came_through(key);
        }
    }
}

impl<'de> DeserializeSeed<'de> for Seed<'_> {
    type Value = Tree;

    fn deserialize<D: serde::Deserializer<'de>>(self, deserializer: D) -> Result<Tree, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Seed<'_> {
    type Value = Tree;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Tree, E> {
        Ok(Tree::Null)
    }

    fn visit_bool<E>(self, truth: bool) -> Result<Tree, E> {
        Ok(Tree::Truth(truth))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Tree, E> {
        Ok(Tree::Number(number.into()))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Tree, E> {
        Ok(Tree::Number(number.into()))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Tree, E> {
        Ok(serde_json::Number::from_f64(number).map_or(Tree::Null, Tree::Number))
    }

    fn visit_str<E>(self, text: &str) -> Result<Tree, E> {
        Ok(Tree::Text(Zeroizing::new(text.to_owned())))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Tree, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = seq.next_element_seed(self)? {
            items.push(item);
        }
        Ok(Tree::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Tree, A::Error> {
        let mut entries = BTreeMap::new();
        while let Some(key) = map.next_key::<String>()? {
            let value = map.next_value_seed(self).inspect_err(|_| self.came_through(&key))?;
            if entries.contains_key(&key) {
                self.0.replace(Some(Fault::doubled(&key)));
                return Err(A::Error::custom("a doubled field"));
            }
            entries.insert(key, value);
        }
        Ok(Tree::Map(entries))
    }
}
