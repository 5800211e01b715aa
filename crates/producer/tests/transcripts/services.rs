//! Services that are not there: what is told, and with which exit code.

use crate::harness::valet;

/// Settings of an emulator that is not there.
const STORAGE_NOWHERE: &str = "--set storage.endpoint=http://127.0.0.1:1/acct --set storage.loopback=true";

#[test]
fn a_broker_that_is_not_there_ends_with_69() {
    valet("submit raw/a.mov out/a.mov -p copy").storage().broker().golden("broker-unreachable");
}

#[test]
fn a_storage_that_is_not_there_ends_with_69() {
    let line = format!("submit 'raw/**/*.mov' 'out/{{name}}' -p copy --dry-run {STORAGE_NOWHERE}");
    valet(&line).storage().golden("storage-unreachable");
}

#[test]
fn a_management_api_that_is_not_there_ends_with_69() {
    valet("topology declare")
        .broker()
        .env("VALET_BROKER_MANAGEMENT_URL", "http://127.0.0.1:1")
        .env("VALET_BROKER_ADMIN_USERNAME", "admin")
        .env("VALET_BROKER_ADMIN_PASSWORD", crate::harness::PASSWORD)
        .golden("management-unreachable");
}

#[test]
fn the_doctor_tells_what_is_not_configured() {
    valet("doctor").golden("doctor-nothing");
    valet("doctor --json").golden("doctor-nothing-json");
}

#[test]
fn the_doctor_tells_what_does_not_answer() {
    valet(&format!("doctor {STORAGE_NOWHERE}")).storage().broker().golden("doctor-unreachable");
}
