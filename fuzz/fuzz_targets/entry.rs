//! An index line, as far as the statement over it.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| consign_statement::fuzzing::entry(bytes));
