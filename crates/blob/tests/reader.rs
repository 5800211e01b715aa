//! Reading an input at random: the same bytes, no more of them than needed, in a fixed budget of memory.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![allow(clippy::single_range_in_vec_init, reason = "lists of ranges, of which there may be one")]

mod common;

use std::{ops::Range, sync::Arc, time::Duration};

use bytes::Bytes;
use common::{client, noise, open_at, origin::Origin, read_url};
use futures::{FutureExt as _, future::join_all};
use valet_blob::{Cursor, Operation, Reader, ReaderOptions, StorageError, StorageErrorKind};
use valet_testkit::{Fault, FaultProxy, Storage};

const KIB: u64 = 1 << 10;
const MIB: u64 = 1 << 20;

/// Small blocks, so that a small blob has many: 4 of memory for each cursor of a test.
fn small(memory_blocks: u64) -> ReaderOptions {
    ReaderOptions {
        block_bytes: 1_000,
        first_bytes: 2_000,
        window_bytes_max: 8_000,
        memory_bytes_max: memory_blocks * 1_000,
        deadline: None,
    }
}

async fn reader_at(url: String, options: ReaderOptions) -> Reader {
    Reader::new(open_at(&client().0, url).await.unwrap(), options)
}

/// A reader of `content`, and the storage that it is in.
async fn reader_of(content: &[u8], options: ReaderOptions) -> (Reader, Origin) {
    let origin = Origin::start(content.to_vec()).await;
    (reader_at(origin.url.clone(), options).await, origin)
}

async fn rest(mut cursor: Cursor) -> Result<Vec<u8>, Arc<StorageError>> {
    let mut read = Vec::new();
    while let Some(piece) = cursor.next().await {
        let piece = piece?;
        assert!(!piece.is_empty(), "a piece has something in it");
        read.extend_from_slice(&piece);
    }
    assert!(cursor.next().await.is_none(), "an end is an end");
    Ok(read)
}

/// Reads at least `bytes` and hangs up, as ffmpeg does.
async fn glance(reader: &Reader, from: u64, bytes: u64) {
    let mut cursor = reader.cursor(from, u64::MAX);
    let mut read = 0;
    while read < bytes {
        read += cursor.next().await.unwrap().unwrap().len() as u64;
    }
}

fn part(content: &[u8], range: Range<u64>) -> &[u8] {
    &content[usize::try_from(range.start).unwrap()..usize::try_from(range.end).unwrap()]
}

#[tokio::test]
async fn bytes_come_in_order_whatever_the_length() {
    for bytes in [0, 1, 65_535, 65_536, 65_537, 524_287, 524_288, 524_289, 1_048_577, 3_000_003] {
        let content = noise(bytes);
        let (reader, origin) = reader_of(&content, ReaderOptions::default()).await;
        assert_eq!(reader.bytes(), bytes as u64);
        assert!(rest(reader.cursor(0, u64::MAX)).await.unwrap() == content, "{bytes} bytes");
        let asked: u64 = origin.asked().iter().map(|range| range.end - range.start).sum();
        assert_eq!((asked, reader.stats().fetched_bytes), (bytes as u64, bytes as u64), "each byte once");
        let heads = origin.heads();
        assert_eq!(reader.stats().requests, heads.len() as u64);
        assert!(heads.iter().all(|head| head.contains("if-match: \"0x1\"\r\n")), "every read is pinned");
    }
}

#[tokio::test]
async fn any_part_is_what_it_is() {
    let content = noise(50_007);
    let (reader, _origin) = reader_of(&content, small(8)).await;
    let mut random = fastrand::Rng::with_seed(3);
    for _ in 0..200 {
        let from = random.u64(0..50_007);
        let to = random.u64(from..=50_007);
        let read = rest(reader.cursor(from, to)).await.unwrap();
        assert!(read == part(&content, from..to), "{from}..{to}");
    }
    let read = rest(reader.cursor(50_000, 1 << 40)).await.unwrap();
    assert_eq!(read, part(&content, 50_000..50_007), "no further than the end");
    assert_eq!(rest(reader.cursor(1 << 40, 1 << 41)).await.unwrap(), b"");
    assert!(reader.stats().memory_bytes_peak <= 8_000, "{:?}", reader.stats());
}

#[tokio::test]
async fn a_steady_reader_is_read_ahead_of() {
    let content = noise(usize::try_from(32 * MIB).unwrap());
    let (reader, origin) = reader_of(&content, ReaderOptions::default()).await;
    assert!(rest(reader.cursor(0, u64::MAX)).await.unwrap() == content);
    let starts: Vec<_> = origin.asked().iter().map(|range| range.start / MIB).collect();
    assert_eq!(starts, [0, 1, 3, 7, 15, 23, 31], "1 MiB, then twice as much each time, up to 8");
}

