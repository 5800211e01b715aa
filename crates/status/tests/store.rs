//! The store, on SQLite and on Postgres.

use std::os::unix::fs::PermissionsExt;

use jiff::{SignedDuration, Timestamp};
use valet_protocol::{JobId, Reason, Report, Stored};
use valet_status::{Fed, Filter, Message, Page, Place, Sight, State, Store, StoreUrl, Text};
use valet_testkit::Postgres;

use crate::common::*;

const LOG: &str = "amqp://broker/vhost";

/// Runs a test on both databases.
pub(crate) fn on_both<F: Future<Output = ()>>(test: impl Fn(StoreUrl) -> F) {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let folder = tempfile::tempdir().expect("a folder");
    runtime.block_on(test(StoreUrl::file(folder.path().join("new/status.db"))));
    let database = Postgres::shared().database();
    runtime.block_on(test(StoreUrl::parse(&database.url(), None).expect("a URL")));
}

/// Job `number`'s reports: accepted, and failed if `ends`.
fn reports(number: u32, ends: bool) -> Vec<Report> {
    let of = |seconds, data| Report { job: id(number), ..report(seconds, "w1", (1, 0), data) };
    let mut all = vec![Report { job: id(number), ..submitted(i64::from(number)) }, of(1_000, accepted())];
    all.extend(ends.then(|| of(1_001, failed(Reason::NotMedia))));
    all
}

/// Reports with their offsets, from `first` on.
pub(crate) fn batch(first: u64, reports: Vec<Report>) -> Vec<(u64, Message)> {
    (first..).zip(reports.into_iter().map(|report| Message::Report(Box::new(report)))).collect()
}

pub(crate) async fn open(url: &StoreUrl) -> Store {
    Store::open(url).await.expect("the store opens")
}

async fn states(store: &Store, filter: &Filter) -> Vec<(JobId, State)> {
    let jobs = store.list(filter, Page::first(100), at(0)).await.expect("a list");
    jobs.iter().map(|job| (job.id, job.state)).collect()
}

#[test]
fn a_batch_is_kept_with_its_place_and_counts_once() {
    on_both(|url| async move {
        let store = open(&url).await;
        assert_eq!(store.place(LOG).await.expect("a place"), None);
        let told = batch(7, reports(1, true));
        assert_eq!(store.feed(LOG, &told).await.expect("fed"), Fed { reports: 3, jobs: 1 });
        let place = store.place(LOG).await.expect("a place").expect("fed before");
        assert_eq!(place, Place { next: 10, mark: Store::mark(&told[2].1) });
        assert_eq!(store.feed(LOG, &told).await.expect("fed"), Fed::default());
        store.close().await;
        // Another process.
        let store = open(&url).await;
        let job = store.job(&key(1)).await.expect("read").expect("kept");
        assert_eq!((job.state, job.reason, job.attempts.len()), (State::Failed, Some(Reason::NotMedia), 1));
        store.close().await;
    });
}

#[test]
fn what_is_no_report_moves_the_place_alone_and_is_told_from_others() {
    on_both(|url| async move {
        let store = open(&url).await;
        let mut told = batch(0, reports(1, false));
        told.push((2, Message::Other("mark 1".to_owned())));
        assert_eq!(store.feed(LOG, &told).await.expect("fed"), Fed { reports: 2, jobs: 1 });
        let place = store.place(LOG).await.expect("a place").expect("fed before");
        assert_eq!(place, Place { next: 3, mark: Store::mark(&told[2].1) });
        assert_ne!(place.mark, Store::mark(&Message::Other("mark 2".to_owned())));
        store.close().await;
    });
}

