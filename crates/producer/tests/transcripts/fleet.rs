//! `valet fleet`: keys are made, handed out, changed, and never shown.

use std::os::unix::fs::PermissionsExt as _;

use serde_json::Value;
use valet_testkit::{Finished, Folder};

use crate::harness::valet;

/// One fleet's files.
struct Fleet(Folder);

impl Fleet {
    fn new() -> Self {
        let fleet = Self(Folder::new("fleet"));
        fleet.ok("keygen --kid old --private {private} --public {public}");
        fleet
    }

    /// Runs `valet fleet` with the files' paths filled in; no private key may be in what it says.
    #[track_caller]
    fn run(&self, line: &str) -> Finished {
        let path = |name: &str| self.0.join(name).display().to_string();
        let line = line.replace("{private}", &path("fleet.json")).replace("{public}", &path("public.json"));
        let finished = valet(&format!("fleet {line}")).finish();
        for key in self.keys("fleet.json") {
            let secret = key["d"].as_str().expect("a private key");
            assert!(!format!("{}{}", finished.stdout, finished.stderr).contains(secret));
        }
        finished
    }

    #[track_caller]
    fn ok(&self, line: &str) -> String {
        self.run(line).expect_code(0).stdout
    }

    #[track_caller]
    fn refused(&self, line: &str, told: &str) {
        let before = (self.keys("fleet.json"), self.keys("public.json"));
        let refused = self.run(line).expect_code(65);
        assert!(refused.stderr.contains(told), "{}", refused.stderr);
        assert_eq!((self.keys("fleet.json"), self.keys("public.json")), before, "nothing was changed");
    }

    fn keys(&self, name: &str) -> Vec<Value> {
        let json = std::fs::read_to_string(self.0.join(name)).unwrap_or_default();
        let set: Value = serde_json::from_str(&json).unwrap_or_default();
        set["keys"].as_array().cloned().unwrap_or_default()
    }

    fn kids(&self, name: &str) -> Vec<String> {
        self.keys(name).iter().map(|key| key["kid"].as_str().expect("a name").to_owned()).collect()
    }

    fn mode(&self, name: &str) -> u32 {
        std::fs::metadata(self.0.join(name)).expect("it is there").permissions().mode() & 0o777
    }
}

#[test]
fn a_new_key_is_private_in_one_file_and_public_in_the_other() {
    let fleet = Fleet::new();
    assert_eq!((fleet.mode("fleet.json"), fleet.mode("public.json")), (0o600, 0o644));
    assert!(fleet.keys("public.json").iter().all(|key| key.get("d").is_none()));
    let published: Value = serde_json::from_str(&fleet.ok("publish --public {public}")).expect("a JWK Set");
    assert_eq!(published["keys"], Value::from(fleet.keys("public.json")));
    fleet.refused("keygen --private {private} --public {public}", "is there already");
    fleet.refused("publish --public {private}", "is a private key");
}

#[test]
fn a_key_is_changed_in_three_steps_that_lose_nothing() {
    let fleet = Fleet::new();
    fleet.refused("rotate --retire old --public {public}", "the only key");
    let added = fleet.ok("rotate --kid new --private {private} --public {public}");
    assert!(added.contains("sealed to  old") && added.contains("--retire OLD"), "{added}");
    assert_eq!(
        (fleet.kids("fleet.json"), fleet.kids("public.json")),
        (vec!["old".into(), "new".into()], vec!["old".into(), "new".into()])
    );
    fleet.refused("rotate --kid new --private {private} --public {public}", "two keys have the kid new");
    fleet.refused("rotate --forget old --private {private} --public {public}", "still on the public list");
    fleet.ok("rotate --retire old --public {public}");
    assert_eq!((fleet.kids("fleet.json").len(), fleet.kids("public.json")), (2, vec!["new".to_owned()]));
    fleet.ok("rotate --forget old --private {private} --public {public}");
    assert_eq!(fleet.kids("fleet.json"), ["new"]);
    fleet.refused("rotate --forget new --private {private} --public {public}", "still on the public list");
    fleet.refused("rotate --retire old --public {public}", "has no key old");
    assert_eq!((fleet.mode("fleet.json"), fleet.mode("public.json")), (0o600, 0o644));
}

#[test]
fn what_cannot_be_done_is_explained() {
    valet("fleet publish").golden("fleet-no-list");
    valet("fleet publish --public none.json").golden("fleet-no-file");
    valet("fleet keygen --private k.json --public p.json --kid 'a key'").golden("fleet-bad-name");
    valet("fleet rotate --public p.json").golden("fleet-no-private");
    let sealing = valet("submit raw/a.mov out/a.mp4 -p copy --dry-run").storage().broker();
    sealing.env("VALET_FLEET_PUBLIC_KEYS_FILE", "none.json").golden("fleet-no-list-to-seal");
}
