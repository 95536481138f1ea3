//! Compares an existing policy with the needed one.

use serde::Deserialize;
use serde_json::Value;

use super::{Policy, Statement};
use crate::{Error, ErrorKind, Finding, cli_json};

/// A policy document as IAM accepts it, with single values or lists.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Written {
    version: Option<String>,
    #[serde(rename = "Id")]
    _id: Option<Value>,
    statement: OneOrMany<WrittenStatement>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct WrittenStatement {
    #[serde(rename = "Sid")]
    _sid: Option<Value>,
    effect: String,
    action: Option<OneOrMany<String>>,
    not_action: Option<Value>,
    resource: Option<OneOrMany<String>>,
    not_resource: Option<Value>,
    condition: Option<Value>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum OneOrMany<T> {
    Many(Vec<T>),
    One(T),
}

impl<T> OneOrMany<T> {
    fn as_slice(&self) -> &[T] {
        match self {
            Self::Many(many) => many,
            Self::One(one) => std::slice::from_ref(one),
        }
    }
}

impl WrittenStatement {
    fn actions(&self) -> &[String] {
        self.action.as_ref().map_or(&[], OneOrMany::as_slice)
    }

    fn resources(&self) -> &[String] {
        self.resource.as_ref().map_or(&[], OneOrMany::as_slice)
    }

    fn allows(&self) -> bool {
        self.effect == "Allow"
    }

    /// Returns whether the statement depends on something that is not known here.
    fn is_conditional(&self) -> bool {
        self.condition.as_ref().is_some_and(|c| c.as_object().is_none_or(|c| !c.is_empty()))
            || self.not_action.is_some()
            || self.not_resource.is_some()
            || self.resources().iter().any(|resource| resource.contains("${"))
    }

    /// Returns whether the statement covers an action on a resource. One with `NotAction` or `NotResource` may cover
    /// it.
    fn covers(&self, action: &str, resource: &str) -> bool {
        let action = self.not_action.is_some() || self.covers_action(action);
        action && (self.not_resource.is_some() || self.covers_resource(resource))
    }

    fn covers_action(&self, action: &str) -> bool {
        let action = action.to_ascii_lowercase();
        self.actions().iter().any(|pattern| matches(&pattern.to_ascii_lowercase(), &action))
    }

    fn covers_resource(&self, resource: &str) -> bool {
        self.resources().iter().any(|pattern| covers_arn(pattern, resource))
    }
}

impl Policy {
    /// Checks whether another policy allows the same as this one: everything that is needed, and nothing more.
    ///
    /// Takes the policy itself or the output of `aws iam get-user-policy`. The findings are `missing-action`,
    /// `denied-action` and `other-partition` (errors), `cannot-tell` for what depends on a `Condition`, a variable,
    /// `NotAction` or `NotResource`, and `excess-action` and `excess-resource` (warnings).
    ///
    /// # Errors
    /// Fails with [`ErrorKind::Document`] if the text is not a policy.
    pub fn check(&self, json: &str) -> Result<Vec<Finding>, Error> {
        let refuse = |why: String| Error::new(ErrorKind::Document, why);
        let value: Value =
            serde_json::from_str(json.trim_start_matches('\u{feff}')).map_err(|error| {
                let place = format!("line {}, column {}", error.line(), error.column());
                refuse(format!("the policy is not JSON at {place}: save it whole"))
            })?;
        let document = value.get("PolicyDocument").unwrap_or(&value);
        let written = Written::deserialize(document).map_err(|_| {
            refuse(
                "the document is not an IAM policy: expected an object with Version and Statement, each Statement \
                 with Effect, Action and Resource"
                    .to_owned(),
            )
        })?;
        Ok(self.compare(&written))
    }

    /// Returns whether a document allows exactly what this policy allows.
    pub(crate) fn is_equivalent(&self, document: &Value) -> bool {
        Written::deserialize(document).is_ok_and(|written| self.compare(&written).is_empty())
    }

    fn compare(&self, written: &Written) -> Vec<Finding> {
        let mut findings = Vec::new();
        let statements = written.statement.as_slice();
        if written.version.as_deref() != Some("2012-10-17") {
            findings.push(Finding::warning(
                "policy-version",
                "Version",
                "it is not 2012-10-17, so IAM reads the policy by older rules",
                "set it to 2012-10-17",
            ));
        }
        for (action, resource) in self.pairs() {
            findings.extend(Self::judge(statements, action, resource));
        }
        for statement in statements.iter().filter(|statement| statement.allows()) {
            self.excess(statement, &mut findings);
        }
        findings
    }

    /// Returns each action with its resource: the bucket, or its objects.
    fn pairs(&self) -> impl Iterator<Item = (&str, &str)> {
        self.statement.iter().flat_map(|statement| {
            statement.action.iter().filter_map(|action| {
                let on_bucket = is_bucket_action(action);
                let resource =
                    statement.resource.iter().find(|arn| arn.ends_with("/*") != on_bucket)?;
                Some((action.as_str(), resource.as_str()))
            })
        })
    }

    fn judge(statements: &[WrittenStatement], action: &str, resource: &str) -> Option<Finding> {
        let about: Vec<&WrittenStatement> =
            statements.iter().filter(|statement| statement.covers(action, resource)).collect();
        let (denies, allows): (Vec<&WrittenStatement>, Vec<_>) =
            about.into_iter().partition(|statement| !statement.allows());
        if denies.iter().any(|statement| !statement.is_conditional()) {
            return Some(Finding::error(
                "denied-action",
                action,
                format!("a statement denies it on {resource}"),
                "remove the statement: a Deny wins over every Allow",
            ));
        }
        let certain = allows.iter().any(|statement| !statement.is_conditional());
        if certain && denies.is_empty() {
            return None;
        }
        if certain || !allows.is_empty() {
            return Some(Finding::warning(
                "cannot-tell",
                action,
                format!(
                    "whether it is allowed on {resource} depends on a Condition, a variable, NotAction or NotResource"
                ),
                "allow it without them, or probe it with the key",
            ));
        }
        let elsewhere = statements.iter().filter(|s| s.allows() && s.covers_action(action));
        let other = elsewhere.flat_map(WrittenStatement::resources).find(|arn| {
            arn.split(':').nth(5).is_some() && arn.split(':').nth(5) == resource.split(':').nth(5)
        });
        if let Some(other) = other {
            return Some(Finding::error(
                "other-partition",
                action,
                format!(
                    "it is allowed on {}, but the bucket's ARN is {resource}",
                    cli_json::shown(other)
                ),
                "correct the partition, the second part of the ARN",
            ));
        }
        let explanation = if statements.iter().any(|s| s.allows() && s.covers_action(action)) {
            format!("it is allowed on other resources, but not on {resource}")
        } else {
            format!("it is not allowed on {resource}")
        };
        Some(Finding::error(
            "missing-action",
            action,
            explanation,
            format!("allow {action} on {resource}"),
        ))
    }

    /// Reports everything that a statement allows beyond this policy.
    fn excess(&self, statement: &WrittenStatement, findings: &mut Vec<Finding>) {
        let own = |of: fn(&Statement) -> &Vec<String>| self.statement.iter().flat_map(of);
        if statement.not_action.is_some() {
            findings.push(Finding::warning(
                "excess-action",
                "NotAction",
                "it allows everything that it does not name",
                "name the actions in Action",
            ));
        }
        for action in statement.actions() {
            if !own(|s| &s.action).any(|known| known.eq_ignore_ascii_case(action)) {
                findings.push(Finding::warning(
                    "excess-action",
                    bounded(action),
                    "it allows more than the blobstore needs",
                    "remove it, or write the actions out",
                ));
            }
        }
        for resource in statement.resources() {
            if !own(|s| &s.resource).any(|known| known == resource) {
                findings.push(Finding::warning(
                    "excess-resource",
                    bounded(resource),
                    "it is more than the bucket and its objects, or another bucket",
                    "name the bucket and its objects only",
                ));
            }
        }
    }
}

/// Escapes and truncates text from outside.
fn bounded(text: &str) -> String {
    text.chars().take(128).flat_map(char::escape_debug).collect()
}

/// Returns whether an action applies to the bucket itself. The others apply to its objects.
fn is_bucket_action(action: &str) -> bool {
    matches!(action, "s3:ListBucket" | "s3:ListBucketMultipartUploads" | "s3:GetBucketLocation")
}

/// Returns whether a pattern covers an ARN. An ARN that ends in `*` stands for every object.
fn covers_arn(pattern: &str, arn: &str) -> bool {
    match arn.strip_suffix('*') {
        // Two keys of different lengths: only a real wildcard matches both.
        Some(start) => ["\u{1}", "\u{2}\u{3}/\u{4}"]
            .iter()
            .all(|key| matches(pattern, &format!("{start}{key}"))),
        None => matches(pattern, arn),
    }
}

/// Matches `*` and `?` as IAM does. Linear in the text for each `*`.
fn matches(pattern: &str, text: &str) -> bool {
    let (pattern, text): (Vec<char>, Vec<char>) =
        (pattern.chars().collect(), text.chars().collect());
    let (mut p, mut t) = (0, 0);
    let mut retry: Option<(usize, usize)> = None;
    while let Some(c) = text.get(t) {
        match pattern.get(p) {
            Some('*') => {
                retry = Some((p, t));
                p += 1;
            }
            Some(wanted) if wanted == c || *wanted == '?' => {
                p += 1;
                t += 1;
            }
            _ => match retry {
                Some((star, from)) => {
                    retry = Some((star, from + 1));
                    p = star + 1;
                    t = from + 1;
                }
                None => return false,
            },
        }
    }
    pattern.iter().skip(p).all(|c| *c == '*')
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn policy() -> Policy {
        Policy::for_blobstore(&"acme-blobs".parse().unwrap(), &"eu-west-1".parse().unwrap())
    }

    fn codes(statement: &Value) -> Vec<String> {
        let document = json!({"Version": "2012-10-17", "Statement": statement}).to_string();
        let findings = policy().check(&document).unwrap();
        findings.iter().map(|finding| format!("{} {}", finding.code, finding.subject)).collect()
    }

    const BUCKET: &str = "arn:aws:s3:::acme-blobs";
    const OBJECTS: &str = "arn:aws:s3:::acme-blobs/*";

    #[test]
    fn its_own_document_is_fine() {
        assert_eq!(policy().check(&policy().to_json()).unwrap(), []);
        let output =
            json!({"UserName": "u", "PolicyName": "p", "PolicyDocument": policy().to_value()});
        assert_eq!(policy().check(&output.to_string()).unwrap(), []);
        let mut minio = policy();
        minio.statement[0].add(&[super::super::MINIO_ACTION]);
        let wanted = Policy::for_minio_backend(
            &"acme-blobs".parse().unwrap(),
            &"eu-west-1".parse().unwrap(),
        );
        assert_eq!(wanted, minio);
    }

    #[test]
    fn what_is_missing_or_too_much_is_told() {
        let seven = super::super::BLOBSTORE_ACTIONS;
        let allow = |action: Value, resource: Value| json!({"Effect": "Allow", "Action": action, "Resource": resource});
        assert_eq!(codes(&allow(json!("s3:*"), json!([BUCKET, OBJECTS]))), ["excess-action s3:*"]);
        assert_eq!(codes(&allow(json!("*"), json!("*"))), ["excess-action *", "excess-resource *"]);
        // The objects alone: the three calls on the bucket are refused.
        assert_eq!(
            codes(&allow(json!(seven), json!(OBJECTS))),
            ["missing-action s3:ListBucket", "missing-action s3:ListBucketMultipartUploads"]
        );
        assert_eq!(codes(&allow(json!(seven), json!(BUCKET))).len(), 5);
        let six: Vec<&str> = seven.iter().skip(1).copied().collect();
        assert_eq!(
            codes(&allow(json!(six), json!([BUCKET, OBJECTS]))),
            ["missing-action s3:DeleteObject"]
        );
        let lower: Vec<String> = seven.iter().map(|a| a.to_lowercase()).collect();
        assert_eq!(codes(&allow(json!(lower), json!([BUCKET, OBJECTS]))), [""; 0]);
        // Only keys of one letter.
        let narrow = codes(&allow(json!(seven), json!([BUCKET, format!("{BUCKET}/?")])));
        assert!(narrow.contains(&"missing-action s3:GetObject".to_owned()), "{narrow:?}");
        let china = allow(
            json!(seven),
            json!([BUCKET.replace("aws", "aws-cn"), OBJECTS.replace("aws", "aws-cn")]),
        );
        assert!(
            codes(&china)
                .iter()
                .all(|c| c.starts_with("other-partition") || c.starts_with("excess-resource"))
        );
        let other =
            codes(&allow(json!(seven), json!(["arn:aws:s3:::other", "arn:aws:s3:::other/*"])));
        assert_eq!(other.iter().filter(|c| c.starts_with("missing-action")).count(), 7);
    }

    #[test]
    fn what_cannot_be_known_is_never_fine() {
        let seven = super::super::BLOBSTORE_ACTIONS;
        let all = json!([BUCKET, OBJECTS]);
        for statement in [
            json!({"Effect": "Allow", "Action": seven, "Resource": all,
                "Condition": {"IpAddress": {"aws:SourceIp": "203.0.113.0/24"}}}),
            json!({"Effect": "Allow", "NotAction": "iam:*", "Resource": all}),
            json!({"Effect": "Allow", "Action": seven, "NotResource": "arn:aws:s3:::other"}),
            json!({"Effect": "Allow", "Action": seven, "Resource": ["arn:aws:s3:::${aws:username}", "*${x}*"]}),
        ] {
            let found = codes(&statement);
            assert!(!found.is_empty(), "{statement}");
        }
        let good = json!({"Effect": "Allow", "Action": seven, "Resource": all});
        let deny = json!({"Effect": "Deny", "Action": "s3:Delete*", "Resource": "*"});
        assert_eq!(codes(&json!([good, deny])), ["denied-action s3:DeleteObject"]);
        let maybe = json!({"Effect": "Deny", "NotAction": "s3:*", "Resource": "*"});
        assert!(codes(&json!([good, maybe])).iter().all(|code| code.starts_with("cannot-tell")));
    }

    #[test]
    fn other_documents_are_refused() {
        for bad in
            ["", "{", "[]", "{\"Version\": \"2012-10-17\"}", "{\"Statement\": [{\"Effect\": 1}]}"]
        {
            assert_eq!(policy().check(bad).unwrap_err().kind(), ErrorKind::Document, "{bad}");
        }
    }

    #[test]
    fn patterns_match_as_iams_do() {
        for (pattern, text, expected) in [
            ("*", "", true),
            ("a*c", "abbbc", true),
            ("a*c", "abbbd", false),
            ("a?c", "abc", true),
            ("a?c", "ac", false),
            ("*a*b*", "xxaxxbxx", true),
            ("", "a", false),
        ] {
            assert_eq!(matches(pattern, text), expected, "{pattern} {text}");
        }
    }
}
