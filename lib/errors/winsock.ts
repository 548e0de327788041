import { invalidArgType, invalidArgValue } from './node'

/** One Winsock error: its number, its name in `winsock2.h`, our code for it, and what it means. */
export interface WinsockError {
  readonly number: number
  readonly name: string
  /** The POSIX name, or the Winsock name again where POSIX has no counterpart. */
  readonly code: string
  readonly meaning: string
}

type Row = readonly [number: number, name: string, code: string | null, meaning: string]

// Numbers, names and meanings: Microsoft's "Windows Sockets Error Codes" page, and winerror.h for the last two.
// null: POSIX has no counterpart.
//
// - WSAECONNRESET is ECONNRESET here. That it means ECONNREFUSED on a connected datagram socket depends on the
//   socket, so it is decided where the socket is known (`code` of `fromNative`).
// - WSA_IO_PENDING and WSA_IO_INCOMPLETE are EINPROGRESS, as aio_error(3) says of an operation that was taken and is
//   not done. EAGAIN would be wrong: it asks to try again, and that would send twice.
// - WSAESHUTDOWN is ESHUTDOWN, its namesake, though POSIX systems say EPIPE when sending after a shutdown.
// - The look-up errors are the EAI_ names that ws2tcpip.h defines by them.
const rows: readonly Row[] = [
  [6, 'WSA_INVALID_HANDLE', 'EBADF', 'The event handle is not valid'],
  [8, 'WSA_NOT_ENOUGH_MEMORY', 'ENOMEM', 'Not enough memory'],
  [87, 'WSA_INVALID_PARAMETER', 'EINVAL', 'A parameter of the underlying Windows function is invalid'],
  [995, 'WSA_OPERATION_ABORTED', 'ECANCELED', 'The overlapped operation was cancelled, or its socket closed'],
  [996, 'WSA_IO_INCOMPLETE', 'EINPROGRESS', 'The overlapped operation has not completed yet'],
  [997, 'WSA_IO_PENDING', 'EINPROGRESS', 'The overlapped operation was started and completes later'],
  [10004, 'WSAEINTR', 'EINTR', 'The blocking call was interrupted'],
  [10009, 'WSAEBADF', 'EBADF', 'The file handle is not valid'],
  [10013, 'WSAEACCES', 'EACCES', 'Permission denied, as for a broadcast address without SO_BROADCAST'],
  [10014, 'WSAEFAULT', 'EFAULT', 'A pointer is invalid, or a buffer too small'],
  [10022, 'WSAEINVAL', 'EINVAL', 'An argument is invalid, or the socket is not in a state for this call'],
  [10024, 'WSAEMFILE', 'EMFILE', 'Too many open sockets'],
  [10035, 'WSAEWOULDBLOCK', 'EAGAIN', 'The operation cannot be done immediately'],
  [10036, 'WSAEINPROGRESS', 'EINPROGRESS', 'A blocking operation is in progress'],
  [10037, 'WSAEALREADY', 'EALREADY', 'The operation is already in progress'],
  [10038, 'WSAENOTSOCK', 'ENOTSOCK', 'Not a socket'],
  [10039, 'WSAEDESTADDRREQ', 'EDESTADDRREQ', 'A destination address is required'],
  [10040, 'WSAEMSGSIZE', 'EMSGSIZE', 'The datagram is too long for the network, or for the buffer it is received in'],
  [10041, 'WSAEPROTOTYPE', 'EPROTOTYPE', 'The protocol does not fit the socket type'],
  [10042, 'WSAENOPROTOOPT', 'ENOPROTOOPT', 'Unknown or unsupported socket option or level'],
  [10043, 'WSAEPROTONOSUPPORT', 'EPROTONOSUPPORT', 'The protocol is not supported'],
  [10044, 'WSAESOCKTNOSUPPORT', 'ESOCKTNOSUPPORT', 'The socket type is not supported in this address family'],
  [10045, 'WSAEOPNOTSUPP', 'ENOTSUP', 'The operation is not supported on this socket'],
  [10046, 'WSAEPFNOSUPPORT', 'EPFNOSUPPORT', 'The protocol family is not supported'],
  [10047, 'WSAEAFNOSUPPORT', 'EAFNOSUPPORT', 'The address family is not supported by the protocol'],
  [10048, 'WSAEADDRINUSE', 'EADDRINUSE', 'The address is already in use'],
  [10049, 'WSAEADDRNOTAVAIL', 'EADDRNOTAVAIL', 'The address is not valid in its context, as one that is not local'],
  [10050, 'WSAENETDOWN', 'ENETDOWN', 'The network is down'],
  [10051, 'WSAENETUNREACH', 'ENETUNREACH', 'There is no route to the network'],
  [10052, 'WSAENETRESET', 'ENETRESET', 'The connection broke; for a datagram, its time to live expired'],
  [10053, 'WSAECONNABORTED', 'ECONNABORTED', 'The local host aborted the connection'],
  [10054, 'WSAECONNRESET', 'ECONNRESET', 'The peer reset the connection; for a datagram, its port was unreachable'],
  [10055, 'WSAENOBUFS', 'ENOBUFS', 'No buffer space, or a queue is full'],
  [10056, 'WSAEISCONN', 'EISCONN', 'The socket is already connected'],
  [10057, 'WSAENOTCONN', 'ENOTCONN', 'The socket is not connected and no address was given'],
  [10058, 'WSAESHUTDOWN', 'ESHUTDOWN', 'The socket was shut down in this direction'],
  [10059, 'WSAETOOMANYREFS', 'ETOOMANYREFS', 'Too many references to a kernel object'],
  [10060, 'WSAETIMEDOUT', 'ETIMEDOUT', 'Timed out'],
  [10061, 'WSAECONNREFUSED', 'ECONNREFUSED', 'The peer refused the connection'],
  [10062, 'WSAELOOP', 'ELOOP', 'The name cannot be translated'],
  [10063, 'WSAENAMETOOLONG', 'ENAMETOOLONG', 'The name is too long'],
  [10064, 'WSAEHOSTDOWN', 'EHOSTDOWN', 'The destination host is down'],
  [10065, 'WSAEHOSTUNREACH', 'EHOSTUNREACH', 'There is no route to the host'],
  [10066, 'WSAENOTEMPTY', 'ENOTEMPTY', 'The directory is not empty'],
  [10067, 'WSAEPROCLIM', 'EPROCLIM', 'Too many processes use Winsock'],
  [10068, 'WSAEUSERS', 'EUSERS', 'The user quota is exceeded'],
  [10069, 'WSAEDQUOT', 'EDQUOT', 'The disk quota is exceeded'],
  [10070, 'WSAESTALE', 'ESTALE', 'The file handle is stale'],
  [10071, 'WSAEREMOTE', 'EREMOTE', 'The item is not available locally'],
  [10091, 'WSASYSNOTREADY', null, 'The network subsystem is unavailable'],
  [10092, 'WSAVERNOTSUPPORTED', null, 'This version of Winsock is not supported'],
  [10093, 'WSANOTINITIALISED', null, 'WSAStartup has not been called, or failed'],
  [10101, 'WSAEDISCON', null, 'The peer is shutting down in an orderly way'],
  [10102, 'WSAENOMORE', null, 'The look-up has no more results'],
  [10103, 'WSAECANCELLED', 'ECANCELED', 'The look-up was cancelled'],
  [10104, 'WSAEINVALIDPROCTABLE', null, 'The procedure table of the service provider is invalid'],
  [10105, 'WSAEINVALIDPROVIDER', null, 'The service provider is invalid'],
  [10106, 'WSAEPROVIDERFAILEDINIT', null, 'The service provider failed to load or initialise'],
  [10107, 'WSASYSCALLFAILURE', null, 'A system call that should never fail has failed'],
  [10108, 'WSASERVICE_NOT_FOUND', null, 'No such service in the name space'],
  [10109, 'WSATYPE_NOT_FOUND', 'EAI_SERVICE', 'No such service class'],
  [10110, 'WSA_E_NO_MORE', null, 'The look-up has no more results'],
  [10111, 'WSA_E_CANCELLED', 'ECANCELED', 'The look-up was cancelled'],
  [10112, 'WSAEREFUSED', null, 'The data base query was refused'],
  [11001, 'WSAHOST_NOT_FOUND', 'EAI_NONAME', 'No such host'],
  [11002, 'WSATRY_AGAIN', 'EAI_AGAIN', 'The look-up failed for now; no authoritative server answered'],
  [11003, 'WSANO_RECOVERY', 'EAI_FAIL', 'The look-up failed for good'],
  [11004, 'WSANO_DATA', 'EAI_NODATA', 'The name has no record of the type asked for'],
  [11005, 'WSA_QOS_RECEIVERS', null, 'At least one QoS reserve has arrived'],
  [11006, 'WSA_QOS_SENDERS', null, 'At least one QoS send path has arrived'],
  [11007, 'WSA_QOS_NO_SENDERS', null, 'There are no QoS senders'],
  [11008, 'WSA_QOS_NO_RECEIVERS', null, 'There are no QoS receivers'],
  [11009, 'WSA_QOS_REQUEST_CONFIRMED', null, 'The QoS reserve request is confirmed'],
  [11010, 'WSA_QOS_ADMISSION_FAILURE', null, 'QoS lacks resources'],
  [11011, 'WSA_QOS_POLICY_FAILURE', null, 'The QoS policy rejected the request'],
  [11012, 'WSA_QOS_BAD_STYLE', null, 'Unknown or conflicting QoS style'],
  [11013, 'WSA_QOS_BAD_OBJECT', null, 'Bad QoS filterspec or provider-specific buffer'],
  [11014, 'WSA_QOS_TRAFFIC_CTRL_ERROR', null, 'QoS traffic control error'],
  [11015, 'WSA_QOS_GENERIC_ERROR', null, 'QoS error'],
  [11016, 'WSA_QOS_ESERVICETYPE', null, 'Invalid service type in the QoS flowspec'],
  [11017, 'WSA_QOS_EFLOWSPEC', null, 'Invalid QoS flowspec'],
  [11018, 'WSA_QOS_EPROVSPECBUF', null, 'Invalid QoS provider-specific buffer'],
  [11019, 'WSA_QOS_EFILTERSTYLE', null, 'Invalid QoS filter style'],
  [11020, 'WSA_QOS_EFILTERTYPE', null, 'Invalid QoS filter type'],
  [11021, 'WSA_QOS_EFILTERCOUNT', null, 'Wrong number of QoS filterspecs'],
  [11022, 'WSA_QOS_EOBJLENGTH', null, 'Invalid length of a QoS object'],
  [11023, 'WSA_QOS_EFLOWCOUNT', null, 'Wrong number of QoS flow descriptors'],
  [11024, 'WSA_QOS_EUNKOWNPSOBJ', null, 'Unknown object in the QoS provider-specific buffer'],
  [11025, 'WSA_QOS_EPOLICYOBJ', null, 'Invalid QoS policy object'],
  [11026, 'WSA_QOS_EFLOWDESC', null, 'Invalid QoS flow descriptor'],
  [11027, 'WSA_QOS_EPSFLOWSPEC', null, 'Invalid flowspec in the QoS provider-specific buffer'],
  [11028, 'WSA_QOS_EPSFILTERSPEC', null, 'Invalid filterspec in the QoS provider-specific buffer'],
  [11029, 'WSA_QOS_ESDMODEOBJ', null, 'Invalid QoS shape discard mode object'],
  [11030, 'WSA_QOS_ESHAPERATEOBJ', null, 'Invalid QoS shaping rate object'],
  [11031, 'WSA_QOS_RESERVED_PETYPE', null, 'Reserved QoS policy element'],
  [11032, 'WSA_SECURE_HOST_NOT_FOUND', null, 'No such host is known securely'],
  [11033, 'WSA_IPSEC_NAME_POLICY_ERROR', null, 'The name-based IPsec policy could not be added'],
]

