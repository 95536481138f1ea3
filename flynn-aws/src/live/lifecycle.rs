//! Converts lifecycle rules between the AWS CLI's JSON and the SDK's types.
//!
//! `PutBucketLifecycleConfiguration` replaces all rules, so rules that are not ours are read and written back.

use aws_sdk_s3::types::{
    AbortIncompleteMultipartUpload, ExpirationStatus, LifecycleExpiration, LifecycleRule,
    LifecycleRuleAndOperator, LifecycleRuleFilter, NoncurrentVersionExpiration,
    NoncurrentVersionTransition, Tag, Transition, TransitionStorageClass,
};
use aws_smithy_types::DateTime;
use aws_smithy_types::date_time::Format;
use serde_json::{Map, Value, json};

/// Builds an object from the fields that are present.
fn object<const N: usize>(fields: [(&str, Option<Value>); N]) -> Value {
    let present = fields.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?)));
    Value::Object(present.collect::<Map<_, _>>())
}

fn date(date: &DateTime) -> Option<Value> {
    date.fmt(Format::DateTime).ok().map(Value::String)
}

fn tag(tag: &Tag) -> Value {
    json!({"Key": tag.key(), "Value": tag.value()})
}

/// Converts a rule to the JSON of the AWS CLI.
pub(super) fn to_json(rule: &LifecycleRule) -> Value {
    let filter = rule.filter().map(|filter| {
        object([
            ("Prefix", filter.prefix().map(Value::from)),
            ("Tag", filter.tag().map(tag)),
            ("ObjectSizeGreaterThan", filter.object_size_greater_than().map(Value::from)),
            ("ObjectSizeLessThan", filter.object_size_less_than().map(Value::from)),
            (
                "And",
                filter.and().map(|and| {
                    let tags: Vec<Value> = and.tags().iter().map(tag).collect();
                    object([
                        ("Prefix", and.prefix().map(Value::from)),
                        ("Tags", (!tags.is_empty()).then(|| tags.into())),
                        ("ObjectSizeGreaterThan", and.object_size_greater_than().map(Value::from)),
                        ("ObjectSizeLessThan", and.object_size_less_than().map(Value::from)),
                    ])
                }),
            ),
        ])
    });
    let expiration = rule.expiration().map(|expiration| {
        object([
            ("Date", expiration.date().and_then(date)),
            ("Days", expiration.days().map(Value::from)),
            (
                "ExpiredObjectDeleteMarker",
                expiration.expired_object_delete_marker().map(Value::from),
            ),
        ])
    });
    let transitions = rule.transitions().iter().map(|transition| {
        object([
            ("Date", transition.date().and_then(date)),
            ("Days", transition.days().map(Value::from)),
            ("StorageClass", transition.storage_class().map(|class| class.as_str().into())),
        ])
    });
    let noncurrent = rule.noncurrent_version_transitions().iter().map(|transition| {
        object([
            ("NoncurrentDays", transition.noncurrent_days().map(Value::from)),
            ("StorageClass", transition.storage_class().map(|class| class.as_str().into())),
            ("NewerNoncurrentVersions", transition.newer_noncurrent_versions().map(Value::from)),
        ])
    });
    let list = |values: Vec<Value>| (!values.is_empty()).then(|| Value::from(values));
    #[allow(deprecated, reason = "old rules still have a prefix outside of the filter")]
    let prefix = rule.prefix();
    object([
        ("ID", rule.id().map(Value::from)),
        ("Prefix", prefix.map(Value::from)),
        ("Filter", filter),
        ("Status", Some(rule.status().as_str().into())),
        ("Expiration", expiration),
        ("Transitions", list(transitions.collect())),
        ("NoncurrentVersionTransitions", list(noncurrent.collect())),
        (
            "NoncurrentVersionExpiration",
            rule.noncurrent_version_expiration().map(|expiration| {
                object([
                    ("NoncurrentDays", expiration.noncurrent_days().map(Value::from)),
                    (
                        "NewerNoncurrentVersions",
                        expiration.newer_noncurrent_versions().map(Value::from),
                    ),
                ])
            }),
        ),
        (
            "AbortIncompleteMultipartUpload",
            rule.abort_incomplete_multipart_upload().map(|abort| {
                object([("DaysAfterInitiation", abort.days_after_initiation().map(Value::from))])
            }),
        ),
    ])
}

/// The fields of an object, read by name.
struct Fields<'a>(&'a Value);

impl<'a> Fields<'a> {
    fn text(&self, key: &str) -> Option<String> {
        self.0.get(key)?.as_str().map(str::to_owned)
    }

    fn number(&self, key: &str) -> Option<i64> {
        self.0.get(key)?.as_i64()
    }

    fn small(&self, key: &str) -> Option<i32> {
        self.number(key)?.try_into().ok()
    }

    fn date(&self, key: &str) -> Option<DateTime> {
        DateTime::from_str(self.0.get(key)?.as_str()?, Format::DateTimeWithOffset).ok()
    }

    fn class(&self) -> Option<TransitionStorageClass> {
        self.text("StorageClass").map(|class| class.as_str().into())
    }

