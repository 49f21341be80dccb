//! A history of configurations: each follows from those before, or tries to undo them.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{Random, breakage, configuration};
use crate::reference::token;

/// A token that is, or was, or was nearly in some configuration.
#[derive(Clone, Debug)]
pub struct Known {
    /// The whole token.
    pub secret: String,
    /// Its owner, when last seen.
    pub user: String,
}

/// What is pushed.
#[derive(Clone, Debug)]
pub enum Content {
    /// A valid configuration; its revision says whether it is to be taken up.
    Valid(Value),
    /// The text of one that is to be rejected.
    Broken(String),
}

/// A push, and what the author meant by it.
#[derive(Clone, Debug)]
pub struct Push {
    /// In a few words.
    pub what: String,
    /// What is pushed.
    pub content: Content,
    /// Whether it is to be enforced from now on.
    pub taken: bool,
    /// A token that only this one refuses by name.
    pub probe: String,
}

/// The configuration in force and what came before.
#[derive(Debug)]
pub struct World {
    random: Random,
    configuration: Value,
    known: BTreeMap<String, Known>,
    earlier: Vec<Value>,
    highest: BTreeMap<String, u64>,
    made: u64,
}

impl World {
    /// A first configuration. `now` is Unix time in seconds.
    pub fn new(mut random: Random, now: u64) -> Self {
        let (settings, scopes) = (configuration::settings(&mut random), configuration::scopes(&mut random));
        let configuration =
            json!({"version": 1, "revision": "1", "settings": settings, "scopes": scopes, "tokens": []});
        let (known, earlier, highest) = Default::default();
        let mut world = Self { random, configuration, known, earlier, highest, made: 0 };
        world.add_tokens(20, now);
        let first = world.finished(world.configuration.clone(), "", 1);
        world.take(first);
        world
    }

    /// The configuration in force.
    pub fn configuration(&self) -> &Value {
        &self.configuration
    }

    /// The secrets of the tokens in force, and of all that ever were.
    pub fn known(&self) -> (Vec<&Known>, Vec<&Known>) {
        let tokens = self.configuration["tokens"].as_array().expect("tokens");
        let in_force = tokens.iter().filter_map(|token| self.known.get(token["sha256"].as_str()?)).collect();
        (in_force, self.known.values().collect())
    }

    /// The token that only the configuration in force refuses by name; it must pass the global address list.
    pub fn probe(&self) -> &str {
        self.probe_of(&self.configuration)
    }

    fn probe_of(&self, configuration: &Value) -> &str {
        let last = configuration["tokens"].as_array().and_then(|tokens| tokens.last()).expect("a probe");
        &self.known[last["sha256"].as_str().expect("a digest")].secret
    }

    /// The next push. `now` is Unix time in seconds.
    pub fn push(&mut self, now: u64) -> Push {
        let (epoch, highest) = self.place();
        match self.random.below(100) {
            choice @ 0..66 => {
                let what = self.change(choice, now);
                let revision = highest + self.random.below(3) as u64;
                self.next(what, &epoch, revision)
            }
            66..72 => {
                self.change(self.made as usize % 70, now);
                let epoch = format!("e-{}.{}", self.made, self.random.below(10));
                let revision = self.random.below(3) as u64;
                self.next("a new epoch", &epoch, revision)
            }
            72..76 => {
                let epochs: Vec<(String, u64)> = self.highest.clone().into_iter().collect();
                let (epoch, highest) = self.random.item(&epochs).clone();
                self.change(0, now);
                self.next("an epoch from before", &epoch, highest + 1)
            }
            76..90 => self.stale(now),
            _ => self.broken(&epoch, highest + 1, now),
        }
    }

    fn place(&self) -> (String, u64) {
        let epoch = self.configuration["epoch"].as_str().unwrap_or_default().to_owned();
        let highest = self.highest[&epoch];
        (epoch, highest)
    }

    /// Along with any change: a token that is about to end, and at times another value for one setting.
    fn vary(&mut self, now: u64) {
        let secret = configuration::secret(&mut self.random, &self.configuration);
        let seconds = now + self.random.below(3) as u64;
        self.tokens().retain(|token| token["id"] != "ending");
        self.add("ending", secret, now);
        let token = self.tokens().last_mut().and_then(Value::as_object_mut).expect("the new token");
        token.retain(|field, _| matches!(field.as_str(), "id" | "sha256" | "user"));
        token.insert("expires_at".to_owned(), json!(seconds));
        if self.random.percent(40) {
            let settings = configuration::settings(&mut self.random);
            let settings: Vec<(&String, &Value)> = settings.as_object().into_iter().flatten().collect();
            if !settings.is_empty() {
                let (name, value) = self.random.item(&settings);
                self.configuration["settings"][name.as_str()] = (*value).clone();
            }
        }
    }

