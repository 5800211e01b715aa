//! The ways of running a codec: both levels of the jail, and two versions of ffmpeg. What a preset promises holds in
//! each.

use std::time::Duration;

use serde_json::Value;
use valet_testkit::{Process, Program, media};

use crate::stage::Stage;

/// Longest that a program may take to say its version.
const VERSION_TIMEOUT: Duration = Duration::from_secs(60);

/// What a codec runs as.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Way {
    /// The level of the jail.
    pub(crate) level: &'static str,
    pub(crate) codec: Codec,
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Codec {
    /// ffmpeg as `PATH` has it: the distribution's, with hundreds of shared libraries.
    Installed,
    /// A newer one in one file.
    Static,
}

impl Way {
    /// A worker that runs codecs in this way, or not at all.
    pub(crate) fn worker(self, stage: &Stage<'_>) -> Process {
        let level = self.level(stage);
        let levels = [("VALET_JAIL_LEVEL_MIN", level), ("VALET_JAIL_LEVEL_MAX", level)];
        let program = stage.worker_program().envs(levels);
        stage.start(match self.codec {
            Codec::Installed => program,
            Codec::Static => program.env("VALET_WORKER_FFMPEG", media::static_ffmpeg()),
        })
    }

    /// Surroundings without namespaces cannot give L1, and the promise is the same there.
    fn level(self, stage: &Stage<'_>) -> &'static str {
        if stage.mode.has_namespaces { self.level } else { "L2" }
    }

    /// The report says that it was this way.
    #[track_caller]
    pub(crate) fn expect_told(self, stage: &Stage<'_>, success: &Value) {
        assert_eq!(success["data"]["jail"], self.level(stage), "{success:#}");
        let version = success["data"]["codec_version"].as_str().unwrap_or_default();
        assert_eq!(version, self.codec.version(), "{success:#}");
    }
}

impl Codec {
    /// `ffmpeg 5.1.9`, as the program itself says.
    fn version(self) -> String {
        let program = match self {
            Self::Installed => Program::new("ffmpeg"),
            Self::Static => Program::new(media::static_ffmpeg()),
        };
        let said = program.arg("-version").run(VERSION_TIMEOUT).expect_code(0).stdout;
        format!("ffmpeg {}", said.split_whitespace().nth(2).unwrap_or_default())
    }
}

/// Tests of one promise, one for each [`Way`].
macro_rules! in_every_way {
    ($($(#[$doc:meta])* fn $name:ident($way:ident) $body:block)*) => {$(
        $(#[$doc])*
        mod $name {
            use super::*;
            use crate::way::Codec;

            fn promise($way: Way) $body

            #[test]
            fn in_l1_with_installed_ffmpeg() {
                promise(Way { level: "L1", codec: Codec::Installed });
            }

            #[test]
            fn in_l1_with_static_ffmpeg() {
                promise(Way { level: "L1", codec: Codec::Static });
            }

            #[test]
            fn in_l2_with_installed_ffmpeg() {
                promise(Way { level: "L2", codec: Codec::Installed });
            }

            #[test]
            fn in_l2_with_static_ffmpeg() {
                promise(Way { level: "L2", codec: Codec::Static });
            }
        }
    )*};
}
pub(crate) use in_every_way;
