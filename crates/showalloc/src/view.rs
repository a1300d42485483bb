//! How values are shown. What is shown is decided elsewhere: everything here is a pure function from a value and a
//! screen to text.

pub mod age;
pub mod bar;
pub mod cells;
pub mod counts;
pub mod grid;
pub mod legend;
pub mod line;
pub mod order;
pub mod overview;
pub mod palette;
pub mod screen;
pub mod shade;
pub mod show;
pub mod svg;
pub mod table;
pub mod top;
pub mod xml;
