//! A worker's memory does not grow with its blobs.

use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::Path;

use valet_testkit::{Broker, Folder, Process, Storage, StorageOptions};

use crate::stage::Stage;

const BLOB_BYTES: u64 = 2 << 30;
/// How much the worker may grow over its resting state.
const GROWTH_KIB_MAX: u64 = 64 << 10;

#[test]
fn heavy_2_gib_blob_moves_with_constant_memory() {
    let storage = Storage::start_with(&StorageOptions { on_disk: true, ..StorageOptions::default() });
    let stage = Stage::on(Broker::shared(), &storage);
    let worker = stage.worker();
    {
        let folder = Folder::new("blob");
        write_blob(&folder.join("blob"));
        storage.put_file(&stage.input, "blob", &folder.join("blob"));
    }
    let input = format!("{}/blob", stage.input);
    let resting = peak_kib(&worker);
    let end = stage.run(0, &input, &stage.target("blob"), &["--preset", "copy"]);
    let grown = peak_kib(&worker) - resting;

    println!("resting {resting} KiB, grown by {grown} KiB; timings in the report: {end:#}");
    assert_eq!(end["output"]["bytes"], BLOB_BYTES, "{end:#}");
    assert!(grown < GROWTH_KIB_MAX, "the worker grew by {grown} KiB over {resting} KiB");
    // Storage hashes what it takes in: the same bytes came out.
    let md5 = |container: &str| storage.head(container, "blob").expect("a blob").content_md5.expect("an MD5");
    assert_eq!(md5(&stage.input), md5(&stage.output));
}

/// Bytes of which no 64 KiB piece is like another, so that a misplaced range shows in the hash.
fn write_blob(path: &Path) {
    let mut piece = vec![0x5a_u8; 1 << 16];
    let mut file = BufWriter::new(File::create(path).expect("a private folder is writable"));
    for number in 0..BLOB_BYTES >> 16 {
        piece[..8].copy_from_slice(&number.to_be_bytes());
        file.write_all(&piece).expect("there are 2 GiB of space");
    }
    file.flush().expect("there are 2 GiB of space");
}

/// The most memory that the process has ever had in use.
fn peak_kib(process: &Process) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", process.id())).expect("it runs");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("Linux tells the peak");
    line.trim().trim_end_matches("kB").trim().parse().expect("a number")
}
