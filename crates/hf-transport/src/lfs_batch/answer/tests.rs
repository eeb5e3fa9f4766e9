use serde_json::{Value, json};

use super::*;

const NOW: SystemTime = SystemTime::UNIX_EPOCH;

fn pointer(byte: u8, size: u64) -> LfsPointer {
    LfsPointer { oid: [byte; 32], size }
}

fn oid(byte: u8) -> String {
    format!("{byte:02x}").repeat(32)
}

/// An object of ten bytes, identified by this byte, with a location of its own.
fn object(byte: u8) -> Value {
    json!({"oid": oid(byte), "size": 10, "actions": {"download": {"href": format!("https://data.example/{byte}")}}})
}

fn answer(objects: &[Value]) -> Value {
    json!({"transfer": "basic", "objects": objects})
}

fn read_from(url: &str, reach: Reach, body: &Value) -> Result<Vec<Result<Place, Problem>>, &'static str> {
    let speaker = Speaker { url: url.parse().unwrap(), reach, now: NOW };
    read(body.to_string().as_bytes(), &[pointer(1, 10), pointer(2, 10)], &speaker)
}

fn read_public(body: &Value) -> Result<Vec<Result<Place, Problem>>, &'static str> {
    read_from("https://hub.example/a.git/info/lfs/objects/batch", Reach::Public, body)
}

/// The result for the first of two objects.
fn first(object: Value) -> Result<Place, Problem> {
    read_public(&answer(&[object])).unwrap().swap_remove(0)
}

/// The result for an object with this action.
fn with_action(download: &Value) -> Result<Place, Problem> {
    first(json!({"oid": oid(1), "size": 10, "actions": {"download": download}}))
}

fn unusable(problem: &'static str) -> Problem {
    Problem::Unusable(problem)
}

#[test]
fn objects_are_identified_by_digest_in_any_order() {
    let places = read_public(&answer(&[object(2), object(1)])).unwrap();
    let urls: Vec<_> = places.iter().map(|place| place.as_ref().unwrap().url.path()).collect();
    assert_eq!(urls, ["/1", "/2"]);
    assert!(places.iter().all(|place| !place.as_ref().unwrap().is_authenticated));
}

#[test]
fn missing_foreign_and_duplicate_objects_are_handled() {
    let missing = unusable("the response does not mention it");
    let mut again = object(1);
    again["actions"]["download"]["href"] = "https://data.example/again".into();
    for (objects, path) in [(vec![object(1), object(9)], "/1"), (vec![object(1), again], "/1")] {
        let mut places = read_public(&answer(&objects)).unwrap();
        assert_eq!(places.pop().unwrap().unwrap_err(), missing);
        assert_eq!(places.pop().unwrap().unwrap().url.path(), path);
    }
    for odd in [oid(1).replace("01", "0g"), oid(1)[1..].to_owned(), String::new()] {
        let mut object = object(1);
        object["oid"] = odd.into();
        assert_eq!(first(object).unwrap_err(), missing);
    }
}

#[test]
fn unusable_batch_responses_are_refused() {
    let list = || answer(&[object(1)]);
    let with = |name: &str, value: Value| {
        let mut answer = list();
        answer[name] = value;
        answer
    };
    let no_list = "it is not a list of LFS objects";
    for (body, problem) in [
        (json!([]), no_list),
        (json!({}), no_list),
        (json!({"objects": {}}), no_list),
        (json!({"objects": [{"size": 1}]}), no_list),
        (json!({"objects": [{"oid": oid(1), "size": -1}]}), no_list),
        (json!({"message": "Not found"}), no_list),
        (with("hash_algo", "sha512".into()), "it uses another digest than SHA-256"),
        (with("transfer", "multipart".into()), "it requires a transfer method that was not offered"),
        (answer(&[object(1), object(2), object(3)]), "it lists more objects than were asked for"),
        (answer(&vec![object(1); 101]), "it lists more objects than were asked for"),
    ] {
        assert_eq!(read_public(&body).unwrap_err(), problem, "{body}");
    }
    for name in ["hash_algo", "transfer", "more"] {
        assert!(read_public(&with(name, Value::Null)).unwrap()[0].is_ok(), "{name}");
    }
    assert!(read_public(&with("hash_algo", "sha256".into())).unwrap()[0].is_ok());
}

#[test]
fn refused_and_unusable_objects_have_a_reason() {
    let refused =
        |code, message: Option<&str>| Problem::Refused { code, message: message.map(str::to_owned) };
    for (error, expected) in [
        (json!({"code": 410, "message": "Gone"}), refused(410, Some("Gone"))),
        (json!({"code": 422, "message": null}), refused(422, None)),
        (json!({}), refused(404, None)),
    ] {
        assert_eq!(first(json!({"oid": oid(1), "size": 10, "error": error})).unwrap_err(), expected);
    }
    let nothing = unusable("there is nothing to download it from");
    assert_eq!(first(json!({"oid": oid(1), "size": 10})).unwrap_err(), nothing);
    assert_eq!(
        first(json!({"oid": oid(1), "actions": {"upload": {"href": "https://a/"}}})).unwrap_err(),
        nothing
    );
    let mut other = object(1);
    other["size"] = 11.into();
    assert_eq!(first(other).unwrap_err(), unusable("the server has it with another size"));
}

