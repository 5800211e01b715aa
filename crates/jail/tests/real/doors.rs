//! Each socket of the codec is a stream from the worker.

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::support::{LIMITS, Rig, finish, levels};

#[tokio::test]
async fn each_socket_is_a_stream_of_the_worker() {
    let rig = Rig::new();
    for level in levels() {
        let mut jail = rig.start(level, LIMITS, None, &["fixture", "fetch", "3"]).await.expect("a jail");
        let mut doors = jail.take_doors().expect("a door");
        let serving = tokio::spawn(async move {
            let mut served = 0;
            while let Some(mut stream) = doors.next().await {
                let mut asked = String::new();
                stream.read_to_string(&mut asked).await.expect("a request");
                stream
                    .write_all(format!("{asked}from outside {served}\n").as_bytes())
                    .await
                    .expect("an answer");
                served += 1;
            }
            served
        });
        let finished = finish(jail).await;
        assert_eq!(finished.code(), 0, "{level}: {finished:?}");
        let expected: String = (0..3).map(|n| format!("hello\nfrom outside {n}\n")).collect();
        assert_eq!(finished.stdout, expected, "{level}");
        // The door's end is the jail's end: nothing else stops this task.
        assert_eq!(serving.await.expect("no panic"), 3, "{level}");
    }
}

#[tokio::test]
async fn a_closed_door_fails_the_codec_and_not_the_worker() {
    let rig = Rig::new();
    for level in levels() {
        let mut jail = rig.start(level, LIMITS, None, &["fixture", "fetch", "1"]).await.expect("a jail");
        drop(jail.take_doors());
        let finished = finish(jail).await;
        assert_eq!(finished.code(), 1, "{level}: {finished:?}");
    }
}

#[tokio::test]
async fn a_door_that_nobody_serves_dies_with_its_jail() {
    let rig = Rig::new();
    for level in levels() {
        let mut jail = rig.start(level, LIMITS, None, &["fixture", "fetch", "1"]).await.expect("a jail");
        let mut doors = jail.take_doors().expect("a door");
        let stream = doors.next().await.expect("the codec asks");
        drop(jail);
        while doors.next().await.is_some() {}
        drop(stream);
    }
}
