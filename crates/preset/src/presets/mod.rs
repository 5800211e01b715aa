//! The presets, one file each, and the one line that registers each.

mod copy;

use crate::preset::Preset;

/// Every preset, in the order people should see them.
pub(crate) static PRESETS: &[&dyn Preset] = &[&copy::Copy];