#[tokio::test]
async fn what_is_needed_next_is_asked_for_before_it_is_needed() {
    let (reader, origin) = reader_of(&noise(8 << 20), ReaderOptions::default()).await;
    glance(&reader, 0, 512 * KIB).await;
    assert_eq!(origin.asked(), [0..MIB], "half of the first window is not read beyond");
    let mut cursor = reader.cursor(0, u64::MAX);
    let mut read = 0;
    while read <= 512 * KIB {
        read += cursor.next().await.unwrap().unwrap().len() as u64;
    }
    assert_eq!(origin.wait_for_asked(2).await, [0..MIB, MIB..3 * MIB]);
}

/// The start, the index at the end, the start again, and one picture from the middle.
#[tokio::test]
async fn a_thumbnail_costs_little_more_than_it_reads() {
    let content = noise(usize::try_from(64 * MIB).unwrap());
    let (reader, origin) = reader_of(&content, ReaderOptions::default()).await;
    let index = 64 * MIB - 170 * KIB;
    glance(&reader, 0, 64 * KIB).await;
    assert!(rest(reader.cursor(index, u64::MAX)).await.unwrap() == part(&content, index..64 * MIB));
    glance(&reader, 48, 64 * KIB).await;
    glance(&reader, 32 * MIB + 100, 700 * KIB).await;
    let mut asked = origin.asked();
    // What would come next is asked for, or given up before that.
    asked.retain(|range| *range != (33 * MIB..35 * MIB));
    assert_eq!(asked, [0..MIB, 32 * MIB..33 * MIB, 63 * MIB + 512 * KIB..64 * MIB]);
}

#[tokio::test]
async fn a_long_fetch_that_nobody_reads_is_given_up_and_a_short_one_is_not() {
    let content = noise(usize::try_from(8 * MIB).unwrap());
    let (reader, origin) = reader_of(&content, ReaderOptions::default()).await;
    origin.let_flow(600 * KIB);
    let mut cursor = reader.cursor(0, u64::MAX);
    let mut read = 0;
    while read <= 512 * KIB {
        read += cursor.next().await.unwrap().unwrap().len() as u64;
    }
    origin.wait_for_asked(2).await;
    drop(cursor);
    assert_eq!(origin.wait_for_hung_up(1).await, [MIB..3 * MIB], "1.4 MiB were to come");
    origin.let_flow(u64::MAX);
    assert!(rest(reader.cursor(0, MIB)).await.unwrap() == part(&content, 0..MIB));
    assert_eq!(origin.asked().len(), 2, "what was on its way came");
    assert_eq!(origin.hung_up(), [MIB..3 * MIB]);
    let read = rest(reader.cursor(MIB, 3 * MIB)).await.unwrap();
    assert!(read == part(&content, MIB..3 * MIB), "and what was given up can be had again");
}

#[tokio::test]
async fn what_was_read_is_not_asked_for_again() {
    let content = noise(100_000);
    let (reader, origin) = reader_of(&content, small(200)).await;
    for _ in 0..3 {
        assert!(rest(reader.cursor(0, u64::MAX)).await.unwrap() == content);
    }
    assert_eq!(reader.stats().fetched_bytes, 100_000);
    assert_eq!(origin.heads().len() as u64, reader.stats().requests);
}

#[tokio::test]
async fn a_block_is_never_fetched_twice_at_a_time() {
    let content = noise(2_000);
    let (reader, origin) = reader_of(&content, small(8)).await;
    origin.let_flow(0);
    let readers: Vec<_> = (0..8).map(|_| tokio::spawn(rest(reader.cursor(0, u64::MAX)))).collect();
    origin.wait_for_asked(1).await;
    // Each of them has had its turn by then, on this one thread.
    tokio::task::yield_now().await;
    origin.let_flow(u64::MAX);
    for reader in readers {
        assert!(reader.await.unwrap().unwrap() == content);
    }
    assert_eq!(origin.asked(), [0..2_000]);
}

#[tokio::test(flavor = "multi_thread")]
async fn many_readers_keep_to_the_budget_and_all_get_on() {
    let content = noise(60_001);
    let storage = Origin::start(content.clone()).await;
    for memory_blocks in [1, 2, 8] {
        let reader = reader_at(storage.url.clone(), small(memory_blocks)).await;
        let readers = (0..6).map(|index| {
            let (cursor, content) = (reader.cursor(index * 9_999, u64::MAX), content.clone());
            tokio::spawn(async move {
                assert!(rest(cursor).await.unwrap() == part(&content, index * 9_999..60_001));
            })
        });
        join_all(readers).await.into_iter().for_each(|ended| ended.unwrap());
        let peak = reader.stats().memory_bytes_peak;
        assert!((1_000..=memory_blocks * 1_000).contains(&peak), "{peak} of {memory_blocks} blocks");
    }
}

#[tokio::test]
async fn a_reader_that_stands_still_is_in_nobodys_way() {
    let content = noise(10_000);
    let (reader, _origin) = reader_of(&content, small(1)).await;
    let mut still = reader.cursor(0, u64::MAX);
    let first: Bytes = still.next().await.unwrap().unwrap();
    assert!(rest(reader.cursor(0, u64::MAX)).await.unwrap() == content);
    assert_eq!([first.as_ref(), &rest(still).await.unwrap()].concat(), content);
}

