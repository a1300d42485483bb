//! What a kernel has, as lines under the end of a connection that it is about.

use crate::{
    explanation::{CountRow, KernelRow, KernelState, KernelSummary, KernelVerdict},
    statistic::Verdict,
    view::ink::Ink,
};

/// Deviations that are told at one end.
const DEVIATIONS: usize = 6;

/// A line of one colour.
pub(crate) struct Line {
    pub(crate) ink: Ink,
    pub(crate) text: String,
}

/// The sentence about all of it.
pub(crate) fn summary(summary: &KernelSummary) -> [(Ink, &str); 2] {
    [(ink(summary.state), "KERNEL  "), (Ink::Plain, &summary.summary)]
}

/// What is there for a connection that policies allow or do not.
pub(crate) fn lines(row: &KernelRow, is_allowed: bool) -> Vec<Line> {
    let mut lines = vec![head(row, is_allowed)];
    let is_told = row.state == KernelState::Differs;
    let plain = |text: String| Line { ink: Ink::Plain, text };
    let told = row.deviations.iter().filter(|_| is_told).take(DEVIATIONS);
    lines.extend(told.map(|deviation| Line { ink: Ink::Doubt, text: format!("  ! {deviation}") }));
    let all = row.deviations.len() + row.more_deviations;
    if is_told && all > DEVIATIONS {
        lines.push(plain(format!("  and {} more ways; -o json tells of them", all - DEVIATIONS)));
    }
    if !row.counted.is_empty() {
        let counted: Vec<String> = row.counted.iter().map(count).collect();
        lines.push(plain(format!("  counted there: {}", counted.join(", "))));
    }
    lines.extend(row.besides.iter().map(|one| plain(format!("  {one}"))));
    lines
}

fn head(row: &KernelRow, is_allowed: bool) -> Line {
    let reason = row.reason.as_deref().unwrap_or_default();
    let state = match row.state {
        KernelState::AsItShouldBe => "as it should be".to_owned(),
        KernelState::Differs => "not as it should be".to_owned(),
        KernelState::NoRules => row.deviations.join("; "),
        KernelState::NotSeen => format!("not seen from here: {reason}"),
        KernelState::Unknown => format!("cannot be told: {reason}"),
    };
    let by = row.decided_by.as_deref().unwrap_or_default();
    let verdict = match (row.verdict, is_allowed) {
        (Some(KernelVerdict::Allow), true) => format!("; it passes there: {by}"),
        (Some(KernelVerdict::Allow), false) => format!("; it passes there, though policies deny it: {by}"),
        (Some(KernelVerdict::Deny), false) => format!("; it is denied there: {by}"),
        (Some(KernelVerdict::Deny), true) => format!("; it is denied there, though policies allow it: {by}"),
        (Some(KernelVerdict::Unknown), _) => format!("; what becomes of it there cannot be told: {by}"),
        (None, _) => String::new(),
    };
    Line { ink: ink(row.state), text: format!("in the kernel: {state}{verdict}") }
}

const fn ink(state: KernelState) -> Ink {
    match state {
        KernelState::AsItShouldBe => Ink::Allowed,
        KernelState::Differs | KernelState::NoRules => Ink::Denied,
        KernelState::NotSeen | KernelState::Unknown => Ink::Doubt,
    }
}

fn count(row: &CountRow) -> String {
    let packets = if row.packets == 1 { "packet" } else { "packets" };
    match row.verdict {
        Verdict::Allow => format!("{} {packets} allowed by {}", row.packets, row.rule),
        Verdict::WouldDeny => format!("{} {packets} that would be denied ({})", row.packets, row.rule),
        Verdict::Deny => format!("{} {packets} denied ({})", row.packets, row.rule),
    }
}
