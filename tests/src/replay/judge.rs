//! The verdict on a whole run: one binding of recorded values to the mock's that all of its
//! exchanges share.
//!
//! Bindings are made as values appear. Jobs that start together cannot be told apart then: which of
//! two recorded twins is which of the mock's shows only later, when one of them is stopped. So when
//! exchanges disagree about twins, their bindings are exchanged and the *whole run* is judged again
//! from its beginning; it stays only if more answers agree than before. Ids that a
//! request has named are never touched: the mock has already been asked about them.
//!
//! A list can show several pairs of twins, and agrees only when each is bound rightly. So the
//! exchange of one pair also stays if as many exchanges agree and fewer fields differ.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use serde_json::Value;

use super::attach;
use super::compare::{self, Differences};
use super::events;
use super::names::Names;
use super::recording::{Closed, Exchange};
use super::rewrite;
use super::tokens::{self, Kind, Token};
use super::wire::Reply;

/// How often a run is judged again, at most.
const TRIALS: usize = 24;

/// An exchange that is over.
#[derive(Debug)]
pub struct Exchanged<'a> {
    /// The scenario and the place in it.
    pub at: (usize, usize),
    /// What was recorded.
    pub exchange: &'a Exchange,
    /// What the mock answered.
    pub reply: Option<Reply>,
    /// Whether the mock has closed the connection.
    pub closed: bool,
    /// What an attached job sent.
    pub attached: Option<Vec<u8>>,
}

/// The ids that requests have named, with the mock's.
pub type Asked = BTreeSet<(String, String)>;

/// A recorded id and the mock's that it shall be bound to.
type Choice = (String, String);

/// Judges a run: the differences of each exchange, in the order of `run`.
pub fn judge(run: &[Exchanged<'_>], asked: &Asked) -> Vec<Differences> {
    let mut choices: Vec<Choice> = Vec::new();
    let (mut best, mut conflicts) = judge_once(run, asked, &choices);
    let mut tried = BTreeSet::new();
    let mut trials = 0;
    while let Some(swap) = conflicts.iter().find(|swap| !tried.contains(*swap)).cloned() {
        tried.insert(swap.clone());
        let named = |id: &String| asked.iter().any(|(recorded, mock)| recorded == id || mock == id);
        if trials == TRIALS || swap.iter().any(|(recorded, mock)| named(recorded) || named(mock)) {
            continue;
        }
        trials += 1;
        let mut next = choices.clone();
        next.retain(|(recorded, _)| swap.iter().all(|(other, _)| other != recorded));
        next.extend(swap);
        let (results, rest) = judge_once(run, asked, &next);
        if agreement(&results) > agreement(&best) {
            (best, conflicts, choices) = (results, rest, next);
        }
    }
    best
}

/// How well all answers agree: how many do, then how few fields differ.
fn agreement(results: &[Differences]) -> (usize, Reverse<usize>) {
    let agreeing = results.iter().filter(|differences| differences.is_empty()).count();
    (agreeing, Reverse(results.iter().map(Vec::len).sum()))
}

/// One pass with these choices made beforehand; also what would have to change places.
fn judge_once(
    run: &[Exchanged<'_>],
    asked: &Asked,
    choices: &[Choice],
) -> (Vec<Differences>, Vec<Vec<Choice>>) {
    let mut names = Names::default();
    for (recorded, mock) in asked.iter().chain(choices) {
        // Both are ones to one by themselves and disjoint.
        let _ = names.bind(Kind::Uuid, recorded, mock);
    }
    let mut swaps = Vec::new();
    let mut results = Vec::with_capacity(run.len());
    for exchanged in run {
        rewrite::keep_own(exchanged.exchange, &mut names);
        names.forget_conflicts();
        let differences = compare_one(exchanged, &mut names);
        if !differences.is_empty() {
            swaps.extend(names.conflicts().iter().map(|(recorded, wanted)| {
                let mut swap = Vec::new();
                if let (Some(had), Some(other)) =
                    (names.mock(Kind::Uuid, recorded), names.recorded(Kind::Uuid, wanted))
                {
                    swap = vec![(recorded.clone(), wanted.clone()), (other, had)];
                    swap.sort();
                }
                swap
            }));
        }
        results.push(differences);
    }
    swaps.retain(|swap| !swap.is_empty());
    swaps.sort();
    swaps.dedup();
    (results, swaps)
}

/// Compares an answer that is over.
pub fn compare_one(exchanged: &Exchanged<'_>, names: &mut Names) -> Differences {
    let Exchanged { exchange, reply, closed, .. } = exchanged;
    let Some(reply) = reply else {
        let why = if *closed { "breaks the connection" } else { "does not answer" };
        return vec![format!("the mock {why}")];
    };
    let body = reply.text();
    learn_name(exchange, &body, names);
    let mut differences = compare::head(exchange, reply, names);
    if reply.status != exchange.status || exchange.method == "HEAD" {
        return differences;
    }
    match exchange.closed {
        Closed::Eof if !reply.ended => differences.push("the mock does not end it".to_owned()),
        Closed::Client if reply.ended || *closed => {
            differences.push("the mock ends it by itself".to_owned());
        }
        _ => {}
    }
    if let Some(attached) = exchanged.attached.as_ref().filter(|_| !exchange.attach.is_empty()) {
        return [differences, attach::compare(exchange, attached)].concat();
    }
    if exchange.content_type() == "application/tar" {
        return [differences, compare::tar(&exchange.response_body, &body)].concat();
    }
    differences.extend(if exchange.is_event_stream() {
        events::compare(&exchange.response_body, &body, names)
    } else {
        compare::body(&exchange.response_body, &body, names)
    });
    differences
}

/// An app without a name gets one made up.
fn learn_name(exchange: &Exchange, body: &str, names: &mut Names) {
    if exchange.method != "POST" || exchange.path != "/apps" {
        return;
    }
    let name = |text: &str| {
        let document: Value = serde_json::from_str(text).ok()?;
        document.get("name")?.as_str().map(str::to_owned)
    };
    let asked = name(&exchange.request_body).unwrap_or_default();
    if let (true, Some(recorded), Some(mock)) =
        (asked.is_empty(), name(&exchange.response_body), name(body))
    {
        names.bind_word(&recorded, &mock);
    }
}

/// The ids that a request names, and what the mock was asked about instead.
pub fn asked_about(exchange: &Exchange, names: &Names) -> Asked {
    [&exchange.path, &exchange.request_body]
        .into_iter()
        .flat_map(|text| tokens::split(text, &[]))
        .filter_map(|token| match token {
            Token::Value(Kind::Uuid, id) => Some(id.to_owned()),
            Token::Value(Kind::Placed, placed) => Some(tokens::halves(placed).1.to_owned()),
            _ => None,
        })
        .filter_map(|id| Some((id.clone(), names.mock(Kind::Uuid, &id)?)))
        .collect()
}
