//! What can be shown where the output goes: its width, its characters, its colours.

/// A terminal, or whatever is in its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Screen {
    /// Columns; lines are cut to fit. `None` where lines may be of any length, as in a file.
    pub width: Option<usize>,
    /// Whether only ASCII can be shown.
    pub is_ascii: bool,
    /// Whether colours can be shown. They never say anything that a character does not say too.
    pub is_coloured: bool,
}
