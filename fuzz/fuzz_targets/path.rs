//! See `gatepass_fuzz::path`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| gatepass_fuzz::path::check(data));
