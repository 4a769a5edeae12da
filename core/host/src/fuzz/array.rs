//! Fuzzes how arrays and bytes are read that the other side lends.
#![allow(unsafe_code)]

use tieline_plugin_sdk::abi::{self, Bytes, MsgView, Sized32, SocketEvent, WebhookRequest};

use super::{
    exact::Exact,
    harness::fuzz,
    input::{Input, mark},
};

#[test]
fn arrays_of_any_shape_are_read_within_their_bounds() {
    fuzz("array", 30_000, 8192, |bytes| {
        let mut input = Input::of(bytes);
        match input.u8() % 4 {
            0 => array::<MsgView>(&mut input, |view| view.link),
            1 => array::<SocketEvent>(&mut input, |event| event.socket),
            2 => array::<WebhookRequest>(&mut input, |request| request.id),
            _ => slice(&mut input),
        }
    });
}

fn array<T: Sized32>(input: &mut Input, number: impl Fn(T) -> u64) -> u64 {
    let (n, shape, stride) = (u32::from(input.u8() % 24), input.u8() % 8, input.u16());
    let is_stride = (T::MIN..=4096).contains(&usize::from(stride)) && stride % 8 == 0;
    let len = if n == 0 { 0 } else { usize::from(stride).max(4) * if is_stride { n as usize } else { 1 } };
    let mut block = Exact::zeros(len);
    block.put(0, &input.rest());
    block.put(0, &u32::from(stride).to_le_bytes());
    let (first, n) = match shape {
        0 => (std::ptr::null(), n),
        1 => (block.ptr::<u8>().wrapping_add(4).cast_const().cast(), n),
        2 if n > 0 => (block.ptr::<T>().cast_const(), u32::MAX),
        _ => (block.ptr::<T>().cast_const(), n),
    };
    // SAFETY: null, not aligned, more than there may be, or `n` structs as large as the first says, unless that is no
    // possible size.
    let read = unsafe { abi::array::<T>(first, n) };
    let is_possible = n == 0 || (shape > 2 && is_stride);
    assert_eq!(read.is_some(), is_possible);
    let numbers: Vec<u64> = read.into_iter().flatten().map(number).collect();
    assert_eq!(numbers.len(), if is_possible { n as usize } else { 0 });
    mark((T::MIN, shape, n.min(3), is_stride, stride > 112))
}

fn slice(input: &mut Input) -> u64 {
    let (shape, text) = (input.u8() % 5, Exact::of(&input.piece()));
    let bytes = match shape {
        0 => Bytes { ptr: std::ptr::null(), len: input.u64() as usize },
        1 => Bytes { len: isize::MAX as usize + 1 + input.u32() as usize, ..text.bytes() },
        2 => Bytes { ptr: std::ptr::without_provenance(usize::MAX), len: 0 },
        _ => text.bytes(),
    };
    // SAFETY: null, impossibly long, or there as a whole.
    let read = unsafe { bytes.as_slice() };
    let sum = read.map(|read| read.iter().fold(0u8, |sum, byte| sum.wrapping_add(*byte)));
    assert_eq!(read.is_some(), bytes.len == 0 || shape > 1);
    mark((shape, sum.is_some(), bytes.len == 0))
}
