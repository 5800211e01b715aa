//! Globs over the blobs of one blob container: `raw/**/*.mov`. `*` stays within a folder, `**` does not.
//! Must never touch the network: the listing asks [`Pattern::prefix`] and [`Pattern::matches`].

use crate::address::is_url;
use globset::{GlobBuilder, GlobMatcher};
use valet_grant::{ContainerNameError, check_container_name};

/// The characters that make an INPUT a glob.
const META: [char; 5] = ['*', '?', '[', '{', '\\'];

/// A glob over one blob container.
#[derive(Debug, Clone)]
pub struct Pattern {
    container: String,
    prefix: String,
    matcher: GlobMatcher,
}

/// Why a text is not a glob over a blob container.
#[derive(Debug, Clone, thiserror::Error)]
pub enum PatternError {
    /// There is no `/`.
    #[error("{text:?} names no blob container")]
    NoContainer {
        /// The text as given.
        text: String,
    },
    /// The container part is a glob itself or otherwise no container name.
    #[error("{text:?} has a bad blob container name")]
    Container {
        /// The text as given.
        text: String,
        /// Which rule it breaks.
        #[source]
        cause: ContainerNameError,
    },
    /// The glob's own syntax is wrong.
    #[error("{text:?} is not a glob")]
    Glob {
        /// The text as given.
        text: String,
        /// Where and why.
        #[source]
        cause: globset::Error,
    },
}

impl PatternError {
    /// What to do about it.
    pub fn advice(&self) -> &'static str {
        match self {
            Self::NoContainer { .. } | Self::Container { .. } => {
                "write container/glob; the container itself is a plain name: raw/**/*.mov"
            }
            Self::Glob { .. } => {
                "globs know * (within a folder), ** (across folders), ?, [a-z] and {mov,mp4}; \
                 --exact takes INPUT as one blob's name"
            }
        }
    }
}

impl Pattern {
    /// Whether an INPUT is to be read as a glob.
    pub fn is_glob(text: &str) -> bool {
        // A URL is no glob, although it has a `?`: it is refused as a name, without being repeated.
        text.contains(META) && !is_url(text)
    }

    /// Parses `container/glob`.
    ///
    /// # Errors
    /// When the container is no plain name or the glob's syntax is wrong.
    pub fn parse(text: &str) -> Result<Self, PatternError> {
        let Some((container, glob)) = text.split_once('/') else {
            return Err(PatternError::NoContainer { text: text.to_owned() });
        };
        check_container_name(container)
            .map_err(|cause| PatternError::Container { text: text.to_owned(), cause })?;
        let built = GlobBuilder::new(glob).literal_separator(true).backslash_escape(true).build();
        let built = built.map_err(|cause| PatternError::Glob { text: text.to_owned(), cause })?;
        let prefix = glob.split(META).next().unwrap_or_default().to_owned();
        Ok(Self { container: container.to_owned(), prefix, matcher: built.compile_matcher() })
    }

    /// The blob container to list.
    pub fn container(&self) -> &str {
        &self.container
    }

    /// The text that every match begins with: storage lists only these.
    pub fn prefix(&self) -> &str {
        &self.prefix
    }

    /// Whether a blob of the container is meant.
    pub fn matches(&self, blob: &str) -> bool {
        self.matcher.is_match(blob)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn double_star_crosses_folders_and_star_does_not() {
        let deep = Pattern::parse("raw/**/*.mov").unwrap();
        assert!(deep.matches("a.mov") && deep.matches("x/y/a.mov") && !deep.matches("a.mp4"));
        let flat = Pattern::parse("raw/*.mov").unwrap();
        assert!(flat.matches("a.mov") && !flat.matches("x/a.mov"));
    }

    #[test]
    fn the_prefix_is_the_literal_start() {
        assert_eq!(Pattern::parse("media/raw/2024-*/**").unwrap().prefix(), "raw/2024-");
        assert_eq!(Pattern::parse("raw/**").unwrap().prefix(), "");
    }

    #[test]
    fn the_container_is_no_glob() {
        assert!(matches!(Pattern::parse("i*/a"), Err(PatternError::Container { .. })));
        assert!(matches!(Pattern::parse("*.mov"), Err(PatternError::NoContainer { .. })));
        assert!(matches!(Pattern::parse("raw/[a"), Err(PatternError::Glob { .. })));
    }
}
