//! The error of calls to AWS.

use std::error::Error as StdError;
use std::fmt;

use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;

/// The kind of an [`Error`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The resource does not exist.
    NotFound,
    /// The caller may not make the call.
    Denied,
    /// The resource already exists, or its state does not allow the call.
    Conflict,
    /// A limit of the account or the service is reached.
    Limit,
    /// AWS throttled the call.
    Throttled,
    /// The credentials are missing, wrong or expired.
    Credentials,
    /// The call went to the wrong region.
    Region,
    /// AWS could not be reached, timed out, or failed itself.
    Unreachable,
    /// Something else.
    Other,
}

/// The error of a call to AWS. `Display` is one line: the call, the resource, AWS's message, and what to do.
///
/// # Troubleshooting [`kind`](Self::kind) tells failures apart. The client has already retried
/// [retryable](Self::is_retryable) errors; observe and plan again later. Give the [`request_id`](Self::request_id) to
/// AWS's support.
pub struct Error(Box<Inner>);

struct Inner {
    kind: ErrorKind,
    call: &'static str,
    resource: String,
    code: Option<String>,
    message: String,
    remedy: String,
    request_id: Option<String>,
    region: Option<String>,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

impl Error {
    pub(crate) fn new(
        kind: ErrorKind,
        call: &'static str,
        resource: &str,
        message: impl Into<String>,
    ) -> Self {
        Self(Box::new(Inner {
            kind,
            call,
            resource: bounded(resource),
            code: None,
            message: message.into(),
            remedy: remedy(kind, call, None).to_owned(),
            request_id: None,
            region: None,
            source: None,
        }))
    }

    /// Sets AWS's code and message, where the SDK did not parse them. The message is escaped and truncated.
    #[cfg(feature = "route53")]
    pub(super) fn refused(mut self, code: &str, message: &str) -> Self {
        self.0.kind = kind_of(code, 400);
        remedy(self.0.kind, self.0.call, Some(code)).clone_into(&mut self.0.remedy);
        self.0.code = Some(code.to_owned());
        self.0.message = format!("{code}: {}", bounded(message));
        self
    }

    pub(crate) fn remedy(mut self, remedy: impl Into<String>) -> Self {
        self.0.remedy = remedy.into();
        self
    }

    /// Returns the kind of failure.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// Returns the call in the form of IAM actions, such as `s3:CreateBucket`.
    pub fn call(&self) -> &'static str {
        self.0.call
    }

    /// Returns AWS's error code, such as `BucketAlreadyExists`.
    pub fn code(&self) -> Option<&str> {
        self.0.code.as_deref()
    }

    /// Returns the id of the request, if AWS answered.
    pub fn request_id(&self) -> Option<&str> {
        self.0.request_id.as_deref()
    }

    /// Returns the region that the bucket is in, for an error of the kind [`ErrorKind::Region`].
    pub fn region(&self) -> Option<&str> {
        self.0.region.as_deref()
    }

    /// Returns whether the same call may succeed later.
    pub fn is_retryable(&self) -> bool {
        matches!(self.0.kind, ErrorKind::Throttled | ErrorKind::Unreachable)
    }

    /// Returns whether the resource does not exist.
    pub fn is_not_found(&self) -> bool {
        self.0.kind == ErrorKind::NotFound
    }
}

/// Converts the SDK's error of a call on a resource.
pub(super) fn failed<E>(
    call: &'static str,
    resource: &str,
) -> impl FnOnce(SdkError<E, HttpResponse>) -> Error
where
    E: ProvideErrorMetadata + StdError + Send + Sync + 'static,
{
    move |error| {
        let meta = error.as_service_error().map(ProvideErrorMetadata::meta);
        let code = meta.and_then(|meta| meta.code()).map(bounded);
        let message = meta.and_then(|meta| meta.message()).map(bounded);
        let response = error.raw_response();
        let header = |name: &str| response.and_then(|r| r.headers().get(name)).map(bounded);
        let request_id = header("x-amzn-requestid").or(header("x-amz-request-id"));
        let status = response.map_or(0, |response| response.status().as_u16());
        let region = header("x-amz-bucket-region").or(message.as_deref().and_then(expected_region));
        let kind = match &error {
            SdkError::ServiceError(_) => kind_of(code.as_deref().unwrap_or_default(), status),
            SdkError::TimeoutError(_) => ErrorKind::Unreachable,
            SdkError::ResponseError(_) if status >= 500 => ErrorKind::Unreachable,
            SdkError::ResponseError(_) => ErrorKind::Other,
            _ if speaks_of_credentials(&error) => ErrorKind::Credentials,
            SdkError::DispatchFailure(_) => ErrorKind::Unreachable,
            _ => ErrorKind::Other,
        };
        let message = match (&code, message) {
            (Some(code), Some(message)) => format!("{code}: {message}"),
            (Some(code), None) => code.clone(),
            (None, Some(message)) => message,
            (None, None) if status != 0 => format!("AWS answered with status {status}"),
            (None, None) => innermost(&error),
        };
        let mut made = Error::new(kind, call, resource, message.trim_end_matches('.'));
        if kind == ErrorKind::Region {
            if let Some(region) = &region {
                made.0.remedy = format!("set the region to {region}, or choose another bucket");
            }
            made.0.region = region;
        } else {
            remedy(kind, call, code.as_deref()).clone_into(&mut made.0.remedy);
        }
        made.0.code = code;
        made.0.request_id = request_id;
        made.0.source = Some(Box::new(error));
        made
    }
}

