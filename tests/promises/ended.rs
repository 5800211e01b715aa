//! What the broker itself ends does not vanish: a job that kills its workers ends as dead with its history, and one
//! whose grants die in the queue ends as expired.

use valet_testkit::{Broker, Fault, FaultProxy, Gate, Storage};

use crate::backstage::{kind, wait_for_depth};
use crate::stage::Stage;

/// A job is handed out so often before the broker gives up on it: the delivery limit and once more.
const DELIVERIES: usize = 4;

#[test]
fn a_job_that_kills_every_worker_ends_as_dead_with_its_history() {
    let storage = Storage::shared();
    let proxy = FaultProxy::start(storage.address());
    let stage = Stage::on(Broker::shared(), storage).through(&proxy.url(&storage.endpoint()));
    let input = stage.put("killer", "some bytes");
    let job = stage.submit(&input, &stage.target("output"), &["--preset", "copy"]);
    for _ in 0..DELIVERIES {
        let gate = Gate::default();
        proxy.next_method("HEAD", Fault::Hold(gate.clone()));
        let worker = stage.worker();
        gate.wait_for_request();
        worker.kill();
        gate.open();
    }
    let _undertaker = stage.worker();
    wait_for_depth(&stage, "dead", 1);
    let letters = stage.dead();
    assert_eq!((&letters[0]["id"], &letters[0]["reason"]), (&job.as_str().into(), &"worker-lost".into()));
    let reports = stage.reports(&job);
    let accepted = reports.iter().filter(|report| kind(report) == "accepted").count();
    assert_eq!(accepted, DELIVERIES, "each death is in the history: {reports:#?}");
    assert_eq!(reports.iter().filter(|report| kind(report) == "dead").count(), 1, "{reports:#?}");
    for queue in ["jobs.r0", "jobs.ended"] {
        wait_for_depth(&stage, queue, 0);
    }
    assert!(stage.storage.list(&stage.output).is_empty());
}
