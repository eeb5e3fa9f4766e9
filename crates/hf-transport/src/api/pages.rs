//! Paging through a list.

use url_parse::Url;

/// The query for the next page, from a `Link` header; `None` on the last page.
///
/// A mirror's links may name the hub that it mirrors. The query alone identifies the page, so nothing
/// else of a link is used, and the request goes to the same place as the first one.
pub(super) fn next_query(link: &str) -> Option<String> {
    let targets = link.split('<').skip(1).filter_map(|part| part.split_once('>'));
    let (target, _) = targets.into_iter().find(|(_, parameters)| is_next(parameters))?;
    let (_, query) = target.split_once('?')?;
    query.split('#').next().filter(|query| !query.is_empty()).map(str::to_owned)
}

fn is_next(parameters: &str) -> bool {
    parameters.split([';', ',']).any(|parameter| {
        let value = parameter.trim().strip_prefix("rel=").map(|value| value.trim_matches('"'));
        value.is_some_and(|relations| relations.split_whitespace().any(|relation| relation == "next"))
    })
}

/// The same URL with another query.
pub(super) fn with_query(url: &Url, query: &str) -> Url {
    let mut url = url.clone();
    url.set_query(Some(query));
    url
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(link: &str, expected: Option<&str>) {
        assert_eq!(next_query(link).as_deref(), expected, "{link}");
    }

    #[test]
    fn only_the_query_of_the_next_page_is_taken() {
        check(
            r#"<https://huggingface.co/api/x?limit=2&cursor=ab%3D>; rel="next""#,
            Some("limit=2&cursor=ab%3D"),
        );
        check(r#"<https://a/x?p=0>; rel="prev", <//evil@b:1/y?p=2>;rel=next"#, Some("p=2"));
        check(r#"<https://a/x?p=2,3>; title="a"; rel="last next""#, Some("p=2,3"));
        check(r#"<https://a/x?p=2#f>; rel="next""#, Some("p=2"));
        check(r#"<https://a/x?p=0>; rel="prev""#, None);
        check(r#"<https://a/x>; rel="next""#, None);
        check(r#"<https://a/x?>; rel="next""#, None);
        check(r#"<https://a/x?p=2>; rel="nextish""#, None);
        check("https://a/x?p=2; rel=next", None);
        check("", None);
    }

    #[test]
    fn the_question_stays_where_it_is() {
        let url = Url::parse("http://hub:81/prefix/api?recursive=true").unwrap();
        assert_eq!(with_query(&url, "cursor=2").as_str(), "http://hub:81/prefix/api?cursor=2");
        assert_eq!(with_query(&url, "a b#c").as_str(), "http://hub:81/prefix/api?a%20b%23c");
    }
}
