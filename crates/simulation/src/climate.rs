//! How rough a schedule is: the weights of what may happen to requests and processes. Some schedules are quiet, so that
//! one fault is seen alone; some are stormy.

use crate::chance::Chance;

/// The weights of a schedule.
#[derive(Clone, Debug)]
pub struct Climate {
    /// What becomes of a request: it goes well, it is lost, its answer is lost, error without and with effect, too many
    /// requests, refused.
    pub calls: [u16; 7],
    /// How long things take: a moment, a while, a tenth of a second or more, seconds, many seconds.
    pub delays: [u16; 5],
    /// How often in a thousand a CNI process dies at a request.
    pub kills: u16,
    /// How often in a thousand a runtime omits a DEL, or repeats it.
    pub omissions: u16,
    /// Incidents of machines, watches and Cleaners.
    pub incidents: u16,
}

const QUIET: Climate = Climate {
    calls: [990, 2, 3, 2, 2, 1, 0],
    delays: [80, 15, 4, 1, 0],
    kills: 4,
    omissions: 60,
    incidents: 3,
};
const ROUGH: Climate = Climate {
    calls: [940, 8, 12, 10, 10, 18, 2],
    delays: [55, 25, 13, 6, 1],
    kills: 25,
    omissions: 150,
    incidents: 6,
};
const STORMY: Climate = Climate {
    calls: [850, 25, 35, 30, 30, 25, 5],
    delays: [40, 24, 18, 12, 6],
    kills: 60,
    omissions: 250,
    incidents: 9,
};

impl Climate {
    /// The climate of a schedule.
    pub fn chosen(chance: &mut Chance) -> Self {
        match chance.pick(3) {
            0 => QUIET,
            1 => ROUGH,
            _ => STORMY,
        }
    }
}
