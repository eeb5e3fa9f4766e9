//! `/api/models/`.

use local_hub::{LocalHub, ModelFixture};

use crate::client::get;

const ID: &str = "user/model";

#[test]
fn the_api_names_the_commit_and_its_files() {
    let hub = LocalHub::start();
    let model = hub.publish(&ModelFixture::new(ID));
    let api = format!("{}/api/models/{ID}", hub.endpoint());
    for url in [api.clone(), format!("{api}/revision/main")] {
        let answer = get(&url).text();
        assert!(answer.contains(&format!("\"sha\":\"{}\"", model.commit)), "{answer}");
        assert!(answer.contains("{\"rfilename\":\"params_shard_0.bin\"}"), "{answer}");
    }
    let tree = get(&format!("{api}/tree/{}?recursive=true", model.commit)).text();
    for file in &model.files {
        let parts = [format!("\"path\":\"{}\"", file.path), format!("\"size\":{}", file.size)];
        assert!(parts.iter().all(|part| tree.contains(part)), "{} in {tree}", file.path);
        assert_eq!(tree.contains(&file.sha256), file.lfs, "{}", file.path);
    }
    let unknown = get(&format!("{api}/tree/no-such-branch"));
    assert_eq!((unknown.status, unknown.header("x-error-code")), (404, Some("RevisionNotFound")));
}

#[test]
fn the_first_digits_of_a_commit_name_it() {
    let hub = LocalHub::start();
    let model = hub.publish(&ModelFixture::new(ID));
    let api = format!("{}/api/models/{ID}/revision", hub.endpoint());
    for digits in [7, 12, 39] {
        let answer = get(&format!("{api}/{}", &model.commit[..digits])).text();
        assert!(answer.contains(&format!("\"sha\":\"{}\"", model.commit)), "{answer}");
    }
    for unknown in [&model.commit[..6], "0000000"] {
        assert_eq!(get(&format!("{api}/{unknown}")).header("x-error-code"), Some("RevisionNotFound"));
    }
}

#[test]
fn a_long_tree_comes_in_pages_whose_links_name_another_hub() {
    let hub = LocalHub::builder().tree_page(2).start();
    let model = hub.publish(&ModelFixture::new(ID).plain_file("sub/folder/file.txt", "text"));
    let first = format!("/api/models/{ID}/tree/{}?recursive=true", model.commit);
    let (mut next, mut pages, mut listed) = (Some(first), 0, String::new());
    while let Some(path) = next {
        let answer = get(&format!("{}{path}", hub.endpoint()));
        pages += 1;
        listed += &answer.text();
        next = answer.header("link").map(|link| {
            let target = link.strip_suffix(">; rel=\"next\"").unwrap();
            target.strip_prefix("<https://huggingface.co").unwrap().to_owned()
        });
    }
    // The two folders are listed too.
    assert_eq!(pages, (model.files.len() + 2).div_ceil(2));
    assert!(
        model.files.iter().all(|file| listed.contains(&format!("\"path\":\"{}\"", file.path))),
        "{listed}"
    );
}
