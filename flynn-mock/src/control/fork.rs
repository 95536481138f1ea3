//! Calls about what only the fork has: access tokens, managed certificates and hosts.

use std::collections::BTreeMap;

use http::StatusCode;
use serde::Deserialize;
use serde_json::json;

use super::calls::{Call, Refusal, Reply, no_content};
use super::server::Shared;
use crate::Token;

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct NewToken {
    scopes: Vec<String>,
    /// The permissions by app.
    grants: BTreeMap<String, Vec<String>>,
    user: Option<String>,
}

pub(super) fn issue_token(shared: &Shared, call: &Call) -> Reply {
    let new: NewToken = call.json()?;
    let mut token = new.scopes.into_iter().fold(Token::new(), Token::scope);
    for (app, permissions) in new.grants {
        token =
            permissions.into_iter().fold(token, |token, permission| token.grant(&app, permission));
    }
    if let Some(user) = new.user {
        token = token.user(user);
    }
    Ok((StatusCode::CREATED, json!({ "token": shared.mock.issue_token(token) })))
}

/// The answer of the authority to an order.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Verdict {
    status: Status,
    cert: Option<String>,
    key: Option<String>,
    reason: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Status {
    Issued,
    Failed,
}

pub(super) fn answer_order(shared: &Shared, call: &Call) -> Reply {
    let (name, mock) = (call.param(0), &shared.mock);
    let Verdict { status, cert, key, reason } = call.json()?;
    let answered = match (status, cert, key, reason) {
        (Status::Issued, None, None, None) => mock.issue_certificate(name),
        (Status::Issued, Some(cert), Some(key), None) => {
            mock.issue_certificate_pem(name, &cert, &key)
        }
        (Status::Failed, None, None, Some(reason)) => mock.refuse_certificate(name, &reason),
        _ => {
            let message =
                "`issued` takes both `cert` and `key` or neither, and `failed` a `reason`";
            return Err(Refusal::bad_request(message));
        }
    };
    let unknown = || Refusal::not_found(format!("no route has requested a certificate for {name}"));
    answered.ok_or_else(unknown).and_then(|()| no_content())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Host {
    reachable: bool,
}

pub(super) fn set_host(shared: &Shared, call: &Call) -> Reply {
    let host: Host = call.json()?;
    let set = shared.mock.try_set_host_reachable(call.param(0), host.reachable);
    set.map_err(Refusal::not_found).and_then(|()| no_content())
}
