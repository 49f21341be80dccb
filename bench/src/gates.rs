//! The Envoy with all listeners of the comparison.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context as _;

use crate::bootstrap::{Bootstrap, basic_auth, ext_authz, lua, seatbelt};
use crate::child::Child;
use crate::clock::wait_for;
use crate::ecds::{API_KEY_AUTH, Discovered, Form, WASM, wasm};
use crate::envoy::{Envoy, Program};
use crate::http::Connection;
use crate::machine::{pin, real_time};
use crate::proto::{ApiKeyAuth, Credential, Forwarding, KeySource};
use crate::random::Random;
use crate::tokens::Tokens;
use crate::variants::{Credentials, RIVALS_KNOW, Variant, gatepass_listener};

/// The modules under test.
#[derive(Clone, Debug)]
pub struct Modules {
    /// The filter.
    pub gatepass: PathBuf,
    /// The filter that does nothing.
    pub noop: PathBuf,
    /// The filter that makes an admitted request's host calls, and decides nothing.
    pub calls: PathBuf,
    /// The filter that only copies its configuration.
    pub copy: PathBuf,
    /// The filter that only has itself called once a second.
    pub ticks: PathBuf,
}

/// Envoy and the ext_authz server.
pub struct Gates {
    /// The proxy.
    pub envoy: Envoy,
    server: Child,
}

impl Gates {
    /// Starts both, with Gatepass tables of these sizes.
    ///
    /// # Errors
    /// One does not come up.
    pub fn start(
        program: &Program,
        modules: &Modules,
        tokens: &Tokens,
        sizes: &[usize],
        form: Form,
    ) -> anyhow::Result<Self> {
        let plain = program.folder.join("tokens.txt");
        tokens.write_plain(RIVALS_KNOW, &plain)?;
        let (server, address) = start_server(program, &plain)?;
        let mut bootstrap = Bootstrap::default();
        bootstrap.cluster("ext-authz", address);
        bootstrap.cluster("gatepass", address);
        bootstrap.listener("bare", Vec::new());
        let folder = &program.folder;
        bootstrap.listener("noop", vec![bare_filter(folder, "noop", &modules.noop)?]);
        bootstrap.listener("calls", vec![bare_filter(folder, "calls", &modules.calls)?]);
        for size in sizes {
            let filter = gatepass(folder, modules, &gatepass_listener(*size), tokens, *size, form, false)?;
            bootstrap.listener(&gatepass_listener(*size), vec![filter]);
        }
        for (name, reports) in [("gatepass-seatbelt", false), ("gatepass-reports", true)] {
            let filter = gatepass(folder, modules, name, tokens, RIVALS_KNOW, form, reports)?;
            let mut filters = vec![filter];
            if !reports {
                filters.push(seatbelt());
            }
            bootstrap.listener(name, filters);
        }
        bootstrap.listener("api-key-auth", vec![api_key_auth(folder, tokens)?]);
        let users = folder.join("users.htpasswd");
        tokens.write_htpasswd(RIVALS_KNOW, &users)?;
        bootstrap.listener("basic-auth", vec![basic_auth(&users)]);
        bootstrap.listener("lua", vec![lua(&lua_script(folder, &plain)?)]);
        bootstrap.listener("ext-authz", vec![ext_authz("ext-authz")]);
        Ok(Self { envoy: Envoy::start(program, "compared", &bootstrap, (1, "warning"))?, server })
    }

    /// Nanoseconds that the ext_authz server has run.
    ///
    /// # Errors
    /// As [`crate::accounting::process_ns`].
    pub fn server_ns(&self) -> anyhow::Result<u64> {
        crate::accounting::process_ns(self.server.id())
    }

    /// Usage reports that Envoy has sent for the filter.
    ///
    /// # Errors
    /// The system's.
    pub fn reports(&self) -> anyhow::Result<u64> {
        self.envoy.statistic("cluster.gatepass.upstream_rq_total")
    }

