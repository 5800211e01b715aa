//! The canary: no signature, no account key and no password of the broker stands in anything that a full run
//! writes or shows: logs, errors, reports, dead letters, arguments, environments, scratch.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use percent_encoding::{NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use serde_json::{Value, json};
use valet_testkit::{Broker, Fault, FaultProxy, Folder, Program, Sas, Storage, media, wait_for};

use crate::backstage::{login, look, look_for, tap_reports, urls};
use crate::lookout::{Lookout, Sightings, look_at_files, look_at_processes};
use crate::message::Message;
use crate::stage::{COMMAND_TIMEOUT, Stage};

/// Everything that must not be found, in every form that it could take.
#[derive(Clone, Default)]
pub(crate) struct Secrets(Vec<(String, Vec<u8>)>);

impl Secrets {
    /// Adds a secret text, as it is and escaped.
    fn add(&mut self, name: &str, text: &str) {
        let escaped = utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
        let forms = [
            text.to_owned(),
            lower_escapes(&escaped),
            escaped,
            text.replace('/', "\\/"),
            STANDARD.encode(text),
        ];
        self.0.extend(forms.map(|form| (name.to_owned(), form.into_bytes())));
    }

    /// Adds a secret that is written in base64: also the bytes that it stands for.
    fn add_base64(&mut self, name: &str, text: &str) {
        self.add(name, text);
        let bytes = STANDARD.decode(text).expect("keys and signatures are base64");
        let url_safe = URL_SAFE_NO_PAD.encode(&bytes).into_bytes();
        self.0.extend([(name.to_owned(), url_safe), (name.to_owned(), bytes)]);
    }

    /// Adds the signature of a grant: as on the URL, and decoded.
    pub(crate) fn add_grant(&mut self, url: &str) {
        let raw = url.split("sig=").nth(1).and_then(|rest| rest.split('&').next()).expect("a signature");
        let forms =
            [raw.to_owned(), lower_escapes(raw)].map(|form| (format!("signature {raw}"), form.into_bytes()));
        self.0.extend(forms);
        let decoded = percent_decode_str(raw).decode_utf8().expect("ASCII").into_owned();
        self.add_base64(&format!("signature {raw}"), &decoded);
    }

    /// The first secret that these bytes hold.
    pub(crate) fn find(&self, bytes: &[u8]) -> Option<&str> {
        let holds = |form: &[u8]| memchr::memmem::find(bytes, form).is_some();
        self.0.iter().find(|(_, form)| holds(form)).map(|(name, _)| name.as_str())
    }

    #[track_caller]
    fn expect_none(&self, place: &str, bytes: impl AsRef<[u8]>) {
        let found = self.find(bytes.as_ref());
        assert!(
            found.is_none(),
            "{} in {place}:\n{}",
            found.unwrap_or_default(),
            String::from_utf8_lossy(bytes.as_ref())
        );
    }
}

/// `%2B` as `%2b`: the same to every reader.
fn lower_escapes(text: &str) -> String {
    ["%2B", "%2F", "%3D"]
        .iter()
        .fold(text.to_owned(), |text, escape| text.replace(escape, &escape.to_ascii_lowercase()))
}

/// Everything secret on this stage but the grants.
fn secrets_of(stage: &Stage<'_>) -> Secrets {
    let mut secrets = Secrets::default();
    secrets.add_base64("account key", stage.storage.key());
    for role in ["worker", "producer", "provisioner"] {
        if stage.login(role).exists() {
            secrets.add(&format!("password of {role}"), &login(stage, role).1);
        }
    }
    secrets.add("password of the administrator", stage.broker.password());
    secrets
}

