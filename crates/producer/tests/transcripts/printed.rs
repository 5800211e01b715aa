//! `valet partner --print`: the commands for those who have no management API. Nothing is asked of any broker.

use crate::harness::valet;

#[test]
fn commands_are_printed_instead_of_deeds() {
    let url = "--set broker.url=amqps://broker.example/media";
    valet(&format!("{url} partner add acme --print --weight 4 --priority-max high"))
        .golden("partner-print-add");
    valet(&format!("{url} partner rotate acme --print --now")).golden("partner-print-rotate");
    valet(&format!("{url} partner remove acme --print")).golden("partner-print-remove");
    valet("partner add acme --print --weight 101").golden("partner-print-weight");
    valet("partner check acme --settings nowhere.json").golden("partner-check-no-file");
}
