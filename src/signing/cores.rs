//! Work on many things at a time.
//!
//! Where the machine starts no more threads, there are fewer, or this one alone: stock cargo needs none to
//! download and to unpack.

use std::num::NonZero;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

/// Below this many items a thread costs more than it saves.
const WORTH_A_THREAD: usize = 8;

/// `f` of every item, in the order of the items, made on all cores.
///
/// Each core takes the next item when it is done with one: items may differ in what they cost.
pub(super) fn on_all_cores<T: Sync, R: Send>(items: &[T], f: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let cores = thread::available_parallelism().map_or(1, NonZero::get);
    let workers = cores.min(items.len() / WORTH_A_THREAD);
    if workers < 2 {
        return items.iter().map(f).collect();
    }
    let next = AtomicUsize::new(0);
    let work = || {
        let mut done = Vec::new();
        loop {
            let index = next.fetch_add(1, Ordering::Relaxed);
            match items.get(index) {
                Some(item) => done.push((index, f(item))),
                None => return done,
            }
        }
    };
    let mut done = thread::scope(|scope| {
        // This thread is one of them.
        let start = |_| thread::Builder::new().spawn_scoped(scope, work).ok();
        let others: Vec<_> = (1..workers).filter_map(start).collect();
        let mut done = work();
        for other in others {
            match other.join() {
                Ok(results) => done.extend(results),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        done
    });
    done.sort_unstable_by_key(|(index, _)| *index);
    done.into_iter().map(|(_, result)| result).collect()
}
