//! Writing and reading variables, and the problems of variables that users set.

use flynn_aws::blobstore::{
    AzureBackend, Backend, BackendKind, Blobstore, Changes, GcsBackend, MinioBackend, S3Access,
    S3Backend,
};
use flynn_aws::{ErrorKind, Severity};
use proptest::prelude::*;

const SECRET: &str = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYMARKED+SECRET";
const GCS_KEY: &str = r#"{
  "type": "service_account",
  "client_email": "blobs@acme.iam.gserviceaccount.com",
  "private_key": "-----BEGIN PRIVATE KEY-----\nMARKED\n-----END PRIVATE KEY-----\n"
}"#;

type Env<'a> = &'a [(&'a str, &'a str)];

fn s3() -> Backend {
    let s3 = S3Backend::with_key("acme-blobs", "us-east-1", "AKIAIOSFODNN7EXAMPLE", SECRET);
    Backend::new("s3main", s3.unwrap()).unwrap()
}

fn codes(env: &[(&str, &str)]) -> Vec<(&'static str, Severity)> {
    let blobstore = Blobstore::read(env.iter().copied());
    let findings = blobstore.findings().iter();
    findings.map(|finding| (finding.code, finding.severity)).collect()
}

#[test]
fn the_guides_line_is_written_right() {
    let env = s3().as_default();
    let definition = format!(
        "backend=s3 region=us-east-1 bucket=acme-blobs access_key_id=AKIAIOSFODNN7EXAMPLE secret_access_key={SECRET}"
    );
    let pairs: Vec<(&str, &str)> = env.iter().collect();
    assert_eq!(pairs, [("BACKEND_S3MAIN", definition.as_str()), ("DEFAULT_BACKEND", "s3main")]);
}

#[test]
fn env_of_the_original_cli_is_read() {
    // From the recorded scenario blobstore-env of a v20161015.2 controller.
    let blobstore = Blobstore::read([
        ("BACKEND_S3MAIN", "backend=s3 region=us-east-1 bucket=flynnblobs ec2_role=true"),
        ("DEFAULT_BACKEND", "s3main"),
        ("FLYNN_POSTGRES", "postgres"),
    ]);
    // Flynn's S3 client does not support IMDSv2, which is the only warning.
    let codes: Vec<_> = blobstore.findings().iter().map(|finding| finding.code).collect();
    assert_eq!(codes, ["ec2-role-imdsv1"]);
    assert!(blobstore.starts());
    let Some(BackendKind::S3(s3)) = blobstore.backend("s3main").map(Backend::kind) else {
        panic!("no s3 backend: {blobstore:?}");
    };
    assert_eq!((s3.bucket().as_str(), s3.region().as_str()), ("flynnblobs", "us-east-1"));
    assert!(matches!(s3.access(), S3Access::Ec2Role));
}

#[test]
fn every_kind_survives_the_round_trip() {
    let minio = MinioBackend::new("minio.acme.test:9000", "blobs", "id", SECRET).unwrap();
    let kinds: Vec<BackendKind> = vec![
        s3().kind().clone(),
        minio.location("eu-1").unwrap().insecure().into(),
        GcsBackend::new("acme-blobs", GCS_KEY).unwrap().into(),
        AzureBackend::new("blobs", "acme", "MARKED+key/with==").unwrap().into(),
    ];
    for kind in kinds {
        let backend = Backend::new("main1", kind).unwrap();
        let env = backend.as_default();
        let blobstore = Blobstore::read(env.iter());
        assert!(blobstore.findings().is_empty(), "{:?}", blobstore.findings());
        let read = blobstore.backend("main1").unwrap().as_default();
        assert!(read.iter().eq(env.iter()), "{:?}", backend.kind().token());
    }
}

