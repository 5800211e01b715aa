//! What loudnorm's measuring pass found, as numbers within bounds. Its text stands at the end of a stderr
//! that also holds words of the input, so only the last block counts and only numbers leave this module.

use serde::Deserialize;

/// Figures of the first pass, in the units of EBU R128.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Loudness {
    /// Integrated loudness, LUFS.
    pub(crate) integrated: f64,
    /// True peak, dBTP.
    pub(crate) true_peak: f64,
    /// Loudness range, LU.
    pub(crate) range: f64,
    /// Gating threshold, LUFS.
    pub(crate) threshold: f64,
    /// Offset to the target, LU.
    pub(crate) offset: f64,
}

/// Why a measurement is of no use.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MeasurementError {
    /// No block of figures.
    #[error("the measuring pass printed no figures")]
    Missing,
    /// A figure is not a number.
    #[error("the measured {0} is not a number")]
    NotNumber(&'static str),
}

/// The block that loudnorm prints; every figure is a string.
#[derive(Deserialize)]
struct Block {
    input_i: String,
    input_tp: String,
    input_lra: String,
    input_thresh: String,
    target_offset: String,
}

impl Loudness {
    /// Reads the last block of `stderr`. `Ok(None)`: the input is silent, there is nothing to normalise.
    pub(crate) fn parse(stderr: &str) -> Result<Option<Self>, MeasurementError> {
        let start = stderr.rfind('{').ok_or(MeasurementError::Missing)?;
        let mut blocks = serde_json::Deserializer::from_str(&stderr[start..]).into_iter::<Block>();
        let block = blocks.next().and_then(Result::ok).ok_or(MeasurementError::Missing)?;
        // The bounds are those of the filter's own options; silence is below the gate of R128.
        const SILENT_LUFS: f64 = -70.0;
        let integrated = figure("loudness", &block.input_i, -99.0, 0.0)?;
        let loudness = Self {
            integrated,
            true_peak: figure("true peak", &block.input_tp, -99.0, 99.0)?,
            range: figure("loudness range", &block.input_lra, 0.0, 99.0)?,
            threshold: figure("threshold", &block.input_thresh, -99.0, 0.0)?,
            offset: figure("offset", &block.target_offset, -99.0, 99.0)?,
        };
        Ok((integrated > SILENT_LUFS).then_some(loudness))
    }
}

/// `text` as a number within bounds; `-inf` and `inf` count as the bound.
fn figure(what: &'static str, text: &str, min: f64, max: f64) -> Result<f64, MeasurementError> {
    let number: f64 = text.trim().parse().map_err(|_| MeasurementError::NotNumber(what))?;
    if number.is_nan() { Err(MeasurementError::NotNumber(what)) } else { Ok(number.clamp(min, max)) }
}
