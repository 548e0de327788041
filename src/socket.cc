// Names and options of sockets, as far as they are the same on every platform.
#include "address.h"
#include "calls.h"

namespace datagram {
namespace {

bool Applies(Family row, Family socket) {
  return row == kNoFamily || row == socket || (row == kIPv4 && socket == kIPv6);
}

// IPv4 options on an IPv6 socket are for its IPv4-mapped traffic. Not every kernel has that.
bool Optional(Family row, Family socket) { return row == kIPv4 && socket == kIPv6; }

Status Set(const SocketState& state, int level, int name, int value) {
  if (state.journal != nullptr) {
    const Status status = NoteOption(state.descriptor, level, name, *state.journal);
    if (status != 0) return status;
  }
  return SetNativeOption(state.descriptor, level, name, value);
}

using AskName = decltype(&getsockname);

Status Ask(AskName ask, const SocketState& state, Address& address) {
  SocketAddress name = {};
  socklen_t length = sizeof name;
  const Status status = StatusOf(ask(state.descriptor, &name.any, &length));
  if (status != 0) return status;
  address = Decode(name, length);
  // Wine 10's getpeername() succeeds on a raw socket that has no peer, and gives no name.
  return address.family == kNoFamily ? kOtherFamily : 0;
}

}  // namespace

bool KnowsSegmentation(bool raw) {
  if (raw) return false;
  for (const SendControl& row : ThisKernel().send) {
    if (row.fields & kSegmentSize) return true;
  }
  return false;
}

Status Bind(const SocketState& state, const Address& address) {
  SocketAddress name;
  const socklen_t length = Encode(state.family, address, name);
  if (length == 0) return kOtherFamily;
  return StatusOf(bind(state.descriptor, &name.any, length));
}

Status LocalAddress(const SocketState& state, Address& address) {
  return Ask(getsockname, state, address);
}

Status RemoteAddress(const SocketState& state, Address& address) {
  return Ask(getpeername, state, address);
}

Status GetOption(const SocketState& state, Option option, int& value) {
  for (const OptionRow& row : kOptions) {
    if (row.option != option || row.set != nullptr || !Applies(row.family, state.family)) continue;
    return GetNativeOption(state.descriptor, row.level, row.name, value);
  }
  return kNoSuchOption;
}

Status SetOption(SocketState& state, Option option, int value) {
  Status status = kNoSuchOption;
  for (const OptionRow& row : kOptions) {
    if (row.option != option || !Applies(row.family, state.family)) continue;
    const int native = row.value != nullptr ? row.value(value) : value;
    const Status result = row.set != nullptr ? StatusOf(row.set(state.descriptor, value))
                                             : Set(state, row.level, row.name, native);
    if (result != 0 && !Optional(row.family, state.family)) return result;
    if (result == 0) status = 0;
  }
  if (option == Option::kReceiveErrors && status == 0) state.receives_errors = value != 0;
  return status;
}

uint32_t KnownOptions(Family family) {
  uint32_t options = 0;
  for (const OptionRow& row : kOptions) {
    if (Applies(row.family, family)) options |= 1U << static_cast<uint32_t>(row.option);
  }
  return options;
}

void RestoreOptions(Descriptor descriptor, const OptionJournal& journal) {
  for (auto former = journal.rbegin(); former != journal.rend(); ++former) {
    RestoreOption(descriptor, *former);
  }
}

uint32_t EnableReceive(const SocketState& state, uint32_t fields) {
  uint32_t told = 0;
  for (const ReceiveOption& row : ThisKernel().receive_options) {
    if ((row.fields & fields) == 0 || !Applies(row.family, state.family)) continue;
    // Coalescing is UDP's; a raw socket has no such option.
    if (state.raw && row.level == IPPROTO_UDP) continue;
    if (Set(state, row.level, row.option, row.value) == 0) {
      told |= row.fields;
    }
  }
  return fields & ~told;
}

}  // namespace datagram
