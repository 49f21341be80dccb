//! See `gatepass_fuzz::decision`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| gatepass_fuzz::decision::check(data));
