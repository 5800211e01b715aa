//! Settings in, a configuration or every mistake out.

use std::path::Path;

use super::program::find_program;
use super::*;

fn layers(pairs: &[(&str, &str)]) -> Layers {
    let environment = pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let mut layers = Layers::default();
    layers.environment = environment;
    layers
}

const URL: (&str, &str) = ("VALET_BROKER_URL", "amqp://broker/valet");

#[test]
fn a_broker_url_is_enough() {
    let config = Config::read(layers(&[URL])).unwrap();
    assert_eq!(config.slots, 1);
    assert_eq!(config.limits.output_bytes_max, valet_blob::PUT_BYTES_MAX);
    assert!(!config.grants.hosts.loopback, "loopback is never the default");
    assert!(config.name.ends_with(&format!("-{}", std::process::id())));
}

#[test]
fn all_mistakes_are_told_at_once_by_key() {
    let pairs = [
        ("VALET_BROKER_URL", "http://u:hunter2@broker"),
        ("VALET_WORKER_SLOTS", "0"),
        ("VALET_WORKER_FFMPEG", "/no/such/ffmpeg"),
        ("VALET_LOG_LEVEL", "loud"),
        ("VALET_BROKER_CERT_FILE", "/no/such/cert.pem"),
        ("VALET_WORKER_NAME", "a b"),
        ("VALET_WORKER_SLOT", "1"),
        ("VALET_WORKER_LISTEN", "9464"),
        ("VALET_WORKER_SCHEDULED_EVENTS_URL", "https://169.254.169.254"),
        ("VALET_TELEMETRY_OTLP_ENDPOINT", "http://me:hunter2@collector"),
    ];
    let mistakes = Config::read(layers(&pairs)).unwrap_err();
    let text = mistakes.to_string();
    let subjects =
        ["broker.url", "worker.slots", "worker.ffmpeg", "log.level", "broker.cert_file", "worker.name"];
    let around = ["worker.listen", "worker.scheduled_events_url", "telemetry.otlp_endpoint"];
    for subject in subjects.into_iter().chain(around).chain(["VALET_WORKER_SLOT"]) {
        assert!(mistakes.iter().any(|mistake| mistake.subject == subject), "{subject} is not in {text}");
    }
    assert!(!text.contains("hunter2"), "{text}");
}

#[test]
fn a_password_without_a_user_is_refused() {
    let mistakes = Config::read(layers(&[URL, ("VALET_BROKER_PASSWORD", "hunter2")])).unwrap_err();
    assert!(mistakes.iter().any(|mistake| mistake.subject == "broker.password"));
    assert!(!mistakes.to_string().contains("hunter2"));
}

#[test]
fn a_login_is_by_name_or_by_a_token_that_holds_and_its_folder_stays_readable() {
    let issuer = valet_testkit::TokenIssuer::new();
    let folder = valet_testkit::Folder::new("worker-token");
    let token = |name: &str, text: String| folder.write(name, text).display().to_string();
    let hour = Duration::from_secs(3600);
    let good = token("good", issuer.token("valet-worker", &[], hour));
    let read = |file: &str, more: &[(&str, &str)]| {
        Config::read(layers(&[&[URL, ("VALET_BROKER_TOKEN_FILE", file)], more].concat()))
    };
    let config = read(&good, &[]).unwrap();
    assert_eq!(config.broker.username(), Some("valet-worker"));
    assert_eq!(config.broker.token_folder().as_deref(), Some(folder.path()));
    let expired = token("expired", issuer.expired("valet-worker", &[]));
    let endless = token("endless", issuer.endless("valet-worker", &[]));
    let named = [("VALET_BROKER_USERNAME", "w")];
    let in_url = [("VALET_BROKER_URL", "amqp://w:hunter2@broker/valet")];
    let cases: [(&str, &[_], &str); 5] = [
        (&expired, &[], "expired at"),
        (&endless, &[], "never ends"),
        ("/no/such/token", &[], "cannot read"),
        (&good, &named, "give one of the two"),
        (&good, &in_url, "give one of the two"),
    ];
    for (file, more, wanted) in cases {
        let text = read(file, more).unwrap_err().to_string();
        assert!(text.contains("broker.token_file") && text.contains(wanted), "{wanted} is not in {text}");
    }
}

#[test]
fn an_output_above_one_put_is_refused() {
    let mistakes = Config::read(layers(&[URL, ("VALET_WORKER_OUTPUT_BYTES_MAX", "6GiB")])).unwrap_err();
    assert!(mistakes.iter().any(|mistake| mistake.subject == "worker.output_bytes_max"));
}

#[test]
fn loopback_and_hosts_shape_the_grant_policy() {
    let pairs = [URL, ("VALET_STORAGE_LOOPBACK", "true"), ("VALET_STORAGE_HOSTS", "a.example, *.b.example")];
    let config = Config::read(layers(&pairs)).unwrap();
    assert!(config.grants.hosts.allows_http("127.0.0.1"));
    assert!(
        config.grants.hosts.allows("x.b.example") && !config.grants.hosts.allows("a.blob.core.windows.net")
    );
}

