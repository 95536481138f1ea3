//! Compares AWS with a [`ClusterSpec`] and plans the changes.
//!
//! A plan compares the [observed](Observed) state with the wanted one. Run its [steps](Step) in order. Each step has a
//! sentence, the command of the AWS CLI that does it, and the step that undoes it. A plan is empty when everything is
//! as specified, so running it twice changes nothing. Neither plans nor steps contain secrets.
//!
//! ```
//! use flynn_aws::ClusterSpec;
//! use flynn_aws::plan::{Observed, Plan};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let spec: ClusterSpec = toml::from_str(r#"
//!     domain = "example.com"
//!     nodes = [{ name = "node1", public_ip = "203.0.113.10" }]
//!     blobstore = { bucket = "acme-flynn-blobs", region = "eu-west-1", access = "ec2-role" }
//! "#)?;
//!
//! let mut observed = Observed::default();
//! // `aws s3api list-buckets`, `aws route53 list-hosted-zones` and so on:
//! observed.read(&spec, r#"{"Buckets": [], "Owner": {}}"#)?;
//! observed.read(&spec, r#"{"HostedZones": [{"Id": "/hostedzone/Z1D633PJN98FT9", "Name": "example.com."}]}"#)?;
//!
//! let plan = Plan::new(&spec, &observed);
//! for step in &plan.steps {
//!     println!("# {}\n{}", step.sentence(), step.command());
//! }
//! assert!(plan.steps[0].command().starts_with("aws s3api create-bucket --bucket acme-flynn-blobs"));
//! assert_eq!(plan.steps[0].inverse().unwrap().command(), "aws s3api delete-bucket --bucket acme-flynn-blobs --region eu-west-1");
//! # Ok(())
//! # }
//! ```

mod bucket;
mod command;
mod identity;
mod network;
mod observed;
mod records;

use serde::{Deserialize, Serialize};

pub use bucket::{BucketState, PublicAccessBlock, S3Action};
pub use command::script;
pub use identity::{IamAction, Identity, KeyState, RoleState, UserState};
pub use network::{Ec2Action, SecurityGroup};
pub use observed::Observed;
pub use records::{HealthCheckState, HostedZone, Route53Action, ZoneState};

#[cfg(feature = "iam")]
pub(crate) use bucket::OWNER_TAG;
#[cfg(feature = "s3")]
pub(crate) use bucket::{location_constraint, versioning_status};
#[cfg(feature = "iam")]
pub(crate) use identity::{PATH as IDENTITY_PATH, POLICY};
#[cfg(feature = "s3")]
pub(crate) use observed::region_of_location;

use crate::policy::{Policy, Statement};
use crate::{ClusterSpec, Finding};

/// The changes to make, and the problems that were found.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
#[non_exhaustive]
pub struct Plan {
    /// The steps, in the order to run.
    pub steps: Vec<Step>,
    /// The problems. A service with an error among them has no steps.
    pub findings: Vec<Finding>,
}

/// Options of a [`Plan`] that are not part of the specification.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct PlanOptions {
    /// Creates a new access key even if the user already has one.
    pub new_key: bool,
}

impl PlanOptions {
    /// Creates a new access key even if the user already has one.
    pub fn new_key(mut self, new_key: bool) -> Self {
        self.new_key = new_key;
        self
    }
}

impl Plan {
    /// Compares the observed state with the specification.
    pub fn new(spec: &ClusterSpec, observed: &Observed) -> Self {
        Self::with_options(spec, observed, PlanOptions::default())
    }

    /// Compares the observed state with the specification, with [`PlanOptions`].
    pub fn with_options(spec: &ClusterSpec, observed: &Observed, options: PlanOptions) -> Self {
        let mut plan = Self::default();
        bucket::plan(spec, observed.bucket.as_ref(), &mut plan);
        identity::plan(spec, observed, options, &mut plan);
        network::plan(spec, observed.inventory.as_ref(), &mut plan);
        records::plan(spec, observed, &mut plan);
        plan
    }

    /// Returns whether there are no steps and no errors.
    pub fn holds(&self) -> bool {
        self.steps.is_empty() && !self.has_errors()
    }

    /// Returns whether the findings contain an error.
    pub fn has_errors(&self) -> bool {
        self.findings.iter().any(Finding::is_error)
    }

    fn push(&mut self, action: impl Into<Action>, undo: impl Into<Action>) {
        self.steps.push(Step { action: action.into(), undo: Some(undo.into()) });
    }
}

/// One change on AWS, and the change that undoes it.
///
/// It serializes with its sentence and commands. Only `action` and `undo` are read back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "StepDocument", from = "StepDocument")]
#[non_exhaustive]
pub struct Step {
    /// The change.
    pub action: Action,
    /// The change that undoes it, if there is one.
    pub undo: Option<Action>,
}

#[derive(Serialize, Deserialize)]
struct StepDocument {
    #[serde(skip_deserializing)]
    sentence: String,
    #[serde(skip_deserializing)]
    command: String,
    #[serde(skip_deserializing)]
    inverse: Option<String>,
    action: Action,
    undo: Option<Action>,
}

