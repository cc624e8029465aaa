//! What the accounts of a provider may be called.

use crate::shown::Shown;

/// The longest e-mail address (RFC 5321, section 4.5.3.1.3, without its brackets).
const MAX_ADDRESS: usize = 254;
/// The longest part of it before the `@`.
const MAX_LOCAL: usize = 64;

/// A provider's rule for the names of its users.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rule {
    /// `[a-z0-9_-]{1,64}`: GitHub's. Old accounts begin and end with anything of this.
    GitHub,
    /// `[a-z0-9_.-]{1,255}` that does not begin with `.` or `-`.
    Dotted,
    /// One e-mail address, `[a-z0-9_.+-]{1,64}@DOMAIN`: dots only between other characters, and a
    /// domain name of at least two parts, of which the last is no number. So no IP address, and no
    /// host that only the user's own network knows.
    Address,
}

impl Rule {
    pub(super) fn check(self, user: &str) -> Result<(), UserFault> {
        let (more, limit) = match self {
            Rule::GitHub => ("_-", 64),
            Rule::Dotted => ("_-.", 255),
            Rule::Address => ("_-.+@", MAX_ADDRESS),
        };
        let allowed = |c| matches!(c, 'a'..='z' | '0'..='9') || more.contains(c);
        if user.is_empty() {
            return Err(UserFault::Empty);
        }
        if user.chars().nth(limit).is_some() {
            return Err(UserFault::Long(limit));
        }
        if user.chars().any(|c| c.is_ascii_uppercase()) {
            return Err(UserFault::UpperCase);
        }
        if let Some(c) = user.chars().find(|&c| !allowed(c)) {
            return Err(UserFault::Character(c));
        }
        match (self, user.chars().next()) {
            (Rule::Dotted, Some(first @ ('.' | '-'))) => Err(UserFault::Start(first)),
            (Rule::Address, _) if !is_address(user) => Err(UserFault::NoAddress),
            _ => Ok(()),
        }
    }
}

fn is_address(text: &str) -> bool {
    let Some((local, domain)) = text.split_once('@') else {
        return false;
    };
    let local_is_fit = local.len() <= MAX_LOCAL
        && !local.starts_with('-')
        && local.split('.').all(|part| !part.is_empty());
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b == b'-')
    };
    let last = domain.rsplit_once('.').map_or("", |(_, last)| last);
    local_is_fit
        && domain.split('.').all(is_label)
        && last.starts_with(|c: char| c.is_ascii_lowercase())
}

/// A name cannot be that of an account at a provider.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{user} cannot be the name of an account at the identity provider `{provider}`: {fault}")]
pub struct InvalidUser {
    pub(super) user: Shown,
    pub(super) provider: String,
    pub(super) fault: UserFault,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum UserFault {
    #[error("it is empty")]
    Empty,
    #[error("it is longer than {0} characters")]
    Long(usize),
    #[error("it must be written in lower case")]
    UpperCase,
    #[error("it contains `{}`", .0.escape_default())]
    Character(char),
    #[error("it begins with `{0}`")]
    Start(char),
    #[error("it is not an e-mail address, as in `ada@example.org`")]
    NoAddress,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_a_public_domain() {
        for address in [
            "ada@example.org",
            "joe.doe+crates@sub-domain.example.org",
            "_@x1.xn--p1ai",
            "a-@example.org",
            &format!("{}@example.org", "a".repeat(64)),
        ] {
            assert_eq!(Rule::Address.check(address), Ok(()), "{address}");
        }
        for address in [
            "ada",
            "@example.org",
            "ada@",
            "ada@localhost",
            "ada@127.0.0.1",
            "ada@example.org.",
            "ada@.example.org",
            "ada@example..org",
            "ada@-example.org",
            "ada@example-.org",
            "ada@exam_ple.org",
            "ada@example.+",
            "ada@b@example.org",
            "-ada@example.org",
            ".ada@example.org",
            "ada.@example.org",
            "a..da@example.org",
            "../../x@example.org",
            &format!("{}@example.org", "a".repeat(65)),
            &format!("ada@{}.org", "a".repeat(64)),
        ] {
            let fault = Rule::Address.check(address);
            assert!(
                matches!(fault, Err(UserFault::NoAddress | UserFault::Character('/'))),
                "{address}: {fault:?}"
            );
        }
        let long = format!("ada@{}org", "x.".repeat(124));
        assert_eq!(
            Rule::Address.check(&long),
            Err(UserFault::Long(MAX_ADDRESS))
        );
        for (name, fault) in [
            ("Ada@example.org", UserFault::UpperCase),
            ("a/b@example.org", UserFault::Character('/')),
            ("a%b@example.org", UserFault::Character('%')),
            ("a b@example.org", UserFault::Character(' ')),
        ] {
            assert_eq!(Rule::Address.check(name), Err(fault));
        }
    }
}
