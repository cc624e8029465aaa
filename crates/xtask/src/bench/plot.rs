//! A picture of a few lines, as SVG.
//!
//! Both axes are logarithmic: what doubles with its cause rises evenly, whatever its size. The picture
//! has colours of its own for light and dark pages.

use std::fmt;

const WIDTH: f64 = 640.0;
const HEIGHT: f64 = 360.0;
/// What is left free for the numbers and names: left, right, above and below the lines.
const LEFT: f64 = 70.0;
const RIGHT: f64 = 20.0;
const TOP: f64 = 20.0;
const BOTTOM: f64 = 50.0;
const COLOURS: [&str; 4] = ["#777777", "#1f77b4", "#d9541e", "#2a9d4a"];

/// Some lines between two axes.
#[derive(Debug)]
pub struct Plot {
    /// What is counted to the right.
    pub across: String,
    /// What is counted upwards.
    pub up: String,
    /// At most four.
    pub lines: Vec<Line>,
}

/// A line.
#[derive(Debug)]
pub struct Line {
    /// What it stands for.
    pub name: &'static str,
    /// From left to right; all numbers are above 0.
    pub points: Vec<(f64, f64)>,
}

/// The numbers along an axis, from the smallest to the largest.
#[derive(Debug, Clone, Copy)]
struct Axis {
    least: f64,
    most: f64,
}

impl Axis {
    fn of(numbers: impl Iterator<Item = f64> + Clone) -> Axis {
        let least = numbers.clone().fold(f64::INFINITY, f64::min);
        let most = numbers.fold(0.0, f64::max);
        Axis { least, most }
    }

    /// Rounded outwards to powers of ten.
    fn decades(self) -> Axis {
        Axis {
            least: 10f64.powf(self.least.log10().floor()),
            most: 10f64.powf(self.most.log10().ceil()),
        }
    }

    /// How far along it is: 0 for the smallest number, 1 for the largest.
    fn place(self, number: f64) -> f64 {
        let length = (self.most / self.least).ln();
        match length > 0.0 {
            true => (number / self.least).ln() / length,
            false => 0.5,
        }
    }

    /// The powers of ten on it.
    fn marks(self) -> impl Iterator<Item = f64> {
        let (least, most) = (
            self.least.log10().ceil() as i32,
            self.most.log10().floor() as i32,
        );
        (least..=most).map(|power| 10f64.powi(power))
    }
}

impl fmt::Display for Plot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let points = || self.lines.iter().flat_map(|line| &line.points);
        let across = Axis::of(points().map(|point| point.0));
        let up = Axis::of(points().map(|point| point.1)).decades();
        let x = |number| LEFT + across.place(number) * (WIDTH - LEFT - RIGHT);
        let y = |number| HEIGHT - BOTTOM - up.place(number) * (HEIGHT - TOP - BOTTOM);
        writeln!(
            f,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" \
             font-family=\"sans-serif\" font-size=\"13\">\n\
             <style>text {{ fill: #333 }} path {{ stroke: #ccc }} \
             @media (prefers-color-scheme: dark) \
             {{ text {{ fill: #ddd }} path {{ stroke: #555 }} }}</style>"
        )?;
        for mark in up.marks() {
            let (y, right) = (y(mark), WIDTH - RIGHT);
            writeln!(f, "<path d=\"M{LEFT} {y:.1}H{right}\"/>")?;
            let (x, y) = (LEFT - 8.0, y + 4.0);
            writeln!(
                f,
                "<text x=\"{x}\" y=\"{y:.1}\" text-anchor=\"end\">{mark}</text>"
            )?;
        }
        for (number, _) in self.lines.first().into_iter().flat_map(|line| &line.points) {
            let (x, y) = (x(*number), HEIGHT - BOTTOM + 18.0);
            writeln!(
                f,
                "<text x=\"{x:.1}\" y=\"{y}\" text-anchor=\"middle\">{number}</text>"
            )?;
        }
        let (middle, bottom) = ((LEFT + WIDTH - RIGHT) / 2.0, HEIGHT - 12.0);
        let (name, what) = (&self.across, &self.up);
        writeln!(
            f,
            "<text x=\"{middle}\" y=\"{bottom}\" text-anchor=\"middle\">{name}</text>"
        )?;
        writeln!(f, "<text x=\"8\" y=\"14\">{what}</text>")?;
        for (number, (line, colour)) in self.lines.iter().zip(COLOURS).enumerate() {
            let points: Vec<_> = line
                .points
                .iter()
                .map(|point| format!("{:.1},{:.1}", x(point.0), y(point.1)))
                .collect();
            let points = points.join(" ");
            writeln!(
                f,
                "<polyline points=\"{points}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\"/>"
            )?;
            let (x, y) = (LEFT + 12.0, TOP + 16.0 * (number as f64 + 1.0));
            writeln!(
                f,
                "<rect x=\"{x}\" y=\"{}\" width=\"14\" height=\"3\" fill=\"{colour}\"/>\n\
                 <text x=\"{}\" y=\"{y}\">{}</text>",
                y - 5.0,
                x + 20.0,
                line.name
            )?;
        }
        writeln!(f, "</svg>")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_doubles_with_its_cause_rises_evenly() {
        let points = vec![(10.0, 0.1), (100.0, 1.0), (1000.0, 10.0)];
        let name = "one";
        let plot = Plot {
            across: "packages".to_owned(),
            up: "seconds".to_owned(),
            lines: vec![Line { name, points }],
        };
        let svg = plot.to_string();
        // From the lower left corner through the middle to the upper right one.
        assert!(
            svg.contains("points=\"70.0,310.0 345.0,165.0 620.0,20.0\""),
            "{svg}"
        );
        for mark in [
            ">0.1<",
            ">1<",
            ">10<",
            ">100<",
            ">1000<",
            ">packages<",
            ">seconds<",
        ] {
            assert!(svg.contains(mark), "{mark}: {svg}");
        }
    }

    #[test]
    fn one_point_is_in_the_middle() {
        let axis = Axis::of([5.0].into_iter());
        assert_eq!(axis.place(5.0), 0.5);
    }
}
