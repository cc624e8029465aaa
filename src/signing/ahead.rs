//! A large archive, decompressed by one core while another writes its files.
//!
//! An archive with a signature is read twice: once to see that it may be unpacked at all, and once to
//! unpack it. What a small one unpacks to is kept in between; a large one is decompressed again, and here
//! that costs less.

use std::io::{self, Cursor, Read};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

use flate2::read::GzDecoder;

const BLOCK: usize = 256 << 10;
/// How many blocks may wait to be read, so that memory is bounded.
const AHEAD: usize = 8;

/// What the gzip stream `packed` unpacks to.
pub(super) fn decompressed(packed: Vec<u8>) -> Box<dyn Read> {
    let (sender, blocks) = sync_channel(AHEAD);
    let (give, take) = sync_channel(1);
    let decompress = move || {
        if let Ok(packed) = take.recv() {
            send(&mut decoder(packed), &sender);
        }
    };
    match thread::Builder::new().spawn(decompress) {
        Ok(_) => {
            // It goes away when it was sent this, and not before.
            let _ = give.send(packed);
            let block = Cursor::default();
            Box::new(Ahead { blocks, block })
        }
        // The machine starts no more threads.
        Err(_) => Box::new(decoder(packed)),
    }
}

fn decoder(packed: Vec<u8>) -> GzDecoder<Cursor<Vec<u8>>> {
    GzDecoder::new(Cursor::new(packed))
}

/// Sends all that `from` has, block by block, and an empty one at its end. Nobody listens where the rest
/// is not wanted.
fn send(from: &mut dyn Read, to: &SyncSender<io::Result<Vec<u8>>>) {
    loop {
        let mut block = Vec::with_capacity(BLOCK);
        let read = from.take(BLOCK as u64).read_to_end(&mut block);
        let is_last = !matches!(read, Ok(1..));
        if to.send(read.map(|_| block)).is_err() || is_last {
            return;
        }
    }
}

/// What another thread sends.
struct Ahead {
    blocks: Receiver<io::Result<Vec<u8>>>,
    block: Cursor<Vec<u8>>,
}

impl Read for Ahead {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let read = self.block.read(buffer)?;
            if read > 0 || buffer.is_empty() {
                return Ok(read);
            }
            // A thread that went away without a word did not come to the end.
            let ended_early = |_| io::Error::from(io::ErrorKind::UnexpectedEof);
            self.block = Cursor::new(self.blocks.recv().map_err(ended_early)??);
            if self.block.get_ref().is_empty() {
                return Ok(0);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;

    /// Of about `size` bytes, and what they unpack to.
    fn packed(size: usize) -> (Vec<u8>, Vec<u8>) {
        let plain: Vec<u8> = (0..size as u64)
            .map(|i| (i.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 56) as u8)
            .collect();
        let mut gz = GzEncoder::new(Vec::new(), Compression::none());
        gz.write_all(&plain).unwrap();
        (gz.finish().unwrap(), plain)
    }

    #[test]
    fn all_is_read() {
        for size in [0, 1, BLOCK - 1, BLOCK, BLOCK + 1, 20 * BLOCK] {
            let (packed, plain) = packed(size);
            let mut read = Vec::new();
            decompressed(packed).read_to_end(&mut read).unwrap();
            assert!(read == plain, "{size}");
        }
    }

    #[test]
    fn what_is_cut_off_is_an_error() {
        for size in [BLOCK / 4, 20 * BLOCK] {
            let (mut packed, _) = packed(size);
            packed.truncate(packed.len() / 2);
            let mut read = Vec::new();
            let error = decompressed(packed).read_to_end(&mut read).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
        }
    }

    #[test]
    fn a_reader_may_go_away() {
        let (packed, plain) = packed(20 * BLOCK);
        let mut start = [0; 100];
        let mut reader = decompressed(packed);
        reader.read_exact(&mut start).unwrap();
        assert_eq!(start[..], plain[..100]);
    }
}
