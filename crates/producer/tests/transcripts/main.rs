//! Golden transcripts: what a person sees, word by word, for `--help` of every verb and for every mistake
//! that needs no running service. `VALET_BLESS=1 cargo test -p valet-producer` rewrites them.
#![allow(unreachable_pub, missing_docs, reason = "a test binary has no users")]

mod data;
mod fleet;
mod grants;
mod harness;
mod help;
mod options;
mod partners;
mod printed;
mod services;
mod settings;
mod tokens;
