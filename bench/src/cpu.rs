//! Processor time per request, by Envoy's own account: every variant once a round, in a new random order each round.

use serde::Serialize;

use crate::accounting::Busy;
use crate::gates::Gates;
use crate::load::Client;
use crate::machine::OnTime;
use crate::random::Random;
use crate::stats::{Quartiles, median};
use crate::tokens::Tokens;
use crate::variants::Variant;

/// Kept-alive connections of a closed loop: enough that the worker never waits for the generator.
pub const CONNECTIONS: usize = 16;
/// One request in so many is sent before the account is opened: caches are then the variant's own.
const WARM_UP: usize = 10;

/// What one variant took, in microseconds per request, a value for each round.
#[derive(Clone, Debug, Serialize)]
pub struct Taken {
    /// The variant's key.
    pub key: String,
    /// The worker thread's run time.
    pub worker_us: Vec<f64>,
    /// The run time of all of Envoy's threads.
    pub process_us: Vec<f64>,
    /// The run time of the ext_authz server, which is not Envoy's.
    pub server_us: Vec<f64>,
    /// Requests answered in a second.
    pub per_second: Vec<f64>,
    /// How much processor time others on this machine had meanwhile, as a share of one processor.
    pub others: Vec<f64>,
    /// How much the hypervisor gave to other machines meanwhile, if it tells, as a share of one processor.
    pub stolen: Vec<f64>,
}

/// What every variant took.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Cpu {
    /// In the order of the variants.
    pub taken: Vec<Taken>,
}

impl Cpu {
    /// What the variant of that key took.
    pub fn of(&self, key: &str) -> Option<&Taken> {
        self.taken.iter().find(|taken| taken.key == key)
    }

    /// What a variant added to the bare listener on the worker, round by round.
    pub fn added(&self, key: &str) -> Vec<f64> {
        let (Some(bare), Some(taken)) = (self.of("bare"), self.of(key)) else { return Vec::new() };
        taken.worker_us.iter().zip(&bare.worker_us).map(|(taken, bare)| taken - bare).collect()
    }

    /// The same, in the middle.
    pub fn added_quartiles(&self, key: &str) -> Quartiles {
        Quartiles::of(&self.added(key))
    }

    /// What others on this machine, and other machines on this one's, had on average: shares of one processor.
    pub fn others_and_stolen(&self) -> (f64, f64) {
        let mean = |values: fn(&Taken) -> &Vec<f64>| {
            let all: Vec<f64> = self.taken.iter().flat_map(|taken| values(taken).iter().copied()).collect();
            all.iter().sum::<f64>() / all.len().max(1) as f64
        };
        (mean(|taken| &taken.others), mean(|taken| &taken.stolen))
    }

    /// Requests that the bare listener answers in a second when it has nothing else to do.
    pub fn capacity(&self) -> f64 {
        self.of("bare").map_or(0.0, |bare| median(&bare.per_second))
    }
}

/// Measures `rounds` rounds of `requests` requests for each variant. `tell` is told of each round.
///
/// # Errors
/// A response that was not due, or the system's.
pub fn measure(
    gates: &Gates,
    variants: &[Variant],
    tokens: &Tokens,
    (rounds, requests): (usize, usize),
    random: &mut Random,
    mut tell: impl FnMut(usize),
) -> anyhow::Result<Cpu> {
    let new = |variant: &Variant| Taken {
        key: variant.key.clone(),
        worker_us: Vec::new(),
        process_us: Vec::new(),
        server_us: Vec::new(),
        per_second: Vec::new(),
        others: Vec::new(),
        stolen: Vec::new(),
    };
    let mut taken: Vec<Taken> = variants.iter().map(new).collect();
    // Without it Envoy's worker would wait for a generator that waits for whoever else is busy here.
    let _on_time = OnTime::start();
    let mut order: Vec<usize> = (0..variants.len()).collect();
    for round in 0..rounds {
        tell(round + 1);
        random.shuffle(&mut order);
        for place in &order {
            batch(gates, &variants[*place], tokens, requests, random, &mut taken[*place])?;
        }
    }
    Ok(Cpu { taken })
}

fn batch(
    gates: &Gates,
    variant: &Variant,
    tokens: &Tokens,
    count: usize,
    random: &mut Random,
    taken: &mut Taken,
) -> anyhow::Result<()> {
    let warm_up = count / WARM_UP;
    let requests = variant.requests(warm_up + count, "/rest/api/2/myself", tokens, random);
    let address = gates.envoy.listener(&variant.listener)?;
    let mut client = Client::open(address, CONNECTIONS, variant.expected())?;
    client.closed(&requests, 0, warm_up)?;
    let before = Accounts::read(gates)?;
    let elapsed = client.closed(&requests, warm_up, warm_up + count)?.as_secs_f64();
    let after = Accounts::read(gates)?;
    let each = |after: u64, before: u64| after.saturating_sub(before) as f64 / 1000.0 / count as f64;
    taken.worker_us.push(each(after.worker, before.worker));
    taken.process_us.push(each(after.process, before.process));
    taken.server_us.push(each(after.server, before.server));
    taken.per_second.push(count as f64 / elapsed);
    let own = (after.own + after.process + after.server) - (before.own + before.process + before.server);
    let busy = after.busy.since(before.busy);
    taken.others.push(((busy.working.as_secs_f64() - own as f64 / 1e9) / elapsed).max(0.0));
    taken.stolen.push(busy.stolen.as_secs_f64() / elapsed);
    Ok(())
}

struct Accounts {
    worker: u64,
    process: u64,
    server: u64,
    own: u64,
    busy: Busy,
}

impl Accounts {
    /// Linux books a thread's time when it stops running: the worker first gets time to tidy up and to fall asleep.
    fn read(gates: &Gates) -> anyhow::Result<Self> {
        std::thread::sleep(std::time::Duration::from_millis(3));
        Ok(Self {
            worker: gates.envoy.worker_ns()?,
            process: gates.envoy.process_ns()?,
            server: gates.server_ns()?,
            own: crate::accounting::process_ns(std::process::id())?,
            busy: Busy::now(),
        })
    }
}
