//! Settings of sealing: which list of public keys, and whether.

use std::path::PathBuf;

use valet_settings::Reader;

/// The keys that grants are sealed to.
#[derive(Debug, Clone, Default)]
pub struct FleetSettings {
    /// The fleet's list of public keys.
    pub public_keys_file: Option<PathBuf>,
    /// Whether grants are sealed: where a list is named, unless it is said otherwise.
    pub seal: bool,
}

pub(super) fn read_fleet(reader: &mut Reader) -> FleetSettings {
    let public_keys_file: Option<PathBuf> = reader.optional("fleet.public_keys_file");
    let seal = reader.or("fleet.seal", public_keys_file.is_some());
    if seal && public_keys_file.is_none() {
        reader.refuse("fleet.seal", "is true, and fleet.public_keys_file names no list of keys");
    }
    FleetSettings { public_keys_file, seal }
}

#[cfg(test)]
mod tests {
    use valet_settings::Layers;

    use super::super::{Config, ConfigError, Needs};

    fn seals(pairs: &[(&str, &str)]) -> Result<bool, ConfigError> {
        let mut layers = Layers::default();
        let pairs = pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        layers.environment = pairs.collect();
        Config::read(layers, Needs::default()).map(|config| config.fleet.seal)
    }

    #[test]
    fn grants_are_sealed_where_a_list_of_keys_is_named_unless_told_otherwise() {
        let list = ("VALET_FLEET_PUBLIC_KEYS_FILE", "/keys/fleet.json");
        let (on, off) = (("VALET_FLEET_SEAL", "true"), ("VALET_FLEET_SEAL", "false"));
        assert!(!seals(&[]).unwrap());
        assert!(seals(&[list]).unwrap() && seals(&[list, on]).unwrap());
        assert!(!seals(&[list, off]).unwrap());
        let never_open_by_accident = seals(&[on]).unwrap_err().to_string();
        assert!(never_open_by_accident.contains("fleet.public_keys_file"), "{never_open_by_accident}");
    }
}
