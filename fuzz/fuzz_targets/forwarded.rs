//! Arbitrary check requests; see `aegis_fuzz::forwarded`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| aegis_fuzz::forwarded(data));
