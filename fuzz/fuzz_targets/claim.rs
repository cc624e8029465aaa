//! The two fields of an index line or a publish request.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| consign_statement::fuzzing::claim(bytes));
