//! Which preset a job means: `name`, `name@version`, parameters. Checked against the catalogue before
//! anything is minted. Must never let an unresolved preset through.

use std::fmt;
use std::rc::Rc;
use std::str::FromStr;

use serde_json::{Map, Value};
use valet_preset::PresetError;

/// Different choices that are remembered while a batch is planned; a batch with more of them than this
/// only resolves them again.
const REMEMBERED_MAX: usize = 256;

/// A preset as written: `name` or `name@version`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PresetName {
    /// The name.
    pub name: String,
    /// The version; `None` is the newest.
    pub version: Option<u32>,
}

/// Why a preset cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum PresetChoiceError {
    /// Text behind `@` that is no version.
    #[error("{text:?} is not NAME or NAME@VERSION")]
    BadVersion {
        /// The text as given.
        text: String,
    },
    /// The catalogue does not have it, or a parameter is wrong.
    #[error(transparent)]
    Preset(#[from] PresetError),
}

impl PresetChoiceError {
    /// What to do about it.
    pub fn advice(&self) -> String {
        match self {
            Self::BadVersion { .. } => "versions are whole numbers from 1: h264-720p@1".to_owned(),
            Self::Preset(error) => error.advice(),
        }
    }
}

impl FromStr for PresetName {
    type Err = PresetChoiceError;
    fn from_str(text: &str) -> Result<Self, PresetChoiceError> {
        let Some((name, version)) = text.split_once('@') else {
            return Ok(Self { name: text.to_owned(), version: None });
        };
        match version.parse() {
            Ok(version) if version > 0 => Ok(Self { name: name.to_owned(), version: Some(version) }),
            _ => Err(PresetChoiceError::BadVersion { text: text.to_owned() }),
        }
    }
}

impl fmt::Display for PresetName {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.version {
            Some(version) => write!(out, "{}@{version}", self.name),
            None => out.write_str(&self.name),
        }
    }
}

/// A preset that exists, with parameters that are within its bounds.
#[derive(Debug, Clone, PartialEq)]
pub struct Chosen {
    /// The name.
    pub name: String,
    /// The version.
    pub version: u32,
    /// The parameters as given (defaults are the preset's business).
    pub params: Map<String, Value>,
    /// The same as JSON text, for repeatable ids.
    pub params_text: String,
    /// The output's content type.
    pub content_type: String,
    /// The output's file extension, without dot; `None`: the input's.
    pub extension: Option<String>,
    /// How long the work may take if nobody says.
    pub wall_seconds: u32,
}

impl Chosen {
    /// The preset that `text` (`NAME[@VERSION]`) names, with these parameters.
    ///
    /// # Errors
    /// When the catalogue does not have it, or a parameter is wrong.
    pub fn resolve(text: &str, params: &Map<String, Value>) -> Result<Self, PresetChoiceError> {
        let wanted: PresetName = text.parse()?;
        let version = match wanted.version {
            Some(version) => version,
            None => valet_preset::find(&wanted.name)?.version,
        };
        let plan = valet_preset::resolve(&wanted.name, version, params)?;
        let extension = Some(plan.info.output_extension).filter(|extension| !extension.is_empty());
        Ok(Self {
            name: plan.info.name.to_owned(),
            version: plan.info.version,
            params: params.clone(),
            params_text: Value::Object(params.clone()).to_string(),
            content_type: plan.info.content_type.to_owned(),
            extension: extension.map(str::to_owned),
            wall_seconds: plan.wall_seconds_default,
        })
    }
}

/// Resolves presets and remembers what it resolved: a batch names few presets many times.
#[derive(Debug, Default)]
pub(super) struct Presets {
    remembered: Vec<(String, Rc<Chosen>)>,
}

impl Presets {
    /// The preset that `text` names, with these parameters.
    pub(super) fn choose(
        &mut self,
        text: &str,
        params: &Map<String, Value>,
    ) -> Result<Rc<Chosen>, PresetChoiceError> {
        let found = self.remembered.iter().find(|(known, chosen)| known == text && chosen.params == *params);
        if let Some((_, chosen)) = found {
            return Ok(Rc::clone(chosen));
        }
        let chosen = Rc::new(Chosen::resolve(text, params)?);
        if self.remembered.len() == REMEMBERED_MAX {
            self.remembered.clear();
        }
        self.remembered.push((text.to_owned(), Rc::clone(&chosen)));
        Ok(chosen)
    }
}
