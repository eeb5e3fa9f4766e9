//! A model hub on loopback: real git, real redirects, real bytes.
//!
//! It behaves like recordings of the Hugging Face hub: repositories are served by the real `git
//! http-backend`, `/resolve/` responds with the hub's redirects and headers, and LFS files come from a
//! data host on another port that accepts signed URLs and refuses every `Authorization`. Tests describe
//! a model with [`ModelFixture`], request failures with [`Fault`], and make assertions about the
//! [`RequestLog`].
//!
//! ```
//! use std::io::{Read, Write};
//! use std::net::TcpStream;
//!
//! use local_hub::{LocalHub, ModelFixture};
//!
//! let hub = LocalHub::start();
//! let model = hub.publish(&ModelFixture::new("mlc-ai/tiny-q4f16_1-MLC"));
//!
//! let address = hub.endpoint().replace("http://", "");
//! let mut connection = TcpStream::connect(address)?;
//! let path = format!("/mlc-ai/tiny-q4f16_1-MLC/resolve/{}/params_shard_0.bin", model.commit);
//! write!(connection, "HEAD {path} HTTP/1.1\r\nHost: hub\r\nConnection: close\r\n\r\n")?;
//! let mut answer = String::new();
//! connection.read_to_string(&mut answer)?;
//!
//! let shard = model.file("params_shard_0.bin").ok_or("not in the fixture")?;
//! assert!(answer.starts_with("HTTP/1.1 302"));
//! assert!(answer.contains(&format!("location: {}/xet-bridge-us/", hub.data_origin())));
//! assert!(answer.contains(&format!("x-linked-size: {}", shard.size)));
//! assert!(answer.contains(&format!("x-linked-etag: \"{}\"", shard.sha256)));
//! assert_eq!(hub.log().resolve().count(), 1);
//! assert_eq!(hub.log().data().count(), 0);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! The git program and its `git http-backend` must be installed; the user's git settings have no
//! effect.

mod azurite;
mod caches;
mod dav_server;
mod fault;
mod fault_proxy;
mod fixture;
mod gcs;
mod git;
mod hex;
mod hub;
mod log;
mod models;
mod other_server;
mod pack;
mod proxy;
mod request_head;
mod scratch;
mod seaweed;
mod server;
mod serving;
mod starting;
mod store;
mod trouble;
mod web_store;

pub use azurite::{AzureAccess, LocalAzure};
pub use caches::{edit_config, entry_in, files_below, flip_a_bit, folder_url, lay_out};
pub use dav_server::DebianServer;
pub use fault::{Fault, FaultBody, FaultTarget, Hold, Times};
pub use fault_proxy::FaultProxy;
pub use fixture::{Access, FixtureFile, Manifests, Md5Field, ModelFixture, PublishedModel, RawTarget};
pub use gcs::LocalGcs;
pub use git::Git;
pub use hub::{LocalHub, LocalHubBuilder};
pub use log::{LoggedRequest, Outcome, RequestLog, Route, Server};
pub use other_server::OtherServer;
pub use pack::{
    Bomb, PackBuilder, copy, delta, insert, object_name, pack_answer, packet, reference_list, seal,
    tree_entry,
};
pub use proxy::{LocalProxy, ProxiedRequest};
pub use scratch::{interrupted, with_scratch};
pub use seaweed::{LocalS3, S3Count, S3Place};
pub use server::NO_SERVER;
pub use trouble::{Limit, Trouble};
pub use web_store::{LocalWebStore, WebStoreRequest, WebStoreSettings};
