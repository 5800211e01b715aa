//! The jobs of a run: mostly copies of small blobs of their own, a few that run real codecs, a few that cannot
//! succeed. Must know what is right for each.

use serde_json::{Value, json};

/// The input of the jobs that run a codec, as `media` calls it.
pub(super) const CLIP: &str = "clip.mp4";
/// An input that is no media.
pub(super) const TEXT: &str = "text";
pub(super) const TEXT_BYTES: &[u8] = b"no film";
/// Longest content of a copied blob.
const CONTENT_BYTES_MAX: usize = 4 << 10;

/// One job.
#[derive(Clone, Debug)]
pub(super) struct Job {
    /// Counted from 0; names its blobs.
    pub(super) number: usize,
    pub(super) kind: Kind,
    /// Fixes the content of its input.
    content_seed: u64,
}

/// What a job asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A copy of a blob of its own.
    Copy,
    /// A picture from the clip.
    Thumbnail,
    /// Facts about the clip.
    Probe,
    /// A picture from a text: fails for good.
    Hopeless,
}

impl Job {
    /// Of a hundred jobs 95 are copies, and every kind comes.
    pub(super) fn random(number: usize, random: &mut fastrand::Rng) -> Self {
        let kind = match number % 100 {
            11 => Kind::Thumbnail,
            37 | 83 => Kind::Probe,
            53 | 79 => Kind::Hopeless,
            _ => Kind::Copy,
        };
        Self { number, kind, content_seed: random.u64(..) }
    }

    /// Its input's name in the input container.
    pub(super) fn input(&self) -> String {
        match self.kind {
            Kind::Copy => format!("in-{:05}", self.number),
            Kind::Thumbnail | Kind::Probe => CLIP.to_owned(),
            Kind::Hopeless => TEXT.to_owned(),
        }
    }

    /// Its output's name in the output container.
    pub(super) fn output(&self) -> String {
        format!("out-{:05}", self.number)
    }

    /// The content of its input, when that is its own.
    pub(super) fn own_input(&self) -> Option<Vec<u8>> {
        if self.kind != Kind::Copy {
            return None;
        }
        let mut random = fastrand::Rng::with_seed(self.content_seed);
        let length = random.usize(1..CONTENT_BYTES_MAX);
        Some(std::iter::repeat_with(|| random.u8(..)).take(length).collect())
    }

    /// Its line in a manifest.
    pub(super) fn line(&self, input_container: &str, output_container: &str) -> Value {
        let preset = match self.kind {
            Kind::Copy => "copy",
            Kind::Thumbnail | Kind::Hopeless => "thumbnail",
            Kind::Probe => "probe-json",
        };
        json!({
            "input": format!("{input_container}/{}", self.input()),
            "output": format!("{output_container}/{}", self.output()),
            "preset": preset,
        })
    }
}
