//! The bindings between recorded values and the mock's, one to one.

use std::collections::HashMap;

use jiff::{SignedDuration, Timestamp};

use super::tokens::{self, Kind, Token};

/// The mock's clock follows the recorded one; what it writes down may differ by so much.
const DRIFT: SignedDuration = SignedDuration::from_secs(5);

/// All bindings of a run.
#[derive(Debug, Default)]
pub struct Names {
    forward: HashMap<(Kind, String), String>,
    backward: HashMap<(Kind, String), String>,
    /// Recorded UUID to the hosts where it lives.
    places: HashMap<String, (String, String)>,
    /// Recorded event id to the mock's, and back.
    events: HashMap<u64, u64>,
    events_back: HashMap<u64, u64>,
    words: Vec<String>,
    /// What to undo, newest last.
    journal: Vec<Entry>,
    /// Recorded UUIDs and the mock's that stood in the same place without being bound.
    conflicts: Vec<(String, String)>,
}

#[derive(Debug)]
enum Entry {
    Value(Kind, String, String),
    Place(String),
    Event(u64, u64),
}

impl Names {
    /// The made-up names so far.
    pub fn words(&self) -> &[String] {
        &self.words
    }

    /// Whether any value of this kind is bound.
    pub fn knows_any(&self, kind: Kind) -> bool {
        self.forward.keys().any(|(known, _)| *known == kind)
    }

    /// A place in time to [`rollback`](Self::rollback) to.
    pub fn mark(&self) -> usize {
        self.journal.len()
    }

    /// Forgets the bindings made since `mark`.
    pub fn rollback(&mut self, mark: usize) {
        for entry in self.journal.drain(mark.min(self.journal.len())..).rev() {
            match entry {
                Entry::Value(kind, recorded, mock) => {
                    self.forward.remove(&(kind, recorded));
                    self.backward.remove(&(kind, mock));
                }
                Entry::Place(recorded) => {
                    self.places.remove(&recorded);
                }
                Entry::Event(recorded, mock) => {
                    self.events.remove(&recorded);
                    self.events_back.remove(&mock);
                }
            }
        }
    }

    /// Binds two values, or checks the binding that they have.
    ///
    /// # Errors
    /// What stands against it.
    pub fn bind(&mut self, kind: Kind, recorded: &str, mock: &str) -> Result<(), String> {
        match kind {
            Kind::Time => return self.bind_time(recorded, mock),
            Kind::Stamp => return Ok(()),
            Kind::Placed => {
                let (host, id) = tokens::halves(recorded);
                let (mock_host, mock_id) = tokens::halves(mock);
                self.bind(Kind::Uuid, id, mock_id)?;
                return self.place(id, host, mock_host);
            }
            Kind::Hex if recorded.len() != mock.len() => {
                return Err(format!("{} hex digits, mock {}", recorded.len(), mock.len()));
            }
            _ => {}
        }
        let known = self.forward.get(&(kind, recorded.to_owned()));
        let back = self.backward.get(&(kind, mock.to_owned()));
        if kind == Kind::Uuid && (known, back) != (None, None) && known.is_none_or(|k| k != mock) {
            self.conflicts.push((recorded.to_owned(), mock.to_owned()));
        }
        match (known, back) {
            (Some(known), _) if known == mock => Ok(()),
            (Some(known), _) => {
                Err(format!("{} is bound to the mock's {}", short(recorded), short(known)))
            }
            (None, Some(back)) => {
                Err(format!("the mock's {} is bound to {}", short(mock), short(back)))
            }
            (None, None) => {
                self.insert(kind, recorded, mock);
                Ok(())
            }
        }
    }

    fn insert(&mut self, kind: Kind, recorded: &str, mock: &str) {
        self.forward.insert((kind, recorded.to_owned()), mock.to_owned());
        self.backward.insert((kind, mock.to_owned()), recorded.to_owned());
        self.journal.push(Entry::Value(kind, recorded.to_owned(), mock.to_owned()));
    }