/// Enqueues one job of every kind of end, and returns their ids.
fn submit_all_kinds(stage: &Stage<'_>) -> Vec<String> {
    let film = {
        stage.storage.put_file(&stage.input, "film.mp4", &media::long_clip(20));
        format!("{}/film.mp4", stage.input)
    };
    let text = stage.put("text", "no film at all");
    let small = stage.put("small", vec![7_u8; 60_000]);
    let mut ids = vec![
        // First, so that the faults of the run are its: refused uploads must fit into socket buffers.
        stage.submit(&small, &stage.target("small"), &["--preset", "copy"]),
        stage.submit(&film, &stage.target("film.mp4"), &["--preset", "h264-720p", "--tag", "title=canary"]),
        stage.submit(&film, &stage.target("film.m4a"), &["--preset", "loudnorm-aac"]),
        stage.submit(&text, &stage.target("text.mp4"), &["--preset", "h264-720p"]),
        stage.submit(&format!("{}/absent", stage.input), &stage.target("absent"), &["--preset", "copy"]),
    ];
    let wrong_right =
        Message::new(stage, &Sas::create(&stage.input, "text"), &Sas::create(&stage.output, "x"));
    let refused =
        Message::new(stage, &Sas::blob(&stage.input, "text", "rw"), &Sas::create(&stage.output, "y"));
    let unknown = Message::copy(stage, "text", "z").with("/colour", json!("red"));
    for message in [wrong_right, refused, unknown] {
        message.publish(stage);
        ids.push(message.id);
    }
    ids
}

/// One full run with logs in `format`; whatever it showed is searched.
fn expect_clean(format: &str) {
    let (broker, storage) = (Broker::shared(), Storage::shared());
    let proxy = FaultProxy::start(storage.address());
    let stage = Stage::on(broker, storage).through(&proxy.url(&storage.endpoint()));
    let scratch = stage.mode.folder("scratch");
    let lookout = Lookout::start(scratch.path());
    tap_reports(&stage, "tap");
    let ids = submit_all_kinds(&stage);
    let mut secrets = secrets_of(&stage);
    let jobs = look_for(&stage, "jobs.r0", ids.len() as u64);
    jobs.iter().flat_map(urls).for_each(|url| secrets.add_grant(&url));

    // Storage that is cut and busy, so that the byte path has something to complain about.
    proxy.next(Fault::CutAfter(20_000));
    proxy.times(2, Fault::busy());
    proxy.next_method("PUT", Fault::DropResponse);
    let program = stage.worker_program().env("VALET_LOG_LEVEL", "trace").env("VALET_LOG_FORMAT", format);
    let worker = stage.start(program.env("VALET_WORKER_SCRATCH", scratch.path()));
    let said = producer_says(&stage, &ids);
    assert!(worker.terminate(COMMAND_TIMEOUT).success(), "{}", worker.stderr());
    let seen = lookout.end();

    secrets.expect_none("the worker's output", format!("{}{}", worker.stdout(), worker.stderr()));
    said.iter().for_each(|(place, bytes)| secrets.expect_none(place, bytes));
    seen.iter().for_each(|(place, bytes)| secrets.expect_none(place, bytes));
    let reports = look(&stage, "tap");
    assert!(reports.len() > ids.len(), "the tap has all reports: {}", reports.len());
    secrets.expect_none("reports", json!(reports).to_string());
    expect_clean_letters(&stage, &secrets);
    expect_all_seen(&seen);
}

/// Waits for all jobs as people do, and keeps every word of the producer.
fn producer_says(stage: &Stage<'_>, ids: &[String]) -> Vec<(String, String)> {
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    let wait = [&["wait", "--timeout", "110s"], ids.as_slice()].concat();
    let (input, output) = (format!("{}/text", stage.input), stage.target("dry"));
    let dry = ["submit", &input, &output, "--preset", "copy", "--dry-run"];
    let mut said = Vec::new();
    for words in [
        &wait[..],
        &[&["status"], ids.as_slice()].concat(),
        &["events", "--since", "first", "--no-follow"],
        &["list"],
        &["dead", "ls"],
        &["dead", "show", ids[3]],
        &["dead", "replay", "--all", "--dry-run"],
        &dry,
        &["doctor"],
    ] {
        for json in [&["--json"][..], &[]] {
            let finished = stage.valet().args(json).arg("-vv").args(words).run(COMMAND_TIMEOUT);
            let text = format!("{}{}", finished.stdout, finished.stderr);
            assert!(!text.is_empty() && finished.code != Some(75), "valet {words:?} says: {text}");
            said.push((format!("valet {}", words[0]), text));
        }
    }
    said
}

