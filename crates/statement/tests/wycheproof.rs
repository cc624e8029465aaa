//! Project Wycheproof's cases for Ed25519, against the one way in which signatures are checked here.

#![allow(clippy::unwrap_used)]

use consign_statement::PublicKey;
use wycheproof::TestResult;
use wycheproof::eddsa::{TestName, TestSet};

/// Valid cases that the strict rule refuses, with the reason. There are none: the strict rule only
/// refuses keys and `R` of small order, which no honest signer makes.
const REFUSED_THOUGH_VALID: [usize; 0] = [];

#[test]
fn every_case_is_judged_as_it_should_be() {
    let set = TestSet::load(TestName::Ed25519).unwrap();
    let mut run = 0;
    for group in &set.test_groups {
        let key = <&[u8; 32]>::try_from(&group.key.pk[..]).unwrap();
        let key = PublicKey::from_bytes(key).unwrap();
        for case in &group.tests {
            run += 1;
            let signature = <&[u8; 64]>::try_from(&case.sig[..]);
            let accepted = signature.is_ok_and(|sig| key.verify_strict(&case.msg, sig));
            let expected = match case.result {
                TestResult::Valid => !REFUSED_THOUGH_VALID.contains(&case.tc_id),
                TestResult::Invalid => false,
                TestResult::Acceptable => panic!("case {}: decide, and say why", case.tc_id),
            };
            assert_eq!(accepted, expected, "case {}: {}", case.tc_id, case.comment);
        }
    }
    assert_eq!(run, set.number_of_tests);
    assert!(run >= 150, "only {run} cases");
}
