//! A batch: messages that the kernel performs all at once, or none of. Each is remembered by what it is about, so that an error
//! can be told.

use policy_engine::program::{Entry, FamilySet, Hook, Program, ProgramChain, ProgramRule, Purpose};

pub use policy_engine::nft::TABLE;
use policy_engine::nft::comment_of;

use crate::{
    Protection,
    attributes::Attributes,
    expression::Expressions,
    message::{self, Subsystem},
    set::{self, AnonymousSet},
};

/// What the kinds of `nf_tables` begin with.
pub const SUBSYSTEM: u16 = Subsystem::NfTables as u16;
const BEGIN: u16 = 0x10;
const END: u16 = 0x11;

/// The family of a table that sees IPv4 and IPv6.
pub const INET: u8 = 1;

const CREATE: u16 = 0x400;
const APPEND: u16 = 0x800;

/// Kinds of messages.
#[derive(Clone, Copy)]
pub enum Kind {
    NewTable = 0,
    DeleteTable = 2,
    NewChain = 3,
    DeleteChain = 5,
    NewRule = 6,
    DeleteRule = 8,
    NewSet = 9,
    DeleteSet = 11,
    NewElements = 12,
    DeleteElements = 14,
}

/// Messages for one commit.
#[derive(Debug, Default)]
pub struct Batch {
    bytes: Vec<u8>,
    /// What each message is about, by its number.
    about: Vec<String>,
    sets: u32,
}

// === impl Batch ===

impl Batch {
    /// Puts a program in the place of whatever is in our table. An empty one takes the table away.
    pub fn replace(program: &Program, protection: Protection) -> Self {
        let mut batch = Self::begun();
        batch.no_table(TABLE);
        if !program.is_empty() {
            batch.table(TABLE, protection);
            batch.contents(program);
        }
        batch.ended()
    }

    /// One with nothing in it. The kernel does one batch after the other, so whoever sends it waits for those that it is at.
    pub(crate) fn pause() -> Self {
        let mut batch = Self::begun();
        batch.frame(END);
        batch
    }

    pub(crate) fn begun() -> Self {
        let mut batch = Self::default();
        batch.frame(BEGIN);
        batch
    }

    /// One that is refused as a whole if anybody has changed rules since their generation was this.
    pub(crate) fn begun_at(generation: u32) -> Self {
        let mut batch = Self::default();
        let mut condition = Attributes::default();
        condition.u32(1, generation);
        batch.framed(BEGIN, &condition);
        batch
    }

    /// Puts messages behind these, in their order.
    pub(crate) fn append(&mut self, others: &Self) {
        let mut rest = others.bytes.as_slice();
        for about in &others.about {
            let Some((message, others)) = message::split(rest) else { return };
            let number = u32::try_from(self.about.len()).unwrap_or(u32::MAX);
            message::put_numbered(&mut self.bytes, message, number);
            self.about.push(about.clone());
            rest = others;
        }
    }

    /// With anonymous sets that are numbered from here on: a batch may be put together of parts that were made apart.
    pub(crate) fn numbered_from(sets: u32) -> Self {
        Self { sets, ..Self::default() }
    }

    /// One in which nothing has begun is empty: there is nothing to send.
    pub(crate) fn ended(mut self) -> Self {
        if self.about.len() == 1 {
            return Self::default();
        }
        self.frame(END);
        self
    }

    /// Whether there is nothing to do.
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// The bytes, for one `sendmsg`.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// What the message of this number is about.
    pub fn about(&self, number: u32) -> Option<&str> {
        self.about.get(usize::try_from(number).ok()?).map(String::as_str)
    }

    fn contents(&mut self, program: &Program) {
        program.sets().for_each(|set| self.set(set));
        // Rules may lead to any of them.
        program.chains().for_each(|chain| self.chain(chain));
        for chain in program.chains() {
            chain.rules.iter().for_each(|rule| self.rule(chain, rule));
        }
    }

