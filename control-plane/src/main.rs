//! gatepass
fn main() {}
