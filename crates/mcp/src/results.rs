//! Results that are too large for an assistant: they are kept in files, which `resources/read` serves in pages.
//!
//! The name of a file has all that is known of the result, so no index can differ from the files: the time, by
//! which the oldest are removed, the size, and 128 random bits, so that nobody guesses it.

pub mod preview;

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use oge_token::{FileError, Folders, Write};

/// The folder of the results, beside the token file.
const FOLDER: &str = "results";
/// What the URIs of results begin with.
pub const SCHEME: &str = "oge://results/";
/// The most results that are kept.
const MAX_FILES: usize = 20;
/// The most bytes that all results may take.
const MAX_BYTES: u64 = 512 << 20;
/// The largest page. JSON of this size is about 10 000 tokens.
const MAX_PAGE_BYTES: usize = 32 << 10;
/// What the name of an unfinished file ends with.
const NEW: &str = ".new";

/// The kept results of a state directory.
#[derive(Clone, Debug)]
pub struct Results<D> {
    directory: D,
    folder: String,
}

/// The id of a result.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ResultId {
    /// When it was kept, in milliseconds since 1970.
    at: u64,
    /// Its size in bytes.
    pub bytes: u64,
    random: u128,
}

/// A page of a result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// Its text. All pages joined are the result.
    pub text: String,
    /// How many pages there are.
    pub pages: u64,
}

/// Why there is no page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NoPage {
    /// There is no such result, or it was removed.
    Unknown,
    /// The result has only this many pages.
    Beyond(u64),
    /// The file cannot be read.
    Unreadable(String),
}

impl<D: Folders> Results<D> {
    /// Returns the results beside the token file, which is `token_file` in `directory`.
    #[must_use]
    pub fn beside(directory: D, token_file: &str) -> Self {
        let folder = match token_file.rsplit_once('/') {
            Some((parent, _)) => [parent, "/", FOLDER].concat(),
            None => FOLDER.to_owned(),
        };
        Self { directory, folder }
    }

    /// Keeps a result. Removes the oldest ones if there are too many.
    ///
    /// # Errors
    /// Returns why it cannot be kept.
    pub fn keep(&self, result: &[u8], now: Duration) -> Result<ResultId, String> {
        let bytes = result.len() as u64;
        if bytes > MAX_BYTES {
            return Err(format!("it has more than {MAX_BYTES} bytes"));
        }
        let mut random = [0; 16];
        getrandom::fill(&mut random).map_err(|_| "there are no random numbers".to_owned())?;
        let at = u64::try_from(now.as_millis()).unwrap_or_default();
        let id = ResultId { at, bytes, random: u128::from_be_bytes(random) };
        let kept = || -> Result<(), FileError> {
            self.directory.make_folder(&self.folder)?;
            self.make_room(bytes)?;
            let (name, new) = (self.path(&id), [&*self.path(&id), NEW].concat());
            self.directory.write(&new, result, Write::New)?;
            self.directory.rename(&new, &name).inspect_err(|_| {
                let _ = self.directory.remove(&new);
            })
        };
        kept().map_err(|error| error.as_str().to_owned())?;
        Ok(id)
    }

    /// Reads a page. The first one is 1.
    ///
    /// # Errors
    /// Returns why there is none.
    pub fn page(&self, id: &ResultId, page: u64, page_bytes: usize) -> Result<Page, NoPage> {
        let pages = id.pages(page_bytes);
        let before = page.checked_sub(1).filter(|before| *before < pages);
        let start = before.ok_or(NoPage::Beyond(pages))? * page_bytes as u64;
        // Four bytes more than a page: a character that begins in the page belongs to it.
        let read = self.directory.read_at(&self.path(id), start, page_bytes + 4);
        let bytes = read.map_err(|error| match error {
            FileError::Missing => NoPage::Unknown,
            error => NoPage::Unreadable(error.as_str().to_owned()),
        })?;
        let is_first = |byte: &u8| !(0x80..0xc0).contains(byte);
        let from = |at: usize| {
            let rest = bytes.get(at..).unwrap_or_default();
            at + rest.iter().position(is_first).unwrap_or(rest.len())
        };
        let (start, end) = (from(0), from(page_bytes.min(bytes.len())));
        let text = String::from_utf8_lossy(bytes.get(start..end).unwrap_or_default()).into_owned();
        Ok(Page { text, pages })
    }

