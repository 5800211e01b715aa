//! What a message asks to be done: the preset, its parameters, and limits under the lane's ceilings.

use valet_preset::{Plan, PresetError};
use valet_protocol::{JobMessage, LaneRecord, Reason};

use crate::finding::{Finding, Rule};
use crate::narrow;

/// The plan, if there is one, and everything that is wrong.
pub(crate) fn work(message: &JobMessage, lane: &LaneRecord) -> (Option<Plan>, Vec<Finding>) {
    let mut findings: Vec<Finding> = of_lane(message, lane).into_iter().collect();
    let preset = &message.preset;
    let plan = valet_preset::resolve(&preset.name, preset.version, &preset.params)
        .map_err(|error| findings.push(of_preset(&error)))
        .ok();
    findings.extend(narrow::over(&message.limits, &lane.limits).map(|(field, ceiling)| over(field, ceiling)));
    (plan, findings)
}

fn of_lane(message: &JobMessage, lane: &LaneRecord) -> Option<Finding> {
    let name = &message.preset.name;
    (!lane.presets.is_empty() && !lane.presets.contains(name)).then(|| {
        let what = format!("the lane may not use the preset {name}");
        let change = format!("Use one of the lane's presets: {}.", lane.presets.join(", "));
        Finding::new(Rule::Preset, Reason::UnknownPreset, &what, &change)
    })
}

fn of_preset(error: &PresetError) -> Finding {
    let (rule, reason) = match error {
        PresetError::UnknownPreset { .. } | PresetError::UnknownVersion { .. } => {
            (Rule::Preset, Reason::UnknownPreset)
        }
        _ => (Rule::Parameter, Reason::BadParameter),
    };
    Finding::new(rule, reason, &error.to_string(), &error.advice())
}

fn over(field: &str, ceiling: u64) -> Finding {
    let what = format!("{field} is over the lane's ceiling of {ceiling}");
    let change = format!("Set {field} to at most {ceiling}, or leave it out.");
    Finding::new(Rule::Limit, Reason::BadMessage, &what, &change)
}
