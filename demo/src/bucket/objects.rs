//! Objects in files, by Amazon's rules where a file system has others: a key is a name and not a
//! path, a directory is no object, and a bucket that is not there is told from a missing key.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use s3s::dto::{
    AbortMultipartUploadInput, AbortMultipartUploadOutput, CompleteMultipartUploadInput,
    CompleteMultipartUploadOutput, CreateMultipartUploadInput, CreateMultipartUploadOutput,
    DeleteObjectInput, DeleteObjectOutput, GetBucketLocationInput, GetBucketLocationOutput,
    GetObjectInput, GetObjectOutput, HeadBucketInput, HeadBucketOutput, HeadObjectInput,
    HeadObjectOutput, ListObjectsV2Input, ListObjectsV2Output, PutObjectInput, PutObjectOutput,
    UploadPartInput, UploadPartOutput,
};
use s3s::{S3, S3Error, S3Request, S3Response, S3Result, s3_error};
use s3s_fs::FileSystem;

/// The objects of all buckets under one directory.
#[derive(Debug, Clone)]
pub(super) struct Objects {
    root: PathBuf,
    files: Arc<FileSystem>,
}

impl Objects {
    pub(super) fn open(root: &Path) -> Result<Self, S3Error> {
        Ok(Self { root: root.to_path_buf(), files: Arc::new(FileSystem::new(root)?) })
    }

    async fn require_bucket(&self, bucket: &str) -> S3Result<()> {
        match tokio::fs::metadata(self.root.join(bucket)).await {
            Ok(found) if found.is_dir() => Ok(()),
            _ => Err(s3_error!(NoSuchBucket, "The specified bucket does not exist")),
        }
    }

    /// `key` is as it is on disk. Without this, reading a directory is a 500.
    async fn require_object(&self, bucket: &str, key: &str) -> S3Result<()> {
        self.require_bucket(bucket).await?;
        match tokio::fs::metadata(self.root.join(bucket).join(key)).await {
            Ok(found) if found.is_file() => Ok(()),
            _ => Err(s3_error!(NoSuchKey, "The specified key does not exist.")),
        }
    }
}

/// A file system takes `a//b`, `a/./b` and `a/b` for one file, and would follow `..` out of the
/// bucket: those segments are written with a percent sign that no other segment begins with.
fn on_disk(key: &str) -> String {
    let segments: Vec<_> = key
        .split('/')
        .map(|segment| match segment {
            "" | "." | ".." => format!("%{segment}"),
            _ if segment.starts_with('%') => format!("%{segment}"),
            _ => segment.to_owned(),
        })
        .collect();
    segments.join("/")
}

/// The key that [`on_disk`] made `path` from.
fn from_disk(path: &str) -> String {
    let segments: Vec<_> =
        path.split('/').map(|segment| segment.strip_prefix('%').unwrap_or(segment)).collect();
    segments.join("/")
}

#[async_trait]
impl S3 for Objects {
    async fn get_object(
        &self,
        mut request: S3Request<GetObjectInput>,
    ) -> S3Result<S3Response<GetObjectOutput>> {
        let input = &mut request.input;
        input.key = on_disk(&input.key);
        self.require_object(&input.bucket, &input.key).await?;
        self.files.get_object(request).await
    }

    async fn head_object(
        &self,
        mut request: S3Request<HeadObjectInput>,
    ) -> S3Result<S3Response<HeadObjectOutput>> {
        let input = &mut request.input;
        input.key = on_disk(&input.key);
        self.require_object(&input.bucket, &input.key).await?;
        self.files.head_object(request).await
    }

    async fn put_object(
        &self,
        mut request: S3Request<PutObjectInput>,
    ) -> S3Result<S3Response<PutObjectOutput>> {
        let input = &mut request.input;
        input.key = on_disk(&input.key);
        self.require_bucket(&input.bucket).await?;
        self.files.put_object(request).await
    }

    async fn delete_object(
        &self,
        mut request: S3Request<DeleteObjectInput>,
    ) -> S3Result<S3Response<DeleteObjectOutput>> {
        request.input.key = on_disk(&request.input.key);
        self.files.delete_object(request).await
    }

    async fn create_multipart_upload(
        &self,
        mut request: S3Request<CreateMultipartUploadInput>,
    ) -> S3Result<S3Response<CreateMultipartUploadOutput>> {
        let input = &mut request.input;
        input.key = on_disk(&input.key);
        self.require_bucket(&input.bucket).await?;
        self.files.create_multipart_upload(request).await
    }

    async fn upload_part(
        &self,
        request: S3Request<UploadPartInput>,
    ) -> S3Result<S3Response<UploadPartOutput>> {
        self.files.upload_part(request).await
    }

    async fn complete_multipart_upload(
        &self,
        mut request: S3Request<CompleteMultipartUploadInput>,
    ) -> S3Result<S3Response<CompleteMultipartUploadOutput>> {
        request.input.key = on_disk(&request.input.key);
        self.files.complete_multipart_upload(request).await
    }

    async fn abort_multipart_upload(
        &self,
        mut request: S3Request<AbortMultipartUploadInput>,
    ) -> S3Result<S3Response<AbortMultipartUploadOutput>> {
        request.input.key = on_disk(&request.input.key);
        self.files.abort_multipart_upload(request).await
    }

    async fn list_objects_v2(
        &self,
        request: S3Request<ListObjectsV2Input>,
    ) -> S3Result<S3Response<ListObjectsV2Output>> {
        let mut listed = self.files.list_objects_v2(request).await?;
        // The keys are written as they are, whatever encoding was asked for: a client that was told
        // otherwise would read `a+b` as `a b`.
        listed.output.encoding_type = None;
        for object in listed.output.contents.iter_mut().flatten() {
            object.key = object.key.as_deref().map(from_disk);
        }
        Ok(listed)
    }

    async fn head_bucket(
        &self,
        request: S3Request<HeadBucketInput>,
    ) -> S3Result<S3Response<HeadBucketOutput>> {
        self.files.head_bucket(request).await
    }

    async fn get_bucket_location(
        &self,
        request: S3Request<GetBucketLocationInput>,
    ) -> S3Result<S3Response<GetBucketLocationOutput>> {
        self.files.get_bucket_location(request).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_has_a_file_of_its_own() {
        let keys = [
            "a/b", "a//b", "/a/b", "a/./b", "a/../b", "../a", "%", "%2F", "a/%/b", "a b+c~ü", "a/",
        ];
        let paths: Vec<_> = keys.iter().map(|key| on_disk(key)).collect();
        for (key, path) in keys.iter().zip(&paths) {
            assert_eq!(from_disk(path), *key);
            assert!(!path.starts_with('/') && !path.contains("//"), "{path}");
            assert!(!path.split('/').any(|segment| segment == ".."), "{path}");
            assert_eq!(paths.iter().filter(|other| *other == path).count(), 1);
        }
    }
}
