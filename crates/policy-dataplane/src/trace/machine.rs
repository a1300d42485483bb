//! Runs the expressions of one rule on a packet, as `nf_tables` does, with bytes that may be unknown. Numbers and layouts are those of
//! Linux' `uapi/linux/netfilter/nf_tables.h`; what of them we write is `expression.rs`'s.

use std::cmp::Ordering;

use super::traced_packet::{Byte, LABEL_BYTES, TracedPacket};
use crate::{
    Snapshot,
    expression::octets,
    snapshot::{Expression, Set},
};

/// Whether a rule speaks of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Match {
    Yes,
    No,
    Unknown,
}

/// What a rule has become of packets that it speaks of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Effect {
    Continue,
    Return,
    Accept,
    Deny,
    Jump(String),
    Goto(String),
}

/// Registers are so many bytes, counted by words from this number on.
const BYTES: usize = 64;
const WORD: usize = 4;
const FIRST: usize = 8;

/// What begins a value or a verdict.
const VALUE: [u8; 2] = [0, 1];
const VERDICT: [u8; 2] = [0, 2];

/// The loopback has this index everywhere, and no other interface has it.
const LOOPBACK: u32 = 1;

/// The states of a connection of which one packet was seen, and one of each way.
const NEW: u32 = 8;
const ESTABLISHED: u32 = 2;

/// What `ct` calls the labels of a connection.
const LABELS: u32 = 13;

/// The expressions of a rule, half-way.
struct Run<'a> {
    table: &'a Snapshot,
    packet: &'a mut TracedPacket,
    registers: [Byte; BYTES],
    /// Where the index of an interface is of which is known alone that it is not the loopback.
    index_at: Option<usize>,
    /// Whether nobody knows if the rule speaks of the packet.
    is_unsure: bool,
    /// Whether there is something in the rule of which nobody knows what it does.
    is_foreign: bool,
    members: &'a mut usize,
}

/// What one expression comes to.
enum Step {
    On,
    /// The rule does not speak of the packet.
    Mismatch,
    /// Nobody knows whether it does.
    Unsure,
    /// It may do anything.
    Foreign,
    Over(Effect),
}

/// Whether a rule speaks of a packet, and what becomes of it then. Counts the members of sets that are looked through.
pub(super) fn evaluate(
    expressions: &[Expression],
    table: &Snapshot,
    packet: &mut TracedPacket,
    members: &mut usize,
) -> (Match, Effect) {
    let (registers, index_at) = ([None; BYTES], None);
    let (is_unsure, is_foreign) = (false, false);
    let mut run = Run { table, packet, registers, index_at, is_unsure, is_foreign, members };
    let mut effect = Effect::Continue;
    for expression in expressions {
        match run.step(expression) {
            Step::On => {}
            // What nobody knows may have put anything where this looks.
            Step::Mismatch if run.is_foreign => {}
            Step::Mismatch => return (Match::No, Effect::Continue),
            Step::Unsure => run.is_unsure = true,
            Step::Foreign => run.is_foreign = true,
            Step::Over(over) => {
                effect = over;
                break;
            }
        }
    }
    let matched = match (run.is_foreign, run.is_unsure) {
        // Whether it speaks of the packet or not, it decides nothing.
        (false, true) if effect == Effect::Continue => Match::No,
        (true, _) | (_, true) => Match::Unknown,
        (false, false) => Match::Yes,
    };
    (matched, effect)
}

// === impl Run ===

