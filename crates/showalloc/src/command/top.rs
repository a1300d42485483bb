//! `top`: all networks live, on the whole terminal.

use std::{io::IsTerminal, process::ExitCode, time::Duration};

use anyhow::{Context, ensure};
use ratatui::{
    DefaultTerminal,
    crossterm::event::{self, Event, KeyCode, KeyEventKind, KeyModifiers},
};
use tokio::{sync::mpsc, time::Instant};

use super::selected;
use crate::{
    cli::{Cli, TopArgs},
    live::{Live, Wanted},
    look::Look,
    mapping::maps_of,
    overview::{NetworkOverview, Overview, misunderstood, overviews},
    reading::Reading,
    run::read,
    view::{screen::Screen, top::draw},
};

/// How long changes are gathered before they are shown.
const BURST: Duration = Duration::from_millis(150);

pub(crate) async fn run(cli: &Cli, args: &TopArgs) -> anyhow::Result<ExitCode> {
    ensure!(
        std::io::stdout().is_terminal() && std::io::stdin().is_terminal(),
        "top needs a terminal; `networks -w` follows changes without one"
    );
    let reading = read(cli, &args.selection, &[]).await?;
    let screen = args.look.screen();
    let mut terminal = ratatui::try_init().context("cannot use the terminal")?;
    let ended = follow(reading, &mut terminal, &screen).await;
    ratatui::try_restore().context("cannot give the terminal back")?;
    ended.map(|()| ExitCode::SUCCESS)
}

async fn follow(mut reading: Reading, terminal: &mut DefaultTerminal, screen: &Screen) -> anyhow::Result<()> {
    let mut live = Live::default();
    let mut keys = keys();
    let mut due = Some(Instant::now());
    loop {
        if due.is_some_and(|due| due <= Instant::now()) {
            see(&mut live, &mut reading);
            due = None;
        }
        terminal.draw(|frame| draw(frame, &live, screen)).context("cannot draw")?;
        tokio::select! {
            event = keys.recv() => match event.map(|event| asked(&event)) {
                None | Some(Asked::End) => return Ok(()),
                Some(Asked::Nothing) => {}
                Some(Asked::For(wanted)) => {
                    if live.obey(wanted) {
                        see(&mut live, &mut reading);
                    }
                }
            },
            changed = reading.changed() => {
                changed?;
                due = due.or_else(|| Some(Instant::now() + BURST));
            }
            () = sleep_until(due) => {}
        }
    }
}

/// What an event means.
enum Asked {
    End,
    Nothing,
    For(Wanted),
}

async fn sleep_until(due: Option<Instant>) {
    match due {
        Some(due) => tokio::time::sleep_until(due).await,
        None => std::future::pending().await,
    }
}

/// Keys, read on a thread of their own: reading them blocks. It ends with the program.
fn keys() -> mpsc::Receiver<Event> {
    let (sender, receiver) = mpsc::channel(16);
    std::thread::spawn(move || {
        while let Ok(event) = event::read() {
            if sender.blocking_send(event).is_err() {
                return;
            }
        }
    });
    receiver
}

fn asked(event: &Event) -> Asked {
    let Event::Key(key) = event else { return Asked::Nothing };
    if key.kind == KeyEventKind::Release {
        return Asked::Nothing;
    }
    match key.code {
        KeyCode::Char('c') if key.modifiers.contains(KeyModifiers::CONTROL) => Asked::End,
        KeyCode::Char('q') => Asked::End,
        KeyCode::Up | KeyCode::Char('k') => Asked::For(Wanted::Up),
        KeyCode::Down | KeyCode::Char('j') => Asked::For(Wanted::Down),
        KeyCode::Char('s') => Asked::For(Wanted::Sort),
        KeyCode::Char('h') => Asked::For(Wanted::Curve),
        KeyCode::Enter | KeyCode::Char('+') => Asked::For(Wanted::Closer),
        KeyCode::Esc | KeyCode::Char('-') => Asked::For(Wanted::Back),
        _ => Asked::Nothing,
    }
}

/// Looks at the cluster again.
fn see(live: &mut Live, reading: &mut Reading) {
    // A watch that is lost is told, and that it is back: what does not change may be what is not seen.
    live.limits = reading.limits();
    let at = jiff::Zoned::now().strftime("%H:%M:%S").to_string();
    reading.look_and_remember(|look| {
        live.see(networks(look));
        let map = live.selection().and_then(|selected| map_of(look, selected));
        live.see_map(map, &at);
    });
}

fn networks(look: &Look<'_>) -> Vec<NetworkOverview> {
    let all = selected::networks(look, &[]).flat_map(|(id, record)| overviews(look, id, record, |_| true));
    all.chain(misunderstood(look)).collect()
}

fn map_of(look: &Look<'_>, selected: &NetworkOverview) -> Option<crate::document::AllocationMap> {
    let Overview::Addresses(addresses) = &selected.overview else { return None };
    let (id, record) =
        look.world.networks().iter().find(|(id, _)| crate::mapping::network_name(id) == selected.network)?;
    maps_of(look, id, record).into_iter().find_map(|one| match one {
        Ok(map) if map.family == addresses.family => Some(map),
        Ok(_) | Err(_) => None,
    })
}
