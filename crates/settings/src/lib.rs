//! Settings: flag over environment over file into typed values, with every mistake reported at once.
//!
//! One key has three spellings: `broker.url` in code and on the command line's side,
//! `VALET_BROKER_URL` in the environment, and `url` under `[broker]` in `valet.toml`.
//! An environment variable that is set to the empty text counts as not set.
//!
//! This crate must never print a setting's value, neither in an error nor through `Debug`: any value
//! may be a secret that someone put in the wrong place. It must never talk to a network.
//!
//! ```
//! use valet_settings::{Layers, Reader};
//! # let mut layers = Layers::default();
//! # layers.environment.insert("VALET_BROKER_URL".into(), "amqps://broker:5671/valet".into());
//! struct Settings { broker_url: String, slots: u32 }
//! let mut reader = Reader::new(layers);
//! let broker_url = reader.required::<String>("broker.url");
//! let slots = reader.or_within("worker.slots", 2, 1..=64);
//! let settings = reader.finish_with(|| Some(Settings { broker_url: broker_url?, slots }));
//! # assert_eq!(settings.map(|s| (s.broker_url, s.slots)).unwrap(), ("amqps://broker:5671/valet".to_owned(), 2));
//! ```

mod key;
pub mod keyless;
mod layers;
mod mistakes;
mod raw;
mod reader;
mod secret;
mod value;

pub use key::{KnownKey, variable};
pub use layers::{CONFIG_FILE, CONFIG_FILE_BYTES_MAX, CONFIG_VARIABLE, Layers};
pub use mistakes::{Mistake, Mistakes, Origin};
pub use raw::Raw;
pub use reader::Reader;
pub use secret::{SECRET_FILE_BYTES_MAX, Secret};
pub use value::{Bytes, FromSetting};

/// The exit code of a program whose settings hold a mistake (`EX_USAGE` of sysexits).
pub const EXIT_CONFIG: i32 = 64;
