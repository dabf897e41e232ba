//! Bars that lie one below the other, each with a whisker from its lowest to its highest run.

use plotters::prelude::{PathElement, Rectangle};
use plotters::style::Color;
use plotters::style::text_anchor::HPos;
use surewire_load::Error;

use super::{Canvas, Colour, FAINT, INK, pixel, style, svg, undrawn};
use crate::stats::Spread;

const WIDTH: u32 = 520;
/// Pixels from one bar to the next.
const STEP: i32 = 30;
/// Pixels that a bar is high.
const THICK: i32 = 16;
const MARGIN: i32 = 8;
/// Where bars begin, and where the longest whisker ends: names stand before, figures behind.
const SPAN: (i32, i32) = (110, 390);

/// One panel.
#[derive(Debug, Clone)]
pub struct Bars {
    /// From top to bottom.
    pub bars: Vec<Bar>,
}

/// One bar.
#[derive(Debug, Clone)]
pub struct Bar {
    /// Whose it is.
    pub name: String,
    /// Its colour.
    pub colour: Colour,
    /// How long it is, and its whisker. Without it there is only the text.
    pub value: Option<Spread>,
    /// What stands behind it.
    pub text: String,
}

impl Bars {
    /// The panel as one `svg` element.
    ///
    /// # Errors
    /// [`Error::System`] when it cannot be drawn.
    pub fn svg(&self) -> Result<String, Error> {
        let longest = self.bars.iter().filter_map(|bar| bar.value).map(|value| value.max);
        let longest = longest.fold(f64::MIN_POSITIVE, f64::max);
        let bars = u32::try_from(self.bars.len()).unwrap_or(u32::MAX);
        let height = bars * STEP.unsigned_abs() + 2 * MARGIN.unsigned_abs();
        svg((WIDTH, height), |canvas| {
            let bottom = i32::try_from(height).unwrap_or(i32::MAX) - MARGIN;
            line(canvas, &[(SPAN.0, MARGIN), (SPAN.0, bottom)], &FAINT)?;
            for (number, bar) in (0..).zip(&self.bars) {
                bar.draw(canvas, MARGIN + STEP * number + STEP / 2, longest)?;
            }
            Ok(())
        })
    }
}

impl Bar {
    /// Around the height `y`, as long as the share of `longest` that it is.
    fn draw(&self, canvas: &Canvas<'_>, y: i32, longest: f64) -> Result<(), Error> {
        let right = style(HPos::Right, canvas);
        canvas.draw_text(&self.name, &right, (SPAN.0 - MARGIN, y)).map_err(undrawn)?;
        let mut end = SPAN.0;
        if let Some(Spread { median, min, max }) = self.value {
            let at = |value: f64| pixel(value / longest, SPAN);
            let corners = [(SPAN.0, y - THICK / 2), (at(median), y + THICK / 2)];
            let bar = Rectangle::new(corners, self.colour.0.filled());
            canvas.draw(&bar).map_err(undrawn)?;
            whisker(canvas, (at(min), at(max)), y)?;
            end = at(max);
        }
        let left = style(HPos::Left, canvas);
        canvas.draw_text(&self.text, &left, (end + MARGIN, y)).map_err(undrawn)
    }
}

fn whisker(canvas: &Canvas<'_>, (from, to): (i32, i32), y: i32) -> Result<(), Error> {
    let tip = THICK / 4;
    line(canvas, &[(from, y), (to, y)], &INK)?;
    for x in [from, to] {
        line(canvas, &[(x, y - tip), (x, y + tip)], &INK)?;
    }
    Ok(())
}

fn line(canvas: &Canvas<'_>, points: &[(i32, i32)], colour: &impl Color) -> Result<(), Error> {
    canvas.draw(&PathElement::new(points, colour.stroke_width(1))).map_err(undrawn)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_is_as_long_as_its_share_of_the_longest_whisker() {
        let bar = |median: f64, text: &str| Bar {
            name: "name".into(),
            colour: Colour::of(0),
            value: Some(Spread { median, min: median, max: 2.0 * median }),
            text: text.into(),
        };
        let failed = Bar { value: None, ..bar(0.0, "a < b") };
        let svg = Bars { bars: vec![bar(1.0, "1"), bar(0.5, "half"), failed] }.svg().unwrap();
        assert!(svg.contains("width=\"140\"") && svg.contains("width=\"70\""), "{svg}");
        assert!(svg.contains("a &lt; b"), "{svg}");
        assert_eq!(svg.matches("<svg").count(), 1);
    }
}
