//! Parameters of presets: a declarative list of names, kinds and bounds, and the values that passed it.
//! A value is a number, a switch or a word of a closed list; it must never carry text from a message.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::{Map, Value};

use crate::error::{ParamProblem, PresetError, nearest, shown, shown_value};

/// One parameter that a preset takes.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct ParamSpec {
    /// Key in the message's `preset.params` object.
    pub name: &'static str,
    /// What values it takes, with both bounds included.
    #[serde(flatten)]
    pub kind: ParamKind,
    /// Value when the message gives none; `None`: the parameter may be absent.
    pub default: Option<ParamValue>,
    /// Unit of a number, empty for plain counts and words.
    pub unit: &'static str,
    /// One line for people.
    pub summary: &'static str,
}

impl ParamSpec {
    /// A parameter that is a whole number.
    pub(crate) const fn whole(
        name: &'static str,
        (min, max): (i64, i64),
        default: i64,
        unit: &'static str,
        summary: &'static str,
    ) -> Self {
        let default = Some(ParamValue::Integer(default));
        Self { name, kind: ParamKind::Integer { min, max }, default, unit, summary }
    }

    /// A parameter that is a decimal.
    pub(crate) const fn decimal(
        name: &'static str,
        (min, max): (f64, f64),
        default: f64,
        unit: &'static str,
        summary: &'static str,
    ) -> Self {
        let default = Some(ParamValue::Decimal(default));
        Self { name, kind: ParamKind::Decimal { min, max }, default, unit, summary }
    }

    /// A parameter that is a word of a list.
    pub(crate) const fn word(
        name: &'static str,
        of: &'static [&'static str],
        default: &'static str,
        summary: &'static str,
    ) -> Self {
        let default = Some(ParamValue::Choice(default));
        Self { name, kind: ParamKind::Choice { of }, default, unit: "", summary }
    }

    /// A parameter that is on or off.
    pub(crate) const fn switch(name: &'static str, default: bool, summary: &'static str) -> Self {
        let default = Some(ParamValue::Switch(default));
        Self { name, kind: ParamKind::Switch, default, unit: "", summary }
    }
}

/// What values a parameter takes. Both bounds are included.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum ParamKind {
    /// A whole number.
    Integer {
        /// Smallest value.
        min: i64,
        /// Largest value.
        max: i64,
    },
    /// A number with a fraction.
    Decimal {
        /// Smallest value.
        min: f64,
        /// Largest value.
        max: f64,
    },
    /// One word of a closed list.
    Choice {
        /// The words.
        of: &'static [&'static str],
    },
    /// `true` or `false`.
    Switch,
}

