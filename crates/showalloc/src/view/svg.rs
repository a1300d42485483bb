//! Maps as a picture of its own, for a ticket or a page: an SVG without scripts and without anything from elsewhere.
//! It says in words, tooltips and letters whatever it says in colours. Stacks the sheets; one map's sheet is drawn
//! in `sheet`, and what a cell says of itself is in `tooltip`.

mod sheet;
mod tooltip;

use crate::view::{cells::Cells, order::Order, palette::Ink, xml::Element};

use self::sheet::Sheet;

/// Space around everything, in pixels.
const MARGIN: usize = 24;

/// The least width: shorter pictures look lost.
const NARROWEST: usize = 640;

/// The background. The picture brings its own, or it could not be read on a dark page.
const PAPER: &str = "#ffffff";

/// Fonts with columns: where text ends is known without measuring it.
const FONTS: &str = "ui-monospace, Menlo, Consolas, DejaVu Sans Mono, monospace";

/// A picture of some maps, one below the other.
pub fn svg(maps: &[Cells<'_>], order: Order) -> String {
    let sheets: Vec<Sheet> = maps.iter().map(|cells| Sheet::of(cells, order)).collect();
    let width = sheets.iter().map(|sheet| sheet.width).max().unwrap_or_default().max(NARROWEST) + 2 * MARGIN;
    let mut top = MARGIN;
    let mut drawn = Vec::new();
    let (mut names, mut descriptions) = (Vec::new(), Vec::new());
    for sheet in sheets {
        drawn.push(sheet.drawing.with("transform", format!("translate({MARGIN} {top})")));
        top += sheet.height + MARGIN;
        names.push(sheet.name);
        descriptions.push(sheet.description);
    }
    if drawn.is_empty() {
        drawn
            .push(Element::new("text").with("x", MARGIN).with("y", MARGIN + 13).text("no addresses to show"));
        top += MARGIN + 16;
    }
    let picture = Element::new("svg")
        .with("xmlns", "http://www.w3.org/2000/svg")
        .with("width", width)
        .with("height", top)
        .with("viewBox", format!("0 0 {width} {top}"))
        .with("role", "img")
        .with("aria-labelledby", "showalloc-title showalloc-desc")
        .with("font-family", FONTS)
        .with("font-size", 13)
        .with("fill", Ink::Plain.hex());
    let title = Element::new("title").with("id", "showalloc-title");
    let description = Element::new("desc").with("id", "showalloc-desc");
    let paper = Element::new("rect").with("width", "100%").with("height", "100%").with("fill", PAPER);
    let picture = picture
        .child(title.text(if names.is_empty() { "No addresses".to_owned() } else { names.join(", ") }))
        .child(description.text(descriptions.join("\n")))
        .child(paper)
        .children(drawn);
    format!("{picture}\n")
}
