//! What the patches call: signatures, keys and policy in cargo's terms.
//!
//! Upstream's code is patched in a few places (`patches/cargo`), each of which calls one function
//! here. In the order in which a command meets them:
//!
//! | where upstream stands | calls | in |
//! |---|---|---|
//! | an index line was parsed | [`attach`] keeps its signature with the summary | [`entry`] |
//! | the cache is locked | [`clean`] removes from it what steers git | [`cache`] |
//! | a source was loaded | [`note_source`](Signing::note_source) remembers what it stands in for | [`context`] |
//! | an index entry or an archive is written | [`remove_links`] sees to it that it goes to the cache | [`cache`] |
//! | a source hands on an entry | [`admits`] leaves out what policy cannot accept | [`resolve`] |
//! | the resolver has chosen | [`settle`] checks signatures and keys, and may ask it again | [`resolve`] |
//! | no version is left | [`refusal`] says why | [`resolve`] |
//! | a package to be installed was found | [`named`] accepts it or says why not | [`resolve`] |
//! | a package was downloaded | [`Downloaded`] says who published it | [`archive`] |
//! | a package is handed on | [`seen`] keeps its entry with it, where the command shows it | [`seen`](mod@seen) |
//! | it is printed | [`signer`] and [`write_signer`] tell who published it | [`seen`](mod@seen) |
//! | a package is unpacked | [`CheckedArchive`] is asked for | [`archive`] |
//! | a package is vendored | [`keep_entry`] keeps its entry with it | [`vendored`] |
//! | a folder of that name is there | [`is_vendored`] says whether it may stay | [`vendored`] |
//! | a vendored package is read | [`attach_vendored`] reads the entry | [`vendored`] |
//! | a unit is prepared | [`prepares`] looks at documentation tests | [`compile`] |
//! | what was compiled is looked for | [`fingerprint`] tells what it was made of | [`compile`] |
//! | a package is about to be compiled | [`compiles`] makes the proof, [`Accepted`], or says why not | [`compile`], [`unpacked`] |
//! | `[env]` was read | [`withheld`] keeps the secret key from programs that are run while something is compiled | [`keys`] |
//! | a package is to be published | [`can_sign`] says whether it can be signed | [`publish`] |
//! | its files are listed | [`may_be_packaged`] keeps the carrier's place free | [`carry`] |
//! | its archive is made | [`carry()`] puts the signature in | [`carry`] |
//! | its request is ready | [`sign`] signs it | [`publish`] |
//! | it is in the index | [`served`] says whether the signature is too | [`publish`] |
//!
//! Where the index says nothing of a signature, [`carried`] finds what the package itself carries; such
//! packages wait for each other ([`Waiting`]), and [`inspect`] has all cores look at their archives. What is
//! out already is signed by [`released`].
//!
//! Behind these stand [`check`], which brings entry, signature and key together; [`lookup`], which
//! asks providers and remembers their answers; [`sources`], which asks cargo's; [`net`], by way of which they are asked; [`config`], which reads `[signing]`; [`keys`], the
//! user's own; [`signers`], the files that say who may sign what; and [`report`], which words what the user is told. The rules themselves are not here
//! but in `crates/`: what is signed in `consign-statement`, whose keys are whose in
//! `consign-identity`, the form of a signers file in `consign-signers`, what follows from it in `consign-policy`.
//!
//! What one command learns it keeps in [`Signing`], a field of [`GlobalContext`].
//!
//! [`GlobalContext`]: crate::GlobalContext

mod ahead;
mod archive;
mod cache;
mod carried;
mod carry;
mod check;
mod compile;
mod config;
mod context;
mod cores;
mod entry;
mod files;
mod inspect;
mod invocation;
pub mod keys;
pub mod look;
mod lookup;
mod net;
mod private_file;
mod publish;
pub mod released;
mod report;
mod resolve;
mod seen;
pub mod signers;
mod sources;
mod unpacked;
mod vendored;
pub mod verify;

pub use archive::{CheckedArchive, Downloaded};
pub use cache::{clean, remove_links};
pub use carry::{carry, may_be_packaged};
pub use compile::{Accepted, compiles, fingerprint, prepares};
pub use config::{Held, Policy, Setting};
pub use context::{REQUIRED, Signing};
pub use entry::{Entry, SharedEntry, attach};
pub use invocation::Invocation;
pub use keys::environment::withheld;
pub use net::Network;
pub use publish::{SignedRequest, can_sign, served, sign};
pub use resolve::{admits, named, refusal, settle};
pub use seen::{seen, signer, write_signer};
pub use sources::Waiting;
pub use vendored::{attach_vendored, is_vendored, keep_entry};
