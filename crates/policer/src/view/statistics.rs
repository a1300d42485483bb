//! What rules have counted, as people read it: a Pod after the other, and of each what was denied first.

use operator_runtime::Screen;

use crate::{
    statistic::{Statistic, Verdict},
    view::ink::Ink,
};

const TITLES: [&str; 7] = ["POD", "INTERFACE", "DIRECTION", "VERDICT", "PACKETS", "BYTES", "RULE"];

/// The table.
pub(crate) fn text(statistics: &[Statistic], screen: &Screen) -> String {
    if statistics.is_empty() {
        return "No rule of a Pod of this node has counted a packet.\n".to_owned();
    }
    let rows: Vec<[String; 7]> = statistics.iter().map(row).collect();
    let width = |column: usize| {
        let cells = rows.iter().map(|row| row[column].as_str()).chain([TITLES[column]]);
        cells.map(|cell| cell.chars().count()).max().unwrap_or_default()
    };
    let widths: Vec<usize> = (0..TITLES.len()).map(width).collect();
    let mut text = line(&TITLES.map(str::to_owned), &widths, Ink::Strong, screen);
    for (row, statistic) in rows.iter().zip(statistics) {
        let ink = match statistic.verdict {
            Verdict::Allow => Ink::Allowed,
            Verdict::Deny | Verdict::WouldDeny => Ink::Denied,
        };
        text += &line(row, &widths, ink, screen);
    }
    text
}

fn row(statistic: &Statistic) -> [String; 7] {
    let or_dash = |text: &str| if text.is_empty() { "-".to_owned() } else { text.to_owned() };
    let verdict = match statistic.verdict {
        Verdict::Allow => "allow",
        Verdict::Deny => "deny",
        Verdict::WouldDeny => "would deny",
    };
    [
        statistic.pod.to_string(),
        or_dash(&statistic.interface),
        or_dash(statistic.direction.as_deref().unwrap_or_default()),
        verdict.to_owned(),
        statistic.packets.to_string(),
        statistic.bytes.to_string(),
        statistic.rule.clone(),
    ]
}

/// Columns with two spaces between them; numbers are at the right. The verdict has a colour.
fn line(cells: &[String; 7], widths: &[usize], ink: Ink, screen: &Screen) -> String {
    let cell = |(column, (cell, width)): (usize, (&String, &usize))| {
        let padding = " ".repeat(width - cell.chars().count());
        let ink = if column == 3 || ink == Ink::Strong { ink } else { Ink::Plain };
        let painted = ink.paint(cell, screen);
        if (4..6).contains(&column) { padding + &painted } else { painted + &padding }
    };
    let cells: Vec<String> = cells.iter().zip(widths).enumerate().map(cell).collect();
    cells.join("  ").trim_end().to_owned() + "\n"
}

#[cfg(test)]
mod tests {
    use policy_dataplane::{Count, NamespaceId, PodUid};
    use policy_engine::{Counter, NamespacedName};

    use super::*;

    #[test]
    fn people_see_what_was_denied_and_by_which_rule_something_was_allowed() {
        let db = NamespacedName::new("shop", "db-0");
        let uid = PodUid::new("aaaa").expect("a uid");
        let statistic = |pod, chain: &str, comment: &str, packets| {
            let counter = Counter::read(chain, comment).expect("ours");
            let count = Count { handle: 1, counter, packets, bytes: 60 * packets };
            Statistic::new(pod, &uid, NamespaceId { device: 4, inode: 7 }, &count)
        };
        let statistics = [
            statistic(Some(&db), "ingress_eth0", "denied", 12),
            statistic(Some(&db), "ingress_eth0", "shop/db ingress[0]", 3),
            statistic(None, "opening", "of no connection", 1),
        ];
        let screen = Screen { width: None, is_ascii: false, is_coloured: false };
        let expected = "\
POD        INTERFACE  DIRECTION  VERDICT  PACKETS  BYTES  RULE
shop/db-0  eth0       ingress    deny          12    720  no rule allows it
shop/db-0  eth0       ingress    allow          3    180  shop/db ingress[0]
uid aaaa   -          -          deny           1     60  of no connection
";
        assert_eq!(text(&statistics, &screen), expected);
    }
}
