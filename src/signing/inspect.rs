//! Whether an archive is what was signed: the part of the check that asks nobody, and takes the longest.
//!
//! So any core can do it. Of packages that are looked at one by one it is this one. Of those that wait for
//! each other, [`inspect_all`] has the other cores look at archives while this one unpacks what they are done
//! with.

use std::io::{self, Read};
use std::num::NonZero;
use std::panic::{self, AssertUnwindSafe};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::thread::{self, JoinHandle};

use consign_statement::Digest;
use consign_statement::carrier::{self, Carrier};
use consign_statement::tree::{self, Tree, TreeError};
use consign_statement::vendored::{LeftOut, may_be_left_out};
use flate2::read::GzDecoder;

use super::context::lock;
use super::entry::SharedEntry;
use crate::CargoResult;
use crate::core::PackageId;

/// An archive as it was read, and what it has to be.
#[derive(Debug)]
pub(super) struct Packed {
    /// Of which package, as the user knows it.
    pub id: PackageId,
    /// Its signed entry.
    pub entry: SharedEntry,
    /// The checksum of its bytes, in hex.
    pub wanted: String,
    /// All of them.
    pub bytes: Vec<u8>,
    /// What was found of an archive of this package before.
    pub before: Option<Known>,
}

/// What is known of an archive that is as it was signed.
#[derive(Debug, Clone)]
pub(super) struct Known {
    /// The SHA-256 of its bytes.
    pub digest: Digest,
    /// What vendoring leaves out of it.
    pub left_out: LeftOut,
}

/// An archive that is as it was signed.
#[derive(Debug)]
pub(super) struct Inspected {
    /// Of which package.
    pub id: PackageId,
    /// What is known of it.
    pub known: Known,
    /// The bytes that were looked at.
    pub bytes: Bytes,
}

/// The bytes of an archive that was checked. To decompress them takes a good part of the time that it takes
/// to unpack it.
#[derive(Debug)]
pub(super) enum Bytes {
    /// Of an archive that is small: what they unpack to.
    Unpacked(Vec<u8>),
    /// Of one that is not, and that would take too much memory.
    Packed(Vec<u8>),
}

/// What is larger than this, unpacked, is not kept in memory between the check and the unpacking.
const MAX_IN_MEMORY: usize = 4 << 20;

/// More than any archive that cargo unpacks (its own limit, with the ratio of 20 that it allows), so
/// that what is too much is said by us only where cargo would never say it.
const MAX_UNPACKED: u64 = 512 << 20;
const MAX_RATIO: u64 = 20;

/// How many bytes an archive of `size` bytes may unpack to.
pub(super) fn unpacked_limit(size: u64) -> u64 {
    MAX_UNPACKED.max(size.saturating_mul(MAX_RATIO))
}

/// What came of looking at an archive.
pub(super) type Found = Result<Inspected, Box<NotAsSigned>>;

/// An archive that is not as it was signed.
#[derive(Debug)]
pub(super) struct NotAsSigned {
    /// Of which package.
    pub id: PackageId,
    /// Its signed entry.
    pub entry: SharedEntry,
    /// The checksum that it has to have, in hex.
    pub wanted: String,
    /// What is wrong.
    pub fault: Fault,
}

/// What is wrong with an archive.
#[derive(Debug)]
pub(super) enum Fault {
    /// Its bytes are others. Their checksum.
    OtherBytes(String),
    /// Nobody could sign it.
    Unfit(TreeError),
    /// The files in it are others.
    OtherTree,
}

impl Packed {
    /// Looks at all of it. What it unpacks to is put into `memory`, where that is given and not too much.
    pub(super) fn inspect(self, memory: Option<Vec<u8>>) -> Found {
        let (id, entry, wanted) = (self.id, self.entry.clone(), self.wanted.clone());
        self.look(memory).map_err(|fault| {
            Box::new(NotAsSigned {
                id,
                entry,
                wanted,
                fault,
            })
        })
    }

