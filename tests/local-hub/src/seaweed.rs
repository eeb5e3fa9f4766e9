//! SeaweedFS, a server with an S3 API, if the [servers by other authors](crate::OtherServer) are
//! installed.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use tempfile::TempDir;

use crate::OtherServer;
use crate::starting::{self, free_ports};

/// Creates a user with a policy that permits reading something, and waits until the server knows both.
/// Prints the key.
const GRANT: &str = r#"
import boto3, botocore.exceptions, json, sys, time
endpoint, name, policy = sys.argv[1:]
key, secret = "test-key", "test-s3cret"
def client(service):
    return boto3.client(service, endpoint_url=endpoint, region_name="us-east-1",
                        aws_access_key_id=key, aws_secret_access_key=secret)
bucket, prefix = json.loads(policy)["Statement"][0]["Resource"][0].split(":::")[1].split("/", 1)
try:
    client("s3").create_bucket(Bucket=bucket)
except botocore.exceptions.ClientError:
    pass  # It was there.
iam = client("iam")
iam.create_user(UserName=name)
iam.put_user_policy(UserName=name, PolicyName=name, PolicyDocument=policy)
created = iam.create_access_key(UserName=name)["AccessKey"]
key, secret = created["AccessKeyId"], created["SecretAccessKey"]
for _ in range(600):
    try:
        client("s3").head_object(Bucket=bucket, Key=prefix.replace("*", "absent"))
    except botocore.exceptions.ClientError as error:
        if error.response["Error"]["Code"] == "404":
            break
    time.sleep(0.1)
print(key, secret)
"#;
const IDENTITY: &str = r#"{"name":"tests","actions":["Admin","Read","List","Write"],
    "credentials":[{"accessKey":"test-key","secretKey":"test-s3cret"}]}"#;
const ANYBODY: &str = r#",{"name":"anonymous","actions":["Read"]}"#;

/// A SeaweedFS server (the program `weed`), until it is dropped. A bucket exists as soon as something
/// is written to it.
#[derive(Debug)]
pub struct LocalS3 {
    process: Child,
    address: Ipv4Addr,
    port: u16,
    metrics: u16,
    /// A Python with the package boto3.
    python: PathBuf,
    /// Removed after the process has ended.
    _folder: TempDir,
}

/// Where a [`LocalS3`] runs.
#[derive(Clone, Debug)]
pub struct S3Place {
    /// The program `weed`.
    pub program: PathBuf,
    /// The words before the program, which enter another network if needed.
    pub enter: Vec<String>,
    /// Its address.
    pub address: Ipv4Addr,
    /// Everyone may read without a signature.
    pub is_public: bool,
}

/// What a [`LocalS3`] has done so far, by its own metrics.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct S3Count {
    /// Responses to `GET` and `HEAD`.
    pub reads: u64,
    /// Responses to all other requests.
    pub writes: u64,
    /// Bytes of objects that were sent.
    pub sent: u64,
    /// Bytes of objects that were received.
    pub received: u64,
}

impl LocalS3 {
    /// A server on loopback, in a new folder below `parent`; `None` if it is not installed.
    ///
    /// # Panics
    ///
    /// If it does not start.
    #[expect(clippy::panic, reason = "a test that cannot have its server has failed")]
    pub fn start(parent: &Path) -> Option<Self> {
        let program = OtherServer::installed()?.join("bin/weed");
        let address = Ipv4Addr::LOCALHOST;
        let place = S3Place { program, enter: Vec::new(), address, is_public: false };
        match starting::try_again(|| Self::try_start(&place, parent)) {
            Ok(server) => Some(server),
            Err(error) => panic!("SeaweedFS: {error:#}"),
        }
    }

    /// A server in a new folder below `parent`.
    ///
    /// # Errors
    ///
    /// If it does not start within two minutes.
    pub fn try_start(place: &S3Place, parent: &Path) -> Result<Self> {
        let folder = tempfile::tempdir_in(parent).context("make a folder")?;
        let ports = free_ports(9)?;
        let mut command = place.command(folder.path(), &ports)?;
        let process = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
        let port = |number: usize| ports.get(number).copied().context("too few ports");
        let (port, metrics) = (port(6)?, port(8)?);
        let (address, python) = (place.address, place.program.with_file_name("python"));
        let mut server = Self { process, address, port, metrics, python, _folder: folder };
        let is_there = || get(address, port, "/status").is_ok();
        starting::wait_for(&mut server.process, is_there)?;
        Ok(server)
    }

    /// The variables with its address and credentials.
    pub fn variables(&self) -> Vec<(String, String)> {
        self.variables_of("test-key", "test-s3cret")
    }

    /// The variables of a user who may do exactly what an IAM policy permits.
    ///
    /// # Panics
    ///
    /// If the server does not accept the policy.
    #[expect(clippy::panic, reason = "a test that cannot have its server has failed")]
    pub fn grant(&self, user: &str, policy: &str) -> Vec<(String, String)> {
        let mut python = Command::new(&self.python);
        python.args(["-c", GRANT, &self.endpoint(), user, policy]).env_clear();
        let key = python.output().context("run Python").and_then(|output| {
            let said = String::from_utf8_lossy(&output.stdout).into_owned();
            ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
            let (key, secret) = said.trim().split_once(' ').context("no key")?;
            Ok(self.variables_of(key, secret))
        });
        key.unwrap_or_else(|error| panic!("SeaweedFS: a user: {error:#}"))
    }

