//! SHA-256 of sixteen messages at once, one in each 32-bit lane of AVX-512 registers.

use std::arch::x86_64::{
    __m512i, _mm512_add_epi32, _mm512_ror_epi32, _mm512_set1_epi32, _mm512_set4_epi32, _mm512_setzero_si512,
    _mm512_shuffle_epi8, _mm512_shuffle_i32x4, _mm512_srli_epi32, _mm512_ternarylogic_epi32,
    _mm512_unpackhi_epi32, _mm512_unpackhi_epi64, _mm512_unpacklo_epi32, _mm512_unpacklo_epi64,
};

use fearless_simd::prelude::*;
use fearless_simd::{u8x64, u32x16};

/// The messages in a register.
const LANES: usize = 16;

/// FIPS 180-4, section 4.2.2.
#[rustfmt::skip]
const ROUND_CONSTANTS: [u32; 64] = [
    0x428a_2f98, 0x7137_4491, 0xb5c0_fbcf, 0xe9b5_dba5, 0x3956_c25b, 0x59f1_11f1, 0x923f_82a4, 0xab1c_5ed5,
    0xd807_aa98, 0x1283_5b01, 0x2431_85be, 0x550c_7dc3, 0x72be_5d74, 0x80de_b1fe, 0x9bdc_06a7, 0xc19b_f174,
    0xe49b_69c1, 0xefbe_4786, 0x0fc1_9dc6, 0x240c_a1cc, 0x2de9_2c6f, 0x4a74_84aa, 0x5cb0_a9dc, 0x76f9_88da,
    0x983e_5152, 0xa831_c66d, 0xb003_27c8, 0xbf59_7fc7, 0xc6e0_0bf3, 0xd5a7_9147, 0x06ca_6351, 0x1429_2967,
    0x27b7_0a85, 0x2e1b_2138, 0x4d2c_6dfc, 0x5338_0d13, 0x650a_7354, 0x766a_0abb, 0x81c2_c92e, 0x9272_2c85,
    0xa2bf_e8a1, 0xa81a_664b, 0xc24b_8b70, 0xc76c_51a3, 0xd192_e819, 0xd699_0624, 0xf40e_3585, 0x106a_a070,
    0x19a4_c116, 0x1e37_6c08, 0x2748_774c, 0x34b0_bcb5, 0x391c_0cb3, 0x4ed8_aa4a, 0x5b9c_ca4f, 0x682e_6ff3,
    0x748f_82ee, 0x78a5_636f, 0x84c8_7814, 0x8cc7_0208, 0x90be_fffa, 0xa450_6ceb, 0xbef9_a3f7, 0xc671_78f2,
];

fearless_simd::kernel!(
    /// Adds to each message as many blocks as all have.
    pub(super) fn compress(level: Avx512, states: &mut [[u32; 8]; LANES], inputs: &[&[[u8; 64]]; LANES]) {
        let mut state = [_mm512_setzero_si512(); 8];
        for (place, vector) in state.iter_mut().enumerate() {
            let words: u32x16<_> = states.map(|state| state[place]).simd_into(level);
            *vector = words.into();
        }
        let blocks = inputs.iter().map(|input| input.len()).min().unwrap_or(0);
        for block in 0..blocks {
            let mut schedule = [_mm512_setzero_si512(); 16];
            for (vector, input) in schedule.iter_mut().zip(inputs) {
                *vector = u8x64::from_slice(level, &input[block]).into();
            }
            transpose(&mut schedule);
            add_block(&mut state, &mut schedule);
        }
        for (place, vector) in state.into_iter().enumerate() {
            let words: u32x16<_> = vector.simd_into(level);
            for (state, word) in states.iter_mut().zip(<[u32; LANES]>::from(words)) {
                state[place] = word;
            }
        }
    }
);