    pub(crate) fn set(&mut self, set: &FamilySet) {
        let about = format!("set {}", set.name);
        self.message(Kind::NewSet, &set::declaration(set), &about);
        for piece in set::contents(set) {
            self.message(Kind::NewElements, &piece, &about);
        }
    }

    pub(crate) fn chain(&mut self, chain: &ProgramChain) {
        let mut attributes = Attributes::default();
        attributes.text(1, TABLE);
        attributes.text(3, &chain.name);
        if let Entry::Hook(hook) = chain.entry {
            let hook = match hook {
                Hook::Input => 1,
                Hook::Forward => 2,
                Hook::Output => 3,
            };
            attributes.nest(4, |at| {
                at.u32(1, hook);
                at.u32(2, 0);
            });
            attributes.u32(5, 1);
            attributes.text(7, "filter");
        }
        self.message(Kind::NewChain, &attributes, &format!("chain {}", chain.name));
    }

    pub(crate) fn rule(&mut self, chain: &ProgramChain, rule: &ProgramRule) {
        let mut expressions = Expressions { next_set: self.sets, ..Expressions::default() };
        rule.matches.iter().for_each(|matched| expressions.matched(matched, chain.direction));
        if rule.purpose.as_ref().is_some_and(Purpose::is_counted) {
            expressions.counter();
        }
        expressions.action(&rule.action);
        self.sets = expressions.next_set;
        let comment = rule.purpose.as_ref().map(|purpose| comment_of(purpose, chain.direction));
        let about = format!("rule {} of chain {}", comment.as_deref().unwrap_or("without name"), chain.name);
        expressions.sets.iter().for_each(|set| self.anonymous(set, &about));
        let mut attributes = Attributes::default();
        attributes.text(1, TABLE);
        attributes.text(2, &chain.name);
        attributes.raw(4 | (1 << 15), expressions.list.bytes());
        if let Some(comment) = comment {
            attributes.raw(7, &user_data(&comment));
        }
        self.message(Kind::NewRule, &attributes, &about);
    }

    fn anonymous(&mut self, set: &AnonymousSet, about: &str) {
        self.message(Kind::NewSet, &set.declaration(), about);
        set.contents().iter().for_each(|piece| self.message(Kind::NewElements, piece, about));
    }

    pub(crate) fn message(&mut self, kind: Kind, attributes: &Attributes, about: &str) {
        self.message_in(INET, kind, attributes, about);
    }

    /// A message about a table of this family.
    pub(crate) fn message_in(&mut self, family: u8, kind: Kind, attributes: &Attributes, about: &str) {
        let flags = match kind {
            Kind::NewTable | Kind::NewChain | Kind::NewSet | Kind::NewElements => CREATE,
            Kind::NewRule => CREATE | APPEND,
            Kind::DeleteTable
            | Kind::DeleteChain
            | Kind::DeleteRule
            | Kind::DeleteSet
            | Kind::DeleteElements => 0,
        };
        let kind = (SUBSYSTEM << 8) | kind as u16;
        self.put(kind, flags, [family, 0, 0, 0], attributes.bytes());
        self.about.push(about.to_owned());
    }

    fn frame(&mut self, kind: u16) {
        self.framed(kind, &Attributes::default());
    }

    fn framed(&mut self, kind: u16, attributes: &Attributes) {
        let [high, low] = SUBSYSTEM.to_be_bytes();
        self.put(kind, 0, [0, 0, high, low], attributes.bytes());
        self.about.push("batch".to_owned());
    }

    fn put(&mut self, kind: u16, flags: u16, header: [u8; 4], attributes: &[u8]) {
        // A batch has never so many messages.
        let number = u32::try_from(self.about.len()).unwrap_or(u32::MAX);
        message::put(&mut self.bytes, kind, flags, number, [&header, attributes]);
    }
}

/// A comment as `nft` keeps it beside a rule: its type, its length with the byte that ends it, and the text.
fn user_data(comment: &str) -> Vec<u8> {
    let length = u8::try_from(comment.len() + 1).unwrap_or(u8::MAX);
    [&[0, length][..], comment.as_bytes(), &[0]].concat()
}
