//! A carrier, and the archive that it lies in.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| consign_statement::fuzzing::carrier(bytes));
