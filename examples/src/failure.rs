//! Why something did not work, as one line.

use std::error::Error;
use std::fmt;

/// A sentence with its causes. `Display` is one line: the sentence, then each cause after a colon.
#[derive(Debug)]
pub struct Failure {
    what: String,
    cause: Option<Box<dyn Error + Send + Sync>>,
}

/// What steps and programs return.
pub type Result<T, E = Failure> = std::result::Result<T, E>;

impl Failure {
    /// A failure without a cause of its own.
    pub fn new(what: impl Into<String>) -> Self {
        Self { what: what.into(), cause: None }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_line(f, &self.what)?;
        self.cause.as_ref().map_or(Ok(()), |cause| write!(f, ": {}", OneLine(&**cause)))
    }
}

/// An error with its causes, all on one line.
pub struct OneLine<'a>(pub &'a (dyn Error + 'static));

impl fmt::Display for OneLine<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_line(f, &self.0.to_string())?;
        self.0.source().map_or(Ok(()), |cause| write!(f, ": {}", OneLine(cause)))
    }
}

/// Some libraries end messages with a newline or break them: here everything is one line.
fn write_line(f: &mut fmt::Formatter<'_>, text: &str) -> fmt::Result {
    let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    if let Some(first) = lines.next() {
        f.write_str(first)?;
    }
    lines.try_for_each(|line| write!(f, " {line}"))
}

impl Error for Failure {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.cause.as_deref().map(|cause| cause as _)
    }
}

/// Says what was being done when an error came.
pub trait Context<T> {
    /// Wraps the error.
    ///
    /// # Errors
    /// The failure of that sentence, caused by the error.
    fn context(self, what: impl Into<String>) -> Result<T>;
}

impl<T, E: Into<Box<dyn Error + Send + Sync>>> Context<T> for Result<T, E> {
    fn context(self, what: impl Into<String>) -> Result<T> {
        self.map_err(|cause| Failure { what: what.into(), cause: Some(cause.into()) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn causes_follow_on_the_same_line() {
        let cause = std::io::Error::other("no\nluck\n");
        let failure = Err::<(), _>(cause).context("cannot read x").context("step 1").unwrap_err();
        assert_eq!(failure.to_string(), "step 1: cannot read x: no luck");
    }
}
