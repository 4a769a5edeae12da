//! Makes a new input from others.

/// Random numbers that a seed brings back (SplitMix64).
pub(super) struct Chance(pub u64);

impl Chance {
    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub(super) fn below(&mut self, n: usize) -> usize {
        (self.next() % n.max(1) as u64) as usize
    }
}

/// Numbers at which code goes wrong.
const ODD: [u64; 14] =
    [0, 1, 7, 0x7f, 0x80, 0xff, 0x7fff, 0xffff, 0x1_0000, 0x7fff_ffff, 0xffff_ffff, i64::MAX as u64, 1 << 63, u64::MAX];

/// Changes one of the inputs in a few places.
pub(super) fn mutate(chance: &mut Chance, pool: &[Vec<u8>], longest: usize) -> Vec<u8> {
    let mut input = pool[chance.below(pool.len())].clone();
    if chance.below(50) == 0 {
        input = (0..chance.below(64)).map(|_| chance.next() as u8).collect();
    }
    for _ in 0..=chance.below(5) {
        change(chance, &mut input, pool);
    }
    input.truncate(longest);
    input
}

fn change(chance: &mut Chance, input: &mut Vec<u8>, pool: &[Vec<u8>]) {
    let at = chance.below(input.len() + 1);
    let upto = at + chance.below((input.len() - at).min(64) + 1);
    match chance.below(9) {
        0 if at < input.len() => input[at] ^= 1 << chance.below(8),
        1 if at < input.len() => input[at] = chance.next() as u8,
        2 => {
            let number = ODD[chance.below(ODD.len())].to_le_bytes();
            let n = (1 << chance.below(4)).min(input.len() - at);
            input[at..at + n].copy_from_slice(&number[..n]);
        }
        3 => drop(input.drain(at..upto)),
        4 => {
            let again = input[at..upto].to_vec();
            input.splice(at..at, again);
        }
        5 => {
            let new: Vec<u8> = (0..=chance.below(8)).map(|_| chance.next() as u8).collect();
            input.splice(at..at, new);
        }
        6 => {
            let other = &pool[chance.below(pool.len())];
            let from = chance.below(other.len() + 1);
            let to = from + chance.below((other.len() - from).min(256) + 1);
            let until = if chance.below(2) == 0 { at } else { upto };
            input.splice(at..until, other[from..to].iter().copied());
        }
        7 => {
            let other = &pool[chance.below(pool.len())];
            input.truncate(at);
            input.extend_from_slice(&other[chance.below(other.len() + 1)..]);
        }
        _ => input.truncate(at),
    }
}
