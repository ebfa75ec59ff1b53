//! What a check costs.
fn main() {}
