#include "chunk_packer.h"

#include <cstring>

namespace datagram {
namespace {

size_t Aligned(size_t size) { return (size + 7) & ~static_cast<size_t>(7); }

}  // namespace

uint8_t* ChunkList::Take(size_t size) {
  for (; current < count; current++, used = 0) {
    const Chunk& chunk = chunks[current];
    if (used > chunk.capacity || size > chunk.capacity - used) continue;
    uint8_t* place = chunk.data + used;
    used += Aligned(size);
    return place;
  }
  return nullptr;
}

uint32_t ChunkList::CountFor(uint32_t messages, uint32_t size, size_t used, size_t chunk_size) {
  const size_t space = Aligned(size);
  if (space == 0) return 1;
  const size_t in_first = used < chunk_size ? (chunk_size - used) / space : 0;
  if (messages <= in_first) return 1;
  const size_t in_each = chunk_size / space;
  const size_t chunks = 1 + (messages - in_first + in_each - 1) / in_each;
  return chunks < kMaxChunks ? static_cast<uint32_t>(chunks) : kMaxChunks;
}

void ChunkPacker::Plan(uint32_t count, uint32_t expected, uint32_t max) {
  places_.count = 0;
  places_.length = static_cast<uint32_t>(Aligned(expected));
  if (expected < kSmallMessage || places_.length > max) return;
  size_t at = large.used;
  for (uint32_t index = 0; index < large.count; index++, at = 0) {
    const ChunkList::Chunk& chunk = large.chunks[index];
    for (; at <= chunk.capacity && places_.length <= chunk.capacity - at; at += places_.length) {
      if (places_.count == count) return;
      places_.places[places_.count++] = chunk.data + at;
    }
  }
}

// Whether no message is longer than its place.
bool ChunkPacker::Fit(const ReceiveArea& area, uint32_t count) const {
  for (uint32_t index = 0; index < count && index < places_.count; index++) {
    if (area.slots[index].size > places_.length) return false;
  }
  return true;
}

// Moves all that was received into chunks to the receive area, where the rest of long messages is.
void ChunkPacker::Withdraw(const ReceiveArea& area, uint32_t count) {
  for (uint32_t index = 0; index < count && index < places_.count; index++) {
    const uint32_t size = area.slots[index].size;
    const uint32_t direct = size < places_.length ? size : places_.length;
    std::memmove(area.data + index * area.data_stride, places_.places[index], direct);
  }
  places_.count = 0;
}

void ChunkPacker::Pack(const ReceiveArea& area, uint32_t count) {
  // In order, and each no further than where it came in: so nothing is overwritten that is still
  // to be moved, unless one is longer than its place.
  if (!Fit(area, count)) Withdraw(area, count);
  for (uint32_t index = 0; index < count; index++) {
    ReceiveSlot& slot = area.slots[index];
    const uint32_t size = slot.size;
    const uint32_t offset = slot.offset;
    const bool direct = index < places_.count;
    uint8_t* own = area.data + index * area.data_stride;
    uint8_t* from = direct ? places_.places[index] : own + offset;
    slot.place = kInReceiveArea;
    // A chunk can be the memory of the slots: what they say is checked again.
    if (direct ? size > places_.length : offset > kMaxDatagram || size > kMaxDatagram - offset) {
      continue;
    }
    const bool is_small = size < kSmallMessage;
    ChunkList& list = is_small ? small : large;
    uint8_t* place = list.Take(size);
    if (place != nullptr) {
      slot.place = is_small ? kInSmallChunk : kInLargeChunk;
      slot.chunk = static_cast<uint8_t>(list.current);
      slot.offset = static_cast<uint32_t>(place - list.chunks[list.current].data);
    } else {
      place = direct ? own : from;
    }
    if (size > 0 && place != from) std::memmove(place, from, size);
  }
}

}  // namespace datagram
