//! Dead letters: list, show, replay, drop; and what is not replayed.

use jiff::{SignedDuration, Timestamp};
use valet_broker::Purpose;
use valet_mint::{Account, AccountKey, GrantSpec, Signer};
use valet_protocol::{Grants, JobMessage, Stored};

use crate::site::{Site, TIMEOUT, runtime};
use crate::stand_in::{Fate, forge, work_once};

/// A site with one dead letter, and the message in it.
fn site_with_a_letter() -> (Site, JobMessage) {
    let site = Site::new();
    site.ok(&format!("submit {0}/a.mov {0}/out/a.mov -p copy --priority high", site.container));
    let message = runtime().block_on(work_once(&site, Fate::Fail));
    site.wait_for_depth("dead", 1);
    (site, message)
}

#[test]
fn a_letter_is_listed_shown_and_replayed_under_its_own_id() {
    let (site, old) = site_with_a_letter();
    let id = old.id.to_string();
    let listed = site.ok("dead ls");
    assert!(listed.stdout.contains(&id) && listed.stdout.contains("not-media"), "{}", listed.stdout);
    let shown = site.ok(&format!("dead show {id}"));
    assert!(shown.stdout.contains("high") && !shown.stdout.contains("sig="), "{}", shown.stdout);
    let tried = site.ok(&format!("dead replay {id} --dry-run"));
    assert!(tried.stdout.contains("would be replayed"), "{}", tried.stdout);
    site.wait_for_depth("dead", 1);
    let replay = site.valet(&format!("dead replay {id} --wait")).start();
    site.wait_for_depth("dead", 0);
    let new = runtime().block_on(work_once(&site, Fate::Succeed(Stored::Created)));
    assert_eq!((new.id, new.priority), (old.id, old.priority));
    assert_ne!(new.grants, old.grants, "the grants are new");
    // The old failure is in the log, and does not count.
    let replayed = replay.finish(TIMEOUT).expect_code(0);
    assert!(replayed.stdout.contains("succeeded"), "{}", replayed.stdout);
}

#[test]
fn what_was_not_minted_here_is_refused_and_stays() {
    let site = Site::new();
    let now = Timestamp::now();
    let expiry = now + SignedDuration::from_hours(1);
    let account = Account::at(site.storage.account(), &site.storage.endpoint()).expect("an account");
    let ours = AccountKey::from_base64(site.storage.key()).expect("a key");
    let foreign = AccountKey::from_base64(
        "Zm9yZWlnbiBmb3JlaWduIGZvcmVpZ24gZm9yZWlnbiBmb3JlaWduIGZvcmVpZ24gZm9yZWlnbiBmbw==",
    );
    let ours = Signer::with_account_key(account.clone(), ours);
    let foreign = Signer::with_account_key(account, foreign.expect("a key"));
    let container = site.container.clone();
    let runtime = runtime();
    let session = runtime.block_on(site.session("worker", Purpose::Worker));
    let mint = |signer: &Signer, spec: &GrantSpec<'_>| signer.mint(&spec.over_http_too()).expect("a grant");
    let read = GrantSpec::read(&container, "a.mov", now, expiry);
    let create = GrantSpec::create(&container, "out/a.mov", now, expiry);
    // A foreign key; and our own key, but a grant that was another job's output as this one's input.
    let pairs = [(mint(&foreign, &read), mint(&ours, &create)), (mint(&ours, &create), mint(&ours, &create))];
    let template = template(&site, &runtime);
    for (input, output) in pairs {
        let mut message = template.clone();
        message.id = valet_producer::ids::fresh();
        message.grants = Grants::Open { input, output };
        runtime.block_on(forge(&session, &message));
    }
    site.wait_for_depth("dead", 2);
    let refused = site.valet("dead replay --all").run(TIMEOUT).expect_code(65);
    assert!(refused.stderr.contains("was not minted here"), "{}", refused.stderr);
    assert!(refused.stderr.contains("none that a job gets"), "{}", refused.stderr);
    site.wait_for_depth("dead", 2);
    site.wait_for_depth("jobs.r0", 0);
    site.ok("dead drop --all --reason internal");
    site.wait_for_depth("dead", 0);
}

/// A good message, taken off the queue again.
fn template(site: &Site, runtime: &tokio::runtime::Runtime) -> JobMessage {
    site.ok(&format!("submit {0}/a.mov {0}/out/a.mov -p copy", site.container));
    runtime.block_on(work_once(site, Fate::Succeed(Stored::Created)))
}

#[test]
fn a_letter_that_is_not_there_is_told() {
    let (site, message) = site_with_a_letter();
    let other = "01920000-0000-7000-8000-000000000000";
    for verb in ["show", "drop", "replay"] {
        let missing = site.valet(&format!("dead {verb} {other}")).run(TIMEOUT).expect_code(65);
        assert!(missing.stderr.contains(other), "{}", missing.stderr);
    }
    site.wait_for_depth("dead", 1);
    site.ok(&format!("dead drop {}", message.id));
    site.wait_for_depth("dead", 0);
}
