//! The API of CloudFront, as a client of it sees the node.

use http::{Request, StatusCode};
use serde_json::json;

use super::node::{Answer, DEPLOY, Node, Sites};

const MARK: &str = "<?xml version=\"1.0\"?>\n";

/// The distribution of the site with this index.
fn place(node: &Node, site: usize) -> String {
    format!("/2020-05-31/distribution/{}", node.config.sites[site].id)
}

fn batch(reference: &str, items: &[&str]) -> String {
    let written: Vec<String> = items.iter().map(|item| format!("<Path>{item}</Path>")).collect();
    let written = written.concat();
    format!(
        "<InvalidationBatch><CallerReference>{reference}</CallerReference><Paths>\
         <Quantity>{}</Quantity><Items>{written}</Items></Paths></InvalidationBatch>",
        items.len(),
    )
}

async fn send(node: &Node, method: &str, path: &str, key: &str, body: &str) -> Answer {
    let request = Request::builder().method(method).uri(path).header("authorization", key);
    node.send(request.body(body.to_owned()).unwrap()).await
}

async fn create(node: &Node, site: usize, key: &str, body: &str) -> Answer {
    send(node, "POST", &format!("{}/invalidation", place(node, site)), key, body).await
}

/// What stands in the first element of this name.
fn text<'a>(answer: &'a Answer, name: &str) -> &'a str {
    let (open, close) = (format!("<{name}>"), format!("</{name}>"));
    let behind = answer.text.split_once(&open).unwrap_or_else(|| panic!("{}", answer.text)).1;
    behind.split_once(&close).unwrap().0
}

/// Status and code of an error, which must be CloudFront's in every way.
fn fault(answer: &Answer) -> (u16, &str) {
    assert!(answer.text.starts_with(MARK), "{}", answer.text);
    assert_eq!(answer.headers["content-type"], "text/xml");
    assert_eq!(answer.headers["x-amzn-requestid"], text(answer, "RequestId"));
    let blamed = if answer.status.is_server_error() { "Receiver" } else { "Sender" };
    assert_eq!(text(answer, "Type"), blamed);
    (answer.status.as_u16(), text(answer, "Code"))
}

#[tokio::test]
async fn both_apis_know_the_same_invalidations() {
    let node = Node::start(Sites::WwwAndApi);
    let body = batch("build-41", &["/a b", "/dir/*", "#News"]);
    let first = create(&node, 0, node.root(), &body).await;
    assert_eq!(first.status, StatusCode::CREATED, "{}", first.text);
    let id = text(&first, "Id").to_owned();
    let home = format!("{}/invalidation/{id}", place(&node, 0));
    assert_eq!(first.headers["location"], format!("http://localhost{home}"));
    assert_eq!(
        (text(&first, "Status"), text(&first, "CreateTime")),
        ("Completed", "2023-11-14T22:13:20.000Z")
    );
    let items = "<Path>/a b</Path><Path>/dir/*</Path><Path>#news</Path>";
    assert_eq!(text(&first, "Items"), items);

    let again = create(&node, 0, node.root(), &body).await;
    assert_eq!((again.status, &again.text), (StatusCode::CREATED, &first.text));
    let other = create(&node, 0, node.root(), &batch("build-41", &["/b"])).await;
    assert_eq!(fault(&other), (409, "InvalidationBatchAlreadyExists"));
    assert!(text(&other, "Message").contains(&id), "{}", other.text);
    let own = json!({ "site": "www", "paths": ["/b"], "reference": "build-41" });
    assert_eq!(node.invalidate(node.root(), own).await.status, 409);
    // Another site's references are others.
    assert_eq!(create(&node, 1, node.root(), &batch("build-41", &["/b"])).await.status, 201);

    let shown = node.get(&format!("/invalidations/{id}"), node.root()).await.json();
    assert_eq!(shown["paths"], json!(["/a b", "/dir/*"]));
    assert_eq!(shown["tags"], json!(["news"]));
    assert_eq!(shown["reference"], "build-41");
    let got = node.get(&home, node.root()).await;
    assert_eq!((got.status, &got.text), (StatusCode::OK, &first.text));
    let elsewhere = format!("{}/invalidation/{id}", place(&node, 1));
    assert_eq!(fault(&node.get(&elsewhere, node.root()).await), (404, "NoSuchInvalidation"));
}

