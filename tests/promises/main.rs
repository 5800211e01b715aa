//! End-to-end promises, one module each. Never mocks RabbitMQ, Azurite or ffmpeg.

mod bad_input;
mod compose;
mod main_job;
mod message;
mod outage;
mod stage;