    fn variables_of(&self, key: &str, secret: &str) -> Vec<(String, String)> {
        [
            ("AWS_ENDPOINT_URL", self.endpoint().as_str()),
            ("AWS_REGION", "us-east-1"),
            ("AWS_ACCESS_KEY_ID", key),
            ("AWS_SECRET_ACCESS_KEY", secret),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .to_vec()
    }

    /// `http://ADDRESS:PORT`
    pub fn endpoint(&self) -> String {
        format!("http://{}:{}", self.address, self.port)
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.process.id()
    }

    /// What it has done so far.
    ///
    /// # Errors
    ///
    /// If it does not report them.
    pub fn count(&self) -> Result<S3Count> {
        Ok(counted(&get(self.address, self.metrics, "/metrics")?))
    }
}

impl S3Place {
    fn command(&self, folder: &Path, ports: &[u16]) -> Result<Command> {
        let identities = folder.join("identities.json");
        let anybody = if self.is_public { ANYBODY } else { "" };
        fs::write(&identities, format!(r#"{{"identities":[{IDENTITY}{anybody}]}}"#))
            .context("write a file")?;
        let mut words = self.enter.iter().map(String::as_str).chain(self.program.to_str());
        let mut command = Command::new(words.next().context("no program")?);
        command.args(words).args(["server", "-s3", "-master.telemetry=false"]);
        // In another network the server is alone, and may be reached from several sides.
        let bind = if self.enter.is_empty() { self.address } else { Ipv4Addr::UNSPECIFIED };
        command.arg(format!("-ip={}", self.address)).arg(format!("-ip.bind={bind}"));
        command.args(["-master.volumeSizeLimitMB=64", "-volume.max=100", "-s3.autoCreateBucket"]);
        // These would use fixed ports.
        command.args(["-s3.port.iceberg=0", "-s3.port.lance=0", "-s3.iam.readOnly=false"]);
        for (service, ports) in ["master", "volume", "filer", "s3"].iter().zip(ports.chunks(2)) {
            let [port, grpc] = ports else { bail!("too few ports") };
            command.arg(format!("-{service}.port={port}")).arg(format!("-{service}.port.grpc={grpc}"));
        }
        command.args(ports.get(8).map(|port| format!("-metricsPort={port}")));
        command.arg(format!("-dir={}", folder.display()));
        command.arg(format!("-s3.config={}", identities.display()));
        Ok(command)
    }
}

impl Drop for LocalS3 {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn get(address: Ipv4Addr, port: u16, path: &str) -> Result<String> {
    let mut stream = TcpStream::connect((address, port))?;
    stream.set_read_timeout(Some(Duration::from_secs(5)))?;
    write!(stream, "GET {path} HTTP/1.0\r\nHost: s3\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    ensure!(answer.split(' ').nth(1) == Some("200"), "{path}: {answer:.80}");
    Ok(answer)
}

/// Sums up the metrics that count requests and bytes.
fn counted(metrics: &str) -> S3Count {
    let mut count = S3Count::default();
    for (name, value) in metrics.lines().filter_map(|line| line.rsplit_once(' ')) {
        // Large numbers are written as 1.5e+07.
        let value = value.parse::<f64>().map_or(0, whole);
        let (name, labels) = name.split_once('{').unwrap_or((name, ""));
        match name.strip_prefix("SeaweedFS_s3_") {
            Some("request_total") if ["GET", "HEAD"].iter().any(|it| labels.contains(it)) => {
                count.reads += value;
            }
            Some("request_total") => count.writes += value,
            Some("bucket_traffic_sent_bytes_total") => count.sent += value,
            Some("bucket_traffic_received_bytes_total") => count.received += value,
            _ => {}
        }
    }
    count
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "counts are whole and not negative"
)]
fn whole(number: f64) -> u64 {
    number as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metrics_of_requests_and_bytes_are_summed_up() {
        let metrics = "# HELP x 1\n\
            SeaweedFS_s3_request_total{bucket=\"b\",code=\"206\",type=\"GET\"} 1.5e+03\n\
            SeaweedFS_s3_request_total{bucket=\"b\",code=\"200\",type=\"HEAD\"} 2\n\
            SeaweedFS_s3_request_total{bucket=\"b\",code=\"200\",type=\"PUT\"} 3\n\
            SeaweedFS_s3_request_seconds_sum{bucket=\"b\",type=\"GET\"} 99\n\
            SeaweedFS_s3_bucket_traffic_sent_bytes_total{bucket=\"b\"} 4\n\
            SeaweedFS_s3_bucket_traffic_received_bytes_total{bucket=\"b\"} 5\n";
        let expected = S3Count { reads: 1502, writes: 3, sent: 4, received: 5 };
        assert_eq!(counted(metrics), expected);
    }
}
