//! A small real registry: cargo's sparse index and Web API over files in one folder.
//!
//! It is there so that the whole way of a signed release can be run and tested, from `cargo publish`
//! to a build on another machine. Stock cargo works against it for every operation. For signatures
//! it does three things: it stores the two fields of an index entry as they were sent; it refuses,
//! with the reason, one that does not fit its entry; and it never has anything to do with keys. No
//! client should believe it any of this.
//!
//! Read it in this order:
//!
//! - [`name`], [`mod@line`] and [`token`]: what a package name, an index line and a user are;
//! - [`store`] and [`package`]: what is kept, and why a publish is whole or not at all;
//! - [`upload`], [`archive`] and [`signature`]: what is checked before anything is kept;
//! - [`registry`]: what happens at each request, and [`error`]: every way in which it is refused;
//! - [`http`]: the same over the wire;
//! - [`import`]: real packages, from what cargo has downloaded.

pub mod archive;
pub mod error;
pub mod http;
pub mod import;
pub mod line;
pub mod name;
pub mod package;
pub mod registry;
pub mod signature;
pub mod store;
pub mod token;
pub mod upload;
