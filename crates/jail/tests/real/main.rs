//! Real jails, at every level that this machine allows: as whoever runs the tests and, where that is root, once more
//! as an ordinary user.
//!
//! A test's own program cannot be its zygote, since the test harness owns its `main`: the fixture program is.

mod attempts;
mod deaths;
mod doors;
mod ends;
mod ffmpeg;
mod limits;
mod ready;
mod support;
mod unprivileged;
mod world;
