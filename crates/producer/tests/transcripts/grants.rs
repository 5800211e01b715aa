//! `valet grant`: mint, lint, explain.

use crate::harness::valet;

/// A grant to read one blob until 2026-01-15, from the vectors made with Microsoft's own library.
const READ: &str = "https://acct.blob.core.windows.net/media-in/jobs/42/input.mp4?sp=r&st=2026-01-15T10%3A00%3A00Z\
                    &se=2026-01-15T11%3A30%3A00Z&spr=https&sv=2022-11-02&sr=b&sig=c2lnbmF0dXJlLXRoYXQtbXVzdC1ub3QtYmUtc2VlbiE%3D";

/// An account SAS with every right until 2051, over http too: the incident that everybody knows.
const BROAD: &str = "https://acct.blob.core.windows.net/?ss=b&srt=sco&sp=rwdlacup&se=2051-10-06T00%3A00%3A00Z\
                     &spr=https,http&sv=2022-11-02&sig=c2lnbmF0dXJlLXRoYXQtbXVzdC1ub3QtYmUtc2VlbiE%3D";

#[test]
fn grants_are_explained_without_their_signature() {
    valet("grant explain -").stdin(READ).golden("grant-explain");
    valet("grant explain -").stdin("nonsense").golden("grant-explain-nonsense");
    let json = valet("grant explain - --json").stdin(READ).finish().expect_code(0);
    assert!(!json.stdout.contains("c2lnbmF0dXJl"), "{}", json.stdout);
}

#[test]
fn grants_that_a_worker_would_refuse_end_with_65() {
    valet("grant lint -").stdin(READ).golden("grant-lint-expired");
    valet("grant lint - --role output").stdin(BROAD).golden("grant-lint-broad");
    let json = valet("grant lint - --json").stdin(BROAD).finish().expect_code(65);
    let value: serde_json::Value = serde_json::from_str(&json.stdout).expect("one JSON object");
    assert_eq!(value["accepted"], false);
    assert!(!json.stdout.contains("c2lnbmF0dXJl"), "{}", json.stdout);
}

#[test]
fn a_minted_grant_passes_the_lint_and_counts_as_ours() {
    let minted = valet("grant mint raw/2024/a.mov").storage().finish().expect_code(0);
    let linted = valet("grant lint -").storage().stdin(&minted.stdout).finish().expect_code(0);
    assert!(linted.stdout.contains("signature: ours"), "{}", linted.stdout);
    let forged = minted.stdout.replace("a.mov", "b.mov");
    let linted = valet("grant lint -").storage().stdin(&forged).finish().expect_code(0);
    assert!(linted.stdout.contains("signature: not ours"), "{}", linted.stdout);
}

#[test]
fn what_cannot_be_granted_is_explained() {
    valet("grant mint raw/a/../b --rights r").storage().golden("grant-mint-bad-name");
    valet("grant mint raw/a.mov --rights rl").storage().golden("grant-mint-container-right");
    valet("grant mint raw/a.mov --rights zz").storage().golden("grant-mint-bad-rights");
    valet("grant mint raw --snapshot 2024-01-01T00:00:00Z").storage().golden("grant-mint-container-snapshot");
    valet("grant mint raw/a.mov --sas-version 2015-04-05").storage().golden("grant-mint-old-version");
}