/** Second names that headers give to a number: winsock.h's, and MinGW's spelling of Microsoft's EUNKOWN. */
export const winsockAliases: Readonly<Record<string, string>> = {
  WSANO_ADDRESS: 'WSANO_DATA',
  WSA_QOS_EUNKNOWNPSOBJ: 'WSA_QOS_EUNKOWNPSOBJ',
}

/** Second names of POSIX errors: they are one code here, and often one number. */
export const posixAliases: Readonly<Record<string, string>> = {
  EOPNOTSUPP: 'ENOTSUP',
  EWOULDBLOCK: 'EAGAIN',
}

// Where several Winsock errors share a code and the WSAE name is not the one to give back.
const canonical: Readonly<Record<string, string>> = { ECANCELED: 'WSA_OPERATION_ABORTED' }

interface Index {
  list: readonly WinsockError[]
  byNumber: Map<number, WinsockError>
  byName: Map<string, WinsockError>
  byCode: Map<string, string>
}

let index: Index | undefined

// Made at the first look-up: most programs that import us never fail.
function getIndex(): Index {
  if (index) return index
  const list = rows.map(([number, name, code, meaning]) => Object.freeze({ number, name, code: code ?? name, meaning }))
  const byNumber = new Map(list.map((error) => [error.number, error]))
  const byName = new Map(list.map((error) => [error.name, error]))
  for (const [alias, name] of Object.entries(winsockAliases)) {
    const error = byName.get(name)
    if (error) byName.set(alias, error)
  }
  const byCode = new Map(Object.entries(canonical))
  for (const { code, name } of list) if (name === `WSA${code}`) byCode.set(code, name)
  for (const { code, name } of list) if (!byCode.has(code)) byCode.set(code, name)
  for (const [alias, code] of Object.entries(posixAliases)) {
    const name = byCode.get(code)
    if (name !== undefined) byCode.set(alias, name)
  }
  index = { list: Object.freeze(list), byNumber, byName, byCode }
  return index
}

