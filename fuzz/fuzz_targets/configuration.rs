//! See `gatepass_fuzz::configuration`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| gatepass_fuzz::configuration::check(data));
