//! Pushes, requests and their comparison.

use std::collections::BTreeMap;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use gatepass_tests::random::Random;
use gatepass_tests::random::pushes::{Content, World};
use gatepass_tests::random::requests::{probe, request};
use gatepass_tests::reference::enforced::Enforced;
use gatepass_tests::reference::policy::Policy;
use gatepass_tests::wait;

use super::compare::{Difference, compare, shrunk};
use super::gate::{Answered, FORMS, Gate, encode_damaged, encode_push, string_value};
use super::wire::Line;

/// Connections that ask at the same time.
const LINES: usize = 6;
/// Differences of one kind that are described, and kinds after which a run stops.
const ENOUGH: usize = 3;
const KINDS: usize = 12;

/// How a run goes.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// Decides everything but the time of day.
    pub seed: u64,
    /// How many, in all.
    pub requests: u64,
    /// How many; the first configuration is not one.
    pub pushes: u64,
}

/// A run under way.
struct Run {
    plan: Plan,
    gate: Gate,
    world: World,
    /// Decides how configurations are written.
    forms: Random,
    enforced: Enforced,
    lines: Vec<Line>,
    /// Tokens that tell which configuration is in force: of all those that were pushed last.
    probes: Vec<String>,
    asked: u64,
    decisions: BTreeMap<String, u64>,
    pushes: BTreeMap<String, u64>,
    differences: Kinds,
    /// What is enforced is no longer known.
    derailed: bool,
    started: Instant,
}

/// Descriptions of differences by their kind, and how many of each there were.
type Kinds = BTreeMap<String, (u64, Vec<String>)>;

/// What one connection has asked under one configuration.
#[derive(Default)]
struct Share {
    decisions: BTreeMap<String, u64>,
    differences: Vec<Difference>,
}

/// Compares as planned.
///
/// # Panics
/// When there was a difference.
pub fn run(plan: Plan) {
    println!("{plan:?}");
    let mut run = Run::start(plan);
    run.ask(0, "the first configuration");
    for number in 1..=plan.pushes {
        let what = run.push();
        if !run.derailed {
            run.ask(number, &what);
        }
        if run.differences.len() >= KINDS || run.derailed {
            break;
        }
    }
    run.report();
}

impl Run {
    fn start(plan: Plan) -> Self {
        let started = wait::now();
        let world = World::new(Random::new(&[plan.seed]), now());
        let mut enforced = Enforced::default();
        enforced.offer(Policy::read(world.configuration()));
        let mut forms = Random::new(&[plan.seed, u64::MAX]);
        let gate = Gate::start(encode_push(world.configuration(), *forms.item(&FORMS)));
        let lines = (0..LINES).map(|_| Line::new(gate.envoy.http())).collect();
        let (probes, decisions, pushes, differences) = Default::default();
        let (asked, derailed) = (0, false);
        Self {
            plan,
            gate,
            world,
            forms,
            enforced,
            lines,
            probes,
            asked,
            decisions,
            pushes,
            differences,
            derailed,
            started,
        }
    }

    /// Pushes the next configuration and waits until what becomes of it holds; says what it was.
    fn push(&mut self) -> String {
        let push = self.world.push(now());
        let (configuration, accepted, form) = match &push.content {
            Content::Valid(configuration) => {
                let taken = self.enforced.offer(Policy::read(configuration));
                assert_eq!(taken, push.taken, "the generator meant otherwise: {}", push.what);
                let form = *self.forms.item(&FORMS);
                (encode_push(configuration, form), Answered::Taken, format!("{form:?}"))
            }
            Content::Broken(_) if self.forms.percent(40) => {
                let damaged = encode_damaged(self.world.configuration(), &mut self.forms);
                (damaged, Answered::Rejected, "one bit turned".to_owned())
            }
            Content::Broken(text) => (string_value(text), Answered::Rejected, "Json".to_owned()),
        };
        let answered = self.gate.push(configuration.clone());
        if answered != accepted {
            let log = self.gate.envoy.log();
            let log = log.lines().rfind(|line| line.contains("refused")).unwrap_or_default();
            let was = format!("seed {}: {} ({form}) was {answered:?}", self.plan.seed, push.what);
            let about = format!("{was}\n  configuration: {configuration}\n  Envoy's log: {log}");
            self.derailed = true;
            self.differences.insert(push.what.clone(), (1, vec![about]));
        }
        let kind = push.what.split(':').next().unwrap_or_default().to_owned();
        *self.pushes.entry(format!("{kind}, {form}")).or_default() += 1;
        self.probes = vec![self.world.probe().to_owned(), push.probe];
        push.what
    }