#[tokio::test]
async fn lists_are_read_page_by_page() {
    let node = Node::start(Sites::WwwAndApi);
    let mut ids = Vec::new();
    for (number, site) in [0, 1, 0, 0].into_iter().enumerate() {
        let made = create(&node, site, node.root(), &batch(&number.to_string(), &["/"])).await;
        ids.push(text(&made, "Id").to_owned());
    }
    let list = format!("{}/invalidation", place(&node, 0));
    let first = node.get(&format!("{list}?MaxItems=2"), node.root()).await;
    assert_eq!((text(&first, "IsTruncated"), text(&first, "NextMarker")), ("true", &*ids[2]));
    assert_eq!((text(&first, "Id"), text(&first, "Quantity")), (&*ids[3], "2"));
    let rest = node.get(&format!("{list}?MaxItems=2&Marker={}", ids[2]), node.root()).await;
    assert_eq!((text(&rest, "IsTruncated"), text(&rest, "Id")), ("false", &*ids[0]));
    // The other site's is none of this list.
    for query in ["Marker=INONE", &format!("Marker={}", ids[1]), "MaxItems=0"] {
        let refused = node.get(&format!("{list}?{query}"), node.root()).await;
        assert_eq!(fault(&refused), (400, "InvalidArgument"), "{query}");
    }
}

#[tokio::test]
async fn sites_are_distributions() {
    let node = Node::start(Sites::WwwAndApi);
    let whole = node.get(&place(&node, 0), node.root()).await;
    assert_eq!(
        (text(&whole, "Id"), text(&whole, "Status")),
        (&*node.config.sites[0].id, "Deployed")
    );
    assert_eq!(text(&whole, "CNAME"), "www.example.com");
    let config = node.get(&format!("{}/config", place(&node, 0)), node.root()).await;
    assert_eq!(config.headers["etag"], whole.headers["etag"]);
    let head = send(&node, "HEAD", &place(&node, 0), node.root(), "").await;
    assert_eq!((head.status.as_u16(), head.text.as_str()), (200, ""));
    assert_eq!(head.headers["content-length"], whole.text.len().to_string());

    let all = node.get("/2020-05-31/distribution", node.root()).await;
    assert_eq!(text(&all, "Quantity"), "2");
    // One that may read about www is shown no other.
    let own = node.get("/2020-05-31/distribution", DEPLOY).await;
    assert_eq!((text(&own, "Quantity"), text(&own, "Id")), ("1", &*node.config.sites[0].id));
}

