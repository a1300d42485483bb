//! What is really so, whatever the API server shows: which sandboxes run, which addresses they use, and by whose
//! write each bit was set. Against this the Cleaner is judged.
//!
//! An address is used by a sandbox from the write that set its bit until the sandbox is stopped. Sometimes CNI plugins
//! give one address to two sandboxes without anybody's help: a second DEL clears a bit that is another's by then. Such
//! an address is contested, and what becomes of it is not held against the Cleaner.

use danm_ipam::BitIndex;

use crate::store::{NetworkKey, NodeKey, PodKey};

/// A sandbox, by the order of creation: as good as its container id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Sandbox(pub usize);

/// An address: network, family (IPv4, IPv6), bit. All that Calico gives is on one network of its own, behind DANM's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Address {
    /// The network.
    pub network: NetworkKey,
    /// 0 for IPv4, 1 for IPv6.
    pub family: usize,
    /// The bit.
    pub bit: BitIndex,
}

/// How a sandbox fares.
#[derive(Clone, Debug)]
pub struct Fate {
    /// Its Pod.
    pub pod: PodKey,
    /// Its machine.
    pub node: NodeKey,
    /// Whether it has not been stopped.
    pub is_running: bool,
    /// Whether its network is set up, so that containers run in it.
    pub is_set_up: bool,
    /// Whether its kubelet is about to stop it.
    pub is_stopping: bool,
    uses: Vec<Use>,
}

#[derive(Clone, Copy, Debug)]
struct Use {
    address: Address,
    is_contested: bool,
}

/// Who cleared a bit that is clear.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cleared {
    /// A CNI plugin, or nobody ever set it.
    ByCni,
    /// The Cleaner.
    ByCleaner,
}

/// Why a bit is as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bit {
    /// It is clear.
    Clear(Cleared),
    /// It was set for this sandbox.
    SetFor(Sandbox),
    /// It was set by the Cleaner, for nobody who lives.
    Repaired,
}

/// Everything that is so.
#[derive(Debug)]
pub struct Truth {
    sandboxes: Vec<Fate>,
    /// By network and family, then by bit.
    bits: Vec<[Vec<Bit>; 2]>,
    /// The place of Calico's addresses among the networks.
    calico: NetworkKey,
    /// How often an address got contested.
    pub contests: u64,
}

impl Sandbox {
    /// Its container id, of the usual length: what is shorter proves nothing to Calico.
    pub fn container(self) -> String {
        format!("{:064x}", self.0)
    }

    /// The sandbox with a container id.
    pub fn of_container(container: &str) -> Option<Self> {
        usize::from_str_radix(container, 16).ok().map(Self)
    }
}

impl Truth {
    /// Nothing runs; networks have so many bits of each family, and so many addresses does Calico have.
    pub fn new(sizes: impl Iterator<Item = [usize; 2]>, calico: [usize; 2]) -> Self {
        let fresh = |sizes: [usize; 2]| sizes.map(|size| vec![Bit::Clear(Cleared::ByCni); size]);
        let mut bits: Vec<_> = sizes.map(fresh).collect();
        bits.push(fresh(calico));
        Self { sandboxes: Vec::new(), calico: NetworkKey(bits.len() - 1), bits, contests: 0 }
    }

    /// A new sandbox of a Pod.
    pub fn start(&mut self, pod: PodKey, node: NodeKey) -> Sandbox {
        self.sandboxes.push(Fate {
            pod,
            node,
            is_running: true,
            is_set_up: false,
            is_stopping: false,
            uses: Vec::new(),
        });
        Sandbox(self.sandboxes.len() - 1)
    }

    /// Its network is set up.
    pub fn set_up(&mut self, sandbox: Sandbox) {
        self.sandboxes[sandbox.0].is_set_up = true;
    }

    /// Its Pod is gone, and its kubelet is there to see it.
    pub fn begin_stopping(&mut self, pod: PodKey) {
        self.sandboxes.iter_mut().filter(|fate| fate.pod == pod).for_each(|fate| fate.is_stopping = true);
    }

    /// Its endpoint does not say any more which addresses it uses: that they are is nobody else's to know. Calico knows it
    /// of its own.
    pub fn hide(&mut self, sandbox: Sandbox) {
        let uses = self.sandboxes[sandbox.0].uses.iter_mut();
        uses.filter(|one| one.address.network != self.calico).for_each(|one| one.is_contested = true);
    }

    /// It uses no address any more.
    pub fn stop(&mut self, sandbox: Sandbox) {
        self.sandboxes[sandbox.0].is_running = false;
    }

    /// Everything on a machine stops.
    pub fn stop_all_on(&mut self, node: NodeKey) {
        self.sandboxes.iter_mut().filter(|fate| fate.node == node).for_each(|fate| fate.is_running = false);
    }

