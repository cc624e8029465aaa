//! The DSSE pre-authentication encoding: what is signed is not the body but this, which names the
//! body's type and both lengths, so that no body can be taken for one of another type.
//!
//! <https://github.com/secure-systems-lab/dsse/blob/v1.0.2/protocol.md>

/// `PAE(type, body) = "DSSEv1" SP LEN(type) SP type SP LEN(body) SP body`, lengths in decimal.
pub(crate) fn encode(payload_type: &str, body: &[u8]) -> Vec<u8> {
    let mut encoded = format!(
        "DSSEv1 {} {payload_type} {} ",
        payload_type.len(),
        body.len()
    )
    .into_bytes();
    encoded.extend_from_slice(body);
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The test vector of the protocol's own page.
    #[test]
    fn encodes_the_published_vector() {
        assert_eq!(
            encode("http://example.com/HelloWorld", b"hello world"),
            b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"
        );
    }

    #[test]
    fn lengths_are_bytes_not_characters() {
        assert_eq!(encode("é", "ü".as_bytes()), "DSSEv1 2 é 2 ü".as_bytes());
    }
}