#[test]
fn a_service_accounts_key_becomes_a_variable_of_its_own() {
    let gcs = GcsBackend::new("acme-blobs", GCS_KEY).unwrap();
    let env = Backend::new("gcsmain", gcs).unwrap().variables();
    assert_eq!(env.get("BACKEND_GCSMAIN"), Some("backend=gcs bucket=acme-blobs"));
    assert_eq!(env.get("BACKEND_GCSMAIN_KEY"), Some(GCS_KEY));
    for bad in ["", "{}", "/home/me/key.json", r#"{"type":"authorized_user"}"#] {
        assert!(GcsBackend::new("acme-blobs", bad).is_err(), "{bad}");
    }
}

#[test]
fn a_raw_parameter_wins_over_its_token() {
    let blobstore = Blobstore::read([
        ("BACKEND_S3MAIN", "backend=s3 region=us-east-1 bucket=inline-one ec2_role=true"),
        ("BACKEND_S3MAIN_BUCKET", "raw-one"),
        ("DEFAULT_BACKEND", "s3main"),
    ]);
    let Some(BackendKind::S3(s3)) = blobstore.backend("s3main").map(Backend::kind) else {
        panic!("no s3 backend");
    };
    assert_eq!(s3.bucket().as_str(), "raw-one");
}

#[test]
fn the_region_may_come_from_the_env() {
    let key = "access_key_id=AKIAIOSFODNN7EXAMPLE secret_access_key=abc";
    let definition = format!("backend=s3 bucket=acme-blobs {key}");
    let without = [("BACKEND_A", definition.as_str()), ("DEFAULT_BACKEND", "a")];
    assert_eq!(codes(&without), [("parameter", Severity::Error)]);
    let with = [without[0], without[1], ("AWS_REGION", "us-east-1")];
    assert_eq!(codes(&with), []);
}

#[test]
fn every_trap_is_found() {
    use Severity::{Error, Warning};
    let good = (
        "BACKEND_A",
        "backend=s3 region=us-east-1 bucket=acme-blobs access_key_id=AKIA secret_access_key=abc",
    );
    let default = ("DEFAULT_BACKEND", "a");
    let table: &[(Env, &str, Severity)] = &[
        // The mistakes of the guide and of the issues.
        (
            &[
                ("BACKEND_A", "backend=s3 region=AWS_REGION bucket=acme-blobs ec2_role=true"),
                default,
            ],
            "region",
            Error,
        ),
        (
            &[("BACKEND_A", "\"backend=s3 region=us-east-1 bucket=acme-blobs\""), default],
            "unknown-backend",
            Error,
        ),
        (
            &[
                (
                    "BACKEND_A",
                    "backend=s3 region=us-east-1 bucket=acme-blobs access_key_id=AKIA secret_access_key=a b",
                ),
                default,
            ],
            "token-without-equals",
            Error,
        ),
        (
            &[("BACKEND_A", "backend=s3 region=us-east-1 bucket=acme-blobs"), default],
            "parameter",
            Error,
        ),
        (&[("BACKEND_A", "backend=s3\tregion=us-east-1"), default], "unknown-backend", Error),
        (&[("BACKEND_A", "backend=swift container=x"), default], "unknown-backend", Error),
        (&[("BACKEND_A", ""), default], "unknown-backend", Error),
        (&[good, ("DEFAULT_BACKEND", "A")], "unknown-default-backend", Error),
        (&[("DEFAULT_BACKEND", "s3main")], "unknown-default-backend", Error),
        (&[good], "no-default-backend", Warning),
        (&[("BACKEND_my_s3", "backend=s3")], "ignored-variable", Warning),
        (&[("BACKEND_S3_BUCKET", "acme-blobs")], "ignored-variable", Warning),
        (
            &[
                (
                    "BACKEND_A",
                    "backend=s3 region=us-east-1 bucket=acme-blobs ec2_role=true Bucket=x",
                ),
                default,
            ],
            "unknown-parameter",
            Warning,
        ),
        (
            &[
                ("BACKEND_A", "backend=s3 region=us-east-1 bucket=Acme_Blobs ec2_role=true"),
                default,
            ],
            "bucket-name",
            Warning,
        ),
        (
            &[
                ("BACKEND_POSTGRES", "backend=s3 region=us-east-1 bucket=acme-blobs ec2_role=true"),
                ("DEFAULT_BACKEND", "postgres"),
            ],
            "hides-postgres",
            Error,
        ),
    ];
    for (env, code, severity) in table {
        let found = codes(env);
        assert!(found.contains(&(*code, *severity)), "{env:?}: {found:?}");
    }
    assert_eq!(codes(&[]), []);
    assert_eq!(codes(&[good, ("DEFAULT_BACKEND", "postgres")]), []);
}

