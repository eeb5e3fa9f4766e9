//! SeaweedFS, which speaks the language of S3, where the [servers that others wrote](crate::OtherServer) are installed.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use tempfile::TempDir;

use crate::OtherServer;

/// It takes a few seconds to start, and more on a busy machine.
const PATIENCE: Duration = Duration::from_secs(120);
const ATTEMPTS: usize = 3;
/// Creates a user with a policy, which permits to read something, and waits until the server knows both. Prints the key.
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
const IDENTITIES: &str = r#"{"identities":[{"name":"tests","actions":["Admin","Read","List","Write"],
    "credentials":[{"accessKey":"test-key","secretKey":"test-s3cret"}]}]}"#;

/// A server of SeaweedFS (the program `weed`) on loopback, until it is dropped. A bucket is there as soon as
/// something is written to it.
#[derive(Debug)]
pub struct LocalS3 {
    process: Child,
    port: u16,
    /// A program with the package boto3.
    python: PathBuf,
    /// Goes after the process has ended.
    _folder: TempDir,
}

impl LocalS3 {
    /// A server in a new folder below `parent`; `None` where it is not installed.
    ///
    /// # Panics
    ///
    /// It does not start.
    #[expect(clippy::panic, reason = "a test that cannot have its server has failed")]
    pub fn start(parent: &Path) -> Option<Self> {
        let weed = OtherServer::installed()?.join("bin/weed");
        // Somebody else may have taken one of the ports in the meantime.
        let mut outcome = Self::try_start(&weed, parent);
        for _ in 1..ATTEMPTS {
            if outcome.is_err() {
                outcome = Self::try_start(&weed, parent);
            }
        }
        match outcome {
            Ok(server) => Some(server),
            Err(error) => panic!("SeaweedFS: {error:#}"),
        }
    }

    fn try_start(weed: &Path, parent: &Path) -> Result<Self> {
        let folder = tempfile::tempdir_in(parent).context("make a folder")?;
        let identities = folder.path().join("identities.json");
        fs::write(&identities, IDENTITIES).context("write a file")?;
        let ports = free_ports(8)?;
        let services = ["master", "volume", "filer", "s3"];
        let mut command = Command::new(weed);
        command.args(["server", "-s3", "-ip=127.0.0.1", "-ip.bind=127.0.0.1", "-master.telemetry=false"]);
        command.args(["-master.volumeSizeLimitMB=64", "-s3.autoCreateBucket"]);
        // These would take ports that are the same for all.
        command.args(["-s3.port.iceberg=0", "-s3.port.lance=0", "-s3.iam.readOnly=false"]);
        for (service, ports) in services.iter().zip(ports.chunks(2)) {
            let [port, grpc] = ports else { bail!("too few ports") };
            command.arg(format!("-{service}.port={port}")).arg(format!("-{service}.port.grpc={grpc}"));
        }
        command.arg(format!("-dir={}", folder.path().display()));
        command.arg(format!("-s3.config={}", identities.display()));
        let process = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
        let (port, python) = (*ports.get(6).context("too few ports")?, weed.with_file_name("python"));
        let mut server = Self { process, port, python, _folder: folder };
        server.wait()?;
        Ok(server)
    }

    #[expect(clippy::disallowed_methods, reason = "another program's start can only be looked for")]
    fn wait(&mut self) -> Result<()> {
        let start = Instant::now();
        while start.elapsed() < PATIENCE {
            if let Some(status) = self.process.try_wait()? {
                bail!("it ended with {status}");
            }
            if self.is_up().is_ok_and(|is_up| is_up) {
                return Ok(());
            }
            std::thread::sleep(Duration::from_millis(200));
        }
        bail!("it was not there after {PATIENCE:?}")
    }

    fn is_up(&self) -> Result<bool> {
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port))?;
        stream.set_read_timeout(Some(Duration::from_secs(5)))?;
        stream.write_all(b"GET /status HTTP/1.1\r\nHost: s3\r\nConnection: close\r\n\r\n")?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        Ok(answer.starts_with("HTTP/1.1 200"))
    }

    fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// The variables by which programs find it and are let in.
    pub fn variables(&self) -> Vec<(String, String)> {
        self.variables_of("test-key", "test-s3cret")
    }

    /// The variables of a user who may do what a policy of IAM says, and nothing else.
    ///
    /// # Panics
    ///
    /// The server does not take the policy.
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
}

impl Drop for LocalS3 {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Ports that nobody listened on a moment ago.
pub(crate) fn free_ports(count: usize) -> Result<Vec<u16>> {
    let listeners: Vec<TcpListener> = (0..count)
        .map(|_| TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("bind a port"))
        .collect::<Result<_>>()?;
    listeners.iter().map(|listener| Ok(listener.local_addr()?.port())).collect()
}
