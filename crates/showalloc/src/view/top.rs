//! The screen of `top`: networks above, the selected one as a picture below, what changes beside it, the keys at the end.

use operator_runtime::printable;
use ratatui::{
    Frame,
    layout::{Constraint, Layout, Rect},
    style::{Color, Modifier, Style},
    text::{Line as TerminalLine, Span},
    widgets::{Block, Paragraph, Row, Table, TableState, Wrap},
};

use super::{
    bar,
    cells::cells,
    grid::grid,
    line::Line,
    palette::{Ink, ink},
    screen::Screen,
    show::title,
};
use crate::{
    live::{Change, Live},
    overview::{NetworkOverview, Overview},
};

/// The keys, in words.
const KEYS: &str = "up/down select   s sort   enter closer   esc back   h curve   q quit";

/// From so many columns on there is room for everything.
const WIDE: u16 = 80;

/// Lines for what is not seen.
const MOST_LIMITS: usize = 4;

/// Columns of a bar with its number, and of the number alone.
const BAR: u16 = 19;
const NUMBER: u16 = 7;

/// Draws everything.
pub fn draw(frame: &mut Frame<'_>, live: &Live, screen: &Screen) {
    let rows = u16::try_from(live.networks.len()).unwrap_or(u16::MAX).saturating_add(2);
    let most = (frame.area().height / 3).max(4);
    let limits = live.limits.as_deref().unwrap_or_default();
    // Words that go into the next line leave some room behind them.
    let told = limits.chars().count().div_ceil(usize::from(frame.area().width).max(8) - 7).min(MOST_LIMITS);
    let [networks, picture, told, keys] = Layout::vertical([
        Constraint::Length(rows.min(most)),
        Constraint::Fill(1),
        Constraint::Length(u16::try_from(told).unwrap_or_default()),
        Constraint::Length(1),
    ])
    .areas(frame.area());
    let limits = Paragraph::new(terminal(&Line::of(Ink::Leaked, limits), screen)).wrap(Wrap { trim: true });
    frame.render_widget(limits, told);
    draw_networks(frame, networks, live, screen);
    let is_wide = picture.width >= WIDE;
    let halves = [Constraint::Length(if is_wide { 50 } else { picture.width }), Constraint::Fill(1)];
    let [map, changes] = Layout::horizontal(halves).areas(picture);
    draw_map(frame, map, live, screen);
    if is_wide {
        draw_changes(frame, changes, live, screen);
    }
    frame.render_widget(Paragraph::new(terminal(&Line::of(Ink::Faint, KEYS), screen)), keys);
}

fn draw_networks(frame: &mut Frame<'_>, area: Rect, live: &Live, screen: &Screen) {
    let is_wide = area.width >= WIDE;
    let columns = columns(is_wide);
    let rows = live.networks.iter().map(|one| row(one, is_wide, screen));
    let count = live.networks.len();
    let caption = format!(" {count} networks by {} ", live.order.name());
    let bold = Style::new().add_modifier(Modifier::BOLD);
    let header = Row::new(columns.iter().map(|(name, _)| *name)).style(bold);
    let table = Table::new(rows, columns.iter().map(|(_, width)| *width))
        .header(header)
        .row_highlight_style(bold)
        .highlight_symbol("> ")
        .block(Block::new().title(caption));
    let mut state = TableState::default().with_selected((count > 0).then_some(live.selected));
    frame.render_stateful_widget(table, area, &mut state);
}

/// The columns of networks: where there is little room, those that tell most.
fn columns(is_wide: bool) -> Vec<(&'static str, Constraint)> {
    let name = ("NETWORK", Constraint::Fill(3));
    let used = ("    USED", Constraint::Length(8));
    let leaked = ("LEAKED", Constraint::Length(6));
    if is_wide {
        let cidr = ("CIDR", Constraint::Fill(2));
        let free = ("    FREE", Constraint::Length(8));
        vec![name, cidr, used, free, leaked, ("UTIL", Constraint::Length(BAR))]
    } else {
        vec![name, used, leaked, ("   UTIL", Constraint::Length(NUMBER))]
    }
}

