//! `topology declare`, `topology check`, `doctor`.

use std::os::unix::fs::PermissionsExt;

use crate::site::{Site, TIMEOUT};

#[test]
fn declare_makes_logins_that_work_and_changes_nothing_the_second_time() {
    let site = Site::bare();
    let line = format!("topology declare --login-prefix {}", &*site.vhost);
    let first = site.admin(&line).run(TIMEOUT).expect_code(0);
    assert!(first.stdout.contains("valet-logins/worker.toml"), "{}", first.stdout);
    for role in ["provisioner", "producer", "worker", "dispatcher"] {
        let file = site.folder.join(&format!("valet-logins/{role}.toml"));
        let mode = file.metadata().expect("the login's file is there").permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{role}");
        assert!(!first.stdout.contains(&site.login(role, "password")), "the password of {role} was printed");
    }
    let worker = std::fs::read_to_string(site.folder.join("valet-logins/worker.toml")).expect("it is text");
    let believed = format!("publishers = [\"{0}-producer\", \"{0}-dispatcher\"]", &*site.vhost);
    assert!(worker.contains(&believed), "a worker takes jobs of both: {}", believed);
    let again = site.admin(&line).run(TIMEOUT).expect_code(0);
    assert!(
        again.stdout.lines().all(|line| line.contains("kept") || line.starts_with("note")),
        "{}",
        again.stdout
    );
    let check = format!("topology check --login-prefix {}", &*site.vhost);
    assert_eq!(site.admin(&check).run(TIMEOUT).expect_code(0).stdout, "");
    let doctor = site.valet("doctor").run(TIMEOUT).expect_code(0);
    assert!(!doctor.stdout.contains("FAIL"), "{}", doctor.stdout);
}

#[test]
fn check_and_doctor_tell_what_is_missing() {
    let site = Site::bare();
    let check = site.admin("topology check").run(TIMEOUT).expect_code(1);
    assert!(check.stdout.contains("jobs.r0"), "{}", check.stdout);
    let broker = site.vhost.broker();
    let doctor = site
        .admin("doctor")
        .env("VALET_BROKER_USERNAME", broker.username())
        .env("VALET_BROKER_PASSWORD", broker.password())
        .run(TIMEOUT)
        .expect_code(1);
    assert!(doctor.stdout.contains("FAIL  topology"), "{}", doctor.stdout);
    assert!(doctor.stdout.contains("valet topology declare"), "{}", doctor.stdout);
}

#[test]
fn a_wrong_password_ends_with_77_and_a_wrong_key_is_found() {
    let site = Site::new();
    let submit = format!("submit {0}/a {0}/b -p copy", site.container);
    let refused = site.valet(&submit).env("VALET_BROKER_PASSWORD", "wrong").run(TIMEOUT).expect_code(77);
    assert!(refused.stderr.contains("next:") && !refused.stderr.contains("wrong\""), "{}", refused.stderr);
    let other = "b3RoZXIgb3RoZXIgb3RoZXIgb3RoZXIgb3RoZXIgb3RoZXIgb3RoZXIgb3RoZXIgb3RoZXIgb3RoZXIgb3RoZQ==";
    let doctor = site.valet("doctor").env("VALET_STORAGE_ACCOUNT_KEY", other).run(TIMEOUT).expect_code(1);
    assert!(doctor.stdout.contains("FAIL  key"), "{}", doctor.stdout);
    site.storage.put(&site.container, "a", "hello");
    let doctor = site.ok(&format!("doctor --blob {}/a", site.container));
    assert!(doctor.stdout.contains("ok    read"), "{}", doctor.stdout);
}
