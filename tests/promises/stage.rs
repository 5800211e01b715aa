//! One stage a test: a virtual host with the declared topology, two blob containers, and both programs set up for
//! them. It is testkit's, since benches and chaos play on the same.

pub(crate) use valet_testkit::stage::{COMMAND_TIMEOUT, START_TIMEOUT, Stage};
