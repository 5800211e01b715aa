//! What codecs are walled in by.

use std::path::{Path, PathBuf};

use valet_jail::Level;
use valet_settings::Reader;

/// What codecs are walled in by.
#[derive(Debug, Clone)]
pub struct JailConfig {
    /// The weakest level that the worker starts with.
    pub level_min: Level,
    /// The strongest level that is tried.
    pub level_max: Level,
    /// Where the codec's root is kept.
    pub roots: PathBuf,
    /// First of the host's user ids that jails of a worker run by root get; chosen by the jail when not given.
    pub uid_first: Option<u32>,
}

/// Nothing when the two levels leave none to choose from.
pub(super) fn jail(reader: &mut Reader, scratch: &Path) -> Option<JailConfig> {
    let levels = [("L1", Level::L1), ("L2", Level::L2)];
    let level_min = reader.choice("jail.level_min", &levels, Level::L2);
    let level_max = reader.choice("jail.level_max", &levels, Level::L1);
    let roots = reader.or("jail.roots", scratch.join("roots"));
    let uid_first = reader.optional::<u32>("jail.uid_first");
    if level_min > level_max {
        reader.refuse(
            "jail.level_min",
            format!("is {level_min}, stronger than jail.level_max, which is {level_max}"),
        );
        return None;
    }
    Some(JailConfig { level_min, level_max, roots, uid_first })
}