    /// Changes the configuration in force.
    fn change(&mut self, choice: usize, now: u64) -> &'static str {
        self.vary(now);
        let count = self.tokens().len();
        match choice {
            0..25 if count > 0 => {
                let at = self.random.below(count);
                let token = self.tokens().remove(at);
                let id = token["id"].as_str().expect("an id").to_owned();
                let secret = self.known[token["sha256"].as_str().expect("a digest")].secret.clone();
                self.add(&id, secret, now);
                "one token changed"
            }
            25..38 if count > 0 => {
                let at = self.random.below(count);
                self.tokens().remove(at);
                "one token revoked"
            }
            38..44 => {
                let all: Vec<Known> = self.known.values().cloned().collect();
                let secret = self.random.item(&all).secret.clone();
                let digest = token::digest(secret.as_bytes());
                self.tokens().retain(|token| token["sha256"] != digest.as_str());
                self.made += 1;
                self.add(&format!("again-{}", self.made), secret, now);
                "an old token added again"
            }
            44..57 => {
                self.configuration["settings"] = configuration::settings(&mut self.random);
                "other settings"
            }
            57..61 => {
                self.configuration["scopes"] = configuration::scopes(&mut self.random);
                let scopes = self.configuration["scopes"].clone();
                self.tokens()
                    .retain(|token| token["scope"].as_str().is_none_or(|name| scopes.get(name).is_some()));
                "other scopes"
            }
            61..66 => {
                self.tokens().clear();
                let count = self.random.below(40);
                self.add_tokens(count, now);
                "all tokens replaced"
            }
            _ => {
                self.add_tokens(3, now);
                "more tokens"
            }
        }
    }

    /// A push that is taken.
    fn next(&mut self, what: &str, epoch: &str, revision: u64) -> Push {
        let configuration = self.finished(self.configuration.clone(), epoch, revision);
        self.take(configuration.clone());
        self.valid(what, configuration, true)
    }

    /// An old file, or one that its author gave too low a revision: neither is taken up.
    fn stale(&mut self, now: u64) -> Push {
        let (epoch, highest) = self.place();
        let old = |c: &&Value| {
            let (epoch, revision) =
                (c["epoch"].as_str().unwrap_or_default(), c["revision"].as_str().unwrap_or_default());
            revision.parse::<u64>().is_ok_and(|revision| revision < self.highest[epoch])
        };
        let old: Vec<Value> = self.earlier.iter().filter(old).cloned().collect();
        if !old.is_empty() && (self.random.percent(50) || highest == 0) {
            let stale = self.random.item(&old).clone();
            return self.valid("an old file", stale, false);
        }
        if highest == 0 {
            return self.broken(&epoch, 1, now);
        }
        let in_force = self.configuration.clone();
        let choice = self.random.below(70);
        self.change(choice, now);
        let revision = highest - 1 - (self.random.below(3) as u64).min(highest - 1);
        let stale = self.finished(self.configuration.clone(), &epoch, revision);
        self.configuration = in_force;
        self.valid("a change with a lower revision", stale, false)
    }

    fn valid(&self, what: &str, configuration: Value, taken: bool) -> Push {
        let probe = self.probe_of(&configuration).to_owned();
        Push { what: what.to_owned(), content: Content::Valid(configuration), taken, probe }
    }

    fn broken(&mut self, epoch: &str, revision: u64, now: u64) -> Push {
        let in_force = self.configuration.clone();
        let choice = self.random.below(70);
        self.change(choice, now);
        let whole = self.finished(self.configuration.clone(), epoch, revision);
        self.configuration = in_force;
        let probe = self.probe_of(&whole).to_owned();
        let (what, text) = breakage::broken(&mut self.random, &whole);
        Push { what: format!("broken: {what}"), content: Content::Broken(text), taken: false, probe }
    }

    /// With its place in history and a probe of its own.
    fn finished(&mut self, mut configuration: Value, epoch: &str, revision: u64) -> Value {
        if epoch.is_empty() && self.random.percent(50) {
            configuration.as_object_mut().expect("an object").remove("epoch");
        } else {
            configuration["epoch"] = json!(epoch);
        }
        configuration["revision"] = json!(revision.to_string());
        self.made += 1;
        let secret = configuration::secret(&mut self.random, &configuration);
        let digest = token::digest(secret.as_bytes());
        let probe = json!({"id": format!("probe-{}", self.made), "sha256": digest, "user": "probe",
                           "refuse": "token_disabled"});
        self.known.insert(digest, Known { secret, user: "probe".to_owned() });
        configuration["tokens"].as_array_mut().expect("tokens").push(probe);
        configuration
    }

    fn take(&mut self, configuration: Value) {
        let epoch = configuration["epoch"].as_str().unwrap_or_default().to_owned();
        let revision = configuration["revision"].as_str().and_then(|r| r.parse().ok()).expect("a revision");
        self.highest.insert(epoch, revision);
        self.earlier.push(configuration.clone());
        if self.earlier.len() > 20 {
            let at = self.random.below(20);
            self.earlier.remove(at);
        }
        self.configuration = configuration;
    }

    /// The tokens in force, without the probe: a change is always followed by a new one.
    fn tokens(&mut self) -> &mut Vec<Value> {
        let tokens = self.configuration["tokens"].as_array_mut().expect("tokens");
        tokens.retain(|token| token["user"] != "probe");
        tokens
    }

    fn add_tokens(&mut self, count: usize, now: u64) {
        for _ in 0..count {
            self.made += 1;
            let secret = configuration::secret(&mut self.random, &self.configuration);
            self.add(&format!("t{}", self.made), secret, now);
        }
    }

    fn add(&mut self, id: &str, secret: String, now: u64) {
        let entry = configuration::entry(&mut self.random, id, &secret, &self.configuration["scopes"], now);
        let user = entry["user"].as_str().expect("a user").to_owned();
        self.known.insert(entry["sha256"].as_str().expect("a digest").to_owned(), Known { secret, user });
        self.tokens().push(entry);
    }
}