    /// Asks this configuration's part of the requests, on all connections at once.
    fn ask(&mut self, number: u64, what: &str) {
        // Of what remains, so that no request is lost to rounding.
        let count = (self.plan.requests - self.asked) / (self.plan.pushes + 1 - number);
        let (seed, world, probes) = (self.plan.seed, &self.world, &self.probes);
        let policy = self.enforced.policy().expect("the first configuration at least");
        let shares: Vec<Share> = std::thread::scope(|scope| {
            let asking: Vec<_> = self
                .lines
                .iter_mut()
                .zip(0..)
                .map(|(line, at)| {
                    let count = count / LINES as u64 + u64::from(at < count % LINES as u64);
                    let random = Random::new(&[seed, number, at]);
                    scope.spawn(move || ask_some(line, random, world, policy, probes, count))
                })
                .collect();
            asking.into_iter().map(|thread| thread.join().expect("answers")).collect()
        });
        self.asked += count;
        for share in shares {
            for (decision, count) in share.decisions {
                *self.decisions.entry(decision).or_default() += count;
            }
            for difference in share.differences {
                let (count, described) = self.differences.entry(difference.kind()).or_default();
                *count += 1;
                if described.len() < ENOUGH {
                    let small = shrunk(self.gate.envoy.http(), policy, difference);
                    let small = small.described(policy, world.configuration());
                    described.push(format!("seed {seed}, push {number} ({what})\n{small}"));
                }
            }
        }
    }

    fn report(self) {
        let (seconds, by_worker) = (self.started.elapsed().as_secs_f64(), self.gate.connections_by_worker());
        let opened: u64 = self.lines.iter().map(|line| line.opened).sum();
        println!(
            "{} requests and {} pushes in {seconds:.1} s",
            self.asked,
            self.pushes.values().sum::<u64>()
        );
        println!("{opened} connections, by worker: {by_worker:?}");
        println!("decisions: {:#?}\npushes: {:#?}", self.decisions, self.pushes);
        let described = |(kind, (count, some)): (&String, &(u64, Vec<String>))| {
            format!("## {count} times: {kind}\n{}\n", some.join("\n"))
        };
        let differences: Vec<String> = self.differences.iter().map(described).collect();
        assert!(differences.is_empty(), "the filter differs from the reference:\n{}", differences.join("\n"));
        assert!(by_worker.len() == 2 && !by_worker.contains(&0), "a worker was not asked: {by_worker:?}");
    }
}

/// First which configuration is in force on this connection's worker, then anything.
fn ask_some(
    line: &mut Line,
    mut random: Random,
    world: &World,
    policy: &Policy,
    probes: &[String],
    count: u64,
) -> Share {
    let mut share = Share::default();
    let probes: Vec<_> = probes.iter().map(|secret| probe(secret)).collect();
    let requests = (0..count).map(|_| request(&mut random, world));
    for sent in probes.into_iter().chain(requests) {
        match compare(line, sent, policy) {
            Ok(decision) => *share.decisions.entry(decision).or_default() += 1,
            Err(difference) => share.differences.push(*difference),
        }
    }
    share
}

/// Unix time in seconds.
#[expect(clippy::disallowed_methods, reason = "the filter under test reads the real clock")]
pub fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs()
}
