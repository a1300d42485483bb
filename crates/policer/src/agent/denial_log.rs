//! Tells of flows that were denied, a line each in the log, as many as anybody reads. What is beyond is counted. Who finds them is the
//! worker.

use std::time::Instant;

use danm_api::Enforcement;
use operator_runtime::printable;
use policy_dataplane::DeniedFlow;
use policy_engine::NamespacedName;

/// Lines that may come at once, and how many a second may follow. Tenants decide how many there would be.
const BURST: f64 = 50.0;
const A_SECOND: f64 = 5.0;

/// The log of denied flows.
pub(super) struct DenialLog {
    /// Lines that may come now, as of this time.
    room: f64,
    at: Instant,
}

// === impl DenialLog ===

impl DenialLog {
    pub(super) fn new(now: Instant) -> Self {
        Self { room: BURST, at: now }
    }

    /// Writes lines. Gives how many flows were left out.
    pub(super) fn write(&mut self, pod: &NamespacedName, flows: &[DeniedFlow], now: Instant) -> usize {
        let admitted = self.admit(flows.len(), now);
        flows.iter().take(admitted).for_each(|flow| write(pod, flow));
        flows.len() - admitted
    }

    /// Takes room for so many lines, or for as many as there is room for.
    fn admit(&mut self, wanted: usize, now: Instant) -> usize {
        let since = now.saturating_duration_since(self.at).as_secs_f64();
        self.room = (self.room + since * A_SECOND).min(BURST);
        self.at = now;
        let admitted = (0..wanted).take_while(|_| {
            let is_room = self.room >= 1.0;
            if is_room {
                self.room -= 1.0;
            }
            is_room
        });
        admitted.count()
    }
}

fn write(pod: &NamespacedName, flow: &DeniedFlow) {
    let interface = printable(&flow.interface, false);
    let DeniedFlow { direction, source, destination, port, .. } = flow;
    let protocol = flow.protocol_name();
    let denied = match flow.enforcement {
        Enforcement::Enforce => "denied",
        Enforcement::Audit => "would be denied",
    };
    tracing::info!(%pod, %interface, %direction, %source, %destination, protocol, port, "{denied}");
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn many_lines_at_once_are_left_out_and_some_a_second_are_not() {
        let begun = Instant::now();
        let mut log = DenialLog::new(begun);
        assert_eq!(log.admit(60, begun), 50);
        assert_eq!(log.admit(1, begun), 0);
        assert_eq!(log.admit(60, begun + Duration::from_secs(2)), 10);
        assert_eq!(log.admit(60, begun + Duration::from_secs(3600)), 50, "no more than at first");
    }
}
