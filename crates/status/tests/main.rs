//! The fold and the store, each test one promise.

mod common;
mod fold;
mod interleaved;
mod judged;
mod lanes;
mod store;
mod turns;
