//! ACME: the configuration, and managed certificates.

use crate::api::answer::{Reply, json};
use crate::api::call::Call;
use crate::api::streams::{Objects, open_since};
use crate::life::Engine;
use crate::store::{AcmeConfig, CertificateStatus, ManagedCertificate, Time, newest_first};
use crate::wire::{Fail, decode, go_time, key_pair};

/// `GET /acme/config`: does not return the account's key, which only the worker uses.
pub(crate) fn get_config(engine: &mut Engine, call: &Call<'_>) -> Reply {
    let mut config = engine.tables.acme.clone();
    config.has_account_key = !config.account_key.is_empty();
    if call.request.header_text("x-flynn-internal") != "true" {
        config.account_key.clear();
    }
    json(&config)
}

/// `PUT /acme/config`: replaces everything except the account's key.
pub(crate) fn put_config(engine: &mut Engine, call: &Call<'_>) -> Reply {
    let config: AcmeConfig = decode(engine.dialect.bodies, call.request)?;
    if config.enabled && config.contact_email.is_empty() {
        let why = "contact email is required when enabling ACME";
        return Err(Fail::field("contact_email", why));
    }
    if config.enabled && !config.terms_of_service_agreed {
        let why = "you must agree to the Let's Encrypt terms of service";
        return Err(Fail::field("terms_of_service_agreed", why));
    }
    if config.contact_email.len() > 255 {
        return Err(Fail::database());
    }
    let at = engine.time();
    let before = &engine.tables.acme;
    let account_key = Some(&config.account_key).filter(|key| !key.is_empty());
    let row = AcmeConfig {
        account_key: account_key.unwrap_or(&before.account_key).clone(),
        has_account_key: false,
        created_at: before.created_at,
        updated_at: Some(at),
        ..config.clone()
    };
    engine.tables.acme = row;
    json(&AcmeConfig { account_key: String::new(), updated_at: Some(at), ..config })
}

/// `GET /managed-certificates`: a list, or a stream.
pub(crate) fn list_or_stream(engine: &mut Engine, call: &Call<'_>) -> Reply {
    if call.request.header_text("accept").contains("text/event-stream") {
        return Ok(open_since(engine, call, Objects::ManagedCertificates));
    }
    let since = match call.query("since").as_str() {
        "" => None,
        text => match go_time(text) {
            Ok(since) => Some(Time::precise(since)),
            Err(_) => return Err(Fail::field("since", "must be a valid RFC3339 timestamp")),
        },
    };
    let rows = engine.tables.managed_certificates.iter();
    let rows = rows.filter(|row| since.is_none_or(|since| row.updated_at >= Some(since)));
    json(&newest_first(rows, |row| row.created_at))
}

/// `GET /managed-certificates/:id`: for an unknown id, the server answers 500.
pub(crate) fn get(engine: &mut Engine, call: &Call<'_>) -> Reply {
    let id = call.param(0);
    let row = engine.tables.managed_certificates.iter().find(|row| row.id == id);
    json(row.ok_or_else(Fail::unknown)?)
}

/// `PUT /managed-certificates/:id`: the worker's report.
pub(crate) fn put(engine: &mut Engine, call: &Call<'_>) -> Reply {
    let mut sent: ManagedCertificate = decode(engine.dialect.bodies, call.request)?;
    call.param(0).clone_into(&mut sent.id);
    if !engine.tables.managed_certificates.iter().any(|row| row.id == sent.id) {
        return Err(Fail::NotFound);
    }
    if matches!(sent.status, CertificateStatus::Unset | CertificateStatus::Unknown) {
        return Err(Fail::database());
    }
    if !sent.cert.is_empty() && key_pair::check(true, &sent.cert, &sent.key).is_err() {
        return Err(Fail::unknown());
    }
    json(&engine.update_managed(sent)?)
}
