//! Where packages are built, and with which tools.

use std::env;
use std::ffi::OsStr;
use std::fs;
use std::mem;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, ensure};
use serde_json::Value;

/// The directories and tools of one build.
pub(crate) struct Workshop {
    pub(crate) workspace: PathBuf,
    /// The templates.
    pub(crate) templates: PathBuf,
    /// Emptied at each build.
    pub(crate) stage: PathBuf,
    /// Kept between builds: build tools and downloads.
    pub(crate) cache: PathBuf,
    /// What is handed out. Emptied at each build.
    pub(crate) out: PathBuf,
    /// The time of every file in a package, in seconds since 1970.
    pub(crate) epoch: String,
    /// The same in RFC 3339.
    pub(crate) date: String,
}

/// How an archive is compressed.
pub(crate) enum Compression {
    None,
    Fast,
    Best,
}

impl Workshop {
    pub(crate) fn open() -> anyhow::Result<Self> {
        let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize()?;
        let target = workspace.join("target");
        let mut shop = Self {
            templates: workspace.join("packages"),
            stage: target.join("packages-build/stage"),
            cache: target.join("packages-build/cache"),
            out: target.join("packages"),
            epoch: epoch(&workspace)?,
            date: String::new(),
            workspace,
        };
        let mut date = shop.command("date");
        let date = date.args(["-u", "+%Y-%m-%dT%H:%M:%SZ"]).arg(format!("--date=@{}", shop.epoch));
        shop.date = shop.run(date)?.trim().to_owned();
        for emptied in [&shop.stage, &shop.out] {
            if emptied.exists() {
                fs::remove_dir_all(emptied)?;
            }
        }
        for directory in [&shop.stage, &shop.cache, &shop.out] {
            fs::create_dir_all(directory)?;
        }
        shop.install_tools()?;
        Ok(shop)
    }

    fn install_tools(&self) -> anyhow::Result<()> {
        if !self.templates.join("node_modules").exists() {
            let npm = ["ci", "--silent", "--no-audit", "--no-fund"];
            self.run(self.command("npm").args(npm).current_dir(&self.templates))?;
        }
        if !self.python().exists() {
            let venv = self.cache.join("python");
            self.run(self.command("python3").args(["-m", "venv"]).arg(venv))?;
        }
        let requirements = self.templates.join("build-requirements.txt");
        self.pip("install").args(["--require-hashes", "-r"]).arg(requirements).run(self)
    }

    /// What `cargo metadata` says of each package: those of the workspace, with `dependencies` all.
    pub(crate) fn crates(&self, dependencies: bool) -> anyhow::Result<Vec<Value>> {
        let mut cargo = self.command("cargo");
        cargo.args(["metadata", "--locked", "--format-version", "1"]);
        cargo.args((!dependencies).then_some("--no-deps")).current_dir(&self.workspace);
        let mut metadata: Value = serde_json::from_str(&self.run(&mut cargo)?)?;
        let packages = metadata.get_mut("packages").and_then(Value::as_array_mut);
        Ok(mem::take(packages.context("cargo metadata names no packages")?))
    }

    pub(crate) fn python(&self) -> PathBuf {
        self.cache.join("python/bin/python")
    }

    pub(crate) fn pip(&self, what: &str) -> Pip {
        let mut command = self.command(self.python());
        command.args(["-m", "pip", "--disable-pip-version-check", what, "--quiet"]);
        Pip(command)
    }

    /// Writes an archive of some files and directories of `directory`.
    pub(crate) fn tar(
        &self,
        name: &str,
        directory: &Path,
        files: &[&str],
        compression: Compression,
    ) -> anyhow::Result<()> {
        let mut tar = self.command("tar");
        tar.args(["--sort=name", "--owner=0", "--group=0", "--numeric-owner"]);
        tar.args(["--mode=u=rwX,go=rX", "--format=ustar"]).arg(format!("--mtime=@{}", self.epoch));
        // Without the name and the time that gzip writes by itself.
        match compression {
            Compression::None => {}
            Compression::Fast => drop(tar.args(["--use-compress-program", "gzip -n -1"])),
            Compression::Best => drop(tar.args(["--use-compress-program", "gzip -n -9"])),
        }
        tar.arg("--create").arg("--file").arg(self.out.join(name));
        self.run(tar.arg("--directory").arg(directory).args(files)).map(drop)
    }

    /// A program among the npm build tools.
    pub(crate) fn node_tool(&self, name: &str) -> Command {
        self.command(self.templates.join("node_modules/.bin").join(name))
    }

    pub(crate) fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new(program);
        command.env("SOURCE_DATE_EPOCH", &self.epoch).env("TZ", "UTC").stdin(Stdio::null());
        command
    }

    /// Runs a command. Its output is shown only if it fails.
    pub(crate) fn run(&self, command: &mut Command) -> anyhow::Result<String> {
        let name = command.get_program().to_string_lossy().into_owned();
        let output = command.output().with_context(|| format!("{name} cannot be started"))?;
        ensure!(
            output.status.success(),
            "{name} failed:\n{}{}",
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        );
        Ok(String::from_utf8(output.stdout)?)
    }
}

/// A call of pip.
pub(crate) struct Pip(Command);

impl Pip {
    pub(crate) fn arg(mut self, argument: impl AsRef<OsStr>) -> Self {
        self.0.arg(argument);
        self
    }

    pub(crate) fn args<const N: usize>(mut self, arguments: [&str; N]) -> Self {
        self.0.args(arguments);
        self
    }

    pub(crate) fn run(mut self, shop: &Workshop) -> anyhow::Result<()> {
        shop.run(&mut self.0).map(drop)
    }
}

/// The time of the commit, so that the same source gives the same bytes.
fn epoch(workspace: &Path) -> anyhow::Result<String> {
    if let Ok(given) = env::var("SOURCE_DATE_EPOCH") {
        return Ok(given);
    }
    let mut git = Command::new("git");
    git.args(["log", "-1", "--format=%ct"]).current_dir(workspace);
    let output = git.output().context("git cannot be started; set SOURCE_DATE_EPOCH")?;
    let epoch = String::from_utf8(output.stdout)?.trim().to_owned();
    ensure!(!epoch.is_empty(), "this is no git repository; set SOURCE_DATE_EPOCH");
    Ok(epoch)
}

/// A text of a package, blank if it has none.
pub(crate) fn field<'a>(package: &'a Value, name: &str) -> &'a str {
    package.get(name).and_then(Value::as_str).unwrap_or_default()
}
