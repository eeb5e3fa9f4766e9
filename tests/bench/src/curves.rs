//! Charts of curves over the number of nodes, as SVG that is readable on light and dark pages.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

/// Points of one series, from left to right.
pub(super) struct Curve {
    pub(super) name: String,
    pub(super) points: Vec<(f64, f64)>,
}

/// A graph with two logarithmic scales.
pub(super) struct Graph {
    pub(super) heading: String,
    pub(super) note: String,
    pub(super) across: String,
    pub(super) up: String,
    pub(super) curves: Vec<Curve>,
}

/// The background is transparent, so each colour contrasts with both white and black.
const TEXT: RGBColor = RGBColor(0x7a, 0x81, 0x8a);
const COLOURS: [RGBColor; 5] = [
    RGBColor(0xd0, 0x5a, 0x4e),
    RGBColor(0x2f, 0x81, 0xf7),
    RGBColor(0x2d, 0x9d, 0x6a),
    RGBColor(0xb0, 0x7a, 0x10),
    RGBColor(0x9a, 0x6b, 0xd6),
];

// In pixels.
const WIDTH: u32 = 760;
const HEIGHT: u32 = 460;
const TOP: i32 = 64;
const LEFT: u32 = 70;
const RIGHT: u32 = 216;
const BELOW: u32 = 84;
/// The minimum distance between the names at the ends of curves.
const APART: i32 = 20;

pub(super) fn write(file: &Path, graph: &Graph) -> Result<()> {
    let text = draw(graph).with_context(|| format!("drawing {}", file.display()))?;
    if let Some(folder) = file.parent() {
        fs::create_dir_all(folder).with_context(|| format!("creating {}", folder.display()))?;
    }
    fs::write(file, text).with_context(|| format!("writing {}", file.display()))?;
    println!("drawn: {}", file.display());
    Ok(())
}

fn draw(graph: &Graph) -> Result<String> {
    let mut text = String::new();
    {
        let page = SVGBackend::with_string(&mut text, (WIDTH, HEIGHT)).into_drawing_area();
        page.draw(&label(&graph.heading, (8, 6), 21, FontStyle::Bold, TEXT, HPos::Left))?;
        page.draw(&label(&graph.up, (8, 36), 16, FontStyle::Normal, TEXT, HPos::Left))?;
        let below = i32::try_from(HEIGHT)? - 26;
        page.draw(&label(&graph.note, (8, below), 16, FontStyle::Normal, TEXT, HPos::Left))?;
        let plot = page.margin(TOP, BELOW, LEFT, RIGHT);
        draw_plot(graph, &page, &plot)?;
        page.present()?;
    }
    Ok(format!("{}\n", text.trim_end()))
}

type Page<'a> = DrawingArea<SVGBackend<'a>, plotters::coord::Shift>;

fn draw_plot(graph: &Graph, page: &Page<'_>, plot: &Page<'_>) -> Result<()> {
    let all = || graph.curves.iter().flat_map(|curve| &curve.points);
    let (across, up) = (range(all().map(|point| point.0)), range(all().map(|point| point.1)));
    let (width, height) = plot.dim_in_pixel();
    let (left, top) = plot.get_base_pixel();
    let place = |part: f64, size: u32| -> i32 { pixel(part * f64::from(size)) };
    let x = |value: f64| left + place(across.part(value), width);
    let y = |value: f64| top + place(1.0 - up.part(value), height);
    for value in across.steps(1) {
        let words =
            label(&number(value), (x(value), y(up.least) + 8), 16, FontStyle::Normal, TEXT, HPos::Center);
        page.draw(&words)?;
    }
    for value in up.steps(9) {
        page.draw(&PathElement::new([(left, y(value)), (x(across.most), y(value))], TEXT.mix(0.35)))?;
        let words = label(&number(value), (left - 8, y(value) - 7), 16, FontStyle::Normal, TEXT, HPos::Right);
        page.draw(&words)?;
    }
    let middle = (i32::midpoint(left, x(across.most)), y(up.least) + 32);
    page.draw(&label(&graph.across, middle, 16, FontStyle::Normal, TEXT, HPos::Center))?;
    let mut names = Vec::new();
    for (curve, colour) in graph.curves.iter().zip(COLOURS.iter().cycle()) {
        let points: Vec<(i32, i32)> = curve.points.iter().map(|point| (x(point.0), y(point.1))).collect();
        page.draw(&PathElement::new(points.clone(), colour.stroke_width(2)))?;
        for point in &points {
            page.draw(&Circle::new(*point, 3, colour.filled()))?;
        }
        names.extend(points.last().map(|end| (end.1 - 7, &curve.name, *colour)));
    }
    // From the lowest up, so that no name overlaps another.
    names.sort_by_key(|name| std::cmp::Reverse(name.0));
    let mut free = i32::MAX;
    for (height, name, colour) in names {
        let height = height.min(free);
        page.draw(&label(name, (x(across.most) + 10, height), 16, FontStyle::Bold, colour, HPos::Left))?;
        free = height - APART;
    }
    Ok(())
}