    /// Removes the oldest results until there is room for one more. Other processes may do the same.
    fn make_room(&self, bytes: u64) -> Result<(), FileError> {
        let names = self.directory.names(&self.folder)?;
        let known = |name: String| {
            let id = name.strip_suffix(NEW).unwrap_or(&name).parse::<ResultId>().ok()?;
            Some((id, name))
        };
        // Other files are not ours.
        let mut kept: Vec<_> = names.into_iter().filter_map(known).collect();
        kept.sort();
        let mut total: u64 = kept.iter().map(|(id, _)| id.bytes).sum();
        let mut count = kept.len();
        for (id, name) in kept {
            if count < MAX_FILES && total + bytes <= MAX_BYTES {
                break;
            }
            match self.directory.remove(&[&*self.folder, "/", &name].concat()) {
                Ok(()) | Err(FileError::Missing) => {}
                Err(error) => return Err(error),
            }
            (count, total) = (count - 1, total - id.bytes);
        }
        Ok(())
    }

    fn path(&self, id: &ResultId) -> String {
        format!("{}/{id}", self.folder)
    }
}

impl ResultId {
    /// Returns how many pages the result has.
    #[must_use]
    pub fn pages(&self, page_bytes: usize) -> u64 {
        self.bytes.div_ceil(page_bytes as u64).max(1)
    }
}

impl fmt::Display for ResultId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { at, bytes, random } = self;
        write!(f, "{at}-{bytes}-{random:032x}")
    }
}

impl FromStr for ResultId {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let mut parts = text.split('-');
        let mut next = || parts.next().ok_or(());
        let (at, bytes, random) = (next()?, next()?, next()?);
        let id = Self {
            at: at.parse().map_err(drop)?,
            bytes: bytes.parse().map_err(drop)?,
            random: u128::from_str_radix(random, 16).map_err(drop)?,
        };
        // Another spelling would be another file.
        if id.to_string() == text { Ok(id) } else { Err(()) }
    }
}

/// Returns the size of a page if results above `limit` are kept. A page with all its quotes escaped is smaller than
/// the limit.
#[must_use]
pub const fn page_bytes(limit: usize) -> usize {
    if limit / 4 < MAX_PAGE_BYTES { limit / 4 } else { MAX_PAGE_BYTES }
}

/// Reads a URI: the id and the page, which is the first one if the URI has none.
#[must_use]
pub fn parse_uri(uri: &str) -> Option<(ResultId, u64)> {
    let rest = uri.strip_prefix(SCHEME)?;
    let (id, page) = match rest.split_once("?page=") {
        Some((id, page)) => (id, page.parse().ok()?),
        None => (rest, 1),
    };
    Some((id.parse().ok()?, page))
}

#[cfg(test)]
mod tests {
    use super::*;
    use oge_token::{Directory, Entry};
    use std::cell::RefCell;
    use std::collections::BTreeMap;
    use std::rc::Rc;
    use zeroize::Zeroizing;

    /// A directory in memory.
    #[derive(Clone, Debug, Default)]
    struct Disk(Rc<RefCell<BTreeMap<String, Vec<u8>>>>);

    impl Directory for Disk {
        fn entry(&self, _: &str) -> Result<Entry, FileError> {
            unreachable!("results do not use it")
        }

        fn read(&self, _: &str, _: usize) -> Result<Zeroizing<Vec<u8>>, FileError> {
            unreachable!("results do not use it")
        }

        fn write(&self, name: &str, bytes: &[u8], how: Write) -> Result<(), FileError> {
            assert_eq!(how, Write::New);
            self.0.borrow_mut().insert(name.to_owned(), bytes.to_vec());
            Ok(())
        }

        fn rename(&self, from: &str, to: &str) -> Result<(), FileError> {
            let bytes = self.0.borrow_mut().remove(from).ok_or(FileError::Missing)?;
            self.0.borrow_mut().insert(to.to_owned(), bytes);
            Ok(())
        }

        fn remove(&self, name: &str) -> Result<(), FileError> {
            self.0.borrow_mut().remove(name).map(drop).ok_or(FileError::Missing)
        }
    }

