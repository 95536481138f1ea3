//! A call of the API: the request, and the parameters of its path and query.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;

use crate::api::auth::Caller;
use crate::wire::Request;

/// A call: the request and the parameters of its path.
pub(crate) struct Call<'a> {
    pub(crate) request: &'a Request,
    pub(crate) params: Vec<String>,
    /// The sender.
    pub(crate) caller: Caller,
}

impl Call<'_> {
    /// Returns the n-th parameter of the path, decoded.
    pub(crate) fn param(&self, n: usize) -> &str {
        self.params.get(n).map_or("", String::as_str)
    }

    /// Returns the first value of a query parameter, decoded; empty if it is missing.
    pub(crate) fn query(&self, name: &str) -> String {
        self.query_all(name).into_iter().next().unwrap_or_default()
    }

    /// Returns all values of a query parameter.
    pub(crate) fn query_all(&self, name: &str) -> Vec<String> {
        query_pairs(&self.request.query)
            .filter(|(key, _)| key == name)
            .map(|(_, value)| value.into_owned())
            .collect()
    }
}

/// Returns whether each `%` starts an escape.
pub(crate) fn is_well_escaped(text: &str) -> bool {
    text.split('%')
        .skip(1)
        .all(|after| after.get(..2).is_some_and(|hex| hex.bytes().all(|b| b.is_ascii_hexdigit())))
}

/// Returns the decoded pairs of a query, as Go reads them: separated by `&` or `;`, without pairs with a bad escape.
pub(crate) fn query_pairs(query: &str) -> impl Iterator<Item = (Cow<'_, str>, Cow<'_, str>)> {
    fn decode(text: &str) -> Option<Cow<'_, str>> {
        if !is_well_escaped(text) {
            return None;
        }
        let spaced =
            if text.contains('+') { Cow::Owned(text.replace('+', " ")) } else { text.into() };
        Some(match percent_decode_str(&spaced).decode_utf8_lossy() {
            Cow::Borrowed(same) if same == text => Cow::Borrowed(text),
            other => Cow::Owned(other.into_owned()),
        })
    }
    query.split(['&', ';']).filter(|pair| !pair.is_empty()).filter_map(|pair| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        Some((decode(name)?, decode(value)?))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queries_are_read_as_go_reads_them() {
        let pairs = |query: &str| -> Vec<(String, String)> {
            query_pairs(query).map(|(a, b)| (a.into_owned(), b.into_owned())).collect()
        };
        let pair = |a: &str, b: &str| (a.to_owned(), b.to_owned());
        assert_eq!(
            pairs("a=1&b;c=x+y%20z&&d=%2"),
            [pair("a", "1"), pair("b", ""), pair("c", "x y z")]
        );
        assert_eq!(pairs("a=1=2&%61=3"), [pair("a", "1=2"), pair("a", "3")]);
    }
}