/// One problem used to hide the next, and a legacy bucket hid that the process does not start.
#[test]
fn all_problems_of_a_backend_are_told_at_once() {
    use Severity::{Error, Warning};
    let default = ("DEFAULT_BACKEND", "a");
    let table: &[(&str, &[(&str, Severity)])] = &[
        (
            "backend=s3 bucket=Acme_Blobs ec2_role=true",
            &[("bucket-name", Warning), ("parameter", Error), ("ec2-role-imdsv1", Warning)],
        ),
        (
            "backend=s3 region=AWS_REGION bucket=Acme_Blobs ec2_role=true",
            &[("bucket-name", Warning), ("region", Error), ("ec2-role-imdsv1", Warning)],
        ),
        (
            "backend=s3 region=us-east-1 bucket=a/b",
            &[("bucket-name", Error), ("parameter", Error), ("parameter", Error)],
        ),
        (
            "backend=minio endpoint=minio.acme.test bucket=acme-blobs",
            &[("parameter", Error), ("parameter", Error)],
        ),
        ("backend=gcs", &[("parameter", Error), ("parameter", Error)]),
        ("backend=azure container=x", &[("parameter", Error), ("parameter", Error)]),
    ];
    for (definition, expected) in table {
        let env = [("BACKEND_A", *definition), default];
        assert_eq!(codes(&env), *expected, "{definition}");
        assert!(!Blobstore::read(env).starts(), "{definition}");
    }
}

#[test]
fn a_bucket_with_an_old_name_is_kept() {
    let env = [
        ("BACKEND_A", "backend=s3 region=us-east-1 bucket=Acme_Blobs ec2_role=true"),
        ("DEFAULT_BACKEND", "a"),
    ];
    let blobstore = Blobstore::read(env);
    assert!(blobstore.starts(), "{:?}", blobstore.findings());
    let backend = blobstore.backend("a").unwrap();
    assert!(Changes::to_default(backend, env).is_empty());
    // A new backend cannot have such a name.
    let new = S3Backend::with_ec2_role("Acme_Blobs", "us-east-1").unwrap_err();
    assert_eq!(new.kind(), ErrorKind::Bucket);
}

#[test]
fn regions_without_an_endpoint_of_flynn_are_refused() {
    for region in ["eusc-de-east-1", "us-iso-east-1", "us-isob-east-1", "eu-isoe-west-1"] {
        let error = S3Backend::with_ec2_role("acme-blobs", region).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Region, "{region}");
        assert!(error.to_string().contains("amazonaws.com"), "{error}");
        let definition = format!("backend=s3 region={region} bucket=acme-blobs ec2_role=true");
        let blobstore = Blobstore::read([("BACKEND_A", definition)]);
        assert!(!blobstore.starts(), "{region}");
    }
    for region in ["cn-north-1", "us-gov-west-1", "mx-central-1"] {
        assert!(S3Backend::with_ec2_role("acme-blobs", region).is_ok(), "{region}");
    }
}

#[test]
fn older_servers_know_less() {
    let old = "v20161015.2".parse().unwrap();
    let new = "v20170818.0".parse().unwrap();
    let found = |definition: &str, version| {
        let blobstore = Blobstore::read([("BACKEND_A", definition), ("DEFAULT_BACKEND", "a")]);
        let findings = blobstore.findings_on(version);
        findings.iter().map(|f| (f.code, f.severity)).collect::<Vec<_>>()
    };
    let s3 = |region: &str| format!("backend=s3 region={region} bucket=acme-blobs ec2_role=true");
    let newer = [("region-newer-than-flynn", Severity::Warning)];
    for (region, on_old) in [("us-east-1", &[][..]), ("eu-north-1", &[]), ("eu-south-1", &newer)] {
        assert_eq!(found(&s3(region), old), on_old, "{region}");
        assert_eq!(found(&s3(region), new), [], "{region}");
    }
    let minio = "backend=minio endpoint=h bucket=acme-blobs access_key_id=a secret_access_key=b";
    assert_eq!(found(minio, old), [("unknown-backend", Severity::Error)]);
    assert_eq!(found(minio, new), []);
}

