//! Updates: read, change, write everything back.
//!
//! Servers replace whole objects. Working on the document keeps what this version does not know.

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::client::Client;
use crate::error::Error;
use crate::transport::{Deadline, Request, Spec};

/// Reads an object, sets fields of it and writes it.
pub(crate) async fn rewrite<T: DeserializeOwned + 'static>(
    client: &Client,
    read: Spec,
    write: Spec,
    changes: Map<String, Value>,
    deadline: Deadline,
) -> Result<T, Error> {
    let mut document: Map<String, Value> = Request::json(client, read).within(deadline).await?;
    document.extend(changes);
    Request::json(client, write.body(&document)).within(deadline).await
}