#[test]
fn two_feeders_at_once_lose_nothing_and_double_nothing() {
    on_both(|url| async move {
        let all: Vec<Report> = (1..=200).flat_map(|number| reports(number, true)).collect();
        let feed = |size: usize| {
            let (url, all) = (url.clone(), all.clone());
            tokio::spawn(async move {
                let store = open(&url).await;
                let mut fed = 0;
                for (number, chunk) in all.chunks(size).enumerate() {
                    let told = batch((number * size) as u64, chunk.to_vec());
                    fed += store.feed(LOG, &told).await.expect("fed").reports;
                }
                store.close().await;
                fed
            })
        };
        let (one, other) = tokio::join!(feed(7), feed(50));
        assert_eq!(one.expect("fed") + other.expect("fed"), all.len());
        let store = open(&url).await;
        let counts = store.count(&Filter::default()).await.expect("counts");
        assert_eq!(counts.into_iter().collect::<Vec<_>>(), [(State::Failed, 200)]);
        store.close().await;
    });
}

#[test]
fn a_log_that_was_made_anew_is_read_from_its_beginning_once() {
    on_both(|url| async move {
        let store = open(&url).await;
        store.feed(LOG, &batch(500, reports(1, true))).await.expect("fed");
        let seen = store.place(LOG).await.expect("a place").expect("fed");
        store.restart(LOG, &seen).await.expect("restarted");
        assert_eq!(store.place(LOG).await.expect("a place"), None);
        store.feed(LOG, &batch(0, reports(2, true))).await.expect("fed");
        // A second reader that saw the old log changes nothing any more.
        store.restart(LOG, &seen).await.expect("nothing");
        assert_eq!(store.place(LOG).await.expect("a place").map(|place| place.next), Some(3));
        assert_eq!(states(&store, &Filter::default()).await.len(), 2);
        store.close().await;
    });
}

#[test]
fn jobs_are_found_by_what_they_are_asked_for() {
    on_both(|url| async move {
        let store = open(&url).await;
        let all: Vec<Report> = (1..=9).flat_map(|number| reports(number, number % 3 == 0)).collect();
        store.feed(LOG, &batch(0, all)).await.expect("fed");
        let any = Filter::default();
        let newest: Vec<JobId> = states(&store, &any).await.into_iter().map(|(id, _)| id).collect();
        assert_eq!(newest, (1..=9).rev().map(id).collect::<Vec<_>>(), "newest first");
        let page = store.list(&any, Page { limit: 2, after: Some(key(8)) }, at(0)).await.expect("a page");
        assert_eq!(page.iter().map(|job| job.id).collect::<Vec<_>>(), [id(7), id(6)]);

        let number = |filter: Filter| {
            let store = &store;
            async move { states(store, &filter).await.len() }
        };
        let failed = Filter { states: vec![State::Failed], ..any.clone() };
        assert_eq!(number(failed).await, 3);
        let twice = Filter { states: vec![State::Failed, State::Failed], ..any.clone() };
        assert_eq!(number(twice).await, 3, "a state that is named twice counts once");
        assert_eq!(number(Filter { states: vec![State::Failed, State::Running], ..any.clone() }).await, 9);
        assert_eq!(number(Filter { reason: Some(Reason::NotMedia), ..any.clone() }).await, 3);
        let tag = |value: &str| vec![("title".to_owned(), value.to_owned())];
        assert_eq!(number(Filter { tags: tag("42"), ..any.clone() }).await, 9);
        assert_eq!(number(Filter { tags: tag("43"), ..any.clone() }).await, 0);
        let preset = Some("h264-720p".to_owned());
        assert_eq!(number(Filter { preset: preset.clone(), version: Some(1), ..any.clone() }).await, 9);
        assert_eq!(number(Filter { preset, version: Some(2), ..any.clone() }).await, 0);
        assert_eq!(number(Filter { lane: Some("default".into()), ..any.clone() }).await, 9);
        assert_eq!(number(Filter { text: Some(Text("IN/clip".into())), ..any.clone() }).await, 9);
        assert_eq!(number(Filter { text: Some(Text("%_".into())), ..any.clone() }).await, 0, "no patterns");
        let (since, until) = (Some(at(3)), Some(at(5)));
        assert_eq!(number(Filter { since, until, ..any.clone() }).await, 2);
        assert_eq!(number(Filter { silent_at: Some(at(1_031)), ..any.clone() }).await, 6);
        assert_eq!(number(Filter { silent_at: Some(at(1_030)), ..any.clone() }).await, 0);
        let counts = store.count(&any).await.expect("counts");
        assert_eq!(counts.into_iter().collect::<Vec<_>>(), [(State::Running, 6), (State::Failed, 3)]);
        store.close().await;
    });
}

