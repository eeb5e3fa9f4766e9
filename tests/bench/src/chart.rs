//! Bar charts, as SVG that is readable on light and dark pages.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

/// Bars that are compared with each other.
pub(super) struct Panel {
    pub(super) title: String,
    pub(super) bars: Vec<Bar>,
}

pub(super) struct Bar {
    pub(super) name: String,
    /// `None` if there is no limit: longer than all others.
    pub(super) length: Option<f64>,
    /// The text at its end.
    pub(super) label: String,
    pub(super) is_ours: bool,
}

/// The background is transparent, so each colour contrasts with both white and black.
const TEXT: RGBColor = RGBColor(0x7a, 0x81, 0x8a);
const OURS: RGBColor = RGBColor(0x2f, 0x81, 0xf7);
const OTHER: RGBColor = RGBColor(0x95, 0x9d, 0xa5);
const ENDLESS: RGBColor = RGBColor(0xc9, 0x5a, 0x4f);

// In pixels.
const HEADING: u32 = 38;
const NOTE: u32 = 30;
const TITLE: u32 = 28;
const ROW: u32 = 24;
const BELOW: u32 = 16;
/// The length of the longest bar.
const BARS: u32 = 180;
/// The width of a letter. With less, pages with a wide font would cut off names.
const LETTER: u32 = 8;
const MARGIN: u32 = 8;

/// The length of a bar without a limit, relative to the longest.
const BEYOND: f64 = 1.3;

// Font sizes; the SVG uses four fifths of them.
const LARGE: u32 = 21;
const MEDIUM: u32 = 17;
const SMALL: u32 = 16;

/// Draws the panels in columns and rows.
pub(super) fn write(file: &Path, heading: &str, note: &str, columns: usize, panels: &[Panel]) -> Result<()> {
    let text = draw(heading, note, columns.clamp(1, panels.len().max(1)), panels)
        .with_context(|| format!("drawing {}", file.display()))?;
    if let Some(folder) = file.parent() {
        fs::create_dir_all(folder).with_context(|| format!("creating {}", folder.display()))?;
    }
    fs::write(file, text).with_context(|| format!("writing {}", file.display()))?;
    println!("drawn: {}", file.display());
    Ok(())
}

fn draw(heading: &str, note: &str, columns: usize, panels: &[Panel]) -> Result<String> {
    let bars = panels.iter().map(|panel| panel.bars.len()).max().unwrap_or_default();
    let room =
        Room { names: room(panels, |bar| &bar.name), labels: room(panels, |bar| &bar.label), rows: bars };
    let rows = panels.len().div_ceil(columns);
    let panel_height = TITLE + pixels(bars) * ROW + BELOW;
    let beneath = pixels(note.chars().count()) * LETTER + 2 * MARGIN;
    let width = beneath.max(pixels(columns) * (room.names + BARS + room.labels));
    let mut text = String::new();
    {
        let backend =
            SVGBackend::with_string(&mut text, (width, HEADING + pixels(rows) * panel_height + NOTE));
        let page = backend.into_drawing_area();
        let (top, rest) = page.split_vertically(HEADING);
        let (middle, bottom) = rest.split_vertically(pixels(rows) * panel_height);
        top.draw(&written(heading, LARGE, FontStyle::Bold))?;
        bottom.draw(&written(note, SMALL, FontStyle::Normal))?;
        for (panel, area) in panels.iter().zip(middle.split_evenly((rows, columns))) {
            draw_panel(panel, &room, &area)?;
        }
        page.present()?;
    }
    Ok(format!("{}\n", text.trim_end()))
}

/// The space beside the bars of each panel.
struct Room {
    names: u32,
    labels: u32,
    rows: usize,
}

fn room(panels: &[Panel], text: impl Fn(&Bar) -> &String) -> u32 {
    let letters = panels.iter().flat_map(|panel| &panel.bars).map(|bar| text(bar).chars().count()).max();
    pixels(letters.unwrap_or_default()) * LETTER + 2 * MARGIN
}

