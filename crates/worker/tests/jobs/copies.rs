//! A message that is on the broker twice: both copies end alike, and only one leaves a dead letter.

use valet_broker::Outgoing;
use valet_broker::topology::names;
use valet_protocol::{JobMessage, Reason, Report, ReportData, ReportKind, amqp};
use valet_testkit::port::Port;
use valet_testkit::{Fault, FaultProxy, Gate, Process, http, wait_for};

use crate::ends::{copy_through, wait_for_depth};
use crate::stage::{PATIENCE, Stage};

/// Reads reports until the job has been told to have failed once more; they are all of a kind.
async fn failed_again(stage: &mut Stage, job: &JobMessage, worker: &Process) -> Report {
    let reports = stage.reports(job.id, worker).await;
    let last = reports.last().unwrap().clone();
    let ReportData::Failed(failed) = &last.data else { panic!("{reports:?}\n{}", worker.last_lines()) };
    assert_eq!(failed.reason, Reason::OutputExists);
    last
}

/// A job whose output has a stranger's name, twice on the broker, each in the hands of a slot.
async fn in_two_slots(stage: &Stage, proxy: &FaultProxy, worker: &Process) -> JobMessage {
    let job = copy_through(stage, proxy);
    stage.storage.put(&stage.container, "out", b"a stranger's");
    let gate = Gate::default();
    proxy.next_method("HEAD", Fault::Hold(gate.clone()));
    stage.submit(&job).await;
    stage.submit(&job).await;
    gate.wait_for_request();
    wait_for("both copies to be taken", PATIENCE, || {
        let taken = worker.stderr().matches("took a job").count();
        if taken == 2 { Ok(()) } else { Err(worker.last_lines()) }
    });
    gate.open();
    job
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_of_a_message_that_failed_fails_alike_and_leaves_no_second_letter() {
    let mut stage = Stage::set().await;
    let proxy = FaultProxy::start(stage.storage.address());
    let worker = stage.worker(&[("VALET_WORKER_SLOTS", "2")]);
    let job = in_two_slots(&stage, &proxy, &worker).await;
    let first = failed_again(&mut stage, &job, &worker).await;
    let second = failed_again(&mut stage, &job, &worker).await;
    assert_eq!((&first.data, first.id()), (&second.data, second.id()), "readers count it once");
    // Long after, it is the same.
    let asked = proxy.count("HEAD") + proxy.count("PUT");
    stage.submit(&job).await;
    let third = failed_again(&mut stage, &job, &worker).await;
    assert_eq!(third.id(), first.id());
    assert_eq!(proxy.count("HEAD") + proxy.count("PUT"), asked, "storage was not asked");
    worker.terminate(PATIENCE);
    wait_for_depth(&stage, "jobs.r0", 0);
    wait_for_depth(&stage, "dead", 1);
    assert_eq!(stage.storage.get(&stage.container, "out"), b"a stranger's");
}

/// Else the bytes and seconds of one job would count for each of its copies.
#[tokio::test(flavor = "multi_thread")]
async fn what_a_success_cost_is_counted_once_however_often_it_is_told() {
    let mut stage = Stage::set().await;
    let port = Port::reserve();
    let address = format!("127.0.0.1:{}", port.number());
    let worker = stage.worker(&[("VALET_WORKER_LISTEN", &address)]);
    stage.storage.put(&stage.container, "in", b"some bytes");
    let job = stage.job("copy", "in", "out");
    for _ in 0..2 {
        stage.submit(&job).await;
        let reports = stage.reports(job.id, &worker).await;
        assert_eq!(reports.last().map(Report::kind), Some(ReportKind::Succeeded));
    }
    // Counted once they are told, and done with some moments later.
    let metrics = wait_for("both to be counted", PATIENCE, || {
        let text = http::send("GET", &format!("http://{address}/metrics"), &[], ()).unwrap().text();
        let both = text.contains(r#"outcome="succeeded",reason="none"} 2"#);
        if both && text.contains("valet_worker_jobs_in_hand 0") { Ok(text) } else { Err(text) }
    });
    for line in [
        "valet_worker_input_bytes_total 10",
        "valet_worker_output_bytes_total 10",
        r#"valet_worker_phase_seconds_count{phase="total"} 1"#,
    ] {
        assert!(metrics.lines().any(|told| told == line), "{line} is not in\n{metrics}");
    }
}

/// A person moved the dead letter back to the jobs, headers and all, after mending what it says.
#[tokio::test(flavor = "multi_thread")]
async fn a_dead_letter_that_is_put_back_is_done_anew() {
    let mut stage = Stage::set().await;
    let worker = stage.worker(&[]);
    let job = stage.job("copy", "in", "out");
    stage.submit(&job).await;
    let failed = stage.reports(job.id, &worker).await;
    assert_eq!(failed.last().map(Report::kind), Some(ReportKind::Failed), "there is no input yet");
    stage.storage.put(&stage.container, "in", b"some bytes");
    let body = job.encode().unwrap();
    let mut letter = Outgoing::new(names::JOBS, names::JOBS_KEY, job.id.to_string(), body.as_ref());
    letter.headers.push((amqp::REASON.to_owned(), Reason::InputMissing.code().to_owned()));
    stage.publish(letter).await;
    let reports = stage.reports(job.id, &worker).await;
    assert_eq!(reports.last().map(Report::kind), Some(ReportKind::Succeeded), "{}", worker.last_lines());
}