    /// Sends one request of each variant and looks at what an upstream would be told: a variant that lets a request
    /// through without doing its work is not worth measuring.
    ///
    /// # Errors
    /// The first variant that does not do what it should.
    pub fn check(&self, variants: &[Variant], tokens: &Tokens) -> anyhow::Result<()> {
        for variant in variants {
            let mut connection = Connection::open(self.envoy.listener(&variant.listener)?)?;
            let requests = variant.requests(1, "/check", tokens, &mut Random::new(7));
            let (status, text) = connection.exchange(requests.get(0))?;
            let told = |what: &str| text.contains(what);
            let (user, id) =
                (told("\"user\":\"user-") || told("\"user\":\"only-"), told("\"token_id\":\"01"));
            let kept = told("\"authorization\":\"B");
            let expected = match variant.listener.as_str() {
                _ if variant.credentials == Credentials::Unknown => (403, false, false, false),
                "bare" | "noop" => (200, false, false, true),
                // They know no ids, and basic_auth cannot take the credentials away.
                "api-key-auth" => (200, true, false, false),
                "basic-auth" => (200, true, false, true),
                _ => (200, true, true, false),
            };
            let key = &variant.key;
            anyhow::ensure!((status, user, id, kept) == expected, "{key} does not do its work: {text}");
        }
        Ok(())
    }
}

fn start_server(program: &Program, tokens: &Path) -> anyhow::Result<(Child, std::net::SocketAddr)> {
    let file = program.folder.join("ext-authz.address");
    let itself = std::env::current_exe()?;
    let arguments = ["serve-ext-authz".into(), tokens.into(), file.clone().into()];
    let mut server = Child::start(&itself, &arguments, &program.folder.join("ext-authz.log"))?;
    let address = wait_for("the ext_authz server", Duration::from_secs(30), || {
        server.check()?;
        Ok(std::fs::read_to_string(&file).ok().and_then(|text| text.parse().ok()))
    })?;
    for thread in crate::accounting::threads(server.id())? {
        pin(Some(thread), program.processors.others)?;
        real_time(thread);
    }
    Ok((server, address))
}

fn bare_filter(folder: &Path, name: &str, module: &Path) -> anyhow::Result<serde_json::Value> {
    let mut filter = Discovered::new(name, WASM, folder);
    filter.write(&wasm(name, name, module, None))?;
    Ok(filter.filter())
}

/// Each table in a VM of its own, so that none is measured in the memory of another.
fn gatepass(
    folder: &Path,
    modules: &Modules,
    name: &str,
    tokens: &Tokens,
    size: usize,
    form: Form,
    reports: bool,
) -> anyhow::Result<serde_json::Value> {
    let mut filter = Discovered::new(name, WASM, folder);
    let configuration = form.encode(&tokens.configuration(size, reports))?;
    filter.write(&wasm(name, name, &modules.gatepass, Some(configuration)))?;
    Ok(filter.filter())
}

fn api_key_auth(folder: &Path, tokens: &Tokens) -> anyhow::Result<serde_json::Value> {
    let credential = |index| Credential { key: tokens.plain(index).to_owned(), client: Tokens::user(index) };
    let message = ApiKeyAuth {
        credentials: (0..RIVALS_KNOW).map(credential).collect(),
        key_sources: vec![KeySource { header: "authorization".to_owned() }],
        forwarding: Some(Forwarding { header: "x-gatepass-user".to_owned(), hide_credentials: true }),
    };
    let mut filter = Discovered::new("api-key-auth", API_KEY_AUTH, folder);
    filter.write(&message)?;
    Ok(filter.filter())
}

fn lua_script(folder: &Path, tokens: &Path) -> anyhow::Result<PathBuf> {
    let path = folder.join("gate.lua");
    let tokens = tokens.to_str().context("the folder's name is not UTF-8")?;
    std::fs::write(&path, include_str!("gate.lua").replace("@TOKENS@", tokens))?;
    Ok(path)
}