#[test]
fn old_jobs_leave_and_young_ones_stay() {
    on_both(|url| async move {
        let store = open(&url).await;
        let all: Vec<Report> = (1..=4).flat_map(|number| reports(number, number > 1)).collect();
        store.feed(LOG, &batch(0, all)).await.expect("fed");
        assert_eq!(store.clear_out(at(1_000), 10).await.expect("cleared"), 0);
        // Three have ended, and of the fourth nothing was heard for longer still.
        assert_eq!(store.clear_out(at(1_002), 10).await.expect("cleared"), 4);
        assert_eq!(states(&store, &Filter::default()).await, []);
        assert_eq!(
            store.place(LOG).await.expect("a place").map(|place| place.next),
            Some(11),
            "the place stays"
        );
        let day = SignedDuration::from_hours(24);
        assert!(store.take_turn("amqp://an empty log", day, at(0)).await.expect("a turn"));
        assert!(store.take_turn(LOG, day, at(0)).await.expect("a turn"));
        assert!(!store.take_turn(LOG, day, at(80_000)).await.expect("a turn"));
        assert!(store.take_turn(LOG, day, at(90_000)).await.expect("a turn"));
        store.close().await;
    });
}

#[test]
fn storages_word_is_asked_for_once_and_kept() {
    on_both(|url| async move {
        let store = open(&url).await;
        let told = vec![submitted(0), report(1, "w1", (1, 0), succeeded(Stored::Created))];
        store.feed(LOG, &batch(0, told)).await.expect("fed");
        assert_eq!(store.to_verify(10, None).await.expect("jobs").len(), 1);
        let judged = store.judge(&key(1), &Sight::Absent, at(9)).await.expect("judged").expect("a job");
        assert_eq!((judged.state, judged.reason), (State::Failed, Some(Reason::OutputMismatch)));
        assert_eq!(store.to_verify(10, None).await.expect("jobs").len(), 0);
        let kept = store.judge(&key(1), &Sight::Unknown, at(10)).await.expect("judged");
        assert_eq!(kept, Some(judged));
        assert_eq!(states(&store, &Filter::default()).await, [(id(1), State::Failed)]);
        assert_eq!(store.judge(&key(2), &Sight::Absent, at(9)).await.expect("no job"), None);
        store.close().await;
    });
}

#[test]
fn outputs_to_compare_are_given_page_by_page() {
    on_both(|url| async move {
        let store = open(&url).await;
        let done = |number: u32| {
            // Two of each time.
            let of = |it: Report| Report { job: id(number), ..it };
            [
                of(submitted(i64::from(number / 2))),
                of(report(1_000, "w1", (1, 0), succeeded(Stored::Created))),
            ]
        };
        store.feed(LOG, &batch(0, (1..=7).flat_map(done).collect())).await.expect("fed");
        let (mut seen, mut after) = (Vec::new(), None);
        loop {
            let page = store.to_verify(3, after.as_ref()).await.expect("a page");
            seen.extend(page.iter().map(|job| job.id));
            after = page.last().cloned();
            if after.is_none() {
                break;
            }
        }
        assert_eq!(seen, (1..=7).map(id).collect::<Vec<_>>(), "each once, though nobody has compared any");
        store.close().await;
    });
}

