//! Files over HTTP: goes on where a cut-off download stopped, and trusts only the SHA-256.

use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;
use std::time::Duration;

use same_file::Handle;
use sha2::{Digest, Sha256};
use ureq::http::{HeaderMap, Response};
use ureq::{Agent, Body};

use crate::exit::{Code, Failure};
use crate::model_cache::hexadecimal;
use crate::progress::{Meter, interrupted};

/// Redirects that are followed.
const MOST_HOPS: usize = 10;
/// Times in a row that a broken transfer is taken up again.
const MOST_TRIES: usize = 5;
/// Time for finding and reaching the server.
const CONNECT: Duration = Duration::from_secs(20);
const CHUNK: usize = 128 * 1024;

/// Asks servers for files.
pub(crate) struct Client {
    agent: Agent,
    stall: Duration,
}

/// What a server says about a file before sending it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Remote {
    /// Where to ask for it: redirects are followed as far as they stay on the server first asked.
    pub(crate) url: String,
    /// Sent to the server of `url` alone, not to where that redirects.
    pub(crate) token: Option<String>,
    /// Bytes, if told.
    pub(crate) size: Option<u64>,
    /// Changes when the file changes: a strong ETag, or the date of the last change.
    pub(crate) version: Option<String>,
    /// Names the content on Hugging Face; the SHA-256 for large files.
    pub(crate) linked: Option<String>,
    /// The commit of a Hugging Face repository.
    pub(crate) commit: Option<String>,
}

impl Client {
    /// A client that gives up when a server is silent for `stall`.
    pub(crate) fn new(stall: Duration) -> Self {
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .user_agent(concat!("relume/", env!("CARGO_PKG_VERSION")))
            .accept_encoding("identity")
            .timeout_resolve(Some(CONNECT))
            .timeout_connect(Some(CONNECT))
            .timeout_recv_response(Some(stall))
            .timeout_per_read(Some(stall))
            .max_redirects(MOST_HOPS as u32)
            .build();
        Self { agent: config.into(), stall }
    }

    /// Asks for a file's headers. A server that does not answer such questions leaves all open.
    pub(crate) fn look(&self, url: &str, token: Option<&str>) -> Result<Remote, Failure> {
        let token = token.map(str::to_owned);
        let mut remote = Remote { url: url.to_owned(), token, ..Remote::default() };
        let mut at = url.to_owned();
        for _ in 0..=MOST_HOPS {
            let mut ask = self.agent.head(&at);
            if origin(&at) == origin(url) {
                remote.url.clone_from(&at);
                if let Some(token) = &remote.token {
                    ask = ask.header("Authorization", format!("Bearer {token}"));
                }
            }
            let ask = ask.config().max_redirects(0).max_redirects_will_error(false).build();
            let answer = ask.call().map_err(|cause| self.broken(url, &as_io(cause)))?;
            let headers = answer.headers();
            remote.commit = remote.commit.or_else(|| text(headers, "x-repo-commit"));
            remote.linked = remote.linked.or_else(|| text(headers, "x-linked-etag"));
            remote.size = remote.size.or_else(|| number(headers, "x-linked-size"));
            let status = answer.status().as_u16();
            match (status, text(headers, "location")) {
                (300..=399, _) if remote.linked.is_some() => return Ok(remote),
                (300..=399, Some(to)) => at = join(&at, &to),
                (200..=299, _) => {
                    remote.size = remote.size.or_else(|| number(headers, "content-length"));
                    remote.version = version(headers);
                    return Ok(remote);
                }
                (403 | 405 | 501, _) if remote.token.is_none() => return Ok(remote),
                _ => return Err(refused(url, status)),
            }
        }
        Err(wrong(url, "leads from one address to the next without end"))
    }

    /// Downloads into `part`, going on from what is there, up to `limit` bytes. Returns the
    /// SHA-256; the caller compares and renames. After a failure `part` stays, to go on from.
    pub(crate) fn fetch(
        &self,
        remote: &Remote,
        part: &Path,
        limit: u64,
        meter: &Meter,
    ) -> Result<String, Failure> {
        if remote.size.is_some_and(|size| size > limit) {
            return Err(too_large(&remote.url, limit));
        }
        let mut part = Part::open(part)?;
        if remote.version.is_none() && remote.linked.is_none() {
            part.restart()?; // it may be of another file
        }
        let mut tries = 0;
        loop {
            let before = part.length;
            match self.transfer(remote, &mut part, limit, meter) {
                Ok(()) => return part.finish(),
                Err(Stop::Final(failure)) => return Err(failure),
                Err(Stop::Broken(failure)) => {
                    tries += 1;
                    if part.length == before || tries == MOST_TRIES {
                        return Err(failure);
                    }
                }
            }
        }
    }

