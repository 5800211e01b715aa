//! As whom, and in what surroundings, the workers of all tests run. Every promise must hold in each.

pub(crate) use valet_testkit::stage::Mode;