impl Run<'_> {
    fn step(&mut self, expression: &Expression) -> Step {
        match expression.name.as_str() {
            // What is counted or told makes no difference.
            "counter" | "log" => Step::On,
            // Nobody knows how many came before, nor whether a set has room for one more to be written down.
            "limit" | "dynset" => Step::Unsure,
            "meta" if !expression.told.contains_key(&3) => self.meta(expression),
            "ct" if !expression.told.contains_key(&4) => self.connection(expression),
            "ct" => self.label(expression),
            "payload" if !expression.told.contains_key(&5) => self.payload(expression),
            "cmp" => self.compare(expression),
            "range" => self.range(expression),
            "bitwise" => self.mask(expression),
            "lookup" => self.look_up(expression),
            "immediate" => self.immediate(expression),
            "reject" => Step::Over(Effect::Deny),
            _ => Step::Foreign,
        }
    }

    fn meta(&mut self, expression: &Expression) -> Step {
        let is_in = self.packet.comes_in();
        let (name, none) = (name_key(&self.packet.interface), name_key(""));
        let at = place(number(expression, 1));
        let value = match number(expression, 2) {
            4 | 5 => return self.index(at, is_in == (number(expression, 2) == 4)),
            6 => known(if is_in { &name } else { &none }),
            7 => known(if is_in { &none } else { &name }),
            15 => known(&[if self.packet.is_v4() { 2 } else { 10 }]),
            16 => known(&[self.packet.protocol]),
            _ => vec![None; WORD],
        };
        self.load(at, &value)
    }

    /// The index of the interface, which is not known; of the other side's, where there is none, zero.
    fn index(&mut self, at: usize, is_its_own: bool) -> Step {
        if !is_its_own {
            return self.load(at, &known(&0_u32.to_ne_bytes()));
        }
        let step = self.load(at, &[None; WORD]);
        self.index_at = Some(at);
        step
    }

    /// What `ct` knows of the connection.
    fn connection(&mut self, expression: &Expression) -> Step {
        let packet = &*self.packet;
        let is_v4 = packet.is_v4();
        let is_original = !expression.told.contains_key(&3);
        let value = match number(expression, 2) {
            0 => known(&(if packet.is_reply { ESTABLISHED } else { NEW }).to_ne_bytes()),
            1 => known(&[u8::from(packet.is_reply)]),
            LABELS => known(&packet.labels),
            11 if is_original => vec![None; 2],
            12 if is_original => match packet.port {
                Some(port) => known(&port.to_be_bytes()),
                None => vec![None; 2],
            },
            19 | 20 if !is_v4 => return Step::Mismatch,
            21 | 22 if is_v4 => return Step::Mismatch,
            19 | 21 if is_original => known(&octets(packet.opener)),
            20 | 22 if is_original => known(&octets(packet.opened)),
            _ => vec![None; 16],
        };
        self.load(place(number(expression, 1)), &value)
    }

    /// Gives the connection labels, beside those that it has. What else may be set of it is not followed.
    fn label(&mut self, expression: &Expression) -> Step {
        let given = self.whole(place(number(expression, 4)), LABEL_BYTES);
        let (LABELS, Some(given), false) = (number(expression, 2), given, self.is_unsure) else {
            return Step::Foreign;
        };
        self.packet.labels.iter_mut().zip(given).for_each(|(label, given)| *label |= given);
        Step::On
    }

    fn payload(&mut self, expression: &Expression) -> Step {
        let header = match number(expression, 2) {
            1 => self.packet.network(),
            2 => self.packet.transport(),
            _ => Vec::new(),
        };
        let (offset, length) = (number(expression, 3) as usize, number(expression, 4) as usize);
        let part = header.get(offset..).and_then(|rest| rest.get(..length));
        match part {
            Some(part) => self.load(place(number(expression, 1)), part),
            None => self.load(place(number(expression, 1)), &vec![None; length.min(BYTES)]),
        }
    }

    fn compare(&self, expression: &Expression) -> Step {
        let (at, wanted) = (place(number(expression, 1)), value(expression, 3));
        let operation = number(expression, 2);
        let is_equal = if self.index_at == Some(at) && wanted == LOOPBACK.to_ne_bytes() {
            Some(false)
        } else {
            equal(self.bytes(at, wanted.len()), wanted)
        };
        let answer = match operation {
            0 => is_equal,
            1 => is_equal.map(|is_equal| !is_equal),
            2..=5 => {
                self.whole(at, wanted.len()).map(|bytes| match (operation, bytes.as_slice().cmp(wanted)) {
                    (2, order) => order == Ordering::Less,
                    (3, order) => order != Ordering::Greater,
                    (4, order) => order == Ordering::Greater,
                    (_, order) => order != Ordering::Less,
                })
            }
            _ => None,
        };
        Step::of(answer)
    }

    fn range(&self, expression: &Expression) -> Step {
        let (from, to) = (value(expression, 3), value(expression, 4));
        let bytes = self.whole(place(number(expression, 1)), from.len());
        let is_within = bytes.map(|bytes| from <= bytes.as_slice() && bytes.as_slice() <= to);
        Step::of(match number(expression, 2) {
            0 => is_within,
            1 => is_within.map(|is_within| !is_within),
            _ => None,
        })
    }

    fn mask(&mut self, expression: &Expression) -> Step {
        // Other operations shift.
        if number(expression, 6) != 0 {
            return Step::Foreign;
        }
        let (mask, flipped) = (value(expression, 4), value(expression, 5));
        let from = self.bytes(place(number(expression, 1)), mask.len()).to_vec();
        let masked = |((byte, mask), flip): ((&Byte, &u8), &u8)| match (byte, mask) {
            (_, 0) => Some(*flip),
            (Some(byte), mask) => Some((byte & mask) ^ flip),
            (None, _) => None,
        };
        let masked: Vec<Byte> = from.iter().zip(mask).zip(flipped).map(masked).collect();
        self.load(place(number(expression, 2)), &masked)
    }

    fn look_up(&mut self, expression: &Expression) -> Step {
        let named = expression.told.get(&1).map(|name| String::from_utf8_lossy(name).into_owned());
        let named = named.and_then(|name| self.table.sets().get(name.trim_end_matches('\0')));
        let (Some(set), false) = (expression.set.as_ref().or(named), expression.told.contains_key(&3)) else {
            // What is looked up in a map may be a verdict.
            return Step::Foreign;
        };
        *self.members += set.members.len();
        let bytes = self.registers.get(place(number(expression, 2))..).unwrap_or_default();
        let is_inverted = number(expression, 5) & 1 != 0;
        Step::of(set.has(bytes).map(|is_member| is_member != is_inverted))
    }

    fn immediate(&mut self, expression: &Expression) -> Step {
        const DROP: u32 = 0;
        const ACCEPT: u32 = 1;
        const JUMP: u32 = u32::MAX - 2;
        const GOTO: u32 = u32::MAX - 3;
        const RETURN: u32 = u32::MAX - 4;
        let told = expression.told.get(&2).map(Vec::as_slice).unwrap_or_default();
        let Some(verdict) = told.strip_prefix(&VERDICT).filter(|_| number(expression, 1) == 0) else {
            let value = known(value(expression, 2));
            return self.load(place(number(expression, 1)), &value);
        };
        // Its number and its chain, each after its kind.
        let (code, chain) = (verdict.get(2..6), verdict.get(8..).unwrap_or_default());
        let Some(code) = code.and_then(|code| code.try_into().ok()).map(u32::from_be_bytes) else {
            return Step::Foreign;
        };
        let chain = || String::from_utf8_lossy(chain).trim_end_matches('\0').to_owned();
        Step::Over(match code {
            DROP => Effect::Deny,
            ACCEPT => Effect::Accept,
            RETURN => Effect::Return,
            JUMP => Effect::Jump(chain()),
            GOTO => Effect::Goto(chain()),
            u32::MAX => Effect::Continue,
            _ => return Step::Foreign,
        })
    }

    fn load(&mut self, at: usize, value: &[Byte]) -> Step {
        if self.index_at.is_some_and(|index| at < index + WORD && index < at + value.len()) {
            self.index_at = None;
        }
        let Some(room) = self.registers.get_mut(at..).filter(|room| room.len() >= value.len()) else {
            return Step::Foreign;
        };
        room.iter_mut().zip(value).for_each(|(kept, byte)| *kept = *byte);
        // The rest of the last word is zero.
        let rest = value.len().next_multiple_of(WORD) - value.len();
        room.iter_mut().skip(value.len()).take(rest).for_each(|kept| *kept = Some(0));
        Step::On
    }

    fn bytes(&self, at: usize, length: usize) -> &[Byte] {
        self.registers.get(at..).and_then(|bytes| bytes.get(..length)).unwrap_or_default()
    }

    /// Some bytes, if all are known.
    fn whole(&self, at: usize, length: usize) -> Option<Vec<u8>> {
        let bytes = self.bytes(at, length);
        (bytes.len() == length).then(|| bytes.iter().copied().collect())?
    }
}

