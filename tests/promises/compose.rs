//! docker-compose.yml and its images say what they must about trust, and say it in words that Compose and Valet
//! know. Never starts a container: no engine is needed.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

use serde_json::Value;
use valet_testkit::Program;

use crate::stage::{START_TIMEOUT, Stage};

const LINTER: &str = "tools/azurite/node_modules/dclint/bin/dclint.cjs";
/// Longest that a tool may take here.
const TIMEOUT: Duration = Duration::from_secs(60);

fn path(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..").join(name)
}

fn read(name: &str) -> String {
    std::fs::read_to_string(path(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// The file as Compose sees it, its anchors and merges resolved.
fn compose() -> Value {
    serde_saphyr::from_str(&read("docker-compose.yml")).expect("docker-compose.yml is YAML")
}

fn services(compose: &Value) -> impl Iterator<Item = (&String, &Value)> {
    compose["services"].as_object().expect("services").iter()
}

fn texts(list: &Value) -> BTreeSet<&str> {
    list.as_array().into_iter().flatten().filter_map(Value::as_str).collect()
}

/// The `VALET_*` variables of a service, in the order of their names.
fn variables<'a>(compose: &'a Value, service: &str) -> Vec<(&'a str, &'a str)> {
    let environment = compose["services"][service]["environment"].as_object().expect("environment");
    environment.iter().map(|(name, value)| (name.as_str(), value.as_str().expect("a text"))).collect()
}

#[test]
fn compose_file_keeps_to_the_schema_and_the_linter() {
    let linter = Program::new("node").arg(path(LINTER)).args(["--max-warnings", "0", "--config"]);
    linter.arg(path(".dclintrc")).arg(path("docker-compose.yml")).run(TIMEOUT).expect_code(0);
}

/// The test above would see nothing if the linter took everything.
#[test]
fn linter_refuses_what_the_schema_does_not_know() {
    let folder = tempfile::tempdir().expect("a folder");
    let wrong = folder.path().join("docker-compose.yml");
    let text = read("docker-compose.yml").replacen("read_only: true", "readonly: true", 1);
    std::fs::write(&wrong, text).expect("written");
    let linter = Program::new("node").arg(path(LINTER)).arg("--config").arg(path(".dclintrc")).arg(&wrong);
    linter.run(TIMEOUT).expect_code(1);
}

#[test]
fn storage_key_is_mounted_in_the_producer_alone() {
    let compose = compose();
    for (name, service) in services(&compose) {
        let secrets = texts(&service["secrets"]);
        assert_eq!(secrets.contains("storage-account-key"), name == "producer", "{name}");
        let names_a_key = service.to_string().to_uppercase().contains("ACCOUNT_KEY");
        assert_eq!(names_a_key, name == "producer", "{name}");
    }
    assert_eq!(texts(&compose["services"]["worker"]["secrets"]).len(), 0);
    let file = compose["secrets"]["storage-account-key"]["file"].as_str().expect("a file");
    let key = read(file);
    for text in [read("docker-compose.yml"), read("deploy/Dockerfile")] {
        assert!(!text.contains(key.trim()), "the key itself is written down");
    }
}

#[test]
fn each_trust_zone_has_a_network_of_its_own() {
    let compose = compose();
    for (name, networks) in [
        ("topology", ["provisioning"].as_slice()),
        ("producer", &["producers"]),
        ("worker", &["workers"]),
        ("azurite", &["producers", "workers", "doors-azurite"]),
        ("rabbitmq", &["provisioning", "producers", "workers", "doors-rabbitmq"]),
    ] {
        let found = texts(&compose["services"][name]["networks"]);
        assert_eq!(found, networks.iter().copied().collect(), "{name}");
    }
    assert_eq!(services(&compose).count(), 5, "a service that no zone was chosen for");
    for zone in ["provisioning", "producers", "workers"] {
        assert_eq!(compose["networks"][zone]["internal"], true, "{zone} leads outside");
    }
    for (name, service) in services(&compose) {
        for port in texts(&service["ports"]) {
            assert!(port.starts_with("127.0.0.1:"), "{name} opens {port} to the network");
        }
    }
}

#[test]
fn each_program_sees_its_own_login_alone() {
    let compose = compose();
    let mounts = |name: &str| texts(&compose["services"][name]["volumes"]);
    assert_eq!(mounts("worker"), ["login-worker:/logins/worker:ro", "/scratch"].into());
    assert_eq!(mounts("producer"), ["login-producer:/logins/producer:ro"].into());
    assert!(mounts("topology").iter().all(|mount| mount.starts_with("login-")));
    for name in ["rabbitmq", "azurite"] {
        assert!(mounts(name).iter().all(|mount| !mount.contains("login")), "{name}");
    }
}

#[test]
fn every_service_is_confined_and_every_image_pinned() {
    let compose = compose();
    for (name, service) in services(&compose) {
        assert_eq!(service["read_only"], true, "{name}");
        assert_eq!(texts(&service["cap_drop"]), ["ALL"].into(), "{name}");
        assert_eq!(texts(&service["security_opt"]), ["no-new-privileges:true"].into(), "{name}");
        assert!(service.get("privileged").is_none() && service.get("cap_add").is_none(), "{name}");
        let user = service["user"].as_str().unwrap_or_default();
        let ids: Vec<u32> = user.split(':').filter_map(|id| id.parse().ok()).collect();
        assert!(ids.len() == 2 && !ids.contains(&0), "{name} runs as {user:?}");
        let (_, tag) = service["image"].as_str().and_then(|image| image.rsplit_once(':')).expect("a tag");
        assert!(!tag.starts_with("latest"), "{name}: {tag}");
    }
    assert_eq!(compose["services"]["worker"]["deploy"]["replicas"], 2);
    assert_eq!(texts(&compose["services"]["producer"]["profiles"]), ["tools"].into());
    let azurite: Value = serde_json::from_str(&read("tools/azurite/package.json")).expect("JSON");
    let version = azurite["dependencies"]["azurite"].as_str().expect("a version");
    let image = compose["services"]["azurite"]["image"].as_str().expect("an image");
    assert!(image.ends_with(&format!(":{version}")), "the tests' Azurite is {version}, not {image}");
}

/// The programs themselves say which variables they know: all settings are read before anything is reached.
#[test]
fn programs_know_every_setting_that_they_are_given() {
    let compose = compose();
    let folder = tempfile::tempdir().expect("a folder");
    let login = folder.path().join("login.toml");
    std::fs::write(
        &login,
        "[broker]\nurl = \"amqp://127.0.0.1:1/valet\"\nusername = \"u\"\npassword = \"p\"\n",
    )
    .expect("written");
    let scratch = folder.path().join("scratch");
    let here = |program: Program, service: &str| {
        variables(&compose, service).into_iter().fold(program, |program, (name, value)| match name {
            "VALET_CONFIG" => program.env(name, &login),
            "VALET_WORKER_SCRATCH" => program.env(name, &scratch),
            "VALET_STORAGE_ACCOUNT_KEY_FILE" => {
                program.env(name, path("deploy/development/azurite-account-key"))
            }
            // Nobody answers there.
            "VALET_BROKER_MANAGEMENT_URL" => program.env(name, "http://127.0.0.1:1"),
            "VALET_BROKER_URL" => program.env(name, "amqp://127.0.0.1:1/valet"),
            _ => program.env(name, value),
        })
    };
    let doctor = here(Program::bin("valet").arg("doctor"), "producer").run(TIMEOUT);
    let said = format!("{}{}", doctor.stdout, doctor.stderr);
    assert!(said.contains("127.0.0.1:1") && !said.contains("not a known setting"), "{said}");
    let declare = here(Program::bin("valet").args(["topology", "declare", "--logins"]), "topology");
    declare.arg(folder.path().join("{role}")).run(TIMEOUT).expect_code(69);
    assert!(folder.path().join("worker").is_dir() && folder.path().join("producer").is_dir());

    let worker = here(Program::bin("valet-worker").arg("run"), "worker").start();
    valet_testkit::wait_for("the worker to try its broker", TIMEOUT, || {
        let said = worker.stderr();
        if said.contains("trying again") { Ok(()) } else { Err(said) }
    });
    assert!(worker.is_running(), "{}", worker.stderr());
    worker.kill();
    let wrong =
        here(Program::bin("valet-worker").arg("run"), "worker").env("VALET_STORAGE_DEVELOPMENT_HOST", "x");
    wrong.run(TIMEOUT).expect_code(64);
}

/// What the file relies on: an emulator by its name, over plain http, and only where the setting lists it.
#[test]
fn emulator_is_reached_by_its_listed_name_alone() {
    let stage = Stage::new();
    let endpoint = stage.storage.endpoint().replace("127.0.0.1", "localhost");
    let stage = stage.through(&endpoint).by_name("localhost");
    let input = stage.put("in.bin", b"sixteen bytes ok");
    let worker = stage.worker();
    let ended = stage.run(0, &input, &stage.target("out.bin"), &["--preset", "copy"]);
    assert_eq!(ended["state"], "succeeded", "{ended}");
    assert!(worker.stderr().contains("for emulators only"), "{}", worker.stderr());
    worker.terminate(START_TIMEOUT);

    let _worker = stage.start(stage.worker_program().env("VALET_STORAGE_DEVELOPMENT_HOSTS", "azurite"));
    let ended = stage.run(1, &input, &stage.target("never.bin"), &["--preset", "copy"]);
    assert_eq!(ended["reason"], "grant-refused", "{ended}");
    assert!(!stage.storage.exists(&stage.output, "never.bin"));
}

#[test]
fn dockerfile_has_the_targets_and_paths_that_compose_names() {
    let dockerfile = read("deploy/Dockerfile");
    let lines: Vec<&str> = dockerfile.lines().map(str::trim).collect();
    let stages: Vec<(&str, &str)> =
        lines.iter().filter_map(|line| line.strip_prefix("FROM ")?.split_once(" AS ")).collect();
    let known: BTreeSet<&str> = stages.iter().map(|(_, name)| *name).collect();
    for (base, name) in &stages {
        let tag = base.rsplit_once(':').map(|(_, tag)| tag);
        assert!(known.contains(base) || tag.is_some_and(|tag| tag != "latest"), "{name} is from {base}");
    }
    for line in lines.iter().filter_map(|line| line.strip_prefix("COPY ")) {
        let mut words = line.split_whitespace().peekable();
        match words.next_if(|word| word.starts_with("--from=")) {
            Some(from) => assert!(known.contains(&from[7..]), "{line}"),
            None => words
                .filter(|word| !word.starts_with("./"))
                .for_each(|word| assert!(path(word).exists(), "{line}")),
        }
    }
    let compose = compose();
    for service in ["topology", "producer", "worker"] {
        let build = &compose["services"][service]["build"];
        assert!(path(build["dockerfile"].as_str().expect("a file")).exists());
        let target = build["target"].as_str().expect("a target");
        let (_, body) = dockerfile.split_once(&format!(" AS {target}\n")).expect(target);
        let body = body.split("\nFROM ").next().unwrap_or_default();
        let user = compose["services"][service]["user"].as_str().expect("a user");
        assert!(body.contains(&format!("USER {user}\n")), "{target}");
        assert!(body.contains("ENTRYPOINT [\"/usr/local/bin/valet"), "{target}");
    }
    for mount in ["/logins/provisioner", "/logins/producer", "/logins/worker", "/scratch"] {
        assert!(dockerfile.contains(mount), "{mount} would belong to root");
    }
}
