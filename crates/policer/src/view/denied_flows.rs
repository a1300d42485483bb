//! Flows that were denied lately, as people read them: a line each, so that the next question to `explain` can be copied from it.

use operator_runtime::Screen;

use crate::{flow_row::FlowRow, view::ink::Ink};

/// The list, under a title; nothing if there is none.
pub(crate) fn text(flows: &[FlowRow], screen: &Screen) -> String {
    if flows.is_empty() {
        return String::new();
    }
    let title = Ink::Strong.paint("Denied within the last minute, as far as it was written down:", screen);
    let lines = flows.iter().map(|flow| line(flow, screen));
    format!("\n{title}\n") + &lines.collect::<String>()
}

fn line(flow: &FlowRow, screen: &Screen) -> String {
    let verdict =
        Ink::Denied.paint(if flow.verdict == "deny" { "denied" } else { "would be denied" }, screen);
    let what =
        if flow.protocol == "ICMP" { "ICMP".to_owned() } else { format!("{}/{}", flow.protocol, flow.port) };
    let place = format!("{} {} {}", flow.pod, flow.interface, flow.direction);
    format!("{}: {verdict} from {} to {} {what}\n", Ink::Plain.paint(&place, screen), flow.from, flow.to)
}

#[cfg(test)]
mod tests {
    use policy_dataplane::PodUid;
    use policy_engine::NamespacedName;

    use super::*;
    use crate::pod_row::PodRow;

    #[test]
    fn people_see_who_was_denied_what_and_where() {
        let row = |verdict, protocol: &str, port| FlowRow {
            pod: PodRow::new(
                Some(&NamespacedName::new("shop", "db-0")),
                &PodUid::new("aaaa").expect("a uid"),
            ),
            interface: "eth\u{1b}0".to_owned(),
            direction: "ingress".to_owned(),
            verdict,
            from: [10, 0, 0, 9].into(),
            to: [10, 0, 0, 1].into(),
            protocol: protocol.to_owned(),
            port,
        };
        let screen = Screen { width: None, is_ascii: false, is_coloured: false };
        let expected = "
Denied within the last minute, as far as it was written down:
shop/db-0 eth\u{fffd}0 ingress: denied from 10.0.0.9 to 10.0.0.1 TCP/5432
shop/db-0 eth\u{fffd}0 ingress: would be denied from 10.0.0.9 to 10.0.0.1 ICMP
";
        assert_eq!(text(&[row("deny", "TCP", 5432), row("would-deny", "ICMP", 2048)], &screen), expected);
        assert_eq!(text(&[], &screen), "");
    }
}
