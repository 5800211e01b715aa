//! One thread that starts all children and lives as long as the process.
//!
//! Linux sends the parent-death signal when the *thread* that started a child ends. Test threads end with
//! their test, while a shared broker must go on for the next one.

use std::io;
use std::process::{Child, Command};
use std::sync::LazyLock;
use std::sync::mpsc::{Sender, channel};
use std::thread;

type Order = (Command, Sender<io::Result<Child>>);

static SPAWNER: LazyLock<Sender<Order>> = LazyLock::new(|| {
    let (orders, inbox) = channel::<Order>();
    thread::Builder::new()
        .name("testkit-spawner".into())
        .spawn(move || {
            for (mut command, reply) in inbox {
                let _ = reply.send(command.spawn());
            }
        })
        .expect("a test process may start one more thread");
    orders
});

/// Starts `command` from the spawner thread.
pub(super) fn spawn(command: Command) -> io::Result<Child> {
    let (reply, answer) = channel();
    SPAWNER.send((command, reply)).expect("the spawner thread never ends");
    answer.recv().expect("the spawner thread answers every order")
}
