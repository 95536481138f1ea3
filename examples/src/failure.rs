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
        OneLine(self).fmt(f)
    }
}

/// An error with its causes, all on one line. A cause that its error has quoted already is left out.
pub struct OneLine<'a>(pub &'a (dyn Error + 'static));

impl fmt::Display for OneLine<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut said = text_of(self.0);
        f.write_str(&said)?;
        let mut cause = self.0.source();
        while let Some(error) = cause {
            let text = text_of(error);
            if !said.ends_with(&text) {
                write!(f, ": {text}")?;
            }
            (said, cause) = (text, error.source());
        }
        Ok(())
    }
}

/// Some libraries end messages with a newline or break them.
fn text_of(error: &(dyn Error + 'static)) -> String {
    // A failure's own `Display` would go on with its causes.
    let text = match error.downcast_ref::<Failure>() {
        Some(failure) => failure.what.clone(),
        None => error.to_string(),
    };
    let lines: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    lines.join(" ")
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

    #[test]
    fn a_cause_is_said_once() {
        let cause = std::io::Error::other("no luck");
        let failure = Err::<(), _>(cause).context("it failed: no luck").unwrap_err();
        assert_eq!(failure.to_string(), "it failed: no luck");
    }
}
