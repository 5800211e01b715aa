//! Sizes of pictures: how a source is shown, and what fits in a box. Pure arithmetic.

use serde::Serialize;

use crate::facts::VideoFacts;
use crate::limits::PICTURE_SIDE_MAX;

/// Width and height in pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Frame {
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
}

/// The largest frame of a landscape picture; portrait pictures get the same box turned by 90°.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct FrameBox {
    /// Longest side in pixels.
    pub long: u32,
    /// Longest short side in pixels.
    pub short: u32,
    /// Shortest side that the encoder takes, in pixels; smaller pictures get black borders.
    pub least: u32,
}

impl Frame {
    /// The size at which `video` is shown: square pixels, upright.
    pub fn displayed(video: &VideoFacts) -> Self {
        let width = scaled(video.width, video.pixel_aspect);
        if video.rotation_degrees % 180 == 90 {
            Self { width: video.height, height: width }
        } else {
            Self { width, height: video.height }
        }
    }

    /// This within `limit`, aspect kept, both sides even, never larger than it is.
    pub fn fit(self, limit: FrameBox) -> Self {
        let landscape = self.width >= self.height;
        let (width_max, height_max) =
            if landscape { (limit.long, limit.short) } else { (limit.short, limit.long) };
        let by_width = f64::from(width_max) / f64::from(self.width.max(1));
        let by_height = f64::from(height_max) / f64::from(self.height.max(1));
        let factor = by_width.min(by_height).min(1.0);
        Self { width: even(scaled(self.width, factor)), height: even(scaled(self.height, factor)) }
    }

    /// This at most `width` wide and [`PICTURE_SIDE_MAX`] high, aspect kept, never larger than it is.
    pub fn fit_width(self, width: u32) -> Self {
        let by_width = f64::from(width) / f64::from(self.width.max(1));
        let by_height = f64::from(PICTURE_SIDE_MAX) / f64::from(self.height.max(1));
        let factor = by_width.min(by_height).min(1.0);
        Self { width: scaled(self.width, factor), height: scaled(self.height, factor) }
    }

    /// This with borders up to the shortest side that an encoder takes.
    pub fn padded(self, limit: FrameBox) -> Self {
        Self { width: self.width.max(limit.least), height: self.height.max(limit.least) }
    }

    /// This with both sides even, at least 2.
    pub fn even(self) -> Self {
        Self { width: even(self.width), height: even(self.height) }
    }
}

/// `side` times `factor`, rounded, at least 1.
fn scaled(side: u32, factor: f64) -> u32 {
    let scaled = (f64::from(side) * factor).round().clamp(1.0, f64::from(u16::MAX));
    scaled as u32 // exact: whole and within u16
}

/// `side` rounded down to an even number, at least 2.
fn even(side: u32) -> u32 {
    (side & !1).max(2)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HD: FrameBox = FrameBox { long: 1280, short: 720, least: 2 };

    fn fit(width: u32, height: u32) -> (u32, u32) {
        let fit = Frame { width, height }.fit(HD);
        (fit.width, fit.height)
    }

    #[test]
    fn frames_keep_their_aspect_and_never_grow() {
        assert_eq!(fit(1920, 1080), (1280, 720));
        assert_eq!(fit(1080, 1920), (720, 1280), "portrait turns the box");
        assert_eq!(fit(640, 360), (640, 360), "no upscaling");
        assert_eq!(fit(641, 361), (640, 360), "odd sizes become even");
        assert_eq!(fit(4096, 1716), (1280, 536));
        assert_eq!(fit(10_000, 2), (1280, 2), "a line stays a picture");
        assert_eq!(fit(0, 0), (2, 2), "unknown size does not divide by zero");
    }

    #[test]
    fn displayed_size_counts_rotation_and_pixel_shape() {
        let dv = VideoFacts { width: 720, height: 576, pixel_aspect: 64.0 / 45.0, ..VideoFacts::default() };
        assert_eq!(Frame::displayed(&dv), Frame { width: 1024, height: 576 });
        let phone = VideoFacts { rotation_degrees: 90, pixel_aspect: 1.0, ..dv };
        assert_eq!(Frame::displayed(&phone), Frame { width: 576, height: 720 });
    }
}
