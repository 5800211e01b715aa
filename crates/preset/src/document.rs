//! `docs/presets.md`, written from the catalogue so that it cannot drift; a test compares the two.

/// The whole document.
pub fn catalogue_markdown() -> String {
    todo!()
}
