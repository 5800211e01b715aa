//! Storage that does not answer when outputs are to be compared, and a status store that does not: no job passes as
//! done meanwhile, and a collector goes on.

use serde_json::Value;
use valet_protocol::Stored;
use valet_testkit::{Fault, FaultProxy, Postgres, Program, wait_for};

use crate::site::{Site, TIMEOUT, runtime};
use crate::stand_in::{Fate, work_once};

/// A job that its worker calls done, of which nobody has looked at the output; its id.
fn done(site: &Site) -> String {
    site.ok(&format!("submit {0}/a.mov {0}/out/a.mov -p copy", site.container));
    runtime().block_on(work_once(site, Fate::Succeed(Stored::Created))).id.to_string()
}

/// Storage with this fault in each of its answers.
fn faulty(site: &Site, fault: Fault) -> FaultProxy {
    let proxy = FaultProxy::start(site.storage.address());
    proxy.always(fault);
    proxy
}

/// `valet` that reaches storage through the proxy alone.
fn through(site: &Site, proxy: &FaultProxy, line: &str) -> Program {
    site.valet(line).env("VALET_STORAGE_ENDPOINT", proxy.url(&site.storage.endpoint()))
}

#[track_caller]
fn verified(line: &str) -> Value {
    let end: Value = serde_json::from_str(line.trim()).expect("one JSON object");
    assert_eq!(end["state"], "succeeded", "{end:#}");
    end["output"]["verified"].clone()
}

#[test]
fn an_output_that_nobody_could_look_at_is_not_done() {
    let site = Site::new();
    let id = done(&site);
    let (silent, strict) =
        (faulty(&site, Fault::busy()), faulty(&site, Fault::answer(403, "AuthorizationFailure")));
    let patient = through(&site, &silent, &format!("--json wait {id}")).start();
    let hasty = through(&site, &silent, &format!("wait {id} --timeout 1s")).run(TIMEOUT).expect_code(75);
    assert!(hasty.stderr.contains("1 of 1 jobs are not done"), "{}", hasty.stderr);
    let refused = through(&site, &strict, &format!("wait {id}")).run(TIMEOUT).expect_code(77);
    assert!(
        refused.stderr.contains("could not be compared") && refused.stderr.contains("403"),
        "{refused:?}"
    );
    let once = through(&site, &strict, "collect --once").run(TIMEOUT).expect_code(77);
    assert!(once.stderr.contains("could not be compared") && once.stderr.contains("403"), "{once:?}");
    let collected = through(&site, &silent, "collect --once").run(TIMEOUT).expect_code(69);
    assert!(collected.stderr.contains("could not be compared"), "{}", collected.stderr);
    let given_up = patient.finish(TIMEOUT).expect_code(69);
    assert_eq!(verified(&given_up.stdout), Value::Null);
    assert!(given_up.stderr.contains("the outputs of 1 of 1 jobs"), "{}", given_up.stderr);
}

#[test]
fn an_output_is_looked_at_again_when_storage_is_back() {
    let site = Site::new();
    let id = done(&site);
    let proxy = faulty(&site, Fault::busy());
    let wait = through(&site, &proxy, &format!("--json wait {id}")).start();
    // More requests than one look makes.
    wait_for("a second look", TIMEOUT, || match proxy.count("HEAD") {
        count if count > 5 => Ok(()),
        count => Err(format!("{count} requests; {}", wait.stderr())),
    });
    proxy.heal();
    assert_eq!(verified(&wait.finish(TIMEOUT).expect_code(0).stdout), Value::Bool(true));
}

#[test]
fn a_collector_outlives_a_restart_of_its_database() {
    let site = Site::new();
    let postgres = Postgres::start();
    let database = postgres.database();
    let collector = site.valet("-v collect").env("VALET_STATUS_URL", database.url()).start();
    let wait_for_words = |words: &str| {
        wait_for(words, TIMEOUT, || match collector.stderr() {
            told if told.contains(words) => Ok(()),
            told => Err(format!("running: {}; {told}", collector.is_running())),
        });
    };
    wait_for_words("the status store is up to date");
    postgres.stop();
    wait_for_words("goes on after a pause");
    postgres.restart();
    let id = done(&site);
    wait_for("the job's end in the store, compared", TIMEOUT, || {
        let row = database.run("SELECT id, state, to_verify FROM valet_jobs");
        if row.trim() == format!("{id}|succeeded|0") {
            Ok(())
        } else {
            Err(format!("{row} {}", collector.stderr()))
        }
    });
}
