use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};

use axum::body::Body;
use axum::http::{Method, Request};
use gatepass::policy::Policy;
use gatepass_control_plane::delivery::ecds::{self, EcdsFile};
use gatepass_control_plane::delivery::proto::{BytesValue, DiscoveryResponse, FailurePolicy};
use gatepass_control_plane::way_back;
use prost::Message as _;
use serde_json::json;

use crate::support::{Gate, private_folder};

#[tokio::test]
async fn the_file_is_a_discovery_response_and_only_its_configuration_changes() {
    let gate = Gate::start().await;
    let file = || DiscoveryResponse::decode(std::fs::read(gate.ecds_file()).unwrap().as_slice()).unwrap();
    let plugin = || ecds::plugin(&std::fs::read(gate.ecds_file()).unwrap()).unwrap();
    let version = gate.version().await;
    assert_eq!(file().version_info, format!("{}.{}", version.epoch, version.revision));
    let mut first = plugin();
    assert_eq!(first.failure_policy(), FailurePolicy::FailReload);
    let vm = first.vm_config.as_ref().unwrap();
    let code = vm.code.as_ref().unwrap().local.as_ref().unwrap();
    assert_eq!((vm.vm_id.as_str(), vm.runtime.as_str()), ("gatepass", "envoy.wasm.runtime.v8"));
    assert_eq!(code.filename, "/module.wasm");
    assert_eq!((first.name.as_str(), first.root_id.as_str()), ("gatepass", "gatepass"));
    let given = first.configuration.take().unwrap();
    assert_eq!(given.type_url, "type.googleapis.com/google.protobuf.BytesValue");
    let given = BytesValue::decode(given.value.as_slice()).unwrap().value;
    assert!(given.starts_with(&gatepass::compact::MAGIC) && Policy::parse(&given).is_ok());

    gate.token(&gate.admin, json!({"description": "x"})).await;
    let mut second = plugin();
    assert_ne!(second.configuration.take(), None);
    assert_ne!(file().version_info, format!("{}.{}", version.epoch, version.revision));
    assert_eq!(first, second, "anything else would cost a full compile");
}

#[tokio::test]
async fn each_change_raises_the_revision_by_one() {
    let gate = Gate::start().await;
    let before = gate.version().await;
    let made = gate.token(&gate.admin, json!({"description": "x"})).await;
    gate.delete(&format!("/tokens/{}", made["id"].as_str().unwrap()), &gate.admin).await;
    let after = gate.version().await;
    assert_eq!((&after.epoch, after.revision), (&before.epoch, before.revision + 2));
    assert_eq!(gate.delivered()["revision"], after.revision.to_string());
    assert_eq!(gate.delivered()["epoch"], after.epoch);
}

#[tokio::test]
async fn a_crash_between_commit_and_write_is_made_good_at_the_next_start() {
    let gate = Gate::start().await;
    let (old, token) = (std::fs::read(gate.ecds_file()).unwrap(), gate.admin.clone());
    gate.token(&token, json!({"description": "x"})).await;
    let (path, mut new) = (gate.ecds_file(), gate.delivered());
    let folder = gate.crash().await;
    // What the crash left: the commit, and the file from before it.
    std::fs::write(&path, old).unwrap();
    let gate = Gate::start_in(folder).await;
    new["epoch"] = json!(gate.version().await.epoch);
    assert_eq!(gate.delivered(), new);
    gate.get("/whoami", &token).await.ok(200);
}

#[tokio::test]
async fn a_change_by_another_process_is_delivered() {
    let gate = Gate::start().await;
    let beside = gate.beside();
    let before = gate.version().await;
    way_back::recover(&beside, "admin").await.unwrap();
    gate.caught_up().await;
    assert_eq!(gate.delivered()["revision"], (before.revision + 1).to_string());
}

#[tokio::test]
async fn not_ready_while_the_file_cannot_be_written() {
    let folder = private_folder();
    let in_the_way = folder.path().join("data").join("envoy").join("gatepass.ecds.pb");
    std::fs::create_dir_all(&in_the_way).unwrap();
    let data = folder.path().join("data");
    std::fs::set_permissions(&data, std::fs::Permissions::from_mode(0o700)).unwrap();
    let gate = Gate::start_in(folder).await;
    let ready = || gate.call(Method::GET, "/readyz", "", None);
    ready().await.refused(503, "not_ready");
    gate.call(Method::GET, "/healthz", "", None).await.ok(200);
    std::fs::remove_dir(&in_the_way).unwrap();
    gate.caught_up().await;
    ready().await.ok(200);
}