fn kind_of(code: &str, status: u16) -> ErrorKind {
    match code {
        "InvalidClientTokenId"
        | "ExpiredToken"
        | "ExpiredTokenException"
        | "InvalidAccessKeyId"
        | "SignatureDoesNotMatch"
        | "RequestExpired"
        | "RequestTimeTooSkewed"
        | "InvalidToken"
        | "UnrecognizedClientException"
        | "TokenRefreshRequired"
        | "MissingAuthenticationToken"
        | "MissingAuthenticationTokenException"
        | "IncompleteSignature" => ErrorKind::Credentials,
        "AccessDenied"
        | "AccessDeniedException"
        | "AllAccessDisabled"
        | "UnauthorizedOperation"
        | "OptInRequired"
        | "NotSignedUp" => ErrorKind::Denied,
        "BucketAlreadyExists"
        | "BucketAlreadyOwnedByYou"
        | "BucketNotEmpty"
        | "DeleteConflict"
        | "EntityAlreadyExists"
        | "HealthCheckAlreadyExists"
        | "HealthCheckInUse"
        | "InvalidChangeBatch"
        | "ConcurrentModification"
        | "EntityTemporarilyUnmodifiable" => ErrorKind::Conflict,
        "LimitExceeded" | "TooManyBuckets" | "TooManyHealthChecks" | "LimitsExceeded" => {
            ErrorKind::Limit
        }
        "Throttling"
        | "ThrottlingException"
        | "SlowDown"
        | "RequestLimitExceeded"
        | "TooManyRequestsException"
        | "PriorRequestNotComplete"
        | "OperationAborted"
        | "RequestThrottled" => ErrorKind::Throttled,
        "PermanentRedirect"
        | "AuthorizationHeaderMalformed"
        | "TemporaryRedirect"
        | "IllegalLocationConstraintException"
        | "IncorrectEndpoint" => ErrorKind::Region,
        "NoSuchBucket"
        | "NoSuchEntity"
        | "NoSuchHostedZone"
        | "NoSuchHealthCheck"
        | "NotFound"
        | "NoSuchTagSet"
        | "NoSuchPublicAccessBlockConfiguration"
        | "OwnershipControlsNotFoundError"
        | "NoSuchLifecycleConfiguration"
        | "NoSuchKey"
        | "NoSuchUpload"
        | "NoSuchChange" => ErrorKind::NotFound,
        _ => match status {
            301 | 307 => ErrorKind::Region,
            401 | 403 => ErrorKind::Denied,
            404 => ErrorKind::NotFound,
            409 => ErrorKind::Conflict,
            429 => ErrorKind::Throttled,
            500.. => ErrorKind::Unreachable,
            _ => ErrorKind::Other,
        },
    }
}

fn remedy(kind: ErrorKind, call: &'static str, code: Option<&str>) -> &'static str {
    match (kind, code) {
        (_, Some("BucketAlreadyExists")) => "choose another name: names of buckets are global",
        (_, Some("BucketNotEmpty")) => "move or delete its objects first",
        (_, Some("HealthCheckAlreadyExists")) => {
            "set another dns.reference_salt: Route53 remembers the references of deleted checks for some days"
        }
        (_, Some("RequestTimeTooSkewed")) => "set this machine's clock",
        (ErrorKind::Denied, _) => {
            "allow the call: operator_policy of the specification names all that are needed"
        }
        (ErrorKind::Credentials, _) => {
            "check the client's credentials, and log in again if they have expired"
        }
        (ErrorKind::Limit, _) => "ask AWS for a higher quota, or delete what is not used",
        (ErrorKind::Throttled, _) => "wait, then run again",
        (ErrorKind::Region, _) => "make the client for the bucket's region",
        (ErrorKind::Unreachable, _) => "check the network, endpoint and proxy, then run again",
        (ErrorKind::NotFound, _) => {
            "plan again: it was deleted after the plan was made, or is still being created"
        }
        (ErrorKind::Other, _) if call.starts_with("route53") => {
            "look at the hosted zone, then plan again"
        }
        (ErrorKind::Conflict | ErrorKind::Other, _) => "look at the resource, then plan again",
    }
}

/// Extracts the region from `the region 'us-east-1' is wrong; expecting 'eu-west-1'`.
fn expected_region(message: &str) -> Option<String> {
    let (_, rest) = message.split_once("expecting '")?;
    rest.split_once('\'').map(|(region, _)| region.to_owned())
}

/// Returns whether the client had no credentials. The SDK reports this as a failure to send or build the request.
fn speaks_of_credentials(error: &(dyn StdError + 'static)) -> bool {
    let mut next = Some(error);
    while let Some(error) = next {
        let text = error.to_string();
        if text.contains("credentials") || text.contains("identity") || text.contains("auth scheme")
        {
            return true;
        }
        next = error.source();
    }
    false
}

/// Returns the message of the last error in the chain, which is the most specific.
fn innermost(error: &(dyn StdError + 'static)) -> String {
    let mut last = error;
    while let Some(next) = last.source() {
        last = next;
    }
    bounded(&last.to_string())
}

/// Escapes text from outside and truncates it to 300 characters.
fn bounded(text: &str) -> String {
    let mut shown = String::new();
    for c in text.chars().take(300) {
        match c {
            '\'' | '"' => shown.push(c),
            _ => shown.extend(c.escape_debug()),
        }
    }
    shown
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Inner { call, resource, message, remedy, .. } = &*self.0;
        write!(f, "{call} of {resource} failed: {message}; {remedy}")
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // No source: the SDK's `Debug` prints whole requests and answers, including the secret of a new key.
        f.debug_struct("Error")
            .field("kind", &self.0.kind)
            .field("call", &self.0.call)
            .field("resource", &self.0.resource)
            .field("code", &self.0.code)
            .field("message", &self.0.message)
            .field("request_id", &self.0.request_id)
            .finish_non_exhaustive()
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.source.as_deref().map(|source| source as _)
    }
}
