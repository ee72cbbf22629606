//! The option30 command.
fn main() {}
