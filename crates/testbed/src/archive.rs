//! Archives that nobody published.

use std::io::{Read as _, Write as _};
use std::path::Path;

use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;

/// The `.crate` in `bytes`, packed anew without the file `path`, which is relative to the package's root and
/// must be there.
pub fn crate_without_file(bytes: &[u8], path: &str) -> Vec<u8> {
    packed_anew(bytes, path, None)
}

/// The `.crate` in `bytes`, packed anew with `content` in the file `path`, which is relative to the
/// package's root and must be there.
pub fn crate_with_changed_file(bytes: &[u8], path: &str, content: &[u8]) -> Vec<u8> {
    packed_anew(bytes, path, Some(content))
}

/// The `.crate` in `bytes` with one file more, the first, at `path`, which begins with the folder of the
/// package.
pub fn crate_with_first_file(bytes: &[u8], path: &str, content: &[u8]) -> Vec<u8> {
    /// The two empty blocks at an archive's end, which is not yet.
    const END: usize = 1024;
    let mut header = tar::Header::new_gnu();
    header.set_mode(0o644);
    header.set_size(content.len() as u64);
    let mut first = tar::Builder::new(Vec::new());
    first.append_data(&mut header, path, content).unwrap();
    let mut tar = first.into_inner().unwrap();
    tar.truncate(tar.len() - END);
    GzDecoder::new(bytes).read_to_end(&mut tar).unwrap();
    let mut packed = GzEncoder::new(Vec::new(), Compression::default());
    packed.write_all(&tar).unwrap();
    packed.finish().unwrap()
}

fn packed_anew(bytes: &[u8], path: &str, content: Option<&[u8]>) -> Vec<u8> {
    let mut from = tar::Archive::new(GzDecoder::new(bytes));
    let mut to = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
    let mut changed = false;
    for entry in from.entries().unwrap() {
        let mut entry = entry.unwrap();
        let mut header = entry.header().clone();
        let name = entry.path().unwrap().into_owned();
        let mut data = Vec::new();
        entry.read_to_end(&mut data).unwrap();
        let below_root: std::path::PathBuf = name.components().skip(1).collect();
        if below_root == Path::new(path) {
            changed = true;
            match content {
                Some(content) => data = content.to_owned(),
                None => continue,
            }
        }
        header.set_size(data.len() as u64);
        to.append_data(&mut header, &name, &data[..]).unwrap();
    }
    assert!(changed, "there is no file `{path}` in the archive");
    to.into_inner().unwrap().finish().unwrap()
}
