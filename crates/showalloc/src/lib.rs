//! `showalloc` and `kubectl danm`: which addresses of a network are free, reserved or allocated, and to whom.

pub mod document;
pub mod legacy;
pub mod view;