    fn look(self, memory: Option<Vec<u8>>) -> Result<Inspected, Fault> {
        let digest = Digest::of(&self.bytes);
        let found = digest.to_string();
        if found != self.wanted {
            return Err(Fault::OtherBytes(found));
        }
        // The very same bytes passed before.
        if let Some(known) = self.before.filter(|before| before.digest == digest) {
            return Ok(Inspected {
                id: self.id,
                known,
                bytes: Bytes::Packed(self.bytes),
            });
        }
        let mut unpacked = Keeping {
            from: GzDecoder::new(&self.bytes[..]),
            kept: memory,
        };
        let (name, version) = (self.id.name(), self.id.version().to_string());
        let limit = unpacked_limit(self.bytes.len() as u64);
        let left_out = match self.entry.carrier() {
            None => tree::check_tar(&mut unpacked, &name, &version, limit, may_be_left_out)
                .map_err(Fault::Unfit)?,
            // Here the bytes are not what was signed, but the files in them are.
            Some(carrier) => {
                let files = tree::of_tar(&mut unpacked, &name, &version, limit);
                left_out_of(files.map_err(Fault::Unfit)?, carrier).ok_or(Fault::OtherTree)?
            }
        };
        let bytes = match unpacked.kept {
            Some(unpacked) => Bytes::Unpacked(unpacked),
            None => Bytes::Packed(self.bytes),
        };
        Ok(Inspected {
            id: self.id,
            known: Known { digest, left_out },
            bytes,
        })
    }
}

/// A reader that keeps what was read, where it is not too much.
struct Keeping<R> {
    from: R,
    kept: Option<Vec<u8>>,
}

impl<R: Read> Read for Keeping<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.from.read(buffer)?;
        self.kept.take_if(|kept| kept.len() + read > MAX_IN_MEMORY);
        if let Some(kept) = &mut self.kept {
            kept.extend_from_slice(&buffer[..read]);
        }
        Ok(read)
    }
}

/// What vendoring leaves out of an archive, whose files these are. `None` where they are not those that were
/// signed.
pub(super) fn left_out_of(mut files: Tree, carrier: &Carrier) -> Option<LeftOut> {
    let found = files.files().filter(|(path, _)| may_be_left_out(path));
    let found: LeftOut = found
        .map(|(path, digest)| (path.to_owned(), *digest))
        .collect();
    let is_as_signed = files.take(carrier::NAME) == Some(carrier.digest())
        && found == *carrier.left_out()
        && files.finish() == carrier.fields().signature.tree;
    is_as_signed.then_some(found)
}

/// Archives that other cores look at while this one downloads the next.
#[derive(Debug)]
pub(super) struct Meanwhile {
    sender: mpsc::Sender<Packed>,
    /// How many bytes of archives wait.
    waiting: Arc<AtomicUsize>,
    workers: Vec<JoinHandle<Vec<(PackageId, Known)>>>,
}

/// How many bytes of archives may wait for a core that has the time.
const MAX_WAITING: usize = 8 << 20;

impl Meanwhile {
    /// None so far.
    pub(super) fn begin() -> Meanwhile {
        let (sender, receiver) = mpsc::channel();
        let receiver = Arc::new(Mutex::new(receiver));
        let waiting = Arc::new(AtomicUsize::new(0));
        let work = || {
            let (receiver, waiting) = (receiver.clone(), waiting.clone());
            let work = move || {
                let next = || lock(&receiver).recv();
                let mut passed = Vec::new();
                while let Ok(packed) = next() {
                    let packed: Packed = packed;
                    let size = packed.bytes.len();
                    passed.extend(packed.inspect(None).map(|of| (of.id, of.known)));
                    waiting.fetch_sub(size, Ordering::Relaxed);
                }
                passed
            };
            // Where the machine starts no more threads, there are fewer.
            thread::Builder::new().spawn(work).ok()
        };
        let workers = (0..cores()).filter_map(|_| work()).collect();
        Meanwhile {
            sender,
            waiting,
            workers,
        }
    }

