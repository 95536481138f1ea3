//! Clients of the emulator, and an inventory of its contents.

use std::sync::atomic::{AtomicU32, Ordering};

use aws_smithy_runtime_api::client::http::SharedHttpClient;
use flynn_aws::ClusterSpec;
use flynn_aws::live::{Error, iam, route53, s3};
use flynn_aws::plan::{Observed, Plan, Service, Step};
use serde_json::{Value, json};

/// A client per service.
#[derive(Clone)]
pub(crate) struct Clients {
    pub(crate) s3: s3::Client,
    pub(crate) iam: iam::Client,
    pub(crate) route53: route53::Client,
}

/// HTTP without TLS.
pub(crate) fn http() -> SharedHttpClient {
    aws_smithy_http_client::Builder::new().build_http()
}

macro_rules! client {
    ($module:ident, $endpoint:expr, $region:expr, $key:expr) => {{
        use $module::sdk::config::{BehaviorVersion, Config, Credentials, Region};
        let (id, secret) = $key;
        let config = Config::builder()
            .behavior_version(BehaviorVersion::v2026_01_12())
            .region(Region::new($region.to_owned()))
            .endpoint_url($endpoint)
            .credentials_provider(Credentials::new(id, secret, None, None, "test"))
            .http_client(http());
        $module::Client::from_conf(config.build())
    }};
}

impl Clients {
    /// Clients with this key.
    pub(crate) fn new(endpoint: &str, region: &str, key: (&str, &str)) -> Self {
        Self {
            s3: client!(s3, endpoint, region, key),
            iam: client!(iam, endpoint, "us-east-1", key),
            route53: client!(route53, endpoint, "us-east-1", key),
        }
    }

    /// Clients of the emulator, as an administrator.
    pub(crate) fn emulator() -> Self {
        Self::new(&endpoint("FLYNN_AWS_EMULATOR"), "us-east-1", ("AKIAADMIN", "secret"))
    }

    pub(crate) async fn observe(&self, spec: &ClusterSpec) -> Observed {
        let mut observed = Observed::default();
        s3::observe(&self.s3, spec, &mut observed).await.unwrap();
        iam::observe(&self.iam, spec, &mut observed).await.unwrap();
        route53::observe(&self.route53, spec, &mut observed).await.unwrap();
        observed
    }

    pub(crate) async fn plan(&self, spec: &ClusterSpec) -> Plan {
        Plan::new(spec, &self.observe(spec).await)
    }

    /// Applies steps. Returns the created key.
    pub(crate) async fn apply<'a>(
        &self,
        steps: impl IntoIterator<Item = &'a Step>,
    ) -> Result<Option<flynn_aws::blobstore::AccessKey>, Error> {
        let mut key = None;
        for step in steps {
            match step.service() {
                Service::S3 => s3::apply(&self.s3, step).await?,
                Service::Iam => key = iam::apply(&self.iam, step).await?.or(key),
                Service::Route53 => route53::apply(&self.route53, step).await?,
                other => panic!("{other:?}"),
            }
        }
        Ok(key)
    }

    /// Returns everything whose name or content contains a word, read without `observe`.
    pub(crate) async fn inventory(&self, word: &str) -> Value {
        let buckets = self.s3.list_buckets().send().await.unwrap();
        let buckets = buckets.buckets().iter().filter_map(|bucket| bucket.name());
        let buckets: Vec<&str> = buckets.filter(|name| name.contains(word)).collect();
        let mut settings = Vec::new();
        for bucket in &buckets {
            let tags = self.s3.get_bucket_tagging().bucket(*bucket).send().await.ok();
            let block = self.s3.get_public_access_block().bucket(*bucket).send().await.ok();
            let owner = self.s3.get_bucket_ownership_controls().bucket(*bucket).send().await.ok();
            let rules =
                self.s3.get_bucket_lifecycle_configuration().bucket(*bucket).send().await.ok();
            let block = block.and_then(|block| block.public_access_block_configuration);
            settings.push(format!(
                "{:?} {block:?} {:?} {:?}",
                tags.map(|tags| tags.tag_set),
                owner.and_then(|owner| owner.ownership_controls),
                rules.and_then(|rules| rules.rules),
            ));
        }
        let users = self.iam.list_users().send().await.unwrap();
        let users = users.users().iter().map(iam::sdk::types::User::user_name);
        let users: Vec<&str> = users.filter(|name| name.contains(word)).collect();
        let roles = self.iam.list_roles().send().await.unwrap();
        let roles = roles.roles().iter().map(iam::sdk::types::Role::role_name);
        let roles: Vec<&str> = roles.filter(|name| name.contains(word)).collect();
        let profiles = self.iam.list_instance_profiles().send().await.unwrap();
        let profiles = profiles.instance_profiles().iter();
        let profiles = profiles.map(iam::sdk::types::InstanceProfile::instance_profile_name);
        let profiles: Vec<&str> = profiles.filter(|name| name.contains(word)).collect();
        let checks = self.route53.list_health_checks().send().await.unwrap();
        let checks =
            checks.health_checks().iter().map(|check| format!("{:?}", check.health_check_config()));
        let mut checks: Vec<String> = checks.filter(|check| check.contains(word)).collect();
        checks.sort();
        let mut records = Vec::new();
        for zone in self.route53.list_hosted_zones().send().await.unwrap().hosted_zones() {
            if zone.name().contains(word) {
                let sets = self.route53.list_resource_record_sets().hosted_zone_id(zone.id());
                for set in sets.send().await.unwrap().resource_record_sets() {
                    // Restored health checks have other ids.
                    records.push(format!(
                        "{} {:?} {:?} {:?} {:?} {}",
                        set.name(),
                        set.r#type(),
                        set.set_identifier(),
                        set.ttl(),
                        set.resource_records(),
                        set.health_check_id().is_some()
                    ));
                }
            }
        }
        json!({"buckets": buckets, "settings": settings, "users": users, "roles": roles, "profiles": profiles,
            "checks": checks, "records": records})
    }
}

/// Returns the address in a variable that `cargo xtask test-aws` sets.
pub(crate) fn endpoint(variable: &str) -> String {
    std::env::var(variable).unwrap_or_else(|_| {
        panic!("{variable} is not set: run these tests by `cargo xtask test-aws`")
    })
}

/// Returns a specification whose names no other test uses, and the word that they all contain.
pub(crate) async fn spec(clients: &Clients, more: &str) -> (ClusterSpec, String) {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let word = format!("t{}x{number}x", std::process::id());
    let domain = format!("{word}.example.com");
    let create = clients.route53.create_hosted_zone().name(&domain).caller_reference(&word);
    create.send().await.unwrap();
    let text = format!(
        "domain = \"{domain}\"\n\
         nodes = [{{ name = \"a\", public_ip = \"203.0.113.10\" }}, {{ name = \"b\", public_ip = \"203.0.113.11\" }}]\n\
         [blobstore]\nbucket = \"{word}-blobs\"\nregion = \"us-east-1\"\n{more}"
    );
    (toml::from_str(&text).unwrap(), word)
}