#[test]
fn the_usual_mistakes_with_s3_compatible_endpoints_are_found() {
    use Severity::{Error, Warning};
    let found = |params: &str| {
        let definition =
            format!("backend=minio bucket=acme-blobs access_key_id=a secret_access_key=b {params}");
        let env = [("BACKEND_A", definition.as_str()), ("DEFAULT_BACKEND", "a")];
        codes(&env)
    };
    for (params, expected) in [
        ("endpoint=minio.acme.test:9000", &[][..]),
        ("endpoint=https://minio.acme.test", &[("parameter", Error)]),
        ("endpoint=minio.acme.test/acme-blobs", &[("parameter", Error)]),
        (
            "endpoint=https://minio.acme.test/acme-blobs",
            &[("parameter", Error), ("parameter", Error)],
        ),
        ("endpoint=acme-blobs.nyc3.digitaloceanspaces.com", &[("parameter", Error)]),
        ("endpoint=nyc3.digitaloceanspaces.com", &[]),
        ("endpoint=abc.r2.cloudflarestorage.com", &[("location", Warning)]),
        ("endpoint=abc.r2.cloudflarestorage.com location=auto", &[]),
        ("endpoint=s3.eu-central-1.wasabisys.com", &[("location", Warning)]),
        ("endpoint=s3.eu-central-1.wasabisys.com location=eu-central-1", &[]),
        ("endpoint=s3-eu-west-1.amazonaws.com", &[("location", Warning)]),
        ("endpoint=s3.amazonaws.com", &[]),
    ] {
        assert_eq!(found(params), expected, "{params}");
    }
}

#[test]
fn names_that_the_blobstore_ignores_are_refused() {
    for bad in ["", "S3MAIN", "s3-main", "s3_main", "postgres", "ß"] {
        let s3 = S3Backend::with_ec2_role("acme-blobs", "us-east-1").unwrap();
        assert_eq!(Backend::new(bad, s3).unwrap_err().kind(), ErrorKind::BackendName, "{bad}");
    }
}

#[test]
fn keys_that_cannot_work_are_refused() {
    for (id, secret) in [
        ("ASIAIOSFODNN7EXAMPLE", SECRET),
        ("$AWS_ACCESS_KEY_ID", SECRET),
        ("AKIAIOSFODNN7EXAMPLE", "$AWS_SECRET_ACCESS_KEY"),
        ("AKIAIOSFODNN7EXAMPLE", "two words"),
        ("", SECRET),
        ("AKIAIOSFODNN7EXAMPLE", ""),
    ] {
        let error = S3Backend::with_key("acme-blobs", "us-east-1", id, secret).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Parameter, "{id}");
    }
}

#[test]
fn changes_leave_out_what_holds_and_drop_what_would_win() {
    let backend = s3();
    let env: Vec<(String, String)> = backend
        .as_default()
        .iter()
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    let held = Changes::to_default(&backend, env.iter().map(|(k, v)| (k, v)));
    assert!(held.is_empty());

    let stale = [
        ("BACKEND_OTHER", "backend=s3 region=us-east-1 bucket=other-blobs ec2_role=true"),
        ("BACKEND_S3MAIN", "backend=s3"),
        ("BACKEND_S3MAIN_BUCKET", "old-bucket"),
        ("DEFAULT_BACKEND", "s3main"),
    ];
    let changes = Changes::to_default(&backend, stale);
    assert_eq!(changes.set.names().collect::<Vec<_>>(), ["BACKEND_S3MAIN"]);
    assert_eq!(changes.unset, ["BACKEND_S3MAIN_BUCKET"]);
}

