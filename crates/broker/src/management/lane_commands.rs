//! The same as commands of RabbitMQ's own tools, for those who have no management API.
//! Must hold no password: who runs them makes one, and it goes through a pipe.

use super::partner_right;
use crate::topology::{
    LaneNumbers, Topology,
    names::{LANES_LOG, events_queue, lane_exchange},
};
use crate::version;
use serde_json::json;
use valet_protocol::{Lane, LaneKind, LaneRecord, Priority};

/// Makes a new password and shows nothing of it: it is in the file that is named.
fn make_password(login: &str) -> String {
    format!("umask 077; openssl rand -hex 32 > {login}.password")
}

/// What [`super::Management::declare_lane`] and [`super::Management::ensure_partner_login`] do.
pub fn lane_commands(vhost: &str, record: &LaneRecord, numbers: &LaneNumbers) -> Vec<String> {
    let topology = Topology::of_lane(record, numbers);
    let on = format!("-p {}", quoted(vhost));
    let mut all: Vec<_> = topology
        .policies
        .iter()
        .map(|policy| {
            let definition = json!(policy.definition_for(version::OLDEST)).to_string();
            let (name, pattern) = (quoted(&policy.name), quoted(&policy.pattern()));
            format!(
                "rabbitmqctl set_policy {on} --priority 100 --apply-to queues {name} {pattern} {}",
                quoted(&definition)
            )
        })
        .collect();
    all.push(record_command(record));
    all.push(format!("rabbitmqctl import_definitions <<'END'\n{}\nEND", definitions(vhost, &topology)));
    if let (LaneKind::Partner, [login]) = (record.kind, &record.publishers[..]) {
        all.extend(login_commands(&on, login, record, numbers));
    }
    all
}

fn login_commands(on: &str, login: &str, record: &LaneRecord, numbers: &LaneNumbers) -> Vec<String> {
    let (name, right) = (quoted(login), partner_right(record));
    let limits = json!({ "max-connections": numbers.connections_max, "max-channels": numbers.channels_max });
    vec![
        make_password(login),
        format!("rabbitmqctl add_user {name} < {login}.password"),
        format!("rabbitmqctl set_user_limits {name} {}", quoted(&limits.to_string())),
        format!(
            "rabbitmqctl set_permissions {on} {name} {} {} {}",
            quoted(&right.configure),
            quoted(&right.write),
            quoted(&right.read)
        ),
    ]
}

/// What [`super::Management::rotate_partner_login`] does; `now` closes what is connected.
pub fn rotate_commands(login: &str, now: bool) -> Vec<String> {
    let name = quoted(login);
    let mut all =
        vec![make_password(login), format!("rabbitmqctl change_password {name} < {login}.password")];
    if now {
        all.push(format!("rabbitmqctl close_all_user_connections {name} 'new password'"));
    }
    all
}

/// What a removal does, in its order. `record` says that the lane is removed.
pub fn remove_commands(vhost: &str, lane: &Lane, login: &str, record: &LaneRecord) -> Vec<String> {
    let (on, name) = (format!("-p {}", quoted(vhost)), quoted(login));
    let reports = quoted(&format!("^{}$", events_queue(lane).replace('.', r"\.")));
    let queues =
        [Priority::High, Priority::Normal, Priority::Low].map(|priority| lane_exchange(lane, priority));
    let mut all = vec![
        format!("rabbitmqctl set_permissions {on} {name} '^$' '^$' {reports}"),
        format!("rabbitmqctl close_all_user_connections {name} 'the lane is removed'"),
        nothing_left(&on, lane),
        record_command(record),
    ];
    for queue in queues.iter().chain([&events_queue(lane)]) {
        all.push(format!("rabbitmqctl delete_queue {on} {}", quoted(queue)));
        all.push(format!("rabbitmqctl clear_policy {on} {}", quoted(&format!("valet.{queue}"))));
    }
    // No tool of the broker's own takes an exchange away; without its queue it leads nowhere.
    all.push(format!("rabbitmqctl delete_user {name}"));
    all
}

/// Ends the script while anything is left, or the lane is not there to be looked at.
fn nothing_left(on: &str, lane: &Lane) -> String {
    let of_lane = format!(r"$1 ~ /^in\.{lane}(\.(high|low))?$/");
    let judge = format!("{of_lane} {{ seen = 1; if ($2 > 0) left = 1 }} END {{ exit left || !seen }}");
    format!(
        "rabbitmqctl -q list_queues {on} --no-table-headers name messages | awk {} || exit 1",
        quoted(&judge)
    )
}

/// By a tool that speaks AMQP, such as amqp-tools, with the provisioner's login in $VALET_PROVISIONER_URL.
fn record_command(record: &LaneRecord) -> String {
    let encoded = record.encode().unwrap_or_default();
    let body = quoted(&String::from_utf8_lossy(&encoded));
    format!("amqp-publish --url=\"$VALET_PROVISIONER_URL\" -p -C application/json -r {LANES_LOG} -b {body}")
}

fn definitions(vhost: &str, topology: &Topology) -> String {
    let exchanges: Vec<_> = topology.exchanges.iter().map(|exchange| {
        json!({ "name": exchange.name, "vhost": vhost, "type": exchange.kind, "durable": true, "auto_delete": false,
                "internal": exchange.internal, "arguments": {} })
    }).collect();
    let queues: Vec<_> = topology.queues.iter().map(|queue| {
        json!({ "name": queue.name, "vhost": vhost, "durable": true, "auto_delete": false, "arguments": queue.arguments })
    }).collect();
    let bindings: Vec<_> = topology.bindings.iter().map(|binding| {
        json!({ "source": binding.source, "vhost": vhost, "destination": binding.queue, "destination_type": "queue",
                "routing_key": binding.key, "arguments": binding.arguments })
    }).collect();
    json!({ "exchanges": exchanges, "queues": queues, "bindings": bindings }).to_string()
}

/// One word of a shell.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record() -> LaneRecord {
        LaneRecord::partner("acme".parse().unwrap(), "acme".to_owned())
    }

    #[test]
    fn a_word_of_the_shell_stays_one() {
        assert_eq!(quoted("it's $HOME"), r"'it'\''s $HOME'");
    }

    #[test]
    fn limits_come_before_queues_and_rights_last() {
        let all = lane_commands("media", &record(), &LaneNumbers::default());
        let place =
            |word: &str| all.iter().position(|line| line.contains(word)).unwrap_or_else(|| panic!("{word}"));
        assert!(place("set_policy") < place("import_definitions"));
        assert!(place("amqp-publish") < place("import_definitions"), "what comes is judged by its record");
        assert!(place("set_user_limits") < place("set_permissions"));
        assert!(all.last().unwrap().ends_with(r"'^$' '^in\.acme(\.low)?$' '^events\.acme$'"), "{all:#?}");
    }

    #[test]
    fn publishing_is_forbidden_before_anything_is_taken_away() {
        let all = remove_commands("media", &record().lane, "acme", &record());
        assert!(all[0].contains("set_permissions") && all[0].contains("'^$' '^$'"), "{all:#?}");
        assert!(all[2].ends_with("|| exit 1"), "nothing is deleted while anything is left: {}", all[2]);
        assert!(all.last().unwrap().contains("delete_user"));
    }
}
