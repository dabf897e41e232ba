//! A straight line through points.

/// y = intercept + slope * x, by least squares.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize)]
pub struct Line {
    /// y at x = 0.
    pub intercept: f64,
    /// What y grows by when x grows by 1.
    pub slope: f64,
    /// The share of what y varies by that the line explains: 1 is all of it.
    pub r_squared: f64,
}

impl Line {
    /// The line through points of at least two different x.
    #[must_use]
    pub fn through(points: &[(f64, f64)]) -> Option<Self> {
        let mean = |of: fn(&(f64, f64)) -> f64| sum(points.iter().map(of)) / count(points);
        let (x_mean, y_mean) = (mean(|point| point.0), mean(|point| point.1));
        let from_mean = || points.iter().map(|(x, y)| (x - x_mean, y - y_mean));
        let x_varies = sum(from_mean().map(|(x, _)| x * x));
        let y_varies = sum(from_mean().map(|(_, y)| y * y));
        let together = sum(from_mean().map(|(x, y)| x * y));
        if points.len() < 2 || x_varies <= 0.0 {
            return None;
        }
        let slope = together / x_varies;
        let explained = slope * together;
        let r_squared = if y_varies > 0.0 { explained / y_varies } else { 1.0 };
        Some(Self { intercept: y_mean - slope * x_mean, slope, r_squared })
    }

    /// y at this x.
    #[must_use]
    pub fn at(&self, x: f64) -> f64 {
        self.intercept + self.slope * x
    }
}

fn sum(values: impl Iterator<Item = f64>) -> f64 {
    values.sum()
}

#[expect(clippy::cast_precision_loss, reason = "a handful of points")]
const fn count(points: &[(f64, f64)]) -> f64 {
    points.len() as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_on_a_line_give_that_line() {
        let line = Line::through(&[(1.0, 5.0), (2.0, 7.0), (5.0, 13.0)]).unwrap();
        let near = |one: f64, other: f64| (one - other).abs() < 1e-9;
        assert!(near(line.slope, 2.0) && near(line.intercept, 3.0), "{line:?}");
        assert!(near(line.r_squared, 1.0) && near(line.at(10.0), 23.0), "{line:?}");
    }

    #[test]
    fn what_a_line_does_not_explain_is_told() {
        let line = Line::through(&[(0.0, 0.0), (1.0, 1.0), (2.0, 0.0)]).unwrap();
        assert!(line.slope.abs() < 1e-9 && line.r_squared < 0.01, "{line:?}");
    }

    #[test]
    fn one_place_makes_no_line() {
        assert_eq!(Line::through(&[]), None);
        assert_eq!(Line::through(&[(1.0, 2.0)]), None);
        assert_eq!(Line::through(&[(1.0, 2.0), (1.0, 3.0)]), None);
    }
}