#[test]
fn secrets_show_nowhere() {
    let backends: Vec<BackendKind> = vec![
        s3().kind().clone(),
        MinioBackend::new("h", "blobs", "id", SECRET).unwrap().into(),
        GcsBackend::new("acme-blobs", GCS_KEY).unwrap().into(),
        AzureBackend::new("blobs", "acme", "MARKED").unwrap().into(),
    ];
    let mut shown = Vec::new();
    for kind in backends {
        let backend = Backend::new("a", kind).unwrap();
        let env = backend.as_default();
        let changes = Changes::to_default(&backend, [("A", "b")]);
        shown.push(format!("{backend:?} {env:?} {changes:?} {:?}", Blobstore::read(env.iter())));
    }
    for broken in [
        format!("backend=s3 {SECRET}"),
        format!("backend=s3 bucket=abc ec2_role=true region={SECRET}"),
        format!("backend=s3 bucket={SECRET} ec2_role=true region=us-east-1"),
        format!("backend=minio bucket=abc access_key_id=a secret_access_key=b endpoint={SECRET}"),
        format!(
            "backend=s3 secret_access_key=\"{SECRET}\" access_key_id=x region=us-east-1 bucket=abc"
        ),
        format!("backend=s3 x {SECRET}=1"),
        format!("backend={SECRET}"),
        format!("backend=s3 {SECRET}=x region=us-east-1 bucket=abc ec2_role=true"),
    ] {
        let read = Blobstore::read([("BACKEND_A", broken.as_str())]);
        let findings: Vec<String> = read.findings().iter().map(ToString::to_string).collect();
        shown.push(format!("{read:?} {findings:?}"));
    }
    let error =
        S3Backend::with_key("abc", "us-east-1", "AKIA", &format!("'{SECRET}'")).unwrap_err();
    shown.push(format!("{error} {error:?}"));
    let shown = shown.join("\n");
    assert!(!shown.contains("MARKED"), "{shown}");
}

proptest! {
    /// Every value that the constructors accept is read back unchanged.
    #[test]
    fn accepted_values_come_back(container in ".{0,20}", name in ".{0,20}", key in "\\PC{0,40}") {
        if let Ok(azure) = AzureBackend::new(&container, &name, &key) {
            let backend = Backend::new("az", azure).unwrap();
            let env = backend.as_default();
            let read = Blobstore::read(env.iter());
            prop_assert!(read.findings().is_empty(), "{:?}", read.findings());
            prop_assert!(read.backend("az").unwrap().as_default().iter().eq(env.iter()));
        }
    }

    /// No env makes the reader panic or print one of its values.
    #[test]
    fn any_env_is_read(env in proptest::collection::vec(("(BACKEND_)?[A-Za-z0-9_]{0,8}", ".{0,40}"), 0..6)) {
        let read = Blobstore::read(env.iter().map(|(k, v)| (k, v)));
        prop_assert!(!read.default_backend().is_empty());
    }
}