    impl Folders for Disk {
        fn make_folder(&self, _: &str) -> Result<(), FileError> {
            Ok(())
        }

        fn names(&self, folder: &str) -> Result<Vec<String>, FileError> {
            let all = self.0.borrow();
            let name =
                |path: &String| Some(path.strip_prefix(folder)?.strip_prefix('/')?.to_owned());
            Ok(all.keys().filter_map(name).collect())
        }

        fn read_at(
            &self,
            name: &str,
            start: u64,
            limit: usize,
        ) -> Result<Zeroizing<Vec<u8>>, FileError> {
            let all = self.0.borrow();
            let bytes = all.get(name).ok_or(FileError::Missing)?;
            Ok(Zeroizing::new(bytes.iter().skip(start as usize).take(limit).copied().collect()))
        }
    }

    fn results(disk: &Disk) -> Results<Disk> {
        Results::beside(disk.clone(), "a/token")
    }

    const NOW: Duration = Duration::from_secs(1_767_323_045);

    #[test]
    fn all_pages_joined_are_the_result() {
        let results = results(&Disk::default());
        for text in ["坡向é\u{1f30d}x".repeat(50), "x".repeat(64), "坡".to_owned(), String::new()]
        {
            let id = results.keep(text.as_bytes(), NOW).unwrap();
            for size in [4, 5, 7, 64, 1000] {
                let pages = id.pages(size);
                let page = |page| results.page(&id, page, size).unwrap();
                let all: Vec<_> = (1..=pages).map(page).collect();
                assert!(
                    all.iter().all(|page| page.pages == pages && !page.text.contains('\u{fffd}'))
                );
                assert_eq!(all.iter().map(|page| &*page.text).collect::<String>(), text, "{size}");
                for none in [0, pages + 1, u64::MAX] {
                    assert_eq!(results.page(&id, none, size), Err(NoPage::Beyond(pages)));
                }
            }
        }
    }

    #[test]
    fn the_oldest_of_twenty_goes() {
        let disk = Disk::default();
        let results = results(&disk);
        let foreign = "a/results/notes.txt".to_owned();
        disk.0.borrow_mut().insert(foreign.clone(), Vec::new());
        let unfinished = format!("a/results/1-5-{:032x}.new", 7);
        disk.0.borrow_mut().insert(unfinished.clone(), Vec::new());
        let keep = |second| results.keep(b"x", NOW + Duration::from_secs(second)).unwrap();
        let ids: Vec<_> = (0..22).map(keep).collect();
        assert_eq!(disk.0.borrow().len(), 21);
        assert!(disk.0.borrow().contains_key(&foreign));
        assert!(!disk.0.borrow().contains_key(&unfinished));
        for (number, id) in ids.iter().enumerate() {
            let expected = if number < 2 { Some(NoPage::Unknown) } else { None };
            assert_eq!(results.page(id, 1, 100).err(), expected, "{number}");
        }
    }

    #[test]
    fn all_results_together_stay_within_the_limit() {
        let disk = Disk::default();
        let results = results(&disk);
        // A name has the size, so the files need not be large.
        for at in 1..=3 {
            let name = format!("a/results/{at}-{}-{:032x}", MAX_BYTES / 3, 7);
            disk.0.borrow_mut().insert(name, Vec::new());
        }
        results.keep(b"abc", NOW).unwrap();
        assert_eq!(disk.0.borrow().len(), 3);
    }

    #[test]
    fn only_the_uris_of_results_are_read() {
        let id = ResultId { at: 1_767_323_045_000, bytes: 70_000, random: 0xab };
        let uri = format!("{SCHEME}{id}");
        assert_eq!(parse_uri(&uri), Some((id, 1)));
        assert_eq!(parse_uri(&format!("{uri}?page=3")), Some((id, 3)));
        let short = format!("{SCHEME}1-1-ab");
        let climbing = format!("{SCHEME}../token");
        for bad in [&*short, &climbing, "oge://results/", "oge://other/1", "", "file:///etc/passwd"]
        {
            assert_eq!(parse_uri(bad), None, "{bad}");
        }
        for bad in ["?page=", "?page=-1", "?page=1.5", "/", ".new", "?other=1"] {
            assert_eq!(parse_uri(&format!("{uri}{bad}")), None, "{bad}");
        }
    }
}
