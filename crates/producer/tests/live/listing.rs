//! Globs over a blob container that the producer lists itself.

use valet_mint::{Account, AccountKey, Signer};
use valet_producer::pattern::Pattern;
use valet_producer::storage::{Listing, StorageClient};

use crate::site::{Site, TIMEOUT, runtime};

#[test]
fn a_glob_enqueues_each_match_once_and_pins_it() {
    let site = Site::new();
    for blob in ["a.mov", "x/b c.mov", "x/y/ü&#.mov", "x/skip.mp4"] {
        site.storage.put(&site.container, blob, "hello");
    }
    let line = format!("submit {0}/**/*.mov {0}/out/{{path}}/{{stem}}.mp4 -p copy --json", site.container);
    let submitted = site.ok(&line);
    let outputs: Vec<String> = submitted
        .stdout
        .lines()
        .map(|line| {
            serde_json::from_str::<serde_json::Value>(line).expect("JSON lines")["output"].to_string()
        })
        .collect();
    let expected = ["out/a.mp4", "out/x/b c.mp4", "out/x/y/ü&#.mp4"];
    assert_eq!(outputs, expected.map(|name| format!("\"{}/{name}\"", site.container)));
    site.wait_for_depth("jobs.r0", 3);
    let colliding = site.valet(&format!("submit {0}/**/*.mov {0}/out/same.mp4 -p copy", site.container));
    let colliding = colliding.run(TIMEOUT).expect_code(65);
    assert!(colliding.stderr.contains("nothing was enqueued"), "{}", colliding.stderr);
    let nothing = site.valet(&format!("submit {0}/**/*.mkv {0}/out/{{name}} -p copy", site.container));
    nothing.run(TIMEOUT).expect_code(65);
    site.wait_for_depth("jobs.r0", 3);
}

#[test]
fn a_key_that_storage_refuses_ends_with_77() {
    let site = Site::new();
    let other = "b3RoZXIgb3RoZXIgb3RoZXIgb3RoZXIgb3RoZXIgb3RoZXIgb3RoZXIgb3RoZXIgb3RoZXIgb3RoZXIgb3RoZQ==";
    let line = format!("submit {0}/*.mov {0}/out/{{name}} -p copy", site.container);
    let refused = site.valet(&line).env("VALET_STORAGE_ACCOUNT_KEY", other).run(TIMEOUT).expect_code(77);
    assert!(refused.stderr.contains("403") && refused.stderr.contains("rotated"), "{}", refused.stderr);
    let nowhere =
        site.valet("submit no-such-container/*.mov out/{name} -p copy").run(TIMEOUT).expect_code(65);
    assert!(nowhere.stderr.contains("404"), "{}", nowhere.stderr);
}

#[test]
fn a_listing_goes_on_from_page_to_page() {
    let site = Site::bare();
    let names: Vec<String> = (0..7).map(|n| format!("in/{n}.mov")).collect();
    names.iter().for_each(|name| drop(site.storage.put(&site.container, name, "hello")));
    let account = Account::at(site.storage.account(), &site.storage.endpoint()).expect("an account");
    let key = AccountKey::from_base64(site.storage.key()).expect("a key");
    let signer = Signer::with_account_key(account, key);
    let pattern = Pattern::parse(&format!("{}/in/*.mov", site.container)).expect("a glob");
    let client = StorageClient::new().expect("a client");
    let mut listing = Listing::new(&client, &signer, &pattern).with_page_blobs(3);
    let pages = runtime().block_on(async {
        let mut pages = Vec::new();
        while let Some(page) = listing.next_page().await.expect("storage lists") {
            pages.push(page);
        }
        pages
    });
    assert_eq!(pages.iter().map(Vec::len).collect::<Vec<_>>(), [3, 3, 1]);
    let listed: Vec<_> = pages.iter().flatten().map(|blob| blob.address.blob().to_owned()).collect();
    assert_eq!(listed, names);
    assert!(pages.iter().flatten().all(|blob| blob.bytes == 5 && blob.etag.is_some()));
}