#[tokio::test]
async fn of_many_tokens_no_reply_waits_for_the_file_and_the_server_stays_ready() {
    let gate = Gate::start().await;
    gate.sql(
        "INSERT INTO tokens (id, sha256, user_id, creator, description, description_key, created_at, allowed_ips, prefix,
                             hint, control_plane, disabled_at, disabled_by)
         WITH RECURSIVE n(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n <= 50000)
         SELECT printf('x%07d', n), randomblob(32), 1, 'admin', 'x', 'x', 1, '[]', 'gp_', 'abcd', 0, 1, 'admin' FROM n",
    )
    .await;
    let gate = Gate::start_in(gate.crash().await).await;
    let tokens = |gate: &Gate| gate.delivered()["tokens"].as_array().unwrap().len();
    let before = tokens(&gate);
    assert!(before > 50_000, "{before}");
    let made = gate.post("/tokens", &gate.admin, json!({"description": "x"})).await;
    assert!(made.status == 201 && made.headers.get("gatepass-revision").is_none(), "{made:?}");
    gate.call(Method::GET, "/readyz", "", None).await.ok(200);
    gate.caught_up().await;
    assert_eq!(tokens(&gate), before + 1);
}

#[tokio::test]
async fn every_start_begins_an_epoch_so_that_nothing_put_back_from_a_backup_is_ignored() {
    let gate = Gate::start().await;
    let first = gate.version().await;
    let mut folder = gate.crash().await;
    let file = |folder: &std::path::Path| folder.join("data/envoy/gatepass.ecds.pb");
    let old_file = std::fs::read(file(folder.path())).unwrap();
    let mut epochs = vec![first.epoch.clone()];
    // As it was, without the file, and with database and file both put back to revision 1.
    for put_back in [None, Some(None), Some(Some(&old_file))] {
        match put_back {
            None => {}
            Some(None) => std::fs::remove_file(file(folder.path())).unwrap(),
            Some(Some(old)) => std::fs::write(file(folder.path()), old).unwrap(),
        }
        let gate = Gate::start_in(folder).await;
        let version = gate.version().await;
        assert_eq!(gate.delivered()["epoch"], version.epoch);
        assert!(!epochs.contains(&version.epoch), "{epochs:?} {version:?}");
        epochs.push(version.epoch);
        gate.token(&gate.admin, json!({"description": "x"})).await;
        let back = "UPDATE meta SET revision = 1";
        gate.sql(back).await;
        folder = gate.crash().await;
    }
}

#[tokio::test]
async fn a_file_that_somebody_else_changed_or_removed_is_written_again() {
    let gate = Gate::start().await;
    let good = std::fs::read(gate.ecds_file()).unwrap();
    std::fs::write(gate.ecds_file(), "{}").unwrap();
    gate.until(|| std::fs::read(gate.ecds_file()).unwrap() == good).await;
    std::fs::remove_file(gate.ecds_file()).unwrap();
    gate.until(|| std::fs::read(gate.ecds_file()).is_ok_and(|now| now == good)).await;
    gate.caught_up().await;
    gate.call(Method::GET, "/readyz", "", None).await.ok(200);
}

#[tokio::test]
async fn two_servers_do_not_write_one_file() {
    let gate = Gate::start().await;
    let module = std::path::PathBuf::from("/module.wasm");
    let second = EcdsFile::new(gate.ecds_file(), module.clone());
    assert!(second.unwrap_err().to_string().contains("--ecds-file"));
    assert!(EcdsFile::new(gate.ecds_file().with_file_name("other.pb"), module.clone()).is_ok());
    let json = EcdsFile::new(gate.ecds_file().with_file_name("other.json"), module);
    assert!(json.unwrap_err().to_string().contains(".pb"), "Envoy would take it for JSON");
}

#[tokio::test]
async fn the_file_is_replaced_not_written_to_and_nobody_else_reads_it() {
    let gate = Gate::start().await;
    let victim = gate.folder.path().join("victim");
    std::fs::write(&victim, "precious").unwrap();
    std::fs::remove_file(gate.ecds_file()).unwrap();
    std::os::unix::fs::symlink(&victim, gate.ecds_file()).unwrap();
    let temporary = gate.ecds_file().with_file_name(".gatepass.ecds.pb.new");
    std::os::unix::fs::symlink(&victim, &temporary).unwrap();
    gate.token(&gate.admin, json!({"description": "x"})).await;
    assert_eq!(std::fs::read_to_string(&victim).unwrap(), "precious");
    let metadata = gate.ecds_file().symlink_metadata().unwrap();
    assert!(metadata.is_file() && metadata.mode() & 0o777 == 0o600);
    assert!(temporary.symlink_metadata().is_err());
}

#[tokio::test]
async fn the_snapshot_has_an_etag() {
    let gate = Gate::start().await;
    let reply = gate.get("/snapshot", &gate.admin).await;
    let tag = reply.header("etag").to_owned();
    assert_eq!(reply.ok(200), gate.delivered());
    let again = async |tag: &str| {
        let request = Request::builder().uri("/api/v1/snapshot").header("host", "localhost");
        let request = request.header("authorization", format!("Bearer {}", gate.admin));
        gate.send(request.header("if-none-match", tag).body(Body::empty()).unwrap()).await.status.as_u16()
    };
    assert_eq!(again(&tag).await, 304);
    assert_eq!(again("\"x\"").await, 200);
    gate.token(&gate.admin, json!({"description": "x"})).await;
    assert_eq!(again(&tag).await, 200);
}
