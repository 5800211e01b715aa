//! A job is known by its lane and its id: whoever chooses the id of another lane's job changes nothing of that job.

use jiff::SignedDuration;
use valet_protocol::{JobKey, Lane, Reason, Report, Stored};
use valet_status::{Filter, JobRecord, Page, Sight, State, Store};

use crate::common::*;
use crate::store::{batch, on_both, open};

const LOG: &str = "amqp://broker/vhost";

fn acme() -> Lane {
    "acme".parse().expect("a lane")
}

fn of_acme(report: Report) -> Report {
    Report { lane: acme(), ..report }
}

fn key_of(lane: &Lane) -> JobKey {
    JobKey::new(lane.clone(), id(1))
}

async fn lanes(store: &Store, filter: &Filter) -> Vec<(String, State)> {
    let jobs = store.list(filter, Page::first(100), at(0)).await.expect("a list");
    jobs.iter().map(|job| (job.lane.to_string(), job.state)).collect()
}

/// The usual lane's job succeeds; acme uses its id, and tells everything that could spoil it.
fn attack() -> Vec<Report> {
    let stored = report(2, "w1", (1, 0), succeeded(Stored::Created));
    vec![
        submitted(0),
        of_acme(submitted(0)),
        of_acme(report(1, "w2", (1, 0), accepted())),
        report(1, "w1", (1, 0), accepted()),
        stored,
        of_acme(report(3, "w2", (9, 0), failed(Reason::NotMedia))),
        of_acme(report(4, "w2", (9, 0), cancelled())),
    ]
}

#[test]
fn another_lanes_job_of_the_same_id_is_a_job_of_its_own() {
    on_both(|url| async move {
        let store = open(&url).await;
        for (offset, report) in (0..).zip(attack()) {
            store.feed(LOG, &batch(offset, vec![report])).await.expect("fed");
        }
        let any = Filter::default();
        let both = [("default".to_owned(), State::Succeeded), ("acme".to_owned(), State::Cancelled)];
        assert_eq!(lanes(&store, &any).await, both);
        let of_lane = Filter { lane: Some("acme".to_owned()), ..any.clone() };
        assert_eq!(lanes(&store, &of_lane).await, both[1..]);
        let tags = vec![("title".to_owned(), "42".to_owned())];
        assert_eq!(lanes(&store, &Filter { tags, ..any }).await, both);
        let job = store.job(&key(1)).await.expect("read").expect("kept");
        assert_eq!((job.attempts.len(), job.worker.as_deref()), (1, Some("w1")));
        let named = store.named(&[id(1), id(2)]).await.expect("read");
        assert_eq!(named.keys().collect::<Vec<_>>(), [&key_of(&acme()), &key(1)]);
        store.close().await;
    });
}

#[test]
fn one_batch_of_both_lanes_says_the_same_as_one_report_at_a_time() {
    on_both(|url| async move {
        let store = open(&url).await;
        store.feed(LOG, &batch(0, attack())).await.expect("fed");
        assert_eq!(lanes(&store, &Filter::default()).await.len(), 2);
        store.close().await;
    });
}

#[test]
fn storages_word_on_one_lanes_job_is_none_on_the_others() {
    on_both(|url| async move {
        let store = open(&url).await;
        let done = |seconds| report(seconds, "w1", (1, 0), succeeded(Stored::Created));
        let told = vec![submitted(0), of_acme(submitted(0)), done(1), of_acme(done(1))];
        store.feed(LOG, &batch(0, told)).await.expect("fed");
        let judged = store.judge(&key_of(&acme()), &Sight::Absent, at(9)).await.expect("judged");
        assert_eq!(judged.map(|job| job.state), Some(State::Failed));
        let left = store.to_verify(10, None).await.expect("jobs");
        assert_eq!(left.iter().map(JobRecord::key).collect::<Vec<_>>(), [key(1)]);
        store.close().await;
    });
}

#[test]
fn jobs_of_one_id_are_given_on_both_sides_of_a_page() {
    on_both(|url| async move {
        let store = open(&url).await;
        store.feed(LOG, &batch(0, vec![submitted(0), of_acme(submitted(0))])).await.expect("fed");
        let (mut after, mut seen, mut compared) = (None, Vec::new(), Vec::new());
        while let [job] =
            &store.list(&Filter::default(), Page { limit: 1, after }, at(0)).await.expect("a page")[..]
        {
            seen.push(job.lane.to_string());
            after = Some(job.key());
        }
        assert_eq!(seen, ["default", "acme"]);
        let done = |lane| Report { lane, ..report(1, "w1", (1, 0), succeeded(Stored::Created)) };
        store.feed(LOG, &batch(2, vec![done(acme()), done(Lane::default())])).await.expect("fed");
        let mut last = None;
        while let [job] = &store.to_verify(1, last.as_ref()).await.expect("a page")[..] {
            compared.push(job.lane.to_string());
            last = Some(job.clone());
        }
        assert_eq!(compared, ["acme", "default"]);
        store.close().await;
    });
}

#[test]
fn clearing_out_one_lanes_job_leaves_the_others_with_all_that_is_known_of_it() {
    on_both(|url| async move {
        let store = open(&url).await;
        let late = SignedDuration::from_secs(5_000);
        let young = of_acme(report(5_000, "w2", (1, 0), failed(Reason::NotMedia)));
        let told = vec![
            submitted(0),
            of_acme(submitted(0)),
            report(1, "w1", (1, 0), failed(Reason::NotMedia)),
            young,
        ];
        store.feed(LOG, &batch(0, told)).await.expect("fed");
        assert_eq!(store.clear_out(at(0) + late, 10).await.expect("cleared"), 1);
        let tags = vec![("title".to_owned(), "42".to_owned())];
        let left = lanes(&store, &Filter { tags, ..Filter::default() }).await;
        assert_eq!(left, [("acme".to_owned(), State::Failed)]);
        store.close().await;
    });
}

#[test]
fn a_record_takes_no_report_of_another_lane() {
    let mut job = JobRecord::unseen(key(1));
    assert!(job.apply(&submitted(0)));
    assert!(!job.apply(&of_acme(report(1, "w2", (1, 0), cancelled()))));
    assert_eq!((job.state, job.lane.as_str()), (State::Queued, "default"));
}
