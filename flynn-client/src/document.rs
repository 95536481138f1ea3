//! Reads objects, changes them and writes them back.
//!
//! Servers replace whole objects. Working on the JSON document instead of a struct keeps fields that this version of
//! the crate does not know.

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::client::Client;
use crate::error::Error;
use crate::transport::{Deadline, Request, Spec};

/// An object as the server returns it.
pub(crate) type Document = Map<String, Value>;

/// Reads an object, or `None` if it does not exist.
pub(crate) async fn read(
    client: &Client,
    spec: Spec,
    deadline: Deadline,
) -> Result<Option<Document>, Error> {
    Request::<Option<Document>>::optional(client, spec).within(deadline).await
}

/// Reads an object, changes it and writes it back.
///
/// # Errors
/// Fails with [`NotFound`](crate::ErrorKind::NotFound) if it does not exist. Returns the errors of `change` before
/// anything is written.
pub(crate) async fn update<T: DeserializeOwned + 'static>(
    client: &Client,
    read: Spec,
    write: Spec,
    change: impl FnOnce(&mut Document) -> Result<(), Error>,
    deadline: Deadline,
) -> Result<T, Error> {
    let mut document = Request::<Document>::json(client, read).within(deadline).await?;
    change(&mut document)?;
    self::write(client, write, &document, deadline).await
}

/// Writes an object.
pub(crate) async fn write<T: DeserializeOwned + 'static>(
    client: &Client,
    spec: Spec,
    document: &Document,
    deadline: Deadline,
) -> Result<T, Error> {
    Request::json(client, spec.body(document)).within(deadline).await
}

/// Sets members of an object inside a document, and creates the object if it is missing.
pub(crate) fn merge(document: &mut Document, field: &str, changes: Document) {
    match document.get_mut(field) {
        Some(Value::Object(known)) => known.extend(changes),
        _ => {
            document.insert(field.to_owned(), Value::Object(changes));
        }
    }
}