/// A value that passed its [`ParamSpec`].
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(untagged)]
pub enum ParamValue {
    /// A whole number within bounds.
    Integer(i64),
    /// A finite number within bounds.
    Decimal(f64),
    /// A word out of the preset's own list: `'static`, so it cannot be the message's.
    Choice(&'static str),
    /// On or off.
    Switch(bool),
}

/// The parameters of one plan: those given and the defaults of the rest.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
#[serde(transparent)]
pub struct Params(BTreeMap<&'static str, ParamValue>);

impl Params {
    /// Checks `given` against `specs` and fills in the defaults.
    ///
    /// # Errors
    /// [`PresetError::UnknownParam`] and [`PresetError::BadParam`], for the first mistake in `given`.
    pub(crate) fn parse(
        preset: &'static str,
        specs: &'static [ParamSpec],
        given: &Map<String, Value>,
    ) -> Result<Self, PresetError> {
        let mut values: BTreeMap<_, _> =
            specs.iter().filter_map(|spec| Some((spec.name, spec.default?))).collect();
        for (name, value) in given {
            let Some(spec) = specs.iter().find(|spec| spec.name == name) else {
                let nearest = nearest(name, specs.iter().map(|spec| spec.name));
                return Err(PresetError::UnknownParam { preset, param: shown(name), nearest });
            };
            let value = spec.kind.accept(value, spec.unit).map_err(|problem| PresetError::BadParam {
                preset,
                param: spec.name,
                problem,
            })?;
            values.insert(spec.name, value);
        }
        Ok(Self(values))
    }

    /// The whole number called `name`.
    pub(crate) fn integer(&self, name: &'static str) -> i64 {
        match self.0.get(name) {
            Some(ParamValue::Integer(value)) => *value,
            other => unreachable!("preset reads {name} as a whole number, its list says {other:?}"),
        }
    }

    /// The whole number called `name`, for a parameter whose lower bound is not negative.
    pub(crate) fn count(&self, name: &'static str) -> u32 {
        u32::try_from(self.integer(name)).expect("ParamSpec bounds of counts are within u32 (tested)")
    }

    /// The decimal called `name`.
    pub(crate) fn decimal(&self, name: &'static str) -> f64 {
        self.optional_decimal(name)
            .unwrap_or_else(|| unreachable!("preset reads {name}, its list gives no default"))
    }

    /// The decimal called `name`, if the message gave it.
    pub(crate) fn optional_decimal(&self, name: &'static str) -> Option<f64> {
        match self.0.get(name) {
            Some(ParamValue::Decimal(value)) => Some(*value),
            None => None,
            other => unreachable!("preset reads {name} as a decimal, its list says {other:?}"),
        }
    }

    /// The count called `name`, if the message gave it.
    pub(crate) fn optional_count(&self, name: &'static str) -> Option<u32> {
        self.0.contains_key(name).then(|| self.count(name))
    }

    /// The word called `name`.
    pub(crate) fn choice(&self, name: &'static str) -> &'static str {
        match self.0.get(name) {
            Some(ParamValue::Choice(word)) => word,
            other => unreachable!("preset reads {name} as a word, its list says {other:?}"),
        }
    }

    /// The switch called `name`.
    pub(crate) fn switch(&self, name: &'static str) -> bool {
        match self.0.get(name) {
            Some(ParamValue::Switch(on)) => *on,
            other => unreachable!("preset reads {name} as a switch, its list says {other:?}"),
        }
    }
}

impl ParamKind {
    /// `given` as a value of this kind, or what is wrong with it.
    fn accept(&self, given: &Value, unit: &'static str) -> Result<ParamValue, ParamProblem> {
        match *self {
            Self::Integer { min, max } => {
                let number = given.as_i64().ok_or_else(|| ParamProblem::NotInteger {
                    given: shown_value(given),
                    min,
                    max,
                    unit,
                })?;
                within(number, min, max, given, unit)?;
                Ok(ParamValue::Integer(number))
            }
            Self::Decimal { min, max } => {
                let number = given.as_f64().ok_or_else(|| ParamProblem::NotNumber {
                    given: shown_value(given),
                    min,
                    max,
                    unit,
                })?;
                within(number, min, max, given, unit)?;
                Ok(ParamValue::Decimal(number))
            }
            Self::Choice { of } => of
                .iter()
                .find(|word| given.as_str() == Some(**word))
                .map(|word| ParamValue::Choice(word))
                .ok_or_else(|| ParamProblem::NotListed { given: shown_value(given), of }),
            Self::Switch => given
                .as_bool()
                .map(ParamValue::Switch)
                .ok_or_else(|| ParamProblem::NotSwitch { given: shown_value(given) }),
        }
    }
}

/// Refuses a number outside `min..=max`, naming the bound it broke.
fn within<N: PartialOrd + ToString>(
    number: N,
    min: N,
    max: N,
    given: &Value,
    unit: &'static str,
) -> Result<(), ParamProblem> {
    if number < min {
        return Err(ParamProblem::BelowMinimum { given: shown_value(given), min: min.to_string(), unit });
    }
    if number > max {
        return Err(ParamProblem::AboveMaximum { given: shown_value(given), max: max.to_string(), unit });
    }
    Ok(())
}
