use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Output, Stdio};

use gatepass::compact;
use gatepass::config::wire::PluginConfiguration;
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::support::Place;

/// In the order of the digests, as every decoded configuration is.
fn configuration(tokens: u32) -> Value {
    let mut listed: Vec<Value> = (0..tokens)
        .map(|n| {
            let digest = hex::encode(Sha256::digest(n.to_le_bytes()));
            json!({"id": format!("t{n}"), "sha256": digest, "user": format!("user{}", n / 10)})
        })
        .collect();
    listed.sort_by_key(|token| token["sha256"].as_str().unwrap().to_owned());
    json!({"version": 1, "epoch": "a1", "revision": "7", "settings": {"protected_paths": ["/rest/"]}, "tokens": listed})
}

/// A folder with the configuration in `in.json`.
fn place(tokens: u32) -> Place {
    let place = Place::new();
    fs::write(place.folder.path().join("in.json"), configuration(tokens).to_string()).unwrap();
    place
}

fn run(place: &Place, arguments: &[&str]) -> Output {
    place.command(&[&["snapshot"], arguments].concat()).output().unwrap()
}

#[track_caller]
fn succeeds(place: &Place, arguments: &[&str]) -> Vec<u8> {
    let output = run(place, arguments);
    assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
    output.stdout
}

fn read(bytes: &[u8]) -> PluginConfiguration {
    serde_json::from_slice(bytes).unwrap()
}

#[test]
fn every_form_decodes_to_what_was_encoded() {
    let place = place(2000);
    let file = |name: &str| place.folder.path().join(name);
    let wanted = read(configuration(2000).to_string().as_bytes());
    assert!(succeeds(&place, &["encode", "in.json", "-o", "out.bin"]).is_empty());
    assert!(succeeds(&place, &["encode", "--base64-in-json", "in.json", "--output", "out.json"]).is_empty());
    assert!(fs::read(file("out.bin")).unwrap().starts_with(&compact::MAGIC));
    let within: Value = serde_json::from_slice(&fs::read(file("out.json")).unwrap()).unwrap();
    assert!(within["token_set"].is_string() && within.get("tokens").is_none());
    for form in ["in.json", "out.bin", "out.json"] {
        let decoded = succeeds(&place, &["decode", form]);
        assert_eq!(read(&decoded), wanted, "{form}");
        assert!(decoded.iter().filter(|b| **b == b'\n').count() > 2000, "to be read");
        let again = succeeds(&place, &["encode", form, "-o", "-"]);
        assert_eq!(again, fs::read(file("out.bin")).unwrap(), "{form}: one set of tokens has one encoding");
    }
    assert_eq!(file("out.bin").metadata().unwrap().permissions().mode() & 0o777, 0o600);
}

#[test]
fn without_names_it_reads_standard_input_and_writes_standard_output() {
    let place = place(3);
    let input = || Stdio::from(File::open(place.folder.path().join("in.json")).unwrap());
    for arguments in [&["snapshot", "encode"][..], &["snapshot", "encode", "-"]] {
        let output = place.command(arguments).stdin(input()).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        assert_eq!(compact::decode(&output.stdout).unwrap(), read(configuration(3).to_string().as_bytes()));
    }
}

#[test]
fn a_terminal_gets_no_bytes() {
    let place = place(1);
    let controller = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).unwrap();
    grantpt(&controller).unwrap();
    unlockpt(&controller).unwrap();
    let name = ptsname(&controller, Vec::new()).unwrap().into_string().unwrap();
    let terminal = || File::options().read(true).write(true).open(&name).unwrap();
    let encode = |more: &[&str]| {
        let mut command = place.command(&[&["snapshot", "encode", "in.json"], more].concat());
        command.stdout(terminal()).stderr(Stdio::piped()).output().unwrap()
    };
    let refused = encode(&[]);
    let said = String::from_utf8(refused.stderr).unwrap();
    assert!(!refused.status.success() && said.contains("--output"), "{said}");
    assert!(encode(&["--base64-in-json"]).status.success());
    assert!(encode(&["-o", "out.bin"]).status.success());
}

