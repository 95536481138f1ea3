//! Writes distinguished names in one line.

use std::fmt::Write as _;

use x509_parser::asn1_rs::{Oid, Tag};
use x509_parser::x509::{AttributeTypeAndValue, X509Name};

/// Writes a name such as `CN=example.com, O=Flynn`, in the order of the certificate. Control characters and the
/// separators are escaped, since the text comes from an untrusted server.
pub(super) fn line(name: &X509Name<'_>) -> String {
    let mut out = String::new();
    for attribute in name.iter_attributes() {
        if !out.is_empty() {
            out.push_str(", ");
        }
        match short(attribute.attr_type()) {
            Some(short) => out.push_str(short),
            None => out.push_str(&attribute.attr_type().to_id_string()),
        }
        out.push('=');
        for c in value(attribute).chars() {
            match c {
                ',' | '+' | '=' | '\\' => out.extend(['\\', c]),
                // Control characters, and characters that reorder or hide text on a terminal.
                c if c.is_control() || is_format(c) => {
                    // Writing to a String cannot fail.
                    let _ = write!(out, "{}", c.escape_unicode());
                }
                c => out.push(c),
            }
        }
    }
    out
}

/// Returns the last common name.
pub(super) fn common_name(name: &X509Name<'_>) -> Option<String> {
    name.iter_common_name().last().map(value)
}

fn is_format(c: char) -> bool {
    matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

fn value(attribute: &AttributeTypeAndValue<'_>) -> String {
    let any = attribute.attr_value();
    match any.tag() {
        Tag::BmpString => {
            let units = any.data.chunks_exact(2).map(|c| match c {
                &[high, low] => u16::from_be_bytes([high, low]),
                _ => 0xfffd,
            });
            char::decode_utf16(units).map(|c| c.unwrap_or('\u{fffd}')).collect()
        }
        // All programs read T.61 as Latin-1.
        Tag::T61String => any.data.iter().map(|&b| char::from(b)).collect(),
        _ => String::from_utf8_lossy(any.data).into_owned(),
    }
}

/// Compares bytes, because the dotted form is slow to make.
fn short(oid: &Oid<'_>) -> Option<&'static str> {
    Some(match oid.as_bytes() {
        [0x55, 4, 3] => "CN",
        [0x55, 4, 5] => "serialNumber",
        [0x55, 4, 6] => "C",
        [0x55, 4, 7] => "L",
        [0x55, 4, 8] => "ST",
        [0x55, 4, 9] => "street",
        [0x55, 4, 10] => "O",
        [0x55, 4, 11] => "OU",
        // 0.9.2342.19200300.100.1.25
        [0x09, 0x92, 0x26, 0x89, 0x93, 0xf2, 0x2c, 0x64, 1, 25] => "DC",
        // 1.2.840.113549.1.9.1
        [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 9, 1] => "emailAddress",
        _ => return None,
    })
}
