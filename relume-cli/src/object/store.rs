//! Object stores behind one door; reached by a small runtime of their own, so that the callers wait.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use futures_util::TryStreamExt;
use object_store::aws::AmazonS3Builder;
use object_store::azure::MicrosoftAzureBuilder;
use object_store::gcp::GoogleCloudStorageBuilder;
use object_store::path::Path;
use object_store::{Error, ObjectStore, ObjectStoreExt, PutMode, PutOptions};
use relume_media::Limits;
use relume_media::atomic::Overwrite;
use tokio::runtime::{Builder, Runtime};

use super::Object;
use crate::exit::{Code, Failure};

/// What answers; none where the system gives no threads.
static RUNTIME: LazyLock<Option<Runtime>> = LazyLock::new(|| {
    // Twice is once too often; then the provider that is there is used.
    let _ = rustls::crypto::ring::default_provider().install_default();
    Builder::new_multi_thread().worker_threads(1).enable_all().build().ok()
});

/// Stores by their buckets: each keeps its connections.
static STORES: LazyLock<Mutex<HashMap<String, Arc<dyn ObjectStore>>>> =
    LazyLock::new(Mutex::default);

fn wait<T>(work: impl Future<Output = T>) -> Result<T, Failure> {
    let runtime = RUNTIME.as_ref();
    let none = || Failure::new(Code::Machine, "no threads for the object store");
    Ok(runtime.ok_or_else(none)?.block_on(work))
}

impl Object {
    fn store(&self) -> Result<Arc<dyn ObjectStore>, Failure> {
        // It names the provider of TLS, which the builders below want.
        LazyLock::force(&RUNTIME);
        let mut stores = STORES.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(store) = stores.get(&self.bucket) {
            return Ok(Arc::clone(store));
        }
        let url = self.bucket.as_str();
        let made: Result<Arc<dyn ObjectStore>, Error> = match url.split_once("://") {
            Some(("gs", _)) => {
                let builder = GoogleCloudStorageBuilder::from_env().with_url(url);
                builder.build().map(|store| Arc::new(store) as _)
            }
            Some(("az", _)) => {
                let builder = MicrosoftAzureBuilder::from_env().with_url(url);
                builder.build().map(|store| Arc::new(store) as _)
            }
            _ => {
                let builder = AmazonS3Builder::from_env().with_url(url);
                builder.build().map(|store| Arc::new(store) as _)
            }
        };
        let store = made.map_err(|cause| self.failed(Code::Input, &cause))?;
        stores.insert(self.bucket.clone(), Arc::clone(&store));
        Ok(store)
    }

    fn location(&self) -> Result<Path, Failure> {
        Path::parse(&self.key).map_err(|cause| self.failed(Code::Usage, &cause.into()))
    }

    fn failed(&self, code: Code, cause: &Error) -> Failure {
        let (code, remedy) = match cause {
            Error::NotFound { .. } => (code, "; check the name"),
            Error::PermissionDenied { .. } | Error::Unauthenticated { .. } => {
                (code, "; check the credentials in the environment")
            }
            _ => (code, ""),
        };
        let words = cause.to_string();
        // Answers of servers are pages; the first words say what is wrong.
        let words: String = words.split_whitespace().collect::<Vec<_>>().join(" ");
        let short: String = words.chars().take(300).collect();
        Failure::new(code, format!("{}: {short}{remedy}", self.name()))
    }

    /// All objects below this prefix, sorted.
    pub(crate) fn list(&self) -> Result<Vec<Self>, Failure> {
        let (store, prefix) = (self.store()?, self.location()?);
        let failed = |cause| self.failed(Code::Input, &cause);
        let found: Vec<_> = wait(store.list(Some(&prefix)).try_collect())?.map_err(failed)?;
        let key = |meta: object_store::ObjectMeta| meta.location.to_string();
        let mut found: Vec<_> =
            found.into_iter().map(|meta| self.with_key(key(meta).as_ref())).collect();
        found.sort_by(|a, b| a.key.cmp(&b.key));
        Ok(found)
    }

    /// Its bytes.
    pub(crate) fn read(&self, limits: &Limits) -> Result<Vec<u8>, Failure> {
        let (store, location) = (self.store()?, self.location()?);
        let failed = |cause| self.failed(Code::Input, &cause);
        let got = wait(store.get(&location))?.map_err(failed)?;
        limits
            .check_bytes("the object", got.meta.size)
            .map_err(|error| Failure::new(Code::Input, format!("{}: {error}", self.name())))?;
        Ok(wait(got.bytes())?.map_err(failed)?.into())
    }

    /// Whether it is there.
    pub(crate) fn exists(&self) -> Result<bool, Failure> {
        let (store, location) = (self.store()?, self.location()?);
        match wait(store.head(&location))? {
            Ok(_) => Ok(true),
            Err(Error::NotFound { .. }) => Ok(false),
            Err(cause) => Err(self.failed(Code::Output, &cause)),
        }
    }

    /// Puts it there, complete or not at all. Where nothing may be overwritten, the store itself
    /// refuses to: of two writers, one wins.
    pub(crate) fn write(&self, bytes: Vec<u8>, overwrite: Overwrite) -> Result<(), Failure> {
        let (store, location) = (self.store()?, self.location()?);
        let mode = match overwrite {
            Overwrite::Never => PutMode::Create,
            Overwrite::Always => PutMode::Overwrite,
        };
        let options = PutOptions { mode, ..PutOptions::default() };
        match wait(store.put_opts(&location, bytes.into(), options))? {
            Ok(_) => Ok(()),
            Err(Error::AlreadyExists { .. } | Error::Precondition { .. }) => {
                Err(Failure::exists(&self.name()))
            }
            Err(cause) => Err(self.failed(Code::Output, &cause)),
        }
    }
}