#[test]
fn a_refusal_names_the_field_and_leaves_what_was_there() {
    let place = place(2);
    let folder = place.folder.path();
    fs::write(folder.join("out.bin"), "before").unwrap();
    for (pointer, wrong, field) in [
        ("/tokens/1/id", json!("ä"), "tokens[1].id"),
        ("/settings/protected_paths/0", json!("rest"), "settings.protected_paths[0]"),
        ("/revision", json!(7), "revision"),
    ] {
        let mut configuration = configuration(2);
        *configuration.pointer_mut(pointer).unwrap() = wrong;
        fs::write(folder.join("wrong.json"), configuration.to_string()).unwrap();
        for action in ["encode", "decode"] {
            let said = place.refusal(&["snapshot", action, "wrong.json", "-o", "out.bin"]);
            assert!(said.contains(field), "{action} {said}");
        }
        assert!(place.refusal(&["snapshot", "inspect", "wrong.json"]).contains(field));
    }
    assert_eq!(fs::read(folder.join("out.bin")).unwrap(), b"before");
    assert!(place.refusal(&["snapshot", "decode", "nosuch"]).contains("nosuch"));
    assert!(place.refusal(&["snapshot", "encode", "in.json", "-o", "no/folder"]).contains("no/folder"));
    fs::create_dir(folder.join("in-the-way")).unwrap();
    let said = place.refusal(&["snapshot", "encode", "in.json", "-o", "in-the-way"]);
    assert!(said.contains("no regular file"), "{said}");
    let hidden = |entry: &fs::DirEntry| entry.file_name().to_string_lossy().starts_with('.');
    assert!(!fs::read_dir(folder).unwrap().flatten().any(|entry| hidden(&entry)), "nothing half written");
}

#[test]
fn inspect_tells_what_is_in_every_form() {
    let place = place(2000);
    succeeds(&place, &["encode", "in.json", "-o", "out.bin"]);
    succeeds(&place, &["encode", "--base64-in-json", "in.json", "-o", "out.json"]);
    let inspect = |form| String::from_utf8(succeeds(&place, &["inspect", form])).unwrap();
    for (form, format) in
        [("in.json", "JSON\n"), ("out.bin", "compact, format 1\n"), ("out.json", "token_set")]
    {
        let said = inspect(form);
        let size = fs::metadata(place.folder.path().join(form)).unwrap().len();
        let each = format!("tokens    2000, {}.{} bytes each\n", size / 2000, size * 10 / 2000 % 10);
        for part in [&format!("size      {size} bytes\n"), format, &each, "epoch     a1\n", "revision  7\n"] {
            assert!(said.contains(part), "{part:?} in {said}");
        }
        assert!(said.contains("users     200\n"), "{said}");
        assert_eq!(said.contains("names     all right\n"), form != "in.json", "{said}");
    }
    let bytes = fs::read(place.folder.path().join("out.bin")).unwrap();
    let chunks = compact::parts(&bytes).unwrap().chunks;
    let (least, most) = (chunks.iter().map(|c| c.tokens).min(), chunks.iter().map(|c| c.tokens).max());
    let line = format!("chunks    {} of {} to {} tokens\n", chunks.len(), least.unwrap(), most.unwrap());
    assert!(inspect("out.bin").contains(&line), "{line}");
}

#[test]
fn inspect_finds_a_chunk_under_a_wrong_name() {
    let place = place(2000);
    succeeds(&place, &["encode", "in.json", "-o", "out.bin"]);
    let file = place.folder.path().join("out.bin");
    let mut bytes = fs::read(&file).unwrap();
    let json = u32::from_le_bytes(bytes[16..20].try_into().unwrap()) as usize;
    let list = compact::HEAD + json;
    let parts = compact::parts(&bytes).unwrap();
    let end = list + (parts.chunks.len() + parts.ids.len()) * compact::LISTED;
    bytes[list + compact::LISTED] ^= 1;
    let fails = || {
        let output = run(&place, &["inspect", "out.bin"]);
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap())
    };
    fs::write(&file, &bytes).unwrap();
    assert!(fails().1.contains("checksum"), "damaged on its way");
    // By somebody who computes checksums.
    let checksum = twox_hash::XxHash64::oneshot(0, &bytes[compact::CHECKED_FROM..end]) as u32;
    bytes[compact::CHECKED_FROM - 4..compact::CHECKED_FROM].copy_from_slice(&checksum.to_le_bytes());
    fs::write(&file, &bytes).unwrap();
    let (said, error) = fails();
    assert!(said.contains("names     wrong\n") && error.contains("chunks[1]: "), "{said} {error}");
}
