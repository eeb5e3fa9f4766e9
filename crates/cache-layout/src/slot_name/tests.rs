use proptest::prelude::*;

use super::*;

fn model(revision: &str) -> ModelRef {
    ModelRef::new("user/repo".parse().unwrap(), Some(revision.parse().unwrap()))
}

#[track_caller]
fn check(revision: &str, name: &str) {
    assert_eq!(entry_name(&model(revision)), name);
    assert_eq!(parse("user", name), Some(model(revision)), "{name}");
}

#[test]
fn entry_names_can_be_parsed_back() {
    assert_eq!(entry_name(&"user/repo".parse().unwrap()), "repo");
    assert_eq!(parse("user", "repo"), Some("user/repo".parse().unwrap()));
    check("main", "repo@main");
    check("v1.0_rc-2", "repo@v1.0_rc-2");
    check("refs/pr/1", "repo@refs%2Fpr%2F1");
    check("a@b", "repo@a%40b");
    check("50%25", "repo@50%2525");
    check("0123456789abcdef0123456789abcdef01234567", "repo@0123456789abcdef0123456789abcdef01234567");
    check("v1\u{e9}", "repo@v1%C3%A9");
    // The digest distinguishes it from `v1`.
    check("V1", "repo@V1@dae96fc0046a5ae1");
}

#[test]
fn a_name_that_is_too_long_is_cut_outside_escapes() {
    let longest = LONGEST - "user+repo@".len();
    check(&"x".repeat(longest), &format!("repo@{}", "x".repeat(longest)));
    let cut_at = longest - 1 - DIGITS;
    let name = entry_name(&model(&"x".repeat(longest + 1)));
    assert_eq!(name, format!("repo@{}@878c7f63377500d8", "x".repeat(cut_at)));
    assert_eq!(parse("user", &name), None);
    for more in ["", "x", "xx"] {
        let name = entry_name(&model(&format!("{more}{}", "é".repeat(60))));
        let start = name.split('@').nth(1).unwrap();
        assert_eq!((start.len() - more.len()) % 3, 0, "{name}");
        assert!(cut_at - start.len() < 3, "{name}");
    }
}

#[test]
fn the_longest_user_and_repository_leave_room_for_a_commit() {
    let (user, repo) = ("u".repeat(96), "r".repeat(96));
    let commit = "0123456789abcdef0123456789abcdef01234567";
    let model: ModelRef = format!("{user}/{repo}@{commit}").parse().unwrap();
    assert_eq!(entry_name(&model), format!("{repo}@{commit}"));
    let long: ModelRef = format!("{user}/{repo}@{}", "x".repeat(200)).parse().unwrap();
    assert_eq!(user.len() + 1 + entry_name(&long).len(), LONGEST);
}

#[test]
fn other_names_are_not_entries() {
    for (user, name) in [
        ("user", ""),
        ("user", ".hidden"),
        ("user", "repo@"),
        ("user", "repo@a%"),
        ("user", "repo@a/b"),
        ("user", "repo@refs%2fpr%2f1"),
        ("user", "repo@%6dain"),
        ("user", "repo@V1"),
        ("user", "repo@V1@0123456789abcdef"),
        ("user", "repo@main@0d6e4079e36703eb"),
        ("user", "repo@%FF"),
        ("..", "repo"),
    ] {
        assert_eq!(parse(user, name), None, "{user}/{name}");
    }
}

/// Revisions that are easily confused: few letters in both cases, and characters that are encoded.
fn revisions() -> impl Strategy<Value = String> {
    let short = "[aAbB%@F2é-][aAbB/%2Fé._-]{0,6}[aAbB2Fé]";
    prop_oneof![short, ("[aA]{220,250}", "[a-bA]").prop_map(|(long, end)| long + &end)]
        .prop_filter("a revision", |text| text.parse::<Revision>().is_ok())
}

proptest! {
    #[test]
    fn no_two_revisions_share_a_name_even_if_case_is_ignored(one in revisions(), other in revisions()) {
        prop_assume!(one != other);
        let (one, other) = (entry_name(&model(&one)), entry_name(&model(&other)));
        prop_assert_ne!(one.to_lowercase(), other.to_lowercase());
    }

    #[test]
    fn a_name_is_one_component_that_fits_and_leads_back(revision in "[a-zA-Z0-9é][a-zA-Z0-9é模%@+#_-]{0,50}([/.][a-k]{1,4})?") {
        let model = model(&revision);
        let name = entry_name(&model);
        prop_assert!("user+".len() + name.len() <= LONGEST);
        prop_assert!(name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.%@".contains(&b)), "{}", name);
        prop_assert!(!name.ends_with('.'));
        let is_cut = utf8_percent_encode(&revision, KEPT).to_string().len() > LONGEST - "user+repo@".len() - 1 - DIGITS;
        match parse("user", &name) {
            Some(parsed) => prop_assert_eq!(parsed, model),
            None => prop_assert!(is_cut, "{}", name),
        }
    }
}