    fn object(&self, key: &str) -> Option<Fields<'a>> {
        self.0.get(key).map(Fields)
    }

    fn list(&self, key: &str) -> Vec<Fields<'a>> {
        self.0.get(key).and_then(Value::as_array).into_iter().flatten().map(Fields).collect()
    }

    fn tag(&self) -> Option<Tag> {
        Tag::builder().set_key(self.text("Key")).set_value(self.text("Value")).build().ok()
    }
}

/// Converts a rule from the JSON of the AWS CLI. Returns `None` without a status.
pub(super) fn from_json(rule: &Value) -> Option<LifecycleRule> {
    let rule = Fields(rule);
    let filter = rule.object("Filter").map(|filter| {
        let and = filter.object("And").map(|and| {
            let tags: Vec<Tag> = and.list("Tags").iter().filter_map(Fields::tag).collect();
            LifecycleRuleAndOperator::builder()
                .set_prefix(and.text("Prefix"))
                .set_tags((!tags.is_empty()).then_some(tags))
                .set_object_size_greater_than(and.number("ObjectSizeGreaterThan"))
                .set_object_size_less_than(and.number("ObjectSizeLessThan"))
                .build()
        });
        LifecycleRuleFilter::builder()
            .set_prefix(filter.text("Prefix"))
            .set_tag(filter.object("Tag").and_then(|tag| tag.tag()))
            .set_object_size_greater_than(filter.number("ObjectSizeGreaterThan"))
            .set_object_size_less_than(filter.number("ObjectSizeLessThan"))
            .set_and(and)
            .build()
    });
    let expiration = rule.object("Expiration").map(|expiration| {
        let marker = expiration.0.get("ExpiredObjectDeleteMarker").and_then(Value::as_bool);
        LifecycleExpiration::builder()
            .set_date(expiration.date("Date"))
            .set_days(expiration.small("Days"))
            .set_expired_object_delete_marker(marker)
            .build()
    });
    let transitions = rule.list("Transitions").into_iter().map(|transition| {
        Transition::builder()
            .set_date(transition.date("Date"))
            .set_days(transition.small("Days"))
            .set_storage_class(transition.class())
            .build()
    });
    let noncurrent = rule.list("NoncurrentVersionTransitions").into_iter().map(|transition| {
        NoncurrentVersionTransition::builder()
            .set_noncurrent_days(transition.small("NoncurrentDays"))
            .set_storage_class(transition.class())
            .set_newer_noncurrent_versions(transition.small("NewerNoncurrentVersions"))
            .build()
    });
    let (transitions, noncurrent): (Vec<_>, Vec<_>) = (transitions.collect(), noncurrent.collect());
    #[allow(deprecated, reason = "old rules still have a prefix outside of the filter")]
    LifecycleRule::builder()
        .set_id(rule.text("ID"))
        .set_prefix(rule.text("Prefix"))
        .set_filter(filter)
        .status(ExpirationStatus::from(rule.text("Status")?.as_str()))
        .set_expiration(expiration)
        .set_transitions((!transitions.is_empty()).then_some(transitions))
        .set_noncurrent_version_transitions((!noncurrent.is_empty()).then_some(noncurrent))
        .set_noncurrent_version_expiration(rule.object("NoncurrentVersionExpiration").map(|e| {
            NoncurrentVersionExpiration::builder()
                .set_noncurrent_days(e.small("NoncurrentDays"))
                .set_newer_noncurrent_versions(e.small("NewerNoncurrentVersions"))
                .build()
        }))
        .set_abort_incomplete_multipart_upload(rule.object("AbortIncompleteMultipartUpload").map(
            |abort| {
                AbortIncompleteMultipartUpload::builder()
                    .set_days_after_initiation(abort.small("DaysAfterInitiation"))
                    .build()
            },
        ))
        .build()
        .ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_survive_the_round_trip() {
        for rule in [
            json!({"ID": "a", "Filter": {"Prefix": ""}, "Status": "Enabled",
                "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 7}}),
            json!({"ID": "b", "Prefix": "old/", "Status": "Disabled",
                "Expiration": {"Date": "2030-01-01T00:00:00Z"},
                "Transitions": [{"Days": 30, "StorageClass": "GLACIER"}]}),
            json!({"ID": "c", "Status": "Enabled",
                "Filter": {"And": {"Prefix": "x", "Tags": [{"Key": "k", "Value": "v"}], "ObjectSizeLessThan": 5}},
                "NoncurrentVersionTransitions": [{"NoncurrentDays": 3, "StorageClass": "STANDARD_IA",
                    "NewerNoncurrentVersions": 2}],
                "NoncurrentVersionExpiration": {"NoncurrentDays": 9}}),
            json!({"Status": "Enabled", "Filter": {"Tag": {"Key": "k", "Value": "v"}},
                "Expiration": {"ExpiredObjectDeleteMarker": true}}),
        ] {
            assert_eq!(to_json(&from_json(&rule).unwrap()), rule);
        }
        assert!(from_json(&json!({"ID": "no status"})).is_none());
    }
}
