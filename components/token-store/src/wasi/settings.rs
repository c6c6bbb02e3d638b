//! The settings of a component that keeps a token: the environment, then the file that `OGE_SETTINGS_FILE` names.

use alloc::borrow::ToOwned;
use alloc::string::{String, ToString as _};
use alloc::vec::Vec;

use oge_tools::log::Event;
use oge_tools::settings::FILE_PROBLEM;
use oge_tools::settings_file::{MAX_BYTES, SettingsFile, TOO_LARGE};
use oge_tools::wasi::{settings, stderr};
use spin::mutex::SpinMutex;
use wasip2::filesystem::preopens::get_directories;
use wasip2::filesystem::types::{DescriptorFlags, DescriptorType, OpenFlags, PathFlags};
use zeroize::Zeroizing;

use crate::path::below;

/// The file, or why it is of no use. Read once an instance, whose calls never overlap.
static FILE: SpinMutex<Option<Result<SettingsFile, String>>> = SpinMutex::new(None);

/// Returns a setting's value. A blank one in the environment does not hide the file's.
pub fn source() -> impl Fn(&str) -> Option<String> {
    let environment = settings::source();
    let get = move |key: &str| {
        let given = environment(key).filter(|value| !value.trim().is_empty());
        given.or_else(|| match FILE.lock().as_ref()? {
            Ok(file) => file.get(key).map(ToOwned::to_owned),
            Err(problem) => (key == FILE_PROBLEM).then(|| problem.clone()),
        })
    };
    let is_first = FILE.lock().is_none();
    if is_first {
        let path = get("OGE_SETTINGS_FILE");
        let file = path.map_or_else(|| Ok(SettingsFile::default()), |path| read(path.trim()));
        *FILE.lock() = Some(file);
        if let Some(problem) = get(FILE_PROBLEM) {
            let what = ["OGE_SETTINGS_FILE ", &problem].concat();
            stderr::write(settings::log_level(&get), "settings", Event::Warned(&what));
        }
        settings::warn_of_ca_file(&get);
    }
    get
}

fn read(path: &str) -> Result<SettingsFile, String> {
    let directories = get_directories();
    let found = directories
        .iter()
        .filter_map(|(directory, opened)| below(opened, path).map(|name| (directory, name)));
    let (directory, name) = found.min_by_key(|(_, name)| name.len()).ok_or(
        "lies in no directory that the host opened; open the one it is in (wasmtime: --dir \
         DIRECTORY::/settings)",
    )?;
    let unreadable = |code: wasip2::filesystem::types::ErrorCode| {
        ["cannot be read (", code.name(), "); is it there, and may this user read it?"].concat()
    };
    // Before it is opened: opening a FIFO waits for its writer.
    let status = directory.stat_at(PathFlags::SYMLINK_FOLLOW, name).map_err(unreadable)?;
    if status.type_ != DescriptorType::RegularFile {
        return Err("is no regular file".to_owned());
    }
    let file = directory
        .open_at(PathFlags::SYMLINK_FOLLOW, name, OpenFlags::empty(), DescriptorFlags::READ)
        .map_err(unreadable)?;
    // Never grows, so that no copy of a password is left behind.
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
