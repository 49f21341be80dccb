//! Random configurations, pushes and requests, the same for the same seed.

pub mod breakage;
pub mod configuration;
pub mod credentials;
pub mod pushes;
pub mod requests;
pub mod targets;

/// SplitMix64: small, seeded and good enough to choose test cases. Nothing secret comes from it.
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    /// A sequence of its own for every list of numbers.
    pub fn new(seeds: &[u64]) -> Self {
        let mut random = Self(0);
        for seed in seeds {
            random.0 ^= seed;
            random.0 = random.number();
        }
        random
    }

    /// The next number.
    pub fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// Below `bound`, which is not 0.
    pub fn below(&mut self, bound: usize) -> usize {
        (self.number() % bound as u64) as usize
    }

    /// True in so many cases of a hundred.
    pub fn percent(&mut self, cases: usize) -> bool {
        self.below(100) < cases
    }

    /// One of them; there is one.
    pub fn pick<'a, T: ?Sized>(&mut self, from: &[&'a T]) -> &'a T {
        from[self.below(from.len())]
    }

    /// One of them; there is one.
    pub fn item<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.below(from.len())]
    }

    /// Each with equal odds, in their order; at least one.
    pub fn some<T: Clone>(&mut self, from: &[T]) -> Vec<T> {
        let mut chosen: Vec<T> = from.iter().filter(|_| self.percent(40)).cloned().collect();
        if chosen.is_empty() {
            chosen.push(self.item(from).clone());
        }
        chosen
    }

    /// Base62 characters.
    pub fn characters(&mut self, count: usize) -> Vec<u8> {
        (0..count).map(|_| crate::reference::token::digit(self.below(62))).collect()
    }

    /// The text with some letters in the other case.
    pub fn recased(&mut self, text: &str) -> String {
        let flip =
            |c: char| if c.is_ascii_lowercase() { c.to_ascii_uppercase() } else { c.to_ascii_lowercase() };
        text.chars().map(|c| if self.percent(30) { flip(c) } else { c }).collect()
    }
}