#[test]
fn freshness_is_what_a_collector_says() {
    on_both(|url| async move {
        let store = open(&url).await;
        assert_eq!(store.fresh_at(LOG).await.expect("read"), None);
        store.mark_fresh("amqp://an empty log", at(4)).await.expect("marked");
        assert_eq!(store.fresh_at("amqp://an empty log").await.expect("read"), Some(at(4)));
        store.feed(LOG, &batch(0, reports(1, true))).await.expect("fed");
        assert_eq!(store.fresh_at(LOG).await.expect("read"), None, "feeding alone says nothing");
        store.mark_fresh(LOG, at(5)).await.expect("marked");
        assert_eq!(store.fresh_at(LOG).await.expect("read"), Some(at(5)));
        store.close().await;
    });
}

#[test]
fn a_seeded_store_is_searched_by_its_indexes() {
    on_both(|url| async move {
        let store = open(&url).await;
        let end: Timestamp = at(1_000_000);
        seed::fill(&store, 3_000, end).await.expect("filled");
        let counts = store.count(&Filter::default()).await.expect("counts");
        let expected =
            [(State::Queued, 30), (State::Running, 30), (State::Succeeded, 2_880), (State::Failed, 60)];
        assert_eq!(counts.into_iter().collect::<Vec<_>>(), expected);
        let tags = vec![("title".to_owned(), "1234".to_owned())];
        let found = states(&store, &Filter { tags, ..Filter::default() }).await;
        assert_eq!(found.len(), 1);
        // A label that very many jobs have, alone and with another condition.
        let everywhere =
            batch(0, (1..=5_100).map(|number| Report { job: id(number), ..submitted(0) }).collect());
        store.feed(LOG, &everywhere).await.expect("fed");
        let tags = vec![("title".to_owned(), "42".to_owned())];
        let common = Filter { tags, ..Filter::default() };
        let found = states(&store, &common).await;
        assert_eq!((found.len(), found[1].0), (100, id(5_100)), "behind the newest, the seed's own");
        let none = Filter { reason: Some(Reason::NotMedia), ..common.clone() };
        assert_eq!(states(&store, &none).await.len(), 0);
        let other = [common.tags[0].clone(), ("title".to_owned(), "43".to_owned())];
        assert_eq!(states(&store, &Filter { tags: other.to_vec(), ..Filter::default() }).await.len(), 0);
        store.close().await;
    });
}

#[test]
fn the_file_is_its_owners_alone() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("a folder/sta?tus%20.db");
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(async {
        let store = open(&StoreUrl::file(&path)).await;
        store.feed(LOG, &batch(0, reports(1, true))).await.expect("fed");
        for entry in std::fs::read_dir(path.parent().expect("a folder")).expect("readable") {
            let entry = entry.expect("an entry");
            let mode = entry.metadata().expect("metadata").permissions().mode();
            assert_eq!(mode & 0o777, 0o600, "{:?}", entry.path());
        }
        store.close().await;
    });
    let mode = std::fs::metadata(path.parent().expect("a folder")).expect("there").permissions().mode();
    assert_eq!((mode & 0o777, path.is_file()), (0o700, true));
}

#[test]
fn no_error_and_no_debug_text_holds_the_password() {
    let url = StoreUrl::parse("postgres://valet@127.0.0.1:1/valet", Some("canary-password")).expect("a URL");
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let error = runtime.block_on(Store::open(&url)).expect_err("nobody is there");
    let said = format!("{url} {url:?} {error} {error:?} {}", error.advice());
    assert!(!said.contains("canary-password"), "{said}");
    for wrong in ["mysql://u:canary-password@h/d", "sqlite:", "postgres://", "postgres://u:canary-password@h"]
    {
        let error = StoreUrl::parse(wrong, None).map(|url| url.to_string());
        assert!(error.is_err_and(|error| !format!("{error:?}").contains("canary-password")), "{wrong}");
    }
}
