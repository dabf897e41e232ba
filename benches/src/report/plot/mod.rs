//! Plots as SVG. Their text is drawn by whoever shows them, so no font is needed to make them.

mod bars;
mod lines;
mod scale;

use std::fmt::Display;
use std::io;

use plotters::coord::Shift;
use plotters::prelude::{DrawingArea, IntoDrawingArea, SVGBackend};
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{IntoTextStyle, RGBColor, TextStyle, WHITE};

pub use self::bars::{Bar, Bars};
pub use self::lines::{Axis, Lines, Series};
use surewire_load::Error;

/// Told apart by most people, on white; the first is the one that a plot is about.
const COLOURS: [RGBColor; 8] = [
    RGBColor(0x42, 0x69, 0xd0),
    RGBColor(0xef, 0x8e, 0x1a),
    RGBColor(0x3c, 0xa9, 0x51),
    RGBColor(0xd6, 0x4c, 0x4c),
    RGBColor(0x97, 0x5a, 0xcd),
    RGBColor(0x2b, 0xa3, 0xb5),
    RGBColor(0x9c, 0x6b, 0x4e),
    RGBColor(0xe0, 0x6f, 0xa8),
];
/// Of the relay, and of anything else that is a yardstick.
const GREY: RGBColor = RGBColor(0x8a, 0x90, 0x99);
const INK: RGBColor = RGBColor(0x22, 0x29, 0x33);
const FAINT: RGBColor = RGBColor(0xdd, 0xe1, 0xe6);
const FONT: &str = "sans-serif";
/// Pixels.
const TEXT: i32 = 13;

/// The colour of one broker, the same in all plots of a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Colour(RGBColor);

impl Colour {
    /// That of the broker at this place among the compared.
    #[must_use]
    pub fn of(place: usize) -> Self {
        Self(COLOURS.into_iter().cycle().nth(place % COLOURS.len()).unwrap_or(INK))
    }

    /// That of a yardstick.
    #[must_use]
    pub const fn yardstick() -> Self {
        Self(GREY)
    }
}

type Canvas<'a> = DrawingArea<SVGBackend<'a>, Shift>;

/// What `draw` draws on white, as one `svg` element.
fn svg(
    (width, height): (u32, u32),
    draw: impl FnOnce(&Canvas<'_>) -> Result<(), Error>,
) -> Result<String, Error> {
    let mut text = String::new();
    {
        let canvas = SVGBackend::with_string(&mut text, (width, height)).into_drawing_area();
        canvas.fill(&WHITE).map_err(undrawn)?;
        draw(&canvas)?;
        canvas.present().map_err(undrawn)?;
    }
    Ok(text)
}

fn undrawn(error: impl Display) -> Error {
    Error::system("draw a plot")(io::Error::other(error.to_string()))
}

fn style(horizontal: HPos, canvas: &Canvas<'_>) -> TextStyle<'static> {
    let pos = Pos::new(horizontal, VPos::Center);
    (FONT, TEXT, &INK).into_text_style(canvas).pos(pos)
}

/// The pixel at a place between two others.
#[expect(clippy::cast_possible_truncation, reason = "within the picture, or at its edge")]
fn pixel(share: f64, (from, to): (i32, i32)) -> i32 {
    let (from, to) = (f64::from(from), f64::from(to));
    (from + (to - from) * share.clamp(0.0, 1.0)).round() as i32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pixel_stays_within_its_range() {
        assert_eq!([0.0, 0.5, 1.0, 7.0].map(|share| pixel(share, (10, 20))), [10, 15, 20, 20]);
        assert_eq!(pixel(0.25, (200, 100)), 175, "upwards");
    }

    #[test]
    fn colours_repeat_only_after_all_have_been_used() {
        let first: Vec<_> = (0..COLOURS.len()).map(Colour::of).collect();
        assert!(first.iter().all(|one| first.iter().filter(|it| *it == one).count() == 1));
        assert_eq!(Colour::of(COLOURS.len()), Colour::of(0));
    }
}
