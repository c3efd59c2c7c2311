use std::time::{Duration, SystemTime, UNIX_EPOCH};

use http::Method;
use warmfront_config::{Credentials, Endpoint, S3, Secret};

use super::{Bucket, BucketError, BucketRequest, Lesson};
use crate::object_key::KeyError;
use crate::resolver::Resolver;

const NOW: SystemTime = UNIX_EPOCH;

fn s3(bucket: &str, region: &str) -> S3 {
    S3 {
        bucket: bucket.to_owned(),
        region: region.to_owned(),
        endpoint: None,
        path_style: false,
        prefix: String::new(),
        website: false,
        headers: Vec::new(),
        credentials: Credentials::Static {
            access_key_id: "AKID".to_owned(),
            secret_access_key: Secret::new("s"),
        },
    }
}

/// The bucket behind an endpoint of its own, `http://host:port`.
fn behind(endpoint: &str, s3: S3) -> S3 {
    let (scheme, rest) = endpoint.split_once("://").unwrap();
    let (host, port) = rest.rsplit_once(':').unwrap();
    let endpoint = Endpoint {
        tls: scheme == "https",
        host: host.trim_matches(['[', ']']).to_owned(),
        port: port.parse().unwrap(),
    };
    S3 { endpoint: Some(endpoint), ..s3 }
}

fn in_path(s3: S3) -> S3 {
    let path_style = true;
    S3 { path_style, ..s3 }
}

fn website(s3: S3) -> S3 {
    let website = true;
    S3 { website, ..s3 }
}

fn field<'a>(request: &'a BucketRequest, wanted: &str) -> Option<&'a str> {
    let found = request.fields.iter().find(|(name, _)| name == wanted);
    found.and_then(|(_, value)| value.to_str().ok())
}

fn bucket(s3: &S3) -> Bucket {
    let resolver = Resolver::new(&warmfront_config::Resolver::default()).unwrap();
    Bucket::new("web", s3, &resolver)
}

async fn get(s3: &S3, path: &str) -> BucketRequest {
    bucket(s3).request(&Method::GET, path, NOW).await.unwrap()
}

#[tokio::test]
async fn a_bucket_is_where_its_configuration_says() {
    let web = s3("web", "eu-central-1");
    let dotted = s3("www.example.com", "eu-west-1");
    for (s3, url) in [
        (web.clone(), "https://web.s3.eu-central-1.amazonaws.com/a"),
        (s3("web", "cn-north-1"), "https://web.s3.cn-north-1.amazonaws.com.cn/a"),
        (in_path(web.clone()), "https://s3.eu-central-1.amazonaws.com/web/a"),
        // Amazon's wildcard certificate covers one label.
        (dotted.clone(), "https://s3.eu-west-1.amazonaws.com/www.example.com/a"),
        (behind("http://minio:9000", web.clone()), "http://web.minio:9000/a"),
        (behind("https://minio:443", in_path(web.clone())), "https://minio/web/a"),
        (behind("http://127.0.0.1:80", web.clone()), "http://127.0.0.1/web/a"),
        (behind("http://[::1]:9000", web.clone()), "http://[::1]:9000/web/a"),
        (website(web.clone()), "http://web.s3-website.eu-central-1.amazonaws.com/a"),
        (website(dotted), "http://www.example.com.s3-website-eu-west-1.amazonaws.com/a"),
        (website(behind("http://site.local:8080", web)), "http://site.local:8080/a"),
    ] {
        let request = get(&s3, "/a").await;
        let scheme = if bucket(&s3).tls() { "https" } else { "http" };
        let host = field(&request, "host").unwrap();
        assert_eq!(format!("{scheme}://{host}{}", request.path), url);
    }
}

#[tokio::test]
async fn only_a_private_bucket_is_signed_and_secrets_are_marked() {
    let private = s3("web", "eu-central-1");
    let request = get(&private, "/my file.txt?versionId=a/b").await;
    assert_eq!(request.path, "/my%20file.txt?versionId=a%2Fb");
    let authorization = field(&request, "authorization").unwrap();
    assert!(authorization.contains("SignedHeaders=host;x-amz-content-sha256;x-amz-date,"));
    assert!(authorization.contains("/eu-central-1/s3/aws4_request"));
    for (name, value) in &request.fields {
        assert_eq!(
            value.is_sensitive(),
            !["host", "x-amz-date"].contains(&name.as_str()),
            "{name}"
        );
    }

    let anonymous = S3 { credentials: Credentials::Anonymous, ..private.clone() };
    for unsigned in [anonymous, website(private)] {
        assert_eq!(get(&unsigned, "/a").await.fields.len(), 1);
    }
}

#[tokio::test]
async fn a_client_cannot_list_the_bucket() {
    let mut s3 = s3("web", "eu-central-1");
    for path in ["/", "/?list-type=2", ""] {
        let refused = bucket(&s3).request(&Method::GET, path, NOW).await;
        assert!(matches!(refused, Err(BucketError::Key(KeyError::Empty))), "{path}");
    }
    s3.website = true;
    assert_eq!(get(&s3, "/").await.path, "/");
}

#[tokio::test]
async fn credentials_that_fit_no_field_are_the_edges_fault() {
    let mut s3 = s3("web", "eu-central-1");
    s3.credentials = Credentials::Static {
        access_key_id: "AK\nID".to_owned(),
        secret_access_key: Secret::new("s"),
    };
    let refused = bucket(&s3).request(&Method::GET, "/a", NOW).await;
    assert!(matches!(refused, Err(BucketError::Field { .. })));
}

#[tokio::test]
async fn a_region_that_s3_names_is_learned() {
    let amazon = bucket(&s3("web", "us-east-1"));
    for (region, lesson) in [
        ("us-east-1", Lesson::Nothing),
        ("evil.example/", Lesson::Nothing),
        ("", Lesson::Nothing),
        ("eu-west-1", Lesson::Learned),
    ] {
        assert_eq!(amazon.learn_region(region), lesson, "{region}");
    }
    let later = NOW + Duration::from_secs(1);
    let request = amazon.request(&Method::GET, "/a", later).await.unwrap();
    assert_eq!(field(&request, "host"), Some("web.s3.eu-west-1.amazonaws.com"));
    assert!(field(&request, "authorization").unwrap().contains("/eu-west-1/s3/"));

    let own = behind("http://minio:9000", s3("web", "us-east-1"));
    let own = bucket(&own);
    own.learn_region("eu-west-1");
    assert_eq!(own.host(), "web.minio");
    assert_eq!(own.region(), "eu-west-1");
}