    /// Whether there is room for another archive.
    pub(super) fn has_time(&self) -> bool {
        self.waiting.load(Ordering::Relaxed) < MAX_WAITING
    }

    /// Has it looked at.
    pub(super) fn look_at(&self, packed: Packed) {
        self.waiting
            .fetch_add(packed.bytes.len(), Ordering::Relaxed);
        // Nobody takes it where all workers are gone; why, is seen at the end.
        let _ = self.sender.send(packed);
    }

    /// Waits for those that were begun, and gives those that are as they were signed.
    pub(super) fn end(self) -> Vec<(PackageId, Known)> {
        drop(self.sender);
        let passed = self.workers.into_iter().flat_map(|worker| {
            let passed = worker.join();
            passed.unwrap_or_else(|panic| panic::resume_unwind(panic))
        });
        passed.collect()
    }
}

/// Where archives in memory have more bytes than this, the next one has to wait.
const MAX_AWAY: usize = 64 << 20;

fn cores() -> usize {
    thread::available_parallelism().map_or(1, NonZero::get)
}

/// Where archives come from that other cores look at, and where they go from there.
pub(super) trait Archives {
    /// The archive of `id`, where there is something to be looked at.
    fn hand_over(&mut self, id: PackageId) -> CargoResult<Option<Packed>>;

    /// What came of that of `id`.
    fn take_back(&mut self, id: PackageId, inspected: Found) -> CargoResult<()>;
}

/// Has other cores look at the archives of `ids`, as they come. This one hands them over and takes them back
/// while they go on with the next.
pub(super) fn inspect_all(ids: &[PackageId], archives: &mut impl Archives) -> CargoResult<()> {
    let workers = cores();
    // No more than so many are in memory at a time.
    let ahead = workers + 2;
    let (sender, receiver) = mpsc::channel();
    let receiver = Mutex::new(receiver);
    thread::scope(|scope| {
        // It goes away when this ends, in whatever way, and with it the workers.
        let sender = sender;
        let (answers, found) = mpsc::channel();
        let start = |_: &usize| {
            let (receiver, answers) = (&receiver, answers.clone());
            let work = move || {
                let next = || lock(receiver).recv();
                while let Ok((id, packed)) = next() {
                    let packed: Packed = packed;
                    let size = packed.bytes.len();
                    let inspect = || Packed::inspect(packed, Some(Vec::new()));
                    let found = panic::catch_unwind(AssertUnwindSafe(inspect));
                    // Nobody waits for it where another was found wanting.
                    let _ = answers.send((id, size, found));
                }
            };
            thread::Builder::new().spawn_scoped(scope, work).is_ok()
        };
        let started = (0..workers.min(ids.len())).filter(start).count();
        let (mut away, mut bytes) = (0, 0);
        let mut ids = ids.iter();
        // The machine starts no more threads.
        if started == 0 {
            return ids.try_for_each(|id| match archives.hand_over(*id)? {
                Some(packed) => archives.take_back(*id, packed.inspect(Some(Vec::new()))),
                None => Ok(()),
            });
        }
        loop {
            while away < ahead
                && bytes < MAX_AWAY
                && let Some(id) = ids.next()
            {
                if let Some(packed) = archives.hand_over(*id)? {
                    (away, bytes) = (away + 1, bytes + packed.bytes.len());
                    sender.send((*id, packed))?;
                }
            }
            if away == 0 {
                return Ok(());
            }
            let (id, size, found) = found.recv()?;
            (away, bytes) = (away - 1, bytes - size);
            let found = found.unwrap_or_else(|panic| panic::resume_unwind(panic));
            archives.take_back(id, found)?;
        }
    })
}
