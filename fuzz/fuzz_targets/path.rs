//! Arbitrary paths, hosts and URLs; see `aegis_fuzz::path`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| aegis_fuzz::path(data));
