//! A PostgreSQL server of the tests' own: made in a folder of its own, and gone with the process that started it, however that ends.

#![allow(dead_code, reason = "each test program uses a part of it")]
#![allow(clippy::print_stdout, reason = "it says what is left out")]

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};

/// The owner's password, with what an address must write otherwise, and as it is written there.
pub(crate) const PASSWORD: &str = "a:secret/of@ours?";
pub(crate) const WRITTEN: &str = "a%3Asecret%2Fof%40ours%3F";

/// A running server.
pub(crate) struct Cluster {
    programs: PathBuf,
    folder: PathBuf,
    pub(crate) port: u16,
    databases: AtomicUsize,
    /// Waits for the end of its input, which comes with the end of this process, and cleans up.
    _broom: Child,
}

impl Cluster {
    /// A new server; none, and a word about it, where PostgreSQL is not installed.
    pub(crate) fn start() -> Option<Self> {
        let Some(programs) = programs() else {
            println!("left out: PostgreSQL is not installed (Debian: apt-get install postgresql)");
            return None;
        };
        // Between this and the start somebody else may take the port: then the start fails, and says so.
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let script = "set -e
            folder=$(mktemp -d /tmp/cofactor-postgres-XXXXXX)
            printf %s \"$PASSWORD\" > $folder/password
            \"$PROGRAMS/initdb\" --no-sync --encoding=UTF8 --locale=C --username=owner --pwfile=$folder/password \\
                --auth-local=trust --auth-host=scram-sha-256 --pgdata=$folder/data > $folder/initdb.log
            printf '%s\\n' \"port = $PORT\" \"unix_socket_directories = '$folder'\" \"listen_addresses = '127.0.0.1'\" \\
                'shared_buffers = 8MB' 'max_connections = 40' >> $folder/data/postgresql.conf
            \"$PROGRAMS/pg_ctl\" start --wait --silent --pgdata=$folder/data --log=$folder/server.log
            echo $folder
            read -r end || true
            \"$PROGRAMS/pg_ctl\" stop --mode=immediate --silent --pgdata=$folder/data || true
            rm -rf $folder";
        let mut broom = unprivileged("sh");
        broom
            .args(["-c", script])
            .env("PROGRAMS", &programs)
            .env("PORT", port.to_string())
            .env("PASSWORD", PASSWORD);
        let mut broom = broom.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut folder = String::new();
        BufReader::new(broom.stdout.take().unwrap()).read_line(&mut folder).unwrap();
        assert!(folder.starts_with('/'), "the server of the tests did not start");
        let folder = PathBuf::from(folder.trim());
        Some(Self { programs, folder, port, databases: AtomicUsize::new(0), _broom: broom })
    }

    /// A new, empty database; returns its address.
    pub(crate) fn database(&self) -> String {
        let name = format!("events{}", self.databases.fetch_add(1, Ordering::Relaxed));
        self.sql("postgres", &format!("CREATE DATABASE {name}"));
        self.address("owner", WRITTEN, &name)
    }

    pub(crate) fn address(&self, user: &str, password: &str, database: &str) -> String {
        format!("postgres://{user}:{password}@127.0.0.1:{}/{database}", self.port)
    }

    /// What another program does: `psql`, through the local socket.
    pub(crate) fn sql(&self, database: &str, statements: &str) -> String {
        self.psql(database, statements).unwrap()
    }

    /// The same where it may fail.
    pub(crate) fn psql(&self, database: &str, statements: &str) -> Result<String, String> {
        // The last part of an address names its database too.
        let database = database.rsplit('/').next().unwrap();
        let mut psql = Command::new(self.programs.join("psql"));
        psql.args(["--no-psqlrc", "--quiet", "--no-align", "--tuples-only", "--username=owner"])
            .args(["--set=ON_ERROR_STOP=1", "--file=-", "--host"])
            .arg(&self.folder)
            .args(["--port", &self.port.to_string(), database]);
        let mut psql =
            psql.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        psql.stdin.take().unwrap().write_all(statements.as_bytes()).unwrap();
        let output = psql.wait_with_output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap().trim().to_owned();
        if output.status.success() { Ok(text(output.stdout)) } else { Err(text(output.stderr)) }
    }

    /// Kills it: nothing is written any more, and clients hear nothing.
    pub(crate) fn kill(&self) {
        self.control(&["stop", "--mode=immediate", "--silent"]);
    }

    /// Starts it again, whereupon it recovers.
    pub(crate) fn restart(&self) {
        let log = self.folder.join("server.log");
        self.control(&["start", "--wait", "--silent", "--log", log.to_str().unwrap()]);
    }

    fn control(&self, arguments: &[&str]) {
        let mut control = unprivileged(self.programs.join("pg_ctl").to_str().unwrap());
        control.args(arguments).arg("--pgdata").arg(self.folder.join("data"));
        assert!(control.stdin(Stdio::null()).status().unwrap().success(), "pg_ctl {arguments:?}");
    }

    /// Gives the server a certificate for 127.0.0.1; returns the file with the certificate of its authority.
    pub(crate) fn certified(&self) -> PathBuf {
        let script = "set -e; cd \"$FOLDER\"
            openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=authority \\
                -keyout authority.key -out authority.crt
            openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=server -keyout data/server.key -out server.csr
            echo subjectAltName=IP:127.0.0.1 > names
            openssl x509 -req -in server.csr -days 2 -CA authority.crt -CAkey authority.key -CAcreateserial -extfile names \\
                -out data/server.crt
            chmod 600 data/server.key
            chmod 755 . && chmod 644 authority.crt
            echo 'ssl = on' >> data/postgresql.conf";
        let mut shell = unprivileged("sh");
        let output = shell.args(["-c", script]).env("FOLDER", &self.folder).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        self.control(&[
            "restart",
            "--wait",
            "--silent",
            "--log",
            self.folder.join("server.log").to_str().unwrap(),
        ]);
        self.folder.join("authority.crt")
    }
}

/// A command of somebody who is not root, as whom the server refuses to run: of the user whom Debian's package brings.
fn unprivileged(program: &str) -> Command {
    let is_root = Command::new("id").arg("-u").output().is_ok_and(|output| output.stdout.starts_with(b"0\n"));
    let mut command = Command::new(if is_root { "runuser" } else { program });
    if is_root {
        command.args(["-u", "postgres", "--", program]);
    }
    command.current_dir("/");
    command
}

/// The folder of the server's programs: of the newest of Debian's packages, or of the path.
fn programs() -> Option<PathBuf> {
    let packaged = Path::new("/usr/lib/postgresql").read_dir().into_iter().flatten().flatten();
    let mut packaged: Vec<PathBuf> = packaged.map(|version| version.path().join("bin")).collect();
    packaged.sort();
    let path = std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default()).collect::<Vec<_>>();
    packaged
        .into_iter()
        .rev()
        .chain(path)
        .find(|folder| folder.join("initdb").exists() && folder.join("pg_ctl").exists())
}