// === impl Step ===

impl Step {
    const fn of(is_so: Option<bool>) -> Self {
        match is_so {
            Some(true) => Self::On,
            Some(false) => Self::Mismatch,
            None => Self::Unsure,
        }
    }
}

// === impl Set ===

impl Set {
    /// Whether what begins with these bytes is a member; none if that cannot be told.
    fn has(&self, bytes: &[Byte]) -> Option<bool> {
        const INTERVAL: u32 = 4;
        // Maps, those whose members go by themselves, ranges of several parts: not ours.
        if self.flags & !INTERVAL != 0 {
            return None;
        }
        let Some(length) = self.members.first().map(|member| member.key.len()) else { return Some(false) };
        if self.members.iter().any(|member| member.key.len() != length) {
            return None;
        }
        let key = bytes.get(..length)?;
        if self.flags & INTERVAL == 0 {
            let fits = self.members.iter().map(|member| equal(key, &member.key));
            let one_fits = |found: Option<bool>, fits: Option<bool>| match (found, fits) {
                (Some(true), _) | (_, Some(true)) => Some(true),
                (None, _) | (_, None) => None,
                (Some(false), Some(false)) => Some(false),
            };
            return fits.fold(Some(false), one_fits);
        }
        let key: Vec<u8> = key.iter().copied().collect::<Option<_>>()?;
        // Where one range ends another may begin.
        let last = self.members.iter().rev().find(|member| member.key <= key).map(|member| &member.key);
        Some(last.is_some_and(|last| self.members.iter().any(|it| it.key == *last && !it.ends_range)))
    }
}

