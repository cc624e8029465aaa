//! Dates in the one form that providers write (RFC 3339), without a clock and a calendar crate.

use std::fmt;

/// A moment, in Unix seconds. Prints as `2025-11-22 08:26:40 UTC`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Utc(pub(crate) u64);

const DAY: u64 = 24 * 60 * 60;
/// The first moment that has no year of four digits.
const END: u64 = 253_402_300_800;

impl Utc {
    /// Reads `2017-09-05T09:17:46.264Z`, or with an offset, `-06:00`. From 1970 to 9999; parts of a
    /// second are left out.
    pub(crate) fn read(text: &str) -> Option<Utc> {
        let number = |from: usize, to: usize| -> Option<i64> {
            let digits = text.get(from..to)?;
            digits.bytes().all(|b| b.is_ascii_digit()).then_some(())?;
            digits.parse().ok()
        };
        let marks = [(4, "-"), (7, "-"), (10, "T"), (13, ":"), (16, ":")];
        if !marks
            .iter()
            .all(|&(at, mark)| text.get(at..at + 1) == Some(mark))
        {
            return None;
        }
        let (year, month, day) = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
        let (hour, minute, second) = (number(11, 13)?, number(14, 16)?, number(17, 19)?);
        let zone = text
            .get(19..)?
            .trim_start_matches(|c: char| c == '.' || c.is_ascii_digit());
        let zone_at = text.len() - zone.len();
        let east = match (zone.get(..1)?, zone.len()) {
            ("Z", 1) => 0,
            (sign @ ("+" | "-"), 6) if zone.get(3..4) == Some(":") => {
                let minutes =
                    number(zone_at + 1, zone_at + 3)? * 60 + number(zone_at + 4, zone_at + 6)?;
                if sign == "+" { minutes } else { -minutes }
            }
            _ => return None,
        };
        let in_range = (1..=12).contains(&month)
            && (1..=31).contains(&day)
            && hour < 24
            && minute < 60
            && second <= 60;
        let seconds =
            days(year, month, day) * DAY as i64 + hour * 3600 + (minute - east) * 60 + second;
        in_range.then_some(())?;
        u64::try_from(seconds).ok().filter(|&s| s < END).map(Utc)
    }
}

/// Days from 1970-01-01 in the Gregorian calendar. Years begin in March here, so that the day that
/// is not in every year is the last.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month < 3 { year - 1 } else { year };
    let (era, of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

impl fmt::Display for Utc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let at = self.0.min(END - 1);
        let day = i64::try_from(at / DAY).unwrap_or_default();
        // The last year and month that do not begin after it.
        let mut year = 1970 + day / 366;
        while days(year + 1, 1, 1) <= day {
            year += 1;
        }
        let month = (1..=12)
            .rev()
            .find(|&m| days(year, m, 1) <= day)
            .unwrap_or(1);
        let of_month = day - days(year, month, 1) + 1;
        let (hour, minute, second) = (at % DAY / 3600, at % 3600 / 60, at % 60);
        write!(
            f,
            "{year:04}-{month:02}-{of_month:02} {hour:02}:{minute:02}:{second:02} UTC"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_read_and_written() {
        // As `date --utc --date @SECONDS` says.
        for (seconds, text) in [
            (0, "1970-01-01 00:00:00"),
            (951_782_399, "2000-02-28 23:59:59"),
            (951_868_799, "2000-02-29 23:59:59"),
            (951_868_800, "2000-03-01 00:00:00"),
            (1_504_603_066, "2017-09-05 09:17:46"),
            (1_735_689_599, "2024-12-31 23:59:59"),
            (4_107_542_400, "2100-03-01 00:00:00"),
            (END - 1, "9999-12-31 23:59:59"),
        ] {
            assert_eq!(Utc(seconds).to_string(), format!("{text} UTC"));
            let iso = text.replace(' ', "T");
            assert_eq!(Utc::read(&format!("{iso}Z")), Some(Utc(seconds)));
            assert_eq!(Utc::read(&format!("{iso}.264Z")), Some(Utc(seconds)));
        }
        assert_eq!(Utc(u64::MAX).to_string(), "9999-12-31 23:59:59 UTC");
        assert_eq!(
            Utc::read("2016-03-24T11:31:04-06:00"),
            Utc::read("2016-03-24T17:31:04Z")
        );
    }

    #[test]
    fn what_is_no_date_is_none() {
        for text in [
            "",
            "2017-09-05",
            "2017-09-05T09:17:46",
            "2017-09-05 09:17:46Z",
            "2017-13-05T09:17:46Z",
            "2017-09-05T24:17:46Z",
            "+017-09-05T09:17:46Z",
            "1969-12-31T23:59:59Z",
            "2017-09-05T09:17:46+06",
            "2017-09-05T09:17:46Zebra",
            "2017-09-05T09:17:4\u{e9}Z",
        ] {
            assert_eq!(Utc::read(text), None, "{text}");
        }
    }
}
