//! The verbs against real RabbitMQ and Azurite (testkit starts them). A stand-in of the worker settles what
//! was enqueued; the real one meets the producer in the end-to-end tests.
#![allow(unreachable_pub, missing_docs, reason = "a test binary has no users")]

mod catch_up;
mod dead;
mod listing;
mod partner;
mod site;
mod stand_in;
mod submit;
mod topology;
mod unanswered;
