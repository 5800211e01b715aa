//! End-to-end promises, one module each. Never mocks RabbitMQ, Azurite or ffmpeg.

mod attacks;
mod backstage;
mod bad_input;
mod bulk;
mod canary;
mod changed;
mod compose;
mod drain;
mod grants;
mod hostile;
mod killed;
mod limits;
mod lookout;
mod main_job;
mod memory;
mod message;
mod mode;
mod outage;
mod presets;
mod prove;
mod replay;
mod stage;
mod token;
mod verdict;
mod walls;
mod way;
