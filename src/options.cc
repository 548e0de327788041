// Names and options of sockets that are the same on every platform.
#include "address.h"
#include "earlier_errors.h"
#include "syscalls.h"

namespace datagram {
namespace {

// What every platform has, by the same names.
const OptionRow kCommonRows[] = {
    {Option::kReceiveBuffer, kNoFamily, SOL_SOCKET, SO_RCVBUF},
    {Option::kSendBuffer, kNoFamily, SOL_SOCKET, SO_SNDBUF},
    {Option::kIPv6Only, kIPv6, IPPROTO_IPV6, IPV6_V6ONLY},
    {Option::kBroadcast, kNoFamily, SOL_SOCKET, SO_BROADCAST},
    {Option::kHopLimit, kIPv6, IPPROTO_IPV6, IPV6_UNICAST_HOPS},
    {Option::kHopLimit, kIPv4, IPPROTO_IP, IP_TTL},
    {Option::kTrafficClassIPv4, kIPv4, IPPROTO_IP, IP_TOS},
    {Option::kMulticastHopLimit, kIPv6, IPPROTO_IPV6, IPV6_MULTICAST_HOPS},
    {Option::kMulticastLoopback, kIPv6, IPPROTO_IPV6, IPV6_MULTICAST_LOOP},
};

bool Applies(Family row, Family socket) {
  return row == kNoFamily || row == socket || (row == kIPv4 && socket == kIPv6);
}

// Calls visit(row) for each row of an option that a socket of this family can take, until it
// returns false. An option's rows for IPv6 come first.
template <typename Visit>
void ForEachRow(Option option, Family family, const Visit& visit) {
  for (const Table<OptionRow>& table : {TableOf(kCommonRows), kPlatformOptions}) {
    for (const OptionRow& row : table) {
      if (row.option == option && Applies(row.family, family) && !visit(row)) return;
    }
  }
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

uint64_t FingerprintOf(Descriptor descriptor) {
  int type = 0;
  SocketAddress names[2] = {};
  socklen_t lengths[2] = {sizeof names[0], sizeof names[1]};
  if (GetNativeOption(descriptor, SOL_SOCKET, SO_TYPE, type) != 0 ||
      getsockname(descriptor, &names[0].any, &lengths[0]) != 0) {
    return 0;
  }
  if (getpeername(descriptor, &names[1].any, &lengths[1]) != 0) lengths[1] = 0;
  // FNV-1a.
  uint64_t print = 14695981039346656037U;
  const auto add = [&print](uint64_t value, size_t size) {
    for (size_t byte = 0; byte < size; byte++) {
      print = (print ^ ((value >> (8 * byte)) & 0xff)) * 1099511628211U;
    }
  };
  add(static_cast<uint32_t>(type), sizeof type);
  add(names[0].any.sa_family, sizeof names[0].any.sa_family);
  for (size_t index = 0; index < 2; index++) {
    const Address address = Decode(names[index], lengths[index]);
    add(address.family, sizeof address.family);
    add(address.port, sizeof address.port);
    add(address.scope, sizeof address.scope);
    for (const uint8_t byte : address.bytes) add(byte, sizeof byte);
  }
  return print != 0 ? print : 1;
}

Status GetOption(const SocketState& state, Option option, int& value) {
  Status status = kNoSuchOption;
  ForEachRow(option, state.family, [&](const OptionRow& row) {
    if (row.set != nullptr) return true;
    status = GetNativeOption(state.descriptor, row.level, row.name, value);
    return false;
  });
  return status;
}

Status SetOption(SocketState& state, Option option, int value) {
  Status status = kNoSuchOption;
  Status refused = 0;
  ForEachRow(option, state.family, [&](const OptionRow& row) {
    const int native = row.value != nullptr ? row.value(value) : value;
    const Status result = row.set != nullptr ? StatusOf(row.set(state.descriptor, value))
                                             : Set(state, row.level, row.name, native);
    if (result == 0) {
      status = 0;
    } else if (!Optional(row.family, state.family)) {
      refused = result;
    }
    return refused == 0;
  });
  if (refused != 0) return refused;
  if (option == Option::kReceiveErrors && status == 0 && state.owned) {
    if (value == 0) {
      state.errors.reset();
    } else if (state.errors == nullptr) {
      state.errors = std::make_shared<ErrorBacklog>();
    }
  }
  return status;
}

uint32_t KnownOptions(Family family) {
  uint32_t options = 0;
  for (uint32_t option = 0; option < static_cast<uint32_t>(Option::kCount); option++) {
    ForEachRow(static_cast<Option>(option), family, [&](const OptionRow&) {
      options |= 1U << option;
      return false;
    });
  }
  return options;
}

void RestoreOptions(Descriptor descriptor, const OptionJournal& journal) {
  for (uint32_t index = journal.count; index > 0; index--) {
    RestoreOption(descriptor, journal.options[index - 1]);
  }
}

uint32_t EnableReceive(SocketState& state, uint32_t fields, Status& status) {
  uint32_t reported = 0;
  uint32_t refused = 0;
  for (const ReceiveOption& row : ThisKernel().receive_options) {
    if ((row.fields & fields) == 0 || !Applies(row.family, state.family)) continue;
    // Coalescing is UDP's; a raw socket has no such option.
    if (state.raw && row.level == IPPROTO_UDP) continue;
    const Status result = Set(state, row.level, row.option, row.value);
    if (result == 0) {
      reported |= row.fields;
      if (row.omits_zero && row.family != kIPv6) state.zero_if_absent.ipv4 |= row.fields;
      if (row.omits_zero && row.family != kIPv4) state.zero_if_absent.ipv6 |= row.fields;
    } else if (!Optional(row.family, state.family)) {
      // A field can take an option for each family. If the option of the socket's own family is
      // refused, the field is missing.
      refused |= row.fields;
      if (status == 0) status = result;
    }
  }
  return fields & (~reported | refused);
}

}  // namespace datagram
