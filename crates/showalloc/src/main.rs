//! The program `showalloc`, also named `kubectl-danm`.

fn main() {}
