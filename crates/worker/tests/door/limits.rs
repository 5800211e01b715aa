//! A door's limits: passed ones shut it, what honest codecs do does not.

use std::time::Duration;

use valet_worker::door::{Door, DoorLimits, Trip};

use super::codec::{Codec, get};
use super::{file, noise, violation};

fn door_with(content: &[u8], limits: DoorLimits) -> Door {
    Door::new(file(content), limits)
}

#[tokio::test]
async fn a_connection_beyond_those_served_waits_for_its_turn() {
    let content = noise(3 << 20);
    let door = door_with(&content, DoorLimits::default());
    let mut busy = Vec::new();
    for _ in 0..4 {
        let mut codec = Codec::open(&door);
        codec.send(get(None)).await;
        codec.read_some(1).await;
        busy.push(codec);
    }
    let mut fifth = Codec::open(&door);
    fifth.send(get(Some("bytes=5-5"))).await;
    assert_eq!((door.stats().connections, door.stats().requests), (4, 4));
    busy.pop().unwrap().hang_up().await;
    assert_eq!(fifth.answer().await.body, content[5..6]);
    assert!(door.trip().is_none());
}

#[tokio::test]
async fn an_idle_connection_is_closed_for_others() {
    let limits = DoorLimits { head_wait: Duration::from_millis(50), ..DoorLimits::default() };
    let door = door_with(b"0123456789", limits);
    let mut idle: Vec<_> = (0..4).map(|_| Codec::open(&door)).collect();
    idle[0].send("GET /in").await;
    let mut late = Codec::open(&door);
    late.send(get(None)).await;
    assert_eq!(late.answer().await.body, b"0123456789");
    for codec in idle {
        codec.wait_for_end().await;
    }
    assert!(door.trip().is_none(), "slowness is no violation: {:?}", door.trip());
}

#[tokio::test]
async fn sixty_four_connections_may_be_open_and_no_more() {
    let door = door_with(b"0123456789", DoorLimits::default());
    let mut open = Vec::new();
    for _ in 0..64 {
        open.push(Codec::open(&door));
        tokio::task::yield_now().await;
    }
    assert_eq!(door.stats().connections, 64);
    assert!(door.trip().is_none());
    open.push(Codec::open(&door));
    assert_eq!(violation(&door).await.rule, "connections open at a time are limited");
}

#[tokio::test]
async fn connections_one_after_another_are_not_limited() {
    let door = door_with(b"0123456789", DoorLimits::default());
    for _ in 0..200 {
        let mut codec = Codec::open(&door);
        codec.send(get(None)).await;
        assert_eq!(codec.answer().await.body, b"0123456789");
        codec.hang_up().await;
    }
    assert!(door.trip().is_none());
}

#[tokio::test]
async fn one_request_too_many_shuts_the_door() {
    let door = door_with(b"0123456789", DoorLimits { requests_max: 3, ..DoorLimits::default() });
    let mut codec = Codec::open(&door);
    for _ in 0..3 {
        codec.send(get(None)).await;
        assert_eq!(codec.answer().await.status, 200);
    }
    codec.send(get(None)).await;
    assert_eq!(codec.answer().await.status, 403);
    assert_eq!(violation(&door).await.rule, "requests of a job are limited");
}

#[tokio::test]
async fn one_byte_too_many_shuts_the_door() {
    let limits = DoorLimits { served_times_max: 2, served_bytes_extra: 5, ..DoorLimits::default() };
    let door = door_with(b"0123456789", limits);
    let mut codec = Codec::open(&door);
    for range in [None, None, Some("bytes=0-4")] {
        codec.send(get(range)).await;
        codec.answer().await;
    }
    assert!(door.trip().is_none(), "25 bytes may be read");
    codec.send(get(Some("bytes=0-0"))).await;
    assert_eq!(violation(&door).await.rule, "bytes read by a job are limited");
    let Some(Trip::Violation(_)) = door.trip() else { panic!("it stays shut") };
}