/// Strings that users set, each with the explanation that it gets.
#[test]
fn wrong_strings_are_explained() {
    const ID: &str = "access_key_id=AKIAIOSFODNN7EXAMPLE";
    const KEY: &str = "secret_access_key=wJalrXUtnFEMI/K7MDENG";
    let s3 = |rest: &str| format!("backend=s3 {rest}");
    let full =
        |bucket: &str, region: &str| s3(&format!("bucket={bucket} region={region} {ID} {KEY}"));
    let minio = |rest: &str| format!("backend=minio bucket=acme-blobs {ID} {KEY} {rest}");
    let table: Vec<(String, &str)> = vec![
        // The guide's own line: no `$`, and a quote that is never closed.
        (
            format!("backend=s3 region=AWS_REGION bucket=acme-blobs {ID} {KEY}"),
            "region is not one that Flynn can use",
        ),
        (
            format!("\"backend=s3 region=us-east-1 bucket=acme-blobs {ID} {KEY}"),
            "does not know the value of backend=",
        ),
        (format!("backend=s3 region=us-east-1 bucket=acme-blobs {ID} {KEY}\""), "is quoted"),
        (full("acme-blobs", "$AWS_REGION"), "a shell did not expand it"),
        (full("$BUCKET", "us-east-1"), "a shell did not expand it"),
        (full("acme-blobs", "us-east-1a"), "region is not one"),
        (full("acme-blobs", "us-east"), "region is not one"),
        (full("acme-blobs", "us-east-01"), "region is not one"),
        (full("acme-blobs", "fips-us-gov-west-1"), "region is not one"),
        (full("acme-blobs", "eusc-de-east-1"), "region is not one that Flynn can use"),
        (full("s3://acme-blobs", "us-east-1"), "not one that S3 ever allowed"),
        (full("acme-blobs/", "us-east-1"), "not one that S3 ever allowed"),
        (full("arn:aws:s3:::acme-blobs", "us-east-1"), "not one that S3 ever allowed"),
        (s3(&format!("bucket=acme-blobs {ID} {KEY}")), "parameter region is missing"),
        (s3(&format!("region=us-east-1 {ID} {KEY}")), "parameter bucket is missing"),
        (s3(&format!("bucket=acme-blobs region=us-east-1 {ID}")), "secret_access_key is missing"),
        (s3(&format!("bucket=acme-blobs region=us-east-1 {KEY}")), "access_key_id is missing"),
        (s3("bucket=acme-blobs region=us-east-1 ec2_role=True"), "access_key_id is missing"),
        (
            s3(&format!("bucket=acme-blobs region=us-east-1 {ID} secret_access_key=two words")),
            "has no \"=\"",
        ),
        (
            s3(&format!("bucket=acme-blobs region=us-east-1 {ID} secret_access_key=a{}b", '\t')),
            "no AWS secret has",
        ),
        (
            s3(&format!(
                "bucket=acme-blobs region=us-east-1 access_key_id=ASIAIOSFODNN7EXAMPLE {KEY}"
            )),
            "temporary key",
        ),
        (
            s3(&format!("bucket=acme-blobs region=us-east-1 access_key_id=AKIA-X {KEY}")),
            "other than letters and digits",
        ),
        (s3(&format!("bucket: acme-blobs region=us-east-1 {ID} {KEY}")), "has no \"=\""),
        ("s3".to_owned(), "has no \"=\""),
        ("backend=S3 bucket=acme-blobs".to_owned(), "does not know the value of backend="),
        ("backend=aws bucket=acme-blobs".to_owned(), "does not know the value of backend="),
        ("backend=s3,bucket=acme-blobs".to_owned(), "does not know the value of backend="),
        ("{\"backend\": \"s3\"}".to_owned(), "has no \"=\""),
        (String::new(), "does not know the value of backend="),
        (minio("endpoint=https://minio.acme.test"), "has a scheme"),
        (minio("endpoint=minio.acme.test/acme-blobs"), "is a URL"),
        (minio("endpoint=acme-blobs.nyc3.digitaloceanspaces.com"), "begins with the bucket"),
        (minio(""), "parameter endpoint is missing"),
        (
            "backend=gcs bucket=acme-blobs key=/home/me/key.json".to_owned(),
            "not the JSON of a service account",
        ),
        ("backend=gcs bucket=acme-blobs".to_owned(), "parameter key is missing"),
        ("backend=azure container=x account_name=y".to_owned(), "account_key is missing"),
    ];
    for (definition, says) in &table {
        let env = [("BACKEND_A", definition.as_str()), ("DEFAULT_BACKEND", "a")];
        let blobstore = Blobstore::read(env);
        assert!(!blobstore.starts(), "{definition}");
        let errors: Vec<String> =
            blobstore.findings().iter().filter(|f| f.is_error()).map(ToString::to_string).collect();
        assert!(errors.iter().any(|line| line.contains(says)), "{definition}: {errors:?}");
        for line in &errors {
            let remedy = line.rsplit("; ").next().unwrap();
            assert!(!remedy.is_empty() && line.lines().count() == 1, "{line}");
        }
    }
    assert!(table.len() >= 25);
}