    /// A recorded time stands for one time of the mock, near to it. (Two recorded times may stand
    /// for one of the mock, whose clock does not run while it answers.)
    fn bind_time(&mut self, recorded: &str, mock: &str) -> Result<(), String> {
        if let Some(known) = self.forward.get(&(Kind::Time, recorded.to_owned())) {
            return if known == mock {
                Ok(())
            } else {
                Err(format!("time {recorded} is bound to the mock's {known}, not to {mock}"))
            };
        }
        let parse = |text: &str| text.parse::<Timestamp>().map_err(|e| e.to_string());
        let (at, mock_at) = (parse(recorded)?, parse(mock)?);
        let unset = |text: &str| text.starts_with("0001-01-01T00:00:00Z");
        if unset(recorded) != unset(mock) || at.duration_since(mock_at).abs() > DRIFT {
            return Err(format!("time {recorded}, mock {mock}"));
        }
        self.forward.insert((Kind::Time, recorded.to_owned()), mock.to_owned());
        self.journal.push(Entry::Value(Kind::Time, recorded.to_owned(), mock.to_owned()));
        Ok(())
    }

    /// Binds the hosts of a job or volume: the scheduler's choice, but always the same.
    ///
    /// # Errors
    /// When it was elsewhere before.
    pub fn place(&mut self, id: &str, host: &str, mock_host: &str) -> Result<(), String> {
        let hosts = (host.to_owned(), mock_host.to_owned());
        match self.places.get(id) {
            Some(known) if *known == hosts => Ok(()),
            Some(known) => Err(format!("{id} is on {known:?}, not on {hosts:?}")),
            None => {
                self.places.insert(id.to_owned(), hosts);
                self.journal.push(Entry::Place(id.to_owned()));
                Ok(())
            }
        }
    }

    /// Binds two event ids.
    ///
    /// # Errors
    /// When one of them is bound to another.
    pub fn bind_event(&mut self, recorded: u64, mock: u64) -> Result<(), String> {
        match (self.events.get(&recorded), self.events_back.get(&mock)) {
            (Some(known), _) if *known == mock => Ok(()),
            (None, None) => {
                self.events.insert(recorded, mock);
                self.events_back.insert(mock, recorded);
                self.journal.push(Entry::Event(recorded, mock));
                Ok(())
            }
            (known, back) => Err(format!(
                "event {recorded} (bound to the mock's {known:?}), mock {mock} (bound to {back:?})"
            )),
        }
    }

    /// Binds a name that the server made up.
    pub fn bind_word(&mut self, recorded: &str, mock: &str) {
        if self.bind(Kind::Word, recorded, mock).is_ok() {
            self.words.push(recorded.to_owned());
            self.words.push(mock.to_owned());
        }
    }

    /// The mock's value; `None` when the recorded one is not bound.
    pub fn mock(&self, kind: Kind, recorded: &str) -> Option<String> {
        if kind == Kind::Placed {
            let (_, id) = tokens::halves(recorded);
            let (_, host) = self.places.get(id)?;
            return Some(format!("{host}-{}", self.mock(Kind::Uuid, id)?));
        }
        self.forward.get(&(kind, recorded.to_owned())).cloned()
    }

    /// The recorded value that the mock's is bound to.
    pub fn recorded(&self, kind: Kind, mock: &str) -> Option<String> {
        self.backward.get(&(kind, mock.to_owned())).cloned()
    }

    /// UUIDs that stood in the same place without being bound, since they were forgotten.
    pub fn conflicts(&self) -> &[(String, String)] {
        &self.conflicts
    }

    /// Forgets the conflicts so far.
    pub fn forget_conflicts(&mut self) {
        self.conflicts.clear();
    }

    /// The mock's event id: the bound one, else at the same distance from the nearest bound one.
    pub fn mock_event(&self, recorded: u64) -> u64 {
        let nearest = self.events.iter().min_by_key(|(known, _)| known.abs_diff(recorded));
        match nearest {
            Some((known, mock)) if *known <= recorded => mock + (recorded - known),
            Some((known, mock)) => mock.saturating_sub(known - recorded),
            None => recorded,
        }
    }

