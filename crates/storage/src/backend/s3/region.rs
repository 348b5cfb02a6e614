//! The region of a bucket, as far as the host name of its endpoint contains it.

/// The region that every store but those of the clouds accepts.
const DEFAULT_REGION: &str = "us-east-1";

/// The host names that contain a region: the text before it and the text after it.
const REGION_IN_HOST: [(&str, &str); 17] = [
    ("s3.dualstack.", ".amazonaws.com"),
    ("s3-fips.dualstack.", ".amazonaws.com"),
    ("s3-fips.", ".amazonaws.com"),
    ("s3.", ".amazonaws.com"),
    ("s3-", ".amazonaws.com"),
    ("s3.", ".amazonaws.com.cn"),
    (".s3.", ".vpce.amazonaws.com"),
    ("s3.oss-", ".aliyuncs.com"),
    ("oss-", ".aliyuncs.com"),
    ("cos.", ".myqcloud.com"),
    ("obs.", ".myhuaweicloud.com"),
    ("s3.", ".bcebos.com"),
    ("tos-s3-", ".volces.com"),
    ("s3.", ".backblazeb2.com"),
    ("s3.", ".wasabisys.com"),
    ("s3.", ".cloud-object-storage.appdomain.cloud"),
    ("", ".digitaloceanspaces.com"),
];

/// The clouds whose signatures name the region `auto`.
const AUTO_REGION_HOSTS: [&str; 2] = ["storage.googleapis.com", ".r2.cloudflarestorage.com"];

/// Returns the configured region, or the one that the host of the endpoint contains, or the default.
pub(super) fn choose_region(configured: &str, host: &str) -> String {
    let configured = configured.trim();
    if !configured.is_empty() {
        return configured.to_owned();
    }
    find_region_in_host(host).unwrap_or(DEFAULT_REGION).to_owned()
}

pub(super) fn find_region_in_host(host: &str) -> Option<&str> {
    if AUTO_REGION_HOSTS.iter().any(|suffix| host.ends_with(suffix)) {
        return Some("auto");
    }
    REGION_IN_HOST.iter().find_map(|(before, after)| {
        let rest = host.strip_suffix(after)?;
        let region = match before.strip_prefix('.') {
            // The name of the endpoint comes first.
            Some(_) => rest.split_once(before)?.1,
            None => rest.strip_prefix(before)?,
        };
        let region = region.strip_suffix("-internal").unwrap_or(region);
        // Other names of AWS begin in the same way, such as `s3-accelerate` and `s3-external-1`.
        let is_region = !after.contains("amazonaws") || region.matches('-').count() >= 2;
        (is_region && !region.is_empty() && !region.contains('.')).then_some(region)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_host_names_of_clouds_contain_the_region() {
        for (host, region) in [
            ("s3.eu-west-1.amazonaws.com", "eu-west-1"),
            ("s3-us-west-2.amazonaws.com", "us-west-2"),
            ("s3.dualstack.eu-central-1.amazonaws.com", "eu-central-1"),
            ("s3.cn-north-1.amazonaws.com.cn", "cn-north-1"),
            ("bucket.vpce-1a2b-5c.s3.us-east-2.vpce.amazonaws.com", "us-east-2"),
            ("oss-cn-hangzhou.aliyuncs.com", "cn-hangzhou"),
            ("oss-cn-hangzhou-internal.aliyuncs.com", "cn-hangzhou"),
            ("cos.ap-guangzhou.myqcloud.com", "ap-guangzhou"),
            ("obs.cn-north-4.myhuaweicloud.com", "cn-north-4"),
            ("s3.us-west-004.backblazeb2.com", "us-west-004"),
            ("s3.eu-central-2.wasabisys.com", "eu-central-2"),
            ("fra1.digitaloceanspaces.com", "fra1"),
            ("storage.googleapis.com", "auto"),
            ("account.eu.r2.cloudflarestorage.com", "auto"),
        ] {
            assert_eq!(choose_region("", host), region, "{host}");
        }
    }

    #[test]
    fn other_hosts_get_the_default_and_a_configured_region_has_priority() {
        for host in ["s3.amazonaws.com", "minio", "10.0.0.1", "[::1]", "s3-accelerate.amazonaws.com"] {
            assert_eq!(choose_region("", host), "us-east-1", "{host}");
        }
        assert_eq!(choose_region(" eu-west-3 ", "s3.eu-west-1.amazonaws.com"), "eu-west-3");
    }
}
