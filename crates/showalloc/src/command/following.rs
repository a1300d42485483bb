//! What commands have in common that show something and go on: what is seen is taken in at once, and shown a moment after
//! the first of a burst.

use std::time::Duration;

use anyhow::bail;
use tokio::time::{Instant, timeout_at};

use crate::{
    cli::Format,
    output::Output,
    reading::Reading,
    view::line::{Line, flow, text},
};

/// How long changes are gathered before they are shown.
const BURST: Duration = Duration::from_millis(250);

/// Waits for changes, and takes them in. Fails where something cannot be watched: silence would mean nothing then.
pub(crate) async fn next_burst(reading: &mut Reading) -> anyhow::Result<()> {
    let mut changed = reading.changed().await?;
    let end = Instant::now() + BURST;
    loop {
        if let Some(lost) = changed {
            bail!("cannot follow {lost}");
        }
        match timeout_at(end, reading.changed()).await {
            Ok(more) => changed = more?,
            Err(_) => return Ok(()),
        }
    }
}

/// A document after others, told apart from them where the format asks for that.
pub(crate) fn further(document: String, output: Output) -> String {
    if output.format == Format::Yaml && !document.is_empty() { format!("---\n{document}") } else { document }
}

/// A sentence in place of what there is not.
pub(crate) fn sentence(words: String, output: Output) -> String {
    text(&flow(vec![Line::from(words)], " ", output.screen.width), &output.screen)
}

/// Seconds since 1970.
pub(crate) fn seconds_now() -> i64 {
    jiff::Timestamp::now().as_second()
}