/// From one message in each vector to one word of all messages in each, as numbers.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn transpose(rows: &mut [__m512i; 16]) {
    let mut pairs = [_mm512_setzero_si512(); 16];
    for at in (0..16).step_by(2) {
        pairs[at] = _mm512_unpacklo_epi32(rows[at], rows[at + 1]);
        pairs[at + 1] = _mm512_unpackhi_epi32(rows[at], rows[at + 1]);
    }
    let mut fours = [_mm512_setzero_si512(); 16];
    for at in (0..16).step_by(4) {
        fours[at] = _mm512_unpacklo_epi64(pairs[at], pairs[at + 2]);
        fours[at + 1] = _mm512_unpackhi_epi64(pairs[at], pairs[at + 2]);
        fours[at + 2] = _mm512_unpacklo_epi64(pairs[at + 1], pairs[at + 3]);
        fours[at + 3] = _mm512_unpackhi_epi64(pairs[at + 1], pairs[at + 3]);
    }
    // SHA-256 is big-endian.
    let swapped = _mm512_set4_epi32(0x0c0d_0e0f, 0x0809_0a0b, 0x0405_0607, 0x0001_0203);
    for at in 0..4 {
        let [first, second, third, fourth] = [fours[at], fours[at + 4], fours[at + 8], fours[at + 12]];
        // The even and the odd quarters of each.
        let even = [_mm512_shuffle_i32x4::<0x88>(first, second), _mm512_shuffle_i32x4::<0x88>(third, fourth)];
        let odd = [_mm512_shuffle_i32x4::<0xdd>(first, second), _mm512_shuffle_i32x4::<0xdd>(third, fourth)];
        rows[at] = _mm512_shuffle_epi8(_mm512_shuffle_i32x4::<0x88>(even[0], even[1]), swapped);
        rows[at + 4] = _mm512_shuffle_epi8(_mm512_shuffle_i32x4::<0x88>(odd[0], odd[1]), swapped);
        rows[at + 8] = _mm512_shuffle_epi8(_mm512_shuffle_i32x4::<0xdd>(even[0], even[1]), swapped);
        rows[at + 12] = _mm512_shuffle_epi8(_mm512_shuffle_i32x4::<0xdd>(odd[0], odd[1]), swapped);
    }
}

/// FIPS 180-4, section 6.2.2, with a schedule of the last 16 words.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn add_block(state: &mut [__m512i; 8], schedule: &mut [__m512i; 16]) {
    let mut working = *state;
    for (number, constant) in ROUND_CONSTANTS.into_iter().enumerate() {
        let at = number % 16;
        if number >= 16 {
            let (old, new) = (schedule[(at + 1) % 16], schedule[(at + 14) % 16]);
            let old =
                xor(_mm512_ror_epi32::<7>(old), _mm512_ror_epi32::<18>(old), _mm512_srli_epi32::<3>(old));
            let new =
                xor(_mm512_ror_epi32::<17>(new), _mm512_ror_epi32::<19>(new), _mm512_srli_epi32::<10>(new));
            schedule[at] = add(add(schedule[at], old), add(schedule[(at + 9) % 16], new));
        }
        round(&mut working, add(schedule[at], _mm512_set1_epi32(constant.cast_signed())));
    }
    for (sum, word) in state.iter_mut().zip(working) {
        *sum = add(*sum, word);
    }
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
#[expect(clippy::many_single_char_names, reason = "they are the standard's")]
fn round(working: &mut [__m512i; 8], word: __m512i) {
    let [a, b, c, d, e, f, g, h] = *working;
    let rotated = xor(_mm512_ror_epi32::<6>(e), _mm512_ror_epi32::<11>(e), _mm512_ror_epi32::<25>(e));
    let choice = _mm512_ternarylogic_epi32::<0xca>(e, f, g);
    let first = add(add(h, word), add(rotated, choice));
    let rotated = xor(_mm512_ror_epi32::<2>(a), _mm512_ror_epi32::<13>(a), _mm512_ror_epi32::<22>(a));
    let majority = _mm512_ternarylogic_epi32::<0xe8>(a, b, c);
    *working = [add(first, add(rotated, majority)), a, b, c, add(d, first), e, f, g];
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn xor(a: __m512i, b: __m512i, c: __m512i) -> __m512i {
    _mm512_ternarylogic_epi32::<0x96>(a, b, c)
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn add(a: __m512i, b: __m512i) -> __m512i {
    _mm512_add_epi32(a, b)
}
