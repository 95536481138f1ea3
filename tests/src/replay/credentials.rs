//! Access tokens of recorded requests: the recordings show that there was one, not which.

use flynn_mock::Token;

use super::names::Names;
use super::recording::{Exchange, Run};
use super::tokens::Kind;

/// Whether a request carried a token.
fn has_token(exchange: &Exchange) -> bool {
    let shown = exchange.request_headers.get("Authorization").map_or("", String::as_str);
    shown == "Bearer" || shown.starts_with("Basic(user=\"Bearer\"")
}

/// The requests around one that carried the same token: those with tokens, up to where a request is
/// asked again.
fn block<'a>(run: &'a Run, of: &Exchange) -> Vec<&'a Exchange> {
    let mut block: Vec<&Exchange> = Vec::new();
    for exchange in run.exchanges() {
        let repeats =
            |known: &&Exchange| known.path == exchange.path && known.method == exchange.method;
        if !has_token(exchange) || exchange.status == 401 || block.iter().any(repeats) {
            if block.iter().any(|known| known.seq == of.seq) {
                return block;
            }
            block.clear();
        }
        if has_token(exchange) && exchange.status != 401 {
            block.push(exchange);
        }
    }
    block
}

/// The least token with which the recorded server answers as it did; `None` for a request without
/// one, or with one that it did not know.
pub fn token(run: &Run, exchange: &Exchange, names: &Names) -> Option<Token> {
    if !has_token(exchange) || exchange.status == 401 {
        return None;
    }
    let block = block(run, exchange);
    let granted = |exchange: &&&Exchange| !matches!(exchange.status, 401 | 403);
    if block.iter().filter(granted).any(|exchange| exchange.path == "/apps") {
        return Some(Token::new());
    }
    let under_app = |exchange: &&&&Exchange| exchange.path.starts_with("/apps/");
    let Some(read) = block.iter().filter(granted).find(|exchange| under_app(&exchange)) else {
        return Some(Token::new().scope("nothing"));
    };
    let app = read.path.split('/').nth(2).unwrap_or_default();
    let writes = block.iter().filter(granted).any(|exchange| exchange.method != "GET");
    let app = names.mock(Kind::Uuid, app).unwrap_or_else(|| app.to_owned());
    Some(Token::new().grant(app, if writes { "app:deploy" } else { "app:read" }))
}
