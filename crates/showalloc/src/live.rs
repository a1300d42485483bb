//! What `top` shows and remembers: the networks, the one that is selected, and what changed in it. Pure: keys and looks come
//! in, a view draws what is here.

use std::collections::{BTreeMap, VecDeque};

use ipnet::IpNet;

use crate::{
    document::{AllocationMap, Run},
    overview::{NetworkOverview, Order, Overview},
    view::{cells::cells, order},
};

/// What a key asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// The network above.
    Up,
    /// The network below.
    Down,
    /// Another order of the networks.
    Sort,
    /// Rows, or the Hilbert curve.
    Curve,
    /// A closer look.
    Closer,
    /// A step back.
    Back,
}

/// Everything that is shown.
#[derive(Debug)]
pub struct Live {
    /// The networks, in order.
    pub networks: Vec<NetworkOverview>,
    /// Their order.
    pub order: Order,
    /// The place of the selected one.
    pub selected: usize,
    /// Its addresses, if it has any.
    pub map: Option<AllocationMap>,
    /// What is looked at of it, the closest last.
    pub zoom: Vec<IpNet>,
    /// How its picture is drawn.
    pub curve: order::Order,
    /// What changed in it since it was selected, the latest first.
    pub changes: VecDeque<Change>,
    /// What this user may not see, or does not see any more.
    pub limits: Option<String>,
}

/// Something that changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// When, as people read it.
    pub at: String,
    /// Whether it has come, or gone.
    pub is_new: bool,
    /// What.
    pub run: Run,
}

/// Changes that are remembered.
const CHANGES: usize = 200;

/// The orders, as a key goes through them.
const ORDERS: [Order; 6] =
    [Order::Utilisation, Order::Leaked, Order::Used, Order::Free, Order::Size, Order::Name];

// === impl Live ===

impl Default for Live {
    /// Nothing was seen yet.
    fn default() -> Self {
        Self {
            networks: Vec::new(),
            order: ORDERS[0],
            selected: 0,
            map: None,
            zoom: Vec::new(),
            curve: order::Order::Rows,
            changes: VecDeque::new(),
            limits: None,
        }
    }
}

impl Live {
    /// The selected network.
    pub fn selection(&self) -> Option<&NetworkOverview> {
        self.networks.get(self.selected)
    }

    /// Takes in how the networks are now. The selection stays on its network.
    pub fn see(&mut self, networks: Vec<NetworkOverview>) {
        let before = self.selection().map(identity);
        self.networks = networks;
        crate::overview::sort(&mut self.networks, self.order);
        let place = self.networks.iter().position(|one| Some(identity(one)) == before);
        self.selected = place.unwrap_or_else(|| self.selected.min(self.networks.len().saturating_sub(1)));
    }

    /// Takes in how the selected network is now.
    pub fn see_map(&mut self, map: Option<AllocationMap>, at: &str) {
        let is_same = match (&self.map, &map) {
            (Some(before), Some(now)) => before.network == now.network && before.family == now.family,
            _ => false,
        };
        if !is_same {
            self.changes.clear();
            self.zoom.clear();
        } else if let (Some(before), Some(now)) = (&self.map, &map) {
            for change in changes(before, now, at) {
                self.changes.push_front(change);
            }
            self.changes.truncate(CHANGES);
        }
        self.map = map;
    }

    /// Does what a key asks for. Tells whether another network has to be looked at.
    pub fn obey(&mut self, wanted: Wanted) -> bool {
        match wanted {
            Wanted::Up => self.selected = self.selected.saturating_sub(1),
            Wanted::Down => self.selected = (self.selected + 1).min(self.networks.len().saturating_sub(1)),
            Wanted::Sort => {
                let place = ORDERS.iter().position(|order| *order == self.order).unwrap_or_default();
                self.order = ORDERS[(place + 1) % ORDERS.len()];
                self.see(self.networks.clone());
            }
            Wanted::Curve => {
                self.curve = match self.curve {
                    order::Order::Rows => order::Order::Hilbert,
                    order::Order::Hilbert => order::Order::Rows,
                }
            }
            Wanted::Closer => self.look_closer(),
            Wanted::Back => {
                self.zoom.pop();
            }
        }
        matches!(wanted, Wanted::Up | Wanted::Down)
    }

    /// At the cell that is most worth it.
    fn look_closer(&mut self) {
        let closer = self.map.as_ref().and_then(|map| {
            let cells = cells(map, self.zoom.last().copied()).ok()?;
            cells.worth_a_look().filter(|subnet| cells.cell_size() > 1 && *subnet != cells.subnet)
        });
        self.zoom.extend(closer);
    }
}

/// What tells one row from another.
fn identity(one: &NetworkOverview) -> (crate::document::NetworkName, Option<danm_ipam::Family>) {
    let family = match &one.overview {
        Overview::Addresses(addresses) => Some(addresses.family),
        Overview::Unreadable { .. } | Overview::None => None,
    };
    (one.network.clone(), family)
}

/// What came and what went, of what is taken.
fn changes(before: &AllocationMap, now: &AllocationMap, at: &str) -> Vec<Change> {
    let (before, now) = (taken(before), taken(now));
    let gone = before.iter().filter(|(key, _)| !now.contains_key(*key)).map(|(_, run)| (*run, false));
    let new = now.iter().filter(|(key, _)| !before.contains_key(*key)).map(|(_, run)| (*run, true));
    gone.chain(new).map(|(run, is_new)| Change { at: at.to_owned(), is_new, run: run.clone() }).collect()
}

fn taken(map: &AllocationMap) -> BTreeMap<String, &Run> {
    let taken = map.runs.iter().filter(|run| run.state.is_taken());
    taken.map(|run| (format!("{:?}", (run.start, run.end, run.state, &run.endpoints)), run)).collect()
}
