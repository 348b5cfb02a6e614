//! Our protocol files against Milvus's own.
#![expect(clippy::expect_used, reason = "a failure here is a failed test, and panicking says so")]

use std::path::{Path, PathBuf};
use std::process::Command;

use protox::Compiler;
use protox::prost_reflect::{
    DescriptorPool, EnumDescriptor, FieldDescriptor, Kind, MessageDescriptor, MethodDescriptor,
};

/// The folder with the official files, in the source of a crate that is a dependency in name only.
fn official_files() -> PathBuf {
    let manifest = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");
    let output = Command::new(env!("CARGO"))
        .args([
            "metadata",
            "--format-version=1",
            "--locked",
            "--features=official-protocol",
            "--manifest-path",
            manifest,
        ])
        .output()
        .expect("cargo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout).expect("cargo writes JSON");
    let packages = metadata["packages"].as_array().expect("a list of packages");
    let package =
        packages.iter().find(|package| package["name"] == "milvus-sdk-rust").expect("the dependency");
    let manifest = package["manifest_path"].as_str().expect("a path");
    Path::new(manifest).with_file_name("milvus-proto").join("proto")
}

fn compile(folder: &Path) -> DescriptorPool {
    let mut compiler = Compiler::new([folder]).expect("the folder is there");
    compiler.include_imports(true).open_file("milvus.proto").expect("the files compile");
    compiler.descriptor_pool()
}

fn ours() -> DescriptorPool {
    compile(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/proto")))
}

/// All that decides how a field is written.
fn field(field: &FieldDescriptor) -> String {
    let kind = match field.kind() {
        Kind::Message(message) if field.is_map() => {
            let entry: Vec<_> = message.fields().map(|part| self::field(&part)).collect();
            format!("map {entry:?}")
        }
        Kind::Message(message) => message.full_name().to_owned(),
        Kind::Enum(values) => values.full_name().to_owned(),
        scalar => format!("{scalar:?}"),
    };
    let oneof = field.containing_oneof().map(|oneof| oneof.name().to_owned());
    format!("{} = {}: {:?} {kind} {oneof:?}", field.name(), field.number(), field.cardinality())
}

fn method(method: &MethodDescriptor) -> String {
    format!(
        "{}({} {}) -> ({} {})",
        method.full_name(),
        method.is_client_streaming(),
        method.input().full_name(),
        method.is_server_streaming(),
        method.output().full_name()
    )
}

fn messages(pool: &DescriptorPool) -> impl Iterator<Item = MessageDescriptor> {
    pool.all_messages().filter(|message| !message.is_map_entry())
}

fn values(pool: &DescriptorPool, of: &EnumDescriptor) -> Vec<(i32, String)> {
    let found = pool.get_enum_by_name(of.full_name()).unwrap_or_else(|| panic!("no enum {}", of.full_name()));
    found.values().map(|value| (value.number(), value.name().to_owned())).collect()
}

#[test]
fn every_message_field_and_call_is_the_official_one() {
    let (ours, official) = (ours(), compile(&official_files()));
    let mut compared = 0;
    for message in messages(&ours) {
        let name = message.full_name();
        let theirs = official.get_message_by_name(name).unwrap_or_else(|| panic!("no message {name}"));
        for own in message.fields() {
            let their = theirs.get_field(own.number()).unwrap_or_else(|| panic!("no {name}.{}", own.name()));
            assert_eq!(field(&own), field(&their), "in {name}");
            compared += 1;
        }
    }
    for own in ours.all_enums() {
        let theirs = values(&official, &own);
        for value in values(&ours, &own) {
            assert!(theirs.contains(&value), "no {value:?} in {}", own.full_name());
        }
    }
    for own in ours.services().flat_map(|service| service.methods().collect::<Vec<_>>()) {
        let service = official.get_service_by_name(own.parent_service().full_name()).expect("the service");
        let their = service.methods().find(|method| method.name() == own.name());
        let their = their.unwrap_or_else(|| panic!("no call {}", own.name()));
        assert_eq!(method(&own), method(&their));
        compared += 1;
    }
    assert!(compared > 200, "only {compared} things were compared");
}

#[test]
fn a_wrong_number_would_be_seen() {
    let pool = ours();
    let message = pool.get_message_by_name("milvus.proto.common.Status").expect("a message of ours");
    let texts: Vec<_> = message.fields().map(|own| field(&own)).collect();
    assert_eq!(texts[0], "error_code = 1: Optional milvus.proto.common.ErrorCode None");
    assert_eq!(texts[1], "reason = 2: Optional string None");
}
