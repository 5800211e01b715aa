//! A setting as it was written, before it has a type.
//! Must never print its content.

use std::fmt;

use zeroize::Zeroize;

/// The text of a setting, or the texts of a list in the configuration file.
#[derive(Clone, PartialEq, Eq)]
pub enum Raw {
    /// One value: a flag, a variable, or a scalar of the file.
    Text(String),
    /// A list of the file: `hosts = ["a", "b"]`.
    List(Vec<String>),
    /// Something of the file that no setting can be: a list of tables or of lists.
    Unsupported,
}

impl Raw {
    /// The one value.
    ///
    /// # Errors
    /// A problem in words if this is not one value.
    pub fn text(&self) -> Result<&str, String> {
        match self {
            Self::Text(text) => Ok(text),
            Self::List(_) => Err("is a list, but takes one value".to_owned()),
            Self::Unsupported => Err("must be one value or a list of values".to_owned()),
        }
    }

    /// A scalar or a list of scalars of a configuration file.
    pub(crate) fn from_toml(value: &toml::Value) -> Self {
        match value {
            toml::Value::Array(values) => {
                values.iter().map(scalar).collect::<Option<Vec<_>>>().map_or(Self::Unsupported, Self::List)
            }
            value => scalar(value).map_or(Self::Unsupported, Self::Text),
        }
    }
}

fn scalar(value: &toml::Value) -> Option<String> {
    match value {
        toml::Value::String(text) => Some(text.clone()),
        toml::Value::Integer(number) => Some(number.to_string()),
        toml::Value::Float(number) => Some(number.to_string()),
        toml::Value::Boolean(truth) => Some(truth.to_string()),
        toml::Value::Datetime(time) => Some(time.to_string()),
        toml::Value::Array(_) | toml::Value::Table(_) => None,
    }
}

impl fmt::Debug for Raw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Raw(…)")
    }
}

impl Drop for Raw {
    fn drop(&mut self) {
        match self {
            Self::Text(text) => text.zeroize(),
            Self::List(texts) => texts.zeroize(),
            Self::Unsupported => {}
        }
    }
}
