//! Pictures in object stores: `s3://BUCKET/KEY`, `gs://BUCKET/KEY`, `az://CONTAINER/KEY`. How to get
//! there is read from the environment, by the names that each store's own tools use
//! (`AWS_ACCESS_KEY_ID`, `AWS_ENDPOINT`, `GOOGLE_SERVICE_ACCOUNT`, `AZURE_STORAGE_ACCOUNT_NAME` …).

#[cfg(feature = "cloud")]
mod store;

use std::path::{Path, PathBuf};

use crate::exit::Failure;

/// Schemes of the stores there are.
const SCHEMES: [&str; 3] = ["s3", "gs", "az"];

/// An object, or a prefix of objects, by its address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Object {
    /// `s3://bucket`.
    bucket: String,
    /// Key below it, without a slash before it.
    key: String,
}

/// What an argument names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Place {
    /// A file or folder of this machine; `file://` is taken off.
    Local(PathBuf),
    /// An object or a prefix.
    Object(Object),
}

impl Place {
    /// Understands an argument: an address if it has `://` in it, else a path.
    pub(crate) fn understand(argument: &Path) -> Result<Self, Failure> {
        let Some((scheme, rest)) = argument.to_str().and_then(|text| text.split_once("://")) else {
            return Ok(Self::Local(argument.to_owned()));
        };
        let name = argument.display();
        if scheme == "file" {
            let path = rest.strip_prefix("localhost").unwrap_or(rest);
            return match unescaped(path).filter(|_| path.starts_with('/')) {
                Some(path) => Ok(Self::Local(path)),
                None => Err(Failure::usage(format!("{name}: write file:///folder/picture.jpg"))),
            };
        }
        if !SCHEMES.contains(&scheme) {
            let message = format!("{name}: no store is called {scheme}; there is s3, gs, az, file");
            return Err(Failure::usage(message));
        }
        let (bucket, key) = rest.split_once('/').unwrap_or((rest, ""));
        if bucket.is_empty() {
            return Err(Failure::usage(format!("{name}: names no bucket: {scheme}://BUCKET/KEY")));
        }
        Ok(Self::Object(Object { bucket: format!("{scheme}://{bucket}"), key: key.to_owned() }))
    }
}

/// A path of an address: `%20` is a blank.
fn unescaped(text: &str) -> Option<PathBuf> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        if byte == b'%' {
            let digits = std::str::from_utf8(rest.get(..2)?).ok()?;
            bytes.push(u8::from_str_radix(digits, 16).ok()?);
            rest = &rest[2..];
        } else {
            bytes.push(byte);
        }
    }
    String::from_utf8(bytes).ok().map(PathBuf::from)
}

impl Object {
    /// Its address.
    pub(crate) fn name(&self) -> String {
        format!("{}/{}", self.bucket, self.key)
    }

    /// Its key as a path, for what its name says.
    pub(crate) fn path(&self) -> &Path {
        Path::new(&self.key)
    }

    /// The object called `place` below this prefix.
    pub(crate) fn join(&self, place: &Path) -> Self {
        let parts: Vec<_> = place.iter().map(|part| part.to_string_lossy()).collect();
        let below = self.key.trim_end_matches('/');
        let slash = if below.is_empty() { "" } else { "/" };
        Self { bucket: self.bucket.clone(), key: format!("{below}{slash}{}", parts.join("/")) }
    }

    /// The object with another key of the same bucket.
    pub(crate) fn with_key(&self, key: &Path) -> Self {
        Self { bucket: self.bucket.clone(), key: key.to_string_lossy().into_owned() }
    }

    /// Its key below the prefix `other`, if it is there.
    pub(crate) fn below(&self, other: &Self) -> Option<&str> {
        let prefix = other.key.trim_end_matches('/');
        let rest = self.key.strip_prefix(prefix).filter(|_| self.bucket == other.bucket)?;
        if prefix.is_empty() { Some(rest) } else { rest.strip_prefix('/') }
    }
}

#[cfg(not(feature = "cloud"))]
impl Object {
    fn unreachable<T>(&self) -> Result<T, Failure> {
        let message = format!(
            "{}: this program was built without object stores: cargo install --path relume-cli \
             --features cloud",
            self.name()
        );
        Err(Failure::usage(message))
    }

    /// All objects below this prefix, sorted.
    pub(crate) fn list(&self) -> Result<Vec<Self>, Failure> {
        self.unreachable()
    }

    /// Its bytes.
    pub(crate) fn read(&self, _: &relume_media::Limits) -> Result<Vec<u8>, Failure> {
        self.unreachable()
    }

    /// Whether it is there.
    pub(crate) fn exists(&self) -> Result<bool, Failure> {
        self.unreachable()
    }

    /// Puts it there, complete or not at all.
    pub(crate) fn write(
        &self,
        _: Vec<u8>,
        _: relume_media::atomic::Overwrite,
    ) -> Result<(), Failure> {
        self.unreachable()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(text: &str) -> Object {
        match Place::understand(Path::new(text)).unwrap() {
            Place::Object(object) => object,
            Place::Local(path) => panic!("{}", path.display()),
        }
    }

    #[test]
    fn addresses_and_paths_are_told_apart() {
        let local = |text: &str| Place::understand(Path::new(text));
        let path = |text: &str| Ok::<_, ()>(Place::Local(PathBuf::from(text)));
        assert_eq!(local("album/a.jpg").map_err(|_| ()), path("album/a.jpg"));
        assert_eq!(local("file:///a%20b/c.jpg").map_err(|_| ()), path("/a b/c.jpg"));
        let found = object("s3://bucket/album/a b.jpg");
        assert_eq!(found.name(), "s3://bucket/album/a b.jpg");
        assert_eq!(object("gs://bucket").name(), "gs://bucket/");
        for wrong in ["ftp://host/a.jpg", "s3:///a.jpg", "file://a.jpg", "file:///a%2"] {
            assert!(local(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn keys_join_and_part() {
        let (root, album) = (object("s3://bucket"), object("s3://bucket/album/"));
        assert_eq!(album.join(Path::new("x/a.jpg")).name(), "s3://bucket/album/x/a.jpg");
        assert_eq!(root.join(Path::new("a.jpg")).name(), "s3://bucket/a.jpg");
        assert_eq!(object("s3://bucket/album/x/a.jpg").below(&album), Some("x/a.jpg"));
        assert_eq!(object("s3://bucket/albums/a.jpg").below(&album), None);
        assert_eq!(object("s3://bucket/a.jpg").below(&root), Some("a.jpg"));
        assert_eq!(object("s3://other/album/a.jpg").below(&album), None);
    }
}
