//! What the presets promise, driven from outside: requests, argument lists, and runs of the installed ffmpeg
//! on the clips of `tests/media`. Nothing here may reach the network.

mod argv;
mod document;
mod door;
mod films;
mod hostile;
mod pictures;
mod requests;
mod sounds;
mod studio;
