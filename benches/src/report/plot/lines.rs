//! Curves: what is measured over what grows, each point with a whisker over its runs.

use plotters::chart::ChartBuilder;
use plotters::prelude::{
    Cartesian2d, ChartContext, Circle, LineSeries, PathElement, Rectangle, SVGBackend,
};
use plotters::style::text_anchor::HPos;
use plotters::style::{Color, IntoTextStyle, WHITE};
use surewire_load::Error;

use super::scale::Scale;
use super::{Canvas, Colour, FAINT, FONT, INK, TEXT, style, svg, undrawn};
use crate::stats::Spread;

/// Pixels, without the legend.
const SIZE: (u32, u32) = (760, 400);
/// Pixels from one line of the legend to the next.
const LEGEND: i32 = 20;
/// Pixels from one name in a line to the next.
const WIDE: i32 = 360;

/// One plot.
#[derive(Debug, Clone)]
pub struct Lines {
    /// What it shows, in one line.
    pub title: String,
    /// What grows.
    pub x: Axis,
    /// What is measured.
    pub y: Axis,
    /// The curves.
    pub series: Vec<Series>,
}

/// What an axis shows.
#[derive(Debug, Clone)]
pub struct Axis {
    /// Name and unit.
    pub name: String,
    /// Whether equal ratios are equally long. Otherwise it begins at 0.
    pub log: bool,
}

/// One curve.
#[derive(Debug, Clone)]
pub struct Series {
    /// What the legend says.
    pub name: String,
    /// Its colour.
    pub colour: Colour,
    /// Ascending.
    pub points: Vec<(f64, Spread)>,
    /// Where the drawn line goes, if not from point to point: a law that was fitted.
    pub fitted: Option<Vec<(f64, f64)>>,
}

type Chart<'a, 'b> = ChartContext<'a, SVGBackend<'b>, Cartesian2d<Scale, Scale>>;

impl Axis {
    fn scale(&self, values: impl Iterator<Item = f64>) -> Scale {
        if self.log { Scale::log(values) } else { Scale::linear(values) }
    }
}

impl Lines {
    /// The plot as one `svg` element.
    ///
    /// # Errors
    /// [`Error::System`] when it cannot be drawn.
    pub fn svg(&self) -> Result<String, Error> {
        let lines = i32::try_from(self.series.len().div_ceil(2)).unwrap_or(0);
        let legend = LEGEND * (lines + 2);
        svg((SIZE.0, SIZE.1 + legend.unsigned_abs()), |canvas| {
            let (above, below) = canvas.split_vertically(legend);
            self.legend(&above)?;
            self.draw(&below)
        })
    }

    fn draw(&self, canvas: &Canvas<'_>) -> Result<(), Error> {
        let points = || self.series.iter().flat_map(|series| &series.points);
        let x = self.x.scale(points().map(|(x, _)| *x));
        let y = self.y.scale(points().flat_map(|(_, y)| [y.min, y.max]));
        let mut chart = ChartBuilder::on(canvas)
            .margin(14)
            .x_label_area_size(44)
            .y_label_area_size(66)
            .build_cartesian_2d(x, y)
            .map_err(undrawn)?;
        chart
            .configure_mesh()
            .x_desc(&self.x.name)
            .y_desc(&self.y.name)
            .bold_line_style(FAINT)
            .light_line_style(WHITE.mix(0.0))
            .axis_style(INK)
            .label_style((FONT, TEXT, &INK))
            .axis_desc_style((FONT, TEXT, &INK))
            .draw()
            .map_err(undrawn)?;
        self.series.iter().try_for_each(|series| series.draw(&mut chart))
    }

    /// Above the plot, where no curve runs: two names a line.
    fn legend(&self, canvas: &Canvas<'_>) -> Result<(), Error> {
        let text = style(HPos::Left, canvas);
        let title = (FONT, TEXT + 3, &INK).into_text_style(canvas).pos(text.pos);
        canvas.draw_text(&self.title, &title, (LEGEND, LEGEND)).map_err(undrawn)?;
        for (number, series) in (0..).zip(&self.series) {
            let (x, y) = (LEGEND + WIDE * (number % 2), LEGEND * (number / 2 + 2));
            let corners = [(x, y - 5), (x + 14, y + 5)];
            let sample = Rectangle::new(corners, series.colour.0.filled());
            canvas.draw(&sample).map_err(undrawn)?;
            canvas.draw_text(&series.name, &text, (x + LEGEND, y)).map_err(undrawn)?;
        }
        Ok(())
    }
}

impl Series {
    fn draw(&self, chart: &mut Chart<'_, '_>) -> Result<(), Error> {
        let colour = self.colour.0;
        let along = || self.points.iter().map(|(x, y)| (*x, y.median)).collect();
        let drawn = self.fitted.clone().unwrap_or_else(along);
        let line = LineSeries::new(drawn, colour.stroke_width(2));
        chart.draw_series(line).map_err(undrawn)?;
        let whiskers = self.points.iter().map(|(x, Spread { min, max, .. })| {
            PathElement::new([(*x, *min), (*x, *max)], colour.stroke_width(1))
        });
        chart.draw_series(whiskers).map_err(undrawn)?;
        let points =
            self.points.iter().map(|(x, y)| Circle::new((*x, y.median), 4, colour.filled()));
        chart.draw_series(points).map_err(undrawn)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plot_names_its_axes_and_curves_and_draws_every_point() {
        let spread = |median| Spread { median, min: median / 2.0, max: median * 2.0 };
        let series = |name: &str| Series {
            name: name.into(),
            colour: Colour::of(0),
            points: vec![(1.0, spread(3.0)), (100.0, spread(300.0))],
            fitted: None,
        };
        let axis = |name: &str, log| Axis { name: name.into(), log };
        for log in [true, false] {
            let lines = Lines {
                title: "Title".into(),
                x: axis("subscribers", log),
                y: axis("seconds", log),
                series: vec![series("one"), series("other")],
            };
            let svg = lines.svg().unwrap();
            assert_eq!(svg.matches("<circle").count(), 4);
            for text in ["Title", "subscribers", "seconds", "one", "other"] {
                assert!(svg.contains(text), "{text} in {svg}");
            }
        }
    }
}