    /// An address that Calico gives.
    pub const fn of_calico(&self, family: usize, bit: BitIndex) -> Address {
        Address { network: self.calico, family, bit }
    }

    /// How a sandbox fares.
    pub fn fate(&self, sandbox: Sandbox) -> &Fate {
        &self.sandboxes[sandbox.0]
    }

    /// All of them that run.
    pub fn running(&self) -> impl Iterator<Item = (Sandbox, &Fate)> {
        self.sandboxes
            .iter()
            .enumerate()
            .filter(|(_, fate)| fate.is_running)
            .map(|(at, fate)| (Sandbox(at), fate))
    }

    /// Why a bit is as it is.
    pub fn bit(&self, address: Address) -> Bit {
        let bits = self.bits[address.network.0][address.family].get(address.bit.0 as usize);
        bits.copied().unwrap_or(Bit::Clear(Cleared::ByCni))
    }

    /// A CNI plugin has set a bit for a sandbox. `is_living` tells who lives by then. Gives whoever was robbed of the
    /// address by the Cleaner.
    pub fn allocated(
        &mut self,
        address: Address,
        sandbox: Sandbox,
        is_living: impl Fn(&Fate) -> bool,
    ) -> Option<Sandbox> {
        let robbed = self.bit(address) == Bit::Clear(Cleared::ByCleaner);
        self.set(address, Bit::SetFor(sandbox));
        let rival = self.users(address, &is_living).find(|(user, _)| *user != sandbox);
        let rival = rival.map(|(user, one)| (user, one.is_contested));
        self.uses(address, sandbox, rival.is_some());
        let (rival, was_contested) = rival?;
        self.contest(address);
        (robbed && !was_contested).then_some(rival)
    }

    /// A CNI plugin believes to have set a bit for a sandbox.
    pub fn imagined(&mut self, address: Address, sandbox: Sandbox) {
        self.uses(address, sandbox, true);
        self.contest(address);
    }

    /// Somebody who is no Cleaner has cleared a bit.
    pub fn freed(&mut self, address: Address) {
        self.set(address, Bit::Clear(Cleared::ByCni));
    }

    /// The Cleaner has cleared a bit. Gives the sandbox it robs of its address.
    pub fn cleaned(&mut self, address: Address, is_living: impl Fn(&Fate) -> bool) -> Option<Sandbox> {
        let before = self.bit(address);
        self.set(address, Bit::Clear(Cleared::ByCleaner));
        let Bit::SetFor(owner) = before else {
            return self.users(address, &is_living).find(|(_, one)| !one.is_contested).map(|(user, _)| user);
        };
        let fate = self.fate(owner);
        let is_contested = fate.uses.iter().any(|one| one.address == address && one.is_contested);
        (is_living(fate) && !is_contested).then_some(owner)
    }

    /// The Cleaner has set a bit: whoever uses the address has it by right from now on, if nobody else does.
    pub fn repaired(&mut self, address: Address, is_living: impl Fn(&Fate) -> bool) {
        let user = self.users(address, &is_living).next().map(|(user, _)| user);
        self.set(address, user.map_or(Bit::Repaired, Bit::SetFor));
    }

    /// The network is another now: nothing in its arrays is anybody's.
    pub fn made_anew(&mut self, network: NetworkKey) {
        for bits in &mut self.bits[network.0] {
            bits.fill(Bit::Clear(Cleared::ByCni));
        }
        for fate in &mut self.sandboxes {
            let uses = fate.uses.iter_mut().filter(|one| one.address.network == network);
            uses.for_each(|one| one.is_contested = true);
        }
    }

    /// Who uses an address and lives; whether they do so by right.
    pub fn living_use(&self, address: Address, is_living: impl Fn(&Fate) -> bool) -> Option<bool> {
        self.users(address, &is_living).map(|(_, one)| !one.is_contested).max()
    }

    fn users(
        &self,
        address: Address,
        is_living: &impl Fn(&Fate) -> bool,
    ) -> impl Iterator<Item = (Sandbox, Use)> {
        let living = self.sandboxes.iter().enumerate().filter(|(_, fate)| is_living(fate));
        living.filter_map(move |(at, fate)| {
            let one = fate.uses.iter().find(|one| one.address == address)?;
            Some((Sandbox(at), *one))
        })
    }

    fn uses(&mut self, address: Address, sandbox: Sandbox, is_contested: bool) {
        self.sandboxes[sandbox.0].uses.push(Use { address, is_contested });
    }

    fn contest(&mut self, address: Address) {
        self.contests += 1;
        let uses = self.sandboxes.iter_mut().flat_map(|fate| &mut fate.uses);
        uses.filter(|one| one.address == address).for_each(|one| one.is_contested = true);
    }

    fn set(&mut self, address: Address, bit: Bit) {
        if let Some(place) = self.bits[address.network.0][address.family].get_mut(address.bit.0 as usize) {
            *place = bit;
        }
    }
}
