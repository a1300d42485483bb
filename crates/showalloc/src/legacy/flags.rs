//! Flags as Go's `flag` package reads them: one dash or two, values beside them or after `=`, an end at the first word
//! that is no flag. Knows neither what our flags mean (`options.rs`) nor how they are explained (`usage.rs`).

use std::{
    ffi::{OsStr, OsString},
    fmt,
};

/// A flag that may be given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Flag {
    /// Its name, without dashes.
    pub name: &'static str,
    /// What it takes.
    pub takes: Takes,
    /// Its line in the usage text. A word in back quotes is the name of its value.
    pub help: &'static str,
}

/// What a flag takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Takes {
    /// Nothing, or after `=` one of Go's words for true and false.
    Switch,
    /// A text, which by default is this.
    Text(&'static str),
}

/// A flag that was given, with its value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Given {
    /// Its name.
    pub name: &'static str,
    /// Its value.
    pub value: Value,
}

/// The value of a flag.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// Of a switch.
    Switch(bool),
    /// Of a flag that takes a text.
    Text(OsString),
}

/// Why there are no flags to go by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FlagError {
    /// None are wanted: `-h` or `-help` was given, and is no flag of the program's own.
    Help,
    /// Not a name, such as `---x`.
    Syntax(String),
    /// No flag has this name.
    Undefined(String),
    /// The last word is a flag that takes a text.
    NoArgument(&'static str),
    /// No word for true or false.
    NotBoolean(&'static str, String),
}

/// The flags at the beginning of the arguments, in their order. What comes after them is not looked at.
pub fn parse(flags: &[Flag], arguments: &[OsString]) -> Result<Vec<Given>, FlagError> {
    let mut given = Vec::new();
    let mut rest = arguments.iter();
    while let Some(argument) = rest.next() {
        // Names are ASCII: what is no Unicode can only be part of a value.
        let text = argument.to_string_lossy();
        let Some(word) = flag_word(&text) else { break };
        if word.is_empty() || word.starts_with(['-', '=']) {
            return Err(FlagError::Syntax(text.into_owned()));
        }
        let (name, beside) = match word.split_once('=') {
            Some((name, value)) => (name, Some(OsStr::new(value))),
            None => (word, None),
        };
        let flag = flags.iter().find(|flag| flag.name == name).ok_or_else(|| unknown(name))?;
        given.push(Given { name: flag.name, value: value_of(flag, beside, &mut rest)? });
    }
    Ok(given)
}

/// What follows the dashes of a flag; `None` for a word that is none, and for `--`.
fn flag_word(argument: &str) -> Option<&str> {
    let word = argument.strip_prefix('-').filter(|word| !word.is_empty())?;
    match word.strip_prefix('-') {
        Some("") => None,
        Some(word) => Some(word),
        None => Some(word),
    }
}

fn unknown(name: &str) -> FlagError {
    if matches!(name, "h" | "help") { FlagError::Help } else { FlagError::Undefined(name.to_owned()) }
}

fn value_of<'a>(
    flag: &Flag,
    beside: Option<&OsStr>,
    rest: &mut impl Iterator<Item = &'a OsString>,
) -> Result<Value, FlagError> {
    match (flag.takes, beside) {
        (Takes::Switch, None) => Ok(Value::Switch(true)),
        (Takes::Switch, Some(value)) => {
            let value = value.to_string_lossy();
            let is_on =
                boolean(&value).ok_or_else(|| FlagError::NotBoolean(flag.name, value.into_owned()))?;
            Ok(Value::Switch(is_on))
        }
        (Takes::Text(_), Some(value)) => Ok(Value::Text(value.to_owned())),
        // Also where that looks like a flag.
        (Takes::Text(_), None) => {
            rest.next().map(|value| Value::Text(value.clone())).ok_or(FlagError::NoArgument(flag.name))
        }
    }
}

/// The words that Go's `strconv.ParseBool` knows.
fn boolean(word: &str) -> Option<bool> {
    match word {
        "1" | "t" | "T" | "TRUE" | "true" | "True" => Some(true),
        "0" | "f" | "F" | "FALSE" | "false" | "False" => Some(false),
        _ => None,
    }
}

impl fmt::Display for FlagError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Help => f.write_str("flag: help requested"),
            Self::Syntax(argument) => write!(f, "bad flag syntax: {argument}"),
            Self::Undefined(name) => write!(f, "flag provided but not defined: -{name}"),
            Self::NoArgument(name) => write!(f, "flag needs an argument: -{name}"),
            Self::NotBoolean(name, value) => {
                write!(f, "invalid boolean value {value:?} for -{name}: parse error")
            }
        }
    }
}

impl std::error::Error for FlagError {}

#[cfg(test)]
mod tests;
