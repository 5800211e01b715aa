//! End-to-end promises, one module each. Never mocks RabbitMQ, Azurite or ffmpeg.

mod backstage;
mod bad_input;
mod bulk;
mod canary;
mod compose;
mod drain;
mod grants;
mod lookout;
mod main_job;
mod memory;
mod message;
mod mode;
mod outage;
mod presets;
mod replay;
mod stage;
mod walls;
mod way;