#[test]
fn emulators_are_exact_names() {
    let of = |hosts| Config::read(layers(&[URL, ("VALET_STORAGE_DEVELOPMENT_HOSTS", hosts)]));
    let config = of("azurite, emulator.example").unwrap();
    assert!(config.grants.hosts.allows_http("azurite"));
    assert!(!config.grants.hosts.allows_http("127.0.0.1") && !config.grants.hosts.allows("other"));
    for wrong in ["*", "10.0.0.1", "http://azurite", "acct.blob.core.windows.net", "azurite, *.example"] {
        let mistakes = of(wrong).unwrap_err();
        assert!(mistakes.iter().any(|mistake| mistake.subject == "storage.development_hosts"), "{wrong}");
    }
}

#[test]
fn nameservers_are_addresses() {
    let of = |servers| Config::read(layers(&[URL, ("VALET_STORAGE_NAMESERVERS", servers)]));
    let servers = of("10.0.0.53, 127.0.0.1:5353, fd00::53, [fd00::53]:5353").unwrap().nameservers;
    let expected = ["10.0.0.53:53", "127.0.0.1:5353", "[fd00::53]:53", "[fd00::53]:5353"];
    assert_eq!(servers, expected.map(|text| text.parse().unwrap()));
    for wrong in ["dns.example", "10.0.0.53, x", "10.0.0.53:0", "10.0.0.256", "udp://10.0.0.53"] {
        let mistakes = of(wrong).unwrap_err();
        assert!(mistakes.iter().any(|mistake| mistake.subject == "storage.nameservers"), "{wrong}");
    }
}

#[test]
fn programs_are_found_on_the_path_and_by_path_only_when_they_can_run() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("codec");
    std::fs::write(&path, "").unwrap();
    let search = Some(directory.path().as_os_str());
    assert_eq!(find_program(Path::new("codec"), search), None, "not executable");
    std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    assert_eq!(find_program(Path::new("codec"), search), Some(path.clone()));
    assert_eq!(find_program(&path, None), Some(path));
}

#[test]
fn levels_that_leave_none_to_choose_from_are_refused() {
    let both =
        |min, max| Config::read(layers(&[URL, ("VALET_JAIL_LEVEL_MIN", min), ("VALET_JAIL_LEVEL_MAX", max)]));
    let mistakes = both("L1", "L2").unwrap_err();
    assert!(mistakes.iter().any(|mistake| mistake.subject == "jail.level_min"), "{mistakes}");
    let jail = both("L2", "L2").unwrap().jail;
    assert_eq!((jail.level_min, jail.level_max), (valet_jail::Level::L2, valet_jail::Level::L2));
    let jail = Config::read(layers(&[URL, ("VALET_WORKER_SCRATCH", "/somewhere")])).unwrap().jail;
    assert_eq!(jail.level_min, valet_jail::Level::L2, "containers are served unless told otherwise");
    assert_eq!(jail.roots, Path::new("/somewhere/roots"));
}

#[test]
fn the_fleets_keys_come_from_private_files_in_a_folder_of_their_own() {
    use std::os::unix::fs::PermissionsExt as _;

    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("fleet.json");
    let key = valet_seal::FleetPrivateKey::generate(Some("k")).unwrap();
    let mut keys = valet_seal::FleetPrivateKeys::default();
    keys.add(key).unwrap();
    std::fs::write(&file, keys.to_json().as_bytes()).unwrap();
    let read = |value: &str, mode| {
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(mode)).unwrap();
        let scratch = folder.path().join("scratch").display().to_string();
        let settings = [("VALET_WORKER_FLEET_KEY_FILES", value), ("VALET_WORKER_SCRATCH", &scratch)];
        Config::read(layers(&[URL, settings[0], settings[1]]))
    };
    let path = file.display().to_string();
    assert_eq!(read(&path, 0o600).unwrap().fleet.files(), std::slice::from_ref(&file));
    let inside = folder.path().join("scratch/fleet.json").display().to_string();
    let secret: &str = &keys.to_json().replace('\n', "");
    for (value, mode, told) in [
        (path.as_str(), 0o644, "0600"),
        ("/no/such/fleet.json", 0o600, "cannot read the key file"),
        ("fleet.json", 0o600, "absolute paths"),
        ("/etc/fleet.json", 0o600, "a folder that others share"),
        (inside.as_str(), 0o600, "where codecs are"),
        (secret, 0o600, "never a key itself"),
    ] {
        let mistakes = read(value, mode).unwrap_err().to_string();
        assert!(mistakes.contains("worker.fleet_key_files") && mistakes.contains(told), "{mistakes}");
        assert!(!mistakes.contains("\"d\""), "{mistakes}");
    }
}
