//! The list of presets, and how a message's name, version and parameters become a [`Plan`].

use serde_json::{Map, Value};

use crate::error::{PresetError, nearest, shown};
use crate::param::Params;
use crate::plan::Plan;
use crate::preset::{Preset, PresetInfo};
use crate::presets::PRESETS;

/// Every preset in every version there is, in the order people should see them.
pub fn catalogue() -> &'static [&'static dyn Preset] {
    PRESETS
}

/// The newest version of the preset called `name`.
///
/// # Errors
/// [`PresetError::UnknownPreset`], with the nearest name there is.
pub fn find(name: &str) -> Result<&'static PresetInfo, PresetError> {
    PRESETS
        .iter()
        .map(|preset| preset.info())
        .filter(|info| info.name == name)
        .max_by_key(|info| info.version)
        .ok_or_else(|| PresetError::UnknownPreset {
            name: shown(name),
            nearest: nearest(name, PRESETS.iter().map(|preset| preset.info().name)),
        })
}

/// The plan for what a message asks: `name` in `version` with `params`.
///
/// # Errors
/// [`PresetError::UnknownPreset`], [`PresetError::UnknownVersion`], [`PresetError::UnknownParam`] or
/// [`PresetError::BadParam`], whichever comes first.
pub fn resolve(name: &str, version: u32, params: &Map<String, Value>) -> Result<Plan, PresetError> {
    let newest = find(name)?;
    let preset = PRESETS
        .iter()
        .copied()
        .find(|preset| preset.info().name == newest.name && preset.info().version == version)
        .ok_or(PresetError::UnknownVersion { preset: newest.name, version, newest: newest.version })?;
    let params = Params::parse(newest.name, preset.info().params, params)?;
    preset.agree(&params)?;
    Ok(Plan::new(preset, params))
}
