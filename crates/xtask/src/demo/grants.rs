//! What the grants that a worker had cannot do, tried against the live storage with the very grants that went
//! through the broker. Must never print a signature.

use valet_protocol::JobMessage;
use valet_testkit::http;

use super::clips::{JOBS, Job};
use super::say::{self, Promises};
use super::scene::{ORIGINALS, RENDITIONS, Scene};

/// Version of the storage's protocol, as the worker sends it.
const VERSION: &str = "2022-11-02";

/// One thing to try with a grant.
struct Attempt {
    about: String,
    method: &'static str,
    /// Blob container and blob; an empty blob means the container itself.
    target: (&'static str, &'static str),
    query: &'static str,
}

/// Shows both grants of the first job, and tries everything that they do not allow.
pub(super) fn attack(scene: &Scene, messages: &[JobMessage], promises: &mut Promises) -> Result<(), String> {
    let message = messages.first().ok_or("no job message was seen on the broker")?;
    let (read, create) = message.grants.urls().ok_or("the grants are sealed")?;
    say::remark("The two grants of the first job, as its worker got them (signatures left out here):");
    say::rows(
        &[["read", &read.redacted()], ["create", &create.redacted()]].map(|row| row.map(str::to_owned)),
    );
    let before = inventory(scene);
    let [first, second, ..] = &JOBS;

    say::remark("\nWith the read grant:");
    let (status, _) = send(scene, read.expose_url(), &read_own(first))?;
    promises.hold(status == 206, format!("{:44} {status}: the grant lives", "read its own input"));
    for attempt in with_read(first, second) {
        refused(scene, read.expose_url(), &attempt, promises)?;
    }
    say::remark("With the create grant:");
    for attempt in with_create(first, second) {
        refused(scene, create.expose_url(), &attempt, promises)?;
    }
    let unchanged = inventory(scene) == before;
    promises.hold(unchanged, format!("both blob containers are as before ({} blobs)", before.len()));
    Ok(())
}

fn read_own(job: &'static Job) -> Attempt {
    attempt("read its own input", "GET", (ORIGINALS, job.input), "")
}

fn with_read(own: &'static Job, other: &'static Job) -> [Attempt; 5] {
    [
        attempt("list the blob container", "GET", (ORIGINALS, ""), "restype=container&comp=list"),
        attempt(format!("read a sibling, {}", other.input), "GET", (ORIGINALS, other.input), ""),
        attempt(format!("read another's output, {}", other.output), "GET", (RENDITIONS, other.output), ""),
        attempt("overwrite its own input", "PUT", (ORIGINALS, own.input), ""),
        attempt("delete its own input", "DELETE", (ORIGINALS, own.input), ""),
    ]
}

fn with_create(own: &'static Job, other: &'static Job) -> [Attempt; 7] {
    [
        attempt("overwrite the output that is there", "PUT", (RENDITIONS, own.output), ""),
        attempt("read the output back", "GET", (RENDITIONS, own.output), ""),
        attempt("delete the output", "DELETE", (RENDITIONS, own.output), ""),
        attempt("write under another name", "PUT", (RENDITIONS, "elsewhere.mp4"), ""),
        attempt("write into another blob container", "PUT", (ORIGINALS, own.output), ""),
        attempt(
            format!("overwrite another's output, {}", other.output),
            "PUT",
            (RENDITIONS, other.output),
            "",
        ),
        attempt("list the blob container", "GET", (RENDITIONS, ""), "restype=container&comp=list"),
    ]
}

fn attempt(
    about: impl Into<String>,
    method: &'static str,
    target: (&'static str, &'static str),
    query: &'static str,
) -> Attempt {
    Attempt { about: about.into(), method, target, query }
}

fn refused(scene: &Scene, grant: &str, attempt: &Attempt, promises: &mut Promises) -> Result<(), String> {
    let (status, code) = send(scene, grant, attempt)?;
    let is_refused = matches!(status, 401 | 403 | 404 | 409);
    promises.hold(is_refused, format!("{:44} {status} {code}", attempt.about));
    Ok(())
}

/// Sends the attempt with the grant's query; returns status and storage's own code.
fn send(scene: &Scene, grant: &str, attempt: &Attempt) -> Result<(u16, String), String> {
    let signed = grant.split_once('?').map(|(_, query)| query).ok_or("the grant has no query")?;
    let (container, blob) = attempt.target;
    let url = scene.storage.blob_url(container, blob);
    let query =
        if attempt.query.is_empty() { signed.to_owned() } else { format!("{}&{signed}", attempt.query) };
    let url = format!("{}?{query}", url.trim_end_matches('/'));
    let headers = [("x-ms-version", VERSION), ("x-ms-blob-type", "BlockBlob"), ("range", "bytes=0-9")];
    let headers = if attempt.method == "PUT" { &headers[..2] } else { &headers[..] };
    // The error is not printed: it may tell the URL, and with it the signature.
    let answer = http::send(attempt.method, &url, headers, "forged")
        .map_err(|_| format!("storage did not answer: {}", attempt.about))?;
    Ok((answer.status, answer.error_code().to_owned()))
}

/// Every blob with its ETag.
fn inventory(scene: &Scene) -> Vec<(String, Option<String>)> {
    let blobs = [ORIGINALS, RENDITIONS].into_iter().flat_map(|container| {
        let names = scene.storage.list(container).into_iter();
        names.map(move |blob| {
            let etag = scene.storage.head(container, &blob).map(|head| head.etag);
            (format!("{container}/{blob}"), etag)
        })
    });
    blobs.collect()
}
