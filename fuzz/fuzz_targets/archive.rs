//! A `.crate` file, as far as the digest of its files.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| consign_statement::fuzzing::archive(bytes));
