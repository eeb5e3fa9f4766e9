//! Debian's web servers, if installed.

use std::fs;
use std::net::{Ipv4Addr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::{Context as _, Result};
use tempfile::TempDir;

use crate::starting::{self, free_ports};

/// Without it nginx cannot list folders.
const DAV_EXT: &str = "/usr/lib/nginx/modules/ngx_http_dav_ext_module.so";
const NGINX_DAV: &str = "
load_module DAV_EXT;
events {}
http {
    access_log off;
    client_max_body_size 0;
    client_body_temp_path FOLDER/drafts;
    server {
        listen 127.0.0.1:PORT;
        location / {
            root FOLDER/files;
            dav_methods PUT DELETE MKCOL MOVE;
            dav_ext_methods PROPFIND OPTIONS;
            create_full_put_path on;
        }
    }
}
";

const APACHE_DAV: &str = "
ServerRoot FOLDER
ServerName localhost
Listen 127.0.0.1:PORT
PidFile FOLDER/pid
ErrorLog FOLDER/errors
Mutex file:FOLDER default
User nobody
Group nogroup
LoadModule mpm_event_module MODULES/mod_mpm_event.so
LoadModule authz_core_module MODULES/mod_authz_core.so
LoadModule dav_module MODULES/mod_dav.so
LoadModule dav_fs_module MODULES/mod_dav_fs.so
DavLockDB FOLDER/files/.locks
DocumentRoot FOLDER/files
<Directory FOLDER/files>
    Dav On
    Require all granted
</Directory>
";
const APACHE_MODULES: &str = "/usr/lib/apache2/modules";

/// nginx or Apache on loopback, until it is dropped.
#[derive(Debug)]
pub struct DebianServer {
    process: Child,
    port: u16,
    folder: TempDir,
}

impl DebianServer {
    /// nginx with WebDAV, without support for conditions. `None`, with a message, if it is not
    /// installed.
    ///
    /// # Panics
    ///
    /// If it does not start.
    pub fn nginx_dav() -> Option<Self> {
        installed(DAV_EXT)?;
        Self::nginx(|port, folder| filled(NGINX_DAV, port, folder))
    }

    /// nginx with a configuration for a port and a folder. `None`, with a message, if it is not
    /// installed.
    ///
    /// # Panics
    ///
    /// If it does not start.
    pub fn nginx(configuration: impl Fn(u16, &Path) -> String) -> Option<Self> {
        let program = installed("/usr/sbin/nginx")?;
        let command = |folder: &Path| {
            let mut nginx = Command::new(&program);
            // Only root may set a user, and only root's workers would change to another one.
            let user = if is_roots(folder) { "user root; " } else { "" };
            let global = format!("daemon off; {user}pid {}/pid;", folder.display());
            nginx.arg("-p").arg(folder).arg("-c").arg(folder.join("configuration"));
            nginx.arg("-e").arg(folder.join("errors")).args(["-g", &global]);
            nginx
        };
        Some(Self::start(configuration, command))
    }

    /// Apache with WebDAV. `None`, with a message, if it is not installed.
    ///
    /// # Panics
    ///
    /// If it does not start.
    pub fn apache_dav() -> Option<Self> {
        let program = installed("/usr/sbin/apache2")?;
        let command = |folder: &Path| {
            let mut apache = Command::new(&program);
            apache.arg("-f").arg(folder.join("configuration")).arg("-DFOREGROUND");
            apache
        };
        Some(Self::start(|port, folder| filled(APACHE_DAV, port, folder), command))
    }

    #[expect(clippy::panic, reason = "a test that cannot have its server has failed")]
    fn start(configuration: impl Fn(u16, &Path) -> String, command: impl Fn(&Path) -> Command) -> Self {
        let outcome = starting::try_again(|| Self::try_start(&configuration, &command));
        outcome.unwrap_or_else(|error| panic!("a web server: {error:#}"))
    }

    fn try_start(
        configuration: impl Fn(u16, &Path) -> String,
        command: impl Fn(&Path) -> Command,
    ) -> Result<Self> {
        // Apache started by root runs as another user, who may not read every folder.
        #[expect(clippy::disallowed_methods, reason = "a folder that any user can reach")]
        let folder = tempfile::tempdir().context("make a folder")?;
        for (name, mode) in [("", 0o755), ("files", 0o777), ("drafts", 0o777)] {
            let path = folder.path().join(name);
            fs::create_dir_all(&path).context("make a folder")?;
            set_mode(&path, mode)?;
        }
        let port = *free_ports(1)?.first().context("no port")?;
        fs::write(folder.path().join("configuration"), configuration(port, folder.path()))?;
        let mut command = command(folder.path());
        let process = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
        let mut server = Self { process, port, folder };
        server.wait()?;
        Ok(server)
    }

    fn wait(&mut self) -> Result<()> {
        let port = self.port;
        let is_there = || TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok();
        starting::wait_for(&mut self.process, is_there)
            .with_context(|| fs::read_to_string(self.folder.path().join("errors")).unwrap_or_default())
    }

    /// `http://127.0.0.1:PORT`
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// The folder with its files.
    pub fn files(&self) -> PathBuf {
        self.folder.path().join("files")
    }
}

impl Drop for DebianServer {
    fn drop(&mut self) {
        // Its workers end when it ends normally.
        let _ = Command::new("sh").arg("-c").arg(format!("kill {}", self.process.id())).status();
        let _ = self.process.wait();
    }
}

fn filled(template: &str, port: u16, folder: &Path) -> String {
    let folder = folder.display().to_string();
    let filled = template.replace("PORT", &port.to_string()).replace("FOLDER", &folder);
    filled.replace("MODULES", APACHE_MODULES).replace("DAV_EXT", DAV_EXT)
}

/// A file installed by Debian's package, if it exists.
#[expect(clippy::print_stdout, reason = "says what is not checked, and why")]
fn installed(file: &str) -> Option<PathBuf> {
    let file = PathBuf::from(file);
    if !file.exists() {
        println!("skipped: there is no {}", file.display());
        return None;
    }
    Some(file)
}

/// Whether a folder that was just created belongs to root, as this process then does.
fn is_roots(folder: &Path) -> bool {
    #[cfg(unix)]
    return fs::metadata(folder).is_ok_and(|found| std::os::unix::fs::MetadataExt::uid(&found) == 0);
    #[cfg(not(unix))]
    return {
        _ = folder;
        false
    };
}

fn set_mode(path: &Path, mode: u32) -> Result<()> {
    #[cfg(unix)]
    fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(mode)).context("set a mode")?;
    #[cfg(not(unix))]
    let _ = (path, mode);
    Ok(())
}
