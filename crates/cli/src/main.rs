//! The command `cofactor`.

fn main() {}
