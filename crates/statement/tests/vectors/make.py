#!/usr/bin/env python3
"""Writes the known-answer files in this folder, and the table in README.md.

A second implementation, from the format's description alone: statements are written out by hand in
the form that is signed, index lines by hand as a registry might tell them, and Ed25519 is that of
the Python package `cryptography`. Nothing here reads what the Rust crate makes; the crate's tests
check themselves against what is written here. Same input, same files.
"""

import base64
import copy
import hashlib
import json
import pathlib

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

HERE = pathlib.Path(__file__).parent
CRATES_IO = "https://github.com/rust-lang/crates.io-index"
CORP = "https://corp.example/index"
RELEASE_TYPE = b"application/vnd.cargo.release.v1+json"
CARRIER_TYPE = b"application/vnd.cargo.carrier.v1+json"
ORDER = 2**252 + 27742317777372353535851937790883648493

# The secret key of RFC 8032, section 7.1, test 1; and one that is nobody's.
SEED = bytes.fromhex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60")
OTHER_SEED = bytes([7]) * 32


def canonical(value):
    """RFC 8785, for strings, booleans, integers, lists and objects."""
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, list):
        return "[" + ",".join(map(canonical, value)) + "]"
    members = sorted(value.items(), key=lambda member: member[0].encode("utf-16-be"))
    return "{" + ",".join(canonical(k) + ":" + canonical(v) for k, v in members) + "}"


def encode(body, payload_type=RELEASE_TYPE):
    """The DSSE pre-authentication encoding."""
    return b"DSSEv1 %d %s %d %s" % (len(payload_type), payload_type, len(body), body)