    /// Takes the values of a request that no answer has shown before as the client's own: they
    /// stand for themselves.
    pub fn keep_own(&mut self, text: &str) {
        for token in tokens::split(text, &self.words.clone()) {
            if let Token::Value(kind, value) = token
                && !matches!(kind, Kind::Time | Kind::Stamp | Kind::Placed)
                && self.mock(kind, value).is_none()
                && !self.backward.contains_key(&(kind, value.to_owned()))
            {
                self.insert(kind, value, value);
            }
        }
    }

    /// Takes the port that a request names as the client's own.
    pub fn keep_own_port(&mut self, port: &str) {
        if self.mock(Kind::Port, port).is_none()
            && !self.backward.contains_key(&(Kind::Port, port.to_owned()))
        {
            self.insert(Kind::Port, port, port);
        }
    }

    /// Compares two texts, binding what both make up at the same place.
    ///
    /// # Errors
    /// The first difference.
    pub fn text(&mut self, recorded: &str, mock: &str) -> Result<(), String> {
        let words = self.words.clone();
        let (left, right) = (tokens::split(recorded, &words), tokens::split(mock, &words));
        let differ = || Err(format!("{:?}, mock {:?}", short(recorded), short(mock)));
        if left.len() != right.len() {
            return differ();
        }
        for pair in left.into_iter().zip(right) {
            match pair {
                (Token::Text(a), Token::Text(b)) if a == b => {}
                (Token::Value(kind, a), Token::Value(other, b)) if kind == other => {
                    self.bind(kind, a, b)?;
                }
                _ => return differ(),
            }
        }
        Ok(())
    }
}

/// The start of a text, for a message.
pub fn short(text: &str) -> String {
    const MOST: usize = 160;
    match text.char_indices().nth(MOST) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: &str = "aaaaaaaa-3160-480e-b16a-bdc4a0e0ffdd";
    const B: &str = "bbbbbbbb-3160-480e-b16a-bdc4a0e0ffdd";
    const C: &str = "cccccccc-3160-480e-b16a-bdc4a0e0ffdd";

    #[test]
    fn bindings_are_one_to_one() {
        let mut names = Names::default();
        names.text(&format!("apps/{A}"), &format!("apps/{B}")).unwrap();
        names.text(A, B).unwrap();
        assert!(names.text(A, C).is_err(), "A is B");
        assert!(names.text(C, B).is_err(), "B is A");
        assert!(names.text("x", "y").is_err());
        assert!(names.text(A, "y").is_err());
    }

    #[test]
    fn a_job_stays_on_its_host() {
        let mut names = Names::default();
        names.text(&format!("host1-{A}"), &format!("host2-{B}")).unwrap();
        assert!(names.text(&format!("host1-{A}"), &format!("host1-{B}")).is_err());
        assert_eq!(names.mock(Kind::Placed, &format!("host1-{A}")), Some(format!("host2-{B}")));
    }

    #[test]
    fn times_follow_the_recorded_ones() {
        let mut names = Names::default();
        names.text("2026-11-22T21:00:00.1Z", "2026-11-22T21:00:00.2Z").unwrap();
        assert!(names.text("2026-11-22T21:00:00.1Z", "2026-11-22T21:00:00.3Z").is_err());
        assert!(names.text("2026-11-22T22:00:00Z", "2026-11-22T21:00:00Z").is_err());
        assert!(names.text("0001-01-01T00:00:00Z", "2026-11-22T21:00:00Z").is_err());
    }

    #[test]
    fn what_a_client_made_up_stands_for_itself() {
        let mut names = Names::default();
        names.keep_own(&format!("/releases/{A}"));
        assert!(names.text(A, B).is_err());
        names.text(A, A).unwrap();
    }

    #[test]
    fn rollback_forgets() {
        let mut names = Names::default();
        let mark = names.mark();
        names.text(A, B).unwrap();
        names.bind_event(1, 2).unwrap();
        names.rollback(mark);
        names.text(A, C).unwrap();
        names.bind_event(1, 3).unwrap();
        assert!(names.bind_event(2, 3).is_err());
        assert_eq!(names.mock_event(5), 7);
    }
}
