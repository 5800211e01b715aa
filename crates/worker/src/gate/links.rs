//! The broker's part in the gate: no job is taken without a broker, or from one that takes no reports.

use tokio::sync::watch;
use valet_broker::LinkState;

use super::{Gate, Reason};

/// Follows both connections for as long as they are there.
pub async fn follow_links(
    gate: Gate,
    mut publish: watch::Receiver<LinkState>,
    mut consume: watch::Receiver<LinkState>,
) {
    loop {
        look(&gate, &publish.borrow_and_update().clone(), &consume.borrow_and_update().clone());
        let changed = tokio::select! {
            changed = publish.changed() => changed,
            changed = consume.changed() => changed,
        };
        if changed.is_err() {
            return;
        }
    }
}

fn look(gate: &Gate, publish: &LinkState, consume: &LinkState) {
    let is_away = |link: &LinkState| matches!(link, LinkState::Connecting { .. } | LinkState::Closed);
    gate.set(Reason::BrokerAway, is_away(publish) || is_away(consume));
    // A broker blocks what has published; jobs come in by the other connection, and their reports could not go out.
    match [publish, consume].into_iter().find_map(blocked) {
        Some(words) => gate.close_saying(Reason::BrokerBlocked, &crate::codec::escape(words)),
        None => gate.open(Reason::BrokerBlocked),
    }
}

fn blocked(link: &LinkState) -> Option<&str> {
    match link {
        LinkState::Blocked { reason } => Some(reason),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn links_close_the_gate_and_open_it() {
        let gate = Gate::default();
        gate.open(Reason::Starting);
        let (publish, publish_seen) = watch::channel(LinkState::Blocked { reason: "low on disk".to_owned() });
        let (consume, consume_seen) = watch::channel(LinkState::Up);
        let following = tokio::spawn(follow_links(gate.clone(), publish_seen, consume_seen));
        gate.closed().await;
        assert_eq!(gate.reasons(), [Reason::BrokerBlocked]);
        publish.send_replace(LinkState::Up);
        gate.opened().await;
        consume.send_replace(LinkState::Connecting { attempt: 1, cause: "gone".to_owned() });
        gate.closed().await;
        assert_eq!(gate.reasons(), [Reason::BrokerAway]);
        drop((publish, consume));
        following.await.unwrap();
    }
}