/** Every Winsock error, by number. */
export function winsockErrors(): readonly WinsockError[] {
  return getIndex().list
}

/** The Winsock error of this number or name; undefined for what is not Winsock's. */
export function findWinsockError(nameOrNumber: string | number): WinsockError | undefined {
  return typeof nameOrNumber === 'number' ? getIndex().byNumber.get(nameOrNumber) : getIndex().byName.get(nameOrNumber)
}

/**
 * The code that `SocketError` has for a Winsock error: its POSIX name (`'EMSGSIZE'`), or its own name where POSIX has
 * no counterpart (`'WSANOTINITIALISED'`). Total over Winsock.
 *
 * @param nameOrNumber a name (`'WSAEMSGSIZE'`) or a number (10040), as WSAGetLastError gives it
 * @throws TypeError `ERR_INVALID_ARG_VALUE` for a name or number that is not a Winsock error: there is no true answer,
 * and a made-up one would hide a mistake; `ERR_INVALID_ARG_TYPE` for any other type.
 * @see https://learn.microsoft.com/windows/win32/winsock/windows-sockets-error-codes-2
 */
export function toPosix(nameOrNumber: string | number): string {
  if (typeof nameOrNumber !== 'string' && typeof nameOrNumber !== 'number') {
    throw invalidArgType('nameOrNumber', ['string', 'number'], nameOrNumber)
  }
  const error = findWinsockError(nameOrNumber)
  if (!error) throw invalidArgValue('nameOrNumber', nameOrNumber, 'must be the name or number of a Winsock error')
  return error.code
}

/**
 * The canonical Winsock name of a POSIX error (`'WSAEMSGSIZE'` for `'EMSGSIZE'`), and of every code that `toPosix` gives;
 * undefined where Winsock has none. `'EOPNOTSUPP'` and `'EWOULDBLOCK'` are understood as `'ENOTSUP'` and `'EAGAIN'`.
 *
 * @throws TypeError `ERR_INVALID_ARG_TYPE` if `posixName` is not a string
 */
export function toWinsock(posixName: string): string | undefined {
  if (typeof posixName !== 'string') throw invalidArgType('posixName', 'string', posixName)
  return getIndex().byCode.get(posixName)
}