/// Properties of dead letters are as clean as reports; their bodies are the messages, grants included.
#[track_caller]
fn expect_clean_letters(stage: &Stage<'_>, secrets: &Secrets) {
    let letters = look(stage, "dead");
    assert_eq!(letters.len(), 5, "{}", stage.vhost.queue_depths());
    for letter in letters {
        assert!(letter["properties"]["headers"]["valet-reason"].is_string(), "{}", letter["properties"]);
        secrets.expect_none("a dead letter's properties", letter["properties"].to_string());
        assert!(
            secrets.find(letter["body"].to_string().as_bytes()).is_some(),
            "the searcher finds what is there"
        );
    }
}

/// The lookout has seen what it was there for.
#[track_caller]
fn expect_all_seen(seen: &Sightings) {
    for wanted in [
        "cmdline of ffmpeg",
        "environ of ffmpeg",
        "cmdline of valet-worker",
        "cmdline of valet ",
        "name of file",
    ] {
        let found = seen.iter().any(|(place, bytes)| {
            place.starts_with(wanted) && (!bytes.is_empty() || wanted.starts_with("environ"))
        });
        assert!(found, "no {wanted} in {:?}", seen.keys().collect::<Vec<_>>());
    }
}

#[test]
fn a_full_run_with_text_logs_shows_no_secret() {
    expect_clean("text");
}

#[test]
fn a_full_run_with_json_logs_shows_no_secret() {
    expect_clean("json");
}

#[test]
fn the_searcher_finds_every_form_of_what_is_planted() {
    let storage = Storage::shared();
    let url = storage.sas_url(&Sas::read("in", "blob"));
    let mut secrets = Secrets::default();
    secrets.add_grant(&url);
    secrets.add_base64("account key", storage.key());
    let raw = url.split("sig=").nth(1).expect("a signature");
    let decoded = percent_decode_str(raw).decode_utf8().expect("ASCII").into_owned();
    let bytes = STANDARD.decode(&decoded).expect("base64");
    let plants: [(&str, Vec<u8>); 8] = [
        ("a URL", url.clone().into_bytes()),
        ("a log line", format!("GET {url} failed").into_bytes()),
        ("the signature decoded", decoded.clone().into_bytes()),
        ("the signature in JSON", Value::from(decoded.clone()).to_string().into_bytes()),
        ("the signature in lower-case escapes", lower_escapes(raw).into_bytes()),
        ("its bytes", [b"x".as_slice(), &bytes, b"y"].concat()),
        ("an environment", format!("A=1\0SAS={url}\0").into_bytes()),
        ("a key", format!("AccountKey={}", storage.key()).into_bytes()),
    ];
    for (what, plant) in &plants {
        assert!(secrets.find(plant).is_some(), "{what} was not found");
    }
    let redacted = valet_grant::GrantUrl::new(url).redacted();
    assert_eq!(secrets.find(redacted.as_bytes()), None, "{redacted}");
    assert_eq!(secrets.find(&media::bytes("clip.mp4")), None);
}

#[test]
fn the_lookout_sees_arguments_environments_and_files_of_children() {
    let scratch = Folder::new("scratch");
    scratch.write("canary-name", "canary-content");
    let child = Program::new("sh")
        .args(["-c", "sleep 60; :", "canary-argument"])
        .env("CANARY", "canary-value")
        .start();
    let mut secrets = Secrets::default();
    let planted = ["canary-name", "canary-content", "canary-argument", "canary-value"];
    planted.iter().for_each(|text| secrets.add(text, text));
    let mut seen = Sightings::new();
    wait_for("all plants to be seen", COMMAND_TIMEOUT, || {
        look_at_processes(&mut seen);
        look_at_files(scratch.path(), &mut seen);
        let missing =
            |text: &&&str| !seen.values().any(|bytes| memchr::memmem::find(bytes, text.as_bytes()).is_some());
        planted.iter().find(missing).map_or(Ok(()), |text| Err(format!("{text} in {:?}", seen.keys())))
    });
    child.kill();
    assert!(seen.values().any(|bytes| secrets.find(bytes).is_some()), "{:?}", seen.keys());
}
