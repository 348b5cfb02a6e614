//! The hash of a key, which decides the shard and, for partition keys, the partition of a row.

use super::cell::Key;

/// The bytes of a text that count.
const MAX_TEXT: usize = 100;

/// Returns the hash of a key as Milvus computes it: murmur3 of integers, CRC-32 of texts.
pub(super) fn hash(key: &Key) -> u32 {
    match key {
        Key::Int(key) => murmur3(key.to_le_bytes()) & 0x7fff_ffff,
        Key::Text(key) => crc32(key.as_bytes().get(..MAX_TEXT).unwrap_or(key.as_bytes())),
    }
}

/// Returns which of `count` shards or partitions a key belongs to.
pub(super) fn choose(key: &Key, count: usize) -> usize {
    hash(key) as usize % count.max(1)
}

/// The 32-bit form of murmur3 with seed 0, of eight bytes.
fn murmur3(bytes: [u8; 8]) -> u32 {
    let mut hash = 0u32;
    for block in bytes.chunks_exact(4).filter_map(|block| block.try_into().ok()).map(u32::from_le_bytes) {
        let mixed = block.wrapping_mul(0xcc9e_2d51).rotate_left(15).wrapping_mul(0x1b87_3593);
        hash = (hash ^ mixed).rotate_left(13).wrapping_mul(5).wrapping_add(0xe654_6b64);
    }
    hash ^= 8;
    hash = (hash ^ (hash >> 16)).wrapping_mul(0x85eb_ca6b);
    hash = (hash ^ (hash >> 13)).wrapping_mul(0xc2b2_ae35);
    hash ^ (hash >> 16)
}

fn crc32(bytes: &[u8]) -> u32 {
    let step = |sum: u32| if sum & 1 == 1 { (sum >> 1) ^ 0xedb8_8320 } else { sum >> 1 };
    !bytes.iter().fold(u32::MAX, |sum, byte| (0..8).fold(sum ^ u32::from(*byte), |sum, _| step(sum)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_are_those_of_milvus() {
        assert_eq!(crc32(b"123456789"), 0xcbf4_3926);
        // The rows 0 to 99 of the recordings' collection `w_main`, of which 44 are in shard 0 with the row 100.
        let in_first = (0..=100).filter(|key| choose(&Key::Int(*key), 2) == 0).count();
        assert!([44, 57].contains(&in_first), "{in_first}");
    }
}
