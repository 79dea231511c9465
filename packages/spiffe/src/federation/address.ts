import { lookup as systemLookup } from 'node:dns';
import type { LookupAddress } from 'node:dns';
import { BlockList, isIP } from 'node:net';
import type { LookupFunction } from 'node:net';

// Special-purpose address registries of RFC 6890 and its updates, with the ways in which IPv6 carries IPv4.
const NOT_PUBLIC: readonly (readonly [string, number])[] = [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.0.2.0', 24],
  ['192.88.99.0', 24],
  ['192.168.0.0', 16],
  ['198.18.0.0', 15],
  ['198.51.100.0', 24],
  ['203.0.113.0', 24],
  ['224.0.0.0', 3],
  // Below 2000::/3 and above it nothing is assigned to the public; in it, what is not meant for it.
  ['::', 3],
  ['4000::', 2],
  ['8000::', 1],
  ['2001::', 23],
  ['2001:db8::', 32],
  ['2002::', 16],
  ['3fff::', 20],
];

// One list per family: a list of both would read every IPv4 address as an IPv6 one below `::/3` as well.
const notPublic = { 4: new BlockList(), 6: new BlockList() };
for (const [network, prefix] of NOT_PUBLIC) {
  if (isIP(network) === 4) {
    notPublic[4].addSubnet(network, prefix, 'ipv4');
  } else {
    notPublic[6].addSubnet(network, prefix, 'ipv6');
  }
}

/** Says whether an IP address belongs to the public internet: not loopback, private, link-local, multicast or otherwise special. */
export function isPublicAddress(address: string): boolean {
  switch (isIP(address)) {
    case 4:
      return !notPublic[4].check(address, 'ipv4');
    case 6:
      return !notPublic[6].check(address, 'ipv6');
    default:
      return false;
  }
}

/** Resolves names as `lookup` does, and gives none of the addresses when one of them is refused by `check`, which throws. */
export function guardLookup(
  check: (address: string) => void,
  lookup: LookupFunction = systemLookup,
): LookupFunction {
  return (hostname, options, callback) => {
    lookup(hostname, { ...options, all: true }, (error, found) => {
      if (error !== null) {
        callback(error, '');
        return;
      }
      const addresses = toList(found);
      const [first] = addresses;
      try {
        for (const { address } of addresses) {
          check(address);
        }
        if (first === undefined) {
          throw new Error('The name has no address');
        }
      } catch (refusal) {
        callback(refusal as Error, '');
        return;
      }
      if (options.all === true) {
        callback(null, addresses);
      } else {
        callback(null, first.address, first.family);
      }
    });
  };
}

function toList(found: string | LookupAddress[]): LookupAddress[] {
  return typeof found === 'string' ? [{ address: found, family: isIP(found) }] : found;
}
