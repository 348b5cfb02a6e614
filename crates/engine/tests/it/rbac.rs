//! Users, roles and grants in a backup (simulated Milvus).

use engine::{Error, FailureKind};
use model::manifest::{Rbac, User};
use model::mapping::Mapping;
use model::plan::backup::BackupRequest;
use model::plan::restore::{RestoreOptions, RestoreRequest};
use testkit::fake::Fault;

use crate::world::{World, backup_request, restore_options, restore_request};

fn backup_with_roles() -> BackupRequest {
    BackupRequest { rbac: true, ..backup_request("nightly") }
}

fn restore_with_roles() -> RestoreRequest {
    let options = RestoreOptions { rbac: true, ..restore_options() };
    let mapping = Mapping::new(None, Some("_copy")).unwrap();
    RestoreRequest { options, mapping, ..restore_request("nightly") }
}

/// Creates users, each with a role of its name that may query `books`.
async fn add_users(world: &World, names: &[&str]) {
    let milvus = world.connect().await;
    for name in names {
        milvus.create_user(name, &format!("Secret-of-{name}")).await;
        milvus.grant(name, "Collection", "books", "Query").await;
    }
}

/// Returns the user of this name.
fn user<'a>(rbac: &'a Rbac, name: &str) -> &'a User {
    rbac.users.iter().find(|user| user.name == name).unwrap()
}

#[tokio::test]
async fn what_the_target_lacks_is_added_and_what_it_has_is_left() {
    let world = World::with_version("2.5.27", |config| config);
    world.fill_books().await;
    add_users(&world, &["ann", "bob"]).await;
    let report = world.back_up(&backup_with_roles()).await.unwrap();
    assert!(report.warnings.iter().any(|warning| warning.contains("hashes of the passwords of 2 users")));

    let target = World::with_version("2.6.19", |config| config);
    target.connect().await.create_user("ann", "Another-secret").await;
    let engine = world.engine_with_target(&target);
    let restored =
        crate::world::restore(&engine, &restore_with_roles(), &engine::JobCtx::detached()).await.unwrap();
    assert_eq!((restored.kind(), restored.warnings), (None, vec![]));
    let added = restored.rbac.unwrap();
    assert_eq!((added.users, added.roles, added.user_roles, added.grants), (1, 1, 1, 2), "{added:?}");
    assert_eq!((added.kept, added.lacks), (vec!["user ann".to_owned(), "role ann".to_owned()], vec![]));
    let found = target.connect().await.read_rbac().await.unwrap();
    let source = world.connect().await.read_rbac().await.unwrap();
    assert_eq!((found.users.len(), found.roles.len(), found.grants.len()), (2, 2, 2), "{found:?}");
    assert_eq!(user(&found, "bob").roles, ["bob"]);
    let hash = |rbac: &Rbac, name: &str| user(rbac, name).password_hash.clone();
    assert_eq!(hash(&found, "bob"), hash(&source, "bob"));
    assert_ne!(hash(&found, "ann"), hash(&source, "ann"), "the user of the target keeps its password");
}

#[tokio::test]
async fn users_that_milvus_refuses_are_lacking_and_nothing_is_granted_to_them() {
    let world = World::with_version("2.5.27", |config| config);
    world.fill_books().await;
    add_users(&world, &["ann"]).await;
    world.back_up(&backup_with_roles()).await.unwrap();
    let target = World::with_version("2.6.19", |config| config);
    let engine = world.engine_with_target(&target);
    let prepared = engine.plan_restore(&restore_with_roles(), &engine::JobCtx::detached()).await.unwrap();
    let planned = prepared.plan().rbac.clone().unwrap();
    assert_eq!((planned.new.users.len(), planned.new.roles.len(), planned.grants.len()), (1, 1, 1));
    target.fake.inject(Fault::Denied { call: "RestoreRBAC" });
    let restored = engine.restore(prepared, &engine::JobCtx::detached()).await.unwrap();
    assert_eq!(restored.kind(), Some(FailureKind::Partial), "{restored:?}");
    let lacks = restored.rbac.unwrap().lacks;
    assert!(
        lacks.len() == 1 && lacks[0].starts_with("users, roles and grants are not restored: "),
        "{lacks:?}"
    );
    assert_eq!(target.count_calls("OperateUserRole"), 0);
}

#[tokio::test]
async fn old_releases_and_backups_without_roles_are_refused_before_anything_is_changed() {
    let old = World::with_books().await;
    let error = old.back_up(&backup_with_roles()).await.unwrap_err();
    assert!(matches!(error, Error::NoRbac(_)) && error.kind() == FailureKind::Usage, "{error}");
    old.back_up(&backup_request("nightly")).await.unwrap();
    let error = old.restore(&restore_with_roles()).await.unwrap_err();
    assert_eq!(error.to_string(), "backup nightly contains no users, roles or grants");
    assert_eq!(old.collection_names("default").await, ["books", "tags"]);
}
