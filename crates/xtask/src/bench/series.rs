//! Runs in turns, and what becomes of their times.
//!
//! A machine is not equally fast all the time. So everyone runs once a round, and the rounds go
//! forwards and backwards with another beginner each, that nobody always follows the same
//! neighbour. What disturbs a run makes it longer, never shorter: the minimum is the best estimate of
//! what the work itself takes, and ratios are ratios of minima. How far two series of the *same*
//! program lie apart says how much a ratio can be trusted.

use std::fmt;
use std::time::Duration;

/// The times of one who took part, in order of length.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Times(Vec<Duration>);

impl Times {
    /// The shortest.
    pub fn minimum(&self) -> Duration {
        self.0[0]
    }

    /// The one in the middle, or half way between the two that are.
    pub fn median(&self) -> Duration {
        let middle = self.0.len() / 2;
        match self.0.len() % 2 {
            0 => (self.0[middle - 1] + self.0[middle]) / 2,
            _ => self.0[middle],
        }
    }
}

/// Has each of so many, called by their numbers, `run` once a round.
///
/// # Panics
///
/// Where there are no rounds.
pub fn in_turns<E>(
    rounds: u32,
    count: usize,
    mut run: impl FnMut(u32, usize) -> Result<Duration, E>,
) -> Result<Vec<Times>, E> {
    assert!(rounds > 0, "nothing comes of no rounds");
    let mut times = vec![Vec::new(); count];
    for round in 0..rounds {
        for number in order(round, count) {
            times[number].push(run(round, number)?);
        }
    }
    let sorted = times.into_iter().map(|mut times| {
        times.sort();
        Times(times)
    });
    Ok(sorted.collect())
}

/// In which order they run in a round.
fn order(round: u32, count: usize) -> Vec<usize> {
    let mut order: Vec<_> = (0..count).collect();
    if count > 0 {
        order.rotate_left(round as usize % count);
    }
    if round % 2 == 1 {
        order.reverse();
    }
    order
}

/// A figure beside that of stock cargo, and how far stock cargo lies from itself.
#[derive(Debug, Clone, Copy)]
pub struct Ratio {
    /// This one by stock cargo's.
    pub value: f64,
    /// The distance from 1 of stock cargo by stock cargo.
    pub spread: f64,
}

impl Ratio {
    /// Of three figures of the same kind.
    pub fn new(this: f64, stock: f64, stock_again: f64) -> Ratio {
        Ratio {
            value: this / stock,
            spread: (stock_again / stock - 1.0).abs(),
        }
    }

    /// How it stands to `bound`.
    pub fn judged(self, bound: f64) -> Judgement {
        if self.value <= bound {
            Judgement::Met
        } else if self.value <= bound + self.spread {
            Judgement::WithinSpread
        } else {
            Judgement::Missed
        }
    }
}

/// How a ratio stands to its bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Judgement {
    /// It is no more.
    Met,
    /// It is more, but no further than stock cargo is from itself. That counts as met.
    WithinSpread,
    /// It is more.
    Missed,
}

impl fmt::Display for Judgement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Judgement::Met => "met",
            Judgement::WithinSpread => "within the spread",
            Judgement::Missed => "**missed**",
        })
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use super::*;

    fn seconds(seconds: &[u64]) -> Vec<Duration> {
        seconds.iter().copied().map(Duration::from_secs).collect()
    }

    /// The series of one to whom these times are given.
    fn times(given: &[u64]) -> Times {
        let mut left = seconds(given).into_iter();
        let run = |_, _| Ok::<_, Infallible>(left.next().unwrap_or_default());
        let Ok(times) = in_turns(given.len() as u32, 1, run);
        times[0].clone()
    }

    #[test]
    fn minimum_and_median_do_not_depend_on_the_order() {
        let times = times(&[5, 1, 9]);
        assert_eq!(times.minimum(), Duration::from_secs(1));
        assert_eq!(times.median(), Duration::from_secs(5));
    }

    #[test]
    fn median_of_an_even_number_is_half_way() {
        assert_eq!(times(&[4, 1, 2, 9]).median(), Duration::from_secs(3));
    }

    #[test]
    fn everyone_runs_once_a_round() {
        let mut ran = Vec::new();
        let Ok(times) = in_turns(3, 4, |round, number| {
            ran.push((round, number));
            Ok::<_, Infallible>(Duration::from_secs(number as u64))
        });
        ran.sort();
        let all: Vec<_> = (0..3).flat_map(|r| (0..4).map(move |n| (r, n))).collect();
        assert_eq!(ran, all);
        assert_eq!(times[2], Times(seconds(&[2, 2, 2])));
    }

    #[test]
    fn beginner_and_direction_change() {
        assert_eq!(order(0, 3), [0, 1, 2]);
        assert_eq!(order(1, 3), [0, 2, 1]);
        assert_eq!(order(2, 3), [2, 0, 1]);
        assert_eq!(order(3, 3), [2, 1, 0]);
    }

    #[test]
    fn error_ends_the_series() {
        let mut runs = 0;
        let ended = in_turns(2, 2, |round, _| {
            runs += 1;
            match round {
                0 => Ok(Duration::ZERO),
                _ => Err("it failed"),
            }
        });
        assert_eq!((ended, runs), (Err("it failed"), 3));
    }

    #[test]
    fn ratio_above_its_bound_may_be_within_the_spread() {
        use Judgement::{Met, Missed, WithinSpread};
        for (this, bound, judgement) in [
            (100.0, 1.0, Met),
            (101.0, 1.0, WithinSpread),
            (103.0, 1.0, Missed),
            (103.0, 1.02, WithinSpread),
            (103.0, 1.05, Met),
        ] {
            for again in [98.0, 102.0] {
                let ratio = Ratio::new(this, 100.0, again);
                assert_eq!(ratio.judged(bound), judgement, "{this} {again} {bound}");
            }
        }
    }
}
