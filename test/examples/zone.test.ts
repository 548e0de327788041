// examples/zone.ts: what it reads of zone files, and what it says of those that are wrong.
import t from 'tap'
import { parseZone } from '../../examples/zone'

const HEAD = '$ORIGIN example.org.\n$TTL 60\n@ SOA ns root 1 2 3 4 5\n@ NS ns\n'

t.test('zone files', async (t) => {
  const zone = (text: string) => parseZone(text, 'file')
  const records = (text: string, name: string, type: string) =>
    zone(HEAD + text)
      .nodes.get(name)
      ?.get(type)
  const data = (text: string, name: string, type: string) => records(text, name, type)?.map((record) => record.data)

  t.strictSame(zone(HEAD).negativeTtl, 5)
  t.equal(zone('@ORG. 5 IN SOA . . 1 2 3 4 1H\n 5 IN NS .').origin, '@org.')
  t.strictSame(zone('. 5 IN SOA . . 1 2 3 4 1H\n 5 IN NS .\norg. A 192.0.2.1').nodes.size, 2, 'the root')

  // TTL and class, in either order, or absent.
  for (const line of [
    'a 7 IN A 192.0.2.1',
    'a IN 7 A 192.0.2.1',
    'a in 7 a 192.0.2.1',
    'a 7 A 192.0.2.1',
    'a 7s A 192.0.2.1',
  ]) {
    t.match(records(line, 'a.example.org.', 'A'), [{ ttl: 7, data: '192.0.2.1' }], line)
  }
  t.match(records('a A 192.0.2.1', 'a.example.org.', 'A'), [{ ttl: 60 }])
  t.match(records('a 1w2d3h4m5s A 192.0.2.1', 'a.example.org.', 'A'), [{ ttl: 788645 }])
  t.match(records('$TTL 9\na A 192.0.2.1', 'a.example.org.', 'A'), [{ ttl: 9 }], '$TTL again')
  const inherited = zone('example.org. 8 SOA . . 1 2 3 4 5\nexample.org. NS .')
  t.match(inherited.nodes.get('example.org.')?.get('NS'), [{ ttl: 8 }], 'the TTL of the record before')

  // Owners and origins.
  t.strictSame(data('a A 192.0.2.1\n  A 192.0.2.2\n\tA 192.0.2.3', 'a.example.org.', 'A'), [
    '192.0.2.1',
    '192.0.2.2',
    '192.0.2.3',
  ])
  t.strictSame(data('a A 192.0.2.1\n\n ; only a comment\n  A 192.0.2.2', 'a.example.org.', 'A')?.length, 2)
  t.strictSame(data('$ORIGIN sub\nc CNAME @', 'c.sub.example.org.', 'CNAME'), ['sub.example.org.'])
  t.strictSame(data('c CNAME other.example.', 'c.example.org.', 'CNAME'), ['other.example.'])
  t.strictSame(data('UPPER A 192.0.2.1', 'upper.example.org.', 'A'), ['192.0.2.1'])
  t.equal(records('UPPER A 192.0.2.1', 'upper.example.org.', 'A')?.[0]?.name, 'UPPER.example.org.', 'its case is kept')
  t.strictSame(data('300 300 A 192.0.2.1', '300.example.org.', 'A'), ['192.0.2.1'], 'a number for a name')
  t.strictSame(data('in in A 192.0.2.1', 'in.example.org.', 'A'), ['192.0.2.1'])
  t.strictSame(data('a A 192.0.2.1\na A 192.0.2.1', 'a.example.org.', 'A'), ['192.0.2.1'], 'duplicates are one')
  t.ok(zone(`${HEAD}a.b.c A 192.0.2.1`).nodes.has('b.c.example.org.'), 'empty non-terminals exist')

  // Lines, comments, parentheses, strings.
  t.strictSame(data('a ( A ; comment (\n 192.0.2.1 )\r\nb A 192.0.2.2', 'a.example.org.', 'A'), ['192.0.2.1'])
  t.strictSame(data('a TXT(one"two" three)', 'a.example.org.', 'TXT'), [
    ['one', 'two', 'three'].map((one) => Buffer.from(one)),
  ])
  t.strictSame(data('a TXT "; ( \\" \\\\ \\065\\255" ""', 'a.example.org.', 'TXT'), [
    [Buffer.from('; ( " \\ A\xff', 'latin1'), Buffer.alloc(0)],
  ])
  t.strictSame(data('a TXT a\\;b\\ c', 'a.example.org.', 'TXT'), [[Buffer.from('a;b c')]])
  t.strictSame(data(`a TXT ${'x'.repeat(255)}`, 'a.example.org.', 'TXT'), [[Buffer.alloc(255, 'x')]])
  t.strictSame(data('a AAAA ::ffff:192.0.2.1', 'a.example.org.', 'AAAA'), ['::ffff:192.0.2.1'])
  t.strictSame(data('_s._udp SRV 1 2 3 host', '_s._udp.example.org.', 'SRV'), [
    { priority: 1, weight: 2, port: 3, target: 'host.example.org.' },
  ])
  const label = 'l'.repeat(63)
  t.ok(records(`${label} A 192.0.2.1`, `${label}.example.org.`, 'A'))

  const wrong: [text: string, message: string][] = [
    ['a A 192.0.2.256', '5: 192.0.2.256: not an IPv4 address'],
    ['a A', '5: address is missing'],
    ['a A "192.0.2.1"', '5: "192.0.2.1": address is not quoted'],
    ['a A 192.0.2.1 192.0.2.2', '5: 192.0.2.2: too much'],
    ['a AAAA fe80::1%eth0', '5: fe80::1%eth0: not an IPv6 address'],
    ['a', '5: type is missing'],
    ['a 60 IN', '5: type is missing'],
    ['a 60 61 A 192.0.2.1', '5: record type 61: A, AAAA, CNAME, MX, NS, PTR, SOA, SRV and TXT are supported'],
    ['a LOC x', '5: record type LOC: A, AAAA, CNAME, MX, NS, PTR, SOA, SRV and TXT are supported'],
    ['a CH TXT x', '5: class CH: only IN is served'],
    ['a 2147483648 A 192.0.2.1', '5: 2147483648: at most 2147483647 seconds'],
    ['a MX 65536 b', '5: preference 65536: not an integer from 0 to 65535'],
    ['a MX b', '5: preference b: not an integer from 0 to 65535'],
    ['a TXT', '5: text is missing'],
    ['a TXT "x', '5: quoted string not closed in its line'],
    [`a TXT ( "x"\n${'y'.repeat(256)} )`, '6: string of 256 octets, at most 255 are allowed'],
    ['a TXT \\256', '5: \\256: an octet is at most 255'],
    ['a TXT \\25', '5: \\2: a decimal escape has three digits'],
    ['a TXT x\\', '5: escape without a character'],
    ['a TXT ( x\n\n', '5: parenthesis never closed'],
    ['a TXT ( (', '5: parenthesis within the one opened in line 5'],
    ['a TXT )', '5: parenthesis closed that was not opened'],
    ['a..b A 192.0.2.1', '5: owner a..b: empty label'],
    [`x${label} A 192.0.2.1`, `5: owner x${label}: label of 64 octets, at most 63 are allowed`],
    [
      `${`${label}.`.repeat(3)}${label} A 192.0.2.1`,
      `5: owner ${`${label}.`.repeat(3)}${label}: name of 269 octets, at most 255 are allowed`,
    ],
    [
      'a\\.b A 192.0.2.1',
      '5: owner a\\.b: escapes and characters other than printable ASCII are not supported in names',
    ],
    ['a.example.com. A 192.0.2.1', '5: a.example.com. is outside of the zone example.org.'],
    ['ns CNAME a\nns A 192.0.2.1', '6: ns.example.org. has a CNAME and other records'],
    ['ns A 192.0.2.1\nns CNAME a', '6: ns.example.org. has a CNAME and other records'],
    ['a 1 A 192.0.2.1\na 2 A 192.0.2.2', '6: TTL 2: other A records of a.example.org. have 1'],
    ['@ SOA ns root 1 2 3 4 5', '5: second SOA record; the first is in line 3'],
    ['$INCLUDE file', '5: $INCLUDE is not supported; $ORIGIN and $TTL are'],
    ['$TTL soon', '5: TTL soon: not a number of seconds'],
    ['$TTL', '5: TTL is missing'],
    ['$TTL 1 2', '5: 2: too much'],
    ['$ORIGIN', '5: name is missing'],
  ]
  for (const [text, message] of wrong)
    t.throws(() => zone(HEAD + text), { name: 'ZoneError', message: `file:${message}` }, message)
  const wrongWhole: [text: string, message: string][] = [
    ['', '1: the zone has no SOA record'],
    ['\n\n; nothing\n', '4: the zone has no SOA record'],
    ['@ 60 SOA a. b. 1 2 3 4 5', '1: @ without an $ORIGIN'],
    ['a 60 SOA a. b. 1 2 3 4 5', '1: relative name a without an $ORIGIN'],
    [' 60 SOA a. b. 1 2 3 4 5', '1: the first record has no owner'],
    ['a. SOA a. b. 1 2 3 4 5', '1: no TTL: neither here, nor in a record before, nor in $TTL'],
    ['a. 60 SOA a. b. 1 2 3 4', '1: minimum is missing'],
    ['a. 60 SOA a. b. 4294967296 2 3 4 5', '1: serial 4294967296: not an integer from 0 to 4294967295'],
    ['\na. 60 SOA a. b. 1 2 3 4 5', '2: the zone a. has no NS record'],
  ]
  for (const [text, message] of wrongWhole)
    t.throws(() => zone(text), { name: 'ZoneError', message: `file:${message}` }, message)
})
