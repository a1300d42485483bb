//! Pictures of what users see: a map as the program draws it, and two screens of a terminal.

use anyhow::Result;
use ratatui::{Terminal, backend::TestBackend};
use showalloc::view::{cells::cells, order::Order, overview::table, screen::Screen, svg::svg, top::draw};

use crate::{Document, stage, terminal, window::Window};

/// A terminal that shows everything.
const SCREEN: Screen = Screen { width: None, is_ascii: false, is_coloured: true };

/// Columns and rows of the terminal that `top` runs on.
const TOP: (u16, u16) = (116, 34);

/// The pictures.
pub fn pictures() -> Result<Vec<Document>> {
    Ok(vec![
        Document { path: "docs/pictures/map.svg".to_owned(), text: map()? },
        Document { path: "docs/pictures/networks.svg".to_owned(), text: networks()? },
        Document { path: "docs/pictures/top.svg".to_owned(), text: top()? },
    ])
}

fn map() -> Result<String> {
    let map = stage::internal()?;
    Ok(svg(&[cells(&map, None)?], Order::Rows))
}

fn networks() -> Result<String> {
    let lines = table(&stage::networks()?, false, true, &SCREEN);
    let name = "The networks of a cluster: how full each is, and how many of its addresses are leaked";
    Ok(Window { name, title: "kubectl danm networks -A", rows: &terminal::of_lines(&lines) }.svg())
}

fn top() -> Result<String> {
    let live = stage::live()?;
    let mut drawn = Terminal::new(TestBackend::new(TOP.0, TOP.1))?;
    drawn.draw(|frame| draw(frame, &live, &SCREEN))?;
    let name =
        "The networks of a cluster, live: a table, the selected network as a map, and what has changed";
    let title = "kubectl danm top -A";
    Ok(Window { name, title, rows: &terminal::of_buffer(drawn.backend().buffer()) }.svg())
}