/// A style for text at the top left corner.
fn written(text: &str, size: u32, weight: FontStyle) -> Text<'static, (i32, i32), String> {
    Text::new(text.to_owned(), (8, 6), style(size, weight, TEXT, HPos::Left, VPos::Top))
}

fn style(
    size: u32,
    weight: FontStyle,
    colour: RGBColor,
    horizontal: HPos,
    vertical: VPos,
) -> TextStyle<'static> {
    let font = ("sans-serif", f64::from(size), weight).into_font();
    let mut style = TextStyle::from(font).pos(Pos::new(horizontal, vertical));
    style.color = colour.to_backend_color();
    style
}

type Area<'a> = DrawingArea<SVGBackend<'a>, plotters::coord::Shift>;

fn draw_panel(panel: &Panel, room: &Room, area: &Area<'_>) -> Result<()> {
    area.draw(&written(&panel.title, MEDIUM, FontStyle::Bold))?;
    let longest = panel.bars.iter().filter_map(|bar| bar.length).fold(0.0, f64::max);
    // There must be a scale even if no bar has a length.
    let longest = if longest > 0.0 { longest } else { 1.0 };
    // A bar without a limit is longer than all others.
    let is_endless = panel.bars.iter().any(|bar| bar.length.is_none());
    let longest = if is_endless { longest * BEYOND } else { longest };
    let mut chart = ChartBuilder::on(area)
        .margin_top(TITLE)
        .margin_bottom(BELOW)
        .margin_left(room.names)
        .margin_right(room.labels)
        .build_cartesian_2d(0.0..longest, f64::from(pixels(room.rows))..0.0)?;
    for (row, bar) in (0_u32..).zip(&panel.bars) {
        let (row, length) = (f64::from(row), bar.length.unwrap_or(longest));
        let (colour, weight) = match bar.length {
            _ if bar.is_ours => (OURS, FontStyle::Bold),
            Some(_) => (OTHER, FontStyle::Normal),
            None => (ENDLESS, FontStyle::Normal),
        };
        let shape = Rectangle::new([(0.0, row + 0.16), (length, row + 0.84)], colour.filled());
        chart.draw_series([shape])?;
        let ink = if bar.is_ours { OURS } else { TEXT };
        let name = style(SMALL, weight, ink, HPos::Right, VPos::Center);
        let label = style(SMALL, weight, ink, HPos::Left, VPos::Center);
        let name = Text::new(bar.name.clone(), (-8, 0), name);
        let label = Text::new(bar.label.clone(), (6, 0), label);
        chart.draw_series([EmptyElement::at((0.0, row + 0.5)) + name])?;
        chart.draw_series([EmptyElement::at((length, row + 0.5)) + label])?;
    }
    Ok(())
}

fn pixels(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_are_as_long_as_their_numbers() {
        let bar = |name: &str, length, is_ours| Bar {
            name: name.to_owned(),
            length,
            label: format!("{length:?} s"),
            is_ours,
        };
        let bars = vec![bar("ours", Some(1.0), true), bar("a < b", Some(4.0), false), bar("c", None, false)];
        let text = draw("Heading", "Note", 2, &[Panel { title: "Title".to_owned(), bars }]).unwrap();
        let widths: Vec<&str> = text
            .lines()
            .filter(|line| line.starts_with("<rect"))
            .filter_map(|line| line.split("width=\"").nth(1)?.split('"').next())
            .collect();
        assert_eq!(widths.len(), 3, "{text}");
        let widths: Vec<i32> = widths.iter().map(|width| width.parse().unwrap()).collect();
        assert!((widths[1] - 4 * widths[0]).abs() <= 4 && widths[2] > widths[1], "{widths:?}");
        for part in ["Heading", "Note", "Title", "a &lt; b", "#2F81F7", "</svg>\n"] {
            assert!(text.contains(part), "{part}: {text}");
        }
    }
}