    /// One connection.
    fn transfer(
        &self,
        remote: &Remote,
        part: &mut Part,
        limit: u64,
        meter: &Meter,
    ) -> Result<(), Stop> {
        if part.length > 0 && remote.size == Some(part.length) {
            return Ok(());
        }
        let answer = self.ask(remote, part.length)?;
        let headers = answer.headers();
        match answer.status().as_u16() {
            200 => part.restart()?,
            206 if range_start(headers) == Some(part.length) => {}
            206 | 416 => {
                // Another part than was asked for, or ours is longer than the file.
                part.restart()?;
                let what = format!("{}: sent another part than was asked for", remote.url);
                return Err(Stop::Broken(Failure::new(Code::Model, what)));
            }
            status => return Err(Stop::Final(refused(&remote.url, status))),
        }
        let whole = number(headers, "content-length").map(|rest| part.length.saturating_add(rest));
        if whole.or(remote.size).is_some_and(|whole| whole > limit) {
            return Err(Stop::Final(too_large(&remote.url, limit)));
        }
        self.receive(answer.into_body(), remote, part, limit, meter)?;
        match whole.or(remote.size) {
            Some(whole) if part.length < whole => {
                Err(Stop::Broken(self.broken(&remote.url, &io::ErrorKind::UnexpectedEof.into())))
            }
            _ => Ok(()),
        }
    }

    /// Asks for the bytes from `start` on, if the file has not changed.
    fn ask(&self, remote: &Remote, start: u64) -> Result<Response<Body>, Stop> {
        let mut ask = self.agent.get(&remote.url);
        if let Some(token) = &remote.token {
            ask = ask.header("Authorization", format!("Bearer {token}"));
        }
        if start > 0 {
            ask = ask.header("Range", format!("bytes={start}-"));
            if let Some(version) = &remote.version {
                ask = ask.header("If-Range", version);
            }
        }
        ask.call().map_err(|cause| Stop::Broken(self.broken(&remote.url, &as_io(cause))))
    }

    fn receive(
        &self,
        body: Body,
        remote: &Remote,
        part: &mut Part,
        limit: u64,
        meter: &Meter,
    ) -> Result<(), Stop> {
        let mut body = body.into_reader();
        let mut chunk = vec![0; CHUNK];
        loop {
            if interrupted() {
                let message = "interrupted; the same command goes on where it stopped";
                return Err(Stop::Final(Failure::new(Code::Interrupted, message)));
            }
            let count = match body.read(&mut chunk) {
                Ok(0) => return Ok(()),
                Ok(count) => count,
                Err(cause) if cause.kind() == io::ErrorKind::Interrupted => continue,
                Err(cause) => return Err(Stop::Broken(self.broken(&remote.url, &cause))),
            };
            if part.length + count as u64 > limit {
                part.restart()?;
                return Err(Stop::Final(too_large(&remote.url, limit)));
            }
            part.append(&chunk[..count])?;
            meter.reach(part.length);
        }
    }

    /// A transfer that broke, and the way on.
    fn broken(&self, url: &str, cause: &io::Error) -> Failure {
        let what = match cause.kind() {
            io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock => {
                format!("the server was silent for {} s", self.stall.as_secs_f32())
            }
            io::ErrorKind::UnexpectedEof => "the connection was cut off".to_owned(),
            _ => cause.to_string(),
        };
        let remedy = "the same command goes on where it stopped";
        Failure::new(Code::Model, format!("{url}: {what}; {remedy}"))
    }
}

/// Why a connection ended before the file did.
enum Stop {
    /// Worth another try.
    Broken(Failure),
    /// It would end the same again.
    Final(Failure),
}

impl From<Failure> for Stop {
    fn from(failure: Failure) -> Self {
        Self::Final(failure)
    }
}

/// The file that a download grows in. Locked, so that two programs do not mix their bytes.
struct Part<'a> {
    path: &'a Path,
    file: File,
    length: u64,
    hash: Sha256,
}

impl<'a> Part<'a> {
    fn open(path: &'a Path) -> Result<Self, Failure> {
        let mut options = File::options();
        let options = options.read(true).write(true).create(true).truncate(false);
        let failed = |cause: io::Error| unwritable(path, &cause);
        let file = options.open(path).map_err(failed)?;
        let handle = || Handle::from_file(file.try_clone()?);
        let ours = file.try_lock().is_ok() && handle().ok() == Handle::from_path(path).ok();
        if !ours {
            let message = format!("{}: another program is downloading this; wait", path.display());
            return Err(Failure::new(Code::Output, message));
        }
        let mut part = Self { path, file, length: 0, hash: Sha256::new() };
        let mut chunk = vec![0; CHUNK];
        loop {
            let count = part.file.read(&mut chunk).map_err(failed)?;
            if count == 0 {
                return Ok(part);
            }
            part.hash.update(&chunk[..count]);
            part.length += count as u64;
        }
    }

    fn append(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        self.file.write_all(bytes).map_err(|cause| unwritable(self.path, &cause))?;
        self.hash.update(bytes);
        self.length += bytes.len() as u64;
        Ok(())
    }

