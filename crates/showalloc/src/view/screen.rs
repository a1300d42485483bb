//! What can be shown where the output goes, under the name by which the views know it.

pub use operator_runtime::Screen;
