//! Parses times in a query as Go's `time.Parse(time.RFC3339Nano, ..)` does, with its error texts.

use jiff::civil::DateTime;
use jiff::tz::Offset;
use jiff::{SignedDuration, Timestamp};

const LAYOUT: &str = "2006-01-02T15:04:05.999999999Z07:00";

/// Returns the time in the text, or Go's error text.
pub(crate) fn parse(text: &str) -> Result<Timestamp, String> {
    let mut parser = Parser { text, rest: text };
    let at = parser.run()?;
    if parser.rest.is_empty() {
        Ok(at)
    } else {
        Err(parser.fails(&format!(": extra text: {}", parser.rest)))
    }
}

struct Parser<'a> {
    text: &'a str,
    rest: &'a str,
}

impl Parser<'_> {
    fn fails(&self, message: &str) -> String {
        format!("parsing time \"{}\"{message}", self.text)
    }

    /// Returns the error for a part of the layout that the rest does not match.
    fn misfit(&self, part: &str) -> String {
        self.fails(&format!(" as \"{LAYOUT}\": cannot parse \"{}\" as \"{part}\"", self.rest))
    }

    /// Parses this many digits.
    fn digits(&mut self, count: usize, part: &str) -> Result<i64, String> {
        let head = self.rest.get(..count).filter(|head| head.bytes().all(|b| b.is_ascii_digit()));
        let number = head.and_then(|head| head.parse().ok()).ok_or_else(|| self.misfit(part))?;
        self.rest = self.rest.get(count..).unwrap_or_default();
        Ok(number)
    }

    fn literal(&mut self, part: &str) -> Result<(), String> {
        self.rest = self.rest.strip_prefix(part).ok_or_else(|| self.misfit(part))?;
        Ok(())
    }

    /// Parses two digits within a range.
    fn field(
        &mut self,
        part: &str,
        name: &str,
        range: std::ops::RangeInclusive<i64>,
    ) -> Result<i8, String> {
        let number = self.digits(2, part)?;
        i8::try_from(number)
            .ok()
            .filter(|_| range.contains(&number))
            .ok_or_else(|| self.fails(&format!(": {name} out of range")))
    }

    fn run(&mut self) -> Result<Timestamp, String> {
        let year = self.digits(4, "2006")?;
        self.literal("-")?;
        let month = self.field("01", "month", 1..=12)?;
        self.literal("-")?;
        let day = self.field("02", "day", 0..=99)?;
        self.literal("T")?;
        let hour = self.field("15", "hour", 0..=23)?;
        self.literal(":")?;
        let minute = self.field("04", "minute", 0..=59)?;
        self.literal(":")?;
        let second = self.field("05", "second", 0..=59)?;
        let nanosecond = self.fraction();
        let offset = self.offset()?;
        let year = i16::try_from(year).unwrap_or_default();
        let civil = DateTime::new(year, month, day, hour, minute, second, nanosecond)
            .map_err(|_| self.fails(": day out of range"))?;
        // An offset may exceed the clock's range. The nearest time is good enough.
        let utc = Offset::UTC.to_timestamp(civil).unwrap_or(Timestamp::MIN);
        Ok(utc.saturating_sub(offset).unwrap_or(utc))
    }

    /// Parses up to nine optional digits after a point.
    fn fraction(&mut self) -> i32 {
        let Some(after) = self.rest.strip_prefix('.') else { return 0 };
        let count = after.bytes().take(9).take_while(u8::is_ascii_digit).count();
        let Some(digits) = after.get(..count).filter(|digits| !digits.is_empty()) else { return 0 };
        self.rest = after.get(count..).unwrap_or_default();
        format!("{digits:0<9}").parse().unwrap_or(0)
    }

    fn offset(&mut self) -> Result<SignedDuration, String> {
        const PART: &str = "Z07:00";
        if let Some(rest) = self.rest.strip_prefix('Z') {
            self.rest = rest;
            return Ok(SignedDuration::ZERO);
        }
        let misfit = self.misfit(PART);
        let number = |range: std::ops::Range<usize>| {
            let digits = self.rest.get(range)?;
            digits.bytes().all(|b| b.is_ascii_digit()).then(|| digits.parse::<i64>().ok()).flatten()
        };
        let sign = match self.rest.get(..1) {
            Some("+") => 1,
            Some("-") => -1,
            _ => return Err(misfit),
        };
        let (Some(hours), Some(":"), Some(minutes)) =
            (number(1..3), self.rest.get(3..4), number(4..6))
        else {
            return Err(misfit);
        };
        self.rest = self.rest.get(6..).unwrap_or_default();
        Ok(SignedDuration::from_mins(sign * (hours * 60 + minutes)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(at: &str) -> String {
        parse(at).unwrap().to_string()
    }

    #[test]
    fn good_times() {
        assert_eq!(text("2015-01-01T00:00:00Z"), "2015-01-01T00:00:00Z");
        assert_eq!(text("2015-01-01T00:00:00.5Z"), "2015-01-01T00:00:00.5Z");
        assert_eq!(text("2015-01-01T02:00:00+02:00"), "2015-01-01T00:00:00Z");
        assert_eq!(text("2014-12-31T23:30:00-00:30"), "2015-01-01T00:00:00Z");
        assert_eq!(text("0001-01-01T00:00:00Z"), "0001-01-01T00:00:00Z");
    }

    #[test]
    fn errors_read_as_in_go() {
        let error = |at: &str| parse(at).unwrap_err();
        let layout = "\"2006-01-02T15:04:05.999999999Z07:00\"";
        assert_eq!(
            error(""),
            format!("parsing time \"\" as {layout}: cannot parse \"\" as \"2006\"")
        );
        assert_eq!(
            error("2015-1-01"),
            format!("parsing time \"2015-1-01\" as {layout}: cannot parse \"1-01\" as \"01\"")
        );
        assert_eq!(
            error("2015-01-01"),
            format!("parsing time \"2015-01-01\" as {layout}: cannot parse \"\" as \"T\"")
        );
        assert_eq!(
            error("2015-01-01T00:00:00 00:00"),
            format!(
                "parsing time \"2015-01-01T00:00:00 00:00\" as {layout}: \
                 cannot parse \" 00:00\" as \"Z07:00\""
            )
        );
        assert_eq!(
            error("2015-13-01T00:00:00Z"),
            "parsing time \"2015-13-01T00:00:00Z\": month out of range"
        );
        assert_eq!(
            error("2015-02-30T00:00:00Z"),
            "parsing time \"2015-02-30T00:00:00Z\": day out of range"
        );
        assert_eq!(
            error("2015-01-01T00:00:00Zx"),
            "parsing time \"2015-01-01T00:00:00Zx\": extra text: x"
        );
    }
}
