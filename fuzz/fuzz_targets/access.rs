#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| oge_fuzz_targets::run("access", data));
