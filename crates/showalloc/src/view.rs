//! How values are shown. What is shown is decided elsewhere: everything here is a pure function from a value and a
//! screen to text.

pub mod screen;
