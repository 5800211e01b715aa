//! Mistakes in settings: all of them at once, exit 64, no value repeated.

use crate::harness::{ACCOUNT_KEY, valet};

const SUBMIT: &str = "submit raw/a.mov out/a.mp4 --preset copy";

#[test]
fn everything_that_is_missing_is_told_at_once() {
    valet(SUBMIT).golden("settings-missing");
    valet(&format!("{SUBMIT} --json")).golden("settings-missing-json");
    valet("topology check").golden("settings-missing-admin");
    valet("wait 01920000-0000-7000-8000-000000000000").golden("settings-missing-broker");
}

#[test]
fn wrong_settings_are_told_with_their_place() {
    let file = "[broker]\nurll = \"x\"\n[storage]\nloopback = \"perhaps\"\n[worker]\nslots = 2\n";
    valet(&format!("{SUBMIT} --dry-run"))
        .storage()
        .env("VALET_STORAGE_ENDPOIN", "x")
        .file("valet.toml", file)
        .golden("settings-wrong");
}

#[test]
fn a_broken_file_is_told_without_its_content() {
    let file = format!("[storage]\naccount_key = {ACCOUNT_KEY}\n");
    valet(SUBMIT).broker().storage().file("valet.toml", &file).golden("settings-broken-file");
    valet(&format!("{SUBMIT} --config nowhere.toml")).broker().storage().golden("settings-no-file");
}

#[test]
fn secrets_are_not_taken_from_the_command_line() {
    valet(&format!("{SUBMIT} --set storage.account_key=short")).golden("settings-secret-flag");
    valet(&format!("{SUBMIT} --set brokr.url=x")).golden("settings-unknown-flag");
    valet(&format!("{SUBMIT} --set broker.url")).golden("settings-flag-without-value");
}

#[test]
fn secrets_come_from_files_too() {
    valet(&format!("{SUBMIT} --dry-run --idempotency-key k"))
        .env("VALET_STORAGE_ACCOUNT", "acct")
        .env("VALET_STORAGE_ACCOUNT_KEY_FILE", "key")
        .file("key", &format!("{ACCOUNT_KEY}\n"))
        .golden("settings-key-file");
}

#[test]
fn an_account_that_cannot_be_is_refused() {
    let dry = &format!("{SUBMIT} --dry-run");
    valet(dry).storage().env("VALET_STORAGE_ACCOUNT", "Not_An_Account").golden("settings-bad-account");
    valet(dry).storage().env("VALET_STORAGE_ACCOUNT_KEY", "not-a-key!").golden("settings-bad-key");
    valet(dry)
        .storage()
        .env("VALET_STORAGE_ENDPOINT", "http://storage.example")
        .golden("settings-plain-http");
}

#[test]
fn a_broker_that_cannot_be_is_refused() {
    valet(SUBMIT).storage().broker().env("VALET_BROKER_URL", "http://broker").golden("settings-bad-broker");
    valet(SUBMIT).storage().broker().env("VALET_BROKER_CA_FILE", "nowhere.pem").golden("settings-no-ca-file");
}