def base64url(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def public(seed):
    key = Ed25519PrivateKey.from_private_bytes(seed).public_key()
    return key.public_bytes(Encoding.Raw, PublicFormat.Raw)


def locator(provider="github", user="octocat", account=583231, seed=SEED):
    fields = {"provider": provider, "user": user}
    if account is not None:
        fields["account"] = account
    return fields | {"key": "ed25519:" + base64url(public(seed))}


def sha256(data):
    return hashlib.sha256(data).hexdigest()


def tree_of(files):
    """The digest over the files, as `sha256sum` and `sort` in the C locale would make it."""
    lines = [(f["path"].encode(), sha256(f["text"].encode())) for f in files]
    return sha256(b"".join(b"%s  %s\n" % (d.encode(), p) for p, d in sorted(lines)))


FILES = [
    {"path": "src/lib.rs", "text": "pub fn answer() -> u8 {\n    42\n}\n"},
    {"path": "src.rs", "text": ""},
    {"path": "Cargo.toml", "text": '[package]\nname = "foo"\n'},
    {"path": "docs/Grüße.md", "text": "Grüße\n"},
]
CKSUM = sha256(b"the bytes of foo-1.0.0.crate")


def dep(name, req="^1", **members):
    always = {"name": name, "req": req, "kind": "normal", "features": [], "optional": False,
              "default_features": True}
    return always | members


def statement(**members):
    """A statement in the form that is signed; `deps` in order already."""
    always = {"name": "foo", "vers": "1.0.0", "registry": CRATES_IO, "cksum": CKSUM,
              "tree": tree_of(FILES), "deps": [], "features": {}, "signer": locator(),
              "time": 1763800000}
    return always | members


def signed(statement, seed=SEED, sign=None):
    """The two fields for a statement."""
    message = encode(canonical(statement).encode())
    sign = sign or Ed25519PrivateKey.from_private_bytes(seed).sign
    return {
        "key_locator": dict(statement["signer"]),
        "signature": {"v": 1, "time": statement["time"], "registry": statement["registry"],
                      "tree": statement["tree"], "sig": base64url(sign(message))},
    }


def line(statement, **members):
    """An index line that says the same in the plainest way."""
    told = ["name", "vers", "cksum", "deps", "features", "links", "rust_version"]
    return {m: copy.deepcopy(statement[m]) for m in told if m in statement} | members


CASES = {}


def case(name, expect, about, line=None, registry=CRATES_IO, **members):
    assert name not in CASES, name
    if isinstance(line, dict):
        line = json.dumps(line, ensure_ascii=False, separators=(",", ":"))
    fields = {"about": about, "expect": expect}
    if line is not None:
        fields |= {"registry": registry, "line": line}
    CASES[name] = fields | members


def verified(name, about, statement, entry, registry=CRATES_IO, seed=SEED, **members):
    """A release that is accepted, with every step on the way."""
    fields = signed(statement, seed)
    body = canonical(statement).encode()
    sig = Ed25519PrivateKey.from_private_bytes(seed).sign(encode(body))
    if isinstance(entry, dict):
        entry = entry | fields
    case(name, "verified", about, entry, registry, **members, seed=seed.hex(), files=FILES,
         tree=tree_of(FILES), body=body.decode(), encoded=encode(body).hex(), sig=sig.hex(),
         **fields)


# --- Accepted -----------------------------------------------------------------------------------

PLAIN = statement()
PLAIN_LINE = line(PLAIN)
verified("release_minimal", "no member that could be left out", PLAIN, PLAIN_LINE,
         request={"name": "foo", "vers": "1.0.0", "deps": [], "features": {}})

FULL = statement(
    vers="1.0.0-rc.1+build.01",
    deps=[
        dep("renamed", package="real-name"),
        dep("everything", ">=1.0.0-alpha.1, <2", kind="build", target='cfg(any(unix, target_os = "wasi"))',
            features=["a", "b"], optional=True, default_features=False, registry=CORP,
            artifact=["bin", "cdylib"], bindep_target="target", lib=True),
        dep("mine", "*", kind="dev"),
        dep("mine", "*", kind="dev"),
        dep("for-windows", "1.*", target="x86_64-pc-windows-msvc"),
    ],
    features={"default": ["std"], "std": ["dep:renamed", "everything?/a"], "empty": []},
    links="z",
    rust_version="1.70",
)
FULL["deps"].sort(key=lambda d: canonical(d).encode())
FULL_REQUEST = {
    "name": "foo", "vers": "1.0.0-rc.1+build.01",
    "deps": [
        {"name": "real-name", "explicit_name_in_toml": "renamed", "version_req": "^1", "kind": "normal",
         "optional": False, "default_features": True, "features": [], "target": None},
        {"name": "everything", "version_req": ">=1.0.0-alpha.1, <2", "kind": "build", "optional": True,
         "default_features": False, "features": ["b", "a"],
         "target": 'cfg(any(unix, target_os = "wasi"))', "registry": "sparse+https://corp.example/index/",
         "artifact": ["cdylib", "bin"], "bindep_target": "target", "lib": True},
        {"name": "mine", "version_req": "*", "kind": "dev", "optional": False, "default_features": True,
         "features": [], "target": None},
        {"name": "mine", "version_req": "*", "kind": "dev", "optional": False, "default_features": True,
         "features": [], "target": None},
        {"name": "for-windows", "version_req": "1.*", "kind": "normal", "optional": False,
         "default_features": True, "features": [], "target": "x86_64-pc-windows-msvc"},
    ],
    "features": {"std": ["dep:renamed", "everything?/a"], "empty": [], "default": ["std"]},
    "authors": ["Ferris"], "description": None, "links": "z", "rust_version": "1.70",
}
FULL_LINE = {
    "name": "foo", "vers": "1.0.0-rc.1+build.01",
    "deps": [
        {"name": "renamed", "req": "^1", "features": [], "optional": False, "default_features": True,
         "target": None, "kind": "normal", "package": "real-name"},
        {"name": "everything", "req": ">=1.0.0-alpha.1, <2", "features": ["b", "a"], "optional": True,
         "default_features": False, "target": 'cfg(any(unix, target_os = "wasi"))', "kind": "build",
         "registry": "sparse+https://corp.example/index/", "artifact": ["cdylib", "bin"],
         "bindep_target": "target", "lib": True},
        {"name": "mine", "req": "*", "features": [], "optional": False, "default_features": True,
         "target": None, "kind": "dev"},
        {"name": "mine", "req": "*", "features": [], "optional": False, "default_features": True,
         "target": None, "kind": "dev"},
        {"name": "for-windows", "req": "1.*", "features": [], "optional": False, "default_features": True,
         "target": "x86_64-pc-windows-msvc", "kind": "normal"},
    ],
    "cksum": CKSUM,
    "features": {"empty": []},
    "features2": {"default": ["std"], "std": ["dep:renamed", "everything?/a"]},
    "yanked": False, "links": "z", "rust_version": "1.70", "v": 3,
}
verified("release_full", "every member; line and request as cargo and crates.io write them",
         FULL, FULL_LINE, request=FULL_REQUEST)

RETOLD_LINE = {
    "v": 2, "rust_version": "1.70", "links": "z", "yanked": True, "pubtime": "2025-11-12T19:30:12Z",
    "features2": {"std": ["everything?/a"], "default": []},
    "features": {"std": ["dep:renamed", "dep:renamed"], "default": ["std", "std"], "empty": []},
    "cksum": CKSUM,
    "deps": [
        {"name": "mine", "req": "x", "kind": "dev", "registry": "https://index.crates.io/"},
        {"name": "for-windows", "req": "1.x", "target": "x86_64-pc-windows-msvc", "package": "for-windows",
         "public": False, "features": ["", ""], "registry": CRATES_IO + ".git"},
        {"name": "everything", "req": ">= 1.0.0-alpha.1,<2", "features": ["a", "", "b", "a"],
         "optional": True, "default_features": False, "target": 'cfg( any(unix,target_os="wasi",) )',
         "kind": "build", "registry": "https://user:pw@CORP.example:443/index.git/?x#y",
         "artifact": ["bin", "cdylib", "bin"], "bindep_target": "target", "lib": True},
        {"name": "renamed", "req": "1", "package": "real-name", "kind": None, "extra": [None]},
        {"name": "mine", "req": " * ", "kind": "dev"},
    ],
    "vers": "1.0.0-rc.1+build.01", "name": "foo", "future": {"key_locator": 1, "signature": 2},
}
verified("release_retold", "the same release as release_full, told in other words", FULL, RETOLD_LINE)

ABROAD = statement(registry=CORP, deps=[dep("own"), dep("serde", registry=CRATES_IO)])
ABROAD["deps"].sort(key=lambda d: canonical(d).encode())
verified("release_of_another_registry", "crates.io is not the default registry of every release", ABROAD,
         line(ABROAD, deps=[dep("serde", registry="https://index.crates.io"), dep("own", registry=None)]),
         registry="sparse+https://corp.example/index/")

ORDERED = statement(features={"\u20ac": [], "\r": [], "\ufb33": ["\u001f\"\\/\u007f"], "1": [],
                              "\U0001f600": [], "\u0080": [], "\u00f6": ["b", "\u00e9", "\U0001f600", "\ufb33"]})
ORDERED["features"]["\u00f6"].sort(key=lambda v: v.encode())
verified("release_member_order", "names sort by UTF-16 code units, values by bytes; the names of RFC 8785",
         ORDERED, line(ORDERED))

verified("registry_mirrored", "crates.io is the same registry under its other address", PLAIN, PLAIN_LINE,
         registry="sparse+https://index.crates.io/")

NUMBERLESS = statement(signer=locator("wkd", "ada.l@example.org", None, OTHER_SEED), time=2**53 - 1)
verified("key_locator_without_account", "no account; the latest time there is", NUMBERLESS,
         line(NUMBERLESS), seed=OTHER_SEED)

ESCAPED = json.dumps(PLAIN_LINE | signed(PLAIN), separators=(",", ":"))
ESCAPED = ESCAPED.replace('"key_locator":', '"\\u006bey_locator":').replace('"signature":', '"\\u0073ignatur\\u0065" : ')
assert "signature" not in ESCAPED and "key_locator" not in ESCAPED
verified("name_escaped", "a name written with escapes is that name", PLAIN, ESCAPED)

# --- Not signed ---------------------------------------------------------------------------------

case("fields_absent", "unsigned", "neither field", PLAIN_LINE)
case("fields_elsewhere", "unsigned", "the names only deeper in the line",
     PLAIN_LINE | {"deps": [dep("signature") | signed(PLAIN)], "features": {"key_locator": ["signature"]}})
case("version_unknown", "unknown-version", "a version that is not known counts as unsigned, whatever is in it",
     PLAIN_LINE | {"key_locator": locator(), "signature": {"v": 2, "sig": None, "alg": []}})

# --- Malformed ----------------------------------------------------------------------------------


def malformed(name, about, change=None, text=None, expect="malformed"):
    fields = signed(PLAIN)
    if change:
        change(fields)
    entry = json.dumps(PLAIN_LINE | fields, separators=(",", ":"))
    if text:
        old, new = text
        assert entry.count(old) == 1, (name, entry.count(old))
        entry = entry.replace(old, new)
    case(name, expect, about, entry)


def put(field, value, member=None):
    def change(fields):
        if member is None:
            fields[field] = value
        else:
            fields[field][member] = value
    return change


def take(field, member=None):
    def change(fields):
        if member is None:
            del fields[field]
        else:
            del fields[field][member]
    return change


SIG = signed(PLAIN)["signature"]["sig"]
KEY = locator()["key"]
DIGITS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"


def spill(text):
    """The last digit with a bit set that no byte uses."""
    return text[:-1] + DIGITS[DIGITS.index(text[-1]) | 1]


for field, other in [("key_locator", "signature"), ("signature", "key_locator")]:
    malformed(f"{field}_alone", f"no `{other}`", take(other))
    malformed(f"{field}_null", "null is not missing", put(field, None))
    malformed(f"{field}_array", "an array, not an object", put(field, []))
    malformed(f"{field}_string", "a string, not an object", put(field, "{}"))
    malformed(f"{field}_twice", "the field is there twice", None, (f'"{field}":{{', f'"{field}":{{}},"{field}":{{'))
    malformed(f"{field}_member_unknown", "a member that the format does not have", put(field, "", "future"))
malformed("signature_twice_escaped", "the field is there twice, once written with escapes", None,
          ('"signature":{', '"signatur\\u0065":{},"signature":{'))
malformed("both_null", "null is not missing, for both neither",
          lambda fields: fields.update(key_locator=None, signature=None))
for field, members in [("key_locator", ["provider", "user", "key"]), ("signature", ["v", "time", "registry", "tree", "sig"])]:
    for member in members:
        malformed(f"{field}_{member}_missing", f"no `{member}`", take(field, member))
for field, member in [("key_locator", "user"), ("key_locator", "account"), ("signature", "v"), ("signature", "sig")]:
    value = json.dumps(signed(PLAIN)[field][member])
    malformed(f"{field}_{member}_twice", f"`{member}` twice, with one value", None,
              (f'"{member}":{value}', f'"{member}":{value},"{member}":{value}'))
    malformed(f"{field}_{member}_null", "null is not missing", put(field, None, member))
for name, number in [("negative", "-1"), ("minus_zero", "-0"), ("fraction", "1763800000.0"), ("exponent", "17638e5"),
                     ("too_large", str(2**53)), ("beyond_64_bits", str(2**64)), ("string", '"1763800000"')]:
    malformed(f"signature_time_{name}", "not an integer from 0 to 2^53 - 1", None, ('"time":1763800000', f'"time":{number}'))
malformed("signature_v_fraction", "1.0 is not 1", None, ('"v":1', '"v":1.0'))
malformed("key_locator_account_too_large", "not below 2^53", put("key_locator", 2**53, "account"))
malformed("key_locator_account_string", "a string, not a number", put("key_locator", "583231", "account"))
malformed("signature_sig_padded", "base64url with padding", put("signature", SIG + "==", "sig"))
malformed("signature_sig_trailing_bits", "the last digit has bits that no byte uses", put("signature", spill(SIG), "sig"))
malformed("signature_sig_short", "63 bytes", put("signature", base64url(bytes(63)), "sig"))
malformed("signature_sig_long", "65 bytes", put("signature", base64url(bytes(65)), "sig"))
malformed("signature_sig_standard_alphabet", "`+` and `/` are not base64url", put("signature", "+/" + SIG[2:], "sig"))
malformed("signature_tree_upper_case", "hex digits in upper case", put("signature", tree_of(FILES).upper(), "tree"))
malformed("signature_tree_short", "hex of another length", put("signature", tree_of(FILES)[2:], "tree"))
malformed("signature_registry_not_canonical", "an address of crates.io, but not its identity",
          put("signature", "https://index.crates.io/", "registry"))
malformed("signature_registry_not_url", "no URL", put("signature", "crates-io", "registry"))
malformed("key_locator_key_padded", "base64url with padding", put("key_locator", KEY + "=", "key"))
malformed("key_locator_key_trailing_bits", "the last digit has bits that no byte uses", put("key_locator", spill(KEY), "key"))
malformed("key_locator_key_bare", "no `ed25519:`", put("key_locator", KEY[8:], "key"))
malformed("key_locator_key_small_order", "the neutral point, for which anybody can sign",
          put("key_locator", "ed25519:" + base64url(bytes([1]) + bytes(31)), "key"))
malformed("key_locator_key_not_canonical", "y is p + 1, another spelling of 1",
          put("key_locator", "ed25519:" + base64url(bytes([0xee] + [0xff] * 30 + [0x7f])), "key"))
malformed("key_locator_key_not_a_point", "no point of the curve has this y",
          put("key_locator", "ed25519:" + base64url(bytes([2]) + bytes(31)), "key"), expect="bad-signature")
malformed("key_locator_provider_upper_case", "a provider is named in lower case", put("key_locator", "GitHub", "provider"))
malformed("key_locator_provider_empty", "a provider without a name", put("key_locator", "", "provider"))
malformed("key_locator_provider_long", "33 characters", put("key_locator", "g" * 33, "provider"))
malformed("key_locator_user_upper_case", "the signer writes a user in lower case", put("key_locator", "Octocat", "user"))
malformed("key_locator_user_control", "a character that a terminal would obey", put("key_locator", "octo\u001bcat", "user"))
malformed("key_locator_user_long", "256 bytes", put("key_locator", "o" * 256, "user"))
case("line_not_json", "malformed", "a line that breaks off within the field",
     json.dumps(PLAIN_LINE | signed(PLAIN))[:-8])

# --- A release that cannot be signed ------------------------------------------------------------


def invalid(name, about, **members):
    case(name, "invalid-release", about, PLAIN_LINE | members | signed(PLAIN))


invalid("dependency_public", "`public` is never signed", deps=[dep("bar", public=True)])
invalid("dependency_artifact_empty", "to cargo an empty list is not the same as none", deps=[dep("bar", artifact=[])])
invalid("dependency_req_malformed", "no version requirement", deps=[dep("bar", "one")])
invalid("dependency_target_malformed", "no platform", deps=[dep("bar", target="cfg(any(unix)")])
invalid("dependency_target_deep", "a platform that would exhaust a parser's stack",
        deps=[dep("bar", target="cfg(" + "not(" * 5000 + "unix" + ")" * 5001)])
invalid("dependency_registry_malformed", "no URL", deps=[dep("bar", registry="corp")])
invalid("dependency_name_empty", "a dependency without a name", deps=[dep("")])
invalid("vers_malformed", "no version", vers="1.0")
invalid("cksum_upper_case", "a digest is in lower case", cksum=CKSUM.upper())
invalid("cksum_short", "hex of another length", cksum=CKSUM[2:])
invalid("rust_version_malformed", "a requirement, not a version", rust_version="^1.70")

# --- Signatures that do not fit -----------------------------------------------------------------

SIGNED_FULL = signed(FULL)


def unfit(name, about, entry=None, fields=None):
    case(name, "bad-signature", about, (entry or FULL_LINE) | (fields or SIGNED_FULL))


def changed(**members):
    return FULL_LINE | members


def changed_dep(index, **members):
    deps = copy.deepcopy(FULL_LINE["deps"])
    deps[index] |= members
    return changed(deps=deps)


def changed_field(field, member, value):
    fields = copy.deepcopy(SIGNED_FULL)
    if value is None:
        del fields[field][member]
    else:
        fields[field][member] = value
    return fields


unfit("name_changed", "another package", changed(name="fop"))
unfit("vers_changed", "another version", changed(vers="1.0.1"))
unfit("vers_build_changed", "build metadata is signed too", changed(vers="1.0.0-rc.1+build.1"))
unfit("cksum_changed", "other bytes", changed(cksum=sha256(b"")))
unfit("deps_added", "a dependency that the publisher does not know", changed(deps=FULL_LINE["deps"] + [dep("evil")]))
unfit("deps_removed", "one dependency less", changed(deps=FULL_LINE["deps"][1:]))
unfit("deps_equal_removed", "one of two equal dependencies less", changed(deps=FULL_LINE["deps"][:3] + FULL_LINE["deps"][4:]))
for member, value in [("name", "x"), ("req", "^2"), ("features", ["a"]), ("optional", False), ("default_features", True),
                      ("target", None), ("kind", "dev"), ("registry", None), ("package", "x"), ("artifact", ["bin"]),
                      ("bindep_target", None), ("lib", False)]:
    unfit(f"dependency_{member}_changed", f"a dependency's `{member}`", changed_dep(1, **{member: value}))
unfit("features_added", "a feature that the publisher does not know", changed(features={"evil": [], "empty": []}))
unfit("features_removed", "one feature less", changed(features={}))
unfit("features_value_added", "a feature that turns on more",
      changed(features={"empty": ["std"]}))
unfit("links_changed", "another library", changed(links="y"))
unfit("rust_version_removed", "a registry that drops the field", {k: v for k, v in FULL_LINE.items() if k != "rust_version"})
unfit("provider_changed", "another provider", fields=changed_field("key_locator", "provider", "gitlab"))
unfit("user_changed", "another user", fields=changed_field("key_locator", "user", "octodog"))
unfit("account_changed", "another account", fields=changed_field("key_locator", "account", 1))
unfit("account_removed", "the account left out", fields=changed_field("key_locator", "account", None))
unfit("key_changed", "another key", fields=changed_field("key_locator", "key", "ed25519:" + base64url(public(OTHER_SEED))))
unfit("time_changed", "another time", fields=changed_field("signature", "time", 1763800001))
unfit("tree_changed", "other files", fields=changed_field("signature", "tree", sha256(b"")))
unfit("registry_changed", "the registry that was signed for", fields=changed_field("signature", "registry", CORP))
unfit("sig_of_another_version", "the same signer's signature over another version", fields=signed(FULL | {"vers": "1.0.1"}))
unfit("sig_of_another_key", "signed with a key that the locator does not name", fields=signed(FULL, OTHER_SEED))
FLIPPED = bytearray(base64.urlsafe_b64decode(SIGNED_FULL["signature"]["sig"] + "=="))
FLIPPED[17] ^= 4
unfit("sig_changed", "one bit", fields=changed_field("signature", "sig", base64url(bytes(FLIPPED))))

PRIVATE = Ed25519PrivateKey.from_private_bytes(SEED)
BODY = canonical(PLAIN).encode()


def unfit_plain(name, about, sign):
    case(name, "bad-signature", about, PLAIN_LINE | signed(PLAIN, sign=sign))


def s_not_reduced(message):
    sig = PRIVATE.sign(message)
    return sig[:32] + (int.from_bytes(sig[32:], "little") + ORDER).to_bytes(32, "little")


def r_small_order(message):
    digest = hashlib.sha512(SEED).digest()
    scalar = int.from_bytes(digest[:32], "little") & ((1 << 254) - 8) | (1 << 254)
    neutral = bytes([1]) + bytes(31)
    k = int.from_bytes(hashlib.sha512(neutral + public(SEED) + message).digest(), "little")
    sig = neutral + (k * scalar % ORDER).to_bytes(32, "little")
    PRIVATE.public_key().verify(sig, message)  # OpenSSL accepts it.
    return sig


unfit_plain("sig_s_not_reduced", "S is larger by the group's order (RFC 8032, section 5.1.7)", s_not_reduced)
unfit_plain("sig_r_small_order", "R is the neutral point; the equation holds, the strict rule does not", r_small_order)
unfit_plain("sig_zero", "64 bytes of zero", lambda message: bytes(64))
unfit_plain("sig_over_carrier_type", "the same body, signed as that of a carrier", lambda _: PRIVATE.sign(encode(BODY, CARRIER_TYPE)))
unfit_plain("sig_over_bare_body", "signed without the encoding", lambda _: PRIVATE.sign(BODY))
unfit_plain("sig_over_other_spelling", "signed with white space in the body",
            lambda _: PRIVATE.sign(encode(json.dumps(PLAIN, sort_keys=True).encode())))

case("registry_other", "other-registry", "a true signature, for another registry than the one in use",
     PLAIN_LINE | signed(PLAIN), "https://corp.example/index/")

# --- Carriers -----------------------------------------------------------------------------------

LEFT_OUT = [{"path": ".gitignore", "text": "/target\n"}, {"path": "docs/.gitattributes", "text": ""}]


def carried(**members):
    """A statement in carrier form: without `cksum`, and of all files but the carrier."""
    always = statement(tree=tree_of(FILES + LEFT_OUT), links="z", rust_version="1.70",
                       deps=[dep("bar", optional=True), dep("baz", registry=CORP)],
                       features={"default": ["bar"]})
    del always["cksum"]
    return always | members


def carrier(statement, payload_type=CARRIER_TYPE, **members):
    """The file that carries a statement, before it is written down."""
    sign = Ed25519PrivateKey.from_private_bytes(SEED).sign
    return {"v": 1, "statement": statement,
            "left_out": {f["path"]: sha256(f["text"].encode()) for f in LEFT_OUT},
            "sig": base64url(sign(encode(canonical(statement).encode(), payload_type)))} | members


def carrier_case(name, expect, about, carrier, line, registry=CRATES_IO, **members):
    """A package `foo` of version 1.0.0 with this file in it, and this index line without fields."""
    text = carrier if isinstance(carrier, str) else canonical(carrier)
    case(name, expect, about, line, registry, carrier=text, **members)


IN_PACKAGE = carried()
IN_PACKAGE_LINE = line(IN_PACKAGE, cksum=CKSUM)
IN_PACKAGE_BODY = canonical(IN_PACKAGE).encode()
carrier_case("carrier_full", "verified", "every member; a line as other registries keep it, without `rust_version`",
             carrier(IN_PACKAGE), {k: v for k, v in IN_PACKAGE_LINE.items() if k != "rust_version"},
             seed=SEED.hex(), files=FILES + LEFT_OUT, tree=tree_of(FILES + LEFT_OUT),
             body=IN_PACKAGE_BODY.decode(), encoded=encode(IN_PACKAGE_BODY, CARRIER_TYPE).hex())
BARE = statement(tree=tree_of(FILES))
del BARE["cksum"]
carrier_case("carrier_minimal", "verified", "no member that could be left out", carrier(BARE, left_out={}), PLAIN_LINE)
carrier_case("carrier_implied_feature", "verified", "a line that tells of a feature which a dependency implies",
             carrier(IN_PACKAGE), IN_PACKAGE_LINE | {"features": {"default": ["bar"], "bar": ["dep:bar"]}})
carrier_case("carrier_requirement_retold", "verified", "a line that tells of a requirement in other words",
             carrier(carried(deps=[dep("bar", req="^1.2")], features={})),
             line(carried(deps=[dep("bar", req=">=1.2.0, <2.0.0")], features={}), cksum=CKSUM))
carrier_case("carrier_line_requirement_changed", "other-entry", "a requirement that lets more in",
             carrier(carried(deps=[dep("bar", req="^1.2")], features={})),
             line(carried(deps=[dep("bar", req=">=1.2.0")], features={}), cksum=CKSUM))
carrier_case("carrier_version_unknown", "unknown-version", "a version that is not known counts as unsigned",
             {"v": 2, "more": []}, IN_PACKAGE_LINE)
carrier_case("carrier_of_another_package", "other-release", "a true carrier, of another package",
             carrier(carried(name="bar")), IN_PACKAGE_LINE)
carrier_case("carrier_of_another_version", "other-release", "a true carrier, of another version",
             carrier(carried(vers="1.0.1")), IN_PACKAGE_LINE)
carrier_case("carrier_of_another_registry", "other-registry", "a true carrier, for another registry than the one in use",
             carrier(IN_PACKAGE), IN_PACKAGE_LINE, registry="https://corp.example/index")
carrier_case("carrier_line_dependency_added", "other-entry", "a dependency that the signer does not know",
             carrier(IN_PACKAGE), IN_PACKAGE_LINE | {"deps": [*IN_PACKAGE["deps"], dep("evil")]})
carrier_case("carrier_line_features_changed", "other-entry", "a feature that turns on more",
             carrier(IN_PACKAGE), IN_PACKAGE_LINE | {"features": {"default": ["bar", "baz/evil"]}})
carrier_case("carrier_line_links_removed", "other-entry", "no `links`", carrier(IN_PACKAGE),
             {k: v for k, v in IN_PACKAGE_LINE.items() if k != "links"})
carrier_case("carrier_line_rust_version_changed", "other-entry", "another `rust_version`",
             carrier(IN_PACKAGE), IN_PACKAGE_LINE | {"rust_version": "1.0"})
carrier_case("carrier_sig_over_index_type", "bad-signature", "the same body, signed as that of an index entry",
             carrier(IN_PACKAGE, RELEASE_TYPE), IN_PACKAGE_LINE)
carrier_case("carrier_tree_changed", "bad-signature", "other files",
             carrier(IN_PACKAGE) | {"statement": carried(tree=tree_of(FILES))}, IN_PACKAGE_LINE)
carrier_case("carrier_white_space", "malformed", "a byte that nobody signed",
             canonical(carrier(IN_PACKAGE)) + "\n", IN_PACKAGE_LINE)
carrier_case("carrier_member_unknown", "malformed", "a member that the format does not have",
             carrier(IN_PACKAGE, more=1), IN_PACKAGE_LINE)
carrier_case("carrier_member_twice", "malformed", "a member that is there twice",
             canonical(carrier(IN_PACKAGE)).replace('"v":1', '"v":1,"v":1'), IN_PACKAGE_LINE)
carrier_case("carrier_cksum", "malformed", "a statement in index form", carrier(carried(cksum=CKSUM)), IN_PACKAGE_LINE)
carrier_case("carrier_not_canonical", "malformed", "members in another order",
             json.dumps(carrier(IN_PACKAGE), separators=(",", ":")), IN_PACKAGE_LINE)
carrier_case("carrier_left_out_other_file", "malformed", "a file that no vendored folder lacks",
             carrier(IN_PACKAGE, left_out={"build.rs": CKSUM}), IN_PACKAGE_LINE)
carrier_case("carrier_deps_unsorted", "malformed", "dependencies in another order",
             carrier(carried(deps=list(reversed(IN_PACKAGE["deps"])))), IN_PACKAGE_LINE)

# --- Trees --------------------------------------------------------------------------------------


def tree(name, about, paths):
    files = [{"path": path, "text": path} for path in paths]
    case(name, "tree", about, files=files, tree=tree_of(files))


def not_tree(name, about, *paths):
    case(name, "invalid-tree", about, files=[p if isinstance(p, dict) else {"path": p, "text": ""} for p in paths])


tree("tree_empty", "no file at all", [])
tree("tree_order", "sorted by the bytes of the whole path: `.` comes before `/`",
     ["a/b", "a.b", "a b", "a0", "Z", "\U0001f600", "\uff5a", "é"])
tree("tree_names", "names that are unusual and allowed",
     ["...", ".gitignore", ".cargo_vcs_info.json", "sub/.cargo-checksum.json", "a  b", "\"'$`", "\u0080"])
not_tree("tree_path_empty", "no name", "")
not_tree("tree_path_absolute", "begins with `/`", "/etc/passwd")
not_tree("tree_path_slash_last", "ends with `/`", "a/")
not_tree("tree_path_slash_twice", "an empty component", "a//b")
not_tree("tree_path_dot", "a component `.`", "a/./b")
not_tree("tree_path_dot_dot", "a component `..`", "a/../b")
not_tree("tree_path_git", "a component `.git`", "a/.git/config")
not_tree("tree_path_git_case", "a component that is `.git` where case is folded", ".Git/config")
not_tree("tree_path_cargo_ok", "a component `.cargo-ok`", "a/.cargo-ok")
not_tree("tree_path_cargo_checksum", "`.cargo-checksum.json` at the root", ".cargo-checksum.json")
not_tree("tree_path_backslash", "a separator on some systems", "a\\b")
not_tree("tree_path_newline", "a line could not hold it", "a\nb")
not_tree("tree_path_delete", "U+007F", "a\u007f")
not_tree("tree_path_not_nfc", "a decomposed letter", "u\u0308.rs")
not_tree("tree_path_not_utf8", "a byte that is none of UTF-8", {"path_hex": "61ff", "text": ""})
not_tree("tree_twice", "one path twice", "a", "b", "a")
not_tree("tree_case", "two names that are one where case is folded", "README", "Readme")
not_tree("tree_case_directory", "two folders that are one where case is folded", "Src/a.rs", "src/b.rs")
not_tree("tree_case_unicode", "the same, beyond ASCII", "Ä", "ä")
not_tree("tree_file_is_parent", "a file that others lie in", "a", "a.b", "a/b")


def main():
    for old in HERE.glob("*.json"):
        old.unlink()
    for name, fields in CASES.items():
        text = json.dumps(fields, indent=2, ensure_ascii=True)
        (HERE / f"{name}.json").write_text(text + "\n")
    readme = HERE / "README.md"
    head = readme.read_text().split("| case |")[0]
    rows = [f"| `{name}` | {fields['expect']} | {fields['about']} |" for name, fields in CASES.items()]
    readme.write_text(head + "\n".join(["| case | expect | about |", "|---|---|---|", *rows]) + "\n")


if __name__ == "__main__":
    main()
