//! The providers of storages, and what each of them needs.

use std::fmt;

/// The provider of a storage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::config) enum Provider {
    Local,
    Minio,
    S3,
    Aws,
    Ceph,
    Gcp,
    GcpNative,
    Azure,
    Aliyun,
    Tencent,
    Hwc,
}

/// The protocol of a storage, which determines its backend and its kinds of login.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::config) enum StorageProtocol {
    /// The local disk.
    Disk,
    /// S3, also as spoken by stores of other vendors.
    S3,
    /// Azure Blob Storage; not supported yet.
    Azure,
    /// The JSON API of Google Cloud Storage; not supported yet.
    GoogleJson,
}

impl Provider {
    /// All providers, in the order in which messages list them.
    pub(in crate::config) const ALL: [Self; 11] = [
        Self::Local,
        Self::Minio,
        Self::S3,
        Self::Aws,
        Self::Ceph,
        Self::Gcp,
        Self::GcpNative,
        Self::Azure,
        Self::Aliyun,
        Self::Tencent,
        Self::Hwc,
    ];

    /// Finds a provider by one of its spellings, in any case.
    pub(in crate::config) fn parse(text: &str) -> Option<Self> {
        let is_named =
            |provider: &Self| provider.spellings().iter().any(|name| name.eq_ignore_ascii_case(text));
        Self::ALL.into_iter().find(is_named)
    }

    /// Returns the provider that was probably meant: by the name of its product, or by the most similar spelling.
    pub(in crate::config) fn nearest(text: &str) -> Option<Self> {
        let spellings = Self::ALL.iter().flat_map(|provider| provider.spellings().iter().copied());
        match text.to_ascii_lowercase().as_str() {
            "disk" | "file" | "filesystem" | "fs" => Some(Self::Local),
            "amazon" => Some(Self::Aws),
            "oss" => Some(Self::Aliyun),
            "cos" => Some(Self::Tencent),
            "huawei" | "obs" => Some(Self::Hwc),
            other => model::most_similar(other, spellings).and_then(Self::parse),
        }
    }

    /// Returns the name in configuration files and messages.
    pub(in crate::config) const fn name(self) -> &'static str {
        self.spellings()[0]
    }

    /// Returns the name that Milvus gives the provider; those without a dialect of their own are `aws`.
    pub(in crate::config) const fn name_in_milvus(self) -> &'static str {
        match self {
            Self::Local | Self::Minio | Self::S3 | Self::Aws | Self::Ceph => "aws",
            Self::Gcp => "gcp",
            Self::GcpNative => "gcpnative",
            Self::Azure => "azure",
            Self::Aliyun => "aliyun",
            Self::Tencent => "tencent",
            Self::Hwc => "huawei",
        }
    }

    /// Returns the name, followed by the spellings of earlier releases.
    const fn spellings(self) -> &'static [&'static str] {
        match self {
            Self::Local => &["local"],
            Self::Minio => &["minio"],
            Self::S3 => &["s3"],
            Self::Aws => &["aws"],
            Self::Ceph => &["ceph"],
            Self::Gcp => &["gcp", "gcs", "google"],
            Self::GcpNative => &["gcpnative"],
            Self::Azure => &["azure"],
            Self::Aliyun => &["aliyun", "ali", "alibaba", "alicloud"],
            Self::Tencent => &["tencent", "tc"],
            Self::Hwc => &["hwc"],
        }
    }

    /// Returns the protocol by which the storage is accessed.
    pub(in crate::config) const fn protocol(self) -> StorageProtocol {
        match self {
            Self::Local => StorageProtocol::Disk,
            Self::Azure => StorageProtocol::Azure,
            Self::GcpNative => StorageProtocol::GoogleJson,
            Self::Minio
            | Self::S3
            | Self::Aws
            | Self::Ceph
            | Self::Gcp
            | Self::Aliyun
            | Self::Tencent
            | Self::Hwc => StorageProtocol::S3,
        }
    }

    /// Returns the region that signatures name if none is configured; empty for the default of the storage crate.
    pub(in crate::config) const fn default_region(self) -> &'static str {
        if matches!(self, Self::Gcp) { "auto" } else { "" }
    }

    /// Returns whether the provider accepts the bucket only in the host name, whatever the host is.
    pub(in crate::config) const fn requires_virtual_host(self) -> bool {
        matches!(self, Self::Aliyun | Self::Tencent | Self::Hwc)
    }

    /// Returns whether the AWS credential chain finds credentials that the provider accepts.
    pub(in crate::config) const fn accepts_aws_chain(self) -> bool {
        matches!(self, Self::Minio | Self::S3 | Self::Aws | Self::Ceph)
    }
}

impl fmt::Display for Provider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl StorageProtocol {
    /// Returns whether this version can access such a storage.
    pub(in crate::config) const fn is_supported(self) -> bool {
        matches!(self, Self::Disk | Self::S3)
    }

    /// Returns the values of `auth.type` that suit the protocol; a disk has no login.
    pub(in crate::config) const fn auth_types(self) -> &'static [&'static str] {
        match self {
            Self::Disk => &[],
            Self::S3 => &["static", "iam", "default"],
            Self::Azure => &["sharedKey", "default"],
            Self::GoogleJson => &["serviceAccount", "default"],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn providers_are_found_by_every_spelling_in_any_case() {
        for provider in Provider::ALL {
            for spelling in provider.spellings() {
                assert_eq!(Provider::parse(spelling), Some(provider));
                assert_eq!(Provider::parse(&spelling.to_uppercase()), Some(provider));
            }
        }
        assert_eq!(Provider::parse("Alibaba"), Some(Provider::Aliyun));
        assert_eq!(Provider::parse(""), None);
    }
}
