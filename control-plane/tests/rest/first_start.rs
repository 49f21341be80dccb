use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::sync::Arc;

use gatepass_control_plane::data_folder::DataFolder;
use gatepass_control_plane::error::Error;
use gatepass_control_plane::password::Password;
use gatepass_control_plane::way_back;
use serde_json::json;

use crate::support::{DAY, Gate, private_folder, server_in};

#[tokio::test]
async fn the_first_admin_has_a_password_and_a_token_for_24_hours() {
    let gate = Gate::start().await;
    let password = std::fs::read_to_string(gate.context.folder.initial_password()).unwrap();
    assert!(password.trim().len() >= 24 && password.ends_with('\n') && password.lines().count() == 1);
    let me = gate.get("/whoami", &gate.admin).await.ok(200);
    assert_eq!((&me["user"], &me["role"]), (&json!("admin"), &json!("admin")));
    assert_eq!(me["token"]["control_plane"], true);
    assert_eq!(me["token"]["expires_at"], "2026-11-23T09:00:00Z");
    gate.pass(DAY - 1);
    gate.get("/whoami", &gate.admin).await.ok(200);
    gate.pass(1);
    gate.get("/whoami", &gate.admin).await.refused(401, "token_expired");
}

#[tokio::test]
async fn a_second_start_makes_no_second_admin() {
    let gate = Gate::start().await;
    let admin = gate.admin.clone();
    let (version, settings, audit) = gate.state().await;
    let gate = Gate::start_in(gate.crash().await).await;
    let again = gate.state().await;
    assert_eq!((again.0.revision, again.1), (version.revision, settings));
    let users = gate.get("/users", &admin).await.ok(200);
    assert_eq!(users["items"].as_array().unwrap().len(), 1);
    let entries = again.2["items"].as_array().unwrap();
    assert_eq!(entries[0]["action"], "epoch.started", "nothing else has happened");
    assert_eq!(entries[1..], audit["items"].as_array().unwrap()[..]);
}

