// Where received data goes: packed into chunks of JavaScript's, one message behind the other. Small
// messages have a list of small chunks, the others a list of large ones, so that a message that a
// program keeps does not hold much more memory than its own.
//
// Large messages are received right into the large chunks, at equal distances that the sizes before
// them suggest; where the sizes were guessed right nothing is copied. What is longer than guessed
// spills over into the receive area, what is shorter moves up.
#ifndef SENDMSG_SRC_CHUNK_PACKER_H_
#define SENDMSG_SRC_CHUNK_PACKER_H_

#include "backend.h"

namespace datagram {

// Chunks that are filled in order.
struct ChunkList {
  struct Chunk {
    uint8_t* data;
    size_t capacity;
  };
  Chunk chunks[kMaxChunks];
  uint32_t count = 0;
  uint32_t current = 0;  // the one that is filled now
  size_t used = 0;       // bytes of the current one

  // A place for so many bytes; null once there was none, so that messages stay in order.
  uint8_t* Take(size_t size);
  // How many chunks of `chunk_size` bytes so many messages of `size` bytes need.
  static uint32_t CountFor(uint32_t messages, uint32_t size, size_t used, size_t chunk_size);
};

class ChunkPacker {
 public:
  ChunkList small;
  ChunkList large;

  // Chooses places for up to `count` messages of `expected` bytes, none for small ones.
  void Plan(uint32_t count, uint32_t expected, uint32_t max);
  const DirectPlaces& places() const { return places_; }

  // Finds a place for each message and says so in its slot. What there is no room for is in the
  // receive area then.
  void Pack(const ReceiveArea& area, uint32_t count);

 private:
  bool Fit(const ReceiveArea& area, uint32_t count) const;
  void Withdraw(const ReceiveArea& area, uint32_t count);

  DirectPlaces places_;
};

// What the next batch is likely to be like; a shorter message alone changes little.
inline uint32_t ExpectedSize(uint32_t before, uint32_t longest) {
  const uint32_t decayed = before - before / 8;
  return longest > decayed ? longest : decayed;
}

}  // namespace datagram

#endif  // SENDMSG_SRC_CHUNK_PACKER_H_