#[test]
fn forbidden_locations_are_refused() {
    let private = "it leads into a private network, or to this machine";
    for (href, problem) in [
        ("", "it is not a URL"),
        ("/relative", "it is not a URL"),
        ("ftp://data.example/1", "the URL is neither http nor https"),
        ("file:///etc/passwd", "the URL is neither http nor https"),
        ("https://user:pw@data.example/1", "the URL contains a user name or a password"),
        ("http://data.example/1", "it leads from https to plain http"),
        ("https://127.0.0.1/1", private),
        ("https://localhost:8080/1", private),
        ("https://169.254.169.254/latest/meta-data", private),
        ("https://10.0.0.1/1", private),
        ("https://[::ffff:192.168.0.1]/1", private),
    ] {
        assert_eq!(with_action(&json!({"href": href})).unwrap_err(), unusable(problem), "{href}");
    }
}

/// Whether a server within this reach may name a location this near.
#[track_caller]
fn check_reach(speaker: Reach, href: &str, is_taken: bool) {
    let mut object = object(1);
    object["actions"]["download"]["href"] = href.into();
    let places = read_from("http://hub.example/", speaker, &answer(&[object])).unwrap();
    assert_eq!(places[0].is_ok(), is_taken, "{speaker:?} {href}");
}

#[test]
fn no_location_is_nearer_than_the_server() {
    let places = ["http://data.example/", "http://10.0.0.1/", "http://169.254.1.1/", "http://127.0.0.1/"];
    let reaches = [Reach::Public, Reach::Private, Reach::Link, Reach::Loopback];
    for (allowed, speaker) in reaches.into_iter().enumerate() {
        for (nearness, href) in places.into_iter().enumerate() {
            check_reach(speaker, href, nearness <= allowed);
        }
    }
}

#[test]
fn credentials_are_taken_and_no_other_headers() {
    let header = json!({
        "Authorization": "RemoteAuth s3cret", "x-amz-content-sha256": "a", "X-Ms-Version": "b", "x-goog-date": "c",
        "Accept": "application/vnd.git-lfs", "Range": "bytes=0-0", "Host": "other", "Cookie": "d", "x-amzn": "e"
    });
    let place = with_action(&json!({"href": "https://data.example/1", "header": header})).unwrap();
    let mut names: Vec<_> = place.headers.keys().map(HeaderName::as_str).collect();
    names.sort_unstable();
    assert_eq!(names, ["authorization", "x-amz-content-sha256", "x-goog-date", "x-ms-version"]);
    assert_eq!(place.headers["authorization"], "RemoteAuth s3cret");
    assert!(!format!("{place:?}").contains("s3cret"));

    let many: HashMap<String, String> = (0..17).map(|n| (format!("x-amz-{n}"), String::new())).collect();
    let long = json!({"authorization": "a".repeat(MAX_HEADER_BYTES)});
    for header in [json!(many), long] {
        let refused = with_action(&json!({"href": "https://data.example/1", "header": header})).unwrap_err();
        assert_eq!(refused, unusable("it requires more headers than a request may have"));
    }
    for header in [json!({"x-amz-\r\nevil": "a"}), json!({"x-amz-date": "a\r\nevil: b"}), json!({"": "a"})] {
        let refused = with_action(&json!({"href": "https://data.example/1", "header": header})).unwrap_err();
        assert_eq!(refused, unusable("it requires a header that HTTP does not allow"));
    }
}

#[test]
fn a_location_expires_when_the_server_says_so() {
    for (action, seconds) in [
        (json!({}), None),
        (json!({"expires_in": 3600}), Some(3600)),
        (json!({"expires_in": 3600.0, "expires_at": "1970-01-01T00:00:05Z"}), Some(3600)),
        (json!({"expires_in": 0, "expires_at": "1970-01-01T00:00:05Z"}), Some(5)),
        (json!({"expires_in": -5}), None),
        (json!({"expires_in": 1e300}), None),
        (json!({"expires_at": "1970-01-01T00:01:00.5Z"}), Some(60)),
        (json!({"expires_at": "0001-01-01T00:00:00Z"}), None),
        (json!({"expires_at": "1970-01-01T00:00:00Z"}), None),
        (json!({"expires_at": "tomorrow"}), None),
        (json!({"expires_at": ""}), None),
        (json!({"href": "https://data.example/1?X-Amz-Expires=900"}), Some(900)),
        (json!({"href": "https://data.example/1?X-Amz-Expires=900", "expires_in": 60}), Some(60)),
    ] {
        let mut with_place = json!({"href": "https://data.example/1"});
        with_place.as_object_mut().unwrap().extend(action.as_object().unwrap().clone());
        let end = with_action(&with_place).unwrap().expires_at;
        let end = end.map(|end| end.duration_since(NOW).unwrap().as_secs());
        assert_eq!(end, seconds, "{action}");
    }
}
