//! OpenPGP keys: what an account publishes, and the user's own key file.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| consign_identity::openpgp::fuzzing::key(bytes));