#[tokio::test]
async fn nothing_is_fetched_for_nobody() {
    let (reader, origin) =
        reader_of(&noise(usize::try_from(8 * MIB).unwrap()), ReaderOptions::default()).await;
    origin.let_flow(100 * KIB);
    let mut cursor = reader.cursor(0, u64::MAX);
    cursor.next().await.unwrap().unwrap();
    drop(reader);
    assert_eq!(origin.hung_up(), [], "the cursor lives");
    drop(cursor);
    assert_eq!(origin.wait_for_hung_up(1).await, [0..MIB]);
}

/// A blob behind a proxy, and a reader of it that asks for all at once.
async fn behind_proxy(bytes: usize) -> (Vec<u8>, FaultProxy, Reader) {
    let storage = Storage::shared();
    let container = storage.container();
    let content = noise(bytes);
    storage.put(&container, "a.mov", &content);
    let proxy = FaultProxy::start(storage.address());
    let reader = reader_at(proxy.url(&read_url(&container, "a.mov")), ReaderOptions::default()).await;
    (content, proxy, reader)
}

#[tokio::test]
async fn broken_and_refused_reads_are_not_seen() {
    let (content, proxy, reader) = behind_proxy(1_000_003).await;
    proxy.next_method("GET", Fault::CutAfter(300_001));
    proxy.next_method("GET", Fault::busy());
    proxy.next_method("GET", Fault::answer(500, "OperationTimedOut"));
    proxy.next_method("GET", Fault::CutAfter(1));
    assert!(rest(reader.cursor(0, u64::MAX)).await.unwrap() == content);
    let exchanges = proxy.exchanges();
    let asked: Vec<_> = exchanges.iter().filter_map(|exchange| exchange.header("range")).collect();
    let (second, third) = ("bytes=300001-1000002", "bytes=300002-1000002");
    assert_eq!(asked, ["bytes=0-1000002", second, second, second, third]);
    assert!(exchanges.iter().skip(1).all(|exchange| exchange.header("if-match").is_some()));
    let stats = reader.stats();
    assert_eq!((stats.requests, stats.fetched_bytes), (5, 1_000_003), "no byte came twice");
}

#[tokio::test]
async fn content_that_changes_meanwhile_is_refused() {
    let storage = Storage::shared();
    let container = storage.container();
    storage.put(&container, "a.mov", noise(2_000_000));
    let reader = reader_at(read_url(&container, "a.mov"), ReaderOptions::default()).await;
    glance(&reader, 0, 1).await;
    storage.put(&container, "a.mov", noise(2_000_000));
    let error = rest(reader.cursor(1_500_000, u64::MAX)).await.unwrap_err();
    assert_eq!(error.kind, StorageErrorKind::InputChanged, "{error}");
}

#[tokio::test]
async fn a_failure_stands_only_for_whom_it_met() {
    let (content, proxy, reader) = behind_proxy(10_000).await;
    proxy.next_method("GET", Fault::answer(403, "AuthenticationFailed"));
    let error = rest(reader.cursor(0, u64::MAX)).await.unwrap_err();
    assert_eq!(error.kind, StorageErrorKind::GrantInvalid, "{error}");
    assert!(rest(reader.cursor(0, u64::MAX)).await.unwrap() == content);
}

#[tokio::test]
async fn a_reader_is_late_as_long_as_somebody_waits_for_bytes_and_no_longer() {
    let (reader, origin) = reader_of(&noise(200_000), ReaderOptions::default()).await;
    let late = || reader.late(Duration::ZERO);
    origin.let_flow(0);
    let mut cursor = reader.cursor(0, u64::MAX);
    assert!(late().is_none(), "nobody has asked");
    let waiting = tokio::spawn(async move { (cursor.next().await.unwrap().unwrap().len(), cursor) });
    origin.wait_for_asked(1).await;
    let error = late().unwrap();
    assert_eq!((&error.kind, error.operation), (&StorageErrorKind::Timeout, Operation::Fetch), "{error}");
    let cause = std::error::Error::source(&error).unwrap().to_string();
    assert!(cause.starts_with("no byte came for "), "{cause}");
    assert!(reader.late(Duration::from_secs(3_600)).is_none(), "not for an hour");
    origin.let_flow(65_536);
    let (read, mut cursor) = waiting.await.unwrap();
    assert!(read > 0 && late().is_none(), "more is on its way, and nobody waits for it");
    let given_up = cursor.next().now_or_never();
    assert!(given_up.is_none() && late().is_none(), "whoever gives up waits no more");
}

#[tokio::test]
async fn no_read_outlives_the_deadline() {
    let origin = Origin::start(noise(1_000)).await;
    let deadline = Some(jiff::Timestamp::now() + Duration::from_millis(300));
    let reader = reader_at(origin.url.clone(), ReaderOptions { deadline, ..ReaderOptions::default() }).await;
    origin.let_flow(10);
    let error = rest(reader.cursor(0, u64::MAX)).await.unwrap_err();
    assert_eq!(error.kind, StorageErrorKind::Timeout, "{error}");
}
