//! Memory stays constant whatever a blob's length. `VALET_HEAVY_MIB` sets another length than 256 MiB.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::{
    fs::File,
    io::{BufWriter, Write},
    sync::Arc,
    time::Instant,
};

use common::{client, reader, scratch, spec, writer};
use valet_blob::{Digests, FetchOptions, Input, hash_file, store};
use valet_testkit::{Sas, Storage, StorageOptions};

/// Growth of the peak that a fetch and a store may cause.
const GROWTH_BYTES_MAX: u64 = 64 << 20;

/// A value of /proc/self/status in bytes.
fn status_bytes(name: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with(name)).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() << 10
}

/// Runs `work` and returns by how much the resident peak exceeded where it began, in bytes.
async fn growth<T>(work: impl Future<Output = T>) -> (u64, T) {
    // 5: the peak starts again from the present size.
    std::fs::write("/proc/self/clear_refs", "5").unwrap();
    let before = status_bytes("VmRSS:");
    let result = work.await;
    (status_bytes("VmHWM:").saturating_sub(before), result)
}

fn write_noise(file: &File, mebibytes: u64) {
    let mut file = BufWriter::new(file);
    let mut random = fastrand::Rng::with_seed(11);
    let mut block = vec![0; 1 << 20];
    for _ in 0..mebibytes {
        random.fill(&mut block);
        file.write_all(&block).unwrap();
    }
    file.flush().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn heavy_memory_is_constant_in_the_length_of_a_blob() {
    let mebibytes = std::env::var("VALET_HEAVY_MIB").map_or(256, |text| text.parse().unwrap());
    let storage = Storage::start_with(&StorageOptions { on_disk: true, ..StorageOptions::default() });
    storage.create_container("heavy");
    let original = scratch();
    write_noise(&original, mebibytes);
    let began = Instant::now();
    let (grown, digests) = growth(hash_file(original.clone())).await;
    let digests = digests.unwrap();
    tell("hash", mebibytes, began, grown);

    let began = Instant::now();
    let grant = writer(storage.sas_url(&Sas::create("heavy", "a.bin")));
    let (grown, stored) = growth(store(&client().0, &grant, original.clone(), &spec(&digests))).await;
    stored.unwrap();
    tell("store", mebibytes, began, grown);
    assert!(grown < GROWTH_BYTES_MAX, "store grew by {grown} bytes");

    for ranges_in_flight in [1, 4] {
        let (grown, fetched) = fetch_grows(&storage, scratch(), ranges_in_flight, mebibytes).await;
        assert_eq!(fetched, digests);
        assert!(grown < GROWTH_BYTES_MAX, "fetch with {ranges_in_flight} ranges grew by {grown} bytes");
    }
}

async fn fetch_grows(
    storage: &Storage,
    file: Arc<File>,
    ranges_in_flight: usize,
    mebibytes: u64,
) -> (u64, Digests) {
    let began = Instant::now();
    let grant = reader(storage.sas_url(&Sas::read("heavy", "a.bin")));
    let options = FetchOptions { ranges_in_flight, ..FetchOptions::default() };
    let (grown, fetched) = growth(async {
        Input::open(&client().0, &grant, None).await.unwrap().fetch(file, options).await.unwrap()
    })
    .await;
    tell(&format!("fetch, {ranges_in_flight} in flight"), mebibytes, began, grown);
    (grown, Digests { bytes: fetched.bytes, md5: fetched.md5, sha256: fetched.sha256 })
}

fn tell(what: &str, mebibytes: u64, began: Instant, grown: u64) {
    let seconds = began.elapsed().as_secs_f64();
    let rate = f64::from(u32::try_from(mebibytes).unwrap()) / seconds;
    println!("{what}: {mebibytes} MiB in {seconds:.2} s, {rate:.0} MiB/s, peak grew by {} KiB", grown >> 10);
}
