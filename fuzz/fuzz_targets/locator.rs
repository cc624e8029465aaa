//! A key locator.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| consign_statement::fuzzing::locator(bytes));
