//! The settings of a component that holds a token: the environment, then the file of `OGE_SETTINGS_FILE`.

use alloc::borrow::ToOwned;
use alloc::string::{String, ToString as _};
use alloc::vec::Vec;

use oge_tools::log::{Event, Log};
use oge_tools::secret::Secret;
use oge_tools::settings::FILE_PROBLEM;
use oge_tools::settings::list::{COMPONENTS, ETCD, LOGIN};
use oge_tools::settings_file::{MAX_BYTES, SettingsFile, TOO_LARGE};
use oge_tools::wasi::{settings, stderr};
use spin::mutex::SpinMutex;
use wasip2::filesystem::preopens::get_directories;
use wasip2::filesystem::types::{
    Descriptor, DescriptorFlags, DescriptorType, ErrorCode, OpenFlags, PathFlags,
};
use zeroize::Zeroizing;

use crate::path::below;

/// A user of a new installation sees this as the failure of the first call.
const NO_FILE: &str = "cannot be read (no-entry): the settings file is not there\n\
    Run `oge-mcp init` in a terminal: it asks for the settings and writes the file \
    (or copy examples/site.env and fill it in)\n\
    Then call again: nothing has to be restarted. `oge-mcp check` says what is still wrong";

/// The settings file as it was last read, or why it could not be used.
struct Kept {
    file: Result<SettingsFile, String>,
    stamp: Stamp,
    /// How many times it was read again.
    version: u32,
}

/// The file's size and the time of its last change, which differ if the file was written since.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
struct Stamp(u64, Option<(u64, u32)>);

/// Set when an instance starts, and when [`version`] finds a changed file. Calls into an instance never
/// overlap, so the mutex never spins.
static KEPT: SpinMutex<Option<Kept>> = SpinMutex::new(None);

/// Returns a function that returns a setting's value. A blank value in the environment does not override the
/// file's.
pub fn source() -> impl Fn(&str) -> Option<String> {
    if KEPT.lock().is_none() {
        load();
        settings::warn_of_ca_file(get());
    }
    get()
}

/// Returns the settings that select the account and the place of its token.
pub fn login() -> Vec<Option<Secret>> {
    let get = source();
    LOGIN.iter().chain(COMPONENTS).chain(ETCD).map(|key| get(key).map(Secret::new)).collect()
}

/// Reads the settings file again if it has changed. Returns how many times it has.
pub fn version() -> u32 {
    drop(source());
    let path = get()("OGE_SETTINGS_FILE");
    let now = path.map(|path| stamp(path.trim())).unwrap_or_default();
    let has_changed = KEPT.lock().as_ref().is_some_and(|kept| kept.stamp != now);
    if has_changed {
        load();
    }
    KEPT.lock().as_ref().map(|kept| kept.version).unwrap_or_default()
}

fn get() -> impl Fn(&str) -> Option<String> {
    let environment = settings::source();
    move |key: &str| {
        let kept = KEPT.lock();
        let file = kept.as_ref().map(|kept| &kept.file);
        if key == FILE_PROBLEM {
            return file?.as_ref().err().cloned();
        }
        let given = environment(key).filter(|value| !value.trim().is_empty());
        given.or_else(|| file?.as_ref().ok()?.get(key).map(ToOwned::to_owned))
    }
}

fn load() {
    let version = KEPT.lock().as_ref().map_or(0, |kept| kept.version.wrapping_add(1));
    let kept = match get()("OGE_SETTINGS_FILE") {
        Some(path) => {
            let stamp = stamp(path.trim());
            Kept { file: read(path.trim()), stamp, version }
        }
        None => Kept { file: Ok(SettingsFile::default()), stamp: Stamp::default(), version },
    };
    *KEPT.lock() = Some(kept);
    if let Some(problem) = get()(FILE_PROBLEM) {
        let what = ["OGE_SETTINGS_FILE ", &problem].concat();
        stderr::write(Log::read(get()), "settings", Event::Warning(&what), None);
    }
}

/// Returns the stamp of the file at this path, or the default if there is no file.
fn stamp(path: &str) -> Stamp {
    let found = || {
        let (directory, name) = find(path)?;
        let status = directory.stat_at(PathFlags::SYMLINK_FOLLOW, &name).ok()?;
        let changed = status.data_modification_timestamp;
        Some(Stamp(status.size, changed.map(|at| (at.seconds, at.nanoseconds))))
    };
    found().unwrap_or_default()
}

/// Returns the deepest opened directory that contains this path, and the path in that directory.
fn find(path: &str) -> Option<(Descriptor, String)> {
    let found = get_directories().into_iter().filter_map(|(directory, opened)| {
        below(&opened, path).map(|name| (directory, name.to_owned()))
    });
    found.min_by_key(|(_, name)| name.len())
}

fn read(path: &str) -> Result<SettingsFile, String> {
    let (directory, name) = find(path).ok_or(
        "lies in no directory that the host opened; open the one it is in (wasmtime: --dir \
         DIRECTORY::/settings)",
    )?;
    let unreadable = |code: ErrorCode| match code {
        ErrorCode::NoEntry => NO_FILE.to_owned(),
        _ => ["cannot be read (", code.name(), "); may this user read it?"].concat(),
    };
    // Checked before opening, because opening a FIFO waits for its writer.
    let status = directory.stat_at(PathFlags::SYMLINK_FOLLOW, &name).map_err(unreadable)?;
    if status.type_ != DescriptorType::RegularFile {
        return Err("is no regular file".to_owned());
    }
    let file = directory
        .open_at(PathFlags::SYMLINK_FOLLOW, &name, OpenFlags::empty(), DescriptorFlags::READ)
        .map_err(unreadable)?;
    // Never reallocates, so that no copy of a password stays in memory.
    let mut bytes = Zeroizing::new(Vec::with_capacity(2 * MAX_BYTES));
    loop {
        let (more, is_end) = file.read(MAX_BYTES as u64, bytes.len() as u64).map_err(unreadable)?;
        let more = Zeroizing::new(more);
        bytes.extend_from_slice(&more);
        if bytes.len() > MAX_BYTES {
            return Err(TOO_LARGE.to_owned());
        }
        if is_end || more.is_empty() {
            return SettingsFile::parse(&bytes).map_err(|bad| bad.to_string());
        }
    }
}
