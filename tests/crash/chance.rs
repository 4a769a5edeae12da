//! Chance from a seed: the same seed makes the same choices.

/// Set to run with another seed than the usual one.
const VARIABLE: &str = "TIELINE_CRASH_SEED";

/// A row of numbers that looks random (splitmix64).
#[derive(Debug, Clone)]
pub struct Chance(u64);

impl Chance {
    /// Starts the row of the seed that the environment names, else of `usual`. The seed is printed, to be used again.
    pub fn from_env(usual: u64) -> Self {
        let seed = match std::env::var(VARIABLE) {
            Ok(text) => text.parse().unwrap_or_else(|_| panic!("{VARIABLE} is `{text}`; wanted a whole number")),
            Err(_) => usual,
        };
        println!("seed {seed} (another one: {VARIABLE}=…)");
        Self(seed)
    }

    /// Starts a row of its own for somebody else.
    pub fn fork(&mut self) -> Self {
        Self(self.number())
    }

    fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Picks a number from 0 to `below` - 1.
    pub fn below(&mut self, below: u64) -> u64 {
        self.number() % below.max(1)
    }

    /// Says yes once in `times`; never when `times` is 0.
    pub fn once_in(&mut self, times: u64) -> bool {
        times > 0 && self.below(times) == 0
    }
}
