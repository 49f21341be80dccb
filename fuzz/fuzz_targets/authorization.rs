//! See `gatepass_fuzz::authorization`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| gatepass_fuzz::authorization::check(data));
