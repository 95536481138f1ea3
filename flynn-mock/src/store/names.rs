//! Generated names for apps.

use crate::store::Ids;

const WORDS: [[&str; 16]; 3] = [
    [
        "otters", "finches", "badgers", "herons", "lynxes", "moles", "newts", "owls", "pandas",
        "quails", "ravens", "swans", "toads", "voles", "whales", "yaks",
    ],
    [
        "admire", "borrow", "carry", "doubt", "enjoy", "follow", "greet", "hear", "invite", "join",
        "kindle", "lift", "mend", "notice", "paint", "repair",
    ],
    [
        "arbor", "bergen", "cadiz", "delft", "espoo", "fargo", "ghent", "hilo", "izmir", "juneau",
        "kyoto", "lucca", "mainz", "nantes", "oulu", "porto",
    ],
];

/// Returns three words joined by dashes, which are probably unique in the cluster.
pub(crate) fn app_name_for(ids: &mut Ids) -> String {
    let bytes = ids.key();
    let pick = |n: usize| {
        let byte = bytes.get(n).copied().unwrap_or_default();
        WORDS.get(n).and_then(|words| words.get(usize::from(byte % 16))).copied().unwrap_or("flynn")
    };
    format!("{}-{}-{}", pick(0), pick(1), pick(2))
}