impl From<Step> for StepDocument {
    fn from(step: Step) -> Self {
        Self {
            sentence: step.sentence(),
            command: step.command(),
            inverse: step.undo.as_ref().map(Action::command),
            action: step.action,
            undo: step.undo,
        }
    }
}

impl From<StepDocument> for Step {
    fn from(document: StepDocument) -> Self {
        Self { action: document.action, undo: document.undo }
    }
}

impl Step {
    /// Creates a step that cannot be undone.
    pub fn of(action: impl Into<Action>) -> Self {
        Self { action: action.into(), undo: None }
    }

    /// Returns the service that the step changes.
    pub fn service(&self) -> Service {
        match self.action {
            Action::S3(_) => Service::S3,
            Action::Iam(_) => Service::Iam,
            Action::Route53(_) => Service::Route53,
            Action::Ec2(_) => Service::Ec2,
        }
    }

    /// Describes the step in one sentence without a full stop.
    pub fn sentence(&self) -> String {
        self.action.sentence()
    }

    /// Returns the command of the AWS CLI that does the step, for a POSIX shell.
    pub fn command(&self) -> String {
        self.action.command()
    }

    /// Returns the step that undoes this one.
    pub fn inverse(&self) -> Option<Self> {
        self.undo.clone().map(Self::of)
    }
}

/// The service that a [`Step`] changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Service {
    /// S3.
    S3,
    /// IAM.
    Iam,
    /// Route53.
    Route53,
    /// EC2. This crate does not call it: run the commands.
    Ec2,
}

/// The change of a [`Step`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "service", content = "change", rename_all = "lowercase")]
#[non_exhaustive]
pub enum Action {
    /// Changes the bucket.
    S3(S3Action),
    /// Changes the user or the role.
    Iam(IamAction),
    /// Changes records or health checks.
    Route53(Route53Action),
    /// Changes security groups.
    Ec2(Ec2Action),
}

impl Action {
    fn sentence(&self) -> String {
        match self {
            Self::S3(action) => action.sentence(),
            Self::Iam(action) => action.sentence(),
            Self::Route53(action) => action.sentence(),
            Self::Ec2(action) => action.sentence(),
        }
    }

    fn command(&self) -> String {
        match self {
            Self::S3(action) => action.command(),
            Self::Iam(action) => action.command(),
            Self::Route53(action) => action.command(),
            Self::Ec2(action) => action.command(),
        }
    }

    /// Returns the IAM actions that the change needs, and the resource that they touch.
    fn permissions(&self, partition: &str) -> (&'static [&'static str], String) {
        match self {
            Self::S3(action) => action.permissions(partition),
            Self::Iam(action) => action.permissions(partition),
            Self::Route53(action) => action.permissions(partition),
            Self::Ec2(action) => action.permissions(),
        }
    }
}

macro_rules! actions {
    ($($action:ident => $service:ident),+) => {$(
        impl From<$action> for Action {
            fn from(action: $action) -> Self {
                Self::$service(action)
            }
        }
    )+};
}

actions!(S3Action => S3, IamAction => Iam, Route53Action => Route53, Ec2Action => Ec2);

/// The actions that `observe` needs, in addition to those of the steps.
const READS: [&str; 26] = [
    "ec2:DescribeAddresses",
    "ec2:DescribeInstances",
    "ec2:DescribeSecurityGroups",
    "ec2:DescribeVolumes",
    "ec2:DescribeVpcs",
    "iam:GetAccessKeyLastUsed",
    "iam:GetInstanceProfile",
    "iam:GetRole",
    "iam:GetRolePolicy",
    "iam:GetUser",
    "iam:GetUserPolicy",
    "iam:ListAccessKeys",
    "route53:GetChange",
    "route53:GetHostedZone",
    "route53:ListHealthChecks",
    "route53:ListHostedZones",
    "route53:ListHostedZonesByName",
    "route53:ListResourceRecordSets",
    "s3:GetBucketLocation",
    "s3:GetBucketOwnershipControls",
    "s3:GetBucketPublicAccessBlock",
    "s3:GetBucketTagging",
    "s3:GetBucketVersioning",
    "s3:GetLifecycleConfiguration",
    "s3:ListAllMyBuckets",
    "s3:ListBucket",
];

/// Returns the policy of the operator who applies the specification. It allows the reads, every step of a plan that
/// starts from nothing, and their inverses.
pub fn operator_policy(spec: &ClusterSpec) -> Policy {
    let partition = spec.blobstore.as_ref().map_or("aws", |blobstore| blobstore.region.partition());
    let plan = Plan::new(spec, &Observed::nothing(spec));
    let reads = Statement::allow(READS, ["*".to_owned()]);
    let mut statements: Vec<Statement> = Vec::new();
    let actions = plan.steps.iter().flat_map(|step| [Some(&step.action), step.undo.as_ref()]);
    for (names, resource) in actions.flatten().map(|action| action.permissions(partition)) {
        let same = statements.iter_mut().find(|known| known.resource == [resource.as_str()]);
        match same {
            Some(statement) => statement.add(names),
            None => statements.push(Statement::allow(names.iter().copied(), [resource])),
        }
    }
    statements.insert(0, reads);
    Policy::of(statements)
}
