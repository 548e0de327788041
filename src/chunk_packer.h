// Where received data goes: packed into chunks of JavaScript's, one behind the other.
//
// Messages of 512 bytes and more are received right into the large chunks, at equal distances that
// the sizes before them suggest; where the sizes were guessed right nothing is copied. What is
// longer than guessed spills over into the receive area, what is shorter moves up.
#ifndef SENDMSG_SRC_CHUNK_PACKER_H_
#define SENDMSG_SRC_CHUNK_PACKER_H_

#include "backend.h"

namespace datagram {

class ChunkPacker {
 public:
  struct Chunk {
    uint8_t* data = nullptr;
    size_t capacity = 0;
    size_t used = 0;
  };

  // Of the call: `large` and then the spare ones are filled in order.
  Chunk small;
  Chunk large[1 + kMostSpareChunks];
  uint32_t large_count = 1;

  // Chooses places for up to `count` messages of `expected` bytes, none for small ones.
  void Plan(uint32_t count, uint32_t expected, uint32_t max);
  const DirectPlaces& places() const { return places_; }

  // Finds places for messages `first` to `count`; returns the first that has none. What comes
  // behind it is then in the receive area.
  uint32_t Pack(const ReceiveArea& area, uint32_t first, uint32_t count);
  // The large chunk that is filled now: 0, or 1 and up for a spare one.
  uint32_t current() const { return current_; }
  // Spare chunks that so many messages of `size` bytes need beside a large one with `used` bytes.
  static uint32_t SparesFor(uint32_t count, uint32_t size, size_t used);

 private:
  uint8_t* Find(const ReceiveSlot& slot, Chunk*& chunk);
  // From message `first` on everything is moved to the receive area, and packed from there.
  void Withdraw(const ReceiveArea& area, uint32_t first, uint32_t count);
  bool Fits(const ReceiveArea& area, uint32_t first, uint32_t count) const;

  DirectPlaces places_;
  uint32_t current_ = 0;
};

// What the next batch is likely to be like; a shorter message alone changes little.
inline uint32_t ExpectedSize(uint32_t before, uint32_t longest) {
  const uint32_t decayed = before - before / 8;
  return longest > decayed ? longest : decayed;
}

}  // namespace datagram

#endif  // SENDMSG_SRC_CHUNK_PACKER_H_
