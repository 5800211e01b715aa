//! `docs/job-lifecycle.md` repeats the table that decides. `VALET_BLESS=1` writes it anew.
#![allow(clippy::unwrap_used, reason = "a set-up that fails is a test that fails")]

use std::path::Path;

use valet_worker::disposition;

const BEGIN: &str = "<!-- begin: tables -->";
const END: &str = "<!-- end -->";

#[test]
fn the_document_repeats_the_table_that_decides() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/job-lifecycle.md");
    let page = std::fs::read_to_string(&path).unwrap();
    let (before, rest) = page.split_once(BEGIN).unwrap();
    let (_, after) = rest.split_once(END).unwrap();
    let expected = format!("{before}{BEGIN}\n{}{END}{after}", disposition::tables());
    if std::env::var_os("VALET_BLESS").is_some() {
        std::fs::write(&path, &expected).unwrap();
        return;
    }
    assert!(
        page == expected,
        "docs/job-lifecycle.md is old: VALET_BLESS=1 cargo test -p valet-worker --test document"
    );
}
