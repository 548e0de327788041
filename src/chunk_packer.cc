#include "chunk_packer.h"

#include <cstring>

namespace datagram {
namespace {

size_t Aligned(size_t size) { return (size + 7) & ~static_cast<size_t>(7); }

}  // namespace

uint32_t ChunkPacker::SparesFor(uint32_t count, uint32_t size, size_t used) {
  if (size < kSmallMessage) return 0;
  const size_t here = used < kLargeChunk ? (kLargeChunk - used) / Aligned(size) : 0;
  if (count <= here) return 0;
  const size_t chunks =
      (count - here + kLargeChunk / Aligned(size) - 1) / (kLargeChunk / Aligned(size));
  return chunks < kMostSpareChunks ? static_cast<uint32_t>(chunks) : kMostSpareChunks;
}

void ChunkPacker::Plan(uint32_t count, uint32_t expected, uint32_t max) {
  places_.count = 0;
  places_.length = static_cast<uint32_t>(Aligned(expected));
  if (expected < kSmallMessage || places_.length > max) return;
  for (uint32_t index = 0; index < large_count; index++) {
    const Chunk& chunk = large[index];
    for (size_t at = chunk.used; at <= chunk.capacity && places_.length <= chunk.capacity - at;
         at += places_.length) {
      if (places_.count == count) return;
      places_.places[places_.count++] = chunk.data + at;
    }
  }
}

bool ChunkPacker::Fits(const ReceiveArea& area, uint32_t first, uint32_t count) const {
  for (uint32_t index = first; index < count && index < places_.count; index++) {
    if (area.slots[index].size > places_.length) return false;
  }
  return true;
}

void ChunkPacker::Withdraw(const ReceiveArea& area, uint32_t first, uint32_t count) {
  for (uint32_t index = first; index < count && index < places_.count; index++) {
    const uint32_t size = area.slots[index].size;
    const uint32_t direct = size < places_.length ? size : places_.length;
    std::memcpy(area.data + index * area.data_stride, places_.places[index], direct);
  }
  places_.count = 0;
}

// Null when it fits nowhere.
uint8_t* ChunkPacker::Find(const ReceiveSlot& slot, Chunk*& chunk) {
  if (slot.size < kSmallMessage) {
    chunk = &small;
  } else {
    chunk = &large[current_];
    while (chunk->used > chunk->capacity || slot.size > chunk->capacity - chunk->used) {
      if (current_ + 1 == large_count) return nullptr;
      chunk = &large[++current_];
    }
  }
  if (chunk->used > chunk->capacity || slot.size > chunk->capacity - chunk->used) return nullptr;
  return chunk->data + chunk->used;
}

uint32_t ChunkPacker::Pack(const ReceiveArea& area, uint32_t first, uint32_t count) {
  // In order, and each no further than where it came in: so nothing is overwritten that is still
  // to be moved, unless one is longer than its place.
  if (!Fits(area, first, count)) Withdraw(area, first, count);
  for (uint32_t index = first; index < count; index++) {
    ReceiveSlot& slot = area.slots[index];
    const bool valid = slot.offset <= kMaxDatagram && slot.size <= kMaxDatagram - slot.offset;
    Chunk* chunk = nullptr;
    uint8_t* place = valid ? Find(slot, chunk) : nullptr;
    if (place == nullptr) {
      Withdraw(area, index, count);
      return index;
    }
    const uint8_t* from = index < places_.count
                              ? places_.places[index]
                              : area.data + index * area.data_stride + slot.offset;
    if (slot.size > 0 && place != from) std::memmove(place, from, slot.size);
    slot.chunk = static_cast<uint8_t>(chunk == &small ? 0 : 1 + current_);
    slot.offset = static_cast<uint32_t>(chunk->used);
    chunk->used += Aligned(slot.size);
  }
  return count;
}

}  // namespace datagram
