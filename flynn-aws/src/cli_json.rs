//! JSON documents for and from the AWS CLI.

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::{Error, ErrorKind};

/// Writes indented JSON with a final newline.
pub(crate) fn pretty(document: &impl Serialize) -> String {
    // Our documents are structs of strings and numbers: writing them to memory cannot fail.
    let mut text = serde_json::to_string_pretty(document).unwrap_or_default();
    text.push('\n');
    text
}

/// The largest document that is read: 64 MB, some 100,000 record sets.
const LARGEST: usize = 64 << 20;

/// The known outputs of the AWS CLI: a field that only this output has, and the command.
pub(crate) const OUTPUTS: [(&str, &str); 23] = [
    ("Reservations", "ec2 describe-instances"),
    ("Volumes", "ec2 describe-volumes"),
    ("Addresses", "ec2 describe-addresses"),
    ("SecurityGroups", "ec2 describe-security-groups"),
    ("ResourceRecordSets", "route53 list-resource-record-sets"),
    ("HostedZones", "route53 list-hosted-zones"),
    ("HealthChecks", "route53 list-health-checks"),
    ("PolicyDocument", "iam get-user-policy or get-role-policy"),
    ("User", "iam get-user"),
    ("AccessKeyMetadata", "iam list-access-keys"),
    ("Role", "iam get-role"),
    ("InstanceProfile", "iam get-instance-profile"),
    ("Buckets", "s3api list-buckets"),
    ("BucketRegion", "s3api head-bucket"),
    ("LocationConstraint", "s3api get-bucket-location"),
    ("TagSet", "s3api get-bucket-tagging"),
    ("PublicAccessBlockConfiguration", "s3api get-public-access-block"),
    ("OwnershipControls", "s3api get-bucket-ownership-controls"),
    ("Rules", "s3api get-bucket-lifecycle-configuration"),
    ("Contents", "s3api list-objects-v2"),
    ("RequestCharged", "s3api list-objects-v2"),
    ("Status", "s3api get-bucket-versioning"),
    ("AccessKey", "iam create-access-key"),
];

/// Parses an output of the AWS CLI and returns the field that identifies it.
///
/// # Errors
/// Fails with [`ErrorKind::Document`] if it is empty, not JSON, cut off, one page of a longer list, or from another
/// program.
pub(crate) fn recognize(json: &str) -> Result<(&'static str, Value), Error> {
    let refuse = |why: String| Err(Error::new(ErrorKind::Document, why));
    if json.len() > LARGEST {
        return refuse(format!("the document is larger than {} MB", LARGEST >> 20));
    }
    if json.trim().is_empty() {
        return refuse(
            "the document is empty: the AWS CLI printed nothing, so it failed".to_owned(),
        );
    }
    let value: Value = match serde_json::from_str(json.trim_start_matches('\u{feff}')) {
        Ok(value) => value,
        Err(error) => return refuse(syntax(json, &error)),
    };
    let Value::Object(fields) = &value else {
        return refuse(
            "the document is not a JSON object: save the AWS CLI's whole output, without --query"
                .to_owned(),
        );
    };
    let Some((field, command)) = OUTPUTS.iter().find(|(field, _)| fields.contains_key(*field))
    else {
        let names: Vec<String> = fields.keys().take(5).map(|name| shown(name)).collect();
        return refuse(format!(
            "the document has the fields [{}]: it is not an output of the AWS CLI that is known here",
            names.join(", ")
        ));
    };
    let cut =
        fields.contains_key("NextToken") || fields.get("IsTruncated") == Some(&Value::Bool(true));
    if cut && !matches!(*field, "Contents" | "RequestCharged") {
        return refuse(format!(
            "the output of aws {command} is one page of a longer list: run it without --max-items and --no-paginate"
        ));
    }
    Ok((field, value))
}

/// Parses a document that must be the output with this field.
pub(crate) fn read<T: DeserializeOwned>(json: &str, wanted: &str) -> Result<T, Error> {
    let (field, value) = recognize(json)?;
    if field != wanted {
        return Err(Error::new(
            ErrorKind::Document,
            format!(
                "the document is the output of aws {}, but the output of aws {} is expected",
                command_of(field),
                command_of(wanted)
            ),
        ));
    }
    decode(value, field)
}

/// Decodes a document that was recognized.
pub(crate) fn decode<T: DeserializeOwned>(value: Value, field: &str) -> Result<T, Error> {
    serde_json::from_value(value).map_err(|error| {
        Error::new(
            ErrorKind::Document,
            format!(
                "the output of aws {} is damaged: {}",
                command_of(field),
                bounded(&error.to_string(), 200)
            ),
        )
    })
}

fn command_of(field: &str) -> &'static str {
    OUTPUTS.iter().find(|(known, _)| *known == field).map_or("", |(_, command)| command)
}

fn syntax(json: &str, error: &serde_json::Error) -> String {
    let place = format!("line {}, column {}", error.line(), error.column());
    let start = json.trim_start();
    if error.is_eof() {
        format!("the document is cut off at {place}: save the AWS CLI's whole output")
    } else if start.starts_with('<') {
        "the document is XML or HTML: run the AWS CLI with --output json".to_owned()
    } else if start.starts_with(['{', '[']) {
        format!("the document is not JSON at {place}")
    } else {
        "the document is not JSON: run the AWS CLI with --output json".to_owned()
    }
}

/// Quotes and truncates text from outside.
pub(crate) fn shown(text: &str) -> String {
    format!("{:?}", bounded(text, 64))
}

fn bounded(text: &str, most: usize) -> &str {
    text.char_indices().nth(most).map_or(text, |(at, _)| text.get(..at).unwrap_or(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_are_told_apart() {
        assert_eq!(recognize(r#"{"Reservations": []}"#).unwrap().0, "Reservations");
        assert_eq!(recognize("\u{feff}{\"Volumes\": []}").unwrap().0, "Volumes");
        for (json, says) in [
            ("", "empty"),
            (" \n", "empty"),
            ("{\"Reservations\": [", "cut off at line 1, column 18"),
            ("[]", "--query"),
            ("\"i-1\"", "--query"),
            ("RESERVATIONS\tr-1", "--output json"),
            ("<html>", "--output json"),
            ("{\"a\": 1,}", "line 1, column 9"),
            (r#"{"Kind": "Pod", "apiVersion": "v1"}"#, "\"Kind\""),
            (r#"{"Volumes": [], "NextToken": "x"}"#, "longer list"),
        ] {
            let error = recognize(json).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Document, "{json}");
            assert!(error.to_string().contains(says), "{json}: {error}");
        }
        let error = read::<Value>(r#"{"Volumes": []}"#, "Reservations").unwrap_err().to_string();
        assert!(
            error.contains("describe-volumes") && error.contains("describe-instances"),
            "{error}"
        );
    }
}
