//! The presets, one file each, and the one line that registers each.
//! `picture`, `sound` and `film` hold what several share: filters, codecs' options, whole video encodes.

mod film;
mod picture;
mod sound;

mod audio_aac;
mod audio_mp3;
mod audio_opus;
mod av1_720p;
mod copy;
mod h264_1080p;
mod h264_720p;
mod h265_1080p;
mod image_webp;
mod loudnorm_aac;
mod preview_gif;
mod preview_webp;
mod probe_json;
mod remux_mp4;
mod sprite_sheet;
mod thumbnail;
mod vp9_webm_720p;
mod waveform_png;

use crate::preset::Preset;

/// Every preset, in the order people should see them.
pub(crate) static PRESETS: &[&dyn Preset] = &[
    &h264_720p::H264Hd,
    &h264_1080p::H264FullHd,
    &h265_1080p::H265FullHd,
    &av1_720p::Av1Hd,
    &vp9_webm_720p::Vp9Hd,
    &remux_mp4::RemuxMp4,
    &audio_aac::AudioAac,
    &audio_opus::AudioOpus,
    &audio_mp3::AudioMp3,
    &loudnorm_aac::LoudnormAac,
    &thumbnail::Thumbnail,
    &sprite_sheet::SpriteSheet,
    &preview_gif::PreviewGif,
    &preview_webp::PreviewWebp,
    &waveform_png::WaveformPng,
    &image_webp::ImageWebp,
    &probe_json::ProbeJson,
    &copy::Copy,
];