/// The range of values, rounded to powers of two.
struct Range {
    least: f64,
    most: f64,
}

fn range(values: impl Iterator<Item = f64>) -> Range {
    let (least, most) = values
        .filter(|value| *value > 0.0)
        .fold((f64::MAX, 0.0), |(least, most), value| (value.min(least), value.max(most)));
    if most > 0.0 {
        Range { least: least.log2().floor().exp2(), most: most.max(least * 1.1).log2().ceil().exp2() }
    } else {
        Range { least: 1.0, most: 2.0 }
    }
}

impl Range {
    /// 0 at the minimum, 1 at the maximum. Smaller values are at the bottom.
    fn part(&self, value: f64) -> f64 {
        (value.max(self.least) / self.least).log2() / (self.most / self.least).log2()
    }

    /// About ten values at most; with `few`, fewer.
    fn steps(&self, few: u32) -> Vec<f64> {
        let doublings = (self.most / self.least).log2().round();
        let every = if few > 1 { (doublings / f64::from(few)).ceil().max(1.0) } else { 1.0 };
        let mut steps = vec![self.least];
        while let Some(last) = steps.last().filter(|last| **last < self.most) {
            steps.push(last * every.exp2());
        }
        steps.retain(|step| *step <= self.most);
        steps
    }
}

#[expect(clippy::cast_possible_truncation, reason = "a place on a small page")]
fn pixel(length: f64) -> i32 {
    length.round() as i32
}

fn number(value: f64) -> String {
    if value < 1.0 { format!("{value:.2}") } else { format!("{value:.0}") }
}

fn label(
    text: &str,
    at: (i32, i32),
    size: u32,
    weight: FontStyle,
    colour: RGBColor,
    side: HPos,
) -> Text<'static, (i32, i32), String> {
    let font = ("sans-serif", f64::from(size), weight).into_font();
    let mut style = TextStyle::from(font).pos(Pos::new(side, VPos::Top));
    style.color = colour.to_backend_color();
    Text::new(text.to_owned(), at, style)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn curves_go_up_where_their_numbers_do() {
        let curve =
            |name: &str, end| Curve { name: name.to_owned(), points: vec![(1.0, 1.0), (1000.0, end)] };
        let text = draw(&Graph {
            heading: "Heading".to_owned(),
            note: "a < b".to_owned(),
            across: "nodes".to_owned(),
            up: "seconds".to_owned(),
            curves: vec![curve("up", 500.0), curve("flat", 1.0)],
        })
        .unwrap();
        let lines: Vec<Vec<i32>> = text
            .split("<polyline")
            .filter_map(|part| part.split("points=\"").nth(1)?.split('"').next())
            .map(|points| points.split([' ', ',']).filter_map(|number| number.parse().ok()).collect())
            .filter(|numbers: &Vec<i32>| numbers.len() == 4)
            .collect();
        let heights: Vec<i32> = lines.iter().map(|line| line[1] - line[3]).collect();
        assert!(heights.iter().any(|height| *height > 200) && heights.contains(&0), "{lines:?}");
        for part in ["Heading", "a &lt; b", "nodes", "seconds", "up", "flat", "1024", "512"] {
            assert!(text.contains(part), "{part}: {text}");
        }
    }

    #[test]
    fn scales_are_powers_of_two() {
        let range = range([3.0, 900.0].into_iter());
        assert_eq!((range.least, range.most), (2.0, 1024.0));
        assert_eq!(range.steps(9).len(), 10);
        assert!((range.part(2.0), range.part(0.0), range.part(1024.0)) == (0.0, 0.0, 1.0));
    }
}