/// Whether bytes are these; none if that depends on those that are not known.
fn equal(bytes: &[Byte], wanted: &[u8]) -> Option<bool> {
    if bytes.len() != wanted.len() {
        return None;
    }
    if bytes.iter().zip(wanted).any(|(byte, wanted)| byte.is_some_and(|byte| byte != *wanted)) {
        return Some(false);
    }
    bytes.iter().all(Option::is_some).then_some(true)
}

fn known(bytes: &[u8]) -> Vec<Byte> {
    bytes.iter().copied().map(Some).collect()
}

/// What an expression is told under this number; what is left out is zero.
fn number(expression: &Expression, kind: u16) -> u32 {
    let told = expression.told.get(&kind).map(Vec::as_slice).unwrap_or_default();
    told.try_into().map(u32::from_be_bytes).unwrap_or_default()
}

/// Data, after what says that it is a value.
fn value(expression: &Expression, kind: u16) -> &[u8] {
    let told = expression.told.get(&kind).map(Vec::as_slice).unwrap_or_default();
    told.strip_prefix(&VALUE).unwrap_or_default()
}

/// Where a register begins.
fn place(register: u32) -> usize {
    let words = usize::try_from(register).unwrap_or(usize::MAX).saturating_sub(FIRST);
    words.saturating_mul(WORD)
}

/// An interface's name, as long as a kernel keeps it.
fn name_key(name: &str) -> [u8; 16] {
    let mut key = [0; 16];
    key.iter_mut().zip(name.bytes()).for_each(|(kept, byte)| *kept = byte);
    key
}