    fn restart(&mut self) -> Result<(), Failure> {
        let emptied = self.file.set_len(0).and_then(|()| self.file.seek(SeekFrom::Start(0)));
        emptied.map_err(|cause| unwritable(self.path, &cause))?;
        (self.length, self.hash) = (0, Sha256::new());
        Ok(())
    }

    fn finish(self) -> Result<String, Failure> {
        self.file.sync_all().map_err(|cause| unwritable(self.path, &cause))?;
        Ok(hexadecimal(&self.hash.finalize()))
    }
}

/// Compares a finished part with the SHA-256 it should have; a wrong one is removed.
pub(crate) fn check(part: &Path, found: &str, expected: &str) -> Result<(), Failure> {
    if found.eq_ignore_ascii_case(expected) {
        return Ok(());
    }
    let left = match fs::remove_file(part) {
        Ok(()) => "it was removed".to_owned(),
        Err(cause) => format!("remove {}: {cause}", part.display()),
    };
    let message = format!(
        "the SHA-256 of the download is {found}, expected is {expected}; {left}; pull it again, and \
         if that does not help, the file is not the one you want"
    );
    Err(Failure::new(Code::Model, message))
}

/// The same fault, with a silent server's told from others.
fn as_io(cause: ureq::Error) -> io::Error {
    use ureq::Timeout::{Connect, Resolve};
    match cause {
        ureq::Error::Timeout(what) if !matches!(what, Connect | Resolve) => {
            io::ErrorKind::TimedOut.into()
        }
        cause => cause.into_io(),
    }
}

fn unwritable(path: &Path, cause: &io::Error) -> Failure {
    let message = format!("{}: could not be written: {cause}", path.display());
    Failure::new(Code::Output, message)
}

fn wrong(url: &str, what: &str) -> Failure {
    Failure::new(Code::Model, format!("{url}: {what}"))
}

fn too_large(url: &str, limit: u64) -> Failure {
    let limit = limit as f64 / 1e6;
    wrong(url, &format!("is larger than {limit:.0} MB; --max-size MB allows more"))
}

fn refused(url: &str, status: u16) -> Failure {
    let remedy = match status {
        401 | 403 => "you may not have it: set HF_TOKEN, or accept its terms on the model's page",
        404 => "there is no such file: check the name",
        429 => "the server asks to wait: try again later",
        500..=599 => "the server has trouble: try again later",
        _ => "check the address",
    };
    wrong(url, &format!("the server answers {status}; {remedy}"))
}

fn text(headers: &HeaderMap, name: &str) -> Option<String> {
    Some(headers.get(name)?.to_str().ok()?.trim().trim_matches('"').to_owned())
}

fn number(headers: &HeaderMap, name: &str) -> Option<u64> {
    text(headers, name)?.parse().ok()
}

/// What `If-Range` takes: weak ETags are of no use there.
fn version(headers: &HeaderMap) -> Option<String> {
    let plain = |name: &str| headers.get(name)?.to_str().ok().map(str::to_owned);
    plain("etag").filter(|tag| tag.starts_with('"')).or_else(|| plain("last-modified"))
}

/// The first byte of a `Content-Range: bytes 5-9/10`.
fn range_start(headers: &HeaderMap) -> Option<u64> {
    text(headers, "content-range")?.strip_prefix("bytes ")?.split('-').next()?.parse().ok()
}

/// `https://host:port` of an address.
fn origin(url: &str) -> &str {
    let host = url.find("://").map_or(0, |at| at + 3);
    url[host..].find(['/', '?', '#']).map_or(url, |end| &url[..host + end])
}

/// Where a redirect leads.
fn join(from: &str, to: &str) -> String {
    match to {
        _ if to.contains("://") => to.to_owned(),
        _ if to.starts_with("//") => format!("{}:{to}", from.split(':').next().unwrap_or("https")),
        _ if to.starts_with('/') => format!("{}{to}", origin(from)),
        _ => format!("{}/{to}", from.rsplit_once('/').map_or(from, |(folder, _)| folder)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn redirects_lead_where_they_say() {
        let from = "https://a.org:8080/b/c?d";
        let cases = [
            ("https://x.org/y", "https://x.org/y"),
            ("//x.org/y", "https://x.org/y"),
            ("/y", "https://a.org:8080/y"),
            ("y", "https://a.org:8080/b/y"),
        ];
        for (to, expected) in cases {
            assert_eq!(join(from, to), expected);
        }
        assert_eq!(origin("http://a.org"), "http://a.org");
    }

    #[test]
    fn a_part_grows_under_one_hand_and_keeps_its_hash() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.incomplete");
        let mut part = Part::open(&path).unwrap();
        part.append(b"relume ").unwrap();
        let other = Part::open(&path).err().unwrap();
        assert!(other.message.contains("another program"), "{}", other.message);
        drop(part);
        let mut part = Part::open(&path).unwrap();
        part.append(b"lantern").unwrap();
        assert_eq!(part.length, 14);
        assert_eq!(part.finish().unwrap(), hexadecimal(&Sha256::digest(b"relume lantern")));
    }
}
