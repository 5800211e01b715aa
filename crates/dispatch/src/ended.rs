//! Messages that the broker itself took off a lane: their time there was over, or they came back too often. Somebody
//! has to say so. Nothing is ever sent on from here.

use std::sync::Arc;

use jiff::Timestamp;
use tokio::sync::watch;
use valet_admission::judge;
use valet_broker::topology::names;
use valet_broker::{Ending, LaneDelivery, Session};
use valet_protocol::{Lane, LaneRecord, Reason};

use crate::hands::Hands;
use crate::queues::Book;
use crate::words::End;

/// Messages in hand at once.
const WINDOW: u16 = 4;

/// Files what the broker has ended, for as long as the session is there.
pub async fn file(session: Session, hands: Arc<Hands>, book: watch::Receiver<Book>) {
    let mut feed = session.lane_ended(WINDOW);
    while let Some(delivery) = feed.next().await {
        let (record, end) = end_of(&delivery, &book.borrow().clone(), &hands);
        hands.refuse(delivery, &record, end).await;
    }
}

/// How it ended, and in whose lane. Where nobody can tell whose it was, nobody is told: what a message says of itself
/// is not believed.
fn end_of(delivery: &LaneDelivery, book: &Book, hands: &Hands) -> (Arc<LaneRecord>, End) {
    let user = delivery.user_id().unwrap_or_default();
    let known = delivery.endings().into_iter().find_map(|(queue, ending)| {
        let record = book.get(&queue.lane)?;
        record.publishers.iter().any(|publisher| publisher == user).then(|| (record.clone(), queue, ending))
    });
    let Some((record, queue, ending)) = known else {
        let nobodys: Lane = names::ENDED_LANE.parse().expect("a reserved name has the form of all");
        let record = Arc::new(LaneRecord::partner(nobodys, String::new()));
        return (record, End { id: None, message: None, ..end(Ending::Other) });
    };
    // Judged for its id and its job alone: what else is wrong with it is of no matter any more.
    let now = Timestamp::now();
    let verdict = judge(delivery.body(), delivery.user_id(), &record, queue.priority, &hands.policy, now);
    (record, End { id: verdict.id, message: verdict.message, ..end(ending) })
}

fn end(ending: Ending) -> End {
    let (reason, detail, is_lost) = match ending {
        Ending::Expired => {
            (Reason::GrantExpired, "its time in the lane was over before its turn came", false)
        }
        Ending::Lost { .. } | Ending::Other => (
            Reason::AttemptsExhausted,
            "the broker took it off its lane after it had come back too often",
            true,
        ),
    };
    let advice = reason.advice().to_owned();
    End { reason, detail: detail.into(), advice, id: None, message: None, is_lost }
}