#[tokio::test]
async fn a_first_start_that_cannot_say_its_secrets_sets_nothing_up() {
    let folder = private_folder();
    let data = folder.path().join("data");
    let in_the_way = data.join("initial-admin-token");
    std::fs::create_dir_all(&in_the_way).unwrap();
    std::fs::set_permissions(&data, std::os::unix::fs::PermissionsExt::from_mode(0o700)).unwrap();
    let clock = Gate::start().await.clock;
    let refused = server_in(&data, Arc::clone(&clock), &[]).await.map(drop).unwrap_err();
    assert!(refused.to_string().contains("initial-admin-token"), "{refused}");
    std::fs::remove_dir(in_the_way).unwrap();
    let gate = Gate::start_in(folder).await;
    gate.get("/whoami", &gate.admin).await.ok(200);
    assert_eq!(gate.get("/audit", &gate.admin).await.json()["items"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn folders_are_0700_and_files_0600() {
    let gate = Gate::start().await;
    gate.token(&gate.admin, json!({"description": "x"})).await;
    let mut folders = vec![gate.context.folder.path().to_owned()];
    let mut files = 0;
    while let Some(folder) = folders.pop() {
        assert_eq!(folder.metadata().unwrap().mode() & 0o777, 0o700, "{folder:?}");
        for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
            let metadata = entry.metadata().unwrap();
            if metadata.is_dir() {
                folders.push(entry.path());
            } else {
                files += 1;
                assert_eq!(metadata.mode() & 0o777, 0o600, "{:?}", entry.path());
            }
        }
    }
    assert!(files >= 6, "{files}");
}

#[tokio::test]
async fn the_files_are_never_written_through_a_link() {
    let folder = private_folder();
    let data = folder.path().join("data");
    std::fs::create_dir(&data).unwrap();
    std::fs::set_permissions(&data, std::os::unix::fs::PermissionsExt::from_mode(0o700)).unwrap();
    let victim = folder.path().join("victim");
    std::fs::write(&victim, "precious").unwrap();
    let names = ["initial-admin-token", "initial-admin-password", ".initial-admin-token.new"];
    for name in names {
        std::os::unix::fs::symlink(&victim, data.join(name)).unwrap();
    }
    let gate = Gate::start_in(folder).await;
    assert_eq!(std::fs::read_to_string(&victim).unwrap(), "precious");
    for name in &names[..2] {
        assert!(data.join(name).symlink_metadata().unwrap().is_file(), "{name}");
    }
    gate.get("/whoami", &gate.admin).await.ok(200);
}

#[tokio::test]
async fn the_protected_paths_of_an_empty_database_can_be_given() {
    let gate = Gate::start().await;
    let folder = private_folder();
    let path = folder.path().join("data");
    let server = server_in(&path, Arc::clone(&gate.clock), &["/rest/", "/api/"]).await.unwrap();
    let stored = server.api.context.store.read().await.unwrap().settings().await.unwrap();
    assert_eq!(stored.settings.protected_paths, ["/rest/", "/api/"]);
    drop(server);

    let other = private_folder();
    let path = other.path().join("data");
    let refused = server_in(&path, Arc::clone(&gate.clock), &["rest"]).await.map(drop).unwrap_err();
    assert!(refused.to_string().contains("protected_paths[0]"), "{refused}");
    server_in(&path, Arc::clone(&gate.clock), &["/rest/"]).await.unwrap();
}

#[tokio::test]
async fn a_new_password_removes_the_files_of_the_first_start() {
    let gate = Gate::start().await;
    gate.person("fred", "user").await;
    let beside = gate.beside();
    let folder = &gate.context.folder;
    let files = || [folder.initial_password(), folder.initial_token()].map(|file| file.exists());
    let password = Password::parse("correct horse battery").unwrap();
    way_back::set_password(&beside, "fred", &password).await.unwrap();
    assert_eq!(files(), [true, true], "only the first admin's password counts");
    way_back::set_password(&beside, "admin", &password).await.unwrap();
    assert_eq!(files(), [false, false]);
    let nobody = way_back::set_password(&beside, "nobody", &password).await;
    assert!(matches!(nobody, Err(Error::NotFound("user"))));
    let audit = gate.get("/audit?limit=1", &gate.admin).await.ok(200);
    let entry = &audit["items"][0];
    assert_eq!((&entry["action"], &entry["actor"]), (&json!("user.updated"), &json!("data-folder")));
    assert!(!audit.to_string().contains("argon2"), "{audit}");
}

#[tokio::test]
async fn a_recovery_that_fails_leaves_the_token_of_the_one_before() {
    let gate = Gate::start().await;
    let beside = gate.beside();
    let file = way_back::recover(&beside, "admin").await.unwrap();
    let good = std::fs::read(&file).unwrap();
    gate.sql("CREATE TRIGGER no_entry BEFORE INSERT ON audit BEGIN SELECT RAISE(ABORT, 'full'); END").await;
    assert!(way_back::recover(&beside, "admin").await.is_err());
    assert_eq!(std::fs::read(&file).unwrap(), good);
    assert!(!file.with_file_name(".recovery-token.new").exists());
}

#[tokio::test]
async fn files_that_others_could_read_are_taken_from_them_and_links_refused() {
    let folder = Gate::start().await.crash().await;
    let data = folder.path().join("data");
    std::fs::set_permissions(data.join("audit.key"), std::fs::Permissions::from_mode(0o644)).unwrap();
    let folder = Gate::start_in(folder).await.crash().await;
    assert_eq!(data.join("audit.key").metadata().unwrap().mode() & 0o777, 0o600);
    let elsewhere = folder.path().join("elsewhere");
    std::fs::rename(data.join("serve.lock"), &elsewhere).unwrap();
    std::os::unix::fs::symlink(&elsewhere, data.join("serve.lock")).unwrap();
    let opened = DataFolder::open_or_create(&data).and_then(|folder| folder.lock().map(drop));
    assert!(opened.unwrap_err().to_string().contains("serve.lock is a link"));
}

#[tokio::test]
async fn recovery_makes_a_token_that_may_manage() {
    let gate = Gate::start().await;
    gate.person("fred", "user").await;
    gate.delete("/users/admin/tokens", &gate.admin).await.ok(200);
    gate.get("/whoami", &gate.admin).await.refused(401, "credentials_unknown");
    let beside = gate.beside();
    assert!(way_back::recover(&beside, "fred").await.is_err(), "no admin");
    let file = way_back::recover(&beside, "admin").await.unwrap();
    assert_eq!(file.metadata().unwrap().mode() & 0o777, 0o600);
    let token = std::fs::read_to_string(file).unwrap();
    let me = gate.get("/whoami", token.trim()).await.ok(200);
    assert_eq!(me["token"]["expires_at"], "2026-11-23T09:00:00Z");
    let audit = gate.get("/audit?limit=1", token.trim()).await.ok(200);
    assert_eq!(audit["items"][0]["actor"], "data-folder");
}