fn row(one: &NetworkOverview, is_wide: bool, screen: &Screen) -> Row<'static> {
    let name = Line::from(title(&one.network));
    let cells = match &one.overview {
        Overview::Addresses(addresses) => {
            let ink = if addresses.leaked > 0 { Ink::Leaked } else { Ink::Plain };
            let used = format!("{:>8}", addresses.used).into();
            let leaked = Line::of(ink, format!("{:>6}", addresses.leaked));
            let bar = |columns: u16| bar::line(addresses.utilisation, usize::from(columns), screen);
            if is_wide {
                let free = format!("{:>8}", addresses.free).into();
                vec![name, addresses.cidr.to_string().into(), used, free, leaked, bar(BAR)]
            } else {
                vec![name, used, leaked, bar(NUMBER)]
            }
        }
        Overview::Unreadable { problem } => {
            vec![name, Line::of(Ink::Leaked, format!("unreadable: {problem}"))]
        }
        Overview::None => vec![name, Line::from("<none>")],
    };
    Row::new(cells.iter().map(|cell| terminal(cell, screen)).collect::<Vec<_>>())
}

fn draw_map(frame: &mut Frame<'_>, area: Rect, live: &Live, screen: &Screen) {
    let inside = Screen { width: Some(usize::from(area.width.saturating_sub(2))), ..*screen };
    let words = |words: &str| vec![Line::of(Ink::Faint, words)];
    let (caption, lines) = match &live.map {
        None => (String::new(), words("nothing to draw")),
        Some(map) => match cells(map, live.zoom.last().copied()) {
            Ok(cells) => {
                (format!(" {} {} ", title(&map.network), cells.subnet), grid(&cells, live.curve, &inside))
            }
            Err(error) => (String::new(), words(&error.to_string())),
        },
    };
    let lines: Vec<TerminalLine<'_>> = lines.iter().map(|line| terminal(line, screen)).collect();
    frame.render_widget(Paragraph::new(lines).block(boxed(caption, screen)), area);
}

fn draw_changes(frame: &mut Frame<'_>, area: Rect, live: &Live, screen: &Screen) {
    let lines: Vec<TerminalLine<'_>> =
        live.changes.iter().map(|change| terminal(&told(change), screen)).collect();
    frame.render_widget(Paragraph::new(lines).block(boxed(" changes ".to_owned(), screen)), area);
}

fn told(change: &Change) -> Line {
    let run = &change.run;
    let mut line = Line::of(Ink::Faint, format!("{} ", change.at));
    line.push(
        ink(run.state),
        format!("{} {} {}", if change.is_new { "+" } else { "-" }, run.start, run.state),
    );
    for endpoint in &run.endpoints {
        line.push(Ink::Plain, format!(" {}/{} {}", endpoint.namespace, endpoint.pod, endpoint.interface));
    }
    line
}

fn boxed(caption: String, screen: &Screen) -> Block<'static> {
    let block = Block::bordered().title(caption);
    if screen.is_ascii { block.border_set(ASCII_BORDER) } else { block }
}

const ASCII_BORDER: ratatui::symbols::border::Set<'static> = ratatui::symbols::border::Set {
    top_left: "+",
    top_right: "+",
    bottom_left: "+",
    bottom_right: "+",
    vertical_left: "|",
    vertical_right: "|",
    horizontal_top: "-",
    horizontal_bottom: "-",
};

/// A line for ratatui, with nothing in it that a terminal would obey.
fn terminal(line: &Line, screen: &Screen) -> TerminalLine<'static> {
    let spans = line.spans().iter().map(|span| {
        let text = printable(&span.text, screen.is_ascii).into_owned();
        Span::styled(text, if screen.is_coloured { style(span.ink) } else { Style::new() })
    });
    TerminalLine::from(spans.collect::<Vec<_>>())
}

fn style(ink: Ink) -> Style {
    let of_ink = ink.style();
    let mut style = Style::new();
    if let Some(anstyle::Color::Ansi256(colour)) = of_ink.get_fg_color() {
        style = style.fg(Color::Indexed(colour.0));
    }
    if of_ink.get_effects().contains(anstyle::Effects::BOLD) {
        style = style.add_modifier(Modifier::BOLD);
    }
    style
}