#[tokio::test]
async fn a_key_without_the_right_learns_nothing() {
    let node = Node::start(Sites::WwwAndApi);
    let allowed = create(&node, 0, DEPLOY, &batch("1", &["/assets/js/*"])).await;
    assert_eq!(allowed.status, StatusCode::CREATED);
    for items in [&["/*"][..], &["/assets/a", "/b"], &["#tag"]] {
        let denied = create(&node, 0, DEPLOY, &batch("2", items)).await;
        assert_eq!(fault(&denied), (403, "AccessDenied"), "{items:?}");
        let says = "User: DEPLOY is not authorized to perform: cloudfront:CreateInvalidation on \
            resource: arn:aws:cloudfront::000000000000:distribution/";
        assert!(text(&denied, "Message").starts_with(says), "{}", denied.text);
    }
    // A distribution of others, and one that is not there.
    let (others, absent) = (place(&node, 1), "/2020-05-31/distribution/ENONE".to_owned());
    for path in ["", "/config", "/invalidation", "/invalidation/I1"] {
        let [others, absent] = [&others, &absent].map(|place| format!("{place}{path}"));
        let [others, absent] = [node.get(&others, DEPLOY).await, node.get(&absent, DEPLOY).await];
        assert_eq!(
            (fault(&others), fault(&absent)),
            ((403, "AccessDenied"), (403, "AccessDenied"))
        );
        let masked = text(&others, "Message").replace(&node.config.sites[1].id, "ENONE");
        assert_eq!(masked, text(&absent, "Message"));
    }
    let bad = create(&node, 1, DEPLOY, "no batch").await;
    assert_eq!(fault(&bad), (403, "AccessDenied"));
    assert_eq!(fault(&node.get(&absent, node.root()).await), (404, "NoSuchDistribution"));
    let missing = send(&node, "POST", &format!("{absent}/invalidation"), node.root(), "").await;
    assert_eq!(fault(&missing), (404, "NoSuchDistribution"));
    let listed = node.get("/invalidations", node.root()).await.json();
    assert_eq!(listed["invalidations"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_key_may_wait_for_what_it_ordered() {
    let node = Node::start(Sites::WwwAndApi);
    let ordering = json!({ "name": "ci", "allow": [{ "action": "invalidate" }] });
    let ordering = node.order("POST", "/keys", node.root(), ordering).await.json();
    let ci = format!("Bearer {}", ordering["token"].as_str().unwrap());
    let own = create(&node, 0, &ci, &batch("1", &["/a"])).await;
    let others = create(&node, 0, node.root(), &batch("2", &["/a"])).await;
    let at = |site: usize, id: &str| format!("{}/invalidation/{id}", place(&node, site));
    let got = node.get(&at(0, text(&own, "Id")), &ci).await;
    assert_eq!((got.status, &got.text), (StatusCode::OK, &own.text));
    let list = format!("{}/invalidation", place(&node, 0));
    for path in [at(0, text(&others, "Id")), at(0, "INONE"), at(1, text(&own, "Id")), list] {
        assert_eq!(fault(&node.get(&path, &ci).await), (403, "AccessDenied"), "{path}");
    }
}

#[tokio::test]
async fn a_name_in_the_place_of_an_id_is_told() {
    let node = Node::start(Sites::WwwAndApi);
    let (own, others) = ("/2020-05-31/distribution/www", "/2020-05-31/distribution/api");
    for key in [node.root(), DEPLOY] {
        let named = send(&node, "POST", &format!("{own}/invalidation"), key, "").await;
        assert_eq!(fault(&named), (404, "NoSuchDistribution"));
        let id = &node.config.sites[0].id;
        let says = format!("`www` is a site&apos;s name; its distribution id is {id}.");
        assert!(text(&named, "Message").ends_with(&says), "{}", named.text);
    }
    let denied = node.get(others, DEPLOY).await;
    assert_eq!(fault(&denied), (403, "AccessDenied"));
    assert!(!denied.text.contains(&node.config.sites[1].id), "{}", denied.text);
}

#[tokio::test]
async fn everything_is_refused_in_xml() {
    let node = Node::start(Sites::Www);
    let home = place(&node, 0);
    let nobody = node.look(&home).await;
    assert_eq!(fault(&nobody), (403, "MissingAuthenticationToken"));
    for (key, status, code) in [
        ("Bearer DEPLOY.wrong", 403, "InvalidClientTokenId"),
        ("Bearer NONE.wrong", 403, "InvalidClientTokenId"),
        ("Basic YTpi", 400, "IncompleteSignature"),
        (
            "AWS4-HMAC-SHA256 Credential=DEPLOY/20231114/eu-west-1/cloudfront/aws4_request",
            400,
            "IncompleteSignature",
        ),
    ] {
        assert_eq!(fault(&node.get(&home, key).await), (status, code), "{key}");
    }
    for (body, status, code) in [
        ("", 400, "MissingBody"),
        ("<InvalidationBatch>", 400, "MalformedInput"),
        ("<!DOCTYPE x><InvalidationBatch/>", 400, "MalformedInput"),
        (&*batch("", &["/"]), 400, "InvalidArgument"),
        (&*batch("r", &["/a*b"]), 400, "InvalidArgument"),
        (&*batch("r", &vec!["/"; 3_001]), 413, "BatchTooLarge"),
        (&*" ".repeat(4 * 1024 * 1024 + 1), 413, "BatchTooLarge"),
    ] {
        let refused = create(&node, 0, node.root(), body).await;
        assert_eq!(fault(&refused), (status, code), "{}", refused.text);
    }
    for (method, path) in [
        ("PUT", &*format!("{home}/config")),
        ("DELETE", &home),
        ("POST", "/2020-05-31/tagging?Operation=Tag"),
        ("GET", "/2020-05-31/"),
        ("GET", "/2019-03-26/distribution"),
    ] {
        let unsupported = send(&node, method, path, node.root(), "").await;
        assert_eq!(fault(&unsupported), (400, "UnsupportedOperation"), "{method} {path}");
    }
    let page = Request::post(format!("{home}/invalidation"))
        .header("authorization", node.root())
        .header("origin", "https://evil.example");
    let page = node.send(page.body(batch("r", &["/*"])).unwrap()).await;
    assert_eq!(fault(&page), (403, "AccessDenied"));
    let rebound = Request::get(&home).header("host", "evil.example");
    let rebound = node.send(rebound.body(String::new()).unwrap()).await;
    assert_eq!(rebound.status, StatusCode::MISDIRECTED_REQUEST);
    let listed = node.get("/invalidations", node.root()).await.json();
    assert_eq!(listed["invalidations"], json!([]));
}
